"""The engine of one process whose rows are named to it, one by one, by a queue or a cluster."""

from __future__ import annotations

from swsync.batch.ledger import Intent, Lease, Refused
from swsync.batch.runner import LAST_WAIT, LOOK, PATIENCE, Runner
from swsync.errors import ConnectionClosed, ConnectionFailed, Fenced

__all__ = ["RowRunner"]


class RowRunner(Runner):
    """Dials in the thread that calls ``dial``. The ledger decides; whoever names a row twice has it dialed once."""

    def dial(self, row: int) -> str:
        """Dial a row, if it is pending and due, and wait until its result is committed.

        Returns:
            Its outcome; or why it was not dialed: ``not_due``, ``deferred``, ``stopping``, ``paused``, ``cancelled``,
            ``calls_cap`` and its like, or why it is skipped.

        Raises:
            LedgerError: The ledger was out of reach for too long.
            ConnectionFailed: There was no link for too long. Nobody was dialed.
        """
        self._wait_for_link()
        if not self._enter():
            return "stopping"
        lease, intent = self._lease, None
        assert lease is not None
        try:
            intent = self._intend(lease, row)
        except Fenced:
            self._join_again()
            intent = "not_due"
        finally:
            if not isinstance(intent, Intent):
                with self._changed:
                    self._in_flight -= 1
                    self._at_gate = False
                    self._changed.notify_all()
        return self._work(lease, intent) if isinstance(intent, Intent) else intent

    def finish(self, timeout: float) -> None:
        """Dial nothing more, wait so many seconds for the calls that are on, end the others, and leave."""
        self.drain()
        with self._changed:
            self._changed.wait_for(lambda: self._in_flight == 0, timeout)
            is_done = self._in_flight == 0
        if not is_done:
            self.abort()
            with self._changed:
                self._changed.wait_for(lambda: self._in_flight == 0, LAST_WAIT)
        self.close()

    def _wait_for_link(self) -> None:
        since = self._clock.now()
        while not (self._client.is_connected or self._stopping):
            if self._client.closed:
                raise ConnectionClosed("the client was closed")
            if self._clock.now() - since > PATIENCE:
                raise ConnectionFailed("there was no link to RELAY for two minutes; nobody was dialed")
            self._pause(LOOK)

    def _enter(self) -> bool:
        """Be the one whose row waits for its turn; False if stopped."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._stopping or (self._in_flight < self._job.concurrency and not self._at_gate)
            )
            if self._stopping:
                return False
            self._in_flight += 1
            self._at_gate = True
            return True

    def _intend(self, lease: Lease, number: int) -> Intent | str:
        """Claim a row, judge it and commit its intent, or say why not."""
        row = self._keep(lambda: self._ledger.claim_row(self._name, lease, number))
        if row is None:
            return "not_due"
        verdict = self._guard.judge(row.zone, self._ledger.now())
        if verdict.skip:
            self._keep(lambda: self._ledger.skip(lease, row, verdict.skip))
            self._tell("skipped", verdict.skip)
            return verdict.skip
        if verdict.until:
            self._keep(lambda: self._ledger.defer(lease, [row], verdict.until))
            return "deferred"
        intent: Intent | Refused = self._keep(lambda: self._intent(lease, row))
        if isinstance(intent, Refused):
            refused = intent
            self._keep(lambda: self._refused(lease, [row], refused))
            return intent.reason
        return intent
