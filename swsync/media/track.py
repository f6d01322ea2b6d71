"""One direction of audio on its media clock: a ring of decoded samples with one writer and any number of readers.

The ring is C (``csrc/jitter.c``); RTP fills it from the engine, WebSockets through ``Track.place`` and
``Track.append``. Reading is the same for all.
"""

from __future__ import annotations

import mmap
import os
import select
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from swsync._media import ffi, lib
from swsync.clock import REAL, RealClock
from swsync.errors import CodecError, MediaError
from swsync.media.quality import ReceiverStats
from swsync.states import Codec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from swsync.clock import Clock
    from swsync.media.rtcp import SenderReport

__all__ = ["Block", "Span", "Track", "TrackReader", "wait_any"]

WINDOW = 1.0  # seconds behind the newest sample within which a missing one may still be filled in
SNAP = 0.002  # seconds: positions that come from milliseconds are rounded by up to this much
MUTE_GUARD = 0.2  # seconds after ``unmute`` in which what comes may have been sent before
FOREVER = 2**62  # a position that no clock reaches
SPANS = 64  # gaps told apart in one read; more of them make it shorter

_CODECS = {("PCMU", "big"): 0, ("PCMA", "big"): 1, ("L16", "big"): 2, ("L16", "little"): 3}


@attrs.frozen
class Span:
    """Samples that are not there and read as zero; ``is_missing`` if they were sent, or may have been, and got lost."""

    position: int
    samples: int
    is_missing: bool


@attrs.frozen
class Block:
    """Consecutive samples of a track.

    Attributes:
        position: Media clock of the first one, in samples.
        samples: A memoryview of format ``h``.
        spans: What of them is not there.
        skipped: Samples before them that this reader was too slow for.
    """

    position: int
    samples: memoryview
    spans: tuple[Span, ...] = ()
    skipped: int = 0


def codec_number(codec: Codec | str, byteorder: str) -> int:
    """The C core's number for a codec.

    Raises:
        CodecError: There is none of that name.
    """
    name = str(codec).upper()
    number = _CODECS.get((name, byteorder if name == "L16" else "big"))
    if number is None:
        raise CodecError(f"no codec {codec!r} with byteorder={byteorder!r}; there are PCMU, PCMA and L16 (big, little)")
    return number


class Bell:
    """A descriptor that a blocked reader polls and the writer's side writes to."""

    def __init__(self) -> None:
        try:
            if hasattr(os, "eventfd"):
                self.reading = self.writing = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            else:
                self.reading, self.writing = os.pipe()
        except OSError as error:
            raise MediaError(f"cannot wait for audio: {error.strerror}") from error
        if self.reading != self.writing:
            os.set_blocking(self.reading, False)
            os.set_blocking(self.writing, False)
        weakref.finalize(self, _close_all, {self.reading, self.writing}, os.getpid()).atexit = False

    def ring(self) -> None:
        try:
            os.write(self.writing, b"\1\0\0\0\0\0\0\0")
        except BlockingIOError:
            pass  # it rings already

    def clear(self) -> None:
        try:
            os.read(self.reading, 64)
        except BlockingIOError:
            pass


def _close_all(descriptors: set[int], pid: int) -> None:
    if os.getpid() == pid:
        for descriptor in descriptors:
            os.close(descriptor)


class _Lease:
    """One reader's use of one of the track's eight places to wait.

    Ctrl-C may come between any two steps of Python. What is here goes back when this object does, however it goes; and
    what must not come apart is one step: ``extend`` draws from the ``map`` without returning to Python between.
    """

    def __init__(self, track: Track) -> None:
        self.track = track
        self.held: list[tuple[Bell, int]] = []
        self.tokens: list[None] = []
        track._waiting.append(None)
        self.tokens.append(None)
        try:
            self.held.extend(map(track._bells.pop, (-1,)))
            return
        except IndexError:
            pass  # none at rest
        # Descriptors stay open as long as the track lives: the writer may be about to ring one.
        bell = Bell()
        listen = partial(lib.sw_track_listen, track._c)
        self.held.extend(zip((bell,), map(listen, (bell.writing,))))  # noqa: B905 -- strict= would be no help
        if self.slot < 0:
            self.held.clear()
            raise MediaError(f"track {track.name}: eight readers wait for it already")

    @property
    def bell(self) -> Bell:
        return self.held[0][0]

    @property
    def slot(self) -> int:
        return self.held[0][1]

    def give_back(self) -> None:
        """Idempotent."""
        self.track._bells.extend(map(self.held.pop, (-1,) * len(self.held)))
        for _ in map(self.tokens.pop, (-1,) * len(self.tokens)):
            self.track._waiting.pop()

    def __del__(self) -> None:
        if hasattr(self, "tokens"):  # else it was interrupted before it took anything
            self.give_back()


