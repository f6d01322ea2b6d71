"""The ``swsync`` command as its user meets it: a process, its output, its exit code, its files."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import wave
from pathlib import Path

import pytest
from shell import CLEAN, COMMAND, explained, run

import swsync
from swsync.cli import main
from swsync.clock import REAL
from swsync.commands.output import printable


@pytest.mark.parametrize(("via", "speed"), [("rtp", "1"), ("ws", "3"), ("stream", "3")])
def test_the_demo_leaves_a_recording_and_a_picture(via: str, speed: str, tmp_path: Path) -> None:
    """``swsync demo`` prints its steps and a table, and writes call.wav and call.png."""
    done = run("demo", "--via", via, "--speed", speed, "--out", str(tmp_path))
    assert (0, 0) == (done.returncode, done.stderr.count("Traceback")), done.stderr
    for words in ("Dialing", "Answered", "said", "heard", str(tmp_path / "call.wav"), str(tmp_path / "call.png")):
        assert words in done.stdout
    with wave.open(str(tmp_path / "call.wav")) as file:
        assert (2, 8000) == (file.getnchannels(), file.getframerate())
        assert file.getnframes() > 2 * 8000
    assert b"\x89PNG" == (tmp_path / "call.png").read_bytes()[:4]
    assert {"call.wav", "call.png"} == {path.name for path in tmp_path.iterdir()}


def test_the_demo_speaks_json(tmp_path: Path) -> None:
    """With ``--json`` each line of stdout is an object, and the last one names the files."""
    done = run("demo", "--json", "--speed", "4", "--out", str(tmp_path))
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert 0 == done.returncode
    assert ["answered", "quality", "quality", "done"] == [event["event"] for event in events]
    assert str(tmp_path / "call.wav") == events[-1]["wav"]


def test_ctrl_c_leaves_a_valid_recording(tmp_path: Path) -> None:
    """Interrupted in the middle, the demo says so, exits with 130, and the WAV can be read."""
    process = subprocess.Popen(
        [*COMMAND, "demo", "--json", "--out", str(tmp_path)],
        env=CLEAN,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert "answered" in process.stdout.readline()
    part, whole = tmp_path / "call.wav.part", tmp_path / "call.wav"
    for _ in range(1200):
        if part.exists() and part.stat().st_size > 16000:
            break
        REAL.sleep(0.05)  # until half a second is on disk
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert 130 == process.returncode, errors
    assert "Traceback" not in errors
    with wave.open(str(whole)) as file:
        assert file.getnframes() > 2000
    assert not part.exists()


def test_an_unwritable_directory_is_explained(tmp_path: Path) -> None:
    """A directory that cannot be made is one sentence that says what to do."""
    (tmp_path / "file").touch()
    explained(run("demo", "--out", str(tmp_path / "file" / "x")), "--out", "file")


def test_a_busy_port_is_explained() -> None:
    """A port that somebody has is one sentence that names it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        explained(run("relay", "--host", "127.0.0.1", "--port", port), port, "--port")


def test_missing_credentials_are_explained() -> None:
    """The sentence names the variable that is missing."""
    explained(run("dial", "+12025550100", "--from", "+12025550199"), "SIGNALWIRE_PROJECT_ID")


def test_wrong_credentials_are_explained() -> None:
    """The relay refuses the token: the sentence says which variables to look at."""
    with swsync.LocalRelay(project="p", token="right") as relay:
        known = relay.settings
        done = run(
            "dial", "+12025550100", "--from", "+12025550199",
            SIGNALWIRE_PROJECT_ID="p", SIGNALWIRE_API_TOKEN="wrong", SIGNALWIRE_SPACE=known["host"],
            SIGNALWIRE_RELAY_CA_FILE=str(known["ca_file"]),
        )  # fmt: skip
    explained(done, "SIGNALWIRE_API_TOKEN")


def test_an_unknown_authority_is_explained() -> None:
    """A certificate that nobody vouches for is refused, and the sentence says how to add an authority."""
    with swsync.LocalRelay() as relay:
        done = run(
            "dial", "+12025550100", "--from", "+12025550199",
            SIGNALWIRE_PROJECT_ID="p", SIGNALWIRE_API_TOKEN="t", SIGNALWIRE_SPACE=relay.settings["host"],
        )  # fmt: skip
    explained(done, "certificate", "SIGNALWIRE_RELAY_CA_FILE")


def test_a_wrong_host_is_explained() -> None:
    """A host that nobody listens on is one sentence that names it and the variable."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and never listening: a refused connection
        host = f"127.0.0.1:{closed.getsockname()[1]}"
        done = run(
            "dial", "+12025550100", "--from", "+12025550199",
            SIGNALWIRE_PROJECT_ID="p", SIGNALWIRE_API_TOKEN="t", SIGNALWIRE_SPACE=host,
        )  # fmt: skip
    explained(done, host, "SIGNALWIRE_SPACE")


def test_dial_against_a_relay_of_its_own(tmp_path: Path) -> None:
    """``swsync relay --json`` says when it is ready; ``swsync dial --record`` calls through it."""
    relay = subprocess.Popen(
        [*COMMAND, "relay", "--port", "0", "--json"],
        env=CLEAN,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert relay.stdout is not None
        ready = json.loads(relay.stdout.readline())
        assert {"event", "host", "port", "url", "ca_file", "project", "token"} == set(ready)
        done = run(
            "dial", "+12025550100", "--from", "+12025550199", "--record", str(tmp_path / "d.wav"), "--say", "Hello.",
            SIGNALWIRE_PROJECT_ID=ready["project"], SIGNALWIRE_API_TOKEN=ready["token"],
            SIGNALWIRE_SPACE=f"{ready['host']}:{ready['port']}", SIGNALWIRE_RELAY_CA_FILE=ready["ca_file"],
        )  # fmt: skip
        assert (0, "") == (done.returncode, done.stderr)
        with wave.open(str(tmp_path / "d.wav")) as file:
            assert 2 == file.getnchannels()
    finally:
        relay.send_signal(signal.SIGINT)
        relay.communicate(timeout=20)
    assert 130 == relay.returncode


def test_usage_errors_exit_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong word on the command line is a usage error."""
    with pytest.raises(SystemExit) as exit_info:
        main(["demo", "--speed", "-1"])
    assert 2 == exit_info.value.code
    assert "above zero" in capsys.readouterr().err


def test_no_command_at_all_gives_the_list_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, for nothing was done."""
    assert 2 == main([])
    out, err = capsys.readouterr()
    assert ("", True, True) == (out, "\n    doctor " in err, "exit codes:" in err)


def test_a_peers_control_characters_do_not_reach_the_terminal() -> None:
    """Escape sequences are shown, not obeyed."""
    assert "a\\x1b[2Jb\n" == printable("a\x1b[2Jb\n")
