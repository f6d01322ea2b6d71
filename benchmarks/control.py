"""The control plane against the official SDK: requests, events, imports, memory and threads.

The official SDK 3.7.5 lives in an environment of its own: ``SWSYNC_OFFICIAL_SDK`` names its python; without that, one
is made in the temporary directory. Both sides speak TLS to the same server process and take turns, and the server has
to have seen both do the same.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks._measure import Line, Unequal, check_equal
from tests.peers.official_sdk import VERSION, official_python

PEER = f"official SDK {VERSION}"
PROGRAMS = Path(__file__).parent / "_control"
ROOT = Path(__file__).parents[1]

REQUESTS = 300  # a round
CALLERS, EACH = 100, 20
EVENTS, EVENT_CALLS = 5000, 20
POPULATION = 1000

# What swsync needs at run time. Only this is put before its programs: what else an environment holds (SOCKS, which a
# peer of another section brings, is found and loaded by websocket-client) is not swsync's.
PACKAGES = ("attr", "attrs", "cffi", "_cffi_backend*", "websocket", "websockets")

FIND = "import site; print(site.getsitepackages()[0])"
IMPORT = "import sys, time; sys.path[:0] = {path!r}; t = time.perf_counter(); {what}; print(time.perf_counter() - t)"


class Program:
    """One process of ``benchmarks/_control``; ``program("order", ...)`` gives its result."""

    def __init__(self, environment: dict[str, str], python: str, name: str, *arguments: str) -> None:
        self._name = name
        # -S: what site and editable installs import is neither side's.
        self._child = subprocess.Popen(
            [python, "-S", str(PROGRAMS / name), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        with self._child:  # closing its stdin ends it
            pass

    def __call__(self, *order: object) -> Any:
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(order) + "\n")
        self._child.stdin.flush()
        return self.answer()

    def answer(self) -> Any:
        """Read one line of its stdout."""
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise Unequal(f"{self._name} ended before its time")
        return json.loads(line)


class Bench:
    """The server, and how to start either side."""

    def __init__(self, stack: contextlib.ExitStack, rounds: int) -> None:
        self.rounds = rounds
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        self._ca_file = f"{directory}/ca.pem"
        # Both sides' modules are compiled once, in the round that is not counted, whatever the environment says.
        self._environment = {**os.environ, "PYTHONPYCACHEPREFIX": f"{directory}/compiled"}
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self._pythons = {"ours.py": sys.executable, "server.py": sys.executable, "official.py": official_python()}
        packages = {name: self._run(name, FIND) for name in self._pythons}
        needed = Path(directory) / "packages"
        needed.mkdir()
        for found in [found for name in PACKAGES for found in Path(packages["ours.py"]).glob(name)]:
            (needed / found.name).symlink_to(found)
        self._path = {
            "ours.py": [str(ROOT), str(needed)],
            "official.py": [packages["official.py"]],
            "server.py": [str(ROOT), packages["ours.py"]],
        }
        server = stack.enter_context(self._program("server.py", "server.py", self._ca_file))
        self._port = str(server.answer())

    @contextlib.contextmanager
    def sides(self) -> Iterator[tuple[Program, Program]]:
        """Both sides, connected."""
        with self.side("ours.py") as ours, self.side("official.py") as theirs:
            yield ours, theirs

    def side(self, name: str, program: str = "", *more: object) -> Program:
        """One side's program: its own, or another that takes more arguments."""
        return self._program(name, program or name, self._port, self._ca_file, *map(str, more))

    def server(self, name: str) -> Program:
        """A program that serves, with all packages that this one has."""
        return self._program("server.py", name)

    def _program(self, side: str, name: str, *arguments: str) -> Program:
        environment = {**self._environment, "PYTHONPATH": os.pathsep.join(self._path[side])}
        return Program(environment, self._pythons[side], name, *arguments)

    def import_time(self, name: str, what: str) -> float:
        """Seconds of an import in a fresh process, without what ``site`` and editable installs import before."""
        return float(self._run(name, IMPORT.format(path=self._path[name], what=what), "-S"))

    def _run(self, name: str, code: str, *options: str) -> str:
        command = [self._pythons[name], *options, "-c", code]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=self._environment)
        return done.stdout.strip()


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
