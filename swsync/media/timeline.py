"""A recording's timeline and the file's: pauses that are skipped lie on the one and not on the other."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from swsync.media.quality import LostSpan

__all__ = ["Skips", "Spans"]

MOST_SPANS = 10_000


@attrs.define
class _Skip:
    begin: float  # seconds of the recording's clock, as the next one
    end: float | None = None  # None: it goes on
    first: int | None = None  # the frames of both, once there is a timeline
    last: int | None = None


class Skips:
    """The stretches of the timeline that are left out of the file. Not for use by two threads at once."""

    def __init__(self) -> None:
        self._waiting: list[_Skip] = []  # in order, not passed yet
        self._passed: list[tuple[int, int]] = []  # frames

    def begin(self, now: float) -> None:
        """From now on everything is left out."""
        self._waiting.append(_Skip(now))

    def end(self, now: float) -> None:
        """Up to now."""
        self._waiting[-1].end = now

    def locate(self, frame_of: Callable[[float], int]) -> None:
        """Find the frames of times, while the clocks are as they were then."""
        for skip in self._waiting:
            if skip.first is None:
                skip.first = max(0, frame_of(skip.begin))
            if skip.last is None and skip.end is not None:
                skip.last = max(skip.first, frame_of(skip.end))

    def limit(self, frame: int) -> int | None:
        """From ``frame`` on, the next one that is not for the file; None if all are."""
        if not self._waiting or self._waiting[0].first is None:
            return None
        return max(frame, self._waiting[0].first)

    def jump(self, frame: int) -> int | None:
        """At a limit: the frame to go on at; None while that is not known."""
        skip = self._waiting[0]
        if skip.last is None:
            return None
        to = max(frame, skip.last)
        self._passed.append((frame, to))  # first: whoever looks meanwhile sees too little, never too much
        self._waiting.pop(0)
        return to

    def in_file(self, frame: int) -> int:
        """Where in the file a frame of the timeline lies. For any thread."""
        waiting = [(skip.first, frame if skip.last is None else skip.last) for skip in tuple(self._waiting)]
        known = [(first, last) for first, last in waiting if first is not None]
        return frame - sum(min(frame, last) - first for first, last in (*known, *self._passed) if frame > first)


class Spans:
    """Stretches of the file, by side; the first 10,000 of each."""

    def __init__(self) -> None:
        self._found: dict[str, list[tuple[int, int]]] = {}

    def add(self, side: str, first: int, last: int) -> None:
        """From one frame of the file to another; where two touch they are one."""
        known = self._found.setdefault(side, [])
        if known and known[-1][1] == first:
            known[-1] = known[-1][0], last
        elif len(known) < MOST_SPANS and last > first:
            known.append((first, last))

    def told(self, rate: int) -> list[LostSpan]:
        """All of them in order, in seconds."""
        found = [
            LostSpan(side=side, start=first / rate, end=last / rate)
            for side, known in self._found.items() for first, last in known
        ]  # fmt: skip
        return sorted(found, key=lambda span: (span.start, span.side != "said"))
