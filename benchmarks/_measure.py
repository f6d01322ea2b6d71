"""Interleaved rounds, medians, and one line of the table."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

SHORTEST = 0.004  # seconds; a shorter function is called so often in a row that one measurement takes this long

Times = dict[str, list[float]]


class Unequal(AssertionError):
    """The two sides did not do the same work, so that their times mean nothing."""


@dataclass(frozen=True)
class Line:
    """A ratio and what is asked of it.

    Attributes:
        what: The work.
        peer: What it is measured against.
        target: The ratio to reach.
        ratios: One a round; their median counts.
        at_most: Less is better: the ratio is to stay at or below the target.
        note: What else to know, such as one side's absolute figure.
        curve: Points to draw, where a line says that something stays flat.
        axes: What their x and y are.
    """

    what: str
    peer: str
    target: float
    ratios: tuple[float, ...]
    at_most: bool = False
    note: str = ""
    curve: tuple[tuple[float, float], ...] = ()
    axes: tuple[str, str] = ("", "")

    @property
    def ratio(self) -> float:
        """The median."""
        return statistics.median(self.ratios)

    @property
    def spread(self) -> tuple[float, float]:
        """The quartiles."""
        low, _, high = statistics.quantiles(self.ratios, n=4)
        return low, high

    @property
    def is_met(self) -> bool:
        """Whether the median reaches the target."""
        return self.ratio <= self.target if self.at_most else self.ratio >= self.target


def check_equal(ours: object, theirs: object, what: str) -> None:
    """Make sure that both sides did the same work.

    Raises:
        Unequal: They did not.
    """
    if ours != theirs:
        raise Unequal(f"{what}: the two sides did not come to the same result")


def interleave(
    rounds: int, functions: dict[str, Callable[[], object]], prepare: dict[str, Callable[[], object]] | None = None
) -> Times:
    """Time each function once a round, in turn; return seconds a call.

    Garbage collection waits, and a first round is not counted. What is named in ``prepare`` runs before each call of
    that function, and its time is not counted.
    """
    before = prepare or {}
    numbers = {name: _often_enough(function, before.get(name)) for name, function in functions.items()}
    times: Times = {name: [] for name in functions}
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        for name, function in functions.items():
            _seconds(function, numbers[name], before.get(name))
        for _ in range(rounds):
            for name, function in functions.items():
                times[name].append(_seconds(function, numbers[name], before.get(name)) / numbers[name])
            gc.collect()
    finally:
        if was_enabled:
            gc.enable()
    return times


def _seconds(function: Callable[[], object], number: int, prepare: Callable[[], object] | None = None) -> float:
    if prepare is None:
        begin = time.perf_counter()
        for _ in range(number):
            function()
        return time.perf_counter() - begin
    total = 0.0
    for _ in range(number):
        prepare()
        begin = time.perf_counter()
        function()
        total += time.perf_counter() - begin
    return total


def _often_enough(function: Callable[[], object], prepare: Callable[[], object] | None = None) -> int:
    number = 1
    while _seconds(function, number, prepare) < SHORTEST:
        number *= 2
    return number


def faster(what: str, times: Times, ours: str, peer: str, target: float, *, note: str = "") -> Line:
    """A line that says how many times the peer's time ours would fit into."""
    ratios = tuple(theirs / mine for mine, theirs in zip(times[ours], times[peer], strict=True))
    return Line(what, peer, target, ratios, note=note)
