"""When a call may start: daily hours in each row's own time zone. What is not known is refused."""

from __future__ import annotations

import functools
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo

import attrs

from swsync.errors import ConfigurationError

__all__ = ["Hours", "zone_of"]

STEP = timedelta(minutes=15)  # clock changes happen on such steps
AHEAD = 16  # days: a clock change may skip the only hours of a week
NO_PLACE = ("Factory", "localtime", "posixrules")  # files beside the zones that say nothing of where somebody is
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class _Span(NamedTuple):
    start: time
    end: time


@functools.lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo | None:
    """The IANA time zone of that name, or None if this machine knows none."""
    if name in NO_PLACE or name.startswith(("right/", "posix/")):
        return None
    try:
        return ZoneInfo(name) if name else None
    except (OSError, ValueError):  # ZoneInfoNotFoundError is a KeyError only on paper: it comes with bad names too
        return None
    except KeyError:
        return None


def _time(text: str) -> time:
    try:
        return time.max if text == "24:00" else datetime.strptime(text, "%H:%M").time()
    except (ValueError, TypeError):
        raise ConfigurationError(f"a time of day is HH:MM, such as '09:00', not {text!r}") from None


@attrs.frozen
class Hours:
    """The hours of a day in which calls start and ring.

    Args:
        start: ``HH:MM``.
        end: ``HH:MM``, after ``start``; ``24:00`` is the end of the day.
        days: The days of the week, ``mon`` to ``sun``.
    """

    start: str = "09:00"
    end: str = "20:00"
    days: tuple[str, ...] = DAYS

    def __attrs_post_init__(self) -> None:
        if not _time(self.start) < _time(self.end):
            raise ConfigurationError(f"calling hours must end after they start, not {self.start} to {self.end}")
        unknown = set(self.days) - set(DAYS)
        if unknown or not self.days:
            raise ConfigurationError(f"days of the week are {', '.join(DAYS)}, not {', '.join(sorted(unknown))!r}")

    def allows(self, moment: float, zone: tzinfo, ring: float) -> bool:
        """Whether a call may start at ``moment`` (seconds since 1970) and ring for ``ring`` seconds."""
        first, last = (datetime.fromtimestamp(m, timezone.utc).astimezone(zone) for m in (moment, moment + ring))
        return first.date() == last.date() and self._holds(first) and self._holds(last, at_end=True)

    def _holds(self, local: datetime, at_end: bool = False) -> bool:
        span = _Span(_time(self.start), _time(self.end))
        wall = local.time()
        inside = span.start <= wall <= span.end if at_end else span.start <= wall < span.end
        return inside and DAYS[local.weekday()] in self.days

    def next_start(self, moment: float, zone: tzinfo, ring: float) -> float:
        """The first moment from ``moment`` on at which a call may start.

        Raises:
            ConfigurationError: There is none within 16 days: the hours are shorter than the ringing.
        """
        if self.allows(moment, zone, ring):
            return moment
        local = datetime.fromtimestamp(moment, timezone.utc).astimezone(zone)
        for ahead in range(AHEAD):
            opening = self._opening(local.date() + timedelta(days=ahead), zone)
            for step in range(9):  # an opening in the hour that a clock change skips moves behind it
                candidate = (opening + step * STEP).timestamp()
                if candidate >= moment and self.allows(candidate, zone, ring):
                    return candidate
        raise ConfigurationError(f"the hours {self.start} to {self.end} leave no room for {ring:g} s of ringing")

    def _opening(self, day: date, zone: tzinfo) -> datetime:
        return datetime.combine(day, _time(self.start), zone).astimezone(timezone.utc)
