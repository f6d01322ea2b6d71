"""``python -m tests.batch.sizes``: many calls at once in one process, and a list of a million rows; what both take.

Exit code 0: all calls were up together, each number rang once, and the list came back byte for byte.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import worker
from sweep import numbers

import swsync
from swsync.batch import Batch, open_ledger


def memory() -> float:
    """The most that this process has held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Crowd:
    """A script that holds each call until all are up."""

    def __init__(self, count: int) -> None:
        self._gate = threading.Barrier(count)
        self.threads = 0

    def __call__(self, call: Any, row: Any) -> dict[str, Any]:
        self._gate.wait(120)
        self.threads = max(self.threads, threading.active_count())
        return {}


def crowd(count: int) -> bool:
    """So many calls at once."""
    script = Crowd(count)
    with tempfile.TemporaryDirectory() as directory, swsync.LocalRelay(speed=1.0, tls=False) as relay:
        with open_ledger(Path(directory, "calls.db")) as ledger:
            options = {**worker.OPEN, "concurrency": count, "max_duration": 600}
            settings = {**worker.settings(relay.url), "clock": swsync.clock.RealClock(1.0)}
            batch = Batch("j", ledger, script, settings=settings, **options)
            batch.load([{"number": number} for number in numbers(count)])
            before, begin = memory(), time.monotonic()
            summary = batch.run()
            seconds = time.monotonic() - begin
        rings = [callee.rings for callee in relay.callees.values()]
    print(
        f"{count} calls at once: {summary.statuses}, {script.threads} threads, {seconds:.1f} s, "
        f"{memory() - before:.0f} MiB with the relay in the same process"
    )
    return summary.statuses == {"done": count} and rings == [1] * count


LONG = """
import resource, sys, time
from pathlib import Path
from swsync.batch import Batch, open_ledger
import worker
directory, count = Path(sys.argv[1]), int(sys.argv[2])
def step(name, begin):
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  {name}: {time.monotonic() - begin:.1f} s, at most {held:.0f} MiB")
    return time.monotonic()
with open_ledger(directory / "calls.db") as ledger:
    batch = Batch("j", ledger, worker.hang_up, **worker.OPEN)
    begin = time.monotonic()
    print(" ", batch.load(directory / "list.csv"))
    begin = step("loaded", begin)
    batch.export(directory / "a.csv")
    begin = step("exported", begin)
    batch.export(directory / "again.csv")
with open_ledger(directory / "other.db") as ledger:
    batch = Batch("j", ledger, worker.hang_up, **worker.OPEN)
    begin = time.monotonic()
    batch.load(directory / "a.csv")
    batch.export(directory / "b.csv")
    step("loaded from the export, and exported again", begin)
"""


def long_list(count: int) -> bool:
    """A CSV of so many rows, in and out."""
    print(f"a list of {count} rows:", flush=True)
    with tempfile.TemporaryDirectory() as directory:
        with Path(directory, "list.csv").open("w") as file:
            file.write("number,name\n")
            file.writelines(f"+1202{200 + i % 800:03d}{i // 800 % 10_000:04d},person {i}\n" for i in range(count))
        subprocess.run([sys.executable, "-c", LONG, directory, str(count)], cwd=Path(__file__).parent, check=True)
        first, again, back = (Path(directory, f"{name}.csv").read_bytes() for name in ("a", "again", "b"))
    print(f"  the same bytes: twice {first == again}, and after the way back {first == back}")
    return first == again == back


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    good = not options.calls or crowd(options.calls)
    return 0 if (not options.rows or long_list(options.rows)) and good else 1


if __name__ == "__main__":
    sys.exit(main())
