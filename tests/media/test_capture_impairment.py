"""Recordings over a bad network, through the real receiver: bit-equal where nothing was lost, silent elsewhere."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest
from rtppackets import SAMPLES, TICK, numbered, packet, payload, pcm
from test_impairment import PACKETS, Truth, network

from swsync import media
from swsync.clock import VirtualClock
from swsync.media.capture import Capture
from swsync.media.track import Track

BASE = 65_000, 2**32 - 40_000  # sequence numbers and timestamps wrap
FRAME = 2 * SAMPLES  # octets


def mono(path: Path) -> bytes:
    with wave.open(str(path), "rb") as file:
        assert (1, 8000) == (file.getnchannels(), file.getframerate())
        return file.readframes(file.getnframes())


def record(path: Path, arrivals: list[tuple[float, bytes]]) -> Capture:
    """What comes, into a file that is drained five times a second."""
    clock, drained = VirtualClock(start=0.0), 0.0
    with (
        media.RtpReceiver(clock=clock, source="127.0.0.1") as rx,
        Capture(path, rx.tracks["audio"], clock=clock, is_live=False) as capture,
    ):
        for at, datagram in arrivals:
            while drained + 0.2 < at:
                drained += 0.2
                clock.sleep(max(0.0, drained - clock.now()))
                capture.drain()
            clock.sleep(max(0.0, at - clock.now()))
            rx.feed(datagram, int(at * 1e9))
    return capture


def placed(truth: Truth) -> list[bool]:
    """Which packets came within the window, by the referee's own count."""
    there, highest = [False] * PACKETS, -1
    for _, number in truth.arrivals:
        there[number] |= (highest + 1 - number) * TICK <= 1.0
        highest = max(highest, number)
    return there


@pytest.mark.parametrize("is_rough", [False, True], ids=["", "reordered and repeated"])
@pytest.mark.parametrize("jitter", [0.0, 0.02, 0.06, 0.15])
@pytest.mark.parametrize("kind", [0.0, 0.01, 0.03, 0.05, 0.1, 0.2, "bursts"])
def test_the_file_is_what_came(tmp_path: Path, kind: float | str, jitter: float, is_rough: bool) -> None:
    """Counts are exact, lost spans are where nothing came in time and nowhere else, and all the rest is bit-equal."""
    truth = network(kind, jitter, is_rough, seed=23)
    capture = record(tmp_path / "a.wav", [(at, numbered(number, *BASE)) for at, number in truth.arrivals])
    stats = capture.quality["said"]
    counted = stats.packets_lost, stats.late, stats.reordered, stats.duplicate
    assert (truth.lost, truth.late, truth.reordered, truth.duplicate) == counted
    assert (len(truth.arrivals), 0, {}) == (stats.packets, stats.rebased, dict(stats.rejected))
    there, sound = placed(truth), mono(tmp_path / "a.wav")
    assert FRAME * PACKETS == len(sound)
    for number, is_there in enumerate(there):
        expected = pcm(number) if is_there else bytes(FRAME)
        assert expected == sound[FRAME * number : FRAME * (number + 1)]
    told = [False] * PACKETS
    for span in capture.lost_spans:
        first, last = span.start / TICK, span.end / TICK
        assert (round(first), round(last)) == (pytest.approx(first), pytest.approx(last))
        told[round(first) : round(last)] = [True] * round(last - first)
    assert [not is_there for is_there in there] == told
    assert all(a.end < b.start for a, b in zip(capture.lost_spans, capture.lost_spans[1:], strict=False))


def even(numbers: range, ahead: int = 0, **more: int) -> list[tuple[float, bytes]]:
    """Packets in time, whose timestamps are ahead by so many samples."""
    return [((i + 1) * TICK, packet(i, SAMPLES * i + ahead, payload(i), **more)) for i in numbers]


@pytest.mark.parametrize("ahead", [2 * 8000, 3600 * 8000, 2**31 - 1, -8000, -(2**30)])
@pytest.mark.parametrize("ssrc", [7, 8], ids=["one packet", "new SSRC"])
def test_one_hostile_packet_adds_no_more_than_a_second(tmp_path: Path, ahead: int, ssrc: int) -> None:
    """Forged in the middle, with the source's address: what follows is as it was, at most a second later."""
    hostile = (100.5 * TICK, packet(100 if ssrc == 7 else 3, SAMPLES * 100 + ahead, payload(7), ssrc=ssrc))
    record(tmp_path / "a.wav", sorted([*even(range(100)), hostile, *even(range(100, 300))]))
    sound = mono(tmp_path / "a.wav")
    assert pcm(*range(100)) == sound[: FRAME * 100]
    assert pcm(*range(101, 300)) in sound
    assert FRAME * 300 <= len(sound) + FRAME <= FRAME * 302 + 2 * 8000


