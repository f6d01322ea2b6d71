"""The official Node client, unmodified, runs its users' programs against LocalRelay; their audio is right.

The same scenario by swsync, the Python SDK and the Node client leaves the same journal.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from swsync.localrelay import LocalRelay
from swsync.media import RtpReceiver, TapReceiver, codec

from .node_client import PROGRAMS, VERSION, node_modules
from .official_sdk import official_python
from .test_official_sdk_programs import (
    ANN,
    AUDIO,
    BOB,
    BUSY,
    MACHINE,
    SPEECH,
    Program,
    Start,
    audio,
    coded,
    connects,
    fetched,
    noise,
    place_of,
    wait_for_connects,
)

__all__ = ["audio"]  # a fixture

pytestmark = pytest.mark.peers

FROM = "+12025550199"


@pytest.fixture(scope="module")
def modules() -> str:
    """The installed packages, of the version that is meant."""
    folder = node_modules()
    package = Path(folder) / "@signalwire" / "realtime-api" / "package.json"
    assert VERSION == json.loads(package.read_text())["version"]
    return folder


class NodeProgram(Program):
    """A program of the Node client; what the client itself writes to stdout is passed over."""

    def __init__(self, start: Start, modules: str, relay: LocalRelay, name: str, **environment: str) -> None:
        settings = relay.settings
        self.process = start(
            "node",
            PROGRAMS / name,
            env={
                **os.environ,
                "SIGNALWIRE_PROJECT_ID": settings["project"],
                "SIGNALWIRE_API_TOKEN": settings["token"],
                "SIGNALWIRE_SPACE": settings["host"],
                "NODE_EXTRA_CA_CERTS": settings["ca_file"],
                "NODE_PATH": modules,
                **environment,
            },
        )

    def line(self) -> list[Any]:
        while True:
            try:
                return super().line()
            except json.JSONDecodeError:
                pass  # "emit peer disconnected ..."


@pytest.mark.parametrize("kind", [RtpReceiver, TapReceiver], ids=["rtp", "ws"])
def test_an_inbound_program(modules: str, start: Start, audio: Path, kind: Callable[..., Any]) -> None:
    """Answer, tap with listeners, play, ask, record, hang up; tap and recording are the call's, sample for sample."""
    with LocalRelay(speed=2, tls=True) as relay, kind(clock=relay.clock) as rx:
        device = {"type": rx.device["type"], **rx.device["params"]}
        program = NodeProgram(
            start, modules, relay, "inbound.cjs", AUDIO_URL=relay.serve(audio), TAP_DEVICE=json.dumps(device)
        )
        caller = relay.place_call("default", timeout=240, speech=SPEECH, speaks_after=0.0, presses="1")
        assert ["answered", "+12025550190", "+12025550180", "answered"] == program.line()
        assert ["tap started", "tapping"] == program.line()
        assert ["played", "finished"] == program.line()
        assert ["played", "finished"] == program.line()
        assert ["digits", "1"] == program.line()
        assert ["tap ended", "finished", True] == program.line()
        assert ["recording", "recording"] == program.line()
        relay.clock.sleep(1.0)
        caller.press("#")
        name, state, url, duration = program.line()
        assert ("recorded", "finished") == (name, state)
        assert ["ended", "ended"] == program.line()
        _, samples = fetched(url)
        rx.end()
        tapped = bytes(rx.read(80 * 8000, timeout=60))
        assert 0 == program.interrupt()
        assert relay.journal.requests("signalwire.unreceive")
        said, heard = bytes(caller.said), bytes(caller.heard)
        assert 0 == rx.stats.packets_lost
    assert len(samples) / 8000 == pytest.approx(duration, abs=0.001)
    assert 0 < place_of(samples.tobytes(), said)
    assert 0 < place_of(coded(AUDIO), heard)
    assert tapped == mixed(said, heard, tapped)


def mixed(said: bytes, heard: bytes, tapped: bytes) -> bytes:
    """What a tap of both sides that begins where ``tapped`` does must hold; its first packet is found in the call."""
    one, other = memoryview(said).cast("h"), memoryview(heard).cast("h")
    total = array("h", [max(-32768, min(32767, a + b)) for a, b in zip(one, other, strict=False)])
    whole = coded(total)
    begin = place_of(tapped[:3200], whole)
    return whole[begin : begin + len(tapped)]


