"""A recording of a call while it runs: what is known of it, and pauses, by each way that the audio takes."""

from __future__ import annotations

import itertools
import wave
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

import swsync
from swsync.clock import VirtualClock
from swsync.errors import MediaError

TO, FROM = "+12025550100", "+12025550199"
LOUD = b"\x00\x20" * 8000  # a second at a quarter of full scale
WAYS = ("stream", "rtp", "ws")


@pytest.fixture
def call(relay: swsync.LocalRelay) -> Iterator[swsync.Call]:
    """A call with somebody who speaks all the time."""
    relay.callee(TO, speech=LOUD, greeting=60.0, speaks_after=0.0)
    with (
        swsync.RelayClient(**relay.settings) as client,
        client.dial_phone(to=TO, from_number=FROM) as call,
    ):
        yield call


def said(path: Path) -> array[int]:
    with wave.open(str(path), "rb") as file:
        return array("h", file.readframes(file.getnframes()))[0::2]


@pytest.mark.parametrize("via", WAYS)
def test_quality_is_told_while_it_runs(call: swsync.Call, clock: VirtualClock, tmp_path: Path, via: str) -> None:
    """Packets at once; levels and times two seconds behind, once both sides have their place; at the end all of it."""
    with call.capture(tmp_path / "a.wav", via=via) as capture:
        clock.sleep(4.0)  # over RTP a sender report may come for so long, and say where they lie
        looks = []
        for _ in range(4):
            clock.sleep(2.0)
            looks.append(capture.quality)
        for before, after in itertools.pairwise(looks):
            for side in ("said", "heard"):
                assert 2.0 == pytest.approx((after[side].packets - before[side].packets) * 0.02, abs=0.1)
                assert 2.0 == pytest.approx(after[side].measured - before[side].measured, abs=1.1)
            assert 2.0 == pytest.approx(after["said"].talk_seconds - before["said"].talk_seconds, abs=1.1)
        last = looks[-1]
        assert -12.1 == pytest.approx(last["said"].rms_dbov, abs=0.3)
        assert last["heard"].rms_dbov < -90
        assert (via == "rtp") == (last["said"].tap_leg_mos is not None)
        assert capture.skew is not None
        assert capture.alignment is not None
        assert ("stream" if via == "stream" else "arrival") == capture.alignment.source
    assert capture.duration == pytest.approx(capture.quality["said"].measured, abs=0.05)


@pytest.mark.parametrize("behavior", ["silence", "skip"])
@pytest.mark.parametrize("via", WAYS)
def test_a_pause_of_a_call(call: swsync.Call, clock: VirtualClock, tmp_path: Path, via: str, behavior: str) -> None:
    """What is said in it is not in the file, by any way."""
    with call.capture(tmp_path / "a.wav", via=via) as capture:
        clock.sleep(3.0)
        capture.pause(behavior)
        assert capture.paused
        clock.sleep(2.0)
        capture.resume()
        assert not capture.paused
        clock.sleep(3.0)
    sound = said(tmp_path / "a.wav")
    silent = sum(1 for sample in sound if sample == 0)
    assert (2.2 if behavior == "silence" else 0.0) == pytest.approx(silent / 8000, abs=0.2)
    assert (8.0 if behavior == "silence" else 5.8) == pytest.approx(len(sound) / 8000, abs=0.3)
    assert 2.2 == pytest.approx(capture.quality["said"].muted / 8000, abs=0.1)


def test_what_has_not_begun_is_not_paused(call: swsync.Call, tmp_path: Path) -> None:
    """There is nothing to pause, nor to resume; and nothing is known of it."""
    capture = call.capture(tmp_path / "a.wav", drift="correct")
    for verb in (capture.pause, capture.resume):
        with pytest.raises(MediaError, match="has not begun"):
            verb()
    assert (None, [], False) == (capture.skew, capture.late_spans, capture.paused)
    with pytest.raises(ValueError, match="keep, correct"):
        call.capture(tmp_path / "a.wav", drift="stretch")
