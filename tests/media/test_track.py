"""The timeline of one track: placement by the media clock, gaps, jumps, cursors, waits."""

from __future__ import annotations

import gc
import random
import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rtppackets import everything, payload
from swsync._media import ffi, lib

from swsync import media
from swsync.clock import REAL, VirtualClock
from swsync.errors import CodecError, MediaError
from swsync.media import trackwait as module
from swsync.media.track import Track
from swsync.media.trackreader import TrackReader
from swsync.media.trackwait import wait_any


def decoded(data: bytes) -> bytes:
    return media.decode(data, "PCMU")


def test_what_is_placed_in_order_is_read_unchanged() -> None:
    """Without loss every bit is as it was sent, from the first position on."""
    track = Track("t")
    for i in range(10):
        track.place(5000 + 160 * i, payload(i), i * 0.02)
    block = track.reader().take(10_000)
    assert 5000 == block.position
    assert () == block.spans
    assert b"".join(decoded(payload(i)) for i in range(10)) == bytes(block.samples)


@pytest.mark.parametrize(("codec", "byteorder"), [("PCMU", "big"), ("PCMA", "big"), ("L16", "big"), ("L16", "little")])
def test_every_codec_decodes_into_the_ring(codec: str, byteorder: str) -> None:
    """The ring holds what the codec gives."""
    data = bytes(range(256)) * 2
    track = Track("t", codec, byteorder=byteorder)
    track.append(data, 0.0)
    assert media.decode(data, codec, byteorder=byteorder) == everything(track)


def test_a_gap_of_the_clock_is_silence_and_is_told() -> None:
    """A gap reads as zeros, and its span says that the sender paused."""
    track = Track("t")
    track.place(0, payload(1), 0.0)
    track.place(480, payload(2), 0.06)
    block = track.reader().take(10_000)
    assert decoded(payload(1)) + bytes(640) + decoded(payload(2)) == bytes(block.samples)
    assert [(160, 320, False)] == [(s.position, s.samples, s.is_missing) for s in block.spans]
    assert 320 == track.stats.quiet


def test_a_late_piece_fills_its_gap() -> None:
    """What comes within the window takes its place and counts as reordered; a second time it is a duplicate."""
    track = Track("t")
    for position, i in ((0, 0), (320, 2), (160, 1), (160, 1)):
        track.place(position, payload(i), 0.0)
    assert b"".join(decoded(payload(i)) for i in range(3)) == everything(track)
    assert (1, 1) == (track.stats.reordered, track.stats.duplicate)


def test_what_was_sent_before_the_first_comes_before_it() -> None:
    """A piece that the first one overtook begins the timeline."""
    track = Track("t")
    track.place(160, payload(1), 0.0)
    track.place(0, payload(0), 0.001)
    assert decoded(payload(0)) + decoded(payload(1)) == everything(track)


@pytest.mark.parametrize("jump", [2**40, 10**6, -(10**6)])
def test_a_gap_bomb_adds_no_more_than_a_second(jump: int) -> None:
    """A jump that time does not explain goes on by arrival."""
    track = Track("t")
    track.place(0, payload(0), 0.0)
    track.place(jump, payload(1), 0.02)
    track.place(jump + 160, payload(2), 0.04)
    assert b"".join(decoded(payload(i)) for i in range(3)) == everything(track)
    assert 1 == track.stats.rebased


@pytest.mark.parametrize("ahead", [-4000, 0, 4000, 2**40])
def test_another_clock_is_never_believed_however_near_it_is(ahead: int) -> None:
    """A new sender's clock may by chance lie where the old one could have been: arrival decides where it goes on."""
    track = Track("t", snap=0.0)
    for i in range(10):
        track.place(100_000 + 160 * i, payload(i), i * 0.02)
    data = ffi.from_buffer(payload(10))
    arrival = int(10 * 0.02 * 1e9)
    lib.sw_track_put(track._c, data, len(data), 101_600 + ahead, arrival, lib.SW_ORDER_RESTART)

    assert b"".join(decoded(payload(i)) for i in range(11)) == everything(track)
    assert (0 if ahead == 0 else 1, 0) == (track.stats.rebased, track.stats.quiet)


def test_a_pause_is_believed_up_to_the_time_that_passed_and_a_second() -> None:
    """Ten seconds of silence in the clock are ten seconds if as many have passed, however long the ring is."""
    track = Track("t", buffer=2.0)
    track.place(0, payload(0), 0.0)
    track.place(80_000, payload(1), 9.1)
    assert (0, 80_160 / 8000) == (track.stats.rebased, track.seconds)


def test_rounded_timestamps_are_no_gaps() -> None:
    """Positions that come from milliseconds may be off by two of them."""
    track = Track("t")
    for i, wobble in enumerate((0, 8, -8, 16, -16)):
        track.place(160 * i + wobble, payload(i), i * 0.02)
    assert b"".join(decoded(payload(i)) for i in range(5)) == everything(track)


