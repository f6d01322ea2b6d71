"""Recording one or two tracks into a WAV: each on its own media clock, two of them laid beside each other.

The left channel is what was said, the right one what was heard. Nothing is concealed: what never came is silence, and
is listed. One side is never corrected; how the second was laid beside the first is in ``alignment``.
"""

from __future__ import annotations

import array
import contextlib
import logging
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs

from swsync.clock import REAL
from swsync.errors import MediaError
from swsync.media.meter import Meter
from swsync.media.quality import Alignment, LostSpan, Quality, ReceiverStats
from swsync.media.recorded import Recorded
from swsync.media.sinks import Sinks
from swsync.media.track import WINDOW, Track, TrackReader
from swsync.media.wav import keep_draining, stop_draining

if TYPE_CHECKING:
    from pathlib import Path

    from swsync.clock import Clock
    from swsync.media.sinks import Target

__all__ = ["Capture"]

logger = logging.getLogger(__name__)

BLOCK = 8000  # frames written at a time
HOLD_BACK = 3.0  # seconds that the file waits for a side that has gone silent, before it goes on without
STALL = 2.0  # seconds by which a side may fall behind its arrival before its media clock is taken to have stood still
PAUSE = 0.5  # seconds without a packet after which such a clock is looked at
FOLLOW = 0.001  # seconds a second by which it may be slow without having stood still
MOST_SPANS = 10_000
CLOCK_ERROR = 0.001  # seconds: what timestamps in milliseconds leave open

Source = Track | Callable[[], "Track | None"]


class _Side:
    """One channel: its track, and which position of it is the file's first frame."""

    def __init__(self, name: str, source: Any) -> None:
        self.name = name
        self.source = source
        self.track: Track | None = source if isinstance(source, Track) else None
        self.reader: TrackReader | None = None
        self.first = 0  # position of file frame 0, once `reader` is set
        self.start = 0  # position of the track's first sample, then
        self.seen = 0  # up to this position samples have been read, or counted as overtaken
        self.overtaken = 0  # samples that came after the file had gone on
        self.paused: int | None = None  # the head when nothing came for a while, until what follows has been judged
        self.moves: tuple[int, int] | None = None  # from this position on, what `first` will be
        self.estimated_gap = 0  # samples of silence put in because the media clock stood still
        self.meter = Meter()
        self._base = self._base_at = 0.0  # ns: the track's anchor when this side was laid beside the other; and now

    def resolve(self) -> Track | None:
        """The track, if it is there and has had audio."""
        if self.track is None:
            self.track = self.source()
        return self.track if self.track is not None and self.track.started else None

    def place(self, first: int) -> None:
        assert self.track is not None
        self.first, self.start = first, self.track.report().start
        self.seen = max(self.first, self.start)
        self.reader = TrackReader(self.track)

    def compare_from(self, now: float) -> None:
        """How far the media clock is behind arrival at this moment counts as not at all."""
        assert self.track is not None
        self._base, self._base_at = float(self.track.report().anchor), now

    def end(self, head: int) -> int:
        """The file's frame of a position that nothing has reached yet."""
        return head - (self.moves[1] if self.moves and head > self.moves[0] else self.first)

    def judge(self, now: float, written: int, is_final: bool) -> None:
        """See whether the media clock stood still during the last pause: then what follows belongs where it arrived.

        Decided a second after the pause, when a network that had only held packets back has caught up; the file
        stays behind that long.
        """
        if self.track is None or self.reader is None or self.moves:
            return
        state, rate = self.track.report(), self.track.rate
        head, is_paused = int(state.head), now - state.last_arrival / 1e9 >= PAUSE
        is_over = is_paused or is_final or state.ended or (head - (self.paused or 0)) >= int(WINDOW * rate)
        if self.paused is not None and head > self.paused and is_over:
            behind = round((state.anchor - self._base) / 1e9 * rate)
            if behind > STALL * rate and self.seen <= self.paused:
                behind = max(behind, written - (self.paused - self.first))
                self.moves = self.paused, self.first - behind
                self.estimated_gap += behind
                self._base += behind / rate * 1e9
            self.paused = None
        if is_paused and self.moves is None:
            self.paused = head
        # The sender's clock may be slower than ours, which is no pause; faster it shows at once.
        slack = max(0.0, now - self._base_at) * FOLLOW * 1e9
        self._base, self._base_at = min(float(state.anchor), self._base + slack), now

    def boundary(self, frame: int) -> int | None:
        """The frame at which the place of what follows changes; at it, the change is made."""
        if self.moves is None:
            return None
        position, first = self.moves
        at = position - self.first
        if frame < at:
            return at
        self.moves, self.first, self.start, self.seen = None, first, position, position
        return None

    def fill(self, out: array.array[int], frame: int, frames: int) -> list[tuple[int, int]]:
        """Put the samples of file frames ``frame`` and on into ``out``; what never came, as file frames."""
        lost: list[tuple[int, int]] = []
        if self.reader is None:
            return lost
        begin = self.first + frame
        end = begin + frames
        self._note_overtaken(begin)
        self.reader.move(max(begin, self.start))
        while self.reader.position < end:
            block = self.reader.take(end - self.reader.position, end)
            at = block.position - begin
            if block.skipped:  # the ring is shorter than the disk was slow
                lost.append((frame + max(0, at - block.skipped), frame + min(at, frames)))
            if not len(block.samples):
                break
            out[at : at + len(block.samples)] = array.array("h", block.samples)
            lost += [
                (s.position - self.first, s.position - self.first + s.samples) for s in block.spans if s.is_missing
            ]
        if self.seen >= begin:
            self.seen = max(self.seen, self.reader.position)
        return lost

    def _note_overtaken(self, begin: int) -> None:
        """Count samples that have come for a stretch which the file had passed without them; a pause has none."""
        if self.track is None or self.reader is None or self.seen >= begin:
            return
        reached = min(int(self.track.report().head), begin)
        self.reader.move(self.seen)
        while self.reader.position < reached:
            block = self.reader.take(min(BLOCK, reached - self.reader.position), reached)
            if not len(block.samples):
                break
            self.overtaken += len(block.samples) - sum(span.samples for span in block.spans)
        self.seen = max(self.seen, reached)


