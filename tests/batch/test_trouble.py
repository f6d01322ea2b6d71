"""A ledger that cannot be written: dialing stops first, and goes on as if nothing had been."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import worker

import swsync
from swsync.batch import Batch, SqliteLedger
from swsync.batch.ledger import NewRow
from swsync.errors import LedgerError

ROWS = 60


@pytest.fixture
def batch(relay: swsync.LocalRelay, tmp_path: Path) -> Iterator[Batch]:
    with SqliteLedger(tmp_path / "ledger.db") as ledger:
        batch = Batch("j", ledger, worker.hang_up, settings=worker.settings(relay.url), **{**worker.OPEN, "rate": 30.0})
        batch.load([{"number": f"+1202556{i:04d}"} for i in range(ROWS)])
        yield batch


def dials(relay: swsync.LocalRelay) -> int:
    return sum(callee.rings for callee in relay.callees.values())


def run(batch: Batch) -> tuple[threading.Thread, list[Any]]:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(batch.run()))
    thread.start()
    return thread, found


def wait_for_dials(relay: swsync.LocalRelay, count: int) -> None:
    deadline = time.monotonic() + 60
    while dials(relay) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def settled(relay: swsync.LocalRelay) -> int:
    """How many were dialed, once a second has passed without another."""
    before = -1
    while before != dials(relay):
        before = dials(relay)
        time.sleep(1.0)
    return before


def test_while_somebody_locks_it_nobody_is_dialed(relay: swsync.LocalRelay, batch: Batch, tmp_path: Path) -> None:
    """Then the rest is, each once."""
    thread, found = run(batch)
    wait_for_dials(relay, 5)
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None, timeout=10)
    other.execute("BEGIN IMMEDIATE")
    before = settled(relay)  # the dial whose turn was committed before may still leave
    time.sleep(2.0)
    during = dials(relay)
    other.execute("ROLLBACK")
    other.close()
    thread.join(60)

    assert before == during < ROWS
    assert [{"done": ROWS}] == [summary.statuses for summary in found]
    assert ROWS == dials(relay)


def test_a_full_disk_stops_dialing_and_space_lets_it_go_on(
    relay: swsync.LocalRelay, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite says so itself, by a limit of its pages."""
    thread, found = run(batch)
    wait_for_dials(relay, 5)
    ledger: Any = batch.ledger
    with ledger._lock:
        pages = ledger._connections["FULL"].execute("PRAGMA page_count").fetchone()[0]
        ledger._connections["FULL"].execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LedgerError, match="free some space"):
        batch.ledger.load("j", (NewRow(number=f"+1202557{i:04d}", data={"x": "y" * 500}) for i in range(500)))
    with ledger._lock:
        ledger._connections["FULL"].execute("PRAGMA max_page_count = 1000000")
    thread.join(60)

    assert [{"done": ROWS}] == [summary.statuses for summary in found]
    assert ROWS == dials(relay)


@pytest.mark.parametrize("limit", ["size", "mode"])
def test_a_process_that_cannot_write_dials_nobody(limit: str, tmp_path: Path, relay: swsync.LocalRelay) -> None:
    """With RLIMIT_FSIZE, as on a full disk, and with a file that is read-only: a sentence, exit code 1, no ring."""
    path = tmp_path / "ledger.db"
    with SqliteLedger(path) as ledger:
        batch = Batch("j", ledger, worker.hang_up, **worker.OPEN)
        batch.load([{"number": "+12025550148"}])
    how = "resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))" if limit == "size" else "os.setuid(65534)"
    if limit == "mode" and os.getuid() != 0:
        how = f"os.chmod({str(path)!r}, 0o400)"
    code = (
        "import os, resource, signal, swsync, worker, swsync.batch.runner as runner\n"
        "import swsync.batch.sqlite\n"  # while this user may still read it
        "runner.PATIENCE = 1.0\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"{how}\n"
        "try:\n"
        f"    worker.work({str(path)!r}, {relay.url!r})\n"
        "except swsync.LedgerError as error:\n    print(error)\n"
    )
    root = str(Path(swsync.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, str(Path(worker.__file__).parent)])}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=root, capture_output=True, text=True, timeout=60, check=False
    )

    assert "cannot be used" in done.stdout, done.stderr
    assert 0 == dials(relay)
    with SqliteLedger(path) as ledger:
        assert {("pending", ""): 1} == ledger.counts("j")


def test_two_interrupts(relay: swsync.LocalRelay, batch: Batch, tmp_path: Path) -> None:
    """The first lets calls finish, a second ends them; the next run goes on with the rest and rings nobody again."""
    code = (
        "import worker\nfrom swsync.batch.runner import Runner\ndrain = Runner.drain\n"
        "Runner.drain = lambda runner: (drain(runner), print('draining', flush=True))\n"
        # They hear something: people who hear nothing for two seconds pause a job, and the tests take longer than that.
        "worker.hang_up = lambda call, row: call.play_silence(600) and call.wait_for_ended() and {}\n"
        f"worker.work({str(tmp_path / 'ledger.db')!r}, {relay.url!r}, rate=30.0, max_duration=600)\n"
    )
    root = str(Path(swsync.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, str(Path(worker.__file__).parent)])}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, cwd=root, stdout=subprocess.PIPE)
    try:
        wait_for_dials(relay, 5)
        process.send_signal(2)
        assert process.stdout is not None
        assert b"draining\n" == process.stdout.readline()
        before = settled(relay)
        assert process.poll() is None
        process.send_signal(2)
        process.communicate(timeout=60)
        assert 0 == process.returncode
    finally:
        process.kill()
        process.communicate()
    batch.run()

    statuses = batch.status().statuses
    assert ROWS == statuses["done"] + statuses["unknown"] == dials(relay)
    assert statuses["unknown"] <= before
    assert all(callee.rings == 1 for callee in relay.callees.values())
