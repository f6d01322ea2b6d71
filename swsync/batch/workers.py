"""A batch in processes that somebody else starts: Dask, Celery, any Executor. Only the ids of rows travel to them.

``Batch.worker()`` makes what such a process needs. It is small, it is pickled, and it connects with its first row:
after the fork, in the process that dials.

    with ProcessPoolExecutor(4, initializer=workers.use, initargs=(batch.worker(),)) as pool:
        for outcome in pool.map(workers.dial, batch.due()): ...
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, Any

from swsync.batch.attempt import Script
from swsync.batch.batch import Batch
from swsync.batch.opening import open_ledger
from swsync.clock import REAL
from swsync.errors import ConfigurationError

if TYPE_CHECKING:
    from swsync.batch.rowrunner import RowRunner
    from swsync.client import RelayClient

__all__ = ["RowWorker", "dial", "leave", "use"]


class RowWorker:
    """Dials single rows of a job, from any thread of one process, with one client.

    Args:
        name: The job's name; its settings are the ledger's.
        place: What ``open_ledger`` takes.
        script: ``script(call, row) -> dict``.
        settings: What ``RelayClient`` takes; without it the credentials are this process's ``SIGNALWIRE_*``.
        lease: Seconds that an owner may dial without being heard of.
    """

    def __init__(
        self, name: str, place: str, script: Script, *, settings: Mapping[str, Any] | None = None, lease: float = 60.0
    ) -> None:
        self._arguments = (name, place, script, dict(settings or {}), lease)
        self._changed = REAL.condition()
        self._pid = 0  # of the process that opened it; guarded by _changed
        self._is_opening = False  # guarded by _changed
        # Both are written by the one thread that opens or closes.
        self._runner: RowRunner | None = None
        self._client: RelayClient | None = None
        self._batch: Batch | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        name, place, script, settings, lease = self._arguments
        return _again, (name, place, script, settings, lease)

    def dial(self, row: int) -> str:
        """Dial a row, if it is pending and due, and wait until its result is committed; returns what came of it.

        Raises:
            ConfigurationError: The job is paused or cancelled.
            LedgerError: The ledger was out of reach for too long.
            ConnectionFailed: RELAY cannot be reached; nobody was dialed.
        """
        return self._opened().dial(row)

    def close(self, timeout: float = 60.0) -> None:
        """Wait so many seconds for the calls that are on, end the others, and leave the ledger. Again is no error."""
        with self._changed:
            runner, client, batch = self._runner, self._client, self._batch
            self._runner = self._client = self._batch = None
            is_own, self._pid = self._pid == os.getpid(), 0
        if not (is_own and runner and client and batch):
            return
        try:
            runner.finish(timeout)
        finally:
            client.close()
            batch.ledger.close()

    def _opened(self) -> RowRunner:
        """The runner; the first thread to ask makes it, the others wait for that."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_opening)
            if self._runner is not None:
                if self._pid == os.getpid():
                    return self._runner
                raise ConfigurationError("this worker was opened by the parent of this process: use() it in the child")
            self._is_opening = True
        opened: tuple[RowRunner, RelayClient, Batch] | None = None
        try:
            opened = self._open()
            return opened[0]
        finally:
            with self._changed:
                if opened:
                    self._runner, self._client, self._batch = opened
                    self._pid = os.getpid()
                self._is_opening = False
                self._changed.notify_all()

    def _open(self) -> tuple[RowRunner, RelayClient, Batch]:
        name, place, script, settings, lease = self._arguments
        ledger = open_ledger(place, lease=lease)
        client = None
        try:
            batch = Batch(name, ledger, script, settings=settings)
            client = batch.connect()
            runner = batch.row_runner(client)
            runner.start(dispatch=False)
        except BaseException:
            if client is not None:
                client.close()
            ledger.close()
            raise
        return runner, client, batch


def _again(name: str, place: str, script: Script, settings: dict[str, Any], lease: float) -> RowWorker:
    return RowWorker(name, place, script, settings=settings, lease=lease)


_worker: RowWorker | None = None  # this process's; written by use() before its first row, and by leave()


def use(worker: RowWorker) -> None:
    """Let ``dial`` of this process use that worker, and close it when the process ends in good order."""
    global _worker
    _worker = worker
    Finalize(None, leave, exitpriority=10)  # what multiprocessing runs in its children, where atexit does not


def dial(row: int) -> str:
    """Dial a row with the worker of this process; returns its outcome, or why it was not dialed."""
    if _worker is None:
        raise ConfigurationError("this process has no worker: call use(batch.worker()) in it first")
    return _worker.dial(row)


def leave(timeout: float = 60.0) -> None:
    """Close the worker of this process, if it has one."""
    global _worker
    worker, _worker = _worker, None
    if worker is not None:
        worker.close(timeout)
