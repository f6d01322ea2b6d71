"""The ledger in PostgreSQL, for several machines: its server's clock is everybody's, its row locks part the work."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any

from swsync.batch._sql import SqlLedger, Transaction
from swsync.batch.ledger import LEASE
from swsync.clock import REAL, Clock
from swsync.errors import ConfigurationError, LedgerError

__all__ = ["PostgresLedger"]

CONNECTIONS = 4  # of a process at most

# A client that is stopped, or whose machine is gone, in the middle of a transaction loses it before others give up
# waiting for its locks.
IDLE = 5_000  # milliseconds
LOCK = 10_000
STATEMENT = 60_000
VACUUM = 3_600_000

# A server that has gone without a word is noticed.
LINK: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}


class PostgresLedger(SqlLedger):
    """A ledger for any number of machines. Needs ``swsync[postgres]``.

    Args:
        conninfo: What libpq takes: ``postgresql://user@host/database``, or ``host=... dbname=...``. A ledger of its own
            in a database that has others is a schema of its own: ``?options=-csearch_path%3Dcalls``.
        clock: None: time is the server's. A clock is for tests in virtual time.
        lease: Seconds that an owner may dial without being heard of.

    Raises:
        ConfigurationError: psycopg 3 is not installed.
        LedgerError: The server cannot be reached, or refuses.
    """

    serial = "INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
    for_update = " FOR UPDATE"
    for_share = " FOR SHARE"
    skip_locked = " FOR UPDATE SKIP LOCKED"

    def __init__(self, conninfo: str, *, clock: Clock | None = None, lease: float = LEASE) -> None:
        try:
            import psycopg
        except ImportError as error:
            raise ConfigurationError("this ledger needs psycopg 3: pip install 'swsync[postgres]'") from error
        self._psycopg = psycopg
        self._place = conninfo
        self.lease_seconds = lease
        self._clock = clock
        self._pid = os.getpid()
        self._room = threading.BoundedSemaphore(CONNECTIONS)
        self._lock = threading.Lock()
        self._idle: list[Any] = []  # connections that nobody uses now; guarded by _lock
        self._closed = False  # guarded by _lock
        self._ahead = 0.0  # server's time less that of REAL.now(); replaced by each transaction, all are as good
        try:
            self.set_up()
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"<PostgresLedger {self._name()}>"

    @property
    def place(self) -> str:
        return self._place

    def now(self) -> float:
        """The server's time, as of the last transaction and counted on from there."""
        return REAL.now() + self._ahead if self._clock is None else self._clock.time()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        if self._pid == os.getpid():
            for connection in idle:
                connection.close()

    def lock_key(self, tx: Transaction, key: str) -> None:
        tx.execute("SELECT pg_advisory_xact_lock(hashtextextended(?, 0))", (key,))

    def has_tables(self, tx: Transaction) -> bool:
        # CREATE INDEX IF NOT EXISTS locks the table before it looks, against all who dial.
        return tx.execute("SELECT to_regclass('ledger')").fetchone()[0] is not None

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Transaction]:
        if self._pid != os.getpid():
            raise LedgerError("this ledger was opened by the parent of this process: open it again in the child")
        with self._room:
            connection = None
            try:
                connection = self._take()
                with connection.transaction():
                    if not durable:
                        connection.execute("SET LOCAL synchronous_commit TO off")
                    self._read_clock(connection)
                    yield _Statements(connection)
            except (self._psycopg.Error, OSError) as error:
                raise LedgerError(f"the ledger {self._name()} cannot be used: {_line(error)}") from error
            finally:
                self._give_back(connection)

    def _take(self) -> Any:
        with self._lock:
            while self._idle:
                connection = self._idle.pop()
                if not connection.closed:
                    return connection
        return self._connect(STATEMENT)

    def _connect(self, statement: int) -> Any:
        limits = {
            "idle_in_transaction_session_timeout": IDLE,
            "lock_timeout": LOCK,
            "statement_timeout": statement,
            "synchronous_commit": "on",  # whatever the server's default: an intent is on the disk before the dial
        }
        connection = self._psycopg.connect(self._place, autocommit=True, **LINK)
        try:
            for name, value in limits.items():
                connection.execute("SELECT set_config(%s, %s, false)", (name, str(value)))
        except BaseException:
            connection.close()
            raise
        return connection

    def _give_back(self, connection: Any) -> None:
        if connection is None or connection.closed:
            return
        with self._lock:
            if not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def moment(self, tx: Transaction) -> float:
        return self._read_clock(tx) if self._clock is None else self._clock.time()

    def _read_clock(self, connection: Any) -> float:
        """Ask for the server's time, and count on from the middle of question and answer."""
        asked = REAL.now()
        there = float(connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()[0])
        self._ahead = there - (asked + REAL.now()) / 2
        return there

    def wipe(self) -> None:
        """Rewrite the tables. The server's log and its backups keep what was deleted until they are recycled."""
        try:
            connection = self._connect(VACUUM)
            try:
                connection.execute("VACUUM (FULL) rows")
                connection.execute("VACUUM (FULL) attempts")
            finally:
                connection.close()
        except (self._psycopg.Error, OSError) as error:
            raise LedgerError(f"{self._name()} was purged, but its files still hold it: {_line(error)}") from error

    def _name(self) -> str:
        """Which server and database: never the password."""
        with suppress(self._psycopg.Error):
            found = self._psycopg.conninfo.conninfo_to_dict(self._place)
            return f"{found.get('dbname', '')}@{found.get('host', 'localhost')}"
        return "in PostgreSQL"


class _Statements:
    """A connection whose parameters are written ``?``."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        return self._connection.execute(_with_percent(sql), parameters or None)


@lru_cache(maxsize=256)
def _with_percent(sql: str) -> str:
    return sql.replace("?", "%s")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
