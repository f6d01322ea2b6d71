"""The Celery recipe on a real Redis: one of its processes is killed with somebody on the line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import worker
from redisserver import redis_server

import swsync
from swsync.batch import Batch

pytestmark = pytest.mark.peers

ROOT = Path(swsync.__file__).parent.parent
ROWS = 10
DEADLINE = 60.0


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    """The processes that Celery has forked."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def test_the_recipe_rings_nobody_twice(tmp_path: Path) -> None:
    """Every id is in the queue twice, and a process is killed: each row is done or unknown, each phone rang once."""
    place = tmp_path / "calls.db"
    with (
        redis_server(tmp_path) as broker,
        swsync.LocalRelay(speed=16.0) as relay,
        Batch("reminders", place, **{**worker.OPEN, "rate": 50.0}) as batch,
    ):
        batch.load([{"number": f"+120255501{i:02d}", "name": "Ann"} for i in range(ROWS)])
        known = relay.settings
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "CELERY_BROKER_URL": broker,
            "CALLS_LEDGER": str(place),
            "SIGNALWIRE_PROJECT_ID": known["project"],
            "SIGNALWIRE_API_TOKEN": known["token"],
            "SIGNALWIRE_SPACE": known["host"],
            "SIGNALWIRE_RELAY_CA_FILE": str(known["ca_file"]),
        }
        command = [sys.executable, "-m", "celery", "-A", "celery_batch"]
        log = (tmp_path / "log").open("wb")
        process = subprocess.Popen(
            [*command, "worker", "--concurrency", "2", "--loglevel", "info"],
            env=environment, cwd=ROOT / "examples", stdout=log, stderr=log,
        )  # fmt: skip
        try:
            wait_until(lambda: len(children(process.pid)) >= 2)
            for _ in range(2):
                name_rows = [sys.executable, "celery_batch.py"]
                subprocess.run(name_rows, env=environment, cwd=ROOT / "examples", timeout=60, check=True)
            wait_until(lambda: len(relay.referee.report().rings) >= 4)
            os.kill(children(process.pid)[0], signal.SIGKILL)
            wait_until(lambda: not {"pending", "claimed", "dialing"} & set(batch.status().statuses))
        finally:
            process.terminate()
            try:
                process.wait(30)
            finally:
                process.kill()
                process.wait()
                log.close()
        statuses = batch.status().statuses
        rings = relay.referee.report().rings

    assert ROWS == statuses["done"] + statuses.get("unknown", 0)
    assert statuses.get("unknown", 0) <= 1
    assert 1 == max(rings.values())
    assert b"not_due" in (tmp_path / "log").read_bytes()  # what was named again
