"""What a run would do, before anybody is called."""

from __future__ import annotations

import math

import attrs

from swsync.batch.guard import Guard
from swsync.batch.job import Job
from swsync.batch.ledger import Ledger

__all__ = ["Preflight", "preflight"]

TALK = 30.0  # seconds that a call is taken to last, as long as the job has none of its own to go by


@attrs.frozen(kw_only=True)
class Preflight:
    """What is known without a call; ``print`` shows it.

    Attributes:
        job: The job's name.
        state: ``ready``, ``paused`` or ``cancelled``.
        due: Rows that may be dialed now.
        later: Rows that must wait: for their hours, or for the next attempt.
        unknown: Rows that were in flight at a crash; they are not dialed.
        finished: Rows that are done.
        skipped: Rows that are never dialed, by reason.
        talk_seconds: How long a call is taken to last.
        minutes: Minutes of talk if everybody answered.
        cost: What they would cost, rounded up to minutes; None without ``cost_per_minute``.
        hours: Hours that the rate alone takes.
        concurrency: Calls at once that the rate needs: rate x (ring + talk).
        allowed: Calls at once that the job allows.
        warnings: What will not go as planned, in words.
    """

    job: str
    state: str
    due: int
    later: int
    unknown: int
    finished: int
    skipped: dict[str, int]
    talk_seconds: float
    minutes: float
    cost: float | None
    hours: float
    concurrency: int
    allowed: int
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [
            f"job {self.job} ({self.state})",
            f"  to be dialed now   {self.due}",
            f"  later              {self.later}",
            f"  done               {self.finished}",
            f"  unknown            {self.unknown}",
            *(f"  skipped            {count}  {reason}" for reason, count in self.skipped.items()),
            f"  time               {self.hours:.2f} h at this rate",
            f"  talk               {self.minutes:.0f} min, if all answer for {self.talk_seconds:.0f} s",
            f"  cost               {'not known: name cost_per_minute=' if self.cost is None else f'{self.cost:.2f}'}",
            f"  calls at once      {self.concurrency} needed, {self.allowed} allowed",
            *(f"  ! {warning}" for warning in self.warnings),
        ]
        return "\n".join(lines)


def preflight(ledger: Ledger, name: str, job: Job) -> Preflight:
    """Count the rows of a job by what a run would do with them. Memory does not grow with the rows."""
    guard, now = Guard(job), ledger.now()
    due = later = unknown = finished = 0
    talked = talks = 0.0
    skipped: dict[str, int] = {}
    for row in ledger.rows(name):
        status = row["status"]
        if status == "pending":
            verdict = guard.judge(row["zone"], now)
            listed = ledger.is_do_not_call(row["number"])
            if verdict.skip or listed:
                reason = "do_not_call" if listed else verdict.skip
                skipped[reason] = skipped.get(reason, 0) + 1
            elif verdict.until > now or row["not_before"] > now:
                later += 1
            else:
                due += 1
        elif status == "skipped":
            skipped[row["outcome"]] = skipped.get(row["outcome"], 0) + 1
        else:
            unknown += status == "unknown"
            finished += status in ("done", "cancelled")
            if row["result"].get("talk_seconds"):
                talked += row["result"]["talk_seconds"]
                talks += 1
    talk = min(talked / talks if talks else TALK, float(job.max_duration))
    calls = due + later
    used = ledger.jobs()[name]
    needed = max(1, math.ceil(job.rate * (job.ring_timeout + talk)))
    cost = None if job.cost_per_minute is None else calls * math.ceil(talk / 60) * job.cost_per_minute
    return Preflight(
        job=name,
        state=used["state"],
        due=due,
        later=later,
        unknown=unknown,
        finished=finished,
        skipped=dict(sorted(skipped.items())),
        talk_seconds=talk,
        minutes=calls * talk / 60,
        cost=cost,
        hours=calls / job.rate / 3600,
        concurrency=needed,
        allowed=int(job.concurrency),
        warnings=tuple(_warnings(job, used, calls, cost, needed)),
    )


def _warnings(job: Job, used: dict[str, object], calls: int, cost: float | None, needed: int) -> list[str]:
    found = []
    if used["state"] == "paused":
        found.append(f"the job is paused: {used['reason']}")
    if needed > job.concurrency:
        found.append(f"with concurrency={job.concurrency} the rate may not be reached; it takes up to {needed}")
    if job.max_calls is not None and int(str(used["calls"])) + calls > job.max_calls:
        found.append(f"max_calls={job.max_calls} will stop it")
    if job.max_cost is not None and cost is not None and float(str(used["cost"])) + cost > job.max_cost:
        found.append(f"max_cost={job.max_cost:g} may stop it")
    if any(after < job.attempt_window / job.attempts for after in job.retry.values()):
        found.append(
            f"retries wait until the limit of {job.attempts} attempt(s) in {job.attempt_window / 3600:g} h allows them"
        )
    return found
