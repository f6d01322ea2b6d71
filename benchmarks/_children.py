"""Processes of a benchmark that are asked by a line and answer by one, in JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from benchmarks._measure import Unequal


def start(module: str, *arguments: str) -> subprocess.Popen[str]:
    """Start ``python -m benchmarks.MODULE``; as a context it is waited for."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ask(child: subprocess.Popen[str], line: str = "") -> Any:
    """Send a line, if there is one, and return the answer. Raises ``Unequal``: the process has ended."""
    assert child.stdin is not None
    assert child.stdout is not None
    if line:
        child.stdin.write(line + "\n")
        child.stdin.flush()
    answer = child.stdout.readline()
    if not answer:
        raise Unequal(f"{child.args!r} ended before its time")
    return json.loads(answer)
