"""Ledgers of every kind, and jobs that may dial the simulated people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import postgres
import pytest
import worker

import swsync
from swsync.batch import Job, open_ledger
from swsync.batch.ledger import Ledger, NewRow
from swsync.clock import VirtualClock

FROM = "+12025550199"
OPEN: dict[str, Any] = {
    "from_number": FROM,
    "prefixes": ["+1202"],
    "consent_waived_by": "the tests",
    "default_zone": "UTC",
    "start": "00:00",
    "end": "24:00",
}


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def relay() -> Iterator[swsync.LocalRelay]:
    """A relay on a socket, in the fast time of ``worker.py``."""
    with swsync.LocalRelay(speed=worker.SPEED, tls=False) as relay:
        yield relay


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL of the tests' own."""
    with postgres.server() as directory:
        yield directory


BACKENDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.peers)]


@pytest.fixture(params=BACKENDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a ledger may be: a file, or a schema of a PostgreSQL server."""
    if request.param == "postgres":
        return postgres.address(request.getfixturevalue("postgres_server"))
    return str(tmp_path / "ledger.db")


@pytest.fixture
def ledger(place: str, clock: VirtualClock) -> Iterator[Ledger]:
    """A ledger in virtual time with a job ``j``."""
    with open_ledger(place, clock=clock) as ledger:
        ledger.create("j", {})
        yield ledger


@pytest.fixture
def fill(ledger: Ledger) -> Callable[[int], None]:
    """Load so many rows into ``j``."""

    def fill(count: int) -> None:
        ledger.load("j", (NewRow(number=number(i), data={"i": str(i)}) for i in range(count)))

    return fill


def number(i: int) -> str:
    return f"+1202556{i:04d}"


def job(**options: Any) -> Job:
    return Job(**{**OPEN, **options})
