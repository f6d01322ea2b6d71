"""What a batch job is allowed to do: its settings, checked before anybody is called."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import timezone
from typing import Any

import attrs

from swsync.batch.ledger import Limits
from swsync.batch.numbers import E164, check_prefixes, check_region
from swsync.batch.windows import DAYS, Hours, zone_of
from swsync.errors import ConfigurationError

__all__ = ["NO_NOTICE", "Job"]

SHORTEST_RING = 15
NO_NOTICE = "none"
"""For ``recording_notice``: nobody is told that the call is recorded, and you have the right to do that."""


def _positive(instance: Any, attribute: Any, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e9:
        raise ConfigurationError(f"{attribute.name} must be a number above zero, not {value!r}")


def _cap(instance: Any, attribute: Any, value: Any) -> None:
    if value is not None:
        _positive(instance, attribute, value)


def _words(instance: Any, attribute: Any, value: Any) -> None:
    if not isinstance(value, str):
        raise ConfigurationError(f"{attribute.name} must be text, not {value!r}")


def _waits(instance: Any, attribute: Any, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise ConfigurationError(f'{attribute.name} is seconds by outcome, such as {{"busy": 600}}, not {value!r}')
    for outcome, seconds in value.items():
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds < 1e9:
            raise ConfigurationError(f"{attribute.name}[{outcome!r}] must be a number of seconds, not {seconds!r}")


def _span(instance: Any, attribute: Any, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e9:
        raise ConfigurationError(f"{attribute.name} must be a number of seconds, not {value!r}")


def _path(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _tuple(value: Any) -> tuple[str, ...]:
    found = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, Iterable) else (value,)
    if not all(isinstance(each, str) for each in found):
        raise ConfigurationError(f"prefixes and days are lists of text, not {value!r}")
    return found


@attrs.frozen(kw_only=True)
class Job:
    """The settings of a job.

    Attributes:
        from_number: The number that is shown, E.164.
        prefixes: What may be dialed, such as ``["+1202", "+44"]``. Required.
        region: The country (ISO 3166) of numbers that are written without one.
        number: The column of the numbers.
        zone: The column of IANA time zones.
        default_zone: The zone of rows that name none; without it they are not dialed.
        consent: The column that says whether they agreed (yes, true, 1, y, on).
        consent_waived_by: Who answers for calling without such a column.
        start: First start of the day, local time of the row.
        end: End of the day; the last start is earlier by the ring timeout.
        days: Days of the week.
        rate: Calls a second, over all processes of the ledger.
        concurrency: Calls at once, of this process.
        ring_timeout: Seconds to ring, 15 at least.
        max_duration: Seconds that a call lasts at most.
        attempts: Dials to one number in ``attempt_window``, over all jobs of the ledger.
        attempt_window: Seconds.
        max_attempts: Dials of one row, with its retries.
        retry: Seconds until the next attempt by outcome, such as ``{"busy": 600, "noAnswer": 3600, "machine": 14400}``.
        max_calls: Dials of the whole job.
        max_minutes: Minutes of talk of the whole job.
        max_cost: Money of the whole job; needs ``cost_per_minute``.
        cost_per_minute: What a minute costs, as you pay it.
        opt_out: The key with which a person is never called again, or "" for none.
        recordings: A directory: each answered call is recorded there. Needs ``recording_notice``.
        recording_notice: What is said first in calls that are recorded, or its address; ``NO_NOTICE`` for nothing.
        wait: Seconds that ``run`` waits for rows that are not due yet before it ends.
    """

    from_number: str = attrs.field(validator=_words)
    prefixes: tuple[str, ...] = attrs.field(default=(), converter=_tuple)
    region: str | None = attrs.field(default=None, converter=check_region)
    number: str = attrs.field(default="number", validator=_words)
    zone: str = attrs.field(default="zone", validator=_words)
    default_zone: str = attrs.field(default="", validator=_words)
    consent: str = attrs.field(default="consent", validator=_words)
    consent_waived_by: str = attrs.field(default="", validator=_words)
    start: str = "09:00"
    end: str = "20:00"
    days: tuple[str, ...] = attrs.field(default=DAYS, converter=_tuple)
    rate: float = attrs.field(default=1.0, validator=_positive)
    concurrency: int = attrs.field(default=10, validator=_positive)
    ring_timeout: int = attrs.field(default=30, validator=_positive)
    max_duration: int = attrs.field(default=300, validator=_positive)
    attempts: int = attrs.field(default=1, validator=_positive)
    attempt_window: float = attrs.field(default=86_400.0, validator=_positive)
    max_attempts: int = attrs.field(default=3, validator=_positive)
    retry: Mapping[str, float] = attrs.field(factory=dict, validator=_waits)
    max_calls: int | None = attrs.field(default=None, validator=_cap)
    max_minutes: float | None = attrs.field(default=None, validator=_cap)
    max_cost: float | None = attrs.field(default=None, validator=_cap)
    cost_per_minute: float | None = attrs.field(default=None, validator=_cap)
    opt_out: str = attrs.field(default="9", validator=_words)
    recordings: str = attrs.field(default="", converter=_path, validator=_words)
    recording_notice: str = attrs.field(default="", validator=_words)
    wait: float = attrs.field(default=900.0, validator=_span)

    def __attrs_post_init__(self) -> None:
        check_prefixes(self.prefixes)
        if not E164.fullmatch(self.from_number):
            raise ConfigurationError(f"from_number must be E.164, such as +12025550199, not {self.from_number!r}")
        if self.ring_timeout < SHORTEST_RING:
            raise ConfigurationError(f"ring_timeout must be {SHORTEST_RING} s at least: people need time to answer")
        if self.max_cost is not None and self.cost_per_minute is None:
            raise ConfigurationError("max_cost needs cost_per_minute: what you pay for a minute")
        if len(self.opt_out) > 1 or self.opt_out not in "0123456789*#":
            raise ConfigurationError(f"opt_out must be one key, or '' for none, not {self.opt_out!r}")
        if self.recordings and not self.recording_notice:
            raise ConfigurationError(
                "calls that are recorded need recording_notice= with what is said first, or NO_NOTICE if nothing is"
            )
        if not (self.consent or self.consent_waived_by):
            raise ConfigurationError(
                "name the column that says who agreed to be called (consent=), or who answers for calling without one "
                "(consent_waived_by='Jane Doe')"
            )
        if self.default_zone and zone_of(self.default_zone) is None:
            raise ConfigurationError(
                f"default_zone is an IANA zone, such as 'Europe/Berlin', not {self.default_zone!r}"
            )
        self.hours.next_start(0.0, timezone.utc, self.ring_timeout)  # raises if they leave no room

    @property
    def hours(self) -> Hours:
        """When calls may start."""
        return Hours(self.start, self.end, tuple(self.days))

    @property
    def limits(self) -> Limits:
        """What the ledger checks before each dial."""
        return Limits(
            attempts=int(self.attempts),
            window=self.attempt_window,
            calls=self.max_calls,
            seconds=None if self.max_minutes is None else self.max_minutes * 60,
            cost=self.max_cost,
        )

    def as_dict(self) -> dict[str, Any]:
        """The form that the ledger keeps."""
        return attrs.asdict(self)

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Job:
        """Read it back; settings of a newer swsync are an error."""
        known = {field.name for field in attrs.fields(cls)}
        unknown = set(settings) - known
        if unknown:
            raise ConfigurationError(f"this swsync does not know the settings {', '.join(sorted(unknown))}: update it")
        return cls(**dict(settings))
