"""Hours in one process: 500 blocked calls, 2,000 events a second, calls that come and go, and memory that stays flat.

``python -m benchmarks soak --minutes 60``. A minute, which is what runs without ``--minutes``, shows that all of it
works; what grows by two hundredths in an hour takes an hour to see.
"""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks._measure import Line, Unequal
from benchmarks._sides import Bench

MEASURE = "minutes"
LEAST = 60

CALLS, RATE = 500, 2000
SAMPLES = 60  # in all, but none takes less than SHORTEST seconds
SHORTEST = 5
WARMING = 12  # the first of so many parts is not counted: dials are remembered for three minutes
GROWTH = 1.02
LATE = 20.0  # milliseconds


def run(minutes: float) -> Iterator[Line]:
    """Measure for so many minutes."""
    seconds = int(60 * minutes)
    every = max(SHORTEST, seconds // SAMPLES)
    with contextlib.ExitStack() as stack:
        bench = Bench(stack, 1)
        side = stack.enter_context(bench.side("ours.py", "soak.py", CALLS, RATE, seconds, every))
        samples = list(iter(side.answer, None))
    yield from judge(samples, RATE * seconds)


def judge(samples: Sequence[dict[str, Any]], sent: int) -> Iterator[Line]:
    """What samples come to.

    Raises:
        Unequal: An event was not acknowledged, or woke nobody.
    """
    for fact in ("acknowledged", "woken"):
        found = sum(sample[fact] for sample in samples)
        if found < sent:
            raise Unequal(f"{sent - found} of {sent} events: not {fact}")
    counted = samples[len(samples) // WARMING :]
    minutes = counted[-1]["seconds"] / 60
    what = f"soak of {minutes:.0f} min"
    late = tuple(1000 * sample["p99"] for sample in counted)
    p50 = statistics.median(1000 * sample["p50"] for sample in counted)
    load = statistics.median(sample["load"] for sample in counted)
    note = f"absolute; p50 {p50:.2f} ms; worst part {max(late):.1f} ms; load average {load:.1f}"
    yield Line(f"{what}: event to wake-up, p99", "milliseconds", LATE, late, at_most=True, note=note)
    begin, end = ends([sample["resident"] for sample in counted])
    note = f"{end / 2**20:.1f} MiB; {counted[-1]['short_calls']:,} more calls came and went"
    curve = tuple((sample["seconds"] / 60, sample["resident"] / 2**20) for sample in samples)
    yield Line(
        f"{what}: memory at the end", "at the beginning", GROWTH, (end / begin,) * 2, at_most=True, note=note,
        curve=curve, axes=("minutes", "MiB resident"),
    )  # fmt: skip
    for fact, target in (("objects", GROWTH), ("threads", 1.0), ("descriptors", 1.0)):
        begin, end = ends([sample[fact] for sample in counted])
        name = "objects of Python" if fact == "objects" else fact
        note = f"{end:,.0f}"
        yield Line(
            f"{what}: {name} at the end", "at the beginning", target, (end / begin,) * 2, at_most=True, note=note
        )


def ends(values: Sequence[float]) -> tuple[float, float]:
    """The medians of the first and of the last tenth."""
    tenth = max(3, len(values) // 10)
    return statistics.median(values[:tenth]), statistics.median(values[-tenth:])
