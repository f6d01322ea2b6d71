"""Whole jobs against the local relay, in virtual time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import swsync
from swsync.batch import Batch, announce
from swsync.clock import VirtualClock

OPEN: dict[str, Any] = {
    "from_number": "+12025550199",
    "prefixes": ["+1202"],
    "consent_waived_by": "the tests",
    "default_zone": "UTC",
    "start": "00:00",
    "end": "24:00",
    "rate": 20.0,
}

MakeBatch = Callable[..., Batch]


@pytest.fixture
def relay(clock: VirtualClock) -> Iterator[swsync.LocalRelay]:
    with clock.thread(), swsync.LocalRelay(clock=clock) as relay:
        yield relay


@pytest.fixture
def make(relay: swsync.LocalRelay, tmp_path: Path) -> Iterator[MakeBatch]:
    """Batches on one ledger, with numbers loaded."""
    made: list[Batch] = []

    def make(numbers: list[str], script: Any = None, name: str = "j", **options: Any) -> Batch:
        batch = Batch(
            name, tmp_path / "ledger.db", script or announce("Hello"), settings=relay.settings, **{**OPEN, **options}
        )
        made.append(batch)
        batch.load([{"number": number, "name": f"n{i}"} for i, number in enumerate(numbers)])
        return batch

    yield make
    for batch in made:
        batch.close()


def rung(relay: swsync.LocalRelay) -> Counter[str]:
    """How often each number was dialed, by the relay's journal."""
    return Counter(
        device["params"]["to_number"]
        for entry in relay.journal.requests("calling.dial")
        for step in entry.params["devices"]
        for device in step
    )


def outcomes(batch: Batch) -> dict[str, str]:
    return {result.number[-2:]: result.outcome for result in batch.results()}


def test_every_row_is_dialed_once_and_has_an_outcome(relay: swsync.LocalRelay, make: MakeBatch) -> None:
    """People, machines, busy lines and bad ones."""
    numbers = [f"+120255501{i}" for i in range(41, 54)]
    batch = make(numbers)

    summary = batch.run()

    assert dict.fromkeys(numbers, 1) == rung(relay)
    assert {"done": 13} == summary.statuses
    expected = {"41": "busy", "42": "noAnswer", "43": "decline", "44": "not_found", "49": "voicemail", "53": "error"}
    found = outcomes(batch)
    assert expected == {name: found[name] for name in expected}
    assert 13 == summary.calls


def test_a_job_that_ran_dials_nobody_when_it_runs_again(relay: swsync.LocalRelay, make: MakeBatch) -> None:
    """A scheduler may run it as often as it likes, and load the list each time."""
    make(["+12025550148", "+12025550141"]).run()

    make(["+12025550148", "+12025550141"]).run()

    assert {"+12025550148": 1, "+12025550141": 1} == rung(relay)