def test_a_stall_that_catches_up_inserts_nothing() -> None:
    """Half the stream comes three seconds late, then at once: the sample count is the clock."""
    track = Track("t")
    for i in range(300):
        arrival = i * 0.02 if i < 50 else max(4.0, i * 0.02)
        track.append(payload(i), arrival)
    assert 0 == track.stats.estimated_gap
    assert 300 * 160 == track.stats.samples


def test_a_deficit_that_stays_is_filled_once() -> None:
    """Three seconds that were never sent become three seconds of silence, two seconds after they were noticed."""
    track = Track("t")
    for i in range(500):
        track.append(payload(i), i * 0.02 + (3.0 if i >= 100 else 0.0))
    assert 3.0 == pytest.approx(track.stats.estimated_gap / 8000, abs=0.01)
    assert 13.0 == pytest.approx(track.seconds, abs=0.01)


def test_a_slow_sender_is_no_deficit() -> None:
    """A clock that is 500 ppm slow for ten minutes inserts nothing."""
    track = Track("t", buffer=1.0)
    for i in range(30_000):
        track.append(payload(0), i * 0.02 * 1.0005)
    assert 0 == track.stats.estimated_gap


def test_a_reader_that_is_too_slow_is_told_how_much_it_lost() -> None:
    """The ring holds at least what was asked for; the rest is counted, and reading goes on."""
    track = Track("t", buffer=1.0)
    reader = track.reader()
    track.append(payload(0), 0.0)
    assert reader.begin()
    for i in range(1, 1000):
        track.append(payload(i), i * 0.02)
    block = reader.take(160_000)
    assert block.skipped == reader.overruns == block.position > 0
    assert 160_000 == block.position + len(block.samples)
    assert len(block.samples) >= 8000


def test_a_message_longer_than_the_ring_is_survived() -> None:
    """A megabyte in one message leaves its end in the ring."""
    track = Track("t", buffer=0.5)
    track.append(payload(0, 2**20), 0.0)
    assert 2**20 == track.stats.samples
    assert decoded(payload(0, 2**20))[-8000:] == everything(track)[-8000:]


def test_half_a_sample_is_refused() -> None:
    """L16 takes whole samples only; nothing of it is placed."""
    track = Track("t", "L16")
    with pytest.raises(CodecError, match="whole number"):
        track.append(b"\0\0\0", 0.0)
    assert 0 == track.stats.packets


@pytest.mark.parametrize("bad", [{"rate": 0}, {"rate": 10**9}, {"buffer": 0.0}, {"buffer": 1e9}])
def test_settings_that_make_no_sense(bad: dict[str, float]) -> None:
    """Rate and buffer have bounds: memory is never unlimited."""
    with pytest.raises(MediaError):
        Track("t", **bad)  # type: ignore[arg-type]


def test_unknown_codec() -> None:
    """The error names what there is."""
    with pytest.raises(CodecError, match="PCMU, PCMA and L16"):
        Track("t", "OPUS")


def test_a_reader_from_now_skips_what_was() -> None:
    """``from_oldest=False`` begins with what comes next."""
    track = Track("t")
    track.append(payload(0), 0.0)
    reader = track.reader(from_oldest=False)
    track.append(payload(1), 0.02)
    assert decoded(payload(1)) == bytes(reader.take(1000).samples)


def test_after_the_end_nothing_is_taken() -> None:
    """What comes after ``end`` is left; the reason stays the first one."""
    track = Track("t")
    track.append(payload(0), 0.0)
    track.end("stopped")
    track.end("again")
    track.append(payload(1), 0.02)
    assert (160, "stopped", True) == (track.stats.samples, track.reason, track.ended)


def test_waiting_ends_with_audio_with_the_end_and_with_time() -> None:
    """A blocked reader is woken by what it wants, by the end, or by its timeout."""
    track = Track("t")
    reader = track.reader()
    assert not reader.wait(1, 0.01)
    thread = REAL.start(lambda: (REAL.sleep(0.05), track.append(payload(0), 0.0)), "writer")
    assert reader.wait(160, 10.0)
    thread.join(60)
    assert not reader.wait(161, 0.01)
    thread = REAL.start(lambda: (REAL.sleep(0.05), track.end()), "writer")
    assert reader.wait(161, 10.0)
    thread.join(60)


def test_waiting_for_any_of_two() -> None:
    """One of two tracks is enough."""
    one, two = Track("one"), Track("two")
    assert not wait_any([(one, 1), (two, 1)], 0.01)
    thread = REAL.start(lambda: (REAL.sleep(0.05), two.append(payload(0), 0.0)), "writer")
    assert wait_any([(one, 1), (two, 1)], 10.0)
    thread.join(60)


