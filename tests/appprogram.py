"""Whole programs that are started as their users start them, with a relay to call, and ended by their own ids."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import swsync

EXAMPLES = Path(__file__).parent.parent / "examples"
PATIENCE = 60.0  # seconds that a program may take for anything on a busy machine


def eventually(condition: Callable[[], object], what: object = "", patience: float = PATIENCE) -> None:
    """Wait for something that another process does; fail if it never does."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"never: {what or condition}")
        time.sleep(0.05)


def free_port() -> int:
    """A port of this machine that is free at this moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Program:
    """A process whose output goes to a file."""

    def __init__(self, command: list[str], environment: dict[str, str], directory: Path, log: Path) -> None:
        self._log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                command, env=environment, cwd=directory, stdin=subprocess.DEVNULL, stdout=file, stderr=file
            )

    @property
    def output(self) -> str:
        """What it has printed so far, on both streams."""
        return self._log.read_text(errors="replace")

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until it has printed something."""
        deadline = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.output)):
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"no {pattern!r} in the output ({self.process.poll()}):\n{self.output}")
            time.sleep(0.05)
        return found

    def end(self, number: int) -> int:
        """Send it a signal, and give its exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@pytest.fixture
def relay() -> Iterator[swsync.LocalRelay]:
    """A relay in real time."""
    with swsync.LocalRelay() as relay:
        yield relay


@pytest.fixture
def environment(relay: swsync.LocalRelay) -> dict[str, str]:
    """The environment of a program that is to call this relay."""
    known = relay.settings
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": str(Path(swsync.__file__).parent.parent),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "SIGNALWIRE_PROJECT_ID": known["project"],
        "SIGNALWIRE_API_TOKEN": known["token"],
        "SIGNALWIRE_SPACE": known["host"],
        "SIGNALWIRE_RELAY_CA_FILE": str(known.get("ca_file") or ""),
    }


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Start a program, in the test's directory or another; it is ended with the test."""
    running: list[Program] = []

    def begin(*command: str | Path, directory: Path = tmp_path, **more: str) -> Program:
        log = tmp_path / f"{len(running)}-{Path(command[0]).name}.log"
        program = Program([str(word) for word in command], {**environment, **more}, directory, log)
        running.append(program)
        return program

    yield begin
    for program in reversed(running):
        if program.process.poll() is None:
            program.process.terminate()
            try:
                program.process.wait(20)
            except subprocess.TimeoutExpired:
                program.process.kill()
                program.process.wait(10)