def _quality(side: _Side) -> Quality:
    stats = ReceiverStats() if side.track is None else side.track.stats
    if side.estimated_gap:
        stats = attrs.evolve(stats, estimated_gap=stats.estimated_gap + side.estimated_gap)
    return side.meter.quality(stats, is_concealed=False)


class Capture(Recorded):
    """Records until it is closed; usable in ``with``.

    Args:
        to: The path of a WAV: until the end it is ``path.part``, valid at every moment. Or of a file in another format
            (soundfile), a sink, a function that is called with blocks of samples, an open binary file, or a sequence of
            them.
        said: The left channel: a track, or a function that gives it once it is there.
        heard: The right channel; with only one of the two the file is mono.
        clock: The tracks' clock.
        warn_after: Seconds without any audio before the log says so.
        is_live: Let the writer's thread write as audio comes; otherwise everything is written by ``close``.

    Raises:
        MediaError: The file cannot be written, or there is no track.
    """

    def __init__(
        self,
        to: Target,
        said: Source | None = None,
        heard: Source | None = None,
        *,
        clock: Clock = REAL,
        warn_after: float = 5.0,
        is_live: bool = True,
    ) -> None:
        given = [("said", said), ("heard", heard)]
        self._sides = [_Side(name, source) for name, source in given if source is not None]
        if not self._sides:
            raise MediaError("there is no track to record yet")
        self._clock = clock
        self._pid = os.getpid()
        self._began = clock.now()
        self._warn_after: float | None = warn_after
        # Held while draining, which is done by the writer's thread and, at the end, by whoever closes.
        self._lock = threading.Lock()
        self._first_audio: float | None = None  # guarded by _lock, as all below
        self._alignment = Alignment()
        self._lost: list[LostSpan] = []
        self._closed = False
        self._error: MediaError | None = None
        self._out = Sinks(to, len(self._sides))
        if is_live:
            try:
                keep_draining(self)
            except BaseException:
                self._out.discard()
                raise

    # -- what is known

    @property
    def path(self) -> Path | None:
        """Where the finished file is; the first one of several, None without any."""
        return self._out.path

    @property
    def clock(self) -> Clock:
        """The tracks' clock."""
        return self._clock

    @property
    def closed(self) -> bool:
        """Whether the recording has ended and its file is finished."""
        return self._closed

    @property
    def duration(self) -> float:
        """Seconds received so far, on the recording's own timeline; once closed, those in the file."""
        if self._closed or self._error:
            return self._out.seconds
        longest = self._out.seconds
        for side in self._sides:
            track = side.track
            if track is None or not track.started:
                continue
            head = track.report().head
            first = side.first if side.reader is not None else track.report().start
            end = head - first if side.reader is None else side.end(head)
            longest = max(longest, end / track.rate)
        return longest

    @property
    def quality(self) -> dict[str, Quality]:
        """Statistics of each side, by its name (``said``, ``heard``); levels and times are of what is in the file."""
        with self._lock:
            return {side.name: _quality(side) for side in self._sides}

    @property
    def alignment(self) -> Alignment:
        """How the two sides were laid beside each other."""
        return self._alignment

    @property
    def lost_spans(self) -> list[LostSpan]:
        """What is silent in the file because it never came; the first 10,000 of them."""
        with self._lock:
            return list(self._lost)

    @property
    def overtaken(self) -> dict[str, int]:
        """Samples of each side that came more than three seconds late and are not in the file."""
        return {side.name: side.overtaken for side in self._sides}

    def wait_duration(
        self, seconds: float, timeout: float | None = None, *, is_over: Callable[[], bool] = lambda: False
    ) -> None:
        """Wait until that much has been received, or nothing more will come.

        Args:
            seconds: Of audio.
            timeout: Seconds to wait at most.
            is_over: Says that nothing more will come, where the tracks cannot know.

        Raises:
            TimeoutError: It has not, in time.
        """
        deadline = None if timeout is None else self._clock.now() + timeout
        while self.duration < seconds and not (self._closed or self._all_ended() or is_over()):
            if deadline is not None and self._clock.now() >= deadline:
                raise TimeoutError(f"{self.duration:.2f} of {seconds:.2f} s recorded within {timeout} s")
            self._clock.sleep(0.02)

    def _all_ended(self) -> bool:
        return all(side.track is not None and side.track.ended for side in self._sides)

    # -- writing

    def drain(self) -> None:
        """Write what is ready; called by the writer's thread."""
        with self._lock:
            if self._closed or self._error:
                return
            try:
                self._drain(is_final=False)
            except MediaError as error:
                self._fail(error)

    def _fail(self, error: MediaError) -> None:
        """The disk is full, or the like: what is there gets its name; requires _lock."""
        assert self._lock.locked()
        self._error = error
        stop_draining(self)
        with contextlib.suppress(MediaError):  # the log has it
            self._name_file()

    def _drain(self, is_final: bool) -> None:
        assert self._lock.locked()
        live = [side for side in self._sides if side.resolve() is not None]
        now = self._clock.now()
        if not live:
            self._warn(now)
            return
        self._first_audio = now if self._first_audio is None else self._first_audio
        # Both sides begin within this; after it the first frame of the file is fixed.
        if now - self._first_audio < WINDOW and not is_final and not self._all_ended():
            return
        self._place(live)
        if len(live) == 2:  # one side alone is never corrected
            for side in live:
                side.judge(now, self._out.frames, is_final)
        target = self._target(live, now, is_final)
        while self._out.frames < target:
            bounds = [side.boundary(self._out.frames) for side in live]
            until = min(target, self._out.frames + BLOCK, *(bound for bound in bounds if bound is not None))
            self._write(until - self._out.frames)

    def _warn(self, now: float) -> None:
        if self._warn_after is not None and now - self._began >= self._warn_after:
            self._warn_after = None
            logger.warning("%s: no audio has come for %.0f s", self._out, now - self._began)

    def _target(self, live: list[_Side], now: float, is_final: bool) -> int:
        """How many frames the file may have now."""
        ends, holding = [], []
        for side in live:
            assert side.track is not None
            state = side.track.report()
            end = side.end(int(state.head))
            silent = now - state.last_arrival / 1e9
            if is_final or state.ended or silent > HOLD_BACK:
                ends.append(end)
            else:
                holding.append(end if silent > WINDOW else end - int(WINDOW * side.track.rate))
        return min(holding) if holding else max(ends)

    def _write(self, frames: int) -> None:
        frame, rate, channels = self._out.frames, self._out.rate, len(self._sides)
        out = array.array("h", bytes(2 * frames * channels))
        for channel, side in enumerate(self._sides):
            one = array.array("h", bytes(2 * frames))
            lost = side.fill(one, frame, frames)
            for first, last in lost:
                side.meter.lose(first, last)
                self._note_lost(side.name, first / rate, last / rate)
            side.meter.add(one, rate)
            out[channel::channels] = one
        self._out.write(out)

    def _note_lost(self, side: str, start: float, end: float) -> None:
        if self._lost and self._lost[-1].side == side and abs(self._lost[-1].end - start) < 1e-9:
            self._lost[-1] = LostSpan(side=side, start=self._lost[-1].start, end=end)
        elif len(self._lost) < MOST_SPANS and end > start:
            self._lost.append(LostSpan(side=side, start=start, end=end))

    # -- where each side begins

    def _place(self, live: list[_Side]) -> None:
        """Give a place to sides that have begun since the last drain."""
        new = [side for side in live if side.reader is None]
        if not new:
            return
        rates = {side.track.rate for side in live if side.track is not None}
        if len(rates) > 1:
            raise MediaError(f"the two sides have different rates: {' and '.join(map(str, sorted(rates)))} a second")
        self._out.rate = rates.pop()
        reference = next((side for side in live if side.reader is not None), new[0])
        if reference.reader is None:
            assert reference.track is not None
            reference.place(int(reference.track.report().start))
        for side in new:
            if side.reader is None:
                self._align(side, reference)

    def _align(self, side: _Side, reference: _Side) -> None:
        """Find the position of one side that belongs to the file's first frame."""
        track, other = side.track, reference.track
        assert track is not None
        assert other is not None
        if track.media_clock is not None and track.media_clock is other.media_clock:
            method, error, first = "media clock", CLOCK_ERROR, reference.first
        else:
            ours, theirs = track.report(), other.report()
            begin = theirs.anchor + (reference.first - theirs.origin) * 1e9 / other.rate
            first = int(ours.origin) + round((begin - ours.anchor) / 1e9 * track.rate)
            jitter = (track.stats.jitter_ms + other.stats.jitter_ms) / 1000
            method, error = "arrival", max(CLOCK_ERROR, jitter)
        side.place(first)
        for each in (side, reference):
            each.compare_from(self._clock.now())
        early = first - side.start  # by how much it began before the file does
        if early > 0 and not self._out.frames:
            side.first -= early
            reference.first -= early
        said, heard = (side, reference) if side.name == "said" else (reference, side)
        offset = ((heard.start - heard.first) - (said.start - said.first)) / track.rate
        self._alignment = Alignment(method=method, offset=offset, error=error)

    # -- the end

    def close(self) -> None:
        """Write what has come, and give the file its name. Idempotent.

        Raises:
            MediaError: There was no audio at all, or the file could not be written. Without audio the file is an empty
                WAV, unless there was one of that name: that one is kept.
        """
        self.finish()
        with self._lock:
            error, self._error = self._error, None
        if error is not None:
            raise error

    def finish(self) -> None:
        """The same, but what went wrong is raised by the next ``close``. Idempotent."""
        if os.getpid() != self._pid:
            return  # a forked child leaves its parent's file alone
        stop_draining(self)
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if self._error is not None:
                return
            try:
                self._write_all()
            except MediaError as error:
                self._error = error

    def _write_all(self) -> None:
        """The last of it, and what there is to say about it; requires _lock."""
        assert self._lock.locked()
        try:
            self._drain(is_final=True)
        finally:
            self._name_file()
        for side, samples in self.overtaken.items():
            if samples:
                seconds = samples / self._out.rate
                logger.warning("%s: %.2f s of what was %s came too late and are not in it", self._out, seconds, side)
        if self._first_audio is None:
            raise MediaError(f"no audio came for {self._out}: the sender never reached this address, or was silent")

    def _name_file(self) -> None:
        """Give the file its name; requires _lock. An empty one takes nobody's place."""
        assert self._lock.locked()
        self._out.close()

    def discard(self) -> None:
        """End without a recording: nothing is written, and an existing file of that name is kept. Idempotent."""
        if os.getpid() != self._pid:
            return
        stop_draining(self)
        with self._lock:
            self._closed = True
            self._out.discard()

    def __enter__(self) -> Capture:
        return self

    def __exit__(self, kind: type[BaseException] | None, *args: object) -> None:
        try:
            self.close()
        except MediaError as error:
            if kind is None:
                raise
            logger.warning("%s", error)  # what happened inside the with is the user's to see