def test_more_than_eight_waiting_readers_are_refused() -> None:
    """The ninth thread that blocks on one track is told so; the others go on."""
    track = Track("t")
    refused: list[BaseException] = []

    def wait() -> None:
        try:
            track.wait(1, 60.0)
        except MediaError as error:
            refused.append(error)

    threads = [REAL.start(wait, f"reader-{i}") for i in range(9)]
    deadline = REAL.now() + 60
    while not refused and REAL.now() < deadline:
        REAL.sleep(0.01)
    track.end()
    for thread in threads:
        thread.join(60)
    assert 1 == len(refused)


def test_waiting_in_virtual_time() -> None:
    """On a virtual clock a reader waits in it, and an hour passes at once."""
    clock = VirtualClock()
    track = Track("t", clock=clock)

    def write() -> None:
        clock.sleep(3600)
        track.append(payload(0), clock.now())

    with clock.thread():
        began = clock.now()
        thread = clock.start(write, "writer")
        assert track.reader().wait(160, 7200)
        assert 3600 == pytest.approx(clock.now() - began)
        assert not track.wait(1000, 60)
        thread.join(60)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-400, 1200), st.integers(0, 300)), max_size=60))
def test_any_placement_keeps_the_first_of_each_sample(steps: list[tuple[int, int]]) -> None:
    """Against a dict from position to sample: within the window nothing is lost, moved or overwritten."""
    track = Track("t", snap=0.0, buffer=10.0)
    model: dict[int, bytes] = {}
    head, placed = 0, False
    for number, (step, samples) in enumerate(steps):
        position, data = (head + step if placed else 0), payload(number, samples)
        behind = placed and position < head
        if behind and position + samples > head:
            continue  # half behind and half ahead: the clock jumped back, which another test covers
        if placed and min(model, default=0) > position:
            continue
        track.place(position, data, 0.0)
        for k in range(samples):
            model.setdefault(position + k, decoded(data[k : k + 1]))
        if samples:
            placed, head = True, max(head, position + samples)
    expected = b"".join(model.get(at, b"\0\0") for at in range(head)) if placed else b""
    assert expected == everything(track)


def test_one_writer_and_four_readers() -> None:
    """Readers of all speeds see each sample as it was written or are told that they were too slow; never a mixture."""
    track, barrier = Track("t", "L16", buffer=0.2), threading.Barrier(5)
    wrong: list[str] = []
    total = 400_000

    def read(block: int) -> None:
        reader = TrackReader(track)
        barrier.wait(10)
        expected = -1  # a reader begins with the oldest sample that is there at its first look
        while reader.wait(1, 10.0):
            got = reader.take(block)
            if not len(got.samples) and track.ended:
                break
            if expected < 0:
                expected = got.position - got.skipped
            if expected + got.skipped != got.position:
                wrong.append(f"position {got.position} after {expected} and {got.skipped} skipped")
            for k in (0, len(got.samples) // 2, len(got.samples) - 1):
                if len(got.samples) and (got.position + k) % 30_000 != got.samples[k]:
                    wrong.append(f"sample {got.position + k} is {got.samples[k]}")
            expected = got.position + len(got.samples)
        if expected != total:
            wrong.append(f"ended at {expected}")

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [REAL.start(read, f"reader-{n}", (n,)) for n in (7, 160, 1000, 5000)]
        barrier.wait(10)
        sizes, position = random.Random(1), 0
        while position < total:
            n = min(sizes.randrange(1, 500), total - position)
            samples = b"".join(((position + k) % 30_000).to_bytes(2, "big") for k in range(n))
            track.append(samples, position / 8000)
            position += n
        track.end()
        for thread in threads:
            thread.join(20)
    finally:
        sys.setswitchinterval(interval)
    assert [] == wrong[:5]


def test_an_interrupted_wait_keeps_no_place() -> None:
    """Ctrl-C at any line of a wait, a hundred times: all eight places are there afterwards, a ninth reader is told."""

    def interrupted_at(line: int) -> bool:
        left = line

        def trace(frame: object, event: str, arg: object) -> object:
            nonlocal left
            if "__del__" in (frame.f_code.co_name, frame.f_back.f_code.co_name):  # type: ignore[attr-defined]
                return None  # an interrupt there is printed and passed over
            if event == "line" and frame.f_code.co_filename == module.__file__:  # type: ignore[attr-defined]
                left -= 1
                if left == 0:
                    raise KeyboardInterrupt
            return trace

        sys.settrace(trace)  # type: ignore[arg-type]
        try:
            track.wait(10**9, 0.0)
            return False
        except KeyboardInterrupt:
            return True
        finally:
            sys.settrace(None)

    track = Track("t")
    assert interrupted_at(1)
    line = 1
    while interrupted_at(line):
        line += 1
    assert line > 15
    for again in range(1, line):
        interrupted_at(again)
    gc.collect()
    leases = [module.Lease(track) for _ in range(8)]
    with pytest.raises(MediaError, match="eight"):
        track.wait(10**9, 0.0)
    for lease in leases:
        lease.give_back()
        lease.give_back()
    assert 8 == len(track._bells)
    assert not track.wait(10**9, 0.0)
