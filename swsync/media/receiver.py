"""What all receivers of audio have in common: frames, blocks, recordings, statistics, and how they end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from swsync.clock import REAL
from swsync.errors import MediaError
from swsync.media.track import Track, TrackReader, wait_any
from swsync.states import FrameState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from swsync.clock import Clock
    from swsync.media.capture import Capture

__all__ = ["Frame", "Receiver"]

R = TypeVar("R", bound="Receiver")

FRAMES_A_SECOND = 50
PLAYOUT_DELAY = 0.06  # seconds that a reader stays behind, so that reordered packets are in place


@attrs.frozen(kw_only=True)
class Frame:
    """Twenty milliseconds of one track; the last one may be shorter.

    Attributes:
        samples: A memoryview of format ``h``; NumPy reads it without a copy.
        timestamp: Media clock of the first sample, in samples: for RTP its timestamp, carried on past 2**32.
        track: The track's name.
        state: ``AUDIO``; ``CONCEALED`` where some of it never came (it is silent there); ``SILENCE`` where the sender
            paused.
    """

    samples: memoryview
    timestamp: int
    track: str
    state: FrameState


class _LiveReader:
    """A reader that stays ``delay`` seconds behind the newest sample, so that late ones can still come."""

    def __init__(self, track: Track, delay: float) -> None:
        self.track = track
        self.skipped = 0  # samples that the last take() found overwritten: this reader was too slow
        self._reader = TrackReader(track)
        self._delay = delay

    def _place(self, state: Any) -> int:
        return self._reader.position if self._reader.placed else int(state.start)

    def due(self, samples: int) -> tuple[bool, int, float | None]:
        """Whether that many may be taken; else up to which position to wait and for how long at most."""
        state = self.track.report()
        if state.ended:
            return True, 0, None
        if not state.started:
            return False, -(2**62), None
        end = self._place(state) + samples
        if state.head >= end + int(self._delay * self.track.rate):
            return True, 0, None
        if state.head < end:
            return False, end, None
        # It is there, but nothing newer says that what is missing in it is lost: let the delay pass.
        at = state.anchor / 1e9 + (end - state.origin) / self.track.rate + self._delay
        left = at - self.track.clock.now()
        return left <= 0, end + int(self._delay * self.track.rate), left

    @property
    def position(self) -> int | None:
        """Of the next sample; None while nothing has come."""
        return self._reader.position if self._reader.begin() else None

    def move(self, position: int) -> None:
        self._reader.move(position)

    def take(self, samples: int) -> Frame | None:
        block = self._reader.take(samples)
        self.skipped = block.skipped
        if not len(block.samples):
            return None
        lost = any(span.is_missing for span in block.spans)
        state = FrameState.CONCEALED if lost else FrameState.SILENCE if block.spans else FrameState.AUDIO
        return Frame(samples=block.samples, timestamp=block.position, track=self.track.name, state=state)


def _await(readers: Mapping[_LiveReader, int], clock: Clock, deadline: float | None) -> _LiveReader | None:
    """The first of some readers that may take the samples it wants; None at the deadline."""
    while True:
        wants, longest = [], None if deadline is None else deadline - clock.now()
        for reader, samples in readers.items():
            is_due, position, left = reader.due(samples)
            if is_due:
                return reader
            wants.append((reader.track, position))
            if left is not None:
                longest = left if longest is None else min(longest, left)
        if deadline is not None and clock.now() >= deadline:
            return None
        wait_any(wants, longest)


class Receiver:
    """The base of all receivers. Its tracks may be there from the start or come with the first media.

    Args:
        clock: Of all its times and waits.
    """

    def __init__(self, *, clock: Clock = REAL) -> None:
        self._clock = clock
        self._pid = os.getpid()
        self._changed = clock.condition()
        self._tracks: dict[str, Track] = {}  # guarded by _changed; only ever grows
        self._has_ended = False  # guarded by _changed
        self._closed = False  # guarded by _changed
        self._blocks: dict[str, _LiveReader] = {}  # guarded by _changed; the places of read()
        self._overruns = 0  # guarded by _changed
        self._recordings: list[Capture] = []  # guarded by _changed

    # -- for subclasses

    def _add_track(self, *tracks: Track) -> None:
        """Make tracks known, all at once: whoever sees one of them sees the others. After ``end`` they end at once."""
        with self._changed:
            self._tracks.update({track.name: track for track in tracks})
            ended = self._has_ended
            self._changed.notify_all()
        for track in tracks if ended else ():
            track.end()

    def _release(self) -> None:
        """Give back sockets and the like, once, after ``end``."""

    def _finish(self) -> None:
        """Take in what has arrived already; the tracks are ended after it."""

    def _check(self) -> None:
        if os.getpid() != self._pid:
            raise MediaError("this receiver belongs to the parent process; make one after the fork")

    # -- for users

    @property
    def device(self) -> dict[str, Any]:
        """What ``call.tap(device=...)`` is given so that the audio comes here."""
        raise MediaError(f"{type(self).__name__} is no device of a tap")

    @property
    def tracks(self) -> dict[str, Track]:
        """The tracks known so far, by name."""
        with self._changed:
            return dict(self._tracks)

    @property
    def closed(self) -> bool:
        """Whether its sockets were given back; what was received can still be read."""
        return self._closed

    @property
    def ended(self) -> bool:
        """Whether no more audio is expected: the end of its tap or stream, ``end`` or ``close``."""
        return self._has_ended

    @property
    def stats(self) -> Any:
        """``ReceiverStats`` of the track; with two tracks a dict of them by name."""
        tracks = self.tracks
        if len(tracks) == 1:
            return next(iter(tracks.values())).stats
        return {name: track.stats for name, track in tracks.items()}

    @property
    def overruns(self) -> int:
        """Samples that ``frames`` and ``read`` could not give, because they were asked for later than ``buffer``."""
        with self._changed:
            return self._overruns

    def wait_audio(self, timeout: float | None = None) -> bool:
        """Wait for the first audio; False if none came in time or before the end."""
        self._check()
        deadline = self._deadline(timeout)
        tracks = self._wait_tracks(timeout)
        if tracks:
            left = None if deadline is None else max(0.0, deadline - self._clock.now())
            wait_any([(track, -(2**62)) for track in tracks], left)
        return any(track.started for track in tracks)

    def _wait_tracks(self, timeout: float | None) -> list[Track]:
        with self._changed:
            self._changed.wait_for(lambda: self._tracks or self._has_ended, timeout)
            return list(self._tracks.values())

    def frames(self, timeout: float | None = None, *, track: str | None = None) -> Iterator[Frame]:
        """The audio in frames of 20 ms as it comes, from the oldest that is still held, until the end.

        With several tracks their frames alternate as they come. Each call has a place of its own.

        Args:
            timeout: Seconds to wait for each frame.
            track: Only this one.

        Raises:
            TimeoutError: No frame came in time.
            MediaError: There is no such track.
        """
        self._check()
        readers: dict[str, _LiveReader] = {}
        done: set[str] = set()
        while True:
            deadline = self._deadline(timeout)
            known = self._wait_tracks_or_raise(timeout)
            if track is not None:
                self._choose(known, track)
            for each in known:
                if track in (None, each.name) and each.name not in readers:
                    readers[each.name] = _LiveReader(each, PLAYOUT_DELAY)
            live = {r: r.track.rate // FRAMES_A_SECOND for name, r in readers.items() if name not in done}
            if not live:
                return
            reader = _await(live, self._clock, deadline)
            if reader is None:
                raise self._too_late(timeout)
            frame = self._take(reader, live[reader])
            if frame is None:
                done.add(reader.track.name)
            else:
                yield frame

    def _wait_tracks_or_raise(self, timeout: float | None) -> list[Track]:
        tracks = self._wait_tracks(timeout)
        if not tracks and not self._has_ended:
            raise self._too_late(timeout)
        return tracks

    def _deadline(self, timeout: float | None) -> float | None:
        return None if timeout is None else self._clock.now() + timeout

    @staticmethod
    def _too_late(timeout: float | None) -> TimeoutError:
        return TimeoutError(f"no audio within {timeout} s")

    def _take(self, reader: _LiveReader, samples: int) -> Frame | None:
        frame = reader.take(samples)
        if reader.skipped:
            with self._changed:
                self._overruns += reader.skipped
        return frame

    def read(self, n: int, track: str | None = None, *, timeout: float | None = None) -> memoryview:
        """The next ``n`` samples, as a memoryview of format ``h``; fewer only at the end.

        What never came is silent. The place is one for all calls of ``read``, which are for one thread at a time.

        Args:
            n: Samples; may be more than the buffer holds.
            track: Which one; required if there are two.
            timeout: Seconds.

        Raises:
            TimeoutError: They did not come in time; the place has not moved.
            MediaError: There are several tracks and none was named, or the name is unknown.
            ValueError: ``n`` is below zero.
        """
        self._check()
        if n < 0:
            raise ValueError(f"n is a number of samples, not {n!r}")
        deadline = self._deadline(timeout)
        name = self._choose(self._wait_tracks_or_raise(timeout), track)
        if name is None:
            return memoryview(b"").cast("h")
        with self._changed:
            reader = self._blocks.setdefault(name, _LiveReader(self._tracks[name], PLAYOUT_DELAY))
        begin, parts = None, bytearray()
        while len(parts) < 2 * n:
            # A second at a time: all of it at once may be more than the buffer holds.
            samples = min(n - len(parts) // 2, reader.track.rate)
            if _await({reader: samples}, self._clock, deadline) is None:
                if begin is not None:
                    reader.move(begin)
                raise self._too_late(timeout)
            begin = reader.position if begin is None else begin
            frame = self._take(reader, samples)
            if frame is None:
                break
            parts += frame.samples
        return memoryview(parts).cast("h")

    @staticmethod
    def _choose(tracks: list[Track], name: str | None) -> str | None:
        names = [track.name for track in tracks]
        if name is None and len(names) > 1:
            raise MediaError(f"there are several tracks ({', '.join(names)}); name one with track=")
        if name is not None and names and name not in names:
            raise MediaError(f"there is no track {name!r}; there is {', '.join(names)}")
        return name or (names[0] if names else None)

    def save(self, path: str | Path) -> float:
        """Write what the buffer holds now into a WAV: one track mono, two stereo. Returns its seconds.

        Raises:
            MediaError: There is nothing to write, or it cannot be written there.
        """
        self._check()
        from swsync.media.capture import Capture

        saved = Capture(path, **self._sides(), clock=self._clock, is_live=False)
        saved.close()
        return saved.duration

    def record(self, path: str | Path) -> Capture:
        """Record what the buffer holds, and from now on, into a WAV.

        It is finished by ``close`` of what is returned, which tells what went wrong, or of this receiver.

        Raises:
            MediaError: It cannot be written there.
        """
        self._check()
        from swsync.media.capture import Capture

        recording = Capture(path, **self._sides(), clock=self._clock)
        with self._changed:
            self._recordings = [*(other for other in self._recordings if not other.closed), recording]
        return recording

    def _sides(self) -> dict[str, Any]:
        """Which track is ``said`` and which ``heard`` (or functions that give them later)."""
        return dict(zip(("said", "heard"), self.tracks.values(), strict=False))

    def end(self, reason: str = "") -> None:
        """No more audio is expected: ``frames`` and ``read`` give what is there and end. Idempotent."""
        if os.getpid() != self._pid:
            return
        with self._changed:
            already, self._has_ended = self._has_ended, True
            tracks = list(self._tracks.values())
            self._changed.notify_all()
        try:
            if not already:
                self._finish()
        finally:
            for track in tracks:
                track.end(reason)

    def close(self) -> None:
        """End, finish what is being recorded, and give back sockets and threads. Idempotent.

        What was received can still be read and saved.
        """
        if os.getpid() != self._pid:
            return  # a forked child touches nothing of its parent's
        self.end("closed")
        with self._changed:
            already, self._closed = self._closed, True
            recordings, self._recordings = self._recordings, []
        try:
            if not already:
                self._release()
        finally:
            for recording in recordings:
                recording.finish()

    def __enter__(self: R) -> R:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()
