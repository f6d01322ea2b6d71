"""The ledger: who is to be called, who was, and who must not be. Its interface, and the rules that every ledger keeps.

A row is one number of one job. It moves only forward, and each step is committed before the next thing happens:

    pending ──claim──> claimed ──intent──> dialing ──finish──> done
       ^                  │                   │
       └── defer, release, reap (no intent) ──┘──reap (intent)──> unknown

* The intent to dial, with its attempt number, tag and owner, is committed before a byte leaves.
* What was in flight when its owner died is ``unknown``. It is reported, and not rung again unless somebody asks.
* An owner is a number that is never given twice, with a lease. Every write names it; once it was reaped, its writes
  raise ``Fenced``. It dials only while its lease, by its own clocks, has not run out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any

import attrs

from swsync.clock import Clock
from swsync.errors import Fenced

__all__ = ["Intent", "JobState", "Lease", "Ledger", "Limits", "Loaded", "NewRow", "Orphan", "Refused", "Row", "Status"]

LEASE = 60.0
"""Seconds that an owner may dial without renewing its lease."""

MARGIN = 5.0
"""Seconds before the end of a lease in which nothing is sent any more: clocks and sockets are not exact."""


class Status(str, Enum):
    """Where a row stands."""

    PENDING = "pending"
    CLAIMED = "claimed"
    DIALING = "dialing"
    DONE = "done"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"

    def __str__(self) -> str:
        return self.value


class JobState(str, Enum):
    """Whether the rows of a job may be dialed."""

    READY = "ready"
    PAUSED = "paused"
    CANCELLED = "cancelled"

    def __str__(self) -> str:
        return self.value


@attrs.frozen(kw_only=True)
class NewRow:
    """A row to be loaded.

    Attributes:
        number: E.164.
        data: The other columns, text by name.
        zone: IANA time zone, or "" if the row names none.
        skip: Why it must not be dialed, or "": it is kept so that it is accounted for.
    """

    number: str
    data: Mapping[str, str] = attrs.Factory(dict)
    zone: str = ""
    skip: str = ""


@attrs.frozen(kw_only=True)
class Loaded:
    """What ``load`` did: rows added, rows that were there already, and the first numbers of these."""

    added: int = 0
    duplicates: int = 0
    examples: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Row:
    """A row in the hands of its owner; ``row["name"]`` is a column.

    Attributes:
        id: Its number in the ledger.
        job: Its job.
        number: E.164.
        data: Its columns, text by name.
        zone: IANA time zone, or "".
        attempts: How often it was dialed before.
    """

    id: int
    job: str
    number: str
    data: Mapping[str, str]
    zone: str = ""
    attempts: int = 0

    def __getitem__(self, column: str) -> str:
        return self.data[column]

    def get(self, column: str, default: str = "") -> str:
        """A column, or ``default`` if there is none of that name."""
        return self.data.get(column, default)


@attrs.frozen(kw_only=True)
class Limits:
    """What ``intent`` checks in the transaction that commits it.

    Attributes:
        attempts: Dials to one number within ``window`` seconds, over all jobs of the ledger.
        window: Seconds, rolling.
        calls: Dials of the job at most, or None.
        seconds: Seconds of talk of the job at most, or None.
        cost: Money of the job at most, or None.
    """

    attempts: int = 1
    window: float = 86_400.0
    calls: int | None = None
    seconds: float | None = None
    cost: float | None = None


@attrs.frozen(kw_only=True)
class Intent:
    """An attempt that is committed and may now be dialed, with this tag."""

    row: Row
    tag: str
    attempt: int


@attrs.frozen(kw_only=True)
class Refused:
    """Why an intent was not committed.

    Attributes:
        reason: ``do_not_call``, ``attempt_limit``, ``paused``, ``cancelled``, ``calls_cap``, ``minutes_cap`` or
            ``cost_cap``.
        until: When the attempt limit allows the next one, in seconds since 1970; 0 for other reasons.
    """

    reason: str
    until: float = 0.0

    @property
    def is_of_the_row(self) -> bool:
        """Another row may still be dialed."""
        return self.reason in ("do_not_call", "attempt_limit")


@attrs.frozen(kw_only=True)
class Turn:
    """A turn to dial.

    Attributes:
        wait: 0 if it was taken; else the seconds to wait before asking again.
        at: When it was taken, by the ledger's clock.
        next: When the next one may be.
    """

    wait: float
    at: float = 0.0
    next: float = 0.0


@attrs.frozen(kw_only=True)
class Orphan:
    """What a dead owner left behind: its session and the calls that were on.

    Attributes:
        owner: The owner's number.
        session: The RELAY session to resume, as ``RelayClient.session_state`` gave it; empty if it never connected.
        calls: Of each attempt that became unknown ``{"tag", "call_id", "node_id"}``; ids are "" if no leg was seen.
    """

    owner: int
    session: Mapping[str, str]
    calls: tuple[Mapping[str, str], ...]


class Lease:
    """An owner's right to dial, by its own clock: whoever was stopped for too long notices before sending.

    It is the clock that nobody can set, and that goes on while the machine sleeps.
    """

    def __init__(self, clock: Clock, owner: int, seconds: float = LEASE) -> None:
        self._clock = clock
        self.owner = owner
        self.seconds = seconds
        self._end = 0.0  # set by renewed(); a late look errs on the safe side
        self.renewed(self.mark())

    def mark(self) -> float:
        """The time now, to be taken before the ledger is asked to renew."""
        return self._clock.steady()

    def renewed(self, asked: float) -> None:
        """The ledger has renewed it; ``asked`` is what ``mark`` gave before it was asked to."""
        self._end = asked + self.seconds - MARGIN

    @property
    def is_valid(self) -> bool:
        return self.mark() < self._end

    def check(self) -> None:
        """Raise ``Fenced`` if nothing may be sent any more: the last thing before a dial."""
        if not self.is_valid:
            raise Fenced(f"the lease of owner {self.owner} has run out: the ledger could not be reached in time")


class Ledger(ABC):
    """What a batch needs of a ledger. Every method is one transaction, and safe from any thread.

    Raises:
        LedgerError: The ledger cannot be written or read now (locked, full, read-only, gone); nothing was changed.
        Fenced: The owner was reaped.
    """

    lease_seconds: float = LEASE

    @property
    @abstractmethod
    def place(self) -> str:
        """What ``open_ledger`` takes to open it in another process."""

    @abstractmethod
    def now(self) -> float:
        """Seconds since 1970 by the ledger's clock, which all owners share."""

    @abstractmethod
    def lease_now(self) -> float:
        """Seconds by which leases and turns are counted: whoever sets the wall clock does not move them."""

    @abstractmethod
    def close(self) -> None:
        """Give up its connections. Again is no error."""

    # Jobs

    @abstractmethod
    def create(self, job: str, settings: Mapping[str, Any]) -> None:
        """Make a job, or replace its settings."""

    @abstractmethod
    def jobs(self) -> dict[str, dict[str, Any]]:
        """Each job: its settings, state, reason, and what it has used (calls, seconds, cost)."""

    @abstractmethod
    def load(self, job: str, rows: Iterable[NewRow]) -> Loaded:
        """Add rows. The key is (job, number): what is there already stays as it is and is counted.

        Only a row that an earlier load had to skip, and this one has not, is taken up.
        """

    @abstractmethod
    def pause(self, job: str, reason: str) -> None:
        """Let no row of it be dialed any more; what is in flight goes on."""

    @abstractmethod
    def resume(self, job: str) -> None:
        """Let its rows be dialed again."""

    @abstractmethod
    def cancel(self, job: str) -> int:
        """Dial nothing more of it, for good; returns how many rows were still to be dialed."""

    @abstractmethod
    def retry(self, job: str, *, outcomes: Iterable[str] = (), unknown: bool = False) -> tuple[int, int]:
        """Make rows pending again: done ones with these outcomes, and unknown ones if asked.

        Returns:
            How many were, and how many unknown ones were not because the process that may have dialed them lives.
        """

    # Owners

    @abstractmethod
    def join(self, clock: Clock) -> Lease:
        """Become an owner."""

    @abstractmethod
    def renew(self, lease: Lease, session: Mapping[str, str] | None = None) -> None:
        """Renew a lease, and note the RELAY session if given."""

    @abstractmethod
    def leave(self, lease: Lease) -> None:
        """Be an owner no more: what was claimed is pending again, what was in flight is unknown."""

    @abstractmethod
    def reap(self) -> list[Orphan]:
        """End every owner that is dead or whose lease has run out; returns those whose calls are to be ended."""

    @abstractmethod
    def tidied(self, orphan: Orphan) -> None:
        """The calls of a dead owner were ended; until then ``reap`` names it again, a minute later."""

    # Rows

    @abstractmethod
    def claim(self, job: str, lease: Lease, limit: int) -> list[Row]:
        """Take up to so many pending rows that are due."""

    @abstractmethod
    def claim_row(self, job: str, lease: Lease, row: int) -> Row | None:
        """Take one row by its id; None unless it is pending and due, and nobody takes it at this moment."""

    @abstractmethod
    def defer(self, lease: Lease, rows: Iterable[Row], until: float) -> None:
        """Give claimed rows back, not to be claimed before ``until``."""

    @abstractmethod
    def defer_zone(self, job: str, zone: str, until: float) -> None:
        """Let no pending row of a time zone be claimed before ``until``."""

    @abstractmethod
    def skip(self, lease: Lease, row: Row, reason: str) -> None:
        """End a claimed row without dialing it."""

    @abstractmethod
    def intent(self, lease: Lease, row: Row, limits: Limits) -> Intent | Refused:
        """Commit the intent to dial a claimed row, or say why not: then it is still claimed."""

    @abstractmethod
    def seen(self, lease: Lease, tag: str, call_id: str, node_id: str, session: Mapping[str, str]) -> None:
        """Commit what is needed to end a call that has just shown itself."""

    @abstractmethod
    def finish(
        self,
        lease: Lease,
        intent: Intent,
        outcome: str,
        result: Mapping[str, Any],
        *,
        status: Status = Status.DONE,
        not_before: float = 0.0,
    ) -> None:
        """Commit what an attempt came to.

        Args:
            lease: The owner's.
            intent: The attempt.
            outcome: One word.
            result: Its facts, as JSON can hold them; ``talk_seconds`` and ``cost`` count against the job's caps.
            status: ``DONE``, ``UNKNOWN``, or ``PENDING`` for another attempt.
            not_before: When that attempt may be, in seconds since 1970.
        """

    @abstractmethod
    def withdraw(self, lease: Lease, intents: Iterable[Intent], reason: str) -> None:
        """Undo attempts that rang nobody (refused, never sent): pending again, and not counted as attempts."""

    # Pace, do-not-call

    @abstractmethod
    def take_token(self, rate: float, tokens: int = 1, missed: Turn | None = None) -> Turn:
        """Take a turn of ``rate`` a second, or say how long to wait before asking again.

        ``missed`` is a turn that was taken and not used in time: it is moved to now, unless others came after it.
        """

    @abstractmethod
    def hold(self, seconds: float) -> None:
        """Give out no slot within so many seconds, to anybody."""

    @abstractmethod
    def add_do_not_call(self, numbers: Iterable[str], reason: str) -> int:
        """Never dial these again, in any job; returns how many are new."""

    @abstractmethod
    def is_do_not_call(self, number: str) -> bool:
        """Whether a number must not be dialed."""

    # Looking

    @abstractmethod
    def counts(self, job: str) -> dict[tuple[str, str], int]:
        """How many rows there are of each (status, outcome)."""

    @abstractmethod
    def next_due(self, job: str) -> float | None:
        """When the next pending row is due, in seconds since 1970; None if none is pending."""

    @abstractmethod
    def rows(self, job: str, status: Status | None = None) -> Iterator[dict[str, Any]]:
        """Every row in the order of loading, with what its last attempt came to."""

    @abstractmethod
    def purge(self, older_than: float) -> tuple[int, list[str]]:
        """Remove numbers, columns and results of rows that ended more than so many seconds ago.

        Returns:
            How many rows, and the paths of their recordings, which are the caller's to delete.
        """
