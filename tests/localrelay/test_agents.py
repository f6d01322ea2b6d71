"""Transcription and AI, as scripted states."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from swsync.clock import VirtualClock
from swsync.localrelay import LocalRelay

from .wire import Wire


def test_transcribe(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """The file holds what was said as text, with its time."""
    call = wire.dial()
    clock.sleep(1)
    relay.calls[0].say("too early")
    clock.sleep(1)
    assert "200" == wire.result("calling.transcribe", **call, control_id="t")["code"]
    assert "409" == wire.result("calling.transcribe", **call, control_id="u")["code"]
    assert "transcribing" == wire.event("calling.call.transcribe")["state"]
    clock.sleep(1.5)
    relay.calls[0].say("hello there")
    clock.sleep(0.5)
    wire.result("calling.transcribe.stop", **call, control_id="t")
    event = wire.event("calling.call.transcribe", state="finished")
    assert {"url", "recording_id", "duration", "size", "start_time", "end_time"} < set(event)
    assert 2.0 == event["duration"]
    with urllib.request.urlopen(event["url"], timeout=10) as reply:
        data = reply.read()
    assert event["size"] == len(data)
    assert {"transcript": [{"at": 1.5, "text": "hello there"}]} == json.loads(data)


@pytest.mark.parametrize(("method", "more"), [("calling.ai", {"control_id": "a"}), ("calling.amazon_bedrock", {})])
def test_agents(wire: Wire, method: str, more: dict[str, str]) -> None:
    """One at a time; it takes messages and holds; without one they are a conflict, which does not look like the end."""
    call = wire.dial()
    assert "409" == wire.result("calling.ai_message", **call, message_text="x")["code"]
    assert "200" == wire.result(method, **call, **more, prompt={"text": "Be kind."})["code"]
    assert "409" == wire.result("calling.ai", **call, control_id="b")["code"]
    for name, message, params in (
        ("ai_message", "Message sent", {"message_text": "Hurry", "role": "system"}),
        ("ai_hold", "AI on hold", {"timeout": "60", "prompt": "Wait"}),
        ("ai_unhold", "AI resumed", {}),
    ):
        assert message == wire.result(f"calling.{name}", **call, **params)["message"]
    if more:
        assert "200" == wire.result("calling.ai.stop", **call, **more)["code"]
        wire.result("calling.denoise", **call)
        assert "409" == wire.result("calling.ai_hold", **call)["code"]
    wire.result("calling.end", **call)
    wire.event("calling.call.state", call_state="ended")


@pytest.mark.parametrize(("method", "more"), [("live_transcribe", "summarize"), ("live_translate", "inject")])
def test_live(wire: Wire, method: str, more: str) -> None:
    """Started once, asked for more, stopped."""
    call = wire.dial()

    def act(action: Any) -> str:
        return str(wire.result(f"calling.{method}", **call, action=action)["code"])

    assert "409" == act({"stop": {}})
    assert ["200", "409", "200", "200", "409"] == [
        act(action) for action in ({"start": {"lang": "en"}}, {"start": {}}, {more: {}}, {"stop": {}}, {more: {}})
    ]
    for wrong in ({}, {"dance": {}}, {"start": {}, "stop": {}}, {"start": 5}, [], "start"):
        code, text = wire.error(f"calling.{method}", **call, action=wrong)
        assert (-32602, True) == (code, " action" in text)


def test_refusals(wire: Wire) -> None:
    """Objects are objects, and a call that is gone is gone."""
    call = wire.dial()
    assert " prompt:" in wire.error("calling.amazon_bedrock", **call, prompt="x")[1]
    assert " SWAIG:" in wire.error("calling.ai", **call, control_id="a", SWAIG=[])[1]
    assert " control_id:" in wire.error("calling.ai", **call)[1]
    wire.result("calling.end", **call)
    wire.event("calling.call.state", call_state="ended")
    assert "410" == wire.result("calling.ai", **call, control_id="a")["code"]
