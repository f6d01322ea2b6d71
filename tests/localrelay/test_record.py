"""Recordings: a WAV that holds what was said and heard, sample for sample."""

from __future__ import annotations

import io
import urllib.error
import urllib.request
import wave
from array import array
from typing import Any

import pytest

from swsync.clock import VirtualClock
from swsync.localrelay import LocalRelay

from .test_digits import power
from .wire import Wire

BOB = "+12025550123"
SPEECH = array("h", [(n * n) % 20011 - 10000 for n in range(16000)]).tobytes()
FOREVER = {"initial_timeout": 0, "end_silence_timeout": 0}


def record(wire: Wire, call: dict[str, Any], **audio: Any) -> str:
    """Start it and return the URL of the reply."""
    result = wire.result("calling.record", **call, control_id="r", record={"audio": {"format": "wav", **audio}})
    assert ("200", "r", call["call_id"]) == (result["code"], result["control_id"], result["call_id"])
    return str(result["url"])


def fetch(url: str) -> tuple[int, bytes]:
    """Return channels and samples of a WAV."""
    with urllib.request.urlopen(url, timeout=10) as reply:
        data = reply.read()
    with wave.open(io.BytesIO(data)) as file:
        assert (2, 8000) == (file.getsampwidth(), file.getframerate())
        return file.getnchannels(), file.readframes(10**7)


def stopped(wire: Wire, call: dict[str, Any]) -> dict[str, Any]:
    wire.result("calling.record.stop", **call, control_id="r")
    return wire.event("calling.call.record", state="finished")


@pytest.fixture
def call(wire: Wire, relay: LocalRelay) -> dict[str, Any]:
    """A call whose party speaks for two seconds from the first second on, and hears silence."""
    relay.callee(BOB, speech=SPEECH)
    return wire.dial(BOB)


def test_what_was_said(wire: Wire, relay: LocalRelay, clock: VirtualClock, call: dict[str, Any]) -> None:
    """The file is what the party said while it was recorded, and the events tell of it."""
    url = record(wire, call, **FOREVER)
    event = wire.event("calling.call.record")
    assert ("recording", url) == (event["state"], event["url"])
    clock.sleep(2.5)
    event = stopped(wire, call)
    assert {"call_id", "node_id", "segment_id", "tag", "control_id", "state", "url", "recording_id", "duration",
            "size", "start_time", "end_time", "record"} == set(event)  # fmt: skip
    assert (2.5, 44 + 40000) == (event["duration"], event["size"])
    assert 2.5 == pytest.approx(event["end_time"] - event["start_time"])
    assert (1, bytes(relay.calls[0].said)[:40000]) == fetch(event["url"])


@pytest.mark.parametrize("direction", ["listen", "both"])
def test_the_other_directions(wire: Wire, relay: LocalRelay, clock: VirtualClock, call: Any, direction: str) -> None:
    """What was heard; or both, which is a sum."""
    record(wire, call, direction=direction, **FOREVER)
    wire.result("calling.send_digits", **call, control_id="d", digits="1")
    clock.sleep(3.0)
    _, data = fetch(stopped(wire, call)["url"])
    leg = relay.calls[0]
    assert any(leg.heard)
    other = bytes(leg.said) if direction == "both" else bytes(48000)
    wanted = array("h", [a + b for a, b in zip(array("h", bytes(leg.heard)), array("h", other), strict=True)])
    assert wanted.tobytes() == data  # the two never sound at once here, so nothing is rounded


def test_stereo(wire: Wire, relay: LocalRelay, clock: VirtualClock, call: dict[str, Any]) -> None:
    """Left is said, right is heard."""
    record(wire, call, stereo=True, **FOREVER)
    wire.result("calling.send_digits", **call, control_id="d", digits="1")
    clock.sleep(2.0)
    channels, data = fetch(stopped(wire, call)["url"])
    samples = array("h", data)
    assert (2, bytes(relay.calls[0].said), bytes(relay.calls[0].heard)) == (
        channels,
        samples[0::2].tobytes(),
        samples[1::2].tobytes(),
    )


