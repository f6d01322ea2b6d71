"""Live reading: frames at their time, through a playout delay that follows the network, with what was lost concealed.

What is due, what is made in place of lost samples and how the delay moves is C (``csrc/playout.c``, ``csrc/plc.c``);
here is the waiting, and what Python sees of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from swsync._media import ffi, lib
from swsync.errors import MediaError
from swsync.media.trackwait import wait_any
from swsync.states import FrameState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from swsync.clock import Clock
    from swsync.media.receiver import Receiver
    from swsync.media.track import Track

__all__ = ["Frame", "Frames", "LiveReader"]

FRAMES_A_SECOND = 50
FIRST_DELAY = 0.06  # seconds, within the limits, until the network is known
LONGEST_DELAY = 1.0  # seconds: what a track fills in later than that is not heard by anybody

_STATES = {
    lib.SW_PLAYOUT_AUDIO: FrameState.AUDIO,
    lib.SW_PLAYOUT_CONCEALED: FrameState.CONCEALED,
    lib.SW_PLAYOUT_SILENCE: FrameState.SILENCE,
}


@attrs.frozen(kw_only=True)
class Frame:
    """Twenty milliseconds of one track; the last one may be shorter.

    Attributes:
        samples: A memoryview of format ``h``; NumPy reads it without a copy.
        timestamp: Media clock of the first sample, in samples: for RTP its timestamp, carried on past 2**32.
        track: The track's name.
        state: ``AUDIO``; ``CONCEALED`` where some of it never came, or too late, and was made from what was before
            (ITU-T G.711 Appendix I); ``SILENCE`` where the sender paused.
    """

    samples: memoryview
    timestamp: int
    track: str
    state: FrameState


class LiveReader:
    """A place in a track that stays the playout delay behind the newest sample. For one thread at a time.

    The delay follows the network: of the packets of the last seconds all but one in a hundred were in time for it. It
    grows at frames that are silent, concealed or had to be waited for, and shrinks at silent ones, a frame each.

    Args:
        track: What it reads, from the oldest sample that is held.
        min_delay: Seconds, at least.
        max_delay: Seconds, at most; as long as ``min_delay`` fixes the delay.

    Raises:
        MediaError: The limits make no sense.

    Attributes:
        missed: Samples that the last frame found overwritten, because this reader was too slow.
    """

    def __init__(self, track: Track, min_delay: float, max_delay: float) -> None:
        if not 0 <= min_delay <= max_delay <= LONGEST_DELAY:
            raise MediaError(
                f"0 <= min_delay={min_delay} <= max_delay={max_delay} <= {LONGEST_DELAY:g} s does not hold"
            )
        self.track = track
        self.missed = 0
        self._c = ffi.new("sw_playout *")
        self._out = ffi.new("sw_playout_frame *")
        first, least, most = (round(seconds * track.rate) for seconds in (FIRST_DELAY, min_delay, max_delay))
        lib.sw_playout_init(self._c, track._c, first, least, most)
        track.hurry()  # before the first frame: what is late is missing

    @property
    def delay(self) -> float:
        """The playout delay now, in seconds: how long after its sending, at the quickest transit of late, audio is due.

        Concealment adds nothing to it.
        """
        return float(self._c.delay / self.track.rate)

    @property
    def target(self) -> float:
        """Where the delay is going, in seconds."""
        return float(self._c.target / self.track.rate)

    @property
    def position(self) -> int:
        """Media clock of the next sample; 0 while nothing has come."""
        return int(self._c.reader.position)

    @property
    def concealed(self) -> int:
        """Samples that were missing when they were due."""
        return int(self._c.concealed)

    @property
    def late(self) -> int:
        """Of the concealed samples those that came afterwards; settled a second behind the newest, and at the end."""
        return int(self._c.late)

    @property
    def skipped(self) -> int:
        """Samples of silence that nobody sent, left out so that the delay shrinks."""
        return int(self._c.skipped)

    @property
    def stretched(self) -> int:
        """Samples by which frames were put off so that the delay grows."""
        return int(self._c.stretched)

    @property
    def overruns(self) -> int:
        """Samples that this reader was too slow for."""
        return int(self._c.reader.overruns)

    def place(self) -> bytes:
        """Where it stands, for ``go_back``."""
        return bytes(ffi.buffer(self._c))

    def go_back(self, place: bytes) -> None:
        """Stand there again, as if nothing had been taken since."""
        ffi.buffer(self._c)[:] = place

    def take(self, samples: int, *, may_skip: bool = True) -> Frame | None:
        """Up to ``samples`` if they are due now; never waits. None if not, or at the end (``is_over``)."""
        out = bytearray(2 * samples)
        before = self._c.reader.overruns
        now = int(self.track.clock.now() * 1e9)
        n = lib.sw_playout_take(self.track._c, self._c, samples, now, may_skip, ffi.from_buffer(out), self._out)
        self.missed = int(self._c.reader.overruns - before)
        if n <= 0:
            return None
        view = memoryview(out).cast("h")
        return Frame(
            samples=view if n == samples else view[:n],
            timestamp=int(self._out.position),
            track=self.track.name,
            state=_STATES[self._out.state],
        )

    @property
    def is_over(self) -> bool:
        """After ``take`` gave None: whether nothing more will come."""
        return bool(self._out.ended)

    @property
    def want(self) -> tuple[int, float | None]:
        """After ``take`` gave None: until which position to wait, and for how many seconds at most."""
        wait = self._out.wait
        return int(self._out.want), None if wait < 0 else wait / 1e9


def take_any(
    wants: Mapping[LiveReader, int], clock: Clock, deadline: float | None, *, may_skip: bool = True
) -> tuple[LiveReader, Frame | None] | None:
    """The first frame that one of some readers may take, None as the frame at its end; None at the deadline."""
    while True:
        waits, longest = [], None if deadline is None else deadline - clock.now()
        for reader, samples in wants.items():
            frame = reader.take(samples, may_skip=may_skip)
            if frame is not None or reader.is_over:
                return reader, frame
            position, left = reader.want
            waits.append((reader.track, position))
            if left is not None:
                longest = left if longest is None else min(longest, left)
        if deadline is not None and clock.now() >= deadline:
            return None
        wait_any(waits, longest)


class Frames:
    """What ``Receiver.frames`` gives: an iterator over the frames of its tracks. For one thread at a time.

    Attributes:
        readers: The live reader of each track, by name, as far as tracks are known.
    """

    def __init__(
        self, receiver: Receiver, timeout: float | None, track: str | None, min_delay: float, max_delay: float
    ) -> None:
        self.readers: dict[str, LiveReader] = {}
        self._receiver = receiver
        self._timeout = timeout
        self._track = track
        self._limits = min_delay, max_delay
        self._turns: list[str] = []  # the tracks that have not ended, whose turn is next before the others

    def __iter__(self) -> Frames:
        return self

    def __next__(self) -> Frame:
        receiver = self._receiver
        receiver._check()
        deadline = receiver._deadline(self._timeout)
        while True:
            wants = self._wants()
            if not wants:
                raise StopIteration
            taken = take_any(wants, receiver._clock, deadline)
            if taken is None:
                raise receiver._too_late(self._timeout)
            reader, frame = taken
            receiver._count_overruns(reader.missed)
            name = reader.track.name
            if frame is not None:
                # Last in turn now: whoever is behind, or slow, hears all tracks alike.
                self._turns.remove(name)
                self._turns.append(name)
                return frame
            self._turns.remove(name)

    def _wants(self) -> dict[LiveReader, int]:
        """The readers that have not ended, and the samples of their frames."""
        known = self._receiver._wait_tracks_or_raise(self._timeout)
        if self._track is not None:
            self._receiver._choose(known, self._track)
        for track in known:
            if self._track in (None, track.name) and track.name not in self.readers:
                self.readers[track.name] = LiveReader(track, *self._limits)
                self._turns.append(track.name)
        readers = (self.readers[name] for name in self._turns)
        return {reader: reader.track.rate // FRAMES_A_SECOND for reader in readers}
