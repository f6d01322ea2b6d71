"""``swsync batch`` from the list to the results, with the programs that people use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import swsync
from swsync.batch import Batch, open_ledger
from swsync.batch.runner import Runner
from swsync.cli import main
from swsync.clock import REAL

LIST = "number,name,consent,zone\n+12025550148,Ann,yes,UTC\n+12025550141,Bob,yes,UTC\n911,Eve,yes,UTC\n"
SETTINGS = ["from_number=+12025550199", "prefixes=+1202", "start=00:00", "end=24:00", "rate=20", "opt_out=9"]


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.csv").write_text(LIST)
    return tmp_path


def load() -> int:
    return main(["batch", "load", "calls.db", "j", "list.csv", *(f"--set={setting}" for setting in SETTINGS)])


def events(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_from_a_list_to_results(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Load, preflight, run, status, retry, export, do-not-call, purge: each says what it did."""
    with swsync.LocalRelay(tls=False) as relay:
        known = relay.settings
        for name, key in (("PROJECT_ID", "project"), ("API_TOKEN", "token"), ("SPACE", "host")):
            monkeypatch.setenv(f"SIGNALWIRE_{name}", known[key])
        assert 0 == load()
        assert 0 == main(["batch", "preflight", "calls.db", "j"])
        assert "emergency" in capsys.readouterr().out
        assert 0 == main(["batch", "status", "calls.db"])
        assert "j (ready), 0 dials" in capsys.readouterr().out
        assert 0 == main(["batch", "run", "--json", "calls.db", "j", "--say", "Hello {name}"])
        (status,) = events(capsys)
        assert {"done": 2, "skipped": 1} == status["statuses"]
        assert 0 == main(["batch", "status", "calls.db"])
        assert "j (finished), 2 dials" in capsys.readouterr().out
    assert 0 == main(["batch", "retry", "--json", "calls.db", "j", "--outcome", "busy"])
    assert 0 == main(["batch", "export", "--json", "calls.db", "j", "out.csv", "--report", "report.html"])
    assert 0 == main(["batch", "do-not-call", "--json", "calls.db", "j", "+12025550123"])
    assert 0 == main(["batch", "cancel", "--json", "calls.db", "j"])
    assert 0 == main(["batch", "status", "--json", "calls.db"])
    assert 0 == main(["batch", "purge", "--json", "calls.db", "--older-than", "0d"])
    found = {str(event["event"]): event for event in events(capsys)}
    assert (1, 3, 1, 1) == (
        found["retry"]["rows"],
        found["exported"]["rows"],
        found["do_not_call"]["added"],
        found["cancelled"]["rows"],
    )
    assert "cancelled" == found["status"]["state"]
    assert 3 == found["purged"]["rows"]
    assert "+12025550148" in (directory / "out.csv").read_text()


