"""What a ledger in PostgreSQL has of its own: the server's clock, locks that part the work, a server that goes away."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import postgres
import pytest

from swsync.batch import PostgresLedger
from swsync.batch.ledger import Intent, Limits, NewRow, Refused
from swsync.clock import REAL, RealClock
from swsync.errors import ConfigurationError, Fenced, LedgerError

pytestmark = pytest.mark.peers


@pytest.fixture
def place(postgres_server: str) -> str:
    return postgres.address(postgres_server)


@pytest.fixture
def ledger(place: str) -> Iterator[PostgresLedger]:
    """In the server's own time."""
    with PostgresLedger(place) as ledger:
        ledger.create("j", {})
        yield ledger


def take_all(place: str) -> list[int]:
    """What one process gets when others want the same."""
    got: list[int] = []
    with PostgresLedger(place) as ledger:
        lease = ledger.join(REAL)
        while rows := ledger.claim("j", lease, 7):
            got += [row.id for row in rows]
            assert all(isinstance(ledger.intent(lease, row, Limits()), Intent) for row in rows)
    return got


def test_four_processes_share_the_rows(place: str, ledger: PostgresLedger) -> None:
    """Every row is claimed once, and dialed once."""
    ledger.load("j", (NewRow(number=f"+1202556{i:04d}") for i in range(400)))
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
        taken = [row for rows in pool.map(take_all, [place] * 4) for row in rows]

    assert sorted({row["id"] for row in ledger.rows("j")}) == sorted(taken)
    assert 400 == ledger.jobs()["j"]["calls"]


def test_one_number_in_two_jobs_is_dialed_once_whoever_is_first(place: str, ledger: PostgresLedger) -> None:
    """Both look at the same moment; the second sees what the first has committed."""
    jobs = [f"j{i}" for i in range(8)]
    for job in jobs:
        ledger.create(job, {})
        ledger.load(job, [NewRow(number="+12025560000")])
    lease = ledger.join(REAL)
    rows = [ledger.claim(job, lease, 1)[0] for job in jobs]
    with PostgresLedger(place) as other, ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: (ledger, other)[i % 2].intent(lease, rows[i], Limits()), range(8)))

    assert 1 == sum(isinstance(answer, Intent) for answer in found)
    assert 7 == sum(isinstance(answer, Refused) and answer.reason == "attempt_limit" for answer in found)


def test_the_time_is_the_servers(ledger: PostgresLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose time of day is wrong by a year neither loses its lease nor takes another's."""
    lease = ledger.join(REAL)
    monkeypatch.setattr(RealClock, "time", lambda self: 1.0)

    assert [] == ledger.reap()
    ledger.renew(lease)
    assert abs(ledger.now() - time.time()) < 60


def test_who_stops_inside_a_transaction_holds_up_nobody(place: str, ledger: PostgresLedger) -> None:
    """The server ends it, and others go on; what it had begun was never done."""
    ledger.load("j", [NewRow(number="+12025560000")])
    code = (
        "import os, signal, sys; from swsync.batch import PostgresLedger\n"
        "with PostgresLedger(sys.argv[1]).transaction() as tx:\n"
        "    tx.execute(\"UPDATE jobs SET calls = 99 WHERE job = 'j'\"); print('in', flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGSTOP)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, place], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert "in\n" == process.stdout.readline()
        lease = ledger.join(REAL)
        (row,) = ledger.claim("j", lease, 1)

        assert isinstance(ledger.intent(lease, row, Limits()), Intent)  # waits for the server to end the other
    finally:
        process.kill()
        process.communicate()
    assert 1 == ledger.jobs()["j"]["calls"]


def test_a_connection_that_breaks_is_an_error_and_the_next_one_works(ledger: PostgresLedger) -> None:
    """Callers try again, as with a locked file."""
    cut = "SELECT pg_terminate_backend(pg_backend_pid())"
    with pytest.raises(LedgerError, match="cannot be used"), ledger.transaction() as tx:
        tx.execute(cut)

    assert ["j"] == list(ledger.jobs())


def test_an_owner_that_was_reaped_elsewhere_is_fenced(place: str) -> None:
    """By the server's clock: the lease is a second."""
    with PostgresLedger(place, lease=0.2) as ledger, PostgresLedger(place) as other:
        ledger.create("j", {})
        lease = ledger.join(REAL)
        REAL.sleep(0.3)
        other.reap()
        with pytest.raises(Fenced):
            ledger.claim("j", lease, 1)


def test_a_server_that_is_not_there_is_a_sentence_without_the_password() -> None:
    """It names the server."""
    with pytest.raises(LedgerError, match=r"calls@127\.0\.0\.1") as caught:
        PostgresLedger("postgresql://me:secret@127.0.0.1:1/calls")
    assert "secret" not in str(caught.value)


def test_without_psycopg_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is optional."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigurationError, match=r"swsync\[postgres\]"):
        PostgresLedger("postgresql://localhost/calls")


def test_a_purge_leaves_nothing_in_the_tables_files(place: str, ledger: PostgresLedger) -> None:
    """They are rewritten."""
    import psycopg

    ledger.load("j", [NewRow(number="+12025560000", data={"name": "Grace Hopper"}, skip="no_consent")])
    REAL.sleep(0.05)
    ledger.purge(0.01)

    with psycopg.connect(place, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        found = connection.execute("SELECT pg_read_binary_file(pg_relation_filepath('rows'))").fetchone()
    assert found is not None
    assert b"Grace" not in found[0]
    assert b"2025560000" not in found[0]
