"""Rows that somebody else gives out: each is dialed once, however often it is named and whoever is killed."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import pytest
import worker

import swsync
from swsync.batch import Batch, announce, open_ledger, workers
from swsync.errors import ConfigurationError

ROWS = 30


@pytest.fixture
def batch(place: str, relay: swsync.LocalRelay) -> Iterator[Batch]:
    with open_ledger(place) as ledger:
        batch = Batch("j", ledger, worker.hang_up, settings=worker.settings(relay.url), **worker.OPEN)
        batch.load([{"number": f"+120255601{i:02d}"} for i in range(ROWS)])
        yield batch


def rung(relay: swsync.LocalRelay) -> list[int]:
    return [callee.rings for callee in relay.callees.values() if callee.rings]


def test_a_row_that_is_named_twice_is_dialed_once(batch: Batch, relay: swsync.LocalRelay) -> None:
    """By two workers, each from several threads."""
    rows = list(batch.due())
    first, second = batch.worker(), pickle.loads(pickle.dumps(batch.worker()))
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda i: (first, second)[i % 2].dial(rows[i // 2]), range(2 * ROWS)))
    first.close()
    second.close()

    assert [1] * ROWS == rung(relay)
    assert ROWS == outcomes.count("answered")
    assert ROWS == outcomes.count("not_due")
    assert {"done": ROWS} == batch.status().statuses


def test_what_must_not_be_dialed_is_not(batch: Batch, relay: swsync.LocalRelay) -> None:
    """The checks of a batch are those of a row: do-not-call, the limit of a number, the state of the job."""
    rows = list(batch.due())
    batch.do_not_call(["+12025560100"])
    one = batch.worker()
    other = Batch("k", batch.ledger, worker.hang_up, settings=worker.settings(relay.url), **worker.OPEN)
    other.load([{"number": "+12025560101"}])
    (again,) = other.due()
    two = other.worker()

    assert ["do_not_call", "answered"] == [one.dial(row) for row in rows[:2]]
    assert "attempt_limit" == two.dial(again)
    batch.ledger.pause("j", "enough")
    assert "not_due" == one.dial(rows[2])
    one.close()
    two.close()
    assert [1] == rung(relay)
    with pytest.raises(ConfigurationError, match="paused"):
        batch.worker().dial(rows[2])


def test_a_row_without_what_the_script_says_is_not_dialed(batch: Batch, relay: swsync.LocalRelay) -> None:
    """The job is paused, and says why: nobody is rung to hear nothing."""
    other = Batch("k", batch.ledger, announce("Hello {name}"), settings=worker.settings(relay.url), **worker.OPEN)
    other.load([{"number": "+12025560101"}])
    (row,) = other.due()
    with contextlib.closing(other.worker()) as one:
        one.dial(row)

    assert [] == rung(relay)
    summary = other.status()
    assert ("paused", {"pending": 1}) == (summary.state, summary.statuses)
    assert "no column 'name'" in summary.reason


def test_a_process_without_a_worker_is_told_so() -> None:
    """With what to call."""
    with pytest.raises(ConfigurationError, match=r"use\(batch\.worker\(\)\)"):
        workers.dial(1)


def pool(batch: Batch) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(2, mp_context=context, initializer=workers.use, initargs=(batch.worker(),))


def test_processes_of_an_executor(batch: Batch, relay: swsync.LocalRelay) -> None:
    """The recipe of docs/batch.md: only ids travel; each process leaves the ledger in good order."""
    with pool(batch) as executor:
        outcomes = list(executor.map(workers.dial, batch.due()))

    assert ["answered"] * ROWS == outcomes
    assert [1] * ROWS == rung(relay)
    assert [] == batch.ledger.reap()


def kill_at_the_fifth(call: Any, row: Any) -> dict[str, Any]:
    """A process that dies with somebody on the line."""
    if row.number.endswith("04"):
        os.kill(os.getpid(), signal.SIGKILL)
    return {}


def test_a_killed_process_of_an_executor(place: str, batch: Batch, relay: swsync.LocalRelay) -> None:
    """The pool is broken; a new one goes on with what is due, and rings nobody again."""
    deadly = Batch("j", batch.ledger, kill_at_the_fifth, settings=worker.settings(relay.url), **worker.OPEN)
    with pytest.raises(BrokenProcessPool), pool(deadly) as executor:
        list(executor.map(workers.dial, deadly.due()))

    batch.ledger.reap()
    with pool(batch) as executor:
        list(executor.map(workers.dial, batch.due()))

    statuses = batch.status().statuses
    assert ROWS == statuses["done"] + statuses["unknown"]
    assert 1 <= statuses["unknown"] <= 2
    assert {1} == set(rung(relay))
