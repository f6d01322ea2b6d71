"""``python -m tests.batch.sweep``: kill processes of a batch at random and count at the relay who was rung how often.

Exit code 0: nobody was rung twice, every row is accounted for, and no more is unknown than was in flight at the kills.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import places
import worker

import swsync
from swsync.batch import Batch, open_ledger

CONCURRENCY = 10  # calls at once of a process


def numbers(rows: int) -> list[str]:
    """So many valid numbers that nobody has."""
    return [f"+1202{200 + i // 10_000:03d}{i % 10_000:04d}" for i in range(rows)]


def sweep(ledger: str, rows: int, processes: int, every: float, seed: int, limit: float) -> dict[str, Any]:
    """Run it to the end; returns what was counted."""
    chance = random.Random(seed)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["worker", "swsync.client", "swsync.batch.batch", "swsync.batch.runner"])
    with (
        places.place(ledger) as place,
        swsync.LocalRelay(speed=worker.SPEED, tls=False) as relay,
        open_ledger(place) as opened,
    ):
        Batch("j", opened, worker.hang_up, **worker.OPEN).load([{"number": number} for number in numbers(rows)])
        began = time.monotonic()
        kills = _storm(context, place, relay.url, processes, every, chance, limit)
        # The last one ends what the dead have left.
        last = Batch("j", opened, worker.hang_up, settings=worker.settings(relay.url), **worker.OPEN)
        last.run()
        seconds = time.monotonic() - began
        statuses = Counter(result.status for result in last.results())
        rung = Counter({number: callee.rings for number, callee in relay.callees.items()})
        outside = {row.number for row in last.results() if row.status not in ("done", "unknown")}
        lost = sum(1 for row in last.results() if row.status == "done" and not rung[row.number])
    return {
        "rows": rows,
        "kills": kills,
        "seconds": round(seconds, 1),
        "statuses": dict(statuses),
        "rung": sum(rung.values()),
        "rung twice": sum(1 for count in rung.values() if count > 1),
        "done without a ring": lost,
        "not accounted for": rows - statuses["done"] - statuses["unknown"],
        "rung and pending": sum(1 for number in outside if rung[number]),
        "most unknown": kills * (CONCURRENCY + 1),
    }


def _storm(
    context: Any, place: str, url: str, processes: int, every: float, chance: random.Random, limit: float
) -> int:
    """Keep so many processes at work, and kill one each ``every`` seconds, until one of them finds nothing to do."""
    kills, deadline = 0, time.monotonic() + limit

    def start() -> Any:
        process = context.Process(
            target=worker.work, args=(place, url), kwargs={"concurrency": CONCURRENCY, "wait": 1.0}, daemon=True
        )
        process.start()
        return process

    alive = [start() for _ in range(processes)]
    try:
        while time.monotonic() < deadline:
            time.sleep(every)
            if any(process.exitcode == 0 for process in alive):
                break
            victim = chance.choice(alive)
            victim.kill()
            victim.join()
            kills += 1
            alive.remove(victim)
            alive.append(start())
    finally:
        for process in alive:
            process.kill()
            process.join()
    return kills


def is_good(found: dict[str, Any]) -> bool:
    """Whether it came out as it must."""
    zero = ("rung twice", "done without a ring", "not accounted for", "rung and pending")
    return not any(found[name] for name in zero) and found["statuses"].get("unknown", 0) <= found["most unknown"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ledger", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--every", type=float, default=0.25, help="seconds between two kills")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=float, default=3600.0, help="seconds at most")
    found = sweep(**vars(parser.parse_args()))
    for name, value in found.items():
        print(f"{name:22} {value}")
    return 0 if is_good(found) else 1


if __name__ == "__main__":
    sys.exit(main())
