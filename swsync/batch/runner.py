"""One process that dials the rows of a job: threads, their order, and their end.

A dispatcher claims rows, judges them and commits each intent; one thread a call waits for its turn, dials and runs the
script. Only one intent at a time waits for its turn, so a crash leaves no more unknown than was in flight. A keeper
renews the lease and ends calls that are too long; a tidier ends what dead processes left behind.
"""

from __future__ import annotations

import heapq
import itertools
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from swsync.batch.attempt import Attempt, Ended, Script
from swsync.batch.guard import Guard
from swsync.batch.job import Job
from swsync.batch.ledger import Intent, JobState, Lease, Ledger, Orphan, Refused, Row, Status
from swsync.batch.observing import Observer, tell
from swsync.batch.pacer import Pacer
from swsync.batch.recovery import Connect, tidy
from swsync.clock import Clock, Thread
from swsync.errors import ConfigurationError, ConnectionClosed, Fenced, LedgerError, RelayError

if TYPE_CHECKING:
    from swsync.call import Call
    from swsync.client import RelayClient

__all__ = ["Progress", "Runner"]

logger = logging.getLogger(__name__)

CLAIM = 20  # rows that are claimed at once
LOOK = 0.5  # seconds between two looks at what else may be due
TICK = 0.5  # seconds between two rounds of the keeper
IDENTICAL = 10  # immediate failures in a row that are no coincidence
PATIENCE = 120.0  # seconds that a ledger may be out of reach before the run ends
GRACE = 5.0  # seconds beyond its cap after which a call is ended from here
LAST_WAIT = 10.0  # seconds that a stop waits for threads


@attrs.frozen(kw_only=True)
class Progress:
    """How far a run is.

    Attributes:
        dialed: Rows that this run has dialed.
        in_flight: Calls that are on.
        outcomes: How many attempts of this run came to each outcome.
        fenced: Results that were refused because this process had been stopped for too long.
        halts: How often the service queued and dialing halted.
    """

    dialed: int = 0
    in_flight: int = 0
    outcomes: dict[str, int] = attrs.Factory(dict)
    fenced: int = 0
    halts: int = 0


