"""Opened and closed many times, nothing leaves a thread, a descriptor or memory behind: ``python -m tests.leaks``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CYCLES = {
    "client": 200, "call": 20, "capture by rtp": 5, "capture by ws": 5, "capture by stream": 5, "ledger": 50,
    "rtp receiver and sender": 20, "tap receiver": 200, "stream receiver": 100, "local relay": 15,
}  # fmt: skip


def leaks(*arguments: str) -> None:
    """Each kind in a process of its own."""
    command = [sys.executable, "-m", "tests.leaks", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(("life", "cycles"), CYCLES.items())
def test_nothing_is_left(life: str, cycles: int) -> None:
    """Of Python's."""
    leaks(life, "--cycles", str(cycles))


@pytest.mark.peers
def test_c_leaks_nothing() -> None:
    """LeakSanitizer would say so: it is shown a program that leaks, too."""
    leaks("C")
