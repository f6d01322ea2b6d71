"""The official Python SDK, unmodified, runs its users' programs against LocalRelay to the end; the audio is right."""

from __future__ import annotations

import base64
import io
import json
import os
import random
import signal
import subprocess
import threading
import urllib.request
import wave
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from swsync.localrelay import LocalRelay
from swsync.media import codec

from .official_sdk import PROGRAMS, VERSION, installed_version, official_python

pytestmark = pytest.mark.peers

Start = Callable[..., "subprocess.Popen[str]"]
BUSY, ANN, BOB, MACHINE, FAX = "+12025550141", "+12025550121", "+12025550122", "+12025550149", "+12025550151"


def noise(seconds: float, seed: int) -> array[int]:
    """Samples of which no two stretches are alike, so that a recording fits in one place only."""
    numbers = random.Random(seed)
    return array("h", [numbers.randrange(-9000, 9000) for _ in range(round(8000 * seconds))])


def coded(samples: array[int]) -> bytes:
    """What is left of samples after the call's codec."""
    return codec.decode(codec.encode(samples, "PCMU"), "PCMU")


AUDIO = noise(1.0, 1)  # what the programs play
SPEECH = noise(60.0, 2)  # what the party says; longer than its call
LONGEST = 90.0  # seconds until a program has to print its next line; its own waits are shorter
EDGE = 1600  # octets at each end of a bridge, which begins and ends at an instant that each side sees for itself


@pytest.fixture(scope="module")
def sdk() -> str:
    """A Python whose environment holds the official SDK."""
    python = official_python()
    assert VERSION == installed_version(python)
    return python


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    """A WAV of AUDIO."""
    path = tmp_path / "audio.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(AUDIO.tobytes())
    return path


