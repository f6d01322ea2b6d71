"""Two legs, really bridged: what one says the other hears."""

from __future__ import annotations

from array import array
from typing import Any

import pytest

from swsync.clock import VirtualClock
from swsync.localrelay import LocalRelay

from .test_play import codec
from .wire import PHONE, Wire

ANN, BOB = "+12025550121", "+12025550122"
ANN_SAYS = array("h", [(n * n) % 20011 - 10000 for n in range(16000)]).tobytes()
BOB_SAYS = array("h", [(n * n * 3) % 15013 - 7500 for n in range(12000)]).tobytes()


@pytest.fixture
def ann(wire: Wire, relay: LocalRelay) -> dict[str, Any]:
    """A call with Ann, who speaks from the second second on; Bob speaks half a second after his answer."""
    relay.callee(ANN, speech=ANN_SAYS, speaks_after=2.0)
    relay.callee(BOB, speech=BOB_SAYS, speaks_after=0.5)
    return wire.dial(ANN)


def device(number: str = BOB, **params: Any) -> dict[str, Any]:
    return {"type": "phone", "params": {**PHONE["params"], "to_number": number, **params}}  # type: ignore[dict-item]


def connect(wire: Wire, call: dict[str, Any], *devices: Any, **params: Any) -> dict[str, Any]:
    """Connect to Bob and return the call with him."""
    wanted = [list(devices)] if devices else [[device()]]
    assert "connecting" == wire.result("calling.connect", **call, devices=wanted, **params)["message"]
    peer = wire.event("calling.call.connect", connect_state="connected")["peer"]
    return {"call_id": peer["call_id"], "node_id": peer["node_id"]}


def states(wire: Wire) -> list[str]:
    """Return the states of connects and calls in the order they were told."""
    inner = [f["params"]["params"] for f in wire.log if f.get("method") == "signalwire.event"]
    return [
        str(p.get("connect_state") or p.get("call_state")) for p in inner if {"connect_state", "call_state"} & set(p)
    ]


def test_each_hears_the_other(wire: Wire, relay: LocalRelay, clock: VirtualClock, ann: dict[str, Any]) -> None:
    """Bit for bit, from the bridge on."""
    connect(wire, ann)
    clock.sleep(4.0)
    first, second = relay.calls
    # Bob answers half a second after Ann did.
    assert bytes(2 * 8000) + codec(BOB_SAYS) in bytes(first.heard)
    assert codec(ANN_SAYS) in bytes(second.heard)
    assert bytes(first.heard)[8000:] == bytes(second.said)
    assert bytes(second.heard) == bytes(first.said)[8000:]


def test_on_a_real_clock(real_wire: Wire, real_relay: LocalRelay) -> None:
    """Answers fall between two samples there: nothing is lost or doubled all the same."""
    for number, speech in ((ANN, ANN_SAYS), (BOB, BOB_SAYS)):
        real_relay.callee(number, speech=speech, speaks_after=30.0)  # three seconds of real time
    connect(real_wire, real_wire.dial(ANN))
    first, second = real_relay.calls
    real_wire.result("calling.play", call_id=second.call_id, node_id=second.node_id, control_id="p",
                     play=[{"type": "silence", "params": {"duration": 34}}])  # fmt: skip
    real_wire.event("calling.call.play", state="finished")
    assert codec(BOB_SAYS) in bytes(first.heard)
    assert codec(ANN_SAYS) in bytes(second.heard)


def test_the_order_of_the_events(wire: Wire, ann: dict[str, Any]) -> None:
    """connecting, the states of the new leg with its peer, connected; then disconnected, and the first call goes on."""
    wire.log.clear()
    bob = connect(wire, ann, tag="mine")
    assert ["connecting", "created", "ringing", "answered", "connected"] == states(wire)
    told = [f["params"]["params"] for f in wire.log if f.get("params", {}).get("event_type") == "calling.call.state"]
    assert {(ann["call_id"], "mine")} == {(t["peer"]["call_id"], t["tag"]) for t in told}
    wire.result("calling.end", **bob)
    event = wire.event("calling.call.connect")
    assert ("disconnected", bob["call_id"]) == (event["connect_state"], event["peer"]["call_id"])
    assert "200" == wire.result("calling.denoise", **ann)["code"]


def test_the_peer_ends_with_the_call(wire: Wire, relay: LocalRelay, ann: dict[str, Any]) -> None:
    """When the first party hangs up, disconnected comes before its ended, and the other leg ends."""
    connect(wire, ann)
    wire.log.clear()
    relay.calls[0].hang_up()
    wire.event("calling.call.state", call_state="ended", call_id=relay.calls[1].call_id)
    assert ["disconnected", "ending", "ended", "ending", "ended"] == states(wire)


