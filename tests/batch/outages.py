"""``python -m tests.batch.outages``: a ledger that cannot be written, and a process that is stopped, for half a minute.

The file is locked by another program, the disk is full; the server of PostgreSQL is locked or
gone; a process is stopped for longer than its lease. The relay counts: nobody is dialed meanwhile, each once in all.
"""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import places
import postgres
import worker
from sweep import numbers

import swsync
from swsync.batch import Batch, open_ledger

HERE = Path(__file__).parent
ROWS = 60
RATE = 30.0  # a second
SMALL = 32 * 1024 * 1024  # octets of the disk that gets full; the log of writes alone has four


@contextmanager
def locked(place: str) -> Iterator[None]:
    """Another program holds the file, or the table of owners."""
    if place.startswith("postgresql:"):
        import psycopg

        with psycopg.connect(place) as other, other.transaction():
            other.execute("LOCK TABLE owners IN ACCESS EXCLUSIVE MODE")  # what every transaction looks at first
            yield
        return
    other = sqlite3.connect(place, isolation_level=None, timeout=10)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@contextmanager
def full(place: str) -> Iterator[None]:
    """Not an octet is left on the disk."""
    filler = Path(place).with_name("filler")
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
        yield
    filler.unlink()


@contextmanager
def gone(directory: str) -> Iterator[None]:
    """The server is stopped at once, and started again."""
    with postgres.stopped(directory):
        yield


@contextmanager
def small_disk() -> Iterator[str | None]:
    """A disk of its own, in memory; None for whoever may not mount one."""
    with tempfile.TemporaryDirectory() as directory:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", directory]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            yield None
            return
        try:
            yield str(Path(directory) / "ledger.db")
        finally:
            subprocess.run(["umount", "-l", directory], check=True)


def outage(place: str, during: Callable[[], Any], seconds: float) -> dict[str, int]:
    """Dial a list with an outage in it; returns what the relay counted."""
    with swsync.LocalRelay(speed=worker.SPEED, tls=False) as relay, open_ledger(place) as ledger:
        options = {**worker.OPEN, "rate": RATE}
        batch = Batch("j", ledger, worker.hang_up, settings=worker.settings(relay.url), **options)
        batch.load([{"number": number} for number in numbers(ROWS)])
        thread = threading.Thread(target=batch.run)
        thread.start()
        wait_until(lambda: rings(relay) >= 5)
        with during():
            time.sleep(1.0)  # the dial whose intent was committed before may still leave
            before = rings(relay)
            time.sleep(seconds)
            meanwhile = rings(relay) - before
        thread.join(180)
        counted = [callee.rings for callee in relay.callees.values()]
        statuses = batch.status().statuses
    return {
        "rung meanwhile": meanwhile,
        "rung twice": sum(count > 1 for count in counted),
        "lost": ROWS - statuses.get("done", 0) - statuses.get("unknown", 0),
        "done": statuses.get("done", 0),
        "unknown": statuses.get("unknown", 0),
    }


def stop(place: str, lease: float, count: int) -> dict[str, int]:
    """Stop a process with calls on, past its lease, as often as asked; others take over, and it is let go on."""
    command = f"import worker; worker.work({place!r}, URL, lease={lease}, rate={RATE}, wait=2.0)"
    with swsync.LocalRelay(speed=worker.SPEED, tls=False) as relay, open_ledger(place, lease=lease) as ledger:
        batch = Batch("j", ledger, worker.hang_up, settings=worker.settings(relay.url), **worker.OPEN)
        batch.load([{"number": number} for number in numbers(ROWS * count)])
        path = os.pathsep.join([os.getcwd(), str(HERE)])
        code = [sys.executable, "-c", command.replace("URL", repr(relay.url))]
        running = [subprocess.Popen(code, env={**os.environ, "PYTHONPATH": path}) for _ in range(2)]
        try:
            for i in range(count):
                wait_until(lambda i=i: rings(relay) >= 10 + i * ROWS // 2)  # type: ignore[misc]
                victim = running[i % 2]
                victim.send_signal(signal.SIGSTOP)
                time.sleep(lease * 1.5)
                victim.send_signal(signal.SIGCONT)
            for process in running:
                process.wait(180)
        finally:
            for process in running:
                process.kill()
                process.wait()
        batch.run()
        counted = [callee.rings for callee in relay.callees.values()]
        statuses = batch.status().statuses
    return {
        "rung twice": sum(number > 1 for number in counted),
        "lost": ROWS * count - statuses.get("done", 0) - statuses.get("unknown", 0),
        "done": statuses.get("done", 0),
        "unknown": statuses.get("unknown", 0),
    }


def rings(relay: swsync.LocalRelay) -> int:
    return sum(callee.rings for callee in relay.callees.values())


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.01)


def everything(seconds: float, lease: float, stops: int) -> Iterator[tuple[str, dict[str, int]]]:
    with places.place("sqlite") as place:
        yield "SQLite, locked", outage(place, lambda: locked(place), seconds)
    with small_disk() as disk:
        if disk:
            yield "SQLite, disk full", outage(disk, lambda: full(disk), seconds)
        else:
            print("SQLite, disk full: only root may mount a small disk; see test_trouble.py")
    with places.place("sqlite") as place:
        yield "SQLite, stopped past the lease", stop(place, lease, stops)
    with postgres.server() as directory:
        for name, during in (("locked", locked), ("server gone", lambda _: gone(directory))):
            place = postgres.address(directory)
            yield f"PostgreSQL, {name}", outage(place, lambda d=during, p=place: d(p), seconds)  # type: ignore[misc]
        yield "PostgreSQL, stopped past the lease", stop(postgres.address(directory), lease, stops)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="how long each outage is")
    parser.add_argument("--lease", type=float, default=6.0)
    parser.add_argument("--stops", type=int, default=5)
    options = parser.parse_args()
    good = True
    for name, found in everything(options.seconds, options.lease, options.stops):
        print(f"{name:36}", ", ".join(f"{key} {value}" for key, value in found.items()), flush=True)
        good = good and not (found.get("rung meanwhile") or found["rung twice"] or found["lost"])
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
