"""``python cluster.py LEDGER URL ROWS``: a batch on a Dask cluster of two workers; one is killed after so many rows.

A program of its own: a cluster leaves threads behind, and whoever starts one is imported again by its workers.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import dask
import worker
from distributed import Client, LocalCluster

import swsync
from swsync.batch import Batch, open_ledger
from swsync.batch.dask import SETTINGS, run

THREADS = 3


def main(place: str, url: str, rows: int) -> None:
    # A busy machine may need seconds to renew a lease; the worker that lives on must not lose its rows for that.
    with open_ledger(place, lease=12.0) as ledger:
        options = {**worker.OPEN, "wait": 0.0, "concurrency": THREADS}
        batch = Batch("j", ledger, worker.hang_up, settings=worker.settings(url), **options)
        with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
            _is_refused(batch, cluster)
        with (
            dask.config.set(SETTINGS),
            LocalCluster(n_workers=2, threads_per_worker=THREADS, dashboard_address=None) as cluster,
            Client(cluster) as client,
        ):
            pid = next(iter(client.run(os.getpid).values()))
            killer = threading.Thread(target=_kill, args=(place, rows, pid))
            killer.start()
            print(run(batch, client).statuses)
            killer.join()


def _is_refused(batch: Batch, cluster: LocalCluster) -> None:
    """A scheduler that would run a task again."""
    with Client(cluster) as client:
        try:
            run(batch, client)
        except swsync.ConfigurationError as error:
            print(error)


def _kill(place: str, rows: int, pid: int) -> None:
    deadline = time.monotonic() + 60
    with open_ledger(place) as ledger:
        while ledger.counts("j").get(("done", "answered"), 0) < rows and time.monotonic() < deadline:
            time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
