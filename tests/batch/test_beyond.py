"""The long commands of this directory, in short: a ledger out of reach, a stopped process, and what others do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import worker

import swsync

pytestmark = pytest.mark.peers


def run(*arguments: str) -> str:
    root = Path(swsync.__file__).parent.parent
    path = os.pathsep.join([str(root), str(Path(worker.__file__).parent)])
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=root, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


def test_outages_in_short() -> None:
    """``python -m tests.batch.outages`` is the long one: nobody is rung meanwhile, nobody twice, nobody is lost."""
    printed = run("tests.batch.outages", "--seconds", "2", "--stops", "1")
    assert "PostgreSQL, server gone" in printed


def test_comparison_in_short() -> None:
    """``python -m tests.batch.comparison`` is the long one: those who have no ledger ring people twice."""
    lines = run("tests.batch.comparison", "--rows", "60", "--kills", "2").splitlines()
    twice = {name.strip(): int(count) for name, _, count in (line.split("|")[1:4] for line in lines[2:])}

    assert 0 == twice.pop("swsync batch")
    assert 0 < sum(twice.values())
