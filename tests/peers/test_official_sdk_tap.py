"""The official Python SDK, unmodified, runs its users' inbound tap program against LocalRelay to the end."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from swsync.localrelay import LocalRelay
from swsync.media import codec

from .official_sdk import VERSION, installed_version, official_python

pytestmark = pytest.mark.peers

PROGRAM = Path(__file__).parent / "programs" / "official_inbound_tap.py"


@pytest.fixture
def sdk() -> str:
    """A Python whose environment holds the official SDK."""
    python = official_python()
    assert VERSION == installed_version(python)
    return python


@pytest.fixture
def messages() -> Iterator[tuple[str, list[str | bytes]]]:
    """A WebSocket receiver of a tap, which shares nothing with swsync: its address, and what it is sent."""
    received: list[str | bytes] = []

    def handle(connection: ServerConnection) -> None:
        try:
            received.extend(iter(connection))
        except ConnectionClosed:
            pass

    with serve(handle, "127.0.0.1", 0, compression=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield "ws://{}:{}/tap".format(*server.socket.getsockname()), received
        server.shutdown()
        thread.join(10)


def test_the_inbound_tap_program(
    sdk: str, start: Callable[..., subprocess.Popen[str]], messages: tuple[str, list[str | bytes]]
) -> None:
    """Answer, tap, tts, stop, hang up; the audio that arrives is the call's, bit for bit.

    Without SIGNALWIRE_RELAY_CA_FILE this SDK cannot open wss:// at all with websockets 14 or later: it passes ssl=None.
    """
    uri, received = messages
    with LocalRelay(speed=2, tls=True) as relay:
        settings = relay.settings
        program = start(
            sdk,
            str(PROGRAM),
            env={
                **os.environ,
                "SIGNALWIRE_PROJECT_ID": settings["project"],
                "SIGNALWIRE_API_TOKEN": settings["token"],
                "SIGNALWIRE_SPACE": settings["host"],
                "SIGNALWIRE_RELAY_CA_FILE": settings["ca_file"],
                "TAP_URI": uri,
            },
        )
        call = relay.place_call("default", timeout=240)
        call.wait_for_ended(timeout=120)
        assert ["signalwire.connect", "calling.answer", "calling.tap", "calling.play"] == relay.journal.methods()[:4]
        lines = [program.stdout.readline().split()[0] for _ in range(4)] if program.stdout else []
        program.send_signal(signal.SIGINT)
        program.wait(60)
        said, heard = array("h", bytes(call.said)), array("h", bytes(call.heard))
    assert ["tapping", "completed", "stopped", "ended"] == lines
    assert '{"content-type": "audio/mulaw;rate=8000"}' == received[0]
    audio = array("h", codec.decode(b"".join(m for m in received if isinstance(m, bytes)), "PCMU"))
    assert {160} == {len(m) for m in received if isinstance(m, bytes)}
    mixed = [max(-32768, min(32767, a + b)) for a, b in zip(said, heard, strict=True)]
    both = array("h", codec.decode(codec.encode(array("h", mixed), "PCMU"), "PCMU"))
    assert audio.tobytes() in both.tobytes()
    assert 3000 < max(audio)
