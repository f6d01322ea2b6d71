"""What is written of a recording: its sides side by side, frame by frame, without the pauses that are skipped."""

from __future__ import annotations

import array
from typing import TYPE_CHECKING

from swsync.media.timeline import Skips, Spans
from swsync.media.track import WINDOW

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from swsync.media.side import Side
    from swsync.media.sinks import Sinks

__all__ = ["Writing"]

BLOCK = 8000  # frames written at a time
HOLD_BACK = 3.0  # seconds that the file waits for a side that has gone silent, before it goes on without


class Writing:
    """Takes the sides' samples to the sinks. Not for use by two threads at once.

    Args:
        sides: In the order of the channels.
        out: Where they go.
        before: Called with the frame, and the number of frames, that come next.

    Attributes:
        frame: Of the timeline, up to where it has been written.
        lost: What had not come when it was due.
        late: What of it came afterwards.
    """

    def __init__(self, sides: Sequence[Side], out: Sinks, before: Callable[[int, int], object]) -> None:
        self.frame = 0
        self.skips = Skips()
        self.lost, self.late = Spans(), Spans()
        self._sides, self._out, self._before = sides, out, before

    def write(self, live: Sequence[Side], now: float, is_final: bool) -> None:
        """Write all that is ready.

        Raises:
            MediaError: No sink is left.
        """
        target = _target(live, now, is_final)
        while self.frame < target:
            limit = self.skips.limit(self.frame)
            if limit == self.frame:
                to = self.skips.jump(self.frame)
                if to is None:
                    return
                self.frame = to
                for side in live:
                    side.skip(to)
                continue
            until = min(target, self.frame + BLOCK, target if limit is None else limit)
            self._before(self.frame, until - self.frame)
            bounds = [side.boundary(self.frame) for side in live]
            self._write(min([until, *(bound for bound in bounds if bound is not None)]) - self.frame)

    def _write(self, frames: int) -> None:
        rate, channels = self._out.rate, len(self._sides)
        to_file = self._out.frames - self.frame
        out = array.array("h", bytes(2 * frames * channels))
        for channel, side in enumerate(self._sides):
            one = array.array("h", bytes(2 * frames)) if channels > 1 else out
            lost, late = side.fill(one, self.frame)
            for first, last in lost:
                side.meter.lose(first, last)
                self.lost.add(side.name, first + to_file, last + to_file)
            for first, last in late:
                self.late.add(side.name, self.skips.in_file(first), self.skips.in_file(last))
            side.meter.add(one, rate)
            if channels > 1:
                out[channel::channels] = one
        self._out.write(out)
        self.frame += frames


def _target(live: Sequence[Side], now: float, is_final: bool) -> int:
    """How far the timeline may be written now."""
    ends, holding = [], []
    for side in live:
        assert side.track is not None
        state, end = side.track.report(), side.end()
        silent = now - state.last_arrival / 1e9
        if is_final or state.ended or silent > HOLD_BACK:
            ends.append(end)
        else:
            holding.append(end if silent > WINDOW else end - int(WINDOW * side.track.rate))
    return min(holding) if holding else max(ends)
