"""The referee: counts rings by number, and finds calls that nobody looks after."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from .call import LocalCall
    from .core import Core

__all__ = ["Orphan", "Referee", "Report"]


@attrs.frozen(kw_only=True)
class Orphan:
    """A call without a client for some of its time.

    Attributes:
        call_id: Which.
        number: Whose telephone.
        state: Its state now.
        seconds: How long it was answered while its client was not connected: dead air, and paid.
        is_up: Whether it is up now, and its client is still away.
    """

    call_id: str
    number: str
    state: str
    seconds: float
    is_up: bool


@attrs.frozen(kw_only=True)
class Report:
    """What the referee saw.

    Attributes:
        rings: How often each number's telephone rang; inbound calls do not count.
        calls: How many calls there were, in both directions.
        answered: How many of them were answered.
        up: How many are still up.
        ends: How many ended for each reason.
        orphans: Calls that were without a client for a while, longest first.
        dead_air: Seconds of all orphans together.
    """

    rings: dict[str, int]
    calls: int
    answered: int
    up: int
    ends: dict[str, int]
    orphans: list[Orphan]
    dead_air: float

    @property
    def rung_twice(self) -> dict[str, int]:
        """The numbers that rang more than once."""
        return {number: count for number, count in self.rings.items() if count > 1}

    def __str__(self) -> str:
        rings = sum(self.rings.values())
        lines = [
            f"{rings} rings at {len(self.rings)} numbers, {len(self.rung_twice)} of them more than once",
            f"{self.calls} calls, {self.answered} answered, {self.up} still up",
            f"{len(self.orphans)} orphans, {self.dead_air:.1f} s of dead air",
        ]
        return "\n".join(lines)


class Referee:
    """Looks at all calls of a relay; any thread may ask. The last 10,000 calls count.

    Args:
        core: The relay.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    def report(self) -> Report:
        """Return what was seen until now."""
        return self._core.loop.ask(self._report)

    def rings(self, number: str) -> int:
        """Return how often a number's telephone rang."""
        return self.report().rings.get(number, 0)

    def starts(self, number: str | None = None) -> list[float]:
        """Return when calls to a number (or to all) began to ring, in seconds of the relay's clock, oldest first."""
        calls: list[LocalCall] = self._core.loop.ask(list, self._core.history)
        return [c.created_at for c in calls if c.direction == "outbound" and number in (None, c.callee.number)]

    def _report(self) -> Report:
        calls = list(self._core.history)
        found = (self._orphan(call) for call in calls if call.session is not None)
        orphans = sorted((o for o in found if o is not None), key=lambda orphan: -orphan.seconds)
        return Report(
            rings=dict(Counter(call.callee.number for call in calls if call.direction == "outbound")),
            calls=len(calls),
            answered=sum(call.answered_at is not None for call in calls),
            up=sum(call.is_active for call in calls),
            ends=dict(Counter(call.end_reason for call in calls if not call.is_active)),
            orphans=orphans,
            dead_air=round(sum(orphan.seconds for orphan in orphans), 3),
        )

    def _orphan(self, call: LocalCall) -> Orphan | None:
        assert call.session is not None
        last, away = call.now(), call.session.away
        is_up = call.is_active and bool(away) and away[-1][1] is None
        seconds = 0.0
        if call.answered_at is not None:
            for begin, end in away:
                until = last if end is None else min(last, end)
                seconds += max(0.0, until - max(begin, call.answered_at))
        if not seconds and not is_up:
            return None
        return Orphan(
            call_id=call.call_id, number=call.callee.number, state=call.state, seconds=round(seconds, 3), is_up=is_up
        )