@pytest.mark.parametrize("ahead", [10**8, -(10**8)])
@pytest.mark.parametrize("ssrc", [7, 8], ids=["same SSRC", "new SSRC"])
def test_a_clock_that_begins_anew_goes_on_by_arrival(tmp_path: Path, ahead: int, ssrc: int) -> None:
    """Nothing is lost, nothing is added: the timeline is that of arrival."""
    record(tmp_path / "a.wav", [*even(range(100)), *even(range(100, 200), ahead, ssrc=ssrc)])
    assert pcm(*range(200)) == mono(tmp_path / "a.wav")


def test_a_long_pause_is_as_long_as_the_clock_says(tmp_path: Path) -> None:
    """A minute of nothing is a minute of silence: it is no longer than the time since the last packet and a second."""
    later = [(at + 60.0, datagram) for at, datagram in even(range(100, 200), ahead=SAMPLES * 3000)]
    capture = record(tmp_path / "a.wav", [*even(range(100)), *later])
    assert pcm(*range(100)) + bytes(60 * 16000) + pcm(*range(100, 200)) == mono(tmp_path / "a.wav")
    assert [] == capture.lost_spans


@pytest.mark.parametrize("is_caught_up", [True, False])
def test_a_websocket_tap_counts_samples(tmp_path: Path, is_caught_up: bool) -> None:
    """A stall of three seconds that catches up inserts nothing; what is still missing after two is filled, once."""
    clock = VirtualClock(start=0.0)
    track = Track("tap", clock=clock)
    with Capture(tmp_path / "a.wav", track, clock=clock, is_live=False) as capture:
        held: list[int] = []
        for i in range(1000):
            clock.sleep(TICK)
            if 200 <= i < 350:
                held.append(i)
                continue
            for k in held if is_caught_up else []:
                track.append(payload(k), clock.now())
            held = []
            track.append(payload(i), clock.now())
            if i % 10 == 0:
                capture.drain()
    sound, gap = mono(tmp_path / "a.wav"), capture.quality["said"].estimated_gap
    if is_caught_up:
        assert (0, pcm(*range(1000))) == (gap, sound)
        return
    assert 3 * 8000 == pytest.approx(gap, abs=2 * SAMPLES)
    filled = sound.index(bytes(2 * gap))
    assert pcm(*range(200), *range(350, 1000)) == sound[:filled] + sound[filled + 2 * gap :]
    assert 7 * 16000 - FRAME <= filled + 16000 <= 10.2 * 16000  # two seconds after the stall
    assert [gap] == [round(8000 * (span.end - span.start)) for span in capture.lost_spans]


def test_what_the_file_did_not_wait_for_is_late(tmp_path: Path) -> None:
    """A side that falls silent for five seconds: the file goes on after three, and tells what came too late for it."""
    clock = VirtualClock(start=0.0)
    said, heard = Track("s", clock=clock, snap=0.0), Track("h", clock=clock, snap=0.0)
    with Capture(tmp_path / "a.wav", said, heard, clock=clock, is_live=False) as capture:
        for i in range(800):
            clock.sleep(TICK)
            said.place(SAMPLES * i, payload(i), clock.now())
            for k in range(100, 400) if i == 399 else () if 100 <= i < 400 else (i,):
                heard.place(SAMPLES * k, payload(k), clock.now())
            if i % 10 == 0:
                capture.drain()
    with wave.open(str(tmp_path / "a.wav"), "rb") as file:
        right = memoryview(file.readframes(file.getnframes())).cast("h")[1::2].tolist()
    expected = memoryview(pcm(*range(800))).cast("h").tolist()
    (span,) = capture.late_spans
    first, last = round(8000 * span.start), round(8000 * span.end)
    assert ("heard", 2.0) == (span.side, span.start)
    assert last - first == capture.overtaken["heard"] > 3 * 8000
    assert expected[:first] + [0] * (last - first) + expected[last:] == right
