"""``swsync relay`` as its user meets it: in a terminal, in a pipe, as JSON; and what it refuses."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import swsync
from swsync.clock import REAL
from swsync.commands.relaytable import lines_of
from swsync.localrelay.status import CallStatus, SessionStatus, Status

COMMAND = [sys.executable, "-m", "swsync", "relay", "--port", "0"]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("SIGNALWIRE_")}


def explained(*words: str) -> str:
    """Run it with words that it refuses; return its one sentence."""
    done = subprocess.run([*COMMAND, *words], env=CLEAN, capture_output=True, text=True, timeout=60, check=False)
    assert (1, 1) == (done.returncode, done.stderr.count("\n")), done.stderr
    return done.stderr


def test_what_it_refuses(tmp_path: Path) -> None:
    """To listen for everybody without a token, and files that are wrong: the sentence says what to do."""
    assert "--token" in explained("--bind", "0.0.0.0")
    assert "without TLS" in explained("--bind", "0.0.0.0", "--token", "t", "--no-tls")
    (tmp_path / "x.toml").write_text("[[callee]]\nnumber = 5")
    assert "callee[0].number: must be a text" in explained("--callees", str(tmp_path / "x.toml"))
    assert "callee: is not known" in explained("--faults", str(tmp_path / "x.toml"))
    assert "cannot read" in explained("--faults", str(tmp_path / "none.toml"))


def test_json_with_files(tmp_path: Path) -> None:
    """It says when it is ready, then each state of each call; people and faults come from the files."""
    (tmp_path / "people.toml").write_text(
        "[[callee]]\nnumber = '+12025550123'\noutcome = 'decline'\nanswers_after = 0.1"
    )
    (tmp_path / "faults.json").write_text('{"fault": [{"kind": "refuse", "of": "link", "code": 502}]}')
    words = [
        "--json",
        "--no-tls",
        "--callees",
        str(tmp_path / "people.toml"),
        "--faults",
        str(tmp_path / "faults.json"),
    ]
    process = subprocess.Popen([*COMMAND, *words], env=CLEAN, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ("ready", "", True) == (ready["event"], ready["ca_file"], ready["url"].startswith("ws://localhost:"))
        refused = pytest.raises(swsync.DialFailed, match="decline")
        with swsync.RelayClient(project="p", token="t", host=ready["url"]) as client, refused:
            client.dial_phone(to="+12025550123", from_number="+12025550199")
        told: list[dict[str, Any]] = []
        while not told or told[-1]["state"] != "ended":
            told.append(json.loads(process.stdout.readline()))
        assert ["created", "ringing", "ended"] == [line["state"] for line in told]  # 0.1 s is less than one look
        assert ("call", "+12025550123", "decline") == (told[-1]["event"], told[-1]["number"], told[-1]["end_reason"])
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert 130 == process.returncode


def test_in_a_terminal() -> None:
    """A table that is painted in place; a caller's control characters are shown, not obeyed."""
    ours, theirs = pty.openpty()
    environment = {**CLEAN, "COLUMNS": "100", "LINES": "30", "TERM": "xterm"}
    process = subprocess.Popen(COMMAND, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""

    def until(pattern: bytes) -> re.Match[bytes]:
        nonlocal seen
        deadline = REAL.now() + 30
        while True:
            found = re.search(pattern, seen)
            if found is not None:
                return found
            assert REAL.now() < deadline, seen
            if select.select([ours], [], [], 1.0)[0]:
                seen += os.read(ours, 65536)

    try:
        ca_file = until(rb"RELAY_CA_FILE=(\S+)")[1].decode()
        host = until(rb"SIGNALWIRE_SPACE=(\S+)")[1].decode()
        until(rb"up 0:\d\d   sessions 0   calls 0")
        settings = {"project": "p", "token": "t", "host": host, "ca_file": ca_file}
        with swsync.RelayClient(**settings, contexts=["odd\x1b[2Jname"]) as client:
            client.dial_phone(to="+12025550145", from_number="+12025550199")
            until(rb"\+12025550145 +answered")
        until(rb"\+12025550145 +ended +0:\d\d +hangup")
        assert rb"odd\x1b[2Jname" in seen
        assert b"odd\x1b" not in seen
        assert re.search(rb"\x1b\[\d+A\r\x1b\[J", seen)
    finally:
        process.send_signal(signal.SIGINT)
        assert 130 == process.wait(20)
        os.close(ours)


def test_the_table_fits() -> None:
    """Whatever its size and its texts."""
    call = CallStatus(call_id="c" * 36, direction="inbound", number="+1\x1b]0;x\x07\n" * 9, state="answered",
                      seconds=75.2, doing=("play", "tap"), end_reason="", has_client=False)  # fmt: skip
    session = SessionStatus(project="p" * 99, contexts=("a\r",) * 99, is_connected=True, calls=2)
    status = Status(seconds=3700, sessions=[session] * 50, calls=[call] * 200, total=200, up=200)
    for width, height in ((80, 24), (20, 5), (200, 60), (10, 1)):
        lines = lines_of(status, width, height)
        assert len(lines) <= height
        assert all(len(line) <= width and line.isprintable() for line in lines)
    lines = lines_of(status, 100, 24)
    assert any("cccccccc in" in line and "1:15" in line and "NO CLIENT play tap" in line for line in lines)
