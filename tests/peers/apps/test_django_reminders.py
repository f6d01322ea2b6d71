"""The Django project: its command, and its view under gunicorn with two workers forked from a loaded master."""

from __future__ import annotations

import json
import signal
import sqlite3
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from appprogram import EXAMPLES, PATIENCE, Program, eventually, free_port

import swsync

pytestmark = pytest.mark.peers

Start = Callable[..., Program]
PROJECT = EXAMPLES / "django_reminders"
ANN, BEN = "+12025550110", "+12025550111"


class Site:
    """The project with a database of its own."""

    def __init__(self, start: Start, directory: Path) -> None:
        self._start = start
        self.programs: list[Program] = []
        self.database = directory / "reminders.db"
        self.settings = {
            "SECRET_KEY": "for a test", "API_KEY": "key", "CALLER_ID": "+12025550199",
            "ALLOWED_DESTINATIONS": "+120255501", "DATABASE": str(self.database), "WITHOUT_TLS": "1",
        }  # fmt: skip
        self.port = free_port()
        migrated = self.manage("migrate", "--verbosity", "0")
        assert 0 == migrated.process.wait(PATIENCE), migrated.output
        self.database_do(
            "insert into reminders_reminder values (1, ?, 'Ann', 'due', ''), (2, ?, 'Ben', 'due', '')", ANN, BEN
        )

    def database_do(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        connection = sqlite3.connect(self.database, timeout=20)
        try:
            with connection:
                return connection.execute(statement, values).fetchall()
        finally:
            connection.close()

    def states(self) -> list[object]:
        return [state for (state,) in self.database_do("select state from reminders_reminder order by id")]

    def manage(self, *words: str, **more: str) -> Program:
        """Start one of the project's commands."""
        self.programs.append(
            self._start(sys.executable, "manage.py", *words, directory=PROJECT, **{**self.settings, **more})
        )
        return self.programs[-1]

    def serve(self, application: str = "wsgi", directory: Path = PROJECT, **more: str) -> Program:
        """Start gunicorn as the project's README line says, and wait until a worker answers."""
        program = self._start(
            sys.executable, "-m", "gunicorn", "-c", PROJECT / "gunicorn.conf.py", "--bind", f"127.0.0.1:{self.port}",
            application, directory=directory, **{**self.settings, **more},
        )  # fmt: skip
        self.programs.append(program)
        program.wait_for("(?s)Booting worker.*Booting worker")
        return program

    def ask(self, path: str, data: bytes | None = None, key: str = "key") -> tuple[int, dict[str, object]]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data)
        request.add_header("Authorization", f"Bearer {key}")
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error) if "json" in error.headers.get("Content-Type", "") else {}

    def call(self, number: int) -> tuple[int, dict[str, object]]:
        return self.ask(f"/reminders/{number}/call", b"")


@pytest.fixture
def site(start: Start, tmp_path: Path) -> Iterator[Site]:
    """A site. No number may be in what its programs have printed and logged."""
    site = Site(start, tmp_path)
    yield site
    assert not [line for program in site.programs for line in program.output.splitlines() if "202555" in line]


def test_django_reminders(relay: swsync.LocalRelay, site: Site) -> None:
    """The command calls everybody who is due, once; the second run finds nobody."""
    relay.callee(BEN, outcome="busy")
    program = site.manage("call_reminders")
    assert 1 == program.process.wait(PATIENCE), program.output
    assert "Ann: reached" in program.output
    assert "busy" in program.output
    assert ["reached", "failed"] == site.states()
    again = site.manage("call_reminders")
    assert 0 == again.process.wait(PATIENCE), again.output
    assert 2 == len(relay.calls)


def test_ctrl_c_in_the_command(relay: swsync.LocalRelay, site: Site) -> None:
    """The call under way is ended, and nobody else is called."""
    relay.callee(ANN, answers_after=60)
    program = site.manage("call_reminders")
    eventually(lambda: relay.calls, "a call")
    assert 0 != program.end(signal.SIGINT)
    relay.calls[0].wait_for_ended(timeout=10)
    assert 1 == len(relay.calls)
    assert "due" == site.states()[1]


