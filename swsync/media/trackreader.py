"""A reader's cursor in a track, and what it takes there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from swsync._media import ffi, lib

if TYPE_CHECKING:
    from swsync.media.track import Track

__all__ = ["Block", "Span", "TrackReader"]

FOREVER = 2**62  # a position that no clock reaches
SPANS = 64  # gaps told apart in one read; more of them make it shorter


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
