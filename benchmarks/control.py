"""The control plane against the official SDK: requests, events, imports, memory and threads.

The official SDK 3.7.5 lives in an environment of its own: ``SWSYNC_OFFICIAL_SDK`` names its python; without that, one
is made in the temporary directory. Both sides speak TLS to the same server process and take turns, and the server has
to have seen both do the same.
"""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks._measure import Line, check_equal
from benchmarks._sides import Bench, Program
from tests.peers.official_sdk import VERSION

PEER = f"official SDK {VERSION}"

REQUESTS = 300  # a round
CALLERS, EACH = 100, 20
EVENTS, EVENT_CALLS = 5000, 20
POPULATION = 1000


def run(rounds: int) -> Iterator[Line]:
    """All lines, each with its own turns."""
    with contextlib.ExitStack() as stack:
        bench = Bench(stack, rounds)
        yield from requests_and_events(bench)
        yield from imports(bench)
        yield from connected(bench)
        yield from population(bench)


def turns(rounds: int, *order: Any, sides: tuple[Program, Program]) -> tuple[list[Any], list[Any]]:
    """Give both sides the same order, in turn; the first round is not counted, and each has to be equal work."""
    found: tuple[list[Any], list[Any]] = ([], [])
    for _ in range(rounds + 1):
        results = [side(*order) for side in sides]
        for fact in ("seen", "handled"):
            check_equal(results[0].get(fact), results[1].get(fact), f"{order}: {fact}")
        for values, result in zip(found, results, strict=True):
            values.append(result)
    return found[0][1:], found[1][1:]


def compare(
    what: str,
    found: tuple[list[Any], list[Any]],
    key: str,
    target: float,
    *,
    at_most: bool,
    note: Callable[[float], str],
) -> Line:
    """A line of ours divided by theirs; the note says our own figure."""
    ratios = tuple(ours[key] / theirs[key] for ours, theirs in zip(*found, strict=True))
    return Line(what, PEER, target, ratios, at_most, note(statistics.median(ours[key] for ours in found[0])))


def micros(seconds: float) -> str:
    return f"{1e6 * seconds:.0f} us"


def per_second(rate: float) -> str:
    return f"{rate:,.0f} a second"


def kibibytes(octets: float) -> str:
    return f"{octets / 1024:.1f} KiB"


def requests_and_events(bench: Bench) -> Iterator[Line]:
    """What a connected client does all day."""
    with bench.sides() as sides:
        for side in sides:
            side("dial", EVENT_CALLS)
            side("count")
        one = turns(bench.rounds, "requests", REQUESTS, sides=sides)
        yield compare("RELAY request, one at a time: p50", one, "p50", 0.8, at_most=True, note=micros)
        yield compare("RELAY request, one at a time: CPU", one, "cpu", 0.7, at_most=True, note=micros)
        many = turns(bench.rounds, "in_flight", CALLERS, EACH, sides=sides)
        what = f"{CALLERS} threads with a request in flight: requests/s"
        yield compare(what, many, "rate", 1.8, at_most=False, note=per_second)
        burst = turns(bench.rounds, "burst", EVENT_CALLS, EVENTS, sides=sides)
        what = f"burst of {EVENTS} events of {EVENT_CALLS} calls, callbacks: events/s"
        yield compare(what, burst, "rate", 5.0, at_most=False, note=per_second)


def imports(bench: Bench) -> Iterator[Line]:
    """Fresh processes."""
    relay = "from signalwire.relay import RelayClient"
    statements = (("ours.py", "import swsync"), ("ours.py", "from swsync import RelayClient"), ("official.py", relay))
    seconds: list[list[float]] = []
    for _ in range(bench.rounds + 1):
        seconds.append([bench.import_time(name, what) for name, what in statements])
    for i, (what, target) in enumerate((("import swsync", 0.5), ("from swsync import RelayClient", 0.9))):
        ratios = tuple(one[i] / one[2] for one in seconds[1:])
        note = f"{1000 * statistics.median(one[i] for one in seconds[1:]):.1f} ms"
        yield Line(f"{what}: seconds", PEER, target, ratios, at_most=True, note=note)


def connected(bench: Bench) -> Iterator[Line]:
    """Resident memory of a fresh process with one connected client."""
    ratios, figures = [], []
    for _ in range(bench.rounds):
        octets = []
        for name in ("ours.py", "official.py"):
            with bench.side(name) as side:
                octets.append(side("memory")["resident"])
        ratios.append(octets[0] / octets[1])
        figures.append(octets[0])
    note = f"{statistics.median(figures) / 2**20:.1f} MiB resident"
    yield Line("memory when connected", PEER, 0.8, tuple(ratios), at_most=True, note=note)


def population(bench: Bench) -> Iterator[Line]:
    """Many calls, each with an unfinished tap that nobody waits for."""
    what = f"{POPULATION:,} calls with a tap each"
    threads: list[float] = []
    for at_once, name in ((True, "at once: resident/call"), (False, "in turn: allocated/call")):
        found: tuple[list[Any], list[Any]] = ([], [])
        for _ in range(max(3, bench.rounds // 3)):
            with bench.sides() as sides:
                for side in sides:
                    side("dial", 1)  # what the first call loads is no cost of a call
                results = [side("population", POPULATION, at_once) for side in sides]
            check_equal(results[0]["seen"], results[1]["seen"], "population: seen")
            for values, result in zip(found, results, strict=True):
                values.append(result)
            threads.append(float(results[0]["threads"]))
        yield compare(f"{what}, {name}", found, "octets", 0.7, at_most=True, note=kibibytes)
    yield Line(f"{what}: more threads", "number", 0, tuple(threads), at_most=True, note="absolute")
