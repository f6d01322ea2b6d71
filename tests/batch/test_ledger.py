"""The rules of a ledger: nothing twice, nothing lost, and a stale owner writes nothing."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import attrs
import pytest

from swsync.batch import SqliteLedger, open_ledger
from swsync.batch.ledger import Intent, Lease, Ledger, Limits, NewRow, Refused, Row, Status
from swsync.clock import VirtualClock
from swsync.errors import ConfigurationError, Fenced, LedgerError

Fill = Callable[[int], None]


def claim(ledger: Ledger, lease: Lease, count: int = 1) -> list[Row]:
    return ledger.claim("j", lease, count)


def dial(ledger: Ledger, lease: Lease, limits: Limits | None = None) -> Intent:
    (row,) = claim(ledger, lease)
    intent = ledger.intent(lease, row, limits or Limits())
    assert isinstance(intent, Intent)
    return intent


def statuses(ledger: Ledger) -> dict[str, int]:
    found: dict[str, int] = {}
    for (status, _), count in ledger.counts("j").items():
        found[status] = found.get(status, 0) + count
    return found


def test_loading_a_list_again_adds_nothing(ledger: Ledger, fill: Fill) -> None:
    """The key is job and number; duplicates are counted and named."""
    fill(3)

    again = ledger.load("j", [NewRow(number="+12025560001"), NewRow(number="+12025560009")])

    assert (1, 1, ("+12025560001",)) == (again.added, again.duplicates, again.examples)
    assert {"pending": 4} == statuses(ledger)


def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    """Not a table, its mode and its journal neither; an empty file may become a ledger."""
    theirs = tmp_path / "theirs.db"
    with closing(sqlite3.connect(theirs)) as connection:
        connection.execute("CREATE TABLE customers (name TEXT)")
    theirs.chmod(0o640)
    before = theirs.read_bytes()

    with pytest.raises(LedgerError, match="another program"):
        open_ledger(theirs)

    assert (before, 0o640) == (theirs.read_bytes(), theirs.stat().st_mode & 0o777)
    assert ["theirs.db"] == [path.name for path in tmp_path.iterdir()]
    empty = tmp_path / "a #?%41.db"
    empty.touch()
    for _ in range(2):
        with open_ledger(empty) as ledger:
            assert {} == ledger.jobs()


@pytest.mark.parametrize("name", [":memory:", "a\0b", ""])
def test_what_is_no_file_is_no_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """One in memory would forget who has been called."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LedgerError, match="name a"):
        open_ledger(name)
    assert [] == list(tmp_path.iterdir())