class Runner:
    """The engine of ``Batch.run``; other transports use ``Attempt`` and the ledger directly.

    Args:
        ledger: Where everything is committed.
        name: The job's name in it.
        job: Its settings.
        script: What is done on each call.
        client: A connected client.
        connect: Makes a client for a dead process's session.
        clock: The ledger's time.
        observers: Who is told.
    """

    def __init__(
        self,
        ledger: Ledger,
        name: str,
        *,
        job: Job,
        script: Script,
        client: RelayClient,
        connect: Connect,
        clock: Clock,
        observers: Sequence[Observer] = (),
    ) -> None:
        self._ledger = ledger
        self._name = name
        self._job = job
        self._script = script
        self._client = client
        self._connect = connect
        self._clock = clock
        self._observers = observers
        self._guard = Guard(job)
        self._pacer = Pacer(ledger, clock, job.rate)
        self._claimed: deque[Row] = deque()  # the dispatcher's alone
        self._order = itertools.count()
        self._changed = clock.condition()
        # All below is guarded by _changed.
        self._lease: Lease | None = None
        self._stopping = False  # no more is dialed
        self._aborted = False  # nothing is waited for either
        self._is_halted = False  # what waits for its turn does not get it; set once, a late look does little harm
        self._is_over = False  # the dispatcher has ended and every call too
        self._failure: Exception | None = None
        self._in_flight = 0
        self._is_tidying = True  # calls of dead processes are being ended
        self._at_gate = False  # an intent waits for its turn
        self._dialed = 0
        self._fenced = 0
        self._outcomes: dict[str, int] = {}
        self._alarms: list[tuple[float, int, Call]] = []
        self._alike: deque[tuple[str, Intent]] = deque(maxlen=IDENTICAL)
        self._threads: list[Thread] = []

    # From the user's thread

    def start(self, *, dispatch: bool = True) -> None:
        """Become an owner, end what dead ones left behind, and begin to dial; rows are named to ``dial`` otherwise."""
        state = self._ledger.jobs().get(self._name, {})
        if state.get("state") == "cancelled":
            raise ConfigurationError(f"job {self._name!r} was cancelled; load its rows into a job of another name")
        if state.get("state") == "paused":
            raise ConfigurationError(
                f"job {self._name!r} is paused: {state['reason']}; look into that, then resume it "
                "(batch.resume(), or `swsync batch resume`)"
            )
        self._lease = self._ledger.join(self._clock)
        self._ledger.renew(self._lease, self._client.session_state)
        orphans = self._ledger.reap()
        self._threads.append(self._clock.start(self._keep_alive, "swsync-batch-keeper"))
        self._threads.append(self._clock.start(self._tidy, "swsync-batch-tidier", (orphans,)))
        if dispatch:
            self._threads.append(self._clock.start(self._dispatch, "swsync-batch-dispatcher"))

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all is dialed and over; False if it is not in time. Raises what ended it."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_over, timeout)
            if self._is_over and self._failure is not None:
                raise self._failure
            return self._is_over

    def drain(self) -> None:
        """Dial nobody else; the calls that are on go on to their end."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._pacer.stop()

    def abort(self) -> None:
        """Dial nobody else and end every call now."""
        self.drain()
        with self._changed:
            self._aborted = True
            self._changed.notify_all()
        self._client.close(timeout=5.0)

    def close(self) -> None:
        """Give back what was claimed, and end the threads. After ``wait``, or in place of it."""
        self.drain()
        with self._changed:
            self._aborted = True
            self._changed.notify_all()
            threads = list(self._threads)
        deadline = self._clock.now() + LAST_WAIT
        for thread in threads:
            thread.join(max(0.0, deadline - self._clock.now()))
        if self._lease is not None:
            try:
                self._ledger.leave(self._lease)
            except LedgerError as error:
                logger.warning("what this process had claimed is given back when its lease ends: %s", error)

    @property
    def progress(self) -> Progress:
        with self._changed:
            return Progress(
                dialed=self._dialed,
                in_flight=self._in_flight,
                outcomes=dict(self._outcomes),
                fenced=self._fenced,
                halts=self._pacer.halts,
            )

    # The dispatcher

    def _dispatch(self) -> None:
        failing_since: float | None = None
        failure: Exception | None = None
        try:
            while not self._stopping:
                try:
                    if not self._dispatch_one():
                        break
                    failing_since = None
                except Fenced:
                    self._join_again()
                except LedgerError as error:
                    # Nobody is dialed while the ledger cannot be written.
                    now = self._clock.now()
                    failing_since = now if failing_since is None else failing_since
                    logger.warning("dialing waits for the ledger: %s", error)
                    if now - failing_since > PATIENCE:
                        failure = error
                        break
                    self._pause(2 * LOOK)
        except Exception as error:  # safety net in case of bugs: run() must hear of it
            logger.exception("the dispatcher failed")
            failure = error
        with self._changed:
            self._failure = failure
            self._changed.wait_for(lambda: (self._in_flight == 0 and not self._is_tidying) or self._aborted)
            self._is_over = True
            self._changed.notify_all()

    def _dispatch_one(self) -> bool:
        """Bring one row to its turn, or wait for something to do; False if nothing is left."""
        lease = self._lease
        assert lease is not None
        with self._changed:
            self._changed.wait_for(
                lambda: self._stopping or (self._in_flight < self._job.concurrency and not self._at_gate)
            )
        if self._stopping:
            return False
        if not self._client.is_connected:
            if self._client.closed:
                raise ConnectionClosed("the client was closed")
            self._pause(LOOK)
            return True
        if not self._claimed:
            self._claimed.extend(self._ledger.claim(self._name, lease, CLAIM))
        if not self._claimed:
            return self._await_work()
        self._take(lease, self._claimed[0])
        return True

    def _take(self, lease: Lease, row: Row) -> None:
        """Judge the first claimed row and start its call. If the ledger fails, it stays for the next round."""
        verdict = self._guard.judge(row.zone, self._ledger.now())
        if verdict.skip:
            self._ledger.skip(lease, row, verdict.skip)
            self._tell("skipped", verdict.skip)
        elif verdict.until:
            self._ledger.defer(lease, [other for other in self._claimed if other.zone == row.zone], verdict.until)
            self._ledger.defer_zone(self._name, row.zone, verdict.until)
            self._claimed = deque(other for other in self._claimed if other.zone != row.zone)
            return
        else:
            intent = self._intent(lease, row)
            if isinstance(intent, Refused):
                self._refused(lease, list(self._claimed), intent)
                if not intent.is_of_the_row:
                    self._claimed = deque([row])  # all were given back; the next line takes this one away
            else:
                self._begin(lease, intent)
        self._claimed.popleft()

    def _intent(self, lease: Lease, row: Row) -> Intent | Refused:
        """Commit the intent, if the script has what it needs: nobody is rung to hear nothing."""
        missing = sorted(set(getattr(self._script, "needs_columns", ())) - row.data.keys())
        if missing:
            return Refused(reason=f"row {row.id} has no column {', '.join(map(repr, missing))}, which the script needs")
        return self._ledger.intent(lease, row, self._job.limits)

    def _refused(self, lease: Lease, claimed: Sequence[Row], refused: Refused) -> None:
        """Part with the first row; give back all if nothing of the job may be dialed."""
        row = claimed[0]
        if refused.reason == "do_not_call":
            self._ledger.skip(lease, row, refused.reason)
            self._tell("skipped", refused.reason)
        elif refused.reason == "attempt_limit":
            self._ledger.defer(lease, [row], refused.until)
            self._tell("deferred", refused.reason)
        else:
            self._ledger.defer(lease, claimed, 0.0)
            if refused.reason.endswith("_cap"):
                self._ledger.pause(self._name, f"it has reached its {refused.reason.replace('_', ' ')}")
            elif refused.reason not in (JobState.PAUSED, JobState.CANCELLED):
                self._ledger.pause(self._name, refused.reason)

    def _begin(self, lease: Lease, intent: Intent) -> None:
        with self._changed:
            self._in_flight += 1
            self._at_gate = True
            self._threads = [thread for thread in self._threads if thread.is_alive()]
        try:
            thread = self._clock.start(self._work, f"swsync-batch-{next(self._order)}", (lease, intent))
        except RuntimeError:  # the machine has no more threads to give
            with self._changed:
                self._in_flight -= 1
                self._at_gate = False
            self._ledger.withdraw(lease, [intent], "")
            raise
        with self._changed:
            self._threads.append(thread)

    def _await_work(self) -> bool:
        """Nothing is due: wait for it, if it is not too far away; False if this run has come to its end."""
        due = self._ledger.next_due(self._name)
        with self._changed:
            busy = self._in_flight > 0
        state = self._ledger.jobs()[self._name]["state"]
        if state != "ready" or due is None or due - self._ledger.now() > self._job.wait:
            if busy:  # what is on may come to be dialed again
                self._pause(LOOK)
            return busy
        self._pause(min(LOOK, max(0.01, due - self._ledger.now())))
        return True

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping, seconds)

    def _join_again(self) -> None:
        """This process was stopped for longer than its lease: nothing that it had claimed is its own."""
        logger.warning("the lease of this process had run out: it begins anew")
        self._claimed.clear()
        try:
            lease = self._ledger.join(self._clock)
            self._ledger.renew(lease, self._client.session_state)
        except LedgerError as error:
            logger.warning("dialing waits for the ledger: %s", error)
            self._pause(2 * LOOK)
            return
        with self._changed:
            self._lease = lease

    # A call's own thread

    def _work(self, lease: Lease, intent: Intent) -> str:
        """Make one attempt and commit what it came to; returns that."""
        outcome, is_through = "unknown", False

        def wait_turn() -> bool:
            nonlocal is_through
            is_through = True
            return self._wait_turn(lease, intent)

        try:
            attempt = Attempt(
                self._ledger, lease, job=self._job, script=self._script, client=self._client, pacer=self._pacer,
                clock=self._clock, keep=self._keep,
            )  # fmt: skip
            start = self._clock.time()
            tell(self._observers, "count", "dialed", {})
            ended = attempt.run(intent, wait_turn, self._answered)
            if ended is None:
                with self._changed:
                    self._dialed -= 1
                self._keep(lambda: self._ledger.withdraw(lease, [intent], ""))
                outcome = "not_sent"
            else:
                outcome = ended.outcome
                self._settle(lease, intent, ended)
                tell(self._observers, "span", "call", start, self._clock.time(), {"outcome": ended.outcome})
        except Fenced as error:
            logger.warning("a result comes too late: %s", error)
            outcome = "fenced"
            with self._changed:
                self._fenced += 1
        except LedgerError as error:
            logger.error("a result could not be written, the row will be unknown: %s", error)
            outcome = "unknown"
        except Exception as error:  # safety net in case of bugs: the dispatcher waits for this thread
            logger.exception("a call failed")
            with self._changed:
                self._failure = self._failure or error
                self._stopping = True
        finally:
            with self._changed:
                self._in_flight -= 1
                self._at_gate = self._at_gate and is_through  # another's, if this one has been there
                self._changed.notify_all()
        return outcome

    def _wait_turn(self, lease: Lease, intent: Intent) -> bool:
        """Wait for the turn, and let the next intent in; False if nothing may be sent any more."""
        since = self._clock.now()
        try:
            may = bool(self._keep(lambda: self._pacer.wait_turn(lease))) and not (self._stopping or self._is_halted)
            if may and self._clock.now() - since > LOOK:
                may = self._keep(lambda: self._is_still_wanted(intent.row))
            return may and not self._guard.judge(intent.row.zone, self._ledger.now()).until
        finally:
            with self._changed:
                self._at_gate = False
                self._dialed += 1
                self._changed.notify_all()

    def _is_still_wanted(self, row: Row) -> bool:
        """Whether nobody has changed their mind since the intent; at a slow rate that may be long ago."""
        is_ready = self._ledger.jobs()[self._name]["state"] == JobState.READY
        return is_ready and not self._ledger.is_do_not_call(row.number)

    def _keep(self, operation: Callable[[], Any]) -> Any:
        """Run a ledger operation until the ledger takes it, it is fenced, or nobody waits any more."""
        since = self._clock.now()
        while True:
            try:
                return operation()
            except Fenced:
                raise
            except LedgerError as error:
                if self._aborted or self._clock.now() - since > PATIENCE:
                    raise
                logger.warning("waiting for the ledger: %s", error)
                with self._changed:
                    self._changed.wait_for(lambda: self._aborted, LOOK)

    def _answered(self, call: Call) -> None:
        tell(self._observers, "count", "answered", {})
        with self._changed:
            deadline = self._client.clock.now() + self._job.max_duration + GRACE
            heapq.heappush(self._alarms, (deadline, next(self._order), call))

    def _settle(self, lease: Lease, intent: Intent, ended: Ended) -> None:
        """Commit what an attempt came to."""
        if ended.status is Status.PENDING:
            self._keep(lambda: self._ledger.withdraw(lease, [intent], ended.outcome))
            if ended.systemic:
                self._halt(ended.systemic)
            return
        if self._aborted and ended.status is Status.DONE:
            ended = attrs.evolve(ended, outcome="interrupted", status=Status.UNKNOWN)  # it was ended from here
        status: Status = ended.status
        not_before = 0.0
        after = self._job.retry.get(ended.outcome)
        if status is Status.DONE and after is not None and intent.attempt < self._job.max_attempts:
            status, not_before = Status.PENDING, self._ledger.now() + after
        facts = attrs.asdict(ended.facts)
        self._keep(
            lambda: self._ledger.finish(lease, intent, ended.outcome, facts, status=status, not_before=not_before)
        )
        self._tell("finished", ended.outcome)
        if ended.systemic:
            self._halt(ended.systemic)
        self._suspect(lease, intent, ended)

    def _suspect(self, lease: Lease, intent: Intent, ended: Ended) -> None:
        """Pause the job when nothing but the same immediate failure happens: these people were not rung."""
        with self._changed:
            if not ended.is_immediate or (self._alike and self._alike[0][0] != ended.outcome):
                self._alike.clear()
            if ended.is_immediate:
                self._alike.append((ended.outcome, intent))
            if len(self._alike) < IDENTICAL:
                return
            intents = [intent for _, intent in self._alike]
            self._alike.clear()
        self._halt(f"{IDENTICAL} dials in a row failed at once: {ended.outcome}")
        self._keep(lambda: self._ledger.withdraw(lease, intents, ended.outcome))

    def _halt(self, reason: str) -> None:
        logger.error("job %s pauses: %s", self._name, reason)
        self._is_halted = True
        self._keep(lambda: self._ledger.pause(self._name, reason))

    def _tell(self, name: str, outcome: str) -> None:
        if name == "finished":
            with self._changed:
                self._outcomes[outcome] = self._outcomes.get(outcome, 0) + 1
        tell(self._observers, "count", name, {"outcome": outcome})

    # The keeper and the tidier

    def _keep_alive(self) -> None:
        renewed = self._clock.now()
        written: dict[str, str] = {}
        while not self._wait_over(TICK):
            self._end_long_calls()
            lease, state = self._lease, self._client.session_state
            if lease is None or (state == written and self._clock.now() - renewed < lease.seconds / 6):
                continue
            try:
                self._ledger.renew(lease, state)
                renewed, written = self._clock.now(), state
            except LedgerError as error:
                logger.warning("the lease could not be renewed: %s", error)

    def _wait_over(self, seconds: float) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._is_over or self._aborted, seconds)
            return self._is_over or self._aborted

    def _end_long_calls(self) -> None:
        """End what should have been ended by the cap that was sent with the dial."""
        now = self._client.clock.now()
        while True:
            with self._changed:
                if not self._alarms or self._alarms[0][0] > now:
                    return
                call = heapq.heappop(self._alarms)[2]
            if call.state != "ended":
                logger.warning("call %s is longer than allowed: ending it", call.call_id)
                try:
                    call.hangup()
                except (RelayError, ConnectionClosed) as error:
                    logger.warning("call %s could not be ended: %s", call.call_id, error)

    def _tidy(self, orphans: list[Orphan]) -> None:
        while True:
            try:
                for orphan in orphans:
                    if self._aborted:
                        return
                    tidy(self._ledger, orphan, self._connect)
            except LedgerError as error:
                logger.warning("the calls of dead processes are ended later: %s", error)
            with self._changed:
                self._is_tidying = False
                self._changed.notify_all()
            if self._wait_over(self._ledger.lease_seconds / 4):
                return
            try:
                orphans = self._ledger.reap()
            except LedgerError as error:
                logger.warning("dead processes could not be looked for: %s", error)
                orphans = []
            with self._changed:
                self._is_tidying = bool(orphans)
