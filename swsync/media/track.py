"""One direction of audio on its media clock: a ring of decoded samples with one writer and any number of readers.

The ring is C (``csrc/jitter.c``); RTP fills it from the engine, WebSockets through ``Track.place`` and
``Track.append``. Reading is the same for all.
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Any

from swsync._media import ffi, lib
from swsync.clock import REAL, RealClock
from swsync.errors import CodecError, MediaError
from swsync.media.codec import codec_number
from swsync.media.quality import ReceiverStats
from swsync.media.trackreader import TrackReader
from swsync.media.trackwait import Bell, wait_any
from swsync.states import Codec

if TYPE_CHECKING:
    from collections.abc import Callable

    from swsync.clock import Clock
    from swsync.media.rtcp import SenderReport

__all__ = ["Track"]

WINDOW = 1.0  # seconds behind the newest sample within which a missing one may still be filled in
SNAP = 0.002  # seconds: positions that come from milliseconds are rounded by up to this much
MUTE_GUARD = 0.2  # seconds after ``unmute`` in which what comes may have been sent before


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
        self._on_hurry: Callable[[], object] | None = None  # the same

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

    def hurry(self) -> None:
        """Somebody wants the audio as it comes: until then a receiver may take several packets at a time.

        Who waits, or reads live, says so by that.
        """
        if lib.sw_track_hurry(self._c) and self._on_hurry is not None:
            self._on_hurry()

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
