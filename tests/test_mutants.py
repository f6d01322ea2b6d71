"""The list of mutants fits the code: a text that has changed is one that nobody breaks any more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_every_text_is_still_there_once() -> None:
    """``python -m tests.mutants --check``; whether a test notices each is what the command itself finds out."""
    command = [sys.executable, "-m", "tests.mutants", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert 0 == done.returncode, done.stderr
