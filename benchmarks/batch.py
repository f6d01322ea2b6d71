"""What the ledger of a batch costs: milliseconds a row, flat however many rows there are, and quick to go on."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks._measure import Line, check_equal
from swsync.batch.ledger import Intent, Limits, NewRow
from swsync.batch.sqlite import SqliteLedger
from swsync.clock import REAL

SIZES = (1_000, 10_000, 100_000)
SAMPLE = 500  # rows that are dialed, on paper, in each round
MOST = 3.0  # milliseconds a row
RESUME = 2.0  # seconds


def fill(path: Path, rows: int) -> SqliteLedger:
    ledger = SqliteLedger(path)
    ledger.create("j", {})
    ledger.load("j", (NewRow(number=f"+1{2_000_000_000 + i}", data={"name": "x"}) for i in range(rows)))
    return ledger


def dial(ledger: SqliteLedger, rows: int, clock: Callable[[], float] = time.perf_counter) -> float:
    """Take rows from claim to result, all their commits on the disk; returns milliseconds a row."""
    lease = ledger.join(REAL)
    begin, done = clock(), 0
    while done < rows:
        for row in ledger.claim("j", lease, 20):
            intent = ledger.intent(lease, row, Limits())
            assert isinstance(intent, Intent)
            ledger.take_token(1e6)
            ledger.seen(lease, intent.tag, "call", "node", {})
            ledger.finish(lease, intent, "human", {"talk_seconds": 1.0})
            done += 1
    taken = 1000 * (clock() - begin) / done
    ledger.leave(lease)
    return taken


def _go_on(path: Path) -> float:
    """Open a ledger whose owner died, reap, and claim the first rows; returns seconds."""
    begin = time.perf_counter()
    with SqliteLedger(path) as ledger:
        ledger.reap()
        lease = ledger.join(REAL)
        claimed = ledger.claim("j", lease, 20)
        ledger.next_due("j")
        taken = time.perf_counter() - begin
        check_equal(20, len(claimed), "rows claimed")
        ledger.leave(lease)
    return taken


def run(rounds: int) -> Iterator[Line]:
    """Measure all sizes in each round, in turn."""
    with tempfile.TemporaryDirectory() as directory:
        paths = {size: Path(directory) / f"{size}.db" for size in SIZES}
        ledgers = {size: fill(path, size) for size, path in paths.items()}
        spare = {size: size for size in SIZES}
        taken: dict[int, list[float]] = {size: [] for size in SIZES}
        for _ in range(rounds):
            for size in SIZES:
                if spare[size] < SAMPLE:  # used up
                    ledgers[size].close()
                    paths[size] = paths[size].with_suffix(f".{len(taken[size])}.db")
                    ledgers[size] = fill(paths[size], size)
                    spare[size] = size
                taken[size].append(dial(ledgers[size], SAMPLE))
                spare[size] -= SAMPLE
        for ledger in ledgers.values():
            ledger.close()
        resumed = [_go_on(paths[SIZES[-1]]) for _ in range(rounds)]
    for size in SIZES:
        limit = tuple(ms / MOST for ms in taken[size])
        middle = sorted(taken[size])[rounds // 2]
        yield Line(f"ledger, a row of {size:,}", "3 ms", 1.0, limit, at_most=True, note=f"{middle:.2f} ms a row")
    flat = tuple(large / small for small, large in zip(taken[SIZES[0]], taken[SIZES[-1]], strict=True))
    yield Line("ledger, a row of 100,000", "a row of 1,000", 1.3, flat, at_most=True)
    middle = sorted(resumed)[rounds // 2]
    yield Line(
        "going on with 100,000 rows", "2 s", 1.0, tuple(s / RESUME for s in resumed), at_most=True,
        note=f"{1000 * middle:.0f} ms",
    )  # fmt: skip
