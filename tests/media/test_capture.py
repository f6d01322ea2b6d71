"""Recording one or two tracks: bit-equal, aligned, valid whatever happens."""

from __future__ import annotations

import array
import os
import random
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from rtppackets import TICK, numbered, packet, payload, pcm

from swsync import media
from swsync.clock import REAL, VirtualClock
from swsync.errors import MediaError
from swsync.media import wav
from swsync.media.capture import Capture
from swsync.media.track import Track


class Steps(VirtualClock):
    """A clock that moves when the test says so."""

    def __init__(self) -> None:
        super().__init__(start=0.0)


def channels(path: Path) -> list[array.array[int]]:
    with wave.open(str(path), "rb") as file:
        samples = array.array("h", file.readframes(file.getnframes()))
        return [samples[n :: file.getnchannels()] for n in range(file.getnchannels())]


def tone(i: int) -> array.array[int]:
    return array.array("h", pcm(i))


def run(capture: Capture, clock: Steps, until: float, *sides: tuple[Track, Iterator[tuple[float, int, bytes]]]) -> None:
    """Place what arrives and drain five times a second, as the writer's thread does."""
    pending = [(track, list(items)) for track, items in sides]
    while clock.now() < until:
        clock.sleep(0.01)
        for track, items in pending:
            while items and items[0][0] <= clock.now() + 1e-9:
                at, position, data = items.pop(0)
                track.place(position, data, at)
        if round(clock.now() * 100) % 20 == 0:
            capture.drain()


def even(count: int, start: float = 0.0, base: int = 0) -> Iterator[tuple[float, int, bytes]]:
    """Arrival, position, payload of an even stream."""
    for i in range(count):
        yield start + (i + 1) * TICK, base + 160 * i, payload(i)


@pytest.fixture
def clock() -> Steps:
    return Steps()


def test_one_track_is_a_mono_file_bit_for_bit(tmp_path: Path, clock: Steps) -> None:
    """What was placed, from the first sample to the last."""
    track = Track("t", clock=clock)
    with Capture(tmp_path / "a.wav", said=track, clock=clock, is_live=False) as capture:
        run(capture, clock, 5.0, (track, even(200)))
    (left,) = channels(tmp_path / "a.wav")
    assert b"".join(pcm(i) for i in range(200)) == left.tobytes()
    assert (4.0, [], "none") == (capture.duration, capture.lost_spans, capture.alignment.source)


def test_the_file_grows_while_it_records_and_is_valid(tmp_path: Path, clock: Steps) -> None:
    """One second behind, the part file holds what came."""
    track = Track("t", clock=clock)
    with Capture(tmp_path / "a.wav", said=track, clock=clock, is_live=False) as capture:
        run(capture, clock, 3.0, (track, even(150)))
        (left,) = channels(tmp_path / "a.wav.part")
        assert 8000 * 1.5 <= len(left) <= 8000 * 2.1
        assert 3.0 == pytest.approx(capture.duration, abs=0.03)


