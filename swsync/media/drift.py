"""How two media clocks drift apart, and what can be done against it without touching speech."""

from __future__ import annotations

import collections
import math
import statistics
from typing import TYPE_CHECKING

from swsync.media.alignment import RESOLUTION, pair
from swsync.media.quality import Skew

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swsync.media.track import Track

__all__ = ["Drift", "find_silence"]

EVERY = 2.0  # seconds between two looks: as long as the arrivals' minimum is of
LOOKS = 9  # of which the middle one counts: a network that is slow for a while is no drift
ENOUGH = 5  # looks before anything is corrected
TOLERANCE = 0.004  # seconds of drift that stay
STEP = 0.01  # seconds inserted or dropped at a time, at most
QUIET_RUN = 0.04  # seconds of silence that a correction needs
SILENT = 64  # samples no louder than this, 54 dB below full scale, are silence


class Drift:
    """Looks at two tracks every two seconds: the left one is the reference, the right one drifts.

    Not for use by two threads at once.
    """

    def __init__(self, left: Track, right: Track) -> None:
        self._left, self._right = left, right
        self._looks: collections.deque[float] = collections.deque(maxlen=LOOKS)  # seconds the right side is behind
        self._line = _Line()
        self._best = Skew()
        self._history: object = None  # what a new line begins with
        self._looked = self._last = -math.inf  # when the last look was; when what it saw was so
        self.inserted = self.dropped = 0  # samples of the right side

    def look(self, left_first: int, right_first: int, moved: int) -> None:
        """Compare the clocks, if it is time to.

        Args:
            left_first: Position of the left track at the recording's first frame.
            right_first: That of the right one, as it is laid now.
            moved: Anything that changes when a side has been laid anew by arrival.
        """
        now = min(track.report().last_arrival for track in (self._left, self._right)) / 1e9
        if now < self._looked + EVERY:
            return
        self._looked = now
        found = pair(self._right, self._left)
        if found.at < self._last + EVERY:  # no other report since
            return
        self._last = found.at
        history = (found.source, moved, _jumps(self._left), _jumps(self._right))
        if history != self._history:  # another clock, or another place on it: what was before says nothing of it
            self._best, self._line, self._history = self._skew(), _Line(), history
            self._looks.clear()
        behind = (found.position(left_first) - right_first) / found.rate
        self._looks.append(behind)
        self._line.add(found.at, behind + (self.dropped - self.inserted) / found.rate)

    def due(self) -> int:
        """Samples of the right side to leave out (above 0) or to add (below 0) now."""
        if len(self._looks) < ENOUGH:
            return 0
        behind = statistics.median(self._looks)
        if abs(behind) <= TOLERANCE:
            return 0
        return round(max(-STEP, min(STEP, behind)) * self._right.rate)

    def note(self, samples: int) -> None:
        """That much was left out, or added."""
        self.dropped += max(0, samples)
        self.inserted += max(0, -samples)
        moved = samples / self._right.rate
        self._looks = collections.deque((behind - moved for behind in self._looks), maxlen=LOOKS)

    def skew(self) -> Skew:
        """What is known of it by now."""
        known = min(self._best, self._skew(), key=lambda skew: skew.error)
        return Skew(ppm=known.ppm, error=known.error, source=known.source, inserted=self.inserted, dropped=self.dropped)

    def _skew(self) -> Skew:
        source = self._history[0] if isinstance(self._history, tuple) else "none"
        if source == "stream":
            return Skew(ppm=0.0, error=0.0, source=source)
        slope, error = self._line.slope()
        return Skew(ppm=1e6 * slope, error=1e6 * error, source=source)


def _jumps(track: Track) -> tuple[int, int]:
    """What changes when the timeline went on by arrival."""
    stats = track.stats
    return stats.rebased, stats.estimated_gap


class _Line:
    """A straight line through points, by least squares, in constant memory."""

    def __init__(self) -> None:
        self._n = 0
        self._from = (0.0, 0.0)  # sums are relative to the first point
        self._end = 0.0
        self._x = self._y = self._xx = self._xy = self._yy = 0.0

    def add(self, x: float, y: float) -> None:
        if not self._n:
            self._from = x, y
        x, y = x - self._from[0], y - self._from[1]
        self._n += 1
        self._end = x
        self._x += x
        self._y += y
        self._xx += x * x
        self._xy += x * y
        self._yy += y * y

    def slope(self) -> tuple[float, float]:
        """The slope, and twice its standard error with what a point's resolution leaves open."""
        n = self._n
        if n < 3 or self._end <= 0:
            return 0.0, math.inf
        xx, xy, yy = (self._xx - self._x**2 / n, self._xy - self._x * self._y / n, self._yy - self._y**2 / n)
        slope = xy / xx
        scatter = max(0.0, yy - slope * xy) / (n - 2)
        return slope, 2 * math.sqrt(scatter / xx) + RESOLUTION / self._end


def find_silence(samples: Sequence[int], rate: int, length: int) -> int | None:
    """Where in a block ``length`` samples may go: in the middle of silence that is long enough; None without any."""
    step = rate // 100
    need = max(length, 0) // step + 1 + round(QUIET_RUN * 100)
    run = 0
    for at in range(0, len(samples) - step + 1, step):
        part = samples[at : at + step]
        run = run + 1 if max(part) <= SILENT and min(part) >= -SILENT else 0
        if run == need:
            return at + step - need * step + 2 * step
    return None
