"""The cron script: its exit codes, its lock, and what it leaves behind when it is ended."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from appprogram import EXAMPLES, Program, eventually

import swsync

Start = Callable[..., Program]
Run = Callable[..., Program]
SCRIPT = EXAMPLES / "cron_reminders.py"


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A file with two people."""
    path = tmp_path / "today.csv"
    path.write_text("number,name\n+12025550110,Ann\n+12025550111,Ben\n")
    return path


@pytest.fixture
def run(start: Start, people: Path) -> Iterator[Run]:
    """Starts the script as cron does. No number may be in what it prints, which cron sends by mail."""
    programs = []

    def begin(*arguments: str | Path, **more: str) -> Program:
        settings = {"CALLER_ID": "+12025550199", "ALLOWED_DESTINATIONS": "+120255501", **more}
        programs.append(start(sys.executable, SCRIPT, *(arguments or (people, "lock")), **settings))
        return programs[-1]

    yield begin
    assert not [program.output for program in programs if "5550" in program.output]


def test_cron_reminders(relay: swsync.LocalRelay, run: Run) -> None:
    """Both are reached: 0."""
    program = run()
    assert 0 == program.process.wait(40), program.output
    assert "line 2: reached\nline 3: reached\n" == program.output
    assert ["ended", "ended"] == [call.state for call in relay.calls]


def test_somebody_is_not_reached(relay: swsync.LocalRelay, run: Run, people: Path) -> None:
    """The others are, and it is 1."""
    relay.callee("+12025550110", outcome="busy")
    program = run()
    assert 1 == program.process.wait(40)
    assert "busy" in program.output
    assert "line 3: reached" in program.output


def test_a_number_that_is_not_allowed(relay: swsync.LocalRelay, run: Run, people: Path) -> None:
    """A premium number in the file is not dialed."""
    people.write_text("number,name\n+19005550110,Ann\n")
    program = run()
    assert 1 == program.process.wait(40)
    assert "allowed_destinations" in program.output
    assert [] == relay.calls


def test_wrong_use_and_no_settings(run: Run, people: Path) -> None:
    """2, and the name of what is missing."""
    assert 2 == run(people).process.wait(40)
    assert 2 == run("no-such-file.csv", "lock").process.wait(40)
    for name in ("ALLOWED_DESTINATIONS", "CALLER_ID"):
        program = run(**{name: ""})
        assert 2 == program.process.wait(40)
        assert f"{name} is not set" in program.output
    people.write_text("phone\n+12025550110\n")
    program = run()
    assert 2 == program.process.wait(40)
    assert "KeyError: 'number'" in program.output
    program = run(SIGNALWIRE_PROJECT_ID="", SIGNALWIRE_API_TOKEN="")
    assert 2 == program.process.wait(40)
    assert "SIGNALWIRE_PROJECT_ID" in program.output


def test_no_link(relay: swsync.LocalRelay, run: Run, people: Path) -> None:
    """Whom nobody could dial may be dialed later: 75."""
    program = run(SIGNALWIRE_SPACE="no-such-host.invalid")
    assert 75 == program.process.wait(40), program.output
    assert "cannot be resolved" in program.output
    assert [] == relay.calls


def test_two_runs_at_once(relay: swsync.LocalRelay, run: Run, people: Path) -> None:
    """The second says so and calls nobody; when the first was killed the lock is free."""
    relay.callee("+12025550110", answers_after=60)
    first = run()
    eventually(lambda: relay.calls, "a call")
    second = run()
    assert 75 == second.process.wait(40)
    assert "still goes on" in second.output
    assert 1 == len(relay.calls)
    first.process.kill()
    first.process.wait(10)
    relay.callee("+12025550110", outcome="busy")
    assert 1 == run().process.wait(40)


def test_sigterm_ends_the_call(relay: swsync.LocalRelay, run: Run, people: Path) -> None:
    """The machine goes down in the middle of a call: it is ended, and nobody else is called."""
    program = run()
    eventually(lambda: relay.calls and relay.calls[0].state == "answered", "an answer")
    assert 128 + signal.SIGTERM == program.end(signal.SIGTERM)
    relay.calls[0].wait_for_ended(timeout=10)
    assert 1 == len(relay.calls)