@pytest.mark.parametrize("who", ["first", "second"])
def test_disconnect(wire: Wire, relay: LocalRelay, clock: VirtualClock, ann: dict[str, Any], who: str) -> None:
    """Both live on, and hear each other no longer, whichever of them is named."""
    bob = connect(wire, ann)
    assert "Disconnecting" == wire.result("calling.disconnect", **(ann if who == "first" else bob))["message"]
    wire.event("calling.call.connect", connect_state="disconnected")
    clock.sleep(4)
    assert ["answered", "answered"] == [call.state for call in relay.calls]
    assert not any(relay.calls[0].heard)
    assert not any(relay.calls[1].heard)
    assert "409" == wire.result("calling.disconnect", **ann)["code"]


@pytest.mark.parametrize(
    ("number", "reason"), [("+12025550141", "busy"), ("+12025550144", "not_found"), ("+12025550142", "noAnswer")]
)
def test_nobody_answers(wire: Wire, ann: dict[str, Any], number: str, reason: str) -> None:
    """failed, with the reason; the call goes on, and may connect again."""
    wire.result("calling.connect", **ann, devices=[[device(number, timeout=3)]])
    event = wire.event("calling.call.connect", connect_state="failed")
    assert (reason, ann["call_id"]) == (event["failed_reason"], event["call_id"])
    connect(wire, ann)
    assert "409" == wire.result("calling.connect", **ann, devices=[[device()]])["code"]


def test_in_series_and_in_parallel(wire: Wire, relay: LocalRelay, ann: dict[str, Any]) -> None:
    """The next step is tried when the first fails; the slower one of a step is cancelled."""
    steps = [[device("+12025550141")], [device("+12025550146"), device()]]
    wire.result("calling.connect", **ann, devices=steps)
    wire.event("calling.call.connect", connect_state="connected")
    assert ["", "busy", "cancel", ""] == [call.end_reason for call in relay.calls]


def test_the_call_ends_while_it_rings(wire: Wire, relay: LocalRelay, ann: dict[str, Any]) -> None:
    """The ringing stops, and the connect has failed before ended."""
    wire.result("calling.connect", **ann, devices=[[device("+12025550142")]])
    wire.event("calling.call.state", call_state="ringing")
    wire.result("calling.end", **ann)
    assert "failed" == wire.event("calling.call.connect")["connect_state"]
    wire.event("calling.call.state", call_state="ended", call_id=ann["call_id"])
    assert "cancel" == relay.calls[1].end_reason


def test_ringback(wire: Wire, relay: LocalRelay, clock: VirtualClock, ann: dict[str, Any]) -> None:
    """The first party hears it until the other answers."""
    relay.callee(BOB, speech=b"", answers_after=3.0)
    ringback = [{"type": "ringtone", "params": {"name": "us"}}]
    connect(wire, ann, ringback=ringback)
    clock.sleep(3.0)
    heard = relay.calls[0].heard
    assert any(heard[:16000])
    assert not any(heard[24000:])


def test_hold(wire: Wire, relay: LocalRelay, clock: VirtualClock, ann: dict[str, Any]) -> None:
    """Who is on hold is silent to the other, and hears nothing, until it is taken off."""
    connect(wire, ann)
    clock.sleep(1.0)
    assert "Call on hold" == wire.result("calling.hold", **ann)["message"]
    assert "hold" == wire.event("calling.call.hold")["state"]
    clock.sleep(0.5)
    assert "Call off hold" == wire.result("calling.unhold", **ann)["message"]
    assert "unhold" == wire.event("calling.call.hold")["state"]
    clock.sleep(1.0)
    said, heard = bytes(relay.calls[1].said), bytes(relay.calls[0].heard)[8000:]
    assert said[:16000] + bytes(8000) + said[24000:] == heard


def test_keys_go_through(wire: Wire, relay: LocalRelay, ann: dict[str, Any]) -> None:
    """What one presses the other gets."""
    connect(wire, ann)
    relay.calls[0].press("12")
    relay.calls[1].press("3")
    assert ("3", "12") == (relay.calls[0].digits_heard, relay.calls[1].digits_heard)


