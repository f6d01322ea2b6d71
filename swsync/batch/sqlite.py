"""The ledger in one SQLite file: WAL, every commit on the disk before it counts, readable by its owner alone."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from swsync.batch._sql import SqlLedger
from swsync.batch.ledger import LEASE
from swsync.batch.machine import boot
from swsync.clock import REAL, Clock
from swsync.errors import LedgerError

__all__ = ["SqliteLedger"]

BUSY = 2.0  # seconds that a transaction waits for another process; callers try again
ASK = 5  # milliseconds; SQLite asks for a lock ever more seldom, and is made to begin anew


class SqliteLedger(SqlLedger):
    """A ledger for the processes of one machine. The file must be on a local disk: WAL does not work over a network.

    Args:
        path: The file; it is made, with mode 0600, if it is not there.
        clock: The time it lives in; all processes that use the file must share it.
        lease: Seconds that an owner may dial without being heard of.

    Raises:
        LedgerError: It cannot be opened, or is no ledger.
    """

    serial = "INTEGER PRIMARY KEY AUTOINCREMENT"

    def __init__(self, path: str | os.PathLike[str], *, clock: Clock = REAL, lease: float = LEASE) -> None:
        self.path = Path(path)
        if self.path.name == ":memory:":
            raise LedgerError("a ledger in memory would forget who has been called: name a file")
        if "\0" in str(self.path):
            raise LedgerError(f"no file can have the name {str(self.path)!r}: name another one")
        self.lease_seconds = lease
        self._clock = clock
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._ahead: float | None = None  # set before anybody else has this object
        self._connections: dict[str, sqlite3.Connection] = {}  # by "synchronous", made when used; guarded by _lock
        try:
            self.set_up()
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"<SqliteLedger {self.path}>"

    @property
    def place(self) -> str:
        return str(self.path.absolute())

    def now(self) -> float:
        return self._clock.time()

    def lease_now(self) -> float:
        """All processes that share the file share the machine's steady clock, and have begun to count at one moment."""
        return self.now() if self._ahead is None else self._clock.steady() + self._ahead

    def set_up(self) -> None:
        self._refuse_strangers()
        super().set_up()
        if since := boot():
            with self.transaction() as tx:
                ahead = self._clock.time() - self._clock.steady()
                tx.execute("INSERT INTO clocks (boot, ahead) VALUES (?, ?) ON CONFLICT DO NOTHING", (since, ahead))
                (self._ahead,) = tx.execute("SELECT ahead FROM clocks WHERE boot = ?", (since,)).fetchone()

    def _refuse_strangers(self) -> None:
        """Raise for the database of another program, before its mode, its journal or its tables are changed."""
        tables: set[str] = set()
        # What cannot be read now is judged by what follows.
        with suppress(sqlite3.Error, OSError), closing(_read_only(self.path)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if tables and "ledger" not in tables:
            raise LedgerError(f"{self.path} is the database of another program: name another file")

    def close(self) -> None:
        with self._lock:
            connections, self._connections = self._connections, {}
            if self._pid == os.getpid():
                for connection in connections.values():
                    connection.close()

    def _open(self, synchronous: str = "FULL") -> sqlite3.Connection:
        if self._pid != os.getpid():
            raise LedgerError("this ledger was opened by the parent of this process: open it again in the child")
        if synchronous not in self._connections:
            # -wal and -shm take the mode of the file itself.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            with suppress(OSError):
                os.chmod(self.path, 0o600)
            # Absolute, because SQLite takes "file:..." for an address, with settings of its own.
            connection = sqlite3.connect(
                self.path.absolute(), timeout=BUSY, isolation_level=None, check_same_thread=False
            )
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute(f"PRAGMA synchronous = {synchronous}")
                connection.execute(f"PRAGMA busy_timeout = {ASK}")
            except BaseException:
                connection.close()
                raise
            self._connections[synchronous] = connection
        return self._connections[synchronous]

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                connection = self._open("FULL" if durable else "NORMAL")
                _begin(connection)
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    with suppress(sqlite3.Error):
                        connection.execute("ROLLBACK")
                    raise
            except (sqlite3.Error, OSError) as error:
                raise LedgerError(f"the ledger {self.path} cannot be used: {error}; {_advice(str(error))}") from error

    def wipe(self) -> None:
        with self._lock:
            try:
                connection = self._open()
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except (sqlite3.Error, OSError) as error:
                raise LedgerError(f"{self.path} was purged, but its file still holds the old pages: {error}") from error


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0)


def _begin(connection: sqlite3.Connection) -> None:
    deadline = REAL.now() + BUSY
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or REAL.now() > deadline:
                raise


def _advice(text: str) -> str:
    """What to do about what SQLite says."""
    for words, advice in (
        ("locked", "another program holds it: end that, or wait"),
        ("full", "free some space"),
        ("readonly", "it must be writable for this user, and so must its directory"),
        ("not a database", "name another file"),
        ("ermission", "it must be readable and writable for this user"),
        ("Is a directory", "name a file"),
        ("No such file", "make its directory"),
        ("unable to open", "check that its directory is there and writable"),
    ):
        if words in text:
            return advice
    return "nothing was changed"