def test_the_view_in_two_workers(relay: swsync.LocalRelay, site: Site) -> None:
    """Each worker has a client of its own; a reminder that two requests ask for is called once."""
    site.serve()
    keys = ["guess", "", "Key", "key\xfc"]
    assert {401} == {site.ask(path, b"", key=key)[0] for path in ("/reminders/1/call", "/reminders/1") for key in keys}
    assert 405 == site.ask("/reminders/1/call")[0]  # a link or an image that somebody loads begins no call
    assert 404 == site.call(77)[0]
    processes = set()
    for number in range(10, 40):
        site.database_do("insert into reminders_reminder values (?, ?, 'Ann', 'due', '')", number, ANN)
        status, answer = site.call(number)
        assert 202 == status, answer
        processes.add(answer["process"])
        if len(processes) == 2:
            break
    assert 2 == len(processes)
    assert [202, 409, 409] == [site.call(1)[0] for _ in range(3)]
    eventually(lambda: "calling" not in site.states(), "no call under way")
    assert {"due", "reached"} == set(site.states())  # Ben was not asked for
    assert site.states().count("reached") == len(relay.calls)
    assert 2 == len(relay.journal.requests("signalwire.connect"))


def test_a_client_that_the_master_made(relay: swsync.LocalRelay, site: Site, tmp_path: Path) -> None:
    """It is the master's: workers are told what to do, nobody is called, and the reminder is still due."""
    (tmp_path / "early.py").write_text(
        f"import sys\nsys.path.insert(0, {str(PROJECT)!r})\n"
        "from wsgi import application\nfrom reminders import calls\ncalls.client()\n"
    )
    site.serve("early:application", tmp_path, PYTHONPATH=f"{PROJECT}:{Path(swsync.__file__).parent.parent}")
    status, answer = site.call(1)
    assert 503 == status
    assert "cannot be used after a fork" in str(answer["error"])
    assert "make a new RelayClient in the child" in str(answer["error"])
    assert [] == relay.calls
    assert "due" == site.states()[0]


def test_a_graceful_end_lets_calls_finish(relay: swsync.LocalRelay, site: Site) -> None:
    """SIGTERM in the middle of a reminder: it is said to its end, and written down."""
    program = site.serve()
    assert 202 == site.call(1)[0]
    eventually(lambda: relay.calls and relay.calls[0].state == "answered", "an answer")
    assert 0 == program.end(signal.SIGTERM), program.output
    assert "reached" == site.states()[0], program.output
    assert "ended" == relay.calls[0].state


def test_a_graceful_end_ends_what_goes_on(relay: swsync.LocalRelay, site: Site) -> None:
    """A phone that rings and rings is let go when the time is over."""
    relay.callee(ANN, answers_after=60)
    program = site.serve(DRAIN_SECONDS="0.5")
    assert 202 == site.call(1)[0]
    eventually(lambda: relay.calls, "a call")
    assert 0 == program.end(signal.SIGTERM), program.output
    relay.calls[0].wait_for_ended(timeout=10)


@pytest.mark.parametrize("name", ["SECRET_KEY", "API_KEY", "CALLER_ID", "ALLOWED_DESTINATIONS"])
def test_an_empty_setting_is_a_missing_one(site: Site, name: str) -> None:
    """It does not start with a key that is everybody's, or a prefix that allows every number."""
    program = site.manage("check", **{name: " "})
    assert 1 == program.process.wait(PATIENCE)
    assert f"{name} is not set" in program.output


def test_what_django_asks_of_production(site: Site) -> None:
    """Its own check finds nothing, no migration is missing, and plain HTTP is sent to TLS."""
    key = "".join(chr(33 + n) for n in range(80))
    for command in (["check", "--deploy", "--fail-level", "WARNING"], ["makemigrations", "--check", "--dry-run"]):
        program = site.manage(*command, WITHOUT_TLS="", SECRET_KEY=key)
        assert 0 == program.process.wait(PATIENCE), program.output
    site.serve(WITHOUT_TLS="")
    with pytest.raises(urllib.error.URLError):  # it follows the redirection to https, where nobody is
        site.call(1)


def test_what_is_no_number(site: Site) -> None:
    """It does not become a reminder; what is one does, and its id is told."""
    for wrong in ("911", "2025550110", "sip:a@example.com", "+1202555011x"):
        program = site.manage("add_reminder", wrong, "Ann")
        assert 0 != program.process.wait(PATIENCE)
    program = site.manage("add_reminder", ANN, "Ann")
    assert 0 == program.process.wait(PATIENCE), program.output
    assert "3\n" == program.output
    assert ["due"] * 3 == site.states()
