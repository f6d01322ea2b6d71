"""What is done to one call: denoise, echo, digit bindings, refer, transfer, and the old way to dial."""

from __future__ import annotations

from array import array
from typing import Any

import pytest

from swsync.clock import VirtualClock
from swsync.localrelay import LocalRelay

from .wire import PHONE, Wire, in_memory

BOB = "+12025550123"
SPEECH = array("h", [(n * n) % 20011 - 10000 for n in range(16000)]).tobytes()


def test_denoise(wire: Wire, relay: LocalRelay) -> None:
    """On and off, each with its event."""
    call = wire.dial()
    for method, message, is_on in (
        ("denoise", "Denoiser on", True),
        ("denoise.stop", "Denoiser off", False),
    ):
        assert message == wire.result(f"calling.{method}", **call)["message"]
        assert is_on is wire.event("calling.call.denoise")["denoised"]
        assert is_on is relay.calls[0].is_denoised


def test_echo(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """The party hears what it says, bit for bit, for as long as was asked."""
    relay.callee(BOB, speech=SPEECH)
    call = wire.dial(BOB)
    clock.sleep(0.5)
    assert "Echo started" == wire.result("calling.echo", **call, timeout=2.0)["message"]
    assert "echoing" == wire.event("calling.call.echo")["state"]
    assert "409" == wire.result("calling.echo", **call)["code"]
    assert "finished" == wire.event("calling.call.echo")["state"]
    clock.sleep(1.0)
    leg = relay.calls[0]
    assert bytes(8000) + bytes(leg.said)[8000:40000] + bytes(16000) == bytes(leg.heard)


def test_digit_bindings(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """Keys run a method on the call, as often as wanted, until they are cleared."""
    call = wire.dial()
    bound = {"bind_method": "calling.play", "params": {
        "control_id": "p", "play": [{"type": "silence", "params": {"duration": 1}}]}}  # fmt: skip
    result = wire.result("calling.bind_digit", **call, digits="*1", max_triggers=2, **bound)
    assert "Digit binding created" == result["message"]
    for keys in ("7*", "1"):
        relay.calls[0].press(keys)
    assert "finished" == [wire.event("calling.call.play", control_id="p") for _ in range(2)][1]["state"]
    relay.calls[0].press("*1*1*1")
    wire.event("calling.call.play", state="finished")
    clock.sleep(5)
    assert 2 == len(relay.journal.events("calling.call.play", state="playing"))
    wire.result("calling.bind_digit", **call, digits="0", realm="a", bind_method="calling.end")
    wire.result("calling.clear_digit_bindings", **call, realm="b")
    assert "Digit bindings cleared" == wire.result("calling.clear_digit_bindings", **call, realm="a")["message"]
    relay.calls[0].press("0")
    clock.sleep(1)
    assert "answered" == relay.calls[0].state
    wire.result("calling.bind_digit", **call, digits="0", bind_method="calling.end")
    relay.calls[0].press("0")
    wire.event("calling.call.state", call_state="ended")


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"digits": "x", "bind_method": "calling.end"}, "digits"),
        ({"digits": "1w", "bind_method": "calling.end"}, "digits"),
        ({"digits": "1", "bind_method": "messaging.send"}, "bind_method"),
        ({"digits": "1", "bind_method": "calling.end", "params": []}, "params"),
        ({"digits": "1", "bind_method": "calling.end", "max_triggers": -1}, "max_triggers"),
        ({"digits": "1"}, "bind_method"),
    ],
)
def test_bindings_that_cannot_be(wire: Wire, params: dict[str, Any], field: str) -> None:
    """The error names the field."""
    code, text = wire.error("calling.bind_digit", **wire.dial(), **params)
    assert (-32602, True) == (code, f" {field}:" in text)


@pytest.mark.parametrize(
    ("number", "state", "code"), [("+12025550100", "success", "200"), ("+12025550141", "failed", "486")]
)
def test_refer(wire: Wire, relay: LocalRelay, number: str, state: str, code: str) -> None:
    """The other endpoint is called; if it answers, the party leaves."""
    call = wire.dial()
    target = {"type": "sip", "params": {"to": number}}
    assert "Starting SIP REFER" == wire.result("calling.refer", **call, device=target)["message"]
    event = wire.event("calling.call.refer")
    assert ("inProgress", number, "202") == (event["state"], event["sip_refer_to"], event["sip_refer_response_code"])
    event = wire.event("calling.call.refer")
    assert (state, code) == (event["state"], event["sip_notify_response_code"])
    assert ("success" == state) == (relay.calls[0].wait_for("answered", "ending", "ended") != "answered")
    error, text = wire.error("calling.refer", **call, device={"type": "phone", "params": {"to": "x"}})
    assert (-32602, True) == (error, " device.type:" in text)


def test_transfer_to_a_context(wire: Wire, relay: LocalRelay) -> None:
    """Whoever listens there gets the call, answered, and the first client has lost it."""
    call = wire.dial()
    with in_memory(relay) as other:
        other.connect(contexts=["support"])
        assert "Transferring" == wire.result("calling.transfer", **call, dest="context:support")["message"]
        offered = other.event("calling.call.receive")
        assert (call["call_id"], "answered", "support") == (
            offered["call_id"],
            offered["call_state"],
            offered["context"],
        )
        assert "409" == wire.result("calling.denoise", **call)["code"]
        assert "200" == other.result("calling.answer", **call)["code"]
        other.event("calling.call.state", call_state="answered")
        assert "200" == other.result("calling.denoise", **call)["code"]


def test_a_transfer_that_nobody_takes(wire: Wire, relay: LocalRelay) -> None:
    """The party hangs up after a minute."""
    call = wire.dial()
    wire.result("calling.transfer", **call, dest="context:nobody")
    relay.calls[0].wait_for_ended(timeout=61)
    assert "noAnswer" == relay.calls[0].end_reason


@pytest.mark.parametrize(
    ("dest", "good"),
    [("https://example.com/swml", True), ('{"version": "1.0.0"}', False), ("version: 1.0.0\nsections: {}", False),
     ("http://example.com", False), ("support", False), ("context:", False)],
)  # fmt: skip
def test_transfer_to_a_document(wire: Wire, relay: LocalRelay, dest: str, good: bool) -> None:
    """What is no place to go is refused; a document elsewhere takes the call away, and the journal says why."""
    call = wire.dial()
    if good:
        assert "Transferring" == wire.result("calling.transfer", **call, dest=dest)["message"]
        assert any("not run" in note for note in relay.journal.notes())
    else:
        code, text = wire.error("calling.transfer", **call, dest=dest)
        assert (-32602, True) == (code, " dest:" in text)


def test_user_event(wire: Wire) -> None:
    """An object or a text; nothing at all is refused."""
    call = wire.dial()
    for event in ({"a": 1}, "hello"):
        assert "Event sent" == wire.result("calling.user_event", **call, event=event)["message"]
    assert " event:" in wire.error("calling.user_event", **call)[1]


def test_begin(wire: Wire) -> None:
    """The old way to dial has the call's id in its reply, and no dial event."""
    device = {"type": "phone", "params": PHONE["params"]}
    result = wire.result("calling.begin", device=device, tag="t")
    assert "Call started" == result["message"]
    told = [wire.event("calling.call.state", call_id=result["call_id"], tag="t")["call_state"] for _ in range(3)]
    assert ["created", "ringing", "answered"] == told
    call = {"call_id": result["call_id"], "node_id": result["node_id"]}
    assert "200" == wire.result("calling.end", **call)["code"]
    wire.event("calling.call.state", call_state="ended")
    assert "410" == wire.result("calling.hold", **call)["code"]
