"""``python -m tests.batch.pacing``: four processes dial at one rate; the relay measures the time between starts.

Exit code 0: up to 20 a second no two starts are closer than 1/rate - 20 ms; above, no second has more than rate + 1
(above 100 a second: + 2 %).
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
from bisect import bisect_left
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import places
import worker
from sweep import numbers

import swsync
from swsync.batch import Batch, open_ledger


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ledger", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--rate", type=float, default=20.0)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--processes", type=int, default=4)
    options = parser.parse_args()
    rows, rate = int(options.rate * options.seconds), options.rate
    with places.place(options.ledger) as place, swsync.LocalRelay(speed=worker.SPEED, tls=False) as relay:
        with open_ledger(place) as ledger:
            Batch("j", ledger, **worker.OPEN).load([{"number": number} for number in numbers(rows)])
        code = f"import worker; worker.work({place!r}, {relay.url!r}, rate={rate}, wait=1.0)"
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), str(Path(__file__).parent)])}
        command = [sys.executable, "-c", code]
        processes = [subprocess.Popen(command, env=environment) for _ in range(options.processes)]
        for process in processes:
            process.wait()
        times = [entry.time / worker.SPEED for entry in relay.journal.requests("calling.dial")]
    gaps = sorted(b - a for a, b in itertools.pairwise(sorted(times)))
    times.sort()
    busiest = max(bisect_left(times, start + 1.0) - i for i, start in enumerate(times))
    most = rate + 1 if rate <= 100 else rate * 1.02
    good = gaps[0] >= 1 / rate - 0.020 if rate <= 20 else busiest <= most
    print(f"{len(times)} starts in {times[-1] - times[0]:.1f} s by {options.processes} processes at {rate:g} a second")
    print(
        f"shortest gap {1000 * gaps[0]:.1f} ms, median {1000 * gaps[len(gaps) // 2]:.1f} ms, busiest second {busiest}"
    )
    return 0 if good and len(times) == rows else 1


if __name__ == "__main__":
    sys.exit(main())