class StreamServer:
    """Takes a stream over a WebSocket, and shares nothing with swsync."""

    def __init__(self) -> None:
        self.url = ""
        self.authorization = ""
        self.messages: list[dict[str, Any]] = []
        self.ended = threading.Event()

    def handle(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.authorization = connection.request.headers.get("Authorization", "")
        try:
            for message in connection:
                self.messages.append(json.loads(message))
        except ConnectionClosed:
            pass
        self.ended.set()


@pytest.fixture
def streams() -> Iterator[StreamServer]:
    """A receiver of one stream."""
    receiver = StreamServer()
    with serve(receiver.handle, "127.0.0.1", 0, compression=None) as server:
        receiver.url = "ws://{}:{}/stream".format(*server.socket.getsockname())
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield receiver
        server.shutdown()
        thread.join(10)


class Program:
    """One of the programs, in a process of its own, and the lines of JSON that it prints."""

    def __init__(self, start: Start, sdk: str, relay: LocalRelay, name: str, **environment: str) -> None:
        settings = relay.settings
        self.process = start(
            sdk,
            PROGRAMS / name,
            env={
                **os.environ,
                "SIGNALWIRE_PROJECT_ID": settings["project"],
                "SIGNALWIRE_API_TOKEN": settings["token"],
                "SIGNALWIRE_SPACE": settings["host"],
                "SIGNALWIRE_RELAY_CA_FILE": settings["ca_file"],
                **environment,
            },
        )

    def line(self) -> list[Any]:
        """What it prints next; a program that says nothing for too long is ended, and fails the test."""
        assert self.process.stdout is not None
        watchdog = threading.Timer(LONGEST, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        watchdog.join()
        if not line:
            pytest.fail(f"the program is over: {self.process.communicate(timeout=10)[1][-3000:]}")
        return list(json.loads(line))

    def interrupt(self) -> int:
        """Press Ctrl+C, and return the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)


def fetched(url: str) -> tuple[int, array[int]]:
    """Channels and samples of the WAV behind a URL."""
    with urllib.request.urlopen(url, timeout=10) as reply:
        data = reply.read()
    with wave.open(io.BytesIO(data)) as file:
        assert (2, 8000) == (file.getsampwidth(), file.getframerate())
        return file.getnchannels(), array("h", file.readframes(file.getnframes()))


def place_of(part: bytes, whole: bytes) -> int:
    """The octet of ``whole`` at which ``part`` begins; it must be there, and once."""
    assert 1 == whole.count(part)
    return whole.index(part)


def test_an_inbound_program(sdk: str, start: Start, audio: Path) -> None:
    """Its recording is what the caller said meanwhile, sample for sample; a message reaches it too."""
    with LocalRelay(speed=2, tls=True) as relay:
        program = Program(start, sdk, relay, "official_inbound.py", AUDIO_URL=relay.serve(audio))
        caller = relay.place_call("default", timeout=240, speech=SPEECH, speaks_after=0.0, presses="1")
        assert ["digits", "1"] == program.line()
        assert ["played", "finished"] == program.line()
        caller.press("#")
        name, state, url, duration = program.line()
        assert ("recorded", "finished") == (name, state)
        channels, samples = fetched(url)
        assert ["ended", "hangup"] == program.line()
        relay.place_message("default", "Hello", from_="+12025550111")
        assert ["message", "+12025550111", "Hello"] == program.line()
        assert 0 == program.interrupt()
        said, heard = bytes(caller.said), bytes(caller.heard)
        notes = relay.journal.notes()
    assert (1, len(samples) / 8000) == (channels, pytest.approx(duration, abs=0.001))
    assert len(AUDIO) <= len(samples)
    assert 0 < place_of(samples.tobytes(), said)
    assert coded(SPEECH).startswith(said)
    assert 0 < place_of(coded(AUDIO), heard)
    assert [] == notes


def test_an_outbound_program(sdk: str, start: Start, audio: Path, streams: StreamServer) -> None:
    """Serial dial, stream, record, play, collect, connect; detection, a fax and a message; the audio is the call's."""
    with LocalRelay(speed=4, tls=True) as relay:
        ann = relay.callee(ANN, speech=SPEECH, speaks_after=0.0, presses=["42#"])
        bob = relay.callee(BOB, speech=noise(60.0, 3), speaks_after=0.0, hangs_up_after=1.0)
        program = Program(
            start, sdk, relay, "official_outbound.py",
            AUDIO_URL=relay.serve(audio), STREAM_URL=streams.url, NUMBERS=f"{BUSY} {ANN} {BOB} {MACHINE} {FAX}",
        )  # fmt: skip
        assert ["dialed", ANN, "answered"] == program.line()
        assert ["stream", "streaming"] == program.line()
        assert ["played", "finished"] == program.line()
        name, state, url, duration = program.line()
        assert ("recorded", "finished") == (name, state)
        channels, samples = fetched(url)
        assert ["streamed", "finished"] == program.line()
        assert ["digits", {"digits": "42", "terminator": "#"}] == program.line()
        assert ["connect", "connecting", "connected", "disconnected"] == program.line()
        assert ["ended", "hangup"] == program.line()
        assert ["detected", {"type": "machine", "params": {"event": "MACHINE"}}] == program.line()
        name, document, pages = program.line()
        assert ("fax", 1) == (name, pages)
        with urllib.request.urlopen(document, timeout=10) as reply:
            assert b"%PDF" == reply.read(4)
        assert ["message", "delivered"] == program.line()
        assert 0 == program.process.wait(60)
        assert streams.ended.wait(10)
        said, heard, bob_said, bob_heard = (bytes(x) for x in (ann.said, ann.heard, bob.said, bob.heard))
        assert ["busy", "hangup", "hangup"] == [call.end_reason for call in relay.calls][:3]
    check_recording(channels, samples, duration, said, heard)
    check_stream(streams.messages, said, heard)
    assert "Bearer secret" == streams.authorization
    assert 12000 < len(bob_said)
    assert 0 < place_of(bob_said[EDGE:-EDGE], heard)
    assert 0 < place_of(bob_heard[EDGE:-EDGE], said)


def check_recording(channels: int, samples: array[int], duration: float, said: bytes, heard: bytes) -> None:
    """Left is what was said and right what was heard at the same time; all that was played is there."""
    assert (2, len(samples) / 16000) == (channels, pytest.approx(duration, abs=0.001))
    left, right = samples[0::2].tobytes(), samples[1::2].tobytes()
    begin = place_of(left, said)
    assert right == heard[begin : begin + len(right)]
    assert 0 < place_of(coded(AUDIO), right)


def check_stream(messages: list[dict[str, Any]], said: bytes, heard: bytes) -> None:
    """Each track is the call's, from one moment on; all that was played is there."""
    connected, started = messages[:2]
    assert ("connected", "start", {"a": "b"}) == (
        connected["event"], started["event"], started["start"]["customParameters"],
    )  # fmt: skip
    tracks = {"inbound": b"", "outbound": b""}
    for message in messages[2:-1]:
        assert "media" == message["event"]
        tracks[message["media"]["track"]] += base64.b64decode(message["media"]["payload"])
    assert "stop" == messages[-1]["event"]
    inbound, outbound = (codec.decode(track, "PCMU") for track in tracks.values())
    begin = place_of(inbound, said)
    assert outbound == heard[begin : begin + len(outbound)]
    assert 0 < place_of(coded(AUDIO), outbound)


def connects(relay: LocalRelay) -> list[str]:
    """The session that each connect asked for, "" for a new one."""
    return [str(entry.params.get("protocol", "")) for entry in relay.journal.requests("signalwire.connect")]


def wait_for_connects(relay: LocalRelay, count: int) -> None:
    """Wait until so many connects came."""
    for _ in range(12000):
        if len(connects(relay)) >= count:
            return
        relay.clock.sleep(0.02)
    pytest.fail(f"{connects(relay)}, not {count} connects")


def test_a_program_reconnects(sdk: str, start: Start) -> None:
    """A lost link and a disconnect resume the session with its call; a restart begins a new one without it."""
    with LocalRelay(speed=2, tls=True) as relay:
        program = Program(start, sdk, relay, "official_reconnect.py")
        caller = relay.place_call("default", timeout=240, speech=b"")
        assert ["asked", 0] == program.line()
        relay.drop_links()
        caller.press("1#")  # told while nobody is there, and again to who comes back
        assert ["digits", "1"] == program.line()
        assert ["asked", 1] == program.line()
        assert [2] == [e.session for e in relay.journal.events("calling.call.collect")][-1:]

        relay.disconnect_clients()
        wait_for_connects(relay, 3)
        caller.press("2#")
        assert ["digits", "2"] == program.line()
        assert ["asked", 2] == program.line()
        assert "answered" == caller.state

        relay.disconnect_clients(restart=True)
        another = relay.place_call("default", timeout=240, speech=b"")
        assert ["refused", 409] == program.line()
        assert ["asked", 0] == program.line()
        another.press("0#")
        assert ["digits", "0"] == program.line()
        assert ["ended", "hangup"] == program.line()
        assert 0 == program.interrupt()
        first, second, third, fourth = connects(relay)
        protocol = relay.journal.events("calling.call.receive")[0].frame["params"]["event_channel"]
    assert ("", protocol, protocol, "") == (first, second, third, fourth)
