"""Real processes, killed and stopped: nobody is rung twice, every row is accounted for, no call goes on alone."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
import worker

import swsync
from swsync.batch import Batch, open_ledger

NUMBER = "+12025550148"
DEADLINE = 60.0


def load(place: str, relay: swsync.LocalRelay, lease: float = 60.0) -> Batch:
    ledger = open_ledger(place, lease=lease)
    batch = Batch("j", ledger, worker.hang_up, settings=worker.settings(relay.url), **worker.OPEN)
    batch.load([{"number": NUMBER}])
    return batch


def start(place: str, relay: swsync.LocalRelay, *more: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, worker.__file__, place, relay.url, *more], stderr=subprocess.PIPE)


def rings(relay: swsync.LocalRelay) -> int:
    return sum(callee.rings for callee in relay.callees.values())


def wait_until(condition: object) -> None:
    assert callable(condition)
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.01)


# What the row is after the next process has come and gone, and how often it rang in all.
EXPECTED = {
    "before intent": ("done", 1),
    "after intent": ("unknown", 0),
    "after turn": ("unknown", 0),
    "after send": ("unknown", 1),
    "before seen": ("unknown", 1),
    "after seen": ("unknown", 1),
    "answered": ("unknown", 1),
    "before result": ("unknown", 1),
    "after result": ("done", 1),
}


@pytest.mark.parametrize("point", worker.POINTS)
def test_killed_at_each_commit_point(point: str, place: str, relay: swsync.LocalRelay) -> None:
    """The next process finds the expected state, rings nobody again and ends the call that was left."""
    batch = load(place, relay)
    process = start(place, relay, point)
    _, errors = process.communicate(timeout=DEADLINE)
    assert -signal.SIGKILL == process.returncode, errors.decode()
    status, times = EXPECTED[point]
    if point == "after send":
        wait_until(lambda: rings(relay) == 1)  # it may still be on its way

    batch.run()

    (result,) = batch.results()
    assert (status, times) == (result.status, rings(relay))
    wait_until(lambda: all(call.state == "ended" for call in relay.calls))
    batch.ledger.close()


def test_stopped_for_longer_than_its_lease_it_rings_nobody(place: str, relay: swsync.LocalRelay) -> None:
    """SIGSTOP with a call on, another process takes over; SIGCONT: what it has to say comes too late."""
    lease = 10.0  # it dials until five seconds before the end: a busy machine needs some of that
    batch = load(place, relay, lease)
    relay.callee(NUMBER, answers_after=20.0)
    code = f"import worker; worker.work({place!r}, {relay.url!r}, lease={lease})"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=Path(worker.__file__).parent, env=_environment())
    try:
        wait_until(lambda: rings(relay) == 1)
        stop_between_transactions(process, place)
        wait_until(lambda: bool(batch.ledger.reap()))
        batch.run()
        (result,) = batch.results()
        assert ("unknown", 1) == (result.status, rings(relay))
        assert (0, 1) == batch.retry(unknown=True)  # it is not dead, and might yet send

        process.send_signal(signal.SIGCONT)
        assert 0 == process.wait(DEADLINE)
    finally:
        process.kill()
        process.wait()

    (result,) = batch.results()
    assert ("unknown", 1) == (result.status, rings(relay))
    batch.ledger.close()


def stop_between_transactions(process: subprocess.Popen[bytes], place: str) -> None:
    """Stopped in the midst of one it would hold SQLite's lock for as long, and nobody could take over."""

    def is_between() -> bool:
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)  # until it has stopped
        if place.startswith("postgres"):
            return True  # rows are locked there, not all of it
        with closing(sqlite3.connect(place, isolation_level=None, timeout=0.2)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
                return True
            except sqlite3.OperationalError:
                process.send_signal(signal.SIGCONT)
                return False

    wait_until(is_between)


def _environment() -> dict[str, str]:
    root = str(Path(swsync.__file__).parent.parent)
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, str(Path(worker.__file__).parent)])}


@pytest.mark.parametrize("ledger", ["sqlite", pytest.param("postgres", marks=pytest.mark.peers)])
def test_killed_at_random(ledger: str) -> None:
    """A short sweep; ``python -m tests.batch.sweep`` is the long one."""
    command = [
        sys.executable,
        "-m",
        "tests.batch.sweep",
        "--ledger",
        ledger,
        "--rows",
        "300",
        "--processes",
        "3",
        "--every",
        "0.4",
    ]
    root = Path(swsync.__file__).parent.parent
    done = subprocess.run(
        command, cwd=root, env=_environment(), capture_output=True, text=True, timeout=300, check=False
    )

    assert 0 == done.returncode, done.stdout + done.stderr