def test_a_name_that_looks_like_an_address_is_a_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite would keep it in memory, one for each connection."""
    monkeypatch.chdir(tmp_path)
    for added in (1, 0):
        with open_ledger("file:x.db?mode=memory") as ledger:
            ledger.create("j", {})
            assert added == ledger.load("j", [NewRow(number="+12025560001")]).added
            with ledger.transaction(durable=False) as tx:
                assert 1 == tx.execute("SELECT count(*) FROM rows").fetchone()[0]


def test_two_jobs_may_have_one_number(ledger: Ledger, fill: Fill) -> None:
    """The key names the job too."""
    fill(1)
    ledger.create("k", {})

    assert 1 == ledger.load("k", [NewRow(number="+12025560000")]).added


def test_a_row_is_claimed_once(ledger: Ledger, fill: Fill, clock: VirtualClock) -> None:
    """Two owners never have one row."""
    fill(5)
    first, second = ledger.join(clock), ledger.join(clock)

    rows = [row.id for lease in (first, second, first) for row in claim(ledger, lease, 2)]

    assert 5 == len(rows) == len(set(rows))


def test_a_whole_attempt(ledger: Ledger, fill: Fill, clock: VirtualClock) -> None:
    """claim, intent, seen, finish: every fact is there afterwards."""
    fill(1)
    lease = ledger.join(clock)
    intent = dial(ledger, lease)
    assert {"dialing": 1} == statuses(ledger)
    ledger.seen(lease, intent.tag, "call-1", "node-1", {"protocol": "p"})

    ledger.finish(lease, intent, "human", {"talk_seconds": 12.5, "cost": 0.25})

    (row,) = ledger.rows("j")
    assert ("done", "human", 1, "call-1") == (row["status"], row["outcome"], row["attempts"], row["call_id"])
    used = ledger.jobs()["j"]
    assert (1, 12.5, 0.25) == (used["calls"], used["seconds"], used["cost"])


def test_an_attempt_has_one_result(ledger: Ledger, fill: Fill, clock: VirtualClock) -> None:
    """A second one is refused, and counts against no cap."""
    fill(1)
    lease = ledger.join(clock)
    intent = dial(ledger, lease)
    ledger.finish(lease, intent, "human", {"talk_seconds": 12.5, "cost": 0.25})

    with pytest.raises(Fenced):
        ledger.finish(lease, intent, "machine", {"talk_seconds": 12.5, "cost": 0.25})
    assert 12.5 == ledger.jobs()["j"]["seconds"]


def test_what_was_in_flight_at_a_crash_is_unknown_and_stays_so(ledger: Ledger, fill: Fill, clock: VirtualClock) -> None:
    """With an intent: unknown, with what is needed to end the call. Without one: pending."""
    fill(2)
    lease = ledger.join(clock)
    ledger.renew(lease, {"protocol": "p", "authorization_state": "s"})
    intent = dial(ledger, lease)
    claim(ledger, lease)
    ledger.seen(lease, intent.tag, "call-1", "node-1", {})
    clock.sleep(ledger.lease_seconds + 1)

    (orphan,) = ledger.reap()

    assert {"protocol": "p", "authorization_state": "s"} == orphan.session
    assert [{"tag": intent.tag, "call_id": "call-1", "node_id": "node-1"}] == list(orphan.calls)
    assert {"unknown": 1, "pending": 1} == statuses(ledger)
    other = ledger.join(clock)
    assert ["+12025560001"] == [row.number for row in claim(ledger, other, 9)]


def test_calls_of_the_dead_are_named_until_they_are_ended(ledger: Ledger, fill: Fill, clock: VirtualClock) -> None:
    """Whoever was to end them may have died as well."""
    fill(1)
    dial(ledger, ledger.join(clock))
    clock.sleep(ledger.lease_seconds + 1)
    (orphan,) = ledger.reap()
    assert [] == ledger.reap()

    clock.sleep(61)
    assert [orphan] == ledger.reap()

    ledger.tidied(orphan)
    clock.sleep(61)
    assert [] == ledger.reap()


WRITES: dict[str, Callable[[Ledger, Lease, Intent, Row], object]] = {
    "claim": lambda ledger, lease, intent, row: ledger.claim("j", lease, 1),
    "intent": lambda ledger, lease, intent, row: ledger.intent(lease, row, Limits()),
    "finish": lambda ledger, lease, intent, row: ledger.finish(lease, intent, "human", {}),
    "withdraw": lambda ledger, lease, intent, row: ledger.withdraw(lease, [intent], ""),
    "defer": lambda ledger, lease, intent, row: ledger.defer(lease, [row], 0.0),
    "skip": lambda ledger, lease, intent, row: ledger.skip(lease, row, "x"),
    "renew": lambda ledger, lease, intent, row: ledger.renew(lease),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("reaped", [True, False], ids=["reaped", "not yet reaped"])
def test_a_stale_owner_is_fenced(
    ledger: Ledger, fill: Fill, clock: VirtualClock, write: Callable[..., object], reaped: bool
) -> None:
    """Once its lease has run out, nothing that it writes counts, whether somebody took over or not."""
    fill(3)
    lease = ledger.join(clock)
    intent = dial(ledger, lease)
    (row,) = claim(ledger, lease)
    clock.sleep(ledger.lease_seconds + 1)
    if reaped:
        ledger.reap()
    before = list(ledger.rows("j"))

    with pytest.raises(Fenced):
        write(ledger, lease, intent, row)

    assert before == list(ledger.rows("j"))


def test_a_lease_ends_by_its_owners_clock_before_the_ledger_ends_it(ledger: Ledger, clock: VirtualClock) -> None:
    """Nothing is sent in the last seconds, and nothing after; renewing it helps."""
    lease = ledger.join(clock)
    clock.sleep(ledger.lease_seconds - 6)
    lease.check()
    ledger.renew(lease)
    clock.sleep(ledger.lease_seconds - 4)

    with pytest.raises(Fenced):
        lease.check()

    assert [] == ledger.reap()


def test_the_attempt_limit_spans_jobs_and_rolls(ledger: Ledger, fill: Fill, clock: VirtualClock) -> None:
    """One dial a day to a number, whichever job it is in."""
    fill(1)
    lease = ledger.join(clock)
    ledger.finish(lease, dial(ledger, lease), "busy", {})
    ledger.create("k", {})
    ledger.load("k", [NewRow(number="+12025560000")])
    started = ledger.now()
    (row,) = ledger.claim("k", lease, 1)

    refused = ledger.intent(lease, row, Limits())

    assert Refused(reason="attempt_limit", until=started + 86_400) == refused
    ledger.defer(lease, [row], started + 86_400)
    clock.sleep(86_401)
    lease = ledger.join(clock)
    (row,) = ledger.claim("k", lease, 1)
    assert isinstance(ledger.intent(lease, row, Limits()), Intent)


def test_do_not_call_spans_jobs(ledger: Ledger, fill: Fill, clock: VirtualClock) -> None:
    """It is looked at in the transaction that commits the intent."""
    fill(1)
    lease = ledger.join(clock)
    (row,) = claim(ledger, lease)
    assert (1, 0) == tuple(ledger.add_do_not_call([row.number], why) for why in ("listed", "again"))

    assert Refused(reason="do_not_call") == ledger.intent(lease, row, Limits())


@pytest.mark.parametrize(
    ("limits", "reason"),
    [(Limits(calls=1), "calls_cap"), (Limits(seconds=60.0), "minutes_cap"), (Limits(cost=0.5), "cost_cap")],
)
def test_caps_are_checked_with_each_intent(
    ledger: Ledger, fill: Fill, clock: VirtualClock, limits: Limits, reason: str
) -> None:
    """What is in flight may pass them, nothing else."""
    fill(2)
    lease = ledger.join(clock)
    ledger.finish(lease, dial(ledger, lease, limits), "human", {"talk_seconds": 61.0, "cost": 0.6})
    (row,) = claim(ledger, lease)

    assert Refused(reason=reason) == ledger.intent(lease, row, limits)


def test_a_paused_job_gives_out_nothing(ledger: Ledger, fill: Fill, clock: VirtualClock) -> None:
    """What is claimed already is refused its intent."""
    fill(3)
    lease = ledger.join(clock)
    (row,) = claim(ledger, lease)
    ledger.pause("j", "402")

    assert Refused(reason="paused") == ledger.intent(lease, row, Limits())
    assert [] == claim(ledger, lease)
    ledger.resume("j")
    assert isinstance(ledger.intent(lease, row, Limits()), Intent)


def test_a_cancelled_job_is_over(ledger: Ledger, fill: Fill, clock: VirtualClock) -> None:
    """Its rows are accounted for; a call that is on comes to its end, and to no retry."""
    fill(3)
    lease = ledger.join(clock)
    intent = dial(ledger, lease)

    assert 2 == ledger.cancel("j")

    ledger.finish(lease, intent, "busy", {}, status=Status.PENDING, not_before=ledger.now())
    assert {"cancelled": 3} == statuses(ledger)
    with pytest.raises(ConfigurationError, match="cancelled"):
        ledger.resume("j")


def test_a_withdrawn_attempt_does_not_count(ledger: Ledger, fill: Fill, clock: VirtualClock) -> None:
    """It rang nobody: the row is pending again, and neither limit nor cap has heard of it."""
    fill(1)
    lease = ledger.join(clock)
    ledger.withdraw(lease, [dial(ledger, lease, Limits(calls=1))], "not_sent")

    intent = dial(ledger, lease, Limits(calls=1))

    assert 1 == intent.attempt


def leave_in_the_midst(ledger: Ledger, clock: VirtualClock) -> None:
    """An owner finds one person busy, and leaves in good order while it dials another."""
    lease = ledger.join(clock)
    ledger.finish(lease, dial(ledger, lease), "busy", {})
    dial(ledger, lease)
    ledger.leave(lease)


def test_retry_asks_for_unknown_ones_by_name(ledger: Ledger, fill: Fill, clock: VirtualClock) -> None:
    """Whoever left in good order cannot dial any more; who was only stopped may."""
    fill(3)
    leave_in_the_midst(ledger, clock)
    stopped = ledger.join(clock)
    dial(ledger, stopped)
    clock.sleep(ledger.lease_seconds + 1)
    ledger.reap()
    assert {"done": 1, "unknown": 2} == statuses(ledger)

    assert (1, 0) == ledger.retry("j", outcomes=["busy"])
    assert (1, 1) == ledger.retry("j", unknown=True)


def test_people_who_hear_nothing_pause_the_job(ledger: Ledger, fill: Fill, clock: VirtualClock) -> None:
    """Above 3 % of those who answered, of a hundred at least."""
    fill(5)
    lease = ledger.join(clock)
    for _ in range(4):
        assert "ready" == ledger.jobs()["j"]["state"]
        ledger.finish(lease, dial(ledger, lease), "answered", {"is_human": True, "is_abandoned": True})

    assert "paused" == ledger.jobs()["j"]["state"]


def test_purging_removes_the_person_and_keeps_the_account(ledger: Ledger, fill: Fill, clock: VirtualClock) -> None:
    """The list loaded again adds nobody; recordings are named to whoever deletes them."""
    fill(2)
    lease = ledger.join(clock)
    ledger.finish(lease, dial(ledger, lease), "human", {"recording": "a.wav"})
    clock.sleep(100)

    assert (1, ["a.wav"]) == ledger.purge(50)

    done = next(iter(ledger.rows("j", Status.DONE)))
    assert ("", {}, {}, "") == (done["number"], done["data"], done["result"], done["call_id"])
    assert 1 == ledger.load("j", [NewRow(number="+12025560000"), NewRow(number="+12025560007")]).added


def test_a_purged_number_is_nowhere_in_the_files(tmp_path: Path, clock: VirtualClock) -> None:
    """Deleted pages are overwritten, and the log of writes is cut."""
    with SqliteLedger(tmp_path / "l.db", clock=clock) as ledger:
        ledger.create("j", {})
        ledger.load("j", [NewRow(number="+12025560000", data={"name": "Grace Hopper"}, skip="no_consent")])
        clock.sleep(10)
        ledger.purge(5)

        found = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert b"Grace" not in found
        assert b"2025560000" not in found


def test_only_the_owner_of_the_file_can_read_it(tmp_path: Path) -> None:
    """With its log and its shared memory: session and numbers are in them."""
    with SqliteLedger(tmp_path / "l.db") as ledger:
        ledger.create("j", {})
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}

    assert {"l.db": 0o600, "l.db-wal": 0o600, "l.db-shm": 0o600} == modes


def test_a_file_that_is_no_ledger_is_a_sentence(tmp_path: Path) -> None:
    """What to do stands in the error."""
    path = tmp_path / "notes.txt"
    path.write_text("this is no database, and long enough to be looked at as one\n" * 20)

    with pytest.raises(LedgerError, match="name another file"):
        SqliteLedger(path)


def test_a_turn_is_taken_once_whoever_asks(place: str, clock: VirtualClock) -> None:
    """Four ledgers in one place, ten threads each: one of forty has it, 1/rate apart, and nothing is saved up."""
    ledgers = [open_ledger(place, clock=clock) for _ in range(4)]
    with ThreadPoolExecutor(40) as pool:
        for _ in range(3):
            taken = list(pool.map(lambda i: ledgers[i % 4].take_token(20.0).wait, range(40)))
            assert 1 == taken.count(0.0)
            assert all(0.044 < wait < 0.051 for wait in taken if wait)
            clock.sleep(max(taken))
    clock.sleep(3600)
    assert 0.0 == ledgers[0].take_token(20.0, tokens=3).wait
    assert 0.145 == round(ledgers[0].take_token(20.0).wait, 4)  # three turns, less the 5 ms that are made good
    for ledger in ledgers:
        ledger.close()


def test_a_clock_that_was_set_back_does_not_stop_the_dialing(place: str) -> None:
    """A slot a year ahead was never meant."""
    ahead, back = VirtualClock(), VirtualClock()
    ahead.sleep(365 * 86_400)
    with open_ledger(place, clock=ahead) as ledger:
        ledger.take_token(1.0)
    with open_ledger(place, clock=back) as ledger:
        assert 1.0 == ledger.take_token(1.0).wait


def test_what_was_purged_is_not_dialed_again(ledger: Ledger, fill: Fill, clock: VirtualClock) -> None:
    """It has no number any more."""
    fill(2)
    leave_in_the_midst(ledger, clock)
    clock.sleep(100)
    assert 2 == ledger.purge(50)[0]

    assert (0, 0) == ledger.retry("j", outcomes=["busy"], unknown=True)


@pytest.mark.parametrize(("version", "words"), [(0, "the swsync that made it"), (2, "update swsync")])
def test_a_ledger_of_another_version_is_a_sentence(version: int, words: str, tmp_path: Path) -> None:
    """An update helps only if the ledger is the newer one."""
    SqliteLedger(tmp_path / "l.db").close()
    with sqlite3.connect(tmp_path / "l.db") as connection:
        connection.execute("UPDATE ledger SET version = ?", (version,))
    connection.close()

    with pytest.raises(ConfigurationError, match=words):
        SqliteLedger(tmp_path / "l.db")


def test_who_was_skipped_is_taken_up_by_a_later_list_that_allows_it(
    ledger: Ledger, fill: Fill, clock: VirtualClock
) -> None:
    """A consent that came later, a prefix that was forgotten; but the first line of a list holds, and a purge too."""
    number = "+12025560001"
    refused, allowed = NewRow(number=number, skip="no_consent"), NewRow(number=number, data={"n": "2"}, zone="UTC")
    assert (1, 1) == attrs.astuple(ledger.load("j", [refused, allowed]))[:2]
    assert 0 == ledger.load("j", [refused]).added

    assert (1, 1) == attrs.astuple(ledger.load("j", [allowed, allowed]))[:2]

    (row,) = ledger.rows("j")
    assert ("pending", "", {"n": "2"}, "UTC") == (row["status"], row["outcome"], row["data"], row["zone"])
    lease = ledger.join(clock)
    ledger.skip(lease, ledger.claim("j", lease, 1)[0], "do_not_call")
    assert 0 == ledger.load("j", [allowed]).added
    clock.sleep(1)
    ledger.purge(0.5)
    assert 0 == ledger.load("j", [allowed]).added


def test_a_purged_row_is_not_taken_up_whatever_it_was_skipped_for(ledger: Ledger, clock: VirtualClock) -> None:
    """Its account is closed: who was asked to forget somebody does not dial them for the next list."""
    refused = NewRow(number="+12025560001", skip="no_consent")
    ledger.load("j", [refused])
    clock.sleep(1)
    assert 1 == ledger.purge(0.5)[0]
    assert 0 == ledger.load("j", [NewRow(number="+12025560001")]).added


def test_who_was_dialed_before_they_were_skipped_is_not_taken_up(
    ledger: Ledger, fill: Fill, clock: VirtualClock
) -> None:
    """A later list does not give them their attempts again."""
    fill(1)
    lease = ledger.join(clock)
    ledger.finish(lease, dial(ledger, lease), "busy", {}, status=Status.PENDING)
    (row,) = ledger.claim("j", lease, 1)
    ledger.skip(lease, row, "zone")
    assert 0 == ledger.load("j", [NewRow(number="+12025560000")]).added
