"""What all receivers share: frames, blocks, the wait for audio, and how they end."""

from __future__ import annotations

import math
import threading
import wave
from pathlib import Path

import pytest
from rtppackets import payload, pcm

from swsync.clock import REAL, VirtualClock
from swsync.errors import MediaError
from swsync.media.playout import FIRST_DELAY
from swsync.media.receiver import Receiver
from swsync.media.track import Track
from swsync.states import FrameState


class Hand(Receiver):
    """A receiver whose tracks the test fills."""

    def __init__(self, *names: str, clock: VirtualClock | None = None, buffer: float = 60.0) -> None:
        super().__init__(clock=clock or REAL)
        self.made = [Track(name, clock=clock or REAL, buffer=buffer) for name in names]
        self.released = 0
        for track in self.made:
            self._add_track(track)

    def _release(self) -> None:
        self.released += 1


def fill(track: Track, *numbers: int) -> None:
    """Packets at their places, as they come."""
    for i in numbers:
        track.place(160 * i, payload(i), track.clock.now())


def test_frames_tell_audio_from_silence_from_loss() -> None:
    """Each frame of 20 ms says where it came from, and has its media clock."""
    rx = Hand("audio")
    fill(rx.made[0], 0, 1, 4)
    rx.end()
    frames = list(rx.frames(timeout=60))
    assert [0, 160, 320, 480, 640] == [f.timestamp for f in frames]
    audio, silence = FrameState.AUDIO, FrameState.SILENCE
    assert [audio, audio, silence, silence, audio] == [f.state for f in frames]
    assert pcm(0, 1) + bytes(640) + pcm(4) == b"".join(bytes(f.samples) for f in frames)


def test_a_frame_waits_for_those_that_were_overtaken() -> None:
    """The playout delay lets a late packet take its place; without news the frame comes when the delay has passed."""
    clock = VirtualClock()
    with clock.thread():
        rx = Hand("audio", clock=clock)
        began = clock.now()

        def write() -> None:
            fill(rx.made[0], 0)
            clock.sleep(0.02)
            fill(rx.made[0], 2)
            clock.sleep(0.02)
            fill(rx.made[0], 1)

        thread = clock.start(write, "writer")
        frames = rx.frames(timeout=1)
        got = [next(frames) for _ in range(3)]
        assert pcm(0, 1, 2) == b"".join(bytes(f.samples) for f in got)
        assert clock.now() - began >= FIRST_DELAY
        with pytest.raises(TimeoutError):
            next(frames)
        thread.join(60)


def test_two_tracks_alternate_and_end_each_for_itself() -> None:
    """Frames carry their track's name, by turns where there is much to read; the iteration ends with the last track."""
    rx = Hand("inbound", "outbound")
    fill(rx.made[0], 0, 1, 2)
    fill(rx.made[1], 7, 8)
    rx.made[0].end()
    rx.end()
    by_name: dict[str, bytes] = {"inbound": b"", "outbound": b""}
    order = []
    frames = rx.frames(timeout=60)
    for frame in frames:
        by_name[frame.track] += bytes(frame.samples)
        order.append(frame.track)
        assert ["inbound", "outbound"] == list(frames.readers)  # for whoever looks at them from another thread
    assert {"inbound": pcm(0, 1, 2), "outbound": pcm(7, 8)} == by_name
    assert ["inbound", "outbound", "inbound", "outbound", "inbound"] == order
    assert [pcm(7), pcm(8)] == [bytes(f.samples) for f in rx.frames(timeout=5, track="outbound")]


def test_blocks_of_any_length_short_only_at_the_end() -> None:
    """``read`` goes on where it stopped."""
    rx = Hand("audio")
    fill(rx.made[0], *range(10))
    rx.end()
    parts = [bytes(rx.read(n)) for n in (1, 500, 1000, 1000, 10)]
    assert [2, 1000, 2000, 198, 0] == [len(part) for part in parts]
    assert pcm(*range(10)) == b"".join(parts)


