"""What stands between a row and the first ring: number, consent, zone and hours."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from swsync.batch.job import Job
from swsync.batch.ledger import NewRow
from swsync.batch.numbers import as_e164
from swsync.batch.windows import zone_of

__all__ = ["Guard", "Verdict"]

YES = frozenset({"1", "y", "yes", "true", "t", "on"})


@attrs.frozen
class Verdict:
    """What may be done with a row now: all is "" and 0 if it may be dialed.

    Attributes:
        skip: Why it must not be dialed at all.
        until: When it may be dialed, in seconds since 1970.
    """

    skip: str = ""
    until: float = 0.0


class Guard:
    """The rules of one job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._hours = job.hours

    def admit(self, cells: Mapping[str, str]) -> NewRow:
        """Turn the cells of one line into a row; ``skip`` says why it must not be dialed."""
        job = self._job
        text = cells.get(job.number, "")
        number = as_e164(text, job.region, job.prefixes)
        zone = cells.get(job.zone, "").strip() or job.default_zone
        skip = number.reason
        if not skip and not job.consent_waived_by and cells.get(job.consent, "").strip().lower() not in YES:
            skip = "no_consent"
        if not skip and zone_of(zone) is None:
            skip = "unknown_zone"
        return NewRow(number=number.e164 or text[:64], data=dict(cells), zone=zone, skip=skip)

    def judge(self, zone: str, now: float) -> Verdict:
        """Say whether a row of this zone may be dialed now."""
        found = zone_of(zone)
        if found is None:
            return Verdict(skip="unknown_zone")
        until = self._hours.next_start(now, found, self._job.ring_timeout)
        return Verdict() if until <= now else Verdict(until=until)
