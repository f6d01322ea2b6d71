"""Where the ledgers of the commands beside this file live while they run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import postgres

__all__ = ["place"]


@contextmanager
def place(kind: str) -> Iterator[str]:
    """A new file, or a schema of a PostgreSQL server of its own."""
    if kind == "postgres":
        with postgres.server() as directory:
            yield postgres.address(directory)
    else:
        with tempfile.TemporaryDirectory() as directory:
            yield str(Path(directory) / "ledger.db")