def test_with_two_tracks_read_needs_a_name() -> None:
    """The error names them."""
    rx = Hand("inbound", "outbound")
    fill(rx.made[0], 0)
    rx.end()
    with pytest.raises(MediaError, match="inbound, outbound"):
        rx.read(10)
    with pytest.raises(MediaError, match="no track 'left'"):
        rx.read(10, "left")
    assert pcm(0) == bytes(rx.read(1000, "inbound"))


def test_reading_times_out_and_goes_on() -> None:
    """Too little in time is a TimeoutError, and nothing is lost by it."""
    rx = Hand("audio")
    fill(rx.made[0], 0)
    with pytest.raises(TimeoutError):
        rx.read(1000, timeout=0.05)
    fill(rx.made[0], *range(1, 20))
    assert pcm(*range(20))[:2000] == bytes(rx.read(1000, timeout=60))


@pytest.mark.parametrize("timeout", [math.inf, 30 * 86_400.0, 1e12])
def test_a_timeout_may_be_any_number(timeout: float) -> None:
    """Longer than what the system waits for at once: as long as it takes. NaN is no time at all."""
    rx = Hand("audio")
    with pytest.raises(TimeoutError):
        rx.read(160, timeout=math.nan)
    with pytest.raises(TimeoutError):
        next(rx.frames(timeout=math.nan))
    waiting = threading.Event()

    def write() -> None:
        while not rx.made[0]._waiting:
            waiting.wait(0.001)
        fill(rx.made[0], 0)
        rx.end()

    thread = threading.Thread(target=write)
    thread.start()
    assert rx.wait_audio(timeout)
    thread.join(60)
    assert pcm(0) == b"".join(bytes(frame.samples) for frame in rx.frames(timeout=timeout))


def test_a_block_may_be_longer_than_the_buffer() -> None:
    """Short only at the end; too little in time leaves the place where it was, from the very first sample."""
    rx = Hand("audio", buffer=1.0)

    def write() -> None:
        for i in range(500):
            fill(rx.made[0], i)
            while rx.made[0].report().head > rx._blocks["audio"].position + 8000 + 1000:  # as much as the ring holds
                REAL.sleep(0.001)

    with pytest.raises(TimeoutError):
        rx.read(100, timeout=0.01)
    thread = REAL.start(write, "writer")
    assert pcm(*range(400)) == bytes(rx.read(160 * 400, timeout=20))
    with pytest.raises(TimeoutError):
        rx.read(160 * 101, timeout=0.5)
    thread.join(60)
    rx.end()
    assert pcm(*range(400, 500)) == bytes(rx.read(160 * 101, timeout=60))
    assert 0 == rx.overruns
    with pytest.raises(ValueError, match="number of samples"):
        rx.read(-1)


def test_what_a_slow_reader_missed_is_counted() -> None:
    """Frames go on with the oldest that is held; how much is missing before it is known."""
    rx = Hand("audio", buffer=1.0)
    fill(rx.made[0], *range(10))
    frames = rx.frames(timeout=60)
    assert 0 == next(frames).timestamp
    fill(rx.made[0], *range(10, 500))
    assert next(frames).timestamp - 160 == rx.overruns > 0


def test_a_track_that_there_is_not() -> None:
    """An error, as in ``read``, and not an end without audio."""
    rx = Hand("inbound", "outbound")
    with pytest.raises(MediaError, match="no track 'left'"):
        next(rx.frames(timeout=5, track="left"))


def test_a_timeout_is_for_the_whole_wait() -> None:
    """For the track and its first frame together."""
    clock = VirtualClock()
    with clock.thread():
        rx = Hand(clock=clock)
        thread = clock.start(lambda: (clock.sleep(0.6), rx._add_track(Track("late", clock=clock))), "late")
        for wait in (lambda: next(rx.frames(timeout=1.0)), lambda: rx.read(10, timeout=1.0)):
            began = clock.now()
            with pytest.raises(TimeoutError):
                wait()
            assert 1.0 == pytest.approx(clock.now() - began, abs=0.01)
        thread.join(60)


