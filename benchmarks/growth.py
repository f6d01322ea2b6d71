"""What one more call, tap, event or batch row costs when there are ten of them, and when there are ten thousand.

Processor time, ours alone: each size is a process of its own (a ledger of its own), and they take turns.
"""

from __future__ import annotations

import contextlib
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import batch
from benchmarks._measure import Line
from benchmarks._sides import Bench
from benchmarks.control import kibibytes

SIZES = (10, 100, 1_000, 10_000)
STEP = 100  # more calls and taps, and ten times as many events, in each round
ROWS = 100  # in each round; of several ledgers, where one has fewer
FLAT = 1.25  # for the largest against the smallest


def run(rounds: int) -> Iterator[Line]:
    """All curves."""
    with contextlib.ExitStack() as stack:
        bench = Bench(stack, rounds)
        yield from calls(bench)
        yield memory(bench)
    yield rows(rounds)


def calls(bench: Bench) -> Iterator[Line]:
    """Calls, taps and events, beside so many calls with a tap each."""
    with contextlib.ExitStack() as stack:
        sides = [stack.enter_context(bench.side("ours.py")) for _ in SIZES]
        for side in sides:
            side("fill", SIZES[0])
            side("marginal", STEP)  # what the first ones load is no growth
        for side, size in zip(sides, SIZES, strict=True):
            side("fill", size - SIZES[0])
        results = [[side("marginal", STEP) for side in sides] for _ in range(bench.rounds + 1)][1:]
    for what in ("call", "tap", "event"):
        yield line(f"CPU of one more {what}", [[one[what] for one in turn] for turn in results], 1e6, "us")


def memory(bench: Bench) -> Line:
    """What Python allocates for each call with a tap; the few have to carry what is remembered up to a number."""
    few, many = SIZES[-2:]
    each = []
    for size in (few, many):
        with bench.side("ours.py") as side:
            side("fill", SIZES[0])
            each.append(side("population", size, False)["octets"])
    ratio = each[1] / each[0]
    what = f"memory of a call with a tap, of {many:,}"
    return Line(what, f"of {few:,}", FLAT, (ratio, ratio), at_most=True, note=kibibytes(each[1]))


def rows(rounds: int) -> Line:
    """One row of a ledger, from claim to result."""
    with tempfile.TemporaryDirectory() as directory:
        found = []
        for turn in range(rounds + 1):
            found.append([_row(Path(directory) / f"{turn}-{size}", size) for size in SIZES])
    return line("CPU of a batch row", [[ms / 1000 for ms in turn] for turn in found[1:]], 1e6, "us")


def _row(directory: Path, size: int) -> float:
    """Milliseconds a row of ledgers of that size."""
    directory.mkdir()
    taken = []
    for number in range(max(1, ROWS // size)):
        with contextlib.closing(batch.fill(directory / f"{number}.db", size)) as ledger:
            taken.append(batch.dial(ledger, min(size, ROWS), time.process_time))
    return statistics.mean(taken)


def line(what: str, turns: Sequence[Sequence[float]], factor: float, unit: str) -> Line:
    """The largest size against the smallest, and the curve between them."""
    medians = [factor * statistics.median(column) for column in zip(*turns, strict=True)]
    ratios = tuple(turn[-1] / turn[0] for turn in turns)
    return Line(
        f"{what}, of {SIZES[-1]:,}", f"of {SIZES[0]}", FLAT, ratios, at_most=True,
        note=", ".join(f"{median:.0f}" for median in medians) + f" {unit} with {', '.join(f'{n:,}' for n in SIZES)}",
        curve=tuple(zip(SIZES, medians, strict=True)), axes=("how many there are", f"{what}, {unit}"),
    )  # fmt: skip
