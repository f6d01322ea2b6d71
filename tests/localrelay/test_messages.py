"""Messages: their delivery states, and those that come in."""

from __future__ import annotations

from typing import Any

import pytest

import swsync
from swsync.clock import VirtualClock
from swsync.localrelay import LocalRelay

from .wire import Wire, in_memory

TEXT = {"context": "c", "from_number": "+12025550199", "to_number": "+12025550100", "body": "hello"}


@pytest.mark.parametrize(
    ("number", "last", "reason"),
    [
        ("+12025550100", "delivered", None),
        ("+12025550144", "undelivered", "unknown destination"),
        ("+12025550153", "failed", "carrier error"),
    ],
)
def test_delivery(wire: Wire, relay: LocalRelay, number: str, last: str, reason: str | None) -> None:
    """The states come in order, and the last is what the number's telephone makes of it."""
    result = wire.result("messaging.send", **{**TEXT, "to_number": number}, tags=["a"])
    assert "200" == result["code"]
    told = [wire.event("messaging.state", message_id=result["message_id"]) for _ in range(4)]
    assert ["queued", "initiated", "sent", last] == [event["message_state"] for event in told]
    assert reason == told[-1].get("reason")
    fields = {"message_id", "context", "direction", "from_number", "to_number", "body", "media", "segments",
              "message_state", "tags"}  # fmt: skip
    assert fields == set(told[0])
    assert ("outbound", "hello", 1, ["a"]) == tuple(told[0][k] for k in ("direction", "body", "segments", "tags"))
    assert last == relay.messages[0].wait_for(last, timeout=1)


@pytest.mark.parametrize(("body", "segments"), [("x" * 160, 1), ("x" * 161, 2), ("ü" * 70, 1), ("ü" * 71, 2)])
def test_segments(wire: Wire, body: str, segments: int) -> None:
    """A long text travels in parts."""
    wire.result("messaging.send", **{**TEXT, "body": body})
    assert segments == wire.event("messaging.state")["segments"]


def test_inbound(wire: Wire, relay: LocalRelay) -> None:
    """One listener gets it, now or when it comes; others do not."""
    message = relay.place_message("sms", "hi", from_="+12025550111", to="+12025550122", media=["http://x/y.png"])
    wire.result("signalwire.receive", contexts=["sms"])
    event = wire.event("messaging.receive")
    assert (message.message_id, "hi", "received", "inbound", "sms") == tuple(
        event[k] for k in ("message_id", "body", "message_state", "direction", "context")
    )
    assert ("+12025550111", "+12025550122", ["http://x/y.png"]) == tuple(
        event[k] for k in ("from_number", "to_number", "media")
    )
    with in_memory(relay) as other:
        other.connect(contexts=["sms"])
        relay.place_message("sms", "again")
        other.event("messaging.receive", body="again")
        assert "200" == wire.result("signalwire.receive", contexts=["more"])["code"]
        assert not wire.events
    assert ["hi", "again"] == [m.body for m in relay.messages]


def test_swsync_sends_and_receives(relay: LocalRelay, clock: VirtualClock) -> None:
    """The package's own client and the relay understand each other."""
    with swsync.RelayClient(**relay.settings, contexts=["sms"]) as client:
        sent = client.send_message(to_number="+12025550100", from_number="+12025550199", context="sms", body="hello")
        sent.wait(timeout=10)
        assert "delivered" == sent.state


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"body": ""}, "body"),
        ({"body": "x" * 1601}, "body"),
        ({"body": 5}, "body"),
        ({"to_number": " "}, "to_number"),
        ({"from_number": None}, "from_number"),
        ({"context": None}, "context"),
        ({"media": ["/tmp/x.png"]}, "media[0]"),
        ({"media": "x"}, "media"),
        ({"media": ["http://x/y"] * 11}, "media"),
    ],
)
def test_refusals(wire: Wire, params: dict[str, Any], field: str) -> None:
    """The error names the field."""
    code, text = wire.error("messaging.send", **{**TEXT, **params})
    assert (-32602, True) == (code, f" {field}:" in text)
