"""Ledgers of every kind, and jobs that may dial the simulated people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from swsync.batch import Job, SqliteLedger
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
def ledger(tmp_path: Path, clock: VirtualClock) -> Iterator[Ledger]:
    """A ledger in virtual time with a job ``j``."""
    with SqliteLedger(tmp_path / "ledger.db", clock=clock) as ledger:
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
