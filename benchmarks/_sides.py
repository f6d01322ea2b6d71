"""The processes of both sides of :mod:`benchmarks.control`, and the server that they speak to."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks._measure import Unequal
from tests.peers.official_sdk import official_python

PROGRAMS = Path(__file__).parent / "_control"
ROOT = Path(__file__).parents[1]

# What swsync needs at run time. Its programs find only this: what else an environment holds (SOCKS, which a peer of
# another section brings, is found and loaded by websocket-client) is not swsync's.
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
    """The server, and how to start either side: ``ours.py`` or ``official.py``, whose Python is made when asked for."""

    def __init__(self, stack: contextlib.ExitStack, rounds: int) -> None:
        self.rounds = rounds
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        self._ca_file = f"{directory}/ca.pem"
        # Both sides' modules are compiled once, in the round that is not counted, whatever the environment says.
        self._environment = {**os.environ, "PYTHONPYCACHEPREFIX": f"{directory}/compiled"}
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)
        here = self._packages(sys.executable)
        needed = Path(directory) / "packages"
        needed.mkdir()
        for found in [found for name in PACKAGES for found in Path(here).glob(name)]:
            (needed / found.name).symlink_to(found)
        self._server = (sys.executable, [str(ROOT), here])
        self._sides = {"ours.py": (sys.executable, [str(ROOT), str(needed)])}
        self._port = str(stack.enter_context(self.server("server.py", self._ca_file)).answer())

    @contextlib.contextmanager
    def sides(self) -> Iterator[tuple[Program, Program]]:
        """Both sides, connected."""
        with self.side("ours.py") as ours, self.side("official.py") as theirs:
            yield ours, theirs

    def side(self, name: str, program: str = "", *more: object) -> Program:
        """One side's program, connected: its own, or another that takes more arguments."""
        return self._program(self._side(name), program or name, self._port, self._ca_file, *map(str, more))

    def server(self, name: str, *arguments: str) -> Program:
        """A program that serves, with all packages that are here."""
        return self._program(self._server, name, *arguments)

    def import_time(self, name: str, what: str) -> float:
        """Seconds of an import in a fresh process, without what ``site`` and editable installs import before."""
        python, path = self._side(name)
        return float(self._run(python, IMPORT.format(path=path, what=what), "-S"))

    def _side(self, name: str) -> tuple[str, list[str]]:
        if name not in self._sides:
            python = official_python()
            self._sides[name] = (python, [self._packages(python)])
        return self._sides[name]

    def _program(self, side: tuple[str, list[str]], name: str, *arguments: str) -> Program:
        python, path = side
        return Program({**self._environment, "PYTHONPATH": os.pathsep.join(path)}, python, name, *arguments)

    def _packages(self, python: str) -> str:
        return self._run(python, FIND)

    def _run(self, python: str, code: str, *options: str) -> str:
        command = [python, *options, "-c", code]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=self._environment)
        return done.stdout.strip()