@pytest.mark.parametrize("later", [0.0, 0.37, 2.5])
def test_two_sides_are_laid_beside_each_other_by_arrival(tmp_path: Path, clock: Steps, later: float) -> None:
    """Equal paths with jitter: within 20 ms, whenever the second side begins; neither side is changed."""
    dice = random.Random(5)
    said, heard = Track("s", clock=clock), Track("h", clock=clock)

    def jittered(items: Iterator[tuple[float, int, bytes]]) -> Iterator[tuple[float, int, bytes]]:
        return iter(sorted((at + 0.01 + dice.random() * 0.03, position, data) for at, position, data in items))

    with Capture(tmp_path / "a.wav", said, heard, clock=clock, is_live=False) as capture:
        run(capture, clock, 6.0, (said, jittered(even(250, base=10**6))), (heard, jittered(even(100, later, 77))))
    left, right = channels(tmp_path / "a.wav")
    offset = round(later * 8000)
    begins = next(at for at in range(len(right)) if right[at : at + 160] == tone(0))
    assert abs(begins - left.tobytes().find(pcm(0)) // 2 - offset) <= 160
    assert b"".join(pcm(i) for i in range(100)) == right[begins : begins + 16000].tobytes()
    assert "arrival" == capture.alignment.source
    assert later == pytest.approx(capture.alignment.offset, abs=0.02)
    assert len(left) == len(right)


def test_the_heard_side_may_begin_first(tmp_path: Path, clock: Steps) -> None:
    """The file begins with the earlier one, whichever it is."""
    said, heard = Track("s", clock=clock), Track("h", clock=clock)
    with Capture(tmp_path / "a.wav", said, heard, clock=clock, is_live=False) as capture:
        run(capture, clock, 4.0, (said, even(100, start=0.5)), (heard, even(100)))
    left, right = channels(tmp_path / "a.wav")
    assert (4000, 0) == (left.tobytes().find(pcm(0)) // 2, right.tobytes().find(pcm(0)))
    assert -0.5 == pytest.approx(capture.alignment.offset, abs=0.001)


def test_two_sides_of_one_media_clock_are_exact(tmp_path: Path, clock: Steps) -> None:
    """Timestamps of one stream decide, not arrival."""
    stream = object()
    said = Track("inbound", clock=clock, media_clock=stream)
    heard = Track("outbound", clock=clock, media_clock=stream)
    with Capture(tmp_path / "a.wav", said, heard, clock=clock, is_live=False) as capture:
        run(capture, clock, 4.0, (said, even(100, base=800)), (heard, even(100, start=0.25, base=880)))
    left, right = channels(tmp_path / "a.wav")
    assert (0, 80) == (left.tobytes().find(pcm(0)) // 2, right.tobytes().find(pcm(0)) // 2)
    assert ("stream", 0.01) == (capture.alignment.source, capture.alignment.offset)


def test_what_never_came_is_silent_and_listed(tmp_path: Path) -> None:
    """Lost packets leave silence of their length and a span; a pause leaves silence only."""
    with media.RtpReceiver() as rx, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sent = [*range(10), *range(13, 20)]
        for i in sent:
            sock.sendto(numbered(i), ("127.0.0.1", rx.port))
        sock.sendto(packet(20, 160 * 30, payload(30)), ("127.0.0.1", rx.port))
        with rx.record(tmp_path / "a.wav") as capture:
            rx.end()
    (left,) = channels(tmp_path / "a.wav")
    expected = pcm(*range(10)) + bytes(960) + pcm(*range(13, 20)) + bytes(3200) + pcm(30)
    assert expected == left.tobytes()
    assert [("said", 0.2, 0.26)] == [(s.side, s.start, pytest.approx(s.end)) for s in capture.lost_spans]
    assert (3, 18) == (capture.quality["said"].packets_lost, capture.quality["said"].packets)


def test_a_side_that_falls_silent_does_not_hold_the_file_for_ever(tmp_path: Path, clock: Steps) -> None:
    """After three seconds the file goes on without it; what comes for that stretch later is counted."""
    said, heard = Track("s", clock=clock), Track("h", clock=clock)
    stalled = [*even(50), *((9.0, 160 * i, payload(i)) for i in range(50, 450))]
    with Capture(tmp_path / "a.wav", said, heard, clock=clock, is_live=False) as capture:
        run(capture, clock, 10.0, (said, even(500)), (heard, iter(stalled)))
    left, right = channels(tmp_path / "a.wav")
    assert b"".join(pcm(i) for i in range(500)) == left.tobytes()[: 500 * 320]
    assert capture.overtaken["heard"] > 0 == capture.overtaken["said"]
    kept = 400 * 160 - capture.overtaken["heard"]
    tail = b"".join(pcm(i) for i in range(450))
    assert tail[-2 * kept :] == right.tobytes()[(450 * 160 - kept) * 2 : 450 * 320]


def test_a_pause_is_not_counted_as_late(tmp_path: Path, clock: Steps, caplog: pytest.LogCaptureFixture) -> None:
    """A side that pauses for eight seconds loses nothing, whether its clock goes on or stands still."""
    paused = [*even(50), *((9.0 + (i - 450) * TICK, 160 * i, payload(i)) for i in range(450, 500))]
    frozen = [*even(50), *((9.0 + (i - 50) * TICK, 160 * i, payload(i)) for i in range(50, 100))]
    for name, items, gap in (("a.wav", paused, 0), ("b.wav", frozen, 8 * 8000)):
        began = clock.now()
        said, heard = Track("s", clock=clock), Track("h", clock=clock)
        with Capture(tmp_path / name, said, heard, clock=clock, is_live=False) as capture:
            moved = iter([(began + at, position, data) for at, position, data in items])
            run(capture, clock, began + 11.0, (said, even(500, start=began)), (heard, moved))
        assert {"said": 0, "heard": 0} == capture.overtaken
        assert gap == pytest.approx(capture.quality["heard"].estimated_gap, abs=200)
    assert pcm(*range(450, 500)) == channels(tmp_path / "a.wav")[1].tobytes()[450 * 320 : 500 * 320]
    assert "" == caplog.text


def test_different_rates_are_refused(tmp_path: Path, clock: Steps) -> None:
    """A WAV has one rate; the error names both."""
    said, heard = Track("s", clock=clock), Track("h", "L16", 16000, clock=clock)
    said.append(payload(0), 0.0)
    heard.append(bytes(320), 0.0)
    capture = Capture(tmp_path / "a.wav", said, heard, clock=clock, is_live=False)
    with pytest.raises(MediaError, match="16000"):
        capture.close()
    assert [tmp_path / "a.wav"] == list(tmp_path.iterdir())


def test_a_recording_that_cannot_go_on_has_its_name(tmp_path: Path, clock: Steps) -> None:
    """A side of another rate comes amid it: what was recorded is there at once, before anybody closes."""
    said, heard = Track("s", clock=clock), Track("h", "L16", 16000, clock=clock)
    there: list[Track] = []
    capture = Capture(tmp_path / "a.wav", said, lambda: there[0] if there else None, clock=clock, is_live=False)
    run(capture, clock, 8.0, (said, even(400)))
    assert [tmp_path / "a.wav.part"] == list(tmp_path.iterdir())
    heard.append(bytes(320), clock.now())
    there.append(heard)
    run(capture, clock, 9.0)
    assert [tmp_path / "a.wav"] == list(tmp_path.iterdir())
    with pytest.raises(MediaError, match="16000"):
        capture.close()


def test_no_audio_warns_and_then_fails(tmp_path: Path, clock: Steps, caplog: pytest.LogCaptureFixture) -> None:
    """A warning after five seconds, an error at the end, and an empty but valid file."""
    track = Track("t", clock=clock)
    capture = Capture(tmp_path / "a.wav", said=track, clock=clock, is_live=False)
    clock.sleep(4.9)
    capture.drain()
    assert [] == caplog.records
    clock.sleep(0.2)
    capture.drain()
    capture.drain()
    assert 1 == len(caplog.records)
    with pytest.raises(MediaError, match="no audio"):
        capture.close()
    capture.close()
    assert [array.array("h")] == channels(tmp_path / "a.wav")


def test_an_empty_recording_does_not_replace_a_good_one(tmp_path: Path, clock: Steps) -> None:
    """Neither at the end of a recording without audio, nor when one is given up."""
    path = tmp_path / "a.wav"
    path.write_bytes(b"good")
    with pytest.raises(MediaError, match="no audio"):
        Capture(path, said=Track("t", clock=clock), clock=clock, is_live=False).close()
    Capture(path, said=Track("t")).discard()
    assert ([path], b"good") == (list(tmp_path.iterdir()), path.read_bytes())


def test_a_machine_without_threads_to_spare_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left of that recording, and the next one starts the thread again."""

    def refuse(*args: object) -> None:
        raise RuntimeError("can't start new thread")

    deadline = REAL.now() + 5
    while wav._is_running and REAL.now() < deadline:
        REAL.sleep(0.01)  # the recordings of other tests are over
    monkeypatch.setattr(REAL, "start", refuse)
    with pytest.raises(MediaError, match="thread"):
        Capture(tmp_path / "a.wav", said=Track("t"))
    assert [] == list(tmp_path.iterdir())
    monkeypatch.undo()
    track = Track("t")
    with Capture(tmp_path / "a.wav", said=track):
        assert "swsync-writer" in {thread.name for thread in threading.enumerate()}
        track.append(payload(0), REAL.now())


def test_the_users_own_error_is_not_replaced(tmp_path: Path) -> None:
    """What happens inside ``with`` comes out, even if there was no audio."""
    with pytest.raises(ZeroDivisionError), Capture(tmp_path / "a.wav", said=Track("t")):
        _ = 1 // 0


def test_an_unwritable_directory_is_refused_at_once(tmp_path: Path) -> None:
    """Before anything is recorded, with the path in the sentence; so is a capture of nothing."""
    with pytest.raises(MediaError, match="no-such"):
        Capture(tmp_path / "no-such" / "a.wav", said=Track("t"))
    with pytest.raises(MediaError, match="no track"):
        Capture(tmp_path / "a.wav")


def test_a_disk_that_fails_ends_the_recording_only(
    tmp_path: Path, clock: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written before gets its name; ``close`` says what happened, each time it is a new error."""
    track = Track("t", clock=clock)
    capture = Capture(tmp_path / "a.wav", said=track, clock=clock, is_live=False)
    run(capture, clock, 3.0, (track, even(150)))
    monkeypatch.setattr(os, "pwrite", lambda *args: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    run(capture, clock, 5.0, (track, iter([(4.0, 160 * 200, payload(200))])))
    monkeypatch.undo()
    with pytest.raises(MediaError, match="No space left"):
        capture.close()
    assert len(channels(tmp_path / "a.wav")[0]) >= 8000


def test_a_track_may_come_later(tmp_path: Path) -> None:
    """A function that gives the track once it is there."""
    tracks: dict[str, Track] = {}
    with Capture(tmp_path / "a.wav", said=lambda: tracks.get("inbound"), clock=REAL) as capture:
        capture.drain()
        tracks["inbound"] = Track("inbound")
        tracks["inbound"].append(payload(0), REAL.now())
        capture.wait_duration(0.02, timeout=5)
        with pytest.raises(TimeoutError):
            capture.wait_duration(1.0, timeout=0.05)
        tracks["inbound"].end()
        capture.wait_duration(1.0, timeout=5)
    assert pcm(0) == channels(tmp_path / "a.wav")[0].tobytes()


def test_a_real_call_of_two_sides(tmp_path: Path) -> None:
    """Two senders, two sockets, the writer's thread: both sides bit-equal and within 20 ms."""
    sound = media.decode(media.encode(pcm(*range(60)), "PCMU"), "PCMU")
    with media.RtpReceiver() as said, media.RtpReceiver() as heard:
        sides = {"said": said.tracks["audio"], "heard": heard.tracks["audio"]}
        with Capture(tmp_path / "a.wav", **sides) as capture:
            with media.RtpSender("127.0.0.1", said.port) as one, media.RtpSender("127.0.0.1", heard.port) as two:
                thread = REAL.start(lambda: two.send(sound), "heard")
                one.send(sound)
                thread.join(60)
            said.end()
            heard.end()
    left, right = channels(tmp_path / "a.wav")
    at = left.tobytes().find(sound) // 2, right.tobytes().find(sound) // 2
    assert min(at) == 0 <= max(at) <= 160
    assert 1.2 == pytest.approx(capture.duration, abs=0.02)


def test_save_writes_what_the_buffer_holds(tmp_path: Path) -> None:
    """Also after the receiver is closed; nothing at all is an error."""
    with media.RtpReceiver() as rx, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for i in range(20):
            sock.sendto(numbered(i), ("127.0.0.1", rx.port))
        rx.close()
        assert 0.4 == rx.save(tmp_path / "a.wav")
    assert pcm(*range(20)) == channels(tmp_path / "a.wav")[0].tobytes()
    with media.RtpReceiver() as rx, pytest.raises(MediaError, match="no audio"):
        rx.save(tmp_path / "b.wav")


@pytest.mark.parametrize("way", ["interrupt", "exit", "kill"])
def test_the_file_is_valid_whatever_ends_the_process(way: str, tmp_path: Path) -> None:
    """Ctrl-C inside ``with``, an exit without closing anything, SIGKILL: a valid WAV with what had come."""
    path = tmp_path / "a.wav"
    program = textwrap.dedent("""
        import sys, threading
        from swsync import media
        rx = media.RtpReceiver()
        tx = media.RtpSender("127.0.0.1", rx.port)
        def talk():
            while True:
                tx.send(b"\\x10\\x10" * 1600)
        threading.Thread(target=talk, daemon=True).start()
        capture = rx.record(sys.argv[1])
        capture.wait_duration(2.5, timeout=20)
        print("ready", flush=True)
        if sys.argv[2] == "exit":
            sys.exit(0)
        with capture:
            threading.Event().wait(30)
    """)
    command = [sys.executable, "-c", program, str(path), way]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert "ready\n" == child.stdout.readline()
        if way != "exit":
            child.send_signal(signal.SIGINT if way == "interrupt" else signal.SIGKILL)
        _, errors = child.communicate(timeout=20)
    part = path.with_name("a.wav.part")
    (left,) = channels(part if way == "kill" else path)
    assert len(left) >= (8000 if way == "kill" else 20000)
    (sample,) = array.array("h", media.decode(media.encode(b"\x10\x10", "PCMU"), "PCMU"))
    assert {sample} == set(left[:8000])
    assert way == "interrupt" or "Traceback" not in errors
    assert part.exists() == (way == "kill")


def spurts(*parts: tuple[float, int]) -> Iterator[tuple[float, int, bytes]]:
    """Talk at these times, of so many packets each, on a media clock that stands still between them."""
    i = 0
    for start, count in parts:
        for k in range(count):
            yield start + (k + 1) * TICK, 160 * i, payload(i)
            i += 1


def all_of(*numbers: int) -> bytes:
    return b"".join(pcm(i) for i in numbers)


@pytest.mark.parametrize("side", ["said", "heard"])
@pytest.mark.parametrize(("pause", "until"), [(8.0, 16.5), (3.2, 11.6), (4.0, 12.4)])
def test_a_clock_that_stood_still_loses_nothing(
    tmp_path: Path, clock: Steps, side: str, pause: float, until: float
) -> None:
    """Beside a side that goes on, what follows the pause is where it arrived, and the silence before it is counted."""
    tracks = {"said": Track("s", clock=clock, snap=0.0), "heard": Track("h", clock=clock, snap=0.0)}
    other = "heard" if side == "said" else "said"
    with Capture(tmp_path / "a.wav", **tracks, clock=clock, is_live=False) as capture:
        talk = spurts((0.0, 150), (3.0 + pause, 250))
        run(capture, clock, until, (tracks[side], talk), (tracks[other], even(round(until * 50))))
    halves = dict(zip(("said", "heard"), channels(tmp_path / "a.wav"), strict=True))
    begins = round((3.0 + pause) * 8000)
    assert all_of(*range(150)) == halves[side][:24000].tobytes()
    found = halves[side].tobytes().find(pcm(150), 48000) // 2
    assert begins == pytest.approx(found, abs=160)
    assert all_of(*range(150, 400)) == halves[side][found : found + 40000].tobytes()
    assert not any(halves[side][24000:found])
    assert all_of(*range(round(until * 50))) == halves[other].tobytes()
    assert {"said": 0, "heard": 0} == capture.overtaken
    assert found - 24000 == capture.quality[side].estimated_gap
    assert (0, []) == (capture.quality[other].estimated_gap, capture.lost_spans)


def test_several_pauses_of_the_clock(tmp_path: Path, clock: Steps) -> None:
    """Each is put where it was, also one shortly before the end."""
    said, heard = Track("s", clock=clock, snap=0.0), Track("h", clock=clock, snap=0.0)
    with Capture(tmp_path / "a.wav", said, heard, clock=clock, is_live=False) as capture:
        talk = spurts((0.0, 100), (7.0, 20), (13.0, 100), (20.0, 15))
        run(capture, clock, 20.4, (said, talk), (heard, even(1010)))
    left, _ = channels(tmp_path / "a.wav")
    for start, first, count in ((0.0, 0, 100), (7.0, 100, 20), (13.0, 120, 100), (20.0, 220, 15)):
        found = left.tobytes().find(all_of(*range(first, first + count)), max(0, round(start - 1) * 16000)) // 2
        assert start * 8000 == pytest.approx(found, abs=200)
    assert {"said": 0, "heard": 0} == capture.overtaken


def test_one_side_alone_is_never_corrected(tmp_path: Path, clock: Steps) -> None:
    """Mono, or the other side silent for good: its own media clock decides."""
    said, heard = Track("s", clock=clock, snap=0.0), Track("h", clock=clock)
    with (
        Capture(tmp_path / "a.wav", said, clock=clock, is_live=False) as mono,
        Capture(tmp_path / "b.wav", said, heard, clock=clock, is_live=False) as stereo,
    ):
        pending = list(spurts((0.0, 150), (11.0, 100)))
        while clock.now() < 14.0:
            clock.sleep(0.2)
            while pending and pending[0][0] <= clock.now() + 1e-9:
                at, position, data = pending.pop(0)
                said.place(position, data, at)
            mono.drain()
            stereo.drain()
    for name in ("a.wav", "b.wav"):
        assert all_of(*range(250)) == channels(tmp_path / name)[0].tobytes()
    assert 0 == stereo.quality["said"].estimated_gap == mono.quality["said"].estimated_gap


def test_a_network_that_catches_up_is_no_pause(tmp_path: Path, clock: Steps, caplog: pytest.LogCaptureFixture) -> None:
    """Four seconds held back, then all at once: the media clock went on, and so does its place."""
    said, heard = Track("s", clock=clock, snap=0.0), Track("h", clock=clock, snap=0.0)
    late = [(max(at, 7.0) if at > 3.0 else at, position, data) for at, position, data in even(500)]
    with Capture(tmp_path / "a.wav", said, heard, clock=clock, is_live=False) as capture:
        run(capture, clock, 10.4, (said, iter(late)), (heard, even(500)))
    left, _ = channels(tmp_path / "a.wav")
    assert all_of(*range(400, 500)) == left[64000:80000].tobytes()
    assert capture.overtaken["said"] > 0
    assert "of what was said came too late" in caplog.text
    assert 0 == capture.quality["said"].estimated_gap


def test_a_slow_clock_is_no_pause(tmp_path: Path, clock: Steps) -> None:
    """A sender whose clock is 300 ppm slow, with pauses: drift is kept, not corrected."""
    said, heard = (Track(name, rate=1000, clock=clock, snap=0.0) for name in ("s", "h"))
    with Capture(tmp_path / "a.wav", said, heard, clock=clock, is_live=False) as capture:
        at = 0.0
        while clock.now() < 9000.0:
            clock.sleep(5.0)
            at = clock.now()
            for k in range(2):
                said.place(round((at + k * TICK) * 1000 * (1 - 3e-4)), payload(k, 20), at + k * TICK)
                heard.place(round((at + k * TICK) * 1000), payload(k, 20), at + k * TICK)
            capture.drain()
    assert {0} == {stats.estimated_gap for stats in capture.quality.values()}
