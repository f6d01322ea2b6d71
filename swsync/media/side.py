"""One channel of a recording: a track, and which position of its media clock is which frame of the recording."""

from __future__ import annotations

import array
from collections.abc import Callable
from typing import Any

import attrs

from swsync.media.meter import Meter
from swsync.media.quality import Quality, ReceiverStats
from swsync.media.track import WINDOW, Track
from swsync.media.trackreader import TrackReader

__all__ = ["Side", "Source"]

BLOCK = 8000  # samples looked through at a time
STALL = 2.0  # seconds by which a side may fall behind its arrival before its media clock is taken to have stood still
PAUSE = 0.5  # seconds without a packet after which such a clock is looked at
FOLLOW = 0.001  # seconds a second by which it may be slow without having stood still

Source = Track | Callable[[], "Track | None"]
Stretch = tuple[int, int]  # from one frame to another


class Side:
    """One channel. Its frames are those of the recording's timeline, which has its skipped pauses too.

    Attributes:
        name: ``said`` or ``heard``.
        track: Once it is known.
        first: The position that lies at frame 0, once it has been placed.
        start: The lowest position that is audio of this place; before it there is silence.
        overtaken: Samples that came after the recording had gone on.
        estimated_gap: Samples of silence put in because the media clock stood still.
    """

    def __init__(self, name: str, source: Any) -> None:
        self.name = name
        self._source = source
        self.track: Track | None = source if isinstance(source, Track) else None
        self.first = self.start = 0
        self.overtaken = self.estimated_gap = 0
        self.meter = Meter()
        self._reader: TrackReader | None = None
        self._seen = 0  # up to this position samples have been read, or counted as overtaken
        self._paused_at: int | None = None  # the head when nothing came for a while, until what follows was judged
        self._moves: tuple[int, int] | None = None  # from this position on, what `first` will be
        self._base = self._base_at = 0.0  # ns: the track's anchor when this side was laid beside the other; and now
        self._is_muted = False
        self._hidden = -(2**62)  # positions before this one came before the track could be muted

    # -- its track

    def resolve(self) -> Track | None:
        """The track, if it is there and has had audio."""
        if self.track is None:
            self.track = self._source()
            if self.track is not None and self._is_muted:
                self.track.mute()
                self._hide()
        return self.track if self.track is not None and self.track.started else None

    def mute(self) -> None:
        """Keep nothing from now on, also of a track that is still to come."""
        self.resolve()
        self._is_muted = True
        if self.track is not None:
            self.track.mute()

    def unmute(self) -> None:
        """Go on."""
        self.resolve()
        self._is_muted = False
        if self.track is not None:
            self.track.unmute()

    def _hide(self) -> None:
        assert self.track is not None
        state = self.track.report()
        if state.started:
            self._hidden = int(state.head)

    @property
    def is_placed(self) -> bool:
        """Whether its first frame is known."""
        return self._reader is not None

    @property
    def is_live(self) -> bool:
        """Whether it has had audio."""
        return self.track is not None and self.track.started

    @property
    def has_ended(self) -> bool:
        """Whether no more will come."""
        return self.track is not None and self.track.ended

    def place(self, first: int) -> None:
        """Lay position ``first`` at frame 0."""
        assert self.track is not None
        self.first, self.start = first, max(self._hidden, int(self.track.report().start))
        self._seen = max(self.first, self.start)
        self._reader = TrackReader(self.track)

    def end(self) -> int:
        """The frame that nothing has reached yet."""
        assert self.track is not None
        state = self.track.report()
        head = int(state.head)
        if self._reader is None:
            return head - int(state.start)
        return head - (self._moves[1] if self._moves and head > self._moves[0] else self.first)

    def frame_at(self, time: float) -> int:
        """The frame of what comes at a time of the track's clock by the shortest way."""
        assert self.track is not None
        state, rate = self.track.report(), self.track.rate
        position: int = int(state.origin) + round((time - state.anchor / 1e9) * rate)
        return position - self.first

    def quality(self) -> Quality:
        """What was received, and what its samples in the recording say."""
        stats = ReceiverStats() if self.track is None else self.track.stats
        if self.estimated_gap:
            stats = attrs.evolve(stats, estimated_gap=stats.estimated_gap + self.estimated_gap)
        return self.meter.quality(stats, is_concealed=False)

    # -- a media clock that stood still

    def compare_from(self, now: float) -> None:
        """How far the media clock is behind arrival at this moment counts as not at all."""
        assert self.track is not None
        self._base, self._base_at = float(self.track.report().anchor), now

    def judge(self, now: float, written: int, is_final: bool) -> None:
        """See whether the media clock stood still during the last pause: then what follows belongs where it arrived.

        Decided a second after the pause, when a network that had only held packets back has caught up; the recording
        stays behind that long.
        """
        if self.track is None or self._reader is None or self._moves:
            return
        state, rate = self.track.report(), self.track.rate
        head, is_paused = int(state.head), now - state.last_arrival / 1e9 >= PAUSE
        is_over = is_paused or is_final or state.ended or (head - (self._paused_at or 0)) >= int(WINDOW * rate)
        if self._paused_at is not None and head > self._paused_at and is_over:
            behind = round((state.anchor - self._base) / 1e9 * rate)
            if behind > STALL * rate and self._seen <= self._paused_at:
                behind = max(behind, written - (self._paused_at - self.first))
                self._moves = self._paused_at, self.first - behind
                self.estimated_gap += behind
                self._base += behind / rate * 1e9
            self._paused_at = None
        if is_paused and self._moves is None:
            self._paused_at = head
        # The sender's clock may be slower than ours, which is no pause; faster it shows at once.
        slack = max(0.0, now - self._base_at) * FOLLOW * 1e9
        self._base, self._base_at = min(float(state.anchor), self._base + slack), now

    # -- a change of place

    @property
    def is_moving(self) -> bool:
        """Whether its place will change further on."""
        return self._moves is not None

    def shift(self, frame: int, samples: int) -> None:
        """At a frame that is still to be written leave out that many samples, or, below 0, put in silence."""
        self._moves = self.first + frame, self.first + samples

    def boundary(self, frame: int) -> int | None:
        """The frame at which the place of what follows changes; at it, the change is made."""
        if self._moves is None:
            return None
        position, first = self._moves
        at = position - self.first
        if frame < at:
            return at
        self._moves, self.first, self.start = None, first, position
        self._seen = max(position, first + frame)
        return None

    def skip(self, frame: int) -> None:
        """Go on at a later frame: what lies before it is not wanted."""
        self._seen = max(self._seen, self.first + frame)

    # -- its samples

    def peek(self, frame: int, frames: int) -> array.array[int]:
        """The samples of some frames that will be written, without taking them."""
        out = array.array("h", bytes(2 * frames))
        if self.track is not None:
            reader, begin = TrackReader(self.track), self.first + frame
            reader.move(max(begin, self.start))
            self._copy(reader, begin, out)
        return out

    def fill(self, out: array.array[int], frame: int) -> tuple[list[Stretch], list[Stretch]]:
        """Put the samples from ``frame`` on into ``out``, which is silent.

        Returns:
            What of it never came, and what has come of earlier frames that were written without it.
        """
        if self._reader is None:
            return [], []
        begin = self.first + frame
        late = self._find_overtaken(begin)
        self._reader.move(max(begin, self.start))
        lost = self._copy(self._reader, begin, out)
        if self._seen >= begin:
            self._seen = max(self._seen, self._reader.position)
        return lost, late

    def _copy(self, reader: TrackReader, begin: int, out: array.array[int]) -> list[Stretch]:
        """What the track has from position ``begin`` on; what it does not have, as frames."""
        frames, lost = len(out), []
        to = memoryview(out)
        while reader.position < begin + frames:
            block = reader.take(begin + frames - reader.position, begin + frames)
            at = block.position - begin
            if block.skipped:  # the ring is shorter than the disk was slow
                lost.append((begin - self.first + max(0, at - block.skipped), begin - self.first + min(at, frames)))
            if not len(block.samples):
                break
            to[at : at + len(block.samples)] = block.samples
            lost += [
                (s.position - self.first, s.position - self.first + s.samples) for s in block.spans if s.is_missing
            ]
        return lost

    def _find_overtaken(self, begin: int) -> list[Stretch]:
        """What has come for a stretch which the recording had passed without it; a pause has nothing."""
        found: list[Stretch] = []
        if self.track is None or self._reader is None or self._seen >= begin:
            return found
        reached = min(int(self.track.report().head), begin)
        self._reader.move(self._seen)
        while self._reader.position < reached:
            block = self._reader.take(min(BLOCK, reached - self._reader.position), reached)
            if not len(block.samples):
                break
            self.overtaken += len(block.samples) - sum(span.samples for span in block.spans)
            at = block.position
            for span in block.spans:
                if span.position > at:
                    found.append((at - self.first, span.position - self.first))
                at = span.position + span.samples
            if self._reader.position > at:
                found.append((at - self.first, self._reader.position - self.first))
        self._seen = max(self._seen, reached)
        return found