def test_a_call_that_is_there(wire: Wire, relay: LocalRelay, clock: VirtualClock, ann: dict[str, Any]) -> None:
    """Two calls of the client are bridged; a third one is not there to be had."""
    bob = wire.dial(BOB)
    assert bob == connect(wire, ann, {"type": "call", "params": bob})
    other = wire.dial()
    wire.result("calling.connect", **other, devices=[[{"type": "call", "params": bob}]])
    assert "not_found" == wire.event("calling.call.connect", connect_state="failed")["failed_reason"]


def test_max_duration(wire: Wire, relay: LocalRelay, clock: VirtualClock, ann: dict[str, Any]) -> None:
    """After so many minutes the peer is gone and the call goes on."""
    begin = clock.now()
    connect(wire, ann, max_duration=1)
    wire.event("calling.call.connect", connect_state="disconnected")
    assert 60.5 == pytest.approx(clock.now() - begin)
    assert ["answered", "ended"] == [call.state for call in relay.calls]


@pytest.mark.parametrize("name", ["", " "])
def test_a_queue_without_a_name_is_refused(wire: Wire, ann: dict[str, Any], name: str) -> None:
    """As a device that is a queue is."""
    code, text = wire.error("calling.queue.enter", **ann, control_id="q", queue_name=name)
    assert (-32602, True) == (code, " queue_name:" in text)


def test_queue(wire: Wire, relay: LocalRelay, clock: VirtualClock, ann: dict[str, Any]) -> None:
    """Who waits longest is connected first; the events tell the places."""
    bob = wire.dial(BOB)
    for call, position in ((ann, 1), (bob, 2)):
        assert "Entering Queue" == wire.result("calling.queue.enter", **call, control_id="q", queue_name="s")["message"]
        event = wire.event("calling.call.queue")
        assert ("enqueue", "s", position, position) == (
            event["status"],
            event["name"],
            event["position"],
            event["size"],
        )
    assert "409" == wire.result("calling.queue.enter", **ann, control_id="p", queue_name="t")["code"]
    clock.sleep(10)
    agent = wire.dial()
    target = {"type": "queue", "params": {"node_id": ann["node_id"], "queue_name": "s"}}
    wire.result("calling.connect", **agent, devices=[[target]])
    event = wire.event("calling.call.queue", status="dequeue")
    assert (ann["call_id"], 1, 1) == (event["call_id"], event["position"], event["size"])
    assert 10.5 == pytest.approx(event["dequeue_ts"] - event["enqueue_ts"], abs=1.1)
    queue = {"queue_id": event["id"], "queue_name": "s"}
    peer = wire.event("calling.call.connect", connect_state="connected")["peer"]
    assert {"call_id": ann["call_id"], **queue}.items() <= peer.items()
    wire.result("calling.disconnect", **agent)
    assert peer == wire.event("calling.call.connect", connect_state="disconnected")["peer"]
    assert "409" == wire.result("calling.queue.leave", **bob, control_id="q", queue_name="t")["code"]
    leave = wire.result("calling.queue.leave", **bob, control_id="another, as the clients make it", queue_name="s")
    assert "Leaving Queue" == leave["message"]
    assert "404" == wire.result("calling.queue.leave", **bob, control_id="q", queue_name="s")["code"]
    assert "leave" == wire.event("calling.call.queue")["status"]
    wire.result("calling.connect", **bob, devices=[[target]])
    assert "noAnswer" == wire.event("calling.call.connect", connect_state="failed")["failed_reason"]


@pytest.mark.parametrize(
    ("devices", "field"),
    [
        ([], "devices"),
        ([[{"type": "call", "params": {"node_id": "n"}}]], "devices[0][0].params.call_id"),
        ([[{"type": "queue", "params": {"node_id": "n"}}]], "devices[0][0].params.queue_name"),
        ([[{"type": "stream", "params": {}}]], "devices[0][0].params.url"),
        ([[{"type": "stream", "params": {"url": "https://localhost/x"}}]], "devices[0][0].params.url"),
        ([[{"type": "stream", "params": {"url": "wss://localhost/x", "codec": "GSM"}}]], "devices[0][0].params.codec"),
        ([[device(call_state_url="file:///x")]], "devices[0][0].params.call_state_url"),
    ],
)
def test_refusals(wire: Wire, ann: dict[str, Any], devices: Any, field: str) -> None:
    """The error names the field; dial does not take what only connect takes."""
    code, text = wire.error("calling.connect", **ann, devices=devices)
    assert (-32602, True) == (code, f" {field}:" in text)
    code, _ = wire.error("calling.dial", tag="t", devices=[[{"type": "call", "params": ann}]])
    assert -32602 == code
