"""``python -m tests.batch.comparison``: one list, one row of kills, four ways to dial it; the relay counts the rings.

swsync's batch, Dask as it is by default, Celery with late acknowledgement, and a ThreadPoolExecutor that is started
again and leaves out whom its file of results names. Exit code 0: swsync rang nobody twice and lost nobody.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

sys.path.insert(0, str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parent.parent))

import plain
import worker
from redisserver import redis_server
from sweep import numbers

import swsync
from swsync.batch import Batch, open_ledger

HERE = Path(__file__).parent
ANSWERS = 10.0  # seconds that it rings; half a second of ours
QUIET = 20.0  # seconds without a ring after which a way has come to its end
LIMIT = 300.0


class Way(Protocol):
    """One way to dial a list."""

    def kill(self) -> None:
        """Kill one of its processes."""

    def is_over(self) -> bool:
        """Whether it has nothing left to do."""

    def done(self) -> set[str]:
        """The numbers that it knows to have been called."""


def environment(**more: str) -> dict[str, str]:
    path = os.pathsep.join([str(Path(swsync.__file__).parent.parent), str(HERE)])
    return {**os.environ, "PYTHONPATH": path, **more}


class Swsync:
    """Processes on one ledger; one that is killed is started again."""

    def __init__(self, url: str, wanted: list[str], directory: Path) -> None:
        place = str(directory / "ledger.db")
        self._ledger = open_ledger(place)
        self._batch = Batch("j", self._ledger, worker.hang_up, settings=worker.settings(url), **worker.OPEN)
        self._batch.load([{"number": number} for number in wanted])
        self._code = f"import worker; worker.work({place!r}, {url!r}, concurrency={plain.THREADS}, wait=1.0)"
        self._running = [self._start() for _ in range(plain.PROCESSES)]
        self._chance = random.Random(1)

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", self._code], env=environment())

    def kill(self) -> None:
        i = self._chance.randrange(len(self._running))
        self._running[i].kill()
        self._running[i].wait()
        self._running[i] = self._start()

    def is_over(self) -> bool:
        return all(process.poll() is not None for process in self._running)

    def done(self) -> set[str]:
        self._batch.run()  # what a scheduler does next; it says what is unknown
        found = {result.number for result in self._batch.results("done")}
        self._ledger.close()
        return found


class Program:
    """``plain.py``; a scheduler starts it again when it has died."""

    def __init__(self, kind: str, url: str, wanted: list[str], directory: Path) -> None:
        self._results = directory / "results"
        (directory / "numbers").write_text("\n".join(wanted))
        self._command = [sys.executable, str(HERE / "plain.py"), kind, url, directory / "numbers", self._results]
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, env=environment(), stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        with suppress(BrokenPipeError):
            assert self._process.stdin
            self._process.stdin.write(b"kill\n")
            self._process.stdin.flush()

    def is_over(self) -> bool:
        if self._process.poll() not in (None, 0):
            self._process = self._start()
        return self._process.poll() == 0

    def done(self) -> set[str]:
        self._process.kill()
        self._process.wait()
        return set(self._results.read_text().split()) if self._results.exists() else set()


class Celery:
    """A worker with late acknowledgement on a real Redis."""

    def __init__(self, broker: str, url: str, wanted: list[str], directory: Path) -> None:
        known = environment(PLAIN_URL=url, CELERY_BROKER_URL=broker, CELERY_RESULT_BACKEND=broker)
        os.environ.update({name: known[name] for name in ("PLAIN_URL", "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND")})
        command = [sys.executable, "-m", "celery", "-A", "plain", "worker"]
        with (directory / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--concurrency", str(2 * plain.PROCESSES)], env=known, cwd=HERE, stdout=log, stderr=log
            )
        from celery import Celery as App

        self._app = App("plain")
        self._results = {number: self._app.send_task("ring", (number,)) for number in wanted}
        self._chance = random.Random(1)

    def kill(self) -> None:
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if children:
            os.kill(int(self._chance.choice(children)), 9)

    def is_over(self) -> bool:
        return all(result.ready() for result in self._results.values())

    def done(self) -> set[str]:
        found = {number for number, result in self._results.items() if result.successful()}
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        self._process.kill()
        self._process.wait()
        self._app.close()
        return found


@contextmanager
def ways(directory: Path) -> Iterator[dict[str, Callable[[str, list[str], Path], Way]]]:
    with redis_server(directory) as broker:
        yield {
            "swsync batch": Swsync,
            "Dask, as it is": lambda *about: Program("dask", *about),
            "Celery, late ack": lambda *about: Celery(broker, *about),
            "ThreadPoolExecutor": lambda *about: Program("pool", *about),
        }


def measure(start: Callable[[str, list[str], Path], Way], rows: int, kills: int, directory: Path) -> dict[str, int]:
    """Dial the list, with a kill each time that so many more have rung; returns what was counted."""
    wanted = numbers(rows)
    directory.mkdir()
    with swsync.LocalRelay(speed=worker.SPEED, tls=False) as relay:
        for number in wanted:
            relay.callee(number, answers_after=ANSWERS)
        way = start(relay.url, wanted, directory)
        killed, last, changed = 0, -1, time.monotonic()
        deadline = changed + LIMIT
        while not way.is_over() and time.monotonic() < min(deadline, changed + (QUIET if last > 0 else LIMIT)):
            rung = sum(callee.rings for callee in relay.callees.values())
            if rung != last:
                last, changed = rung, time.monotonic()
            if killed < kills and rung >= (killed + 1) * rows // (kills + 1):
                way.kill()
                killed += 1
            time.sleep(0.02)
        done = way.done()
        rings = Counter({number: callee.rings for number, callee in relay.callees.items()})
    return {
        "kills": killed,
        "rung twice": sum(count > 1 for count in rings.values()),
        "most rings": max(rings.values()),
        "lost": sum(not rings[number] and number in done for number in wanted),
        "never rung": sum(not rings[number] for number in wanted),
        "unknown": rows - len(done),
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--only", help="one of them, by its name's beginning")
    options = parser.parse_args(arguments)
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as directory, ways(Path(directory)) as known:
        for i, (name, start) in enumerate(known.items()):
            if not options.only or name.startswith(options.only):
                found[name] = measure(start, options.rows, options.kills, Path(directory, str(i)))
    columns = list(next(iter(found.values())))
    print(f"| {options.rows} rows | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for name, counted in found.items():
        print(f"| {name} | {' | '.join(str(counted[column]) for column in columns)} |")
    ours = found.get("swsync batch", {})
    return 1 if ours.get("rung twice") or ours.get("lost") else 0


if __name__ == "__main__":
    sys.exit(main())
