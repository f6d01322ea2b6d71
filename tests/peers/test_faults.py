"""The faults of docs/reliability.md, against both clients: nothing of swsync hangs, and no call is left on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .faults.seeded import run_seeds
from .official_sdk import official_python

pytestmark = pytest.mark.peers

ROOT = Path(__file__).parents[2]
EXPLAINED = {"A1", "A4", "A10"}  # nothing else could come of these than an error that says why
NUMBERS = [*(f"A{number}" for number in range(1, 11)), "A2-run", "A3-run"]


@pytest.fixture(scope="module")
def results() -> dict[tuple[str, str], dict[str, Any]]:
    """What the documented command observes, by fault and client."""
    command = [sys.executable, "-m", "tests.peers.faults", "--json", "--sdk", official_python()]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    lines = [json.loads(line) for line in found.stdout.splitlines()]
    assert lines, found.stderr
    return {(line["fault"], line["client"]): line for line in lines}


@pytest.mark.parametrize("number", NUMBERS)
def test_swsync_in_this_fault(results: dict[tuple[str, str], dict[str, Any]], number: str) -> None:
    """It goes on, or says why not; no call is left on."""
    result = results[number, "ours"]

    assert ("says why" if number in EXPLAINED else "fine") == result["verdict"], result
    assert 0 == result["left"], result


@pytest.mark.parametrize("number", NUMBERS)
def test_the_official_sdk_ran(results: dict[tuple[str, str], dict[str, Any]], number: str) -> None:
    """What it did is only taken down."""
    assert results[number, "official"]["ran"], results[number, "official"]


def test_one_seeded_fault_of_each_kind() -> None:
    """The first of ``python -m tests.peers.faults.seeded``, under ``with`` and under ``run()``."""
    said: list[str] = []
    results = [run for _, run in run_seeds(range(0, 14, 2), said.append)]

    assert 14 == len(results)
    assert {"fine", "says why"} >= {run.verdict for run in results if run.client == "ours"}, said
    assert "did not run" not in {run.verdict for run in results}, said