def test_ctrl_c_is_told_from_the_end(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The calls that are on come to their end, and whoever started it sees by the exit code that rows are left."""
    wait, interrupts = Runner.wait, iter([KeyboardInterrupt])

    def interrupted_once(runner: Runner, timeout: float) -> bool:
        for interrupt in interrupts:
            raise interrupt
        return wait(runner, timeout)

    monkeypatch.setattr(Runner, "wait", interrupted_once)
    with swsync.LocalRelay(tls=False) as relay:
        known = relay.settings
        for name, key in (("PROJECT_ID", "project"), ("API_TOKEN", "token"), ("SPACE", "host")):
            monkeypatch.setenv(f"SIGNALWIRE_{name}", known[key])
        assert 0 == load()
        capsys.readouterr()
        assert 130 == main(["batch", "run", "--json", "calls.db", "j", "--say", "Hello"])
        assert True is events(capsys)[0]["interrupted"]
        assert 0 == main(["batch", "run", "--json", "calls.db", "j", "--say", "Hello"])
        (status,) = events(capsys)
    assert ({"done": 2, "skipped": 1}, False) == (status["statuses"], status["interrupted"])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["load", "calls.db", "j", "list.csv"], "there is no job 'j'"),
        (["load", "calls.db", "j", "list.csv", "--set", "from_number=+12025550199"], "prefixes="),
        (["load", "calls.db", "j", "none.csv", *(f"--set={s}" for s in SETTINGS)], "no file none.csv"),
        (["load", "calls.db", "j", "list.csv", "--set", "spede=2"], "no such setting"),
        (["load", "none/calls.db", "j", "list.csv"], "make its directory"),
        (["load", ".", "j", "list.csv"], "name a file"),
        (["run", "calls.db", "j"], "--say"),
        (["run", "calls.db", "j", "--script", "nowhere:f"], "module:function"),
        (["status", "calls.db"], "there is no ledger calls.db"),
        (["load", "calls.db", "j", "list.csv", "--set", "rate=2"], "from_number"),
        (["purge", "calls.db", "--older-than", "long"], "90d"),
        (["purge", "calls.db", "--older-than=-1d"], "negative"),
    ],
)
def test_what_cannot_work_is_a_sentence(
    directory: Path, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, and nothing of a traceback."""
    code = main(["batch", *words])

    errors = capsys.readouterr().err
    assert 1 == code
    assert sentence in errors
    assert "Traceback" not in errors


def test_a_job_is_changed_by_what_is_named(directory: Path) -> None:
    """The rest stays as it was."""
    assert 0 == load()

    assert 0 == main(["batch", "load", "calls.db", "j", "list.csv", "--set", "rate=2", "--set", "opt_out="])

    with Batch("j", "calls.db") as batch:
        assert (2, "", "00:00", ("+1202",)) == (batch.job.rate, batch.job.opt_out, batch.job.start, batch.job.prefixes)


def test_the_ledger_is_never_written_over(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An export, or a report, with its name would have everybody rung again."""
    assert 0 == load()
    (directory / "link.csv").symlink_to("calls.db")
    (directory / "while.csv.part").symlink_to("calls.db")  # what it is called until it is whole

    names = ("calls.db", "./calls.db", "calls.db-wal", "link.csv", "while.csv")
    for words in (*([name] for name in names), ["out.csv", "--report", "calls.db"]):
        assert 1 == main(["batch", "export", "calls.db", "j", *words])
        assert "is the ledger itself" in capsys.readouterr().err

    assert 0 == main(["batch", "status", "calls.db", "j"])
    assert "2  pending" in capsys.readouterr().out


def test_a_status_says_when_the_next_is_due(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that ends at once has its reasons."""
    assert 0 == load()
    with Batch("j", "calls.db") as batch:
        lease = batch.ledger.join(REAL)
        rows = batch.ledger.claim("j", lease, 10)
        batch.ledger.defer(lease, rows, 4_102_444_800.0)
        batch.ledger.leave(lease)

    assert 0 == main(["batch", "status", "calls.db", "j"])

    assert "the next is due at 2100-01-01 00:00:00 UTC" in capsys.readouterr().out


def test_a_ledger_without_a_job_says_so(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing printed would be taken for nothing done."""
    with open_ledger("calls.db"):
        pass
    assert 0 == main(["batch", "status", "calls.db"])
    assert "There is no job in it." in capsys.readouterr().out


def test_what_a_job_cannot_do_is_a_sentence(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same, of a ledger that is there."""
    assert 0 == load()
    for words, sentence in (
        (["export", "calls.db", "j", "."], "is a directory"),
        (["retry", "calls.db", "j"], "--outcome busy"),
        (["do-not-call", "calls.db", "j", "911"], "no telephone numbers"),
        (["run", "calls.db", "j", "--script", "os:path"], "a script is a function"),
    ):
        assert 1 == main(["batch", *words])
        errors = capsys.readouterr().err
        assert sentence in errors
        assert "Traceback" not in errors
    assert 0 == main(["batch", "cancel", "calls.db", "j"])
    assert 1 == main(["batch", "load", "calls.db", "j", "list.csv"])
    assert "was cancelled" in capsys.readouterr().err
