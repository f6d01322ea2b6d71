"""Five hundred stereo captures at once, for a minute of real time: ``python -m tests.media.load_captures`` in short."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.peers

ROOT = Path(__file__).resolve().parents[2]


def test_five_hundred_captures_for_a_minute() -> None:
    """Every WAV is what was sent, no packet was dropped, and memory is flat; the program says what is wrong."""
    command = [sys.executable, "-m", "tests.media.load_captures", "--captures", "500", "--minutes", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("500 stereo captures of 1 min: nothing wrong\n")
