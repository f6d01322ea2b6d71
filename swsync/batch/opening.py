"""Which ledger a name means: a file, or a PostgreSQL server."""

from __future__ import annotations

import os

from swsync.batch._sql import SqlLedger
from swsync.batch.ledger import LEASE
from swsync.clock import Clock, VirtualClock

__all__ = ["open_ledger"]

ADDRESSES = ("postgresql://", "postgres://")


def open_ledger(place: str | os.PathLike[str], *, clock: Clock | None = None, lease: float = LEASE) -> SqlLedger:
    """Open a ledger, or make it.

    Args:
        place: The path of a file, or ``postgresql://user@host/database``.
        clock: The time it lives in. None: this machine's for a file, the server's for PostgreSQL.
        lease: Seconds that an owner may dial without being heard of.

    Raises:
        ConfigurationError: ``swsync[postgres]`` is needed and not there.
        LedgerError: It cannot be opened.
    """
    if isinstance(place, str) and place.startswith(ADDRESSES):
        from swsync.batch.postgres import PostgresLedger

        return PostgresLedger(place, clock=clock if isinstance(clock, VirtualClock) else None, lease=lease)
    from swsync.batch.sqlite import SqliteLedger
    from swsync.clock import REAL

    return SqliteLedger(place, clock=clock or REAL, lease=lease)