@pytest.mark.parametrize("behavior", ["skip", "silence"])
def test_pauses(wire: Wire, relay: LocalRelay, clock: VirtualClock, call: dict[str, Any], behavior: str) -> None:
    """A pause is left out, or silent."""
    record(wire, call, **FOREVER)
    clock.sleep(1.5)
    wire.result("calling.record.pause", **call, control_id="r", behavior=behavior)
    wire.event("calling.call.record", state="paused")
    clock.sleep(0.5)
    wire.result("calling.record.resume", **call, control_id="r")
    wire.event("calling.call.record", state="recording")
    clock.sleep(1.0)
    event = stopped(wire, call)
    said = bytes(relay.calls[0].said)
    gap = bytes(8000) if behavior == "silence" else b""
    assert said[:24000] + gap + said[32000:48000] == fetch(event["url"])[1]
    assert (3.0 if gap else 2.5) == event["duration"]


def test_silence_ends_it(wire: Wire, clock: VirtualClock, call: dict[str, Any]) -> None:
    """A second after the last word, by default."""
    begin = clock.now()
    record(wire, call)
    wire.event("calling.call.record", state="finished")
    assert 4.0 == pytest.approx(clock.now() - begin, abs=0.2)


def test_no_input(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """Nobody speaks for initial_timeout seconds."""
    relay.callee(BOB, speech=b"")
    call = wire.dial(BOB)
    begin = clock.now()
    record(wire, call, initial_timeout=3)
    assert "no_input" == [wire.event("calling.call.record") for _ in range(2)][1]["state"]
    assert 3.0 == pytest.approx(clock.now() - begin, abs=0.1)


def test_terminators(wire: Wire, relay: LocalRelay, clock: VirtualClock, call: dict[str, Any]) -> None:
    """A key ends it, if it is one of them."""
    record(wire, call, terminators="9", **FOREVER)
    clock.sleep(1)
    relay.calls[0].press("#")
    clock.sleep(1)
    relay.calls[0].press("9")
    assert 2.0 == wire.event("calling.call.record", state="finished")["duration"]


def test_a_beep_comes_first(wire: Wire, relay: LocalRelay, clock: VirtualClock, call: dict[str, Any]) -> None:
    """The party hears it, and it is not in the file."""
    record(wire, call, beep=True, direction="listen", **FOREVER)
    wire.event("calling.call.record", state="recording")
    clock.sleep(1)
    assert bytes(16000) == fetch(stopped(wire, call)["url"])[1]
    assert 1000 < power(relay.calls[0].heard[:3200], 1000)


def test_mp3_is_not_made(wire: Wire, relay: LocalRelay, clock: VirtualClock, call: dict[str, Any]) -> None:
    """The default format becomes a WAV, and the events, the URL and the journal say so."""
    result = wire.result("calling.record", **call, control_id="r", record={"audio": {}})
    assert result["url"].endswith(".wav")
    assert "wav" == wire.event("calling.call.record")["record"]["audio"]["format"]
    assert any("no mp3" in note for note in relay.journal.notes())


def test_the_end_of_the_call(wire: Wire, call: dict[str, Any], clock: VirtualClock) -> None:
    """finished comes before ended, and the file is there; it was not before."""
    url = record(wire, call, **FOREVER)
    clock.sleep(2)
    with pytest.raises(urllib.error.HTTPError, match="404") as missing:
        fetch(url)
    missing.value.close()
    wire.result("calling.end", **call)
    assert 2.0 == wire.event("calling.call.record", state="finished")["duration"]
    assert 32000 == len(fetch(url)[1])
    wire.event("calling.call.state", call_state="ended")


@pytest.mark.parametrize(
    ("record", "field"),
    [
        ({}, "record.audio"),
        ({"audio": {"format": "ogg"}}, "record.audio.format"),
        ({"audio": {"direction": "hear"}}, "record.audio.direction"),
        ({"audio": {"stereo": "yes"}}, "record.audio.stereo"),
        ({"audio": {"initial_timeout": -1}}, "record.audio.initial_timeout"),
        ({"audio": {"input_sensitivity": 101}}, "record.audio.input_sensitivity"),
        ({"audio": {"terminators": 1}}, "record.audio.terminators"),
    ],
)
def test_refusals(wire: Wire, call: dict[str, Any], record: dict[str, Any], field: str) -> None:
    """The error names the field."""
    code, text = wire.error("calling.record", **call, control_id="r", record=record)
    assert (-32602, True) == (code, f" {field}:" in text)
