"""A batch on a Dask cluster: the ids of rows travel, the ledger decides. Needs ``swsync[dask]``.

Dask runs a task again when its worker dies, and may move one to another worker. With calls both would ring people
twice, were it not for the ledger; ``SETTINGS`` turns both off, so that nothing is even tried.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from typing import TYPE_CHECKING, Any

from swsync.batch.bar import Bar
from swsync.batch.batch import Batch, Summary
from swsync.batch.runner import Progress
from swsync.batch.workers import RowWorker
from swsync.clock import REAL
from swsync.errors import ConfigurationError

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["SETTINGS", "run"]

logger = logging.getLogger(__name__)

SETTINGS = {"distributed.scheduler.allowed-failures": 0, "distributed.scheduler.work-stealing": False}
"""What the scheduler must be started with: ``dask.config.set(SETTINGS)``, or the variables
``DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES=0`` and ``DASK_DISTRIBUTED__SCHEDULER__WORK_STEALING=False``."""

AHEAD = 2  # tasks that the cluster has, for each thread of a worker
LOOK = 0.5  # seconds between two looks at what is due
KEPT = 3.0  # leases that the rows of a worker that vanished are waited for


def _seat(name: str, worker: RowWorker) -> Any:
    """One client in each worker, made with its first row, closed with the worker."""
    from distributed import WorkerPlugin

    class Seat(WorkerPlugin):  # type: ignore[misc, unused-ignore]
        """Made here, as nothing imports an optional package before its use; it travels with its code."""

        def __init__(self) -> None:
            self.name = name
            self.worker = worker

        async def teardown(self, worker: Any) -> None:
            """Finish the calls that are on."""
            await asyncio.to_thread(self.worker.close, 10.0)

    return Seat()


def _dial(name: str, row: int) -> str:
    """The task: a name and a number go in, a word comes back."""
    from distributed import get_worker

    worker: RowWorker = get_worker().plugins[name].worker
    return worker.dial(row)


def run(batch: Batch, cluster: Client, *, progress: bool = False) -> Summary:
    """Dial what is due on the workers of a cluster, and return when nothing is left or due within ``Job.wait``.

    Calls at once are the threads of all workers, and in one worker no more than ``Job.concurrency``. The pace is the
    ledger's, as everywhere. A worker that is killed leaves its calls ``unknown``; other workers end them.

    Args:
        batch: The job; its ledger must be reached from all workers: PostgreSQL, or a file if all are on one machine.
        cluster: A ``distributed.Client``.
        progress: Whether a bar is shown.

    Raises:
        ConfigurationError: The scheduler would run tasks again; or the job cannot run.
        LedgerError: The ledger was out of reach for too long.
        ConnectionFailed: No worker reaches RELAY; ``AuthenticationFailed`` if it refuses the credentials.
    """
    _check(cluster)
    worker = batch.worker()
    job = batch.ledger.jobs()[batch.name]
    if job["state"] != "ready":
        raise ConfigurationError(f"job {batch.name!r} is {job['state']}: {job['reason']}")
    feed = _Feed(batch, cluster, f"swsync-{batch.name}-{next(_RUNS)}")
    cluster.register_plugin(_seat(feed.name, worker))
    try:
        with Bar(batch, feed, shown=progress) as bar:
            while feed.is_waiting():
                feed.dial(bar)
                REAL.sleep(LOOK)
            bar.update()
    finally:
        cluster.unregister_worker_plugin(feed.name)
    return batch.status(feed.progress)


_RUNS = itertools.count()


def _check(cluster: Client) -> None:
    found = cluster.run_on_scheduler(_settings)
    if found != SETTINGS:
        raise ConfigurationError(
            f"the scheduler runs with {found}; a task that dials must not be tried again or moved: set "
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES=0 and DASK_DISTRIBUTED__SCHEDULER__WORK_STEALING=False "
            "where it is started, or call dask.config.set(swsync.batch.dask.SETTINGS) before LocalCluster()"
        )


def _settings(dask_scheduler: Any) -> dict[str, Any]:
    """What the scheduler was started with; a later change of its configuration does not count."""
    return {
        "distributed.scheduler.allowed-failures": dask_scheduler.allowed_failures,
        "distributed.scheduler.work-stealing": "stealing" in dask_scheduler.periodic_callbacks,
    }


class _Feed:
    """Names rows to the cluster, a few ahead of what it dials, and counts what comes back. Of one thread."""

    def __init__(self, batch: Batch, cluster: Client, name: str) -> None:
        self._batch = batch
        self._cluster = cluster
        self.name = name
        self._outcomes: dict[str, int] = {}
        self._on = 0
        self._lost_until = 0.0

    @property
    def progress(self) -> Progress:
        """What came back so far; ``lost`` counts tasks whose worker died."""
        return Progress(dialed=sum(self._outcomes.values()), in_flight=self._on, outcomes=dict(self._outcomes))

    def dial(self, bar: Bar) -> None:
        """Name all rows that are due now, and wait until each has come back."""
        from distributed import as_completed

        rows = self._batch.due()
        waiting = as_completed([self._submit(row) for row in itertools.islice(rows, self._room())])
        failure, is_working = None, False
        for future in waiting:
            error = self._take(future)
            failure, is_working = failure or error, is_working or error is None
            bar.update()
            for row in itertools.islice(rows, 1):
                waiting.add(self._submit(row))
        if failure and not is_working:
            raise failure  # of every row: the next round would be no better

    def _room(self) -> int:
        threads: int = sum(self._cluster.nthreads().values())
        return AHEAD * max(1, threads)

    def _submit(self, row: int) -> Any:
        self._on += 1
        key = f"{self.name}-{row}-{next(_RUNS)}"
        return self._cluster.submit(_dial, self.name, row, pure=False, retries=0, key=key)

    def _take(self, future: Any) -> Exception | None:
        """Count what came back; returns what the row failed with, but for a worker's death."""
        from distributed import KilledWorker

        self._on -= 1
        error = None
        if future.status == "finished":
            outcome = str(future.result())
        else:
            error = future.exception()
            outcome = "lost" if isinstance(error, KilledWorker) else "failed"
            logger.warning("row task %s: %s", future.key, error)
            self._lost_until = REAL.now() + KEPT * self._batch.ledger.lease_seconds
        self._outcomes[outcome] = self._outcomes.get(outcome, 0) + 1
        return error if outcome == "failed" else None

    def is_waiting(self) -> bool:
        """Whether there is, or soon may be, something to dial."""
        ledger, name = self._batch.ledger, self._batch.name
        if ledger.jobs()[name]["state"] != "ready":
            return False
        due = ledger.next_due(name)
        if due is not None and due - ledger.now() <= self._batch.job.wait:
            return True
        # Rows of a worker that died are its own until somebody notices; what was not yet dialed is then due again.
        return self._is_held(ledger.counts(name)) and REAL.now() < self._lost_until

    @staticmethod
    def _is_held(counts: dict[tuple[str, str], int]) -> bool:
        return any(count for (status, _), count in counts.items() if status in ("claimed", "dialing"))
