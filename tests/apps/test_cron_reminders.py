"""The cron script: its exit codes, its lock, and what it leaves behind when it is ended."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from appprogram import EXAMPLES, Program, eventually

import swsync

Start = Callable[..., Program]
SCRIPT = EXAMPLES / "cron_reminders.py"


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A file with two people."""
    path = tmp_path / "today.csv"
    path.write_text("number,name\n+12025550110,Ann\n+12025550111,Ben\n")
    return path


def test_cron_reminders(relay: swsync.LocalRelay, start: Start, people: Path) -> None:
    """Both are reached: 0."""
    program = start(sys.executable, SCRIPT, people, "lock")
    assert 0 == program.process.wait(40), program.output
    assert "+12025550110: reached\n+12025550111: reached\n" == program.output
    assert ["ended", "ended"] == [call.state for call in relay.calls]


def test_somebody_is_not_reached(relay: swsync.LocalRelay, start: Start, people: Path) -> None:
    """The others are, and it is 1."""
    relay.callee("+12025550110", outcome="busy")
    program = start(sys.executable, SCRIPT, people, "lock")
    assert 1 == program.process.wait(40)
    assert "busy" in program.output
    assert "+12025550111: reached" in program.output


def test_a_number_that_is_not_allowed(relay: swsync.LocalRelay, start: Start, people: Path) -> None:
    """A premium number in the file is not dialed."""
    people.write_text("number,name\n+19005550110,Ann\n")
    program = start(sys.executable, SCRIPT, people, "lock")
    assert 1 == program.process.wait(40)
    assert "allowed_destinations" in program.output
    assert [] == relay.calls


def test_wrong_use_and_no_settings(start: Start, people: Path) -> None:
    """2, and the name of what is missing."""
    assert 2 == start(sys.executable, SCRIPT, people).process.wait(40)
    program = start(sys.executable, SCRIPT, people, "lock", SIGNALWIRE_PROJECT_ID="", SIGNALWIRE_API_TOKEN="")
    assert 2 == program.process.wait(40)
    assert "SIGNALWIRE_PROJECT_ID" in program.output


def test_no_link(relay: swsync.LocalRelay, start: Start, people: Path) -> None:
    """Whom nobody could dial may be dialed later: 75."""
    program = start(sys.executable, SCRIPT, people, "lock", SIGNALWIRE_SPACE="no-such-host.invalid")
    assert 75 == program.process.wait(40), program.output
    assert "cannot be resolved" in program.output
    assert [] == relay.calls


def test_two_runs_at_once(relay: swsync.LocalRelay, start: Start, people: Path) -> None:
    """The second says so and calls nobody; when the first was killed the lock is free."""
    relay.callee("+12025550110", answers_after=60)
    first = start(sys.executable, SCRIPT, people, "lock")
    eventually(lambda: relay.calls, "a call")
    second = start(sys.executable, SCRIPT, people, "lock")
    assert 75 == second.process.wait(40)
    assert "still goes on" in second.output
    assert 1 == len(relay.calls)
    first.process.kill()
    first.process.wait(10)
    relay.callee("+12025550110", outcome="busy")
    assert 1 == start(sys.executable, SCRIPT, people, "lock").process.wait(40)


def test_sigterm_ends_the_call(relay: swsync.LocalRelay, start: Start, people: Path) -> None:
    """The machine goes down in the middle of a call: it is ended, and nobody else is called."""
    program = start(sys.executable, SCRIPT, people, "lock")
    eventually(lambda: relay.calls and relay.calls[0].state == "answered", "an answer")
    assert 128 + signal.SIGTERM == program.end(signal.SIGTERM)
    relay.calls[0].wait_for_ended(timeout=10)
    assert 1 == len(relay.calls)