class Track:
    """One direction of audio.

    One thread writes (``place``, ``append``); any thread reads, through ``reader``, and any may ``end`` it. Eight may
    wait for it at the same time; a ninth gets ``MediaError``.

    Args:
        name: What it holds, such as ``inbound``.
        codec: ``PCMU``, ``PCMA`` or ``L16``, of the payloads that will come.
        rate: Samples a second.
        byteorder: ``big`` or ``little``, for L16.
        buffer: Seconds of audio kept, at least.
        clock: The clock of the arrival times.
        media_clock: Any object; tracks that have the same one have comparable positions.
        snap: Seconds by which positions may be off without that being a gap.

    Raises:
        CodecError: There is no such codec.
        MediaError: The rate or the buffer makes no sense.
    """

    def __init__(
        self,
        name: str,
        codec: Codec | str = Codec.PCMU,
        rate: int = 8000,
        *,
        byteorder: str = "big",
        buffer: float = 60.0,
        clock: Clock = REAL,
        media_clock: object = None,
        snap: float = SNAP,
    ) -> None:
        number = codec_number(codec, byteorder)
        if not 1000 <= rate <= 192_000 or not 0.1 <= buffer <= 3600:
            raise MediaError(f"rate {rate} must be 1000 to 192000 and buffer {buffer} must be 0.1 to 3600 seconds")
        self.name = name
        self.codec = str(codec).upper()
        self.rate = rate
        self.clock = clock
        self.media_clock = media_clock
        self.number = number  # the codec's in C
        self.reason = ""  # why it ended; written once, by end()
        window = int(WINDOW * rate)
        capacity = 1 << max(int(buffer * rate * 8 / 7) - 1, 2 * window, 64).bit_length()
        octets = lib.sw_track_octets(capacity)
        # Zeroed when first touched, private to this process. Freed when nothing refers to it any more.
        self._memory = ffi.from_buffer(mmap.mmap(-1, octets, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
        self._c = ffi.cast("sw_track *", self._memory)
        code = lib.sw_track_init(self._memory, octets, capacity, rate, number, window, int(snap * rate))
        if code != lib.SW_OK:
            raise MediaError(f"track {name}: {ffi.string(lib.sw_strerror(code)).decode()}")
        # Both only by the lists' own methods, each of which is one step to other threads and to signals.
        self._bells: list[tuple[Bell, int]] = []  # at rest
        self._waiting: list[None] = []  # as many as readers wait or are about to; the writer looks whether there is one
        self._speed = clock.speed if isinstance(clock, RealClock) else 0.0
        # A virtual clock's readers cannot sit in poll(): they wait here.
        self._changed = None if self._speed else clock.condition()
        self._reports: Callable[[], tuple[SenderReport, SenderReport] | None] | None = None  # the same
        self._statistics: Callable[[ReceiverStats], ReceiverStats] | None = None  # set by the receiver before use

    def place(self, position: int, payload: Any, arrival: float) -> None:
        """Place an encoded payload by its media clock.

        It may leave a gap, which becomes silence, fill one that is less than a second old, or come late or twice: all
        are counted. A gap is believed up to the time since the last packet plus one second.

        Args:
            position: Of its first sample, in samples.
            payload: Bytes-like; a whole number of samples.
            arrival: When it came, by this track's clock.

        Raises:
            CodecError: The payload is no whole number of samples.
        """
        data = ffi.from_buffer(payload)
        code = lib.sw_track_put(self._c, data, len(data), position, int(arrival * 1e9), lib.SW_ORDER_UNKNOWN)
        self._after(code, len(data))

    def append(self, payload: Any, arrival: float) -> None:
        """Place an encoded payload after the last one, where the wire has no timestamps: the sample count is the clock.

        A stall that catches up leaves no trace; a deficit against ``arrival`` that is still there after two seconds
        becomes silence, once, and is counted as ``estimated_gap``.

        Raises:
            CodecError: The payload is no whole number of samples.
        """
        data = ffi.from_buffer(payload)
        self._after(lib.sw_track_append(self._c, data, len(data), int(arrival * 1e9)), len(data))

    def _after(self, code: int, octets: int) -> None:
        if code < 0:
            raise CodecError(f"track {self.name}: {octets} octets are no whole number of {self.codec} samples")
        self.wake_readers()

    def wake_readers(self) -> None:
        """The writer has placed something, maybe in C: wake those whose wait that ends."""
        if self._waiting or self._changed is not None:
            self._wake()

    def end(self, reason: str = "") -> None:
        """No more will come. Readers get what is there, then the end. Idempotent."""
        if not self.ended:
            self.reason = reason
        lib.sw_track_end(self._c)
        self._wake()

    def _wake(self) -> None:
        if self._changed is None:
            lib.sw_track_wake(self._c)
        else:
            with self._changed:
                self._changed.notify_all()

    def mute(self) -> None:
        """From now on nothing that comes is kept, for nobody: silence takes its place. ``unmute`` as often ends it."""
        lib.sw_track_mute(self._c)

    def unmute(self) -> None:
        """Keep again what is sent from now on.

        What was sent before, or in the next 0.2 s (the way here takes time), stays silent by its place on the media
        clock, however late it comes. A sender whose clock stood still meanwhile is heard when it has made up for that.
        """
        lib.sw_track_unmute(self._c, int(self.clock.now() * 1e9), int(MUTE_GUARD * 1e9))

    def report(self) -> Any:
        """The C core's snapshot (``sw_track_state``)."""
        state = ffi.new("sw_track_state *")
        lib.sw_track_report(self._c, state)
        return state

    @property
    def started(self) -> bool:
        """Whether any audio has come."""
        return bool(self.report().started)

    @property
    def ended(self) -> bool:
        """Whether ``end`` was called."""
        return bool(self.report().ended)

    @property
    def seconds(self) -> float:
        """Length of the timeline so far, gaps included."""
        state = self.report()
        return (state.head - state.start) / self.rate if state.started else 0.0

    @property
    def stats(self) -> ReceiverStats:
        """A snapshot of what has been received."""
        state = self.report()
        c = state.counters
        stats = ReceiverStats(
            packets=c[lib.SW_TRACK_PACKETS],
            octets=c[lib.SW_TRACK_OCTETS],
            samples=c[lib.SW_TRACK_SAMPLES],
            rate=self.rate,
            seconds=(state.head - state.start) / self.rate if state.started else 0.0,
            packets_expected=c[lib.SW_TRACK_PACKETS],
            late=c[lib.SW_TRACK_LATE],
            reordered=c[lib.SW_TRACK_REORDERED],
            duplicate=c[lib.SW_TRACK_DUPLICATE],
            rebased=c[lib.SW_TRACK_REBASED],
            quiet=c[lib.SW_TRACK_QUIET],
            missing=c[lib.SW_TRACK_MISSING],
            estimated_gap=c[lib.SW_TRACK_ESTIMATED],
            muted=c[lib.SW_TRACK_MUTED],
        )
        return self._statistics(stats) if self._statistics else stats

    @property
    def arrival_offset(self) -> float | None:
        """When position 0 of the media clock was sent, in seconds of this track's clock, plus the shortest transit.

        It is the smallest difference of late (two to four seconds) between the time at which a packet came, by the
        kernel's clock for RTP, and its end on the media clock. The offsets of two tracks tell how they lie to each
        other if both paths take equally long. None while nothing has come.
        """
        state = self.report()
        return state.anchor / 1e9 - state.origin / self.rate if state.started else None

    @property
    def sender_reports(self) -> tuple[SenderReport, SenderReport] | None:
        """The first and the last RTCP sender report since the media clock last changed; None without any."""
        return self._reports() if self._reports else None

    @property
    def has_reports(self) -> bool:
        """Whether sender reports may come: it is RTP."""
        return self._reports is not None

    def reader(self, *, from_oldest: bool = True) -> TrackReader:
        """A cursor of its own: from the oldest sample that is still held, or from the next one that comes."""
        return TrackReader(self, from_oldest)

    def wait(self, position: int, timeout: float | None = None) -> bool:
        """Wait until the timeline has reached ``position`` or has ended; whether that is so in time."""
        return wait_any([(self, position)], timeout)

    def _has(self, position: int) -> bool:
        state = self.report()
        return bool(state.ended or (state.started and state.head >= position))


def wait_any(wants: Sequence[tuple[Track, int]], timeout: float | None = None) -> bool:
    """Wait until one of some tracks has reached its position or has ended; whether that is so in time."""
    track = wants[0][0]
    if track._changed is not None:
        return _wait_virtually(wants, timeout)
    deadline = None if timeout is None else track.clock.now() + timeout
    leases: list[_Lease] = []
    try:
        for each, _ in wants:
            leases.append(_Lease(each))
        while not any(lib.sw_track_arm(x.track._c, x.slot, p) for x, (_, p) in zip(leases, wants, strict=True)):
            left = None if deadline is None else deadline - track.clock.now()
            if left is not None and left <= 0:
                return any(each._has(position) for each, position in wants)
            _poll([lease.bell for lease in leases], None if left is None else left / track._speed)
        return True
    finally:
        for lease in leases:
            lease.give_back()


def _poll(bells: list[Bell], timeout: float | None) -> None:
    """Return when one of them was rung, or when the seconds (of the machine) have passed."""
    # The attribute is looked up now: gevent replaces it by one that waits in its own loop.
    poll = select.poll()
    for bell in bells:
        poll.register(bell.reading, select.POLLIN)
    poll.poll(None if timeout is None else max(0.0, timeout) * 1000)
    for bell in bells:
        bell.clear()


def _wait_virtually(wants: Sequence[tuple[Track, int]], timeout: float | None) -> bool:
    """The same on a clock whose threads must wait in it."""
    changed, clock = wants[0][0]._changed, wants[0][0].clock
    assert changed is not None
    deadline = None if timeout is None else clock.now() + timeout
    while not any(track._has(position) for track, position in wants):
        left = None if deadline is None else deadline - clock.now()
        if left is not None and left <= 0:
            return False
        step = 0.02 if len(wants) > 1 else left  # a condition belongs to one track
        with changed:
            if not any(track._has(position) for track, position in wants):
                changed.wait(step if left is None or step is None else min(left, step))
    return True


class TrackReader:
    """One reader's place in a track. Not for use by two threads at once.

    Attributes:
        overruns: Samples lost because this reader was slower than the buffer is long.
    """

    def __init__(self, track: Track, from_oldest: bool = True) -> None:
        self.track = track
        self._from_oldest = from_oldest
        self._cursor = ffi.new("sw_reader *")
        self._placed = False
        self._spans = ffi.new("sw_span[]", SPANS)
        self._used = ffi.new("int32_t *")
        if not from_oldest and track.started:
            self._cursor.position = track.report().head
            self._placed = True

    @property
    def position(self) -> int:
        """Media clock of the next sample to be read, in samples; 0 before the first."""
        return int(self._cursor.position)

    @property
    def placed(self) -> bool:
        """Whether the reader has a place: audio had come when it last looked."""
        return self._placed

    @property
    def overruns(self) -> int:
        return int(self._cursor.overruns)

    def begin(self) -> bool:
        """Take a place at the oldest sample, if there is one by now; whether the reader has a place."""
        if not self._placed and self.track.started:
            self._cursor.position = lib.sw_track_oldest(self.track._c)
            self._placed = True
        return self._placed

    def move(self, position: int) -> None:
        """Go on from another position."""
        self._cursor.position = position
        self._placed = True

    def take(self, samples: int, until: int = FOREVER) -> Block:
        """Up to ``samples`` of what is there now, none at or past ``until``; never waits."""
        if not self.begin():
            return Block(0, memoryview(b"").cast("h"))
        out = bytearray(2 * samples)
        before = self._cursor.overruns
        n = lib.sw_track_read(
            self.track._c, self._cursor, samples, until, ffi.from_buffer(out), self._spans, SPANS, self._used
        )
        spans = tuple(
            Span(s.position, s.samples, s.kind == lib.SW_SPAN_MISSING) for s in self._spans[0 : self._used[0]]
        )
        view = memoryview(out).cast("h")[: max(0, n)]
        return Block(self.position - len(view), view, spans, self._cursor.overruns - before)

    def wait(self, samples: int, timeout: float | None = None) -> bool:
        """Wait until that many samples can be taken, or the track has ended; whether that is so in time."""
        if not self.begin():
            # Nothing has come yet: any position is ahead of an empty timeline, so wait for its first sample.
            deadline = None if timeout is None else self.track.clock.now() + timeout
            if not self.track.wait(-FOREVER, timeout):
                return False
            self.begin()
            timeout = None if deadline is None else max(0.0, deadline - self.track.clock.now())
        return self.track.wait(self.position + samples, timeout)
