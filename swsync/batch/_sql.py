"""A ledger in SQL: everything but the connection and the few words in which the databases differ.

A dialect gives ``transaction()``, whose ``execute`` takes ``?`` for a parameter, and the words below. Each method here
is one transaction that reads first and writes last, owner before job before row: nobody waits in a circle.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import os
import secrets
import uuid
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Protocol

from swsync.batch._schema import TABLES, VERSION
from swsync.batch.ledger import (
    Intent,
    Lease,
    Ledger,
    Limits,
    Loaded,
    NewRow,
    Orphan,
    Refused,
    Row,
    Status,
    Turn,
)
from swsync.batch.machine import is_dead, machine, started
from swsync.batch.pacer import next_slot
from swsync.clock import Clock
from swsync.errors import ConfigurationError, Fenced

__all__ = ["SqlLedger", "Transaction"]

CHUNK = 1000  # rows that are loaded, or read, at a time
TIDYING = 60.0  # seconds that whoever reaped an owner has to end its calls
EXAMPLES = 20
MOST_ABANDONED = 0.03  # of the people who answered
FEW_PEOPLE = 100  # of fewer than that no share is taken: one in ten would be chance
TOO_MANY_ABANDONED = "more than 3 % of the people who answered heard nothing for two seconds"
ENDED = ("done", "unknown", "skipped", "cancelled")


class Transaction(Protocol):
    """What ``transaction()`` gives inside ``with``; it is committed at the end of the block, or undone by an error."""

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Run one statement; returns a cursor with ``fetchone``, ``fetchall`` and ``rowcount``."""
        ...


