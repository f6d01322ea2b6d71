"""What people write without a ledger, for ``comparison.py``: each of these dials a list with the plain client.

``python plain.py pool|dask URL NUMBERS RESULTS``; a line on stdin kills a process of it. ``celery -A plain worker``
takes the relay's address from PLAIN_URL.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import worker

import swsync

PROCESSES, THREADS = 4, 5
CHANCE = random.Random(1)

_lock = threading.Lock()
_client: swsync.RelayClient | None = None  # one a process, as everybody does it; guarded by _lock


def connected(url: str) -> swsync.RelayClient:
    global _client
    with _lock:
        if _client is None:
            _client = swsync.RelayClient(**worker.settings(url)).__enter__()
        return _client


def ring(url: str, number: str) -> str:
    """Call somebody and hang up."""
    call = connected(url).dial_phone(to=number, from_number=worker.OPEN["from_number"], timeout=30)
    call.hangup()
    return number


def with_pool(url: str, numbers: list[str], results: Path) -> None:
    """Threads, and a file of those who were called, so that the next run leaves them out."""
    done = set(results.read_text().split()) if results.exists() else set()
    threading.Thread(target=on_line, args=(lambda: os.kill(os.getpid(), signal.SIGKILL),), daemon=True).start()
    with ThreadPoolExecutor(PROCESSES * THREADS) as pool, results.open("a") as file:
        for future in as_completed([pool.submit(ring, url, number) for number in numbers if number not in done]):
            print(future.result(), file=file, flush=True)


def with_dask(url: str, numbers: list[str], results: Path) -> None:
    """A cluster as it is started by default: a task whose worker dies is run again, three times."""
    import distributed

    with (
        distributed.LocalCluster(n_workers=PROCESSES, threads_per_worker=THREADS, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
        results.open("a") as file,
    ):

        def kill() -> None:
            alive = [nanny.pid for nanny in cluster.workers.values() if nanny.pid]
            if alive:
                os.kill(CHANCE.choice(alive), signal.SIGKILL)

        threading.Thread(target=on_line, args=(kill,), daemon=True).start()
        futures = [client.submit(ring, url, number, pure=False) for number in numbers]
        for future in distributed.as_completed(futures):
            if future.status == "finished":
                print(future.result(), file=file, flush=True)


def on_line(do: Any) -> None:
    for _ in sys.stdin:
        do()


if os.environ.get("PLAIN_URL"):
    from celery import Celery

    app = Celery("plain")
    # Both are needed so that the task of a process that was killed is given out again.
    app.conf.update(task_acks_late=True, task_reject_on_worker_lost=True, worker_prefetch_multiplier=1)

    @app.task(name="ring")
    def ring_task(number: str) -> str:
        return ring(os.environ["PLAIN_URL"], number)


if __name__ == "__main__":
    import plain  # by its name, as a cluster's workers have to import it

    kind, url, numbers, results = sys.argv[1:]
    {"pool": plain.with_pool, "dask": plain.with_dask}[kind](url, Path(numbers).read_text().split(), Path(results))
