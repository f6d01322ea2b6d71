"""Batch call jobs: a ledger first, so that nobody is rung twice. Names resolve on first use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swsync.batch.attempt import Attempt as Attempt
    from swsync.batch.attempt import Script as Script
    from swsync.batch.batch import Batch as Batch
    from swsync.batch.batch import Summary as Summary
    from swsync.batch.job import NO_NOTICE as NO_NOTICE
    from swsync.batch.job import Job as Job
    from swsync.batch.ledger import Ledger as Ledger
    from swsync.batch.ledger import Row as Row
    from swsync.batch.ledger import Status as Status
    from swsync.batch.observing import Observer as Observer
    from swsync.batch.observing import OpenTelemetryObserver as OpenTelemetryObserver
    from swsync.batch.observing import PrometheusObserver as PrometheusObserver
    from swsync.batch.opening import open_ledger as open_ledger
    from swsync.batch.postgres import PostgresLedger as PostgresLedger
    from swsync.batch.results import Facts as Facts
    from swsync.batch.results import Result as Result
    from swsync.batch.scripts import announce as announce
    from swsync.batch.scripts import record as record
    from swsync.batch.scripts import survey as survey
    from swsync.batch.sqlite import SqliteLedger as SqliteLedger

_NAMES = {
    "attempt": ["Attempt", "Script"],
    "batch": ["Batch", "Summary"],
    "job": ["NO_NOTICE", "Job"],
    "ledger": ["Ledger", "Row", "Status"],
    "observing": ["Observer", "OpenTelemetryObserver", "PrometheusObserver"],
    "opening": ["open_ledger"],
    "postgres": ["PostgresLedger"],
    "results": ["Facts", "Result"],
    "scripts": ["announce", "record", "survey"],
    "sqlite": ["SqliteLedger"],
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names}

__all__ = [  # noqa: PLE0604 -- built from the table above
    *_HOMES
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = globals()[name] = getattr(importlib.import_module(f"swsync.batch.{_HOMES[name]}"), name)
        return value
    raise AttributeError(f"module 'swsync.batch' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