def test_an_outbound_program(modules: str, start: Start, audio: Path) -> None:
    """Dial, record, tap to a server of Node's own, collect, keys, connect, detect; the audio is the call's."""
    with LocalRelay(speed=4, tls=True) as relay:
        ann = relay.callee(ANN, speech=SPEECH, speaks_after=0.0, presses=["42#"])
        relay.callee(BOB, speech=noise(60.0, 3), speaks_after=0.0, hangs_up_after=1.0)
        program = NodeProgram(
            start, modules, relay, "outbound.cjs",
            AUDIO_URL=relay.serve(audio), NUMBERS=f"{BUSY} {ANN} {BOB} {MACHINE}",
        )  # fmt: skip
        assert ["failed", BUSY] == program.line()
        assert ["dialed", ANN] == program.line()[:2]
        assert ["played", "finished"] == program.line()
        name, state, url, duration = program.line()
        assert ("recorded", "finished") == (name, state)
        channels, samples = fetched(url)
        name, texts, tapped = program.line()
        assert ("tapped", [{"content-type": "audio/mulaw;rate=8000"}]) == (name, [json.loads(text) for text in texts])
        assert ["collect ended"] == program.line()
        assert ["digits", "42", "#"] == program.line()
        assert ["connected", BOB, "connected"] == program.line()
        assert ["disconnected", "disconnected"] == program.line()
        assert ["ended", "ended"] == program.line()
        assert ["detected", "machine", "READY"] == program.line()
        assert ["over"] == program.line()
        assert 0 == program.process.wait(60)
        said, heard = bytes(ann.said), bytes(ann.heard)
        assert "123" == ann.calls[0].digits_heard
    assert (2, len(samples) / 16000) == (channels, pytest.approx(duration, abs=0.001))
    left, right = samples[0::2].tobytes(), samples[1::2].tobytes()
    begin = place_of(left, said)
    assert right == heard[begin : begin + len(right)]
    assert 0 < place_of(coded(AUDIO), codec.decode(base64.b64decode(tapped), "PCMU"))
    assert 0 <= place_of(coded(AUDIO), right)


def test_a_program_reconnects(modules: str, start: Start) -> None:
    """A lost link and a disconnect resume the session with its call; a restart begins a new one, with new calls."""
    with LocalRelay(speed=2, tls=True) as relay:
        program = NodeProgram(start, modules, relay, "reconnect.cjs")
        assert ["listens"] == program.line()
        caller = relay.place_call("default", timeout=240, speech=b"")
        wait_for_collects(relay, 1)
        relay.drop_links()
        caller.press("1#")  # told while nobody is there, and again to who comes back
        assert ["reconnecting"] == program.line()
        assert ["connected"] == program.line()
        assert ["digits", "1"] == program.line()

        wait_for_collects(relay, 2)
        relay.disconnect_clients()
        assert ["reconnecting"] == program.line()
        assert ["connected"] == program.line()
        wait_for_connects(relay, 3)
        caller.press("0#")
        assert ["digits", "0"] == program.line()
        assert ["ended", "ended"] == program.line()

        relay.disconnect_clients(restart=True)
        assert ["reconnecting"] == program.line()
        assert ["connected"] == program.line()
        another = relay.place_call("default", timeout=240, speech=b"")
        wait_for_collects(relay, 3)
        another.press("0#")
        assert ["digits", "0"] == program.line()
        assert ["ended", "ended"] == program.line()
        program.interrupt()
        first, second, third, fourth = connects(relay)
        protocol = relay.journal.events("calling.call.receive")[0].frame["params"]["event_channel"]
    assert ("", protocol, protocol) == (first, second, third)
    assert fourth in ("", protocol)  # it may ask for what is gone: then it gets a new session
    assert 4 == len({e.session for e in relay.journal.requests("signalwire.receive")})


def wait_for_collects(relay: LocalRelay, count: int) -> None:
    """Wait until so many were asked for."""
    for _ in range(12000):
        if len(relay.journal.requests("calling.collect")) >= count:
            return
        relay.clock.sleep(0.02)
    pytest.fail(f"{relay.journal.methods()}, not {count} times calling.collect")


# What differs because of how fast the machine is, in a scenario that is played in real time.
LASTS = ["duration", "size", "start_time", "end_time"]


def scenario(program: Callable[[LocalRelay, dict[str, str]], Program], audio: Path) -> list[dict[str, Any]]:
    """Run one of the three programs; its journal without what differs from run to run."""
    with LocalRelay(speed=2, tls=True) as relay, RtpReceiver(clock=relay.clock) as rx:
        relay.callee(ANN, speech=SPEECH, speaks_after=0.0, presses=["42#"])
        environment = {
            "NUMBERS": f"{ANN} {FROM}",
            "AUDIO_URL": relay.serve(audio),
            "TAP_DEVICE": json.dumps(rx.device),
        }
        running = program(relay, environment)
        assert ["digits", "42"] == running.line()
        assert ["over"] == running.line()
        assert 0 == running.process.wait(60)
        assert AUDIO.buffer_info()[1] <= rx.stats.samples
        return relay.journal.normalised(without=LASTS)


def test_one_scenario_by_three_clients(modules: str, start: Start, audio: Path) -> None:
    """Dial, tap, play, record, prompt, digits, hang up: the same requests, replies and events, ids aside."""
    ours = scenario(lambda relay, e: Program(start, sys.executable, relay, "scenario_ours.py", **e), audio)
    python = scenario(lambda relay, e: Program(start, official_python(), relay, "scenario_official.py", **e), audio)
    node = scenario(lambda relay, e: NodeProgram(start, modules, relay, "scenario.cjs", **e), audio)
    asked = [line["name"] for line in ours if line["kind"] == "request"]
    assert ["calling.dial", "calling.tap", "calling.play", "calling.tap.stop"] == asked[:4]
    assert ours == python
    assert ours == node
