"""The programs in examples/ run as they stand against LocalRelay; only the host and the addresses differ."""

from __future__ import annotations

import base64
import csv
import json
import os
import signal
import subprocess
import sys
import threading
import wave
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.server import ServerConnection, serve

import swsync
from swsync import media

SPOKEN = array("h", [(n * 7919) % 24001 - 12000 for n in range(12000)]).tobytes()
EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def relay() -> Iterator[swsync.LocalRelay]:
    """A relay in real time."""
    with swsync.LocalRelay() as relay:
        yield relay


def settings(relay: swsync.LocalRelay, **more: str) -> dict[str, str]:
    """The environment of a program that is to call this relay."""
    known = relay.settings
    return {
        **os.environ,
        "SIGNALWIRE_PROJECT_ID": known["project"],
        "SIGNALWIRE_API_TOKEN": known["token"],
        "SIGNALWIRE_SPACE": known["host"],
        "SIGNALWIRE_RELAY_CA_FILE": str(known.get("ca_file") or ""),
        **more,
    }


def run(name: str, environment: dict[str, str], directory: Path) -> str:
    """Run one example to its end and give what it printed."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name)],
        env=environment,
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


def test_record_both_sides(relay: swsync.LocalRelay, tmp_path: Path) -> None:
    """The README's five minutes leave a stereo file of some seconds."""
    printed = run("record_both_sides.py", settings(relay), tmp_path)
    assert "in call.wav" in printed
    with wave.open(str(tmp_path / "call.wav")) as file:
        assert file.getnchannels() == 2
        assert file.getnframes() > 8000


def test_outbound_stream(relay: swsync.LocalRelay, tmp_path: Path) -> None:
    """The stream reaches somebody else's endpoint, which asks for no token, and ends before the call."""
    messages: list[dict[str, Any]] = []
    ended = threading.Event()

    def endpoint(connection: ServerConnection) -> None:
        for message in connection:
            messages.append(json.loads(message))
        ended.set()

    with serve(endpoint, "127.0.0.1", 0, compression=None) as server:
        port = server.socket.getsockname()[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        printed = run("outbound_stream.py", settings(relay, STREAM_URL=f"ws://127.0.0.1:{port}/audio-stream"), tmp_path)
        assert ended.wait(10)
        server.shutdown()
        thread.join()
    assert "stream ended: finished\ncall ended: ended\n" == printed
    assert ["connected", "start"] == [message["event"] for message in messages[:2]]
    assert {"session_id": "abc123"} == messages[1]["start"]["customParameters"]
    media_messages = [message["media"] for message in messages if message["event"] == "media"]
    payload = b"".join(base64.b64decode(message["payload"], validate=True) for message in media_messages)
    samples = memoryview(media.decode(payload, "PCMU")).cast("h")
    assert {"inbound"} == {message["track"] for message in media_messages}
    assert max(samples) > 1000
    assert "stop" == messages[-1]["event"]


def test_echo_bot(relay: swsync.LocalRelay, tmp_path: Path) -> None:
    """The party hears itself, a little later."""
    callee = relay.callee("+12025550100", speech=SPOKEN, speaks_after=0.5)
    assert "echoed 1.5 s\n" == run("echo_bot.py", settings(relay, SECONDS="1.5"), tmp_path)
    spoken = media.decode(media.encode(SPOKEN, "PCMU"), "PCMU")
    said, heard = bytes(callee.calls[0].said), bytes(callee.calls[0].heard)
    pieces = [spoken[at : at + 160] for at in range(0, 12000, 160)]
    assert all(piece in said for piece in pieces)
    assert sum(piece in heard for piece in pieces) > len(pieces) // 2  # a busy machine is heard to stutter


def test_play_file_into_call(relay: swsync.LocalRelay, tmp_path: Path) -> None:
    """The party has heard the file when the program says so."""
    callee = relay.callee("+12025550100")
    with wave.open(str(tmp_path / "message.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(SPOKEN)
    printed = run("play_file_into_call.py", settings(relay), tmp_path)
    assert printed.endswith("the party has heard it\n")
    spoken, heard = media.decode(media.encode(SPOKEN, "PCMU"), "PCMU"), bytes(callee.calls[0].heard)
    pieces = [spoken[at : at + 160] for at in range(0, 24000, 160)]
    assert sum(piece in heard for piece in pieces) > 0.9 * len(pieces)  # a busy machine is heard to stutter


def test_tap_audio_listeners(relay: swsync.LocalRelay, tmp_path: Path) -> None:
    """The listeners hear of the start and of the end, and audio arrives in between."""
    with media.TapReceiver() as receiver:
        printed = run("tap_audio_listeners.py", settings(relay, TAP_URI=receiver.device["params"]["uri"]), tmp_path)
        samples = receiver.read(8000)
    lines = printed.splitlines()
    assert ["state: tapping", "state: finished"] == lines[:2]
    assert ["started", "ended"] == [line.split(":")[0] for line in lines[2:]]
    assert max(samples) > 1000


def test_inbound_tap(relay: swsync.LocalRelay, tmp_path: Path) -> None:
    """A call comes in, is answered, tapped, told goodbye, and Ctrl-C ends the program cleanly."""
    with media.TapReceiver() as receiver:
        program = subprocess.Popen(
            [sys.executable, str(EXAMPLES / "inbound_tap.py")],
            env=settings(relay, TAP_URI=receiver.device["params"]["uri"]),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        kill = threading.Timer(50, program.kill)
        kill.start()
        try:
            call = relay.place_call(context="default")
            assert call.wait_for("ended", timeout=120)
            samples = receiver.read(8000)
            program.send_signal(signal.SIGINT)
            printed, errors = program.communicate(timeout=60)
        finally:
            kill.cancel()
            kill.join()
            program.kill()
            program.communicate()
    assert ("", 0) == (errors, program.returncode)
    assert "tap ended: finished" in printed
    assert max(samples) > 1000


def test_batch_reminders(relay: swsync.LocalRelay, tmp_path: Path) -> None:
    """Twenty rows become twenty results that can be read, machines among them."""
    printed = run("batch_reminders.py", settings(relay), tmp_path)
    with (tmp_path / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert 20 == len(rows)
    assert "+12025550140" == rows[0]["number"]
    outcomes = {row["number"][-2:]: row["result_outcome"] for row in rows}
    assert ("busy", "noAnswer", "voicemail") == (outcomes["41"], outcomes["42"], outcomes["49"])
    assert "voicemail" in printed
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/png;base64,") >= 3
    assert "+1202" not in page


@pytest.mark.parametrize(
    "path", sorted([*EXAMPLES.glob("*.py"), *EXAMPLES.glob("[a-z]*_*/")]), ids=lambda path: path.stem
)
def test_every_example_has_a_test(path: Path) -> None:
    """No example is left that nobody runs; recipes and applications have modules of their own."""
    here = Path(__file__).parent
    modules = [
        Path(__file__), here / "test_recipes.py", here / "test_testing.py", here / "batch" / "test_celery.py",
        *here.glob("**/apps/test_*.py")
    ]  # fmt: skip
    texts = [module.read_text() for module in modules]
    assert any(f"def test_{path.stem}(" in text or f'"{path.name}"' in text for text in texts)
