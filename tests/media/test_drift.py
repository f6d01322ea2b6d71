"""Media clocks that drift apart: told, and, if that is wanted, corrected where nobody speaks. Minutes in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from twosides import RATE, SILENCE, Voice, bursts, channels, decoded, jitter, lags, record

from swsync.media.capture import Capture
from swsync.media.drift import find_silence
from swsync.media.track import Track

MINUTES = 3
SECONDS = 60.0 * MINUTES
TALK = bursts(SECONDS, talk=8.0, silence=0.6)
LOUD = 64


def voices(ppm: float, is_told: bool, spread: float = 0.03, seconds: float = SECONDS) -> tuple[Voice, Voice]:
    reports = tuple(np.arange(0.5, seconds, 5.0)) if is_told else ()
    said = Voice(TALK, seconds, delay=jitter(0.04, spread, 1), report_at=reports)
    return said, Voice(TALK, seconds, ppm=ppm, delay=jitter(0.04, spread, 2), report_at=reports)


def loud(samples: np.ndarray) -> bytes:
    """What is no silence of it."""
    return samples[np.abs(samples.astype(np.int32)) > LOUD].tobytes()


@pytest.mark.parametrize("is_told", [True, False], ids=["report", "arrival"])
@pytest.mark.parametrize("ppm", [-200.0, 0.0, 200.0])
def test_kept_as_it_is_and_told(tmp_path: Path, ppm: float, is_told: bool) -> None:
    """Both sides bit for bit; the skew within its error, and within a few ppm after three minutes."""
    said, heard = voices(ppm, is_told)
    capture = record(tmp_path / "a.wav", said, heard)
    left, right = channels(tmp_path / "a.wav")
    assert decoded(said).tobytes() in left.tobytes()
    assert decoded(heard).tobytes() in right.tobytes()
    skew = capture.skew
    assert ppm == pytest.approx(skew.ppm, abs=skew.error)
    assert 0 < skew.error < 20
    assert ("report" if is_told else "arrival", 0, 0) == (skew.source, skew.inserted, skew.dropped)
    if ppm:  # else this test could not tell whether correcting does anything
        assert 0.03 < abs(lags(left, right, TALK)[-1])


@pytest.mark.parametrize("is_told", [True, False], ids=["report", "arrival"])
@pytest.mark.parametrize("ppm", [-200.0, 200.0])
def test_corrected_in_silence(tmp_path: Path, ppm: float, is_told: bool) -> None:
    """Never more than 20 ms beside, not a sample of speech is touched, and every sample put in or left out counts."""
    said, heard = voices(ppm, is_told)
    capture = record(tmp_path / "a.wav", said, heard, drift="correct")
    left, right = channels(tmp_path / "a.wav")
    assert max(map(abs, lags(left, right, TALK))) <= 0.02
    assert decoded(said).tobytes() in left.tobytes()
    assert loud(decoded(heard)) == loud(right)
    skew = capture.skew
    assert (skew.dropped if ppm < 0 else skew.inserted) == 0
    changed = skew.inserted - skew.dropped
    assert abs(ppm) * 1e-6 * SECONDS - 0.02 <= abs(changed) / RATE <= abs(ppm) * 1e-6 * SECONDS + 0.02
    assert ppm == pytest.approx(skew.ppm, abs=skew.error)
    assert [] == capture.lost_spans == capture.late_spans


def test_clocks_that_agree_are_not_corrected(tmp_path: Path) -> None:
    """Nor is what only a path that becomes slow for some seconds looks like."""
    said, heard = voices(0.0, False, seconds=60.0)
    quick = heard.delay
    heard.delay = lambda i: quick(i) + (0.08 if 1000 <= i < 1300 else 0.0)
    capture = record(tmp_path / "a.wav", said, heard, drift="correct")
    _, right = channels(tmp_path / "a.wav")
    assert decoded(heard).tobytes() in right.tobytes()
    assert (0, 0) == (capture.skew.inserted, capture.skew.dropped)


def test_speech_without_a_pause_is_not_touched(tmp_path: Path) -> None:
    """However far it has drifted; as soon as there is silence it is put right."""
    said, heard = voices(200.0, True, seconds=150.0)
    said.bursts = heard.bursts = [(0.5, 125.0, 1), *((t, 0.5, int(t)) for t in range(128, 150, 2))]
    capture = record(tmp_path / "a.wav", said, heard, drift="correct")
    left, right = channels(tmp_path / "a.wav")
    at = 125 * RATE
    assert decoded(heard)[: at - RATE].tobytes() in right.tobytes()
    assert abs(lags(left, right, said.bursts)[-1]) <= 0.02
    assert capture.skew.dropped >= 160


def test_a_clock_that_jumps_begins_a_new_measurement(tmp_path: Path) -> None:
    """What was known before stays known."""
    said, heard = voices(100.0, False, seconds=120.0)
    packets = list(heard.datagrams())
    jumped = [
        (at, is_rtcp, data[:4] + (int.from_bytes(data[4:8]) + (10**8 if i > 3000 else 0)).to_bytes(4) + data[8:])
        for i, (at, is_rtcp, data) in enumerate(packets)
    ]
    heard.datagrams = lambda: iter(jumped)  # type: ignore[method-assign]
    capture = record(tmp_path / "a.wav", said, heard)
    assert 1 == capture.quality["heard"].rebased
    assert 100 == pytest.approx(capture.skew.ppm, abs=capture.skew.error)
    assert capture.skew.error < 60


def test_nothing_is_known_of_one_side() -> None:
    """No skew without a second side, and no such thing as another ``drift``."""
    with pytest.raises(ValueError, match="keep, correct"):
        Capture([].append, said=Track("a"), drift="stretch")
    capture = Capture([].append, said=Track("a"), is_live=False)
    assert ("none", np.inf) == (capture.skew.source, capture.skew.error)
    capture.discard()


@pytest.mark.parametrize(
    ("silent", "length", "found"), [(0, 10, None), (400, 40, 560), (399, 40, None), (480, 80, 560)]
)
def test_where_silence_is(silent: int, length: int, found: int | None) -> None:
    """In whole hundredths of a second, with 20 ms of it on either side."""
    samples = np.full(1600, 1000, np.int16)
    samples[400 : 400 + silent] = LOUD
    assert found == find_silence(samples.tolist(), RATE, length)
    assert 0xFF == SILENCE
