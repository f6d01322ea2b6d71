"""A real cluster on this machine, and a worker of it killed: nobody is rung twice, every row is accounted for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import worker

import swsync
from swsync.batch import Batch, open_ledger

pytestmark = pytest.mark.peers

ROWS = 60


def test_a_worker_is_killed_with_people_on_the_line(place: str) -> None:
    """SIGKILL; its nanny starts another, which ends what was left and dials on."""
    root, here = Path(swsync.__file__).parent.parent, Path(worker.__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(here)])}
    with swsync.LocalRelay(speed=worker.SPEED, tls=False) as relay, open_ledger(place) as ledger:
        batch = Batch("j", ledger, worker.hang_up, **worker.OPEN)
        batch.load([{"number": f"+120255601{i:02d}"} for i in range(ROWS)])
        for i in range(ROWS):
            relay.callee(f"+120255601{i:02d}", answers_after=10.0)  # half a second of ours
        command = [sys.executable, str(here / "cluster.py"), place, relay.url, "12"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        statuses = batch.status().statuses
        answered = {result.number for result in batch.results("done")}
        rings = {number: callee.rings for number, callee in relay.callees.items()}

    assert 0 == done.returncode, done.stderr
    assert "ALLOWED_FAILURES=0" in done.stdout  # what a scheduler that tries again is told; nobody was dialed by it
    assert ROWS == statuses["done"] + statuses["unknown"]
    assert 1 <= statuses["unknown"] <= 4
    assert 1 == max(rings.values())
    assert all(rings[number] == 1 for number in answered)