class SqlLedger(Ledger):
    """What SQLite and PostgreSQL have in common."""

    # The dialect. Where one transaction at a time writes, rows need no locks.
    serial: ClassVar[str] = ""
    for_update: ClassVar[str] = ""
    for_share: ClassVar[str] = ""
    skip_locked: ClassVar[str] = ""

    _salt = b""  # written by set_up, before anybody else has this object

    def __enter__(self) -> SqlLedger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def transaction(self, *, durable: bool = True) -> AbstractContextManager[Transaction]:
        """One transaction; raises ``LedgerError`` for what the database reports.

        One that is not ``durable`` does not wait for the disk: after a power failure it may not have been.
        """

    def lease_now(self) -> float:
        """Seconds by which leases and turns are counted."""
        return self.now()

    def lock_key(self, tx: Transaction, key: str) -> None:
        """Let nobody else decide about this number until the end of the transaction."""

    def moment(self, tx: Transaction) -> float:
        """``lease_now`` to the millisecond: what an owner knows of a server's clock may be less exact than a pace."""
        return self.lease_now()

    def has_tables(self, tx: Transaction) -> bool:
        """Whether they certainly are there, so that nobody is held up by looking for them one by one."""
        return False

    def set_up(self) -> None:
        """Make the tables that are not there."""
        with self.transaction() as tx:
            self.lock_key(tx, "set up")
            if not self.has_tables(tx):
                for statement in TABLES:
                    tx.execute(statement.format(serial=self.serial))
            tx.execute(
                "INSERT INTO ledger (id, version, salt) VALUES (1, ?, ?) ON CONFLICT (id) DO NOTHING",
                (VERSION, secrets.token_hex(32)),
            )
            tx.execute("INSERT INTO pace (id, next, held_until) VALUES (1, 0, 0) ON CONFLICT (id) DO NOTHING")
            version, salt = tx.execute("SELECT version, salt FROM ledger WHERE id = 1").fetchone()
        if version != VERSION:
            advice = "update swsync" if version > VERSION else "export from it with the swsync that made it"
            raise ConfigurationError(f"this ledger has version {version}, this swsync knows {VERSION}: {advice}")
        self._salt = bytes.fromhex(salt)

    def _key(self, number: str) -> str:
        return hmac.new(self._salt, number.encode(), hashlib.sha256).hexdigest()[:32]

    # Jobs

    def create(self, job: str, settings: Mapping[str, Any]) -> None:
        with self.transaction() as tx:
            tx.execute(
                "INSERT INTO jobs (job, settings, created) VALUES (?, ?, ?) "
                "ON CONFLICT (job) DO UPDATE SET settings = excluded.settings",
                (job, _json(settings), self.now()),
            )

    def jobs(self) -> dict[str, dict[str, Any]]:
        with self.transaction() as tx:
            found = tx.execute(
                "SELECT job, settings, state, reason, created, calls, seconds, cost, humans, abandoned FROM jobs "
                "ORDER BY created, job"
            ).fetchall()
        names = ("settings", "state", "reason", "created", "calls", "seconds", "cost", "humans", "abandoned")
        jobs = {line[0]: dict(zip(names, line[1:], strict=True)) for line in found}
        for job in jobs.values():
            job["settings"] = json.loads(job["settings"])
        return jobs

    def load(self, job: str, rows: Iterable[NewRow]) -> Loaded:
        added = duplicates = 0
        examples: list[str] = []
        with self.transaction() as tx:
            last = tx.execute("SELECT COALESCE(MAX(id), 0) FROM rows").fetchone()[0]
        for chunk in _chunks(rows, CHUNK):
            with self.transaction() as tx:
                _check_not_cancelled(job, self._job(tx, job)[0])
                self.lock_key(tx, f"load {job}")  # two lists with the same numbers, in another order
                for row in chunk:
                    if self._add(tx, job, row, last):
                        added += 1
                    else:
                        duplicates += 1
                        if len(examples) < EXAMPLES:
                            examples.append(row.number)
        return Loaded(added=added, duplicates=duplicates, examples=tuple(examples))

    def _add(self, tx: Transaction, job: str, row: NewRow, last: int) -> bool:
        """Add a row, or take up one up to ``last``, of an earlier load, that had to be skipped; False if neither."""
        status, outcome = (Status.SKIPPED, row.skip) if row.skip else (Status.PENDING, "")
        values = (job, self._key(row.number), row.number, row.zone, _json(row.data), str(status), outcome, self.now())
        done = tx.execute(
            "INSERT INTO rows (job, key, number, zone, data, status, outcome, changed) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (job, key) DO UPDATE SET status = excluded.status, "
            "outcome = '', zone = excluded.zone, data = excluded.data, changed = excluded.changed "
            "WHERE excluded.status = 'pending' AND rows.status = 'skipped' AND rows.attempts = 0 "
            "AND rows.outcome <> 'do_not_call' AND rows.number <> '' AND rows.id <= ?",
            (*values, last),
        )
        return bool(done.rowcount == 1)

    def _job(self, tx: Transaction, job: str, lock: str = "") -> Any:
        found = tx.execute(f"SELECT state, calls, seconds, cost FROM jobs WHERE job = ?{lock}", (job,)).fetchone()
        if found is None:
            raise ConfigurationError(f"there is no job {job!r} in this ledger; load one first")
        return found

    def pause(self, job: str, reason: str) -> None:
        self._set_state(job, "paused", reason, "ready")

    def resume(self, job: str) -> None:
        self._set_state(job, "ready", "", "paused")

    def _set_state(self, job: str, state: str, reason: str, before: str) -> None:
        with self.transaction() as tx:
            found = self._job(tx, job, self.for_update)
            _check_not_cancelled(job, found[0])
            tx.execute(
                "UPDATE jobs SET state = ?, reason = ? WHERE job = ? AND state = ?", (state, reason, job, before)
            )

    def cancel(self, job: str) -> int:
        with self.transaction() as tx:
            self._job(tx, job, self.for_update)
            tx.execute("UPDATE jobs SET state = 'cancelled', reason = 'cancelled' WHERE job = ?", (job,))
            done = tx.execute(
                "UPDATE rows SET status = 'cancelled', owner = 0, changed = ? "
                "WHERE job = ? AND status IN ('pending', 'claimed')",
                (self.now(), job),
            )
            return int(done.rowcount)

    def retry(self, job: str, *, outcomes: Iterable[str] = (), unknown: bool = False) -> tuple[int, int]:
        again = held = 0
        now = self.now()
        with self.transaction() as tx:
            self._job(tx, job, self.for_update)
            for outcome in outcomes:
                again += tx.execute(
                    "UPDATE rows SET status = 'pending', not_before = 0, changed = ? "
                    "WHERE job = ? AND status = 'done' AND outcome = ? AND number <> ''",
                    (now, job, outcome),
                ).rowcount
            if unknown:
                for row, alive in self._unknown(tx, job):
                    held += alive
                    if not alive:
                        tx.execute(
                            "UPDATE rows SET status = 'pending', not_before = 0, changed = ? WHERE id = ?", (now, row)
                        )
                        again += 1
        return again, held

    def _unknown(self, tx: Transaction, job: str) -> list[tuple[int, bool]]:
        """Each unknown row, and whether the process that made its attempt may still dial it: it was only stopped."""
        found = tx.execute(
            "SELECT rows.id, owners.machine, owners.pid, owners.started, owners.has_left FROM rows "
            "JOIN attempts ON attempts.tag = rows.tag JOIN owners ON owners.owner = attempts.owner "
            "WHERE rows.job = ? AND rows.status = 'unknown' AND rows.number <> ''",
            (job,),
        ).fetchall()
        here = machine()
        return [
            (row, not has_left and where == here and not is_dead(where, pid, since))
            for row, where, pid, since, has_left in found
        ]

    # Owners

    def join(self, clock: Clock) -> Lease:
        pid = os.getpid()
        with self.transaction() as tx:
            owner = tx.execute(
                "INSERT INTO owners (machine, pid, started, lease_until) VALUES (?, ?, ?, ?) RETURNING owner",
                (machine(), pid, started(pid), self.lease_now() + self.lease_seconds),
            ).fetchone()[0]
        return Lease(clock, int(owner), self.lease_seconds)

    def renew(self, lease: Lease, session: Mapping[str, str] | None = None) -> None:
        asked = lease.mark()
        with self.transaction() as tx:
            self._check_owner(tx, lease, self.for_update)
            until = self.lease_now() + self.lease_seconds
            tx.execute("UPDATE owners SET lease_until = ? WHERE owner = ?", (until, lease.owner))
            if session is not None:
                tx.execute("UPDATE owners SET session = ? WHERE owner = ?", (_json(session), lease.owner))
        lease.renewed(asked)

    def _check_owner(self, tx: Transaction, lease: Lease, lock: str | None = None) -> None:
        """Raise ``Fenced`` unless it is an owner still, and keep it one until the end of the transaction."""
        lock = self.for_share if lock is None else lock
        found = tx.execute(f"SELECT ended, lease_until FROM owners WHERE owner = ?{lock}", (lease.owner,)).fetchone()
        if found is None or found[0] or found[1] <= self.lease_now():
            raise Fenced(f"owner {lease.owner} was stopped for longer than its lease: its rows are others' now")

    def leave(self, lease: Lease) -> None:
        with self.transaction() as tx:
            if self._end(tx, lease.owner, self.lease_now() + 10 * self.lease_seconds):
                tx.execute("UPDATE owners SET has_left = 1, tidied = 1 WHERE owner = ?", (lease.owner,))

    def _end(self, tx: Transaction, owner: int, expired_at: float) -> bool:
        """End an owner, unless it has renewed its lease meanwhile."""
        now = self.now()
        ended = tx.execute(
            "UPDATE owners SET ended = ? WHERE owner = ? AND ended = 0 AND lease_until <= ?", (now, owner, expired_at)
        )
        if ended.rowcount != 1:
            return False
        tx.execute(
            "UPDATE rows SET status = CASE WHEN (SELECT state FROM jobs WHERE jobs.job = rows.job) = 'cancelled' "
            "THEN 'cancelled' ELSE 'pending' END, owner = 0, changed = ? WHERE owner = ? AND status = 'claimed'",
            (now, owner),
        )
        tx.execute(
            "UPDATE rows SET status = 'unknown', outcome = 'unknown', owner = 0, changed = ? "
            "WHERE owner = ? AND status = 'dialing'",
            (now, owner),
        )
        tx.execute("UPDATE attempts SET outcome = 'unknown', ended = ? WHERE owner = ? AND ended = 0", (now, owner))
        return True

    def reap(self) -> list[Orphan]:
        orphans = []
        with self.transaction() as tx:
            now = self.lease_now()
            found = tx.execute(
                "SELECT owner, machine, pid, started, lease_until, ended, session, tidying_until FROM owners "
                f"WHERE tidied = 0 ORDER BY owner{self.for_update}"
            ).fetchall()
            for owner, where, pid, since, until, ended, session, tidying in found:
                dead = not ended and is_dead(where, pid, since)
                if not ended and not (dead or until <= now):
                    continue
                if not ended and not self._end(tx, owner, until if dead else now):
                    continue  # it has renewed its lease meanwhile
                if tidying <= now:
                    calls = self._left_behind(tx, owner)
                    tx.execute(
                        "UPDATE owners SET tidying_until = ?, tidied = ? WHERE owner = ?",
                        (now + TIDYING, 0 if calls else 1, owner),
                    )
                    if calls:
                        orphans.append(Orphan(owner=owner, session=json.loads(session or "{}"), calls=calls))
        return orphans

    @staticmethod
    def _left_behind(tx: Transaction, owner: int) -> tuple[dict[str, str], ...]:
        found = tx.execute(
            "SELECT tag, call_id, node_id FROM attempts WHERE owner = ? AND outcome = 'unknown'", (owner,)
        ).fetchall()
        return tuple({"tag": tag, "call_id": call_id, "node_id": node_id} for tag, call_id, node_id in found)

    def tidied(self, orphan: Orphan) -> None:
        with self.transaction() as tx:
            tx.execute("UPDATE owners SET tidied = 1, session = '' WHERE owner = ?", (orphan.owner,))

    # Rows

    def claim(self, job: str, lease: Lease, limit: int) -> list[Row]:
        with self.transaction() as tx:
            self._check_owner(tx, lease)
            if self._job(tx, job)[0] != "ready":
                return []
            found = tx.execute(
                "SELECT id, number, data, zone, attempts FROM rows WHERE job = ? AND status = 'pending' "
                f"AND not_before <= ? ORDER BY not_before, id LIMIT ?{self.skip_locked}",
                (job, self.now(), limit),
            ).fetchall()
            for line in found:
                tx.execute("UPDATE rows SET status = 'claimed', owner = ? WHERE id = ?", (lease.owner, line[0]))
        return [_row(job, line) for line in found]

    def claim_row(self, job: str, lease: Lease, row: int) -> Row | None:
        with self.transaction() as tx:
            self._check_owner(tx, lease)
            if self._job(tx, job)[0] != "ready":
                return None
            found = tx.execute(
                "SELECT id, number, data, zone, attempts FROM rows WHERE id = ? AND job = ? AND status = 'pending' "
                f"AND not_before <= ?{self.skip_locked}",
                (row, job, self.now()),
            ).fetchone()
            if found is None:
                return None
            tx.execute("UPDATE rows SET status = 'claimed', owner = ? WHERE id = ?", (lease.owner, row))
        return _row(job, found)

    def _move_claimed(self, tx: Transaction, lease: Lease, row: Row, fields: str, values: Sequence[Any]) -> None:
        """Change a row that this owner has claimed; one that was cancelled meanwhile stays as it is."""
        tx.execute(
            f"UPDATE rows SET {fields}, owner = 0, changed = ? WHERE id = ? AND owner = ? AND status = 'claimed'",
            (*values, self.now(), row.id, lease.owner),
        )

    def defer(self, lease: Lease, rows: Iterable[Row], until: float) -> None:
        with self.transaction() as tx:
            self._check_owner(tx, lease)
            for row in rows:
                self._move_claimed(tx, lease, row, "status = 'pending', not_before = ?", (until,))

    def defer_zone(self, job: str, zone: str, until: float) -> None:
        with self.transaction() as tx:
            tx.execute(
                "UPDATE rows SET not_before = ? WHERE job = ? AND status = 'pending' AND not_before < ? AND zone = ?",
                (until, job, until, zone),
            )

    def skip(self, lease: Lease, row: Row, reason: str) -> None:
        with self.transaction() as tx:
            self._check_owner(tx, lease)
            self._move_claimed(tx, lease, row, "status = 'skipped', outcome = ?", (reason,))

    def intent(self, lease: Lease, row: Row, limits: Limits) -> Intent | Refused:
        key, tag = self._key(row.number), str(uuid.uuid4())
        with self.transaction() as tx:
            self._check_owner(tx, lease)
            state, calls, seconds, cost = self._job(tx, row.job, self.for_update)
            refusal = _refusal(state, calls, seconds, cost, limits)
            if refusal is not None:
                return refusal
            found = tx.execute("SELECT status, owner, attempts FROM rows WHERE id = ?", (row.id,)).fetchone()
            if found is None or found[0] != "claimed" or found[1] != lease.owner:
                raise Fenced(f"row {row.id} is not owner {lease.owner}'s any more")
            self.lock_key(tx, key)
            now = self.now()
            refusal = self._number_refusal(tx, row.number, key, limits, now)
            if refusal is not None:
                return refusal
            attempt = found[2] + 1
            tx.execute(
                "INSERT INTO attempts (tag, row_id, job, key, attempt, owner, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (tag, row.id, row.job, key, attempt, lease.owner, now),
            )
            tx.execute(
                "UPDATE rows SET status = 'dialing', attempts = ?, tag = ?, changed = ? WHERE id = ?",
                (attempt, tag, now, row.id),
            )
            tx.execute("UPDATE jobs SET calls = calls + 1 WHERE job = ?", (row.job,))
        return Intent(row=row, tag=tag, attempt=attempt)

    @staticmethod
    def _number_refusal(tx: Transaction, number: str, key: str, limits: Limits, now: float) -> Refused | None:
        if tx.execute("SELECT 1 FROM do_not_call WHERE number = ?", (number,)).fetchone():
            return Refused(reason="do_not_call")
        dialed = tx.execute(
            "SELECT at FROM attempts WHERE key = ? AND at > ? ORDER BY at DESC LIMIT ?",
            (key, now - limits.window, limits.attempts),
        ).fetchall()
        if len(dialed) >= limits.attempts:
            return Refused(reason="attempt_limit", until=dialed[-1][0] + limits.window)
        return None

    def seen(self, lease: Lease, tag: str, call_id: str, node_id: str, session: Mapping[str, str]) -> None:
        with self.transaction() as tx:
            # Also of an owner that was reaped: whoever ends its calls needs to know this one.
            if session:
                tx.execute("UPDATE owners SET session = ? WHERE owner = ?", (_json(session), lease.owner))
            tx.execute(
                "UPDATE attempts SET call_id = ?, node_id = ? WHERE tag = ? AND owner = ?",
                (call_id, node_id, tag, lease.owner),
            )

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
        row, now = intent.row, self.now()
        with self.transaction() as tx:
            self._check_owner(tx, lease)
            state = self._job(tx, row.job, self.for_update)[0]
            if status is Status.PENDING and state == "cancelled":
                status = Status.CANCELLED
            done = tx.execute(
                "UPDATE attempts SET outcome = ?, result = ?, ended = ? WHERE tag = ? AND owner = ? AND ended = 0",
                (outcome, _json(result), now, intent.tag, lease.owner),
            )
            if done.rowcount != 1:
                raise Fenced(f"attempt {intent.tag} is not owner {lease.owner}'s any more")
            tx.execute(
                "UPDATE rows SET status = ?, outcome = ?, owner = 0, not_before = ?, changed = ? "
                "WHERE id = ? AND owner = ? AND tag = ?",
                (str(status), outcome, not_before, now, row.id, lease.owner, intent.tag),
            )
            self._count(tx, row.job, result)

    @staticmethod
    def _count(tx: Transaction, job: str, result: Mapping[str, Any]) -> None:
        """Count an attempt against the caps of its job, and pause it when too many people heard nothing."""
        used = float(result.get("talk_seconds") or 0.0), float(result.get("cost") or 0.0)
        people = int(bool(result.get("is_human"))), int(bool(result.get("is_abandoned")))
        tx.execute(
            "UPDATE jobs SET seconds = seconds + ?, cost = cost + ?, humans = humans + ?, abandoned = abandoned + ? "
            "WHERE job = ?",
            (*used, *people, job),
        )
        if people[1]:
            tx.execute(
                "UPDATE jobs SET state = 'paused', reason = ? WHERE job = ? AND state = 'ready' "
                "AND abandoned > ? * (CASE WHEN humans > ? THEN humans ELSE ? END)",
                (TOO_MANY_ABANDONED, job, MOST_ABANDONED, FEW_PEOPLE, FEW_PEOPLE),
            )

    def withdraw(self, lease: Lease, intents: Iterable[Intent], reason: str) -> None:
        now = self.now()
        with self.transaction() as tx:
            self._check_owner(tx, lease)
            for intent in intents:
                job = intent.row.job
                state = self._job(tx, job, self.for_update)[0]
                gone = tx.execute(
                    "DELETE FROM attempts WHERE tag = ? AND owner = ? AND outcome <> 'unknown'",
                    (intent.tag, lease.owner),
                )
                if gone.rowcount != 1:
                    raise Fenced(f"attempt {intent.tag} is not owner {lease.owner}'s any more")
                tx.execute(
                    "UPDATE rows SET status = ?, outcome = ?, owner = 0, attempts = attempts - 1, not_before = 0, "
                    "tag = '', changed = ? WHERE id = ? AND tag = ?",
                    ("cancelled" if state == "cancelled" else "pending", reason, now, intent.row.id, intent.tag),
                )
                tx.execute("UPDATE jobs SET calls = calls - 1 WHERE job = ?", (job,))

    # Pace, do-not-call

    def take_token(self, rate: float, tokens: int = 1, missed: Turn | None = None) -> Turn:
        with self.transaction(durable=False) as tx:
            line = tx.execute(f"SELECT next, held_until FROM pace WHERE id = 1{self.for_update}").fetchone()
            now, free = self.moment(tx), line[0]
            if missed is not None and free == missed.next:
                free = missed.at
            wait, following = next_slot(now, free, line[1], rate, tokens)
            if following != line[0]:
                tx.execute("UPDATE pace SET next = ? WHERE id = 1", (following,))
        return Turn(wait=wait) if wait else Turn(wait=0.0, at=now, next=following)

    def hold(self, seconds: float) -> None:
        with self.transaction() as tx:
            tx.execute("UPDATE pace SET held_until = ? WHERE id = 1", (self.lease_now() + seconds,))

    def add_do_not_call(self, numbers: Iterable[str], reason: str) -> int:
        added = 0
        for chunk in _chunks(numbers, CHUNK):
            with self.transaction() as tx:
                for number in chunk:
                    added += tx.execute(
                        "INSERT INTO do_not_call (number, reason, at) VALUES (?, ?, ?) ON CONFLICT (number) DO NOTHING",
                        (number, reason, self.now()),
                    ).rowcount
        return added

    def is_do_not_call(self, number: str) -> bool:
        with self.transaction() as tx:
            return bool(tx.execute("SELECT 1 FROM do_not_call WHERE number = ?", (number,)).fetchone())

    # Looking

    def counts(self, job: str) -> dict[tuple[str, str], int]:
        with self.transaction() as tx:
            found = tx.execute(
                "SELECT status, outcome, COUNT(*) FROM rows WHERE job = ? GROUP BY status, outcome", (job,)
            ).fetchall()
        return {(status, outcome): count for status, outcome, count in found}

    def next_due(self, job: str) -> float | None:
        with self.transaction() as tx:
            found = tx.execute(
                "SELECT MIN(not_before) FROM rows WHERE job = ? AND status = 'pending'", (job,)
            ).fetchone()
        return None if found[0] is None else float(found[0])

    def rows(self, job: str, status: Status | None = None) -> Iterator[dict[str, Any]]:
        names = ("id", "number", "zone", "data", "status", "outcome", "attempts", "not_before", "tag", "changed",
                 "at", "call_id", "result")  # fmt: skip
        last = 0
        while True:
            with self.transaction() as tx:
                found = tx.execute(
                    "SELECT rows.id, number, zone, data, status, rows.outcome, attempts, not_before, rows.tag, "
                    "changed, COALESCE(attempts.at, 0), COALESCE(call_id, ''), COALESCE(result, '') FROM rows "
                    "LEFT JOIN attempts ON attempts.tag = rows.tag WHERE rows.job = ? AND rows.id > ? "
                    "AND (? = '' OR status = ?) ORDER BY rows.id LIMIT ?",
                    (job, last, str(status or ""), str(status or ""), CHUNK),
                ).fetchall()
            for line in found:
                row = dict(zip(names, line, strict=True))
                row["data"], row["result"] = json.loads(row["data"] or "{}"), json.loads(row["result"] or "{}")
                yield row
            if len(found) < CHUNK:
                return
            last = found[-1][0]

    def purge(self, older_than: float) -> tuple[int, list[str]]:
        before, recordings = self.now() - older_than, []
        with self.transaction() as tx:
            found = tx.execute(
                "SELECT id FROM rows WHERE number <> '' AND changed < ? AND status IN (?, ?, ?, ?)", (before, *ENDED)
            ).fetchall()
            for (row,) in found:
                for (result,) in tx.execute("SELECT result FROM attempts WHERE row_id = ?", (row,)).fetchall():
                    path = json.loads(result or "{}").get("recording")
                    recordings += [path] if path else []
                tx.execute("UPDATE attempts SET result = '', call_id = '', node_id = '' WHERE row_id = ?", (row,))
                tx.execute("UPDATE rows SET number = '', data = '' WHERE id = ?", (row,))
        self.wipe()
        return len(found), recordings

    def wipe(self) -> None:
        """Leave nothing of what was deleted in the database's files."""


def _check_not_cancelled(job: str, state: str) -> None:
    if state == "cancelled":
        raise ConfigurationError(f"job {job!r} was cancelled; load its rows into a job of another name")


def _refusal(state: str, calls: int, seconds: float, cost: float, limits: Limits) -> Refused | None:
    if state != "ready":
        return Refused(reason=state)
    if limits.calls is not None and calls >= limits.calls:
        return Refused(reason="calls_cap")
    if limits.seconds is not None and seconds >= limits.seconds:
        return Refused(reason="minutes_cap")
    if limits.cost is not None and cost >= limits.cost:
        return Refused(reason="cost_cap")
    return None


def _row(job: str, line: Sequence[Any]) -> Row:
    number, to, data, zone, attempts = line
    return Row(id=number, job=job, number=to, data=json.loads(data), zone=zone, attempts=attempts)


def _json(value: Any) -> str:
    return json.dumps(value if isinstance(value, dict) else dict(value), separators=(",", ":"), default=str)


def _chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(items)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk
