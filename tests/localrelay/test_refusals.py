"""What the service refuses, the local relay refuses, with the name of the field."""

from __future__ import annotations

from typing import Any

import pytest

from swsync.clock import VirtualClock
from swsync.localrelay import LocalRelay

from .wire import PHONE, Wire, in_memory

AUDIO = {"type": "audio", "params": {"url": "http://127.0.0.1:9/x.wav"}}
TAP = {"type": "audio", "params": {"direction": "both"}}
SIP = {"from": "sip:a@example.com", "to": "sip:b@example.com"}
RTP = {"type": "rtp", "params": {"addr": "127.0.0.1", "port": 5004}}


def rtp(**params: Any) -> dict[str, Any]:
    return {"type": "rtp", "params": {"addr": "127.0.0.1", "port": 5004, **params}}


def ws(**params: Any) -> dict[str, Any]:
    return {"type": "ws", "params": {"uri": "ws://127.0.0.1:9/x", **params}}


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({}, "control_id"),
        ({"control_id": ""}, "play"),
        ({"play": [AUDIO]}, "control_id"),
        ({"control_id": 5, "play": [AUDIO]}, "control_id"),
        ({"control_id": "c", "play": "x"}, "play"),
        ({"control_id": "c", "play": []}, "play"),
        ({"control_id": "c", "play": [{"type": "audio", "url": "http://x"}]}, "play[0].params"),
        ({"control_id": "c", "play": [{"type": "audio", "params": {"url": "/tmp/x.wav"}}]}, "play[0].params.url"),
        ({"control_id": "c", "play": [{"type": "audio", "params": {"url": "file:///x.wav"}}]}, "play[0].params.url"),
        (
            {"control_id": "c", "play": [{"type": "audio", "params": {"url": "http://192.0.2.1/x"}}]},
            "play[0].params.url",
        ),
        ({"control_id": "c", "play": [AUDIO, {"type": "video", "params": {}}]}, "play[1].type"),
        ({"control_id": "c", "play": [{"type": "tts", "params": {"text": " "}}]}, "play[0].params.text"),
        ({"control_id": "c", "play": [{"type": "silence", "params": {}}]}, "play[0].params.duration"),
        ({"control_id": "c", "play": [{"type": "silence", "params": {"duration": -1}}]}, "play[0].params.duration"),
        ({"control_id": "c", "play": [{"type": "ringtone", "params": {"name": "xx"}}]}, "play[0].params.name"),
        ({"control_id": "c", "play": [AUDIO], "volume": 41}, "volume"),
        ({"control_id": "c", "play": [AUDIO], "volume": "loud"}, "volume"),
        ({"control_id": "c", "play": [AUDIO], "direction": "hear"}, "direction"),
        ({"control_id": "c", "play": [AUDIO], "loop": -1}, "loop"),
    ],
)
def test_play(wire: Wire, params: dict[str, Any], field: str) -> None:
    """Paths, unknown types, numbers out of range."""
    code, text = wire.error("calling.play", **wire.dial(), **params)
    assert -32602 == code
    assert f" {field}:" in text


@pytest.mark.parametrize(
    ("tap", "device", "field"),
    [
        (TAP, {"type": "ws", "uri": "wss://127.0.0.1/x"}, "device.params"),
        (TAP, {"type": "rtp", "addr": "127.0.0.1", "port": 5004}, "device.params"),
        (TAP, {"params": {}}, "device.type"),
        (TAP, {"type": "sip", "params": {}}, "device.type"),
        (TAP, [], "device"),
        ({"params": {}}, RTP, "tap.type"),
        ({"type": "video"}, RTP, "tap.type"),
        ({"type": "audio", "params": {"direction": "hear"}}, RTP, "tap.params.direction"),
        (TAP, rtp(addr="192.168.1.2"), "device.params.addr"),
        (TAP, rtp(addr="10.0.0.1"), "device.params.addr"),
        (TAP, rtp(addr="8.8.8.8"), "device.params.addr"),
        (TAP, rtp(addr="localhost"), "device.params.addr"),
        (TAP, rtp(addr="::1"), "device.params.addr"),
        (TAP, rtp(port=0), "device.params.port"),
        (TAP, rtp(port=65536), "device.params.port"),
        (TAP, rtp(port=True), "device.params.port"),
        (TAP, rtp(codec="GSM"), "device.params.codec"),
        (TAP, rtp(codec="Pcmu"), "device.params.codec"),
        (TAP, rtp(codec="OPUS"), "device.params.codec"),
        (TAP, rtp(ptime=25), "device.params.ptime"),
        (TAP, rtp(ptime=130), "device.params.ptime"),
        (TAP, rtp(rate=16000), "device.params.rate"),
        (TAP, ws(uri="http://127.0.0.1/x"), "device.params.uri"),
        (TAP, ws(uri="wss://media.example.com/x"), "device.params.uri"),
        (TAP, {"type": "ws", "params": {}}, "device.params.uri"),
    ],
)
def test_tap(wire: Wire, tap: Any, device: Any, field: str) -> None:
    """Flat devices, private addresses, unknown words."""
    code, text = wire.error("calling.tap", **wire.dial(), control_id="c", tap=tap, device=device)
    assert -32602 == code
    assert f" {field}:" in text


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"url": "wss://127.0.0.1/x?call=1"}, "url"),
        ({"url": "ws://media.example.com/x"}, "url"),
        ({"url": "wss://media.example.com/x"}, "url"),
        ({"url": "/x"}, "url"),
        ({"url": "ws://127.0.0.1:x/"}, "url"),
        ({"url": 5}, "url"),
        ({"url": "wss://127.0.0.1/x", "track": "left"}, "track"),
        ({"url": "wss://127.0.0.1/x", "codec": "PCMU@"}, "codec"),
        ({"url": "wss://127.0.0.1/x", "codec": "PCMU@16000h"}, "codec"),
        ({"url": "wss://127.0.0.1/x", "codec": "L16@24000h@25i"}, "codec"),
        ({"url": "wss://127.0.0.1/x", "custom_parameters": []}, "custom_parameters"),
        ({"url": "wss://127.0.0.1/x", "authorization_bearer_token": "a\nb"}, "authorization_bearer_token"),
    ],
)
def test_stream(wire: Wire, params: dict[str, Any], field: str) -> None:
    """Query strings, ws:// beyond loopback, unknown tracks and codecs."""
    code, text = wire.error("calling.stream", **wire.dial(), control_id="c", **params)
    assert -32602 == code
    assert f" {field}:" in text


@pytest.mark.parametrize(
    ("devices", "field"),
    [
        (None, "devices"),
        ([], "devices"),
        ([[]], "devices"),
        ({}, "devices"),
        ([{"type": "phone"}], "devices[0]"),
        ([[{"type": "phone", "to_number": "+1"}]], "devices[0][0].params"),
        ([[{"type": "pigeon", "params": {}}]], "devices[0][0].type"),
        ([[{"type": "phone", "params": {"to_number": "+1"}}]], "devices[0][0].params.from_number"),
        ([[{"type": "phone", "params": {"from_number": "+1", "to_number": ""}}]], "devices[0][0].params.to_number"),
        (
            [[{"type": "phone", "params": {"from_number": "+1", "to_number": "+2", "timeout": "3"}}]],
            "devices[0][0].params.timeout",
        ),
        (
            [[{"type": "phone", "params": {"from_number": "+1", "to_number": "+2", "timeout": 1e10}}]],
            "devices[0][0].params.timeout",
        ),
        ([[{"type": "sip", "params": {**SIP, "headers": [5]}}]], "devices[0][0].params.headers[0]"),
        ([[{"type": "sip", "params": {**SIP, "headers": [{"name": "X-A"}]}}]], "devices[0][0].params.headers[0].value"),
        ([[{"type": "sip", "params": {**SIP, "codecs": "PCMU"}}]], "devices[0][0].params.codecs"),
    ],
)
def test_dial(wire: Wire, devices: Any, field: str) -> None:
    """Devices that are not lists of lists, and flat fields."""
    code, text = wire.error("calling.dial", tag="t", devices=devices)
    assert -32602 == code
    assert f" {field}:" in text


@pytest.mark.parametrize("method", ["dial", "begin", "connect", "answer"])
def test_no_call_lasts_less_than_nothing(wire: Wire, method: str) -> None:
    """A connect of minus a minute would end in the moment in which it begins."""
    params: dict[str, Any] = {"devices": [[PHONE]], "device": PHONE}
    text = "Invalid params: max_duration: must not be negative"
    assert (-32602, text) == wire.error(f"calling.{method}", **wire.dial(), **params, max_duration=-1)


def test_call_and_node_are_required(wire: Wire) -> None:
    """Every request about a call names both."""
    call = wire.dial()
    assert (-32602, "Invalid params: call_id: is required") == wire.error("calling.end")
    assert (-32602, "Invalid params: node_id: is required") == wire.error("calling.end", call_id=call["call_id"])
    assert "404" == wire.result("calling.end", call_id=call["call_id"], node_id="another")["code"]


def test_a_control_id_in_use_is_a_conflict(wire: Wire) -> None:
    """409 for the second play; stopping what is not there is 404."""
    call = wire.dial()
    play = {"control_id": "c", "play": [{"type": "silence", "params": {"duration": 60}}]}
    assert "200" == wire.result("calling.play", **call, **play)["code"]
    result = wire.result("calling.play", **call, **play)
    assert ("409", "c", call["call_id"]) == (result["code"], result["control_id"], result["call_id"])
    assert "404" == wire.result("calling.play.stop", **call, control_id="other")["code"]


def test_loopback_exceptions_are_in_the_journal(wire: Wire, relay: LocalRelay) -> None:
    """What works here although the service would refuse it leaves a note."""
    call = wire.dial()
    wire.result("calling.tap", **call, control_id="t", tap=TAP, device=RTP)
    wire.result("calling.stream", **call, control_id="s", url="ws://localhost:9/x")
    assert ["device.params.addr", "url"] == [note.split(":")[0] for note in relay.journal.notes()[:2]]


def test_allow_remote(clock: VirtualClock) -> None:
    """With allow_remote public addresses are taken; private RTP addresses are not, as the service has it."""
    with LocalRelay(clock=clock, allow_remote=True) as relay, in_memory(relay) as wire:
        wire.connect()
        call = wire.dial()
        _, text = wire.error("calling.tap", **call, control_id="t", tap=TAP, device=rtp(addr="192.168.0.1"))
        assert "device.params.addr" in text
        _, text = wire.error("calling.stream", **call, control_id="s", url="ws://media.example.com/x")
        assert " url:" in text
