"""Two sides beside each other, by what they have in common: measured by cross-correlating what both hear at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from rtppackets import SAMPLES
from twosides import RATE, Voice, bursts, channels, decoded, jitter, lag, record

from swsync import media
from swsync.clock import VirtualClock
from swsync.media.capture import Capture
from swsync.media.track import Track

TALK = bursts(20.0, talk=0.2, silence=0.4)
REPORTS = (0.5, 5.0, 10.0, 15.0)


@pytest.mark.parametrize("later", [0.0, 0.33, 6.2])
@pytest.mark.parametrize("is_first", ["said", "heard"])
def test_by_reports_within_a_millisecond(tmp_path: Path, later: float, is_first: str) -> None:
    """Even where one path is 100 ms longer, jittered, and a side begins later; and nothing of either is changed."""
    early = Voice(TALK, 20.0, delay=jitter(0.02, 0.06, 1), report_at=REPORTS)
    late = Voice(TALK, 20.0 - later, later, delay=jitter(0.12, 0.06, 2), report_at=tuple(later + at for at in REPORTS))
    said, heard = (early, late) if is_first == "said" else (late, early)
    capture = record(tmp_path / "a.wav", said, heard)
    left, right = channels(tmp_path / "a.wav")
    assert abs(lag(left, right)) <= 0.001
    assert ("report", True) == (capture.alignment.source, capture.alignment.error <= 0.001)
    assert heard.start - said.start == pytest.approx(capture.alignment.offset, abs=0.001)
    for voice, side in ((said, left), (heard, right)):
        assert decoded(voice).tobytes() in side.tobytes()


@pytest.mark.parametrize("spread", [0.0, 0.02, 0.06, 0.15])
def test_by_arrival_within_twenty_milliseconds(tmp_path: Path, spread: float) -> None:
    """Equal paths, whatever their jitter; the estimated error grows with it."""
    said = Voice(TALK, 20.0, delay=jitter(0.04, spread, 3))
    heard = Voice(TALK, 20.0 - 0.41, 0.41, delay=jitter(0.04, spread, 4))
    capture = record(tmp_path / "a.wav", said, heard)
    assert abs(lag(*channels(tmp_path / "a.wav"))) <= 0.02
    assert "arrival" == capture.alignment.source
    assert spread / 4 <= capture.alignment.error <= 0.001 + spread


@pytest.mark.parametrize("spread", [0.0, 0.15])
def test_by_the_streams_timestamps_within_a_millisecond(tmp_path: Path, spread: float) -> None:
    """Milliseconds of one clock, whenever they come."""
    clock, stream = VirtualClock(start=0.0), object()
    voices = Voice(TALK, 10.0, delay=jitter(0.0, spread, 5)), Voice(TALK, 9.0, 0.5, delay=jitter(0.2, spread, 6))
    tracks = [Track(name, clock=clock, media_clock=stream) for name in ("inbound", "outbound")]
    coming = []
    for voice, track in zip(voices, tracks, strict=True):
        codes, before = voice.codes().tobytes(), 0.0
        for i in range(len(codes) // SAMPLES):
            begins = voice.start + i * SAMPLES / RATE
            before = max(before, begins + voice.delay(i))  # a WebSocket keeps the order
            stamp = 1234 + int(begins * 1000)
            coming.append((before, stamp * RATE // 1000, codes[i * SAMPLES : (i + 1) * SAMPLES], track))
    with Capture(tmp_path / "a.wav", *tracks, clock=clock, is_live=False) as capture:
        for at, position, data, track in sorted(coming, key=lambda one: one[0]):
            clock.sleep(max(0.0, at - clock.now()))
            track.place(position, data, at)
            capture.drain()
    assert abs(lag(*channels(tmp_path / "a.wav"))) <= 0.001
    assert ("stream", 0.001) == (capture.alignment.source, capture.alignment.error)
    assert (0.0, 0.0, "stream") == (capture.skew.ppm, capture.skew.error, capture.skew.source)


@pytest.mark.parametrize(
    ("said", "heard"),
    [({"report_at": REPORTS}, {}), ({"report_at": REPORTS}, {"report_at": REPORTS, "wall": 3.0})],
    ids=["one side", "two wall clocks"],
)
def test_reports_that_cannot_be_compared_are_left(
    tmp_path: Path, said: dict[str, object], heard: dict[str, object]
) -> None:
    """One side tells nothing, or the two tell clocks that are seconds apart: arrival decides."""
    voices = [Voice(TALK, 20.0, **more) for more in (said, heard)]  # type: ignore[arg-type]
    capture = record(tmp_path / "a.wav", *voices)
    assert abs(lag(*channels(tmp_path / "a.wav"))) <= 0.02
    assert "arrival" == capture.alignment.source


def test_a_report_is_waited_for_so_long_and_no_longer(tmp_path: Path) -> None:
    """The first may take three seconds; the file begins then, or half a second later without one."""
    for first, source in ((3.0, "report"), (4.5, "arrival")):
        said, heard = (Voice(TALK, 8.0, report_at=(first,), delay=jitter(base, 0, 1)) for base in (0.02, 0.12))
        capture = record(tmp_path / "a.wav", said, heard)
        assert source == capture.alignment.source
        found = lag(*channels(tmp_path / "a.wav"))
        assert (0.0 if source == "report" else 0.1) == pytest.approx(found, abs=0.001)


def test_one_side_alone_waits_for_nothing(tmp_path: Path) -> None:
    """A side that nobody joins is written a second behind."""
    capture = record(tmp_path / "a.wav", Voice(TALK, 5.0), Voice([], 0.0))
    assert ("none", 5.0) == (capture.alignment.source, capture.duration)


def test_by_the_reports_of_real_senders(tmp_path: Path) -> None:
    """Sockets, the engine and two senders that tell their wall clock, one of which begins later."""
    sound = decoded(Voice([(0.0, 1.0, 1)], 1.0)).tobytes()
    with (
        media.RtpReceiver() as said,
        media.RtpReceiver() as heard,
        Capture(tmp_path / "a.wav", said.tracks["audio"], heard.tracks["audio"]) as capture,
    ):
        with media.RtpSender("127.0.0.1", said.port) as one, media.RtpSender("127.0.0.1", heard.port) as two:
            one.send(sound * 2, wait=False)
            assert said.wait_audio(60)
            two.send(sound)
            one.drain(timeout=10)
        said.end()
        heard.end()
    left, right = channels(tmp_path / "a.wav")
    begins = left.tobytes().find(sound) // 2, right.tobytes().find(sound) // 2
    assert begins[0] == 0 < begins[1]
    assert ("report", 0.001) == (capture.alignment.source, capture.alignment.error)
    assert begins[1] / RATE == pytest.approx(capture.alignment.offset, abs=0.001)
