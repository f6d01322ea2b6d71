"""``python -m tests.batch.pacing``: four processes of ten threads dial at one rate; the relay measures the starts.

Exit code 0: up to 20 a second no two starts are closer than 1/rate - 20 ms; above, no second has more than rate + 1
(above 100 a second: + 2 %); no minute has more than 60 x rate + 1.

Three moments of each start are noted, all by the machine's one monotonic clock: when the ledger granted the turn,
when the dial had been written to the socket, and when the relay read it. The relay's is what counts; the others tell
whether the pacer or the way to the relay is to blame.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import places
import worker
from sweep import numbers

import swsync
from swsync.batch import Batch, open_ledger
from swsync.batch.pacer import Pacer
from swsync.connection import Connection

THREADS = 10  # calls at once of a process


def dial(place: str, url: str, rate: float, notes: str) -> None:
    """One process: note when turns were granted and dials written, and write it to a file at the end."""
    granted: list[float] = []
    written: dict[str, float] = {}
    take, begin = Pacer.wait_turn, Connection.begin

    def take_noted(*args: Any, **options: Any) -> bool:
        taken = take(*args, **options)
        if taken:
            granted.append(time.monotonic())
        return taken

    def begin_noted(self: Connection, method: str, params: dict[str, Any], **options: Any) -> Any:
        request = begin(self, method, params, **options)
        if method == "calling.dial":
            written[params["tag"]] = time.monotonic()
        return request

    Pacer.wait_turn, Connection.begin = take_noted, begin_noted  # type: ignore[method-assign, assignment]
    worker.work(place, url, rate=rate, wait=1.0, concurrency=THREADS)
    Path(notes).write_text(json.dumps({"granted": granted, "written": written}))


def measure(ledger: str, rate: float, seconds: float, processes: int) -> dict[str, list[float]]:
    """Run it; returns the moments of all starts, by where they were noted."""
    rows = int(rate * seconds)
    with (
        tempfile.TemporaryDirectory() as directory,
        places.place(ledger) as place,
        relay_first() as relay,
    ):
        with open_ledger(place) as opened:
            Batch("j", opened, **worker.OPEN).load([{"number": number} for number in numbers(rows)])
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), str(Path(__file__).parent)])}
        running, notes = [], []
        for i in range(processes):
            notes.append(Path(directory, str(i)))
            code = f"import pacing; pacing.dial({place!r}, {relay.url!r}, {rate}, {str(notes[-1])!r})"
            running.append(subprocess.Popen([sys.executable, "-c", code], env=environment))
        for process in running:
            process.wait()
        found = [json.loads(note.read_text()) for note in notes]
        read = {entry.params["tag"]: entry.time / worker.SPEED for entry in relay.journal.requests("calling.dial")}
    written = {tag: when for each in found for tag, when in each["written"].items()}
    return {
        "granted": sorted(when for each in found for when in each["granted"]),
        "written": sorted(written.values()),
        "read": sorted(read.values()),
        "on the way": sorted(read[tag] - written[tag] for tag in written),  # the relay's clock began at another moment
    }


def busiest(times: list[float], seconds: float) -> int:
    """The most starts in any such span."""
    return max(bisect_left(times, start + seconds) - i for i, start in enumerate(times))


@contextmanager
def relay_first() -> Iterator[swsync.LocalRelay]:
    """A relay whose threads run before all others, so that it reads each dial when it comes; this needs root."""
    with suppress(AttributeError, PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))  # this thread, and those that it starts now
    with swsync.LocalRelay(speed=worker.SPEED, tls=False) as relay:
        with suppress(AttributeError, PermissionError):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        yield relay


def is_good(times: list[float], rate: float) -> bool:
    """Whether starts keep to the rate."""
    if busiest(times, 60.0) > 60 * rate + 1:
        return False
    if rate <= 20:
        return min(b - a for a, b in itertools.pairwise(times)) >= 1 / rate - 0.020
    return busiest(times, 1.0) <= (rate + 1 if rate <= 100 else rate * 1.02)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ledger", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--rate", type=float, default=20.0)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--processes", type=int, default=4)
    options = parser.parse_args()
    found = measure(options.ledger, options.rate, options.seconds, options.processes)
    late = found.pop("on the way")
    print(f"{options.rate:g} a second, {options.processes} processes of {THREADS} threads, {options.ledger}")
    for where, times in found.items():
        gaps = sorted(b - a for a, b in itertools.pairwise(times))
        print(
            f"  {where:8} {len(times)} in {times[-1] - times[0]:.1f} s; shortest gap {1000 * gaps[0]:.1f} ms, "
            f"median {1000 * gaps[len(gaps) // 2]:.1f} ms; busiest second {busiest(times, 1.0)}"
        )
    late = [1000 * (way - late[0]) for way in late]
    print(f"  on the way, beyond the quickest: median {late[len(late) // 2]:.1f} ms, most {late[-1]:.1f} ms")
    whole = len(found["read"]) == int(options.rate * options.seconds)
    return 0 if whole and is_good(found["read"], options.rate) else 1


if __name__ == "__main__":
    sys.exit(main())