def test_tracks_come_together() -> None:
    """A reader that waited for the first sees all of them: a silent one does not hide the other."""
    rx = Hand()
    names: list[list[str]] = []
    thread = REAL.start(lambda: names.append([track.name for track in rx._wait_tracks(10)]), "reader")
    rx._add_track(Track("inbound"), Track("outbound"))
    thread.join(60)
    assert [["inbound", "outbound"]] == names


def test_readers_end_even_if_the_socket_cannot_be_let_go() -> None:
    """The engine does not answer: an error for who closes, and no reader hangs."""

    class Stuck(Hand):
        def _finish(self) -> None:
            raise MediaError("does not answer")

    rx = Stuck("audio")
    with pytest.raises(MediaError, match="answer"):
        rx.close()
    assert [] == list(rx.frames(timeout=60))
    rx.close()


def test_closing_finishes_recordings(tmp_path: Path) -> None:
    """Nobody kept what ``record`` returned: the file has its name all the same; an error is told by its own close."""
    rx = Hand("audio")
    rx.record(tmp_path / "a.wav")
    fill(rx.made[0], 0)
    silent = Hand("audio")
    empty = silent.record(tmp_path / "b.wav")
    rx.close()
    silent.close()
    with wave.open(str(tmp_path / "a.wav"), "rb") as file:
        assert pcm(0) == file.readframes(1000)
    with pytest.raises(MediaError, match="no audio"):
        empty.close()
    empty.close()


def test_a_recording_of_a_closed_receiver_is_finished_at_once(tmp_path: Path) -> None:
    """It has what the buffer holds, and its name; nobody would give it that later."""
    rx = Hand("audio")
    fill(rx.made[0], 0)
    rx.close()

    recording = rx.record(tmp_path / "a.wav")

    assert recording.closed
    with wave.open(str(tmp_path / "a.wav"), "rb") as file:
        assert pcm(0) == file.readframes(1000)


def test_waiting_for_audio_before_there_are_tracks() -> None:
    """Tracks may come with the first media; the end without any ends every wait."""
    rx = Hand()
    assert not rx.wait_audio(0.02)
    with pytest.raises(TimeoutError):
        next(rx.frames(timeout=0.02))

    def come() -> None:
        REAL.sleep(0.05)
        track = Track("inbound")
        rx._add_track(track)
        fill(track, 0)

    thread = REAL.start(come, "writer")
    assert rx.wait_audio(60)
    thread.join(60)
    empty = Hand()
    thread = REAL.start(lambda: (REAL.sleep(0.05), empty.close()), "closer")
    assert not empty.wait_audio(60)
    assert ([], b"") == (list(empty.frames(timeout=60)), bytes(empty.read(10)))
    thread.join(60)


def test_closing_ends_a_blocked_reader() -> None:
    """``close`` from another thread: the loop over frames ends, with what was there."""
    rx = Hand("audio")
    fill(rx.made[0], 0)
    thread = REAL.start(lambda: (REAL.sleep(0.1), rx.close()), "closer")
    assert pcm(0) == b"".join(bytes(f.samples) for f in rx.frames(timeout=60))
    thread.join(60)
    rx.close()
    assert (1, True) == (rx.released, rx.closed)
    late = Track("late")
    rx._add_track(late)
    assert late.ended


def test_statistics_of_one_and_of_two() -> None:
    """One track's own, or a dict by name."""
    one, two = Hand("audio"), Hand("inbound", "outbound")
    fill(one.made[0], 0)
    fill(two.made[1], 0, 1)
    assert 1 == one.stats.packets
    assert {"inbound": 0, "outbound": 2} == {name: s.packets for name, s in two.stats.items()}
    assert 0.0 == one.stats.fraction_lost == one.stats.lost


def test_no_device_without_a_wire() -> None:
    """Only receivers that a tap can reach have one."""
    with pytest.raises(MediaError, match="no device"):
        _ = Hand("audio").device
