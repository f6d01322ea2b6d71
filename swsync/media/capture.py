"""Recording one or two tracks into a WAV: each on its own media clock, two of them laid beside each other.

The left channel is what was said, the right one what was heard. Nothing is concealed: what never came is silence, and
is listed. One side is never corrected; how the second was laid beside the first is in ``alignment``.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from swsync.clock import REAL, seconds_of
from swsync.errors import MediaError
from swsync.media.layout import Layout
from swsync.media.recorded import Recorded
from swsync.media.side import Side, Source
from swsync.media.sinks import Sinks
from swsync.media.track import MUTE_GUARD
from swsync.media.wav import keep_draining, stop_draining
from swsync.media.writing import Writing

if TYPE_CHECKING:
    from pathlib import Path

    from swsync.clock import Clock
    from swsync.media.quality import Alignment, LostSpan, Quality, Skew
    from swsync.media.sinks import Target

__all__ = ["Capture"]

logger = logging.getLogger(__name__)

DRIFTS = ("keep", "correct")
BEHAVIORS = ("silence", "skip")


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
        drift: ``keep`` leaves both sides as they were sent; ``correct`` puts silence into what was heard, or takes some
            out, where it is silent, so that it stays beside what was said.

    Raises:
        MediaError: The file cannot be written, or there is no track.
        ValueError: There is no such ``drift``.
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
        drift: str = "keep",
    ) -> None:
        if drift not in DRIFTS:
            raise ValueError(f"drift must be one of {', '.join(DRIFTS)}, not {drift!r}")
        given = [("said", said), ("heard", heard)]
        self._sides = [Side(name, source) for name, source in given if source is not None]
        if not self._sides:
            raise MediaError("there is no track to record yet")
        self._clock = clock
        self._pid = os.getpid()
        self._began = clock.now()
        self._warn_after: float | None = warn_after
        # Held while draining, which is done by the writer's thread and, at the end, by whoever closes.
        self._lock = threading.Lock()
        self._first_audio: float | None = None  # guarded by _lock, as all below
        self._layout = Layout(self._sides, is_corrected=drift == "correct")
        self._paused: str | None = None  # the behavior
        self._closed = False
        self._error: MediaError | None = None
        self._out = Sinks(to, len(self._sides))
        self._writing = Writing(self._sides, self._out, self._layout.correct)
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
    def paused(self) -> bool:
        """Whether ``pause`` holds."""
        return self._paused is not None

    @property
    def duration(self) -> float:
        """Seconds received so far, without skipped pauses; once closed, those in the file."""
        longest = self._out.seconds
        if self._closed or self._error:
            return longest
        for side in self._sides:
            if side.track is not None and side.is_live:
                longest = max(longest, self._writing.skips.in_file(side.end()) / side.track.rate)
        return longest

    @property
    def quality(self) -> dict[str, Quality]:
        """Statistics of each side, by its name (``said``, ``heard``); levels and times are of what is in the file."""
        with self._lock:
            return {side.name: side.quality() for side in self._sides}

    @property
    def alignment(self) -> Alignment:
        """How the two sides were laid beside each other."""
        return self._layout.alignment

    @property
    def skew(self) -> Skew:
        """How the two sides drift against each other, as measured so far."""
        with self._lock:
            return self._layout.skew

    @property
    def lost_spans(self) -> list[LostSpan]:
        """What is silent in the file because it had not come when it was due; the first 10,000 of each side."""
        with self._lock:
            return self._writing.lost.told(self._out.rate)

    @property
    def late_spans(self) -> list[LostSpan]:
        """What is silent in the file because the file had waited three seconds for it, and then it came."""
        with self._lock:
            return self._writing.late.told(self._out.rate)

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
        deadline = None if timeout is None else self._clock.now() + seconds_of(timeout)
        while self.duration < seconds and not (self._closed or self._all_ended() or is_over()):
            if deadline is not None and self._clock.now() >= deadline:
                raise TimeoutError(f"{self.duration:.2f} of {seconds:.2f} s recorded within {timeout} s")
            self._clock.sleep(0.02)

    def _all_ended(self) -> bool:
        return all(side.has_ended for side in self._sides)

    # -- what must not be recorded

    def pause(self, behavior: str = "silence") -> None:
        """From now on keep nothing of what comes, until ``resume``: somebody says the number of a card.

        It goes nowhere: into no sink, no statistics of levels, and not into the buffer of the receiver, so that whoever
        else reads these tracks hears silence too. Pausing twice is pausing once.

        Args:
            behavior: ``silence`` has the file be silent for so long; ``skip`` leaves the time out.

        Raises:
            ValueError: There is no such behavior.
        """
        if behavior not in BEHAVIORS:
            raise ValueError(f"behavior must be one of {', '.join(BEHAVIORS)}, not {behavior!r}")
        with self._lock:
            if self._closed or self._paused is not None:
                return
            self._paused = behavior
            for side in self._sides:
                side.mute()
            if behavior == "skip":
                self._writing.skips.begin(self._clock.now())
                self._locate()

    def resume(self) -> None:
        """Go on with what is said from now on.

        What was said before it stays out, however late it comes, as do the next 0.2 seconds: they may have been under
        way already. Without a pause it does nothing.
        """
        with self._lock:
            self._end_pause()

    def _end_pause(self) -> None:
        behavior, self._paused = self._paused, None
        if behavior is None:
            return
        for side in self._sides:
            side.unmute()
        if behavior == "skip" and not self._closed:
            self._writing.skips.end(self._clock.now() + MUTE_GUARD)
            self._locate()

    def _locate(self) -> None:
        """Find where pauses lie, once there is a timeline."""
        placed = next((side for side in self._sides if side.is_placed), None)
        if placed is not None:
            self._writing.skips.locate(placed.frame_at)

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
        if not is_final and not self._all_ended() and self._layout.is_early(live, now, self._first_audio):
            return
        self._out.rate = self._layout.place(live, now, self._writing.frame)
        self._locate()
        if len(live) == 2:  # one side alone is never corrected
            self._layout.judge(live, now, self._writing.frame, is_final)
        self._writing.write(live, now, is_final)

    def _warn(self, now: float) -> None:
        if self._warn_after is not None and now - self._began >= self._warn_after:
            self._warn_after = None
            logger.warning("%s: no audio has come for %.0f s", self._out, now - self._began)

    # -- the end

    def close(self) -> None:
        """Write what has come, and give the file its name. Idempotent.

        Raises:
            MediaError: There was no audio at all, or the file could not be written. Without audio the file is an empty
                WAV, unless there was one of that name: that one is kept.
        """
        self.finish()
        if os.getpid() != self._pid:
            return
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
            try:
                if self._error is None:
                    self._write_all()
            except MediaError as error:
                self._error = error
            finally:
                self._end_pause()

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
            self._end_pause()
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
