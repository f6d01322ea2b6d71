"""The life of a call: dialing in series and in parallel, answering, passing, ending, and who may do it."""

from __future__ import annotations

from typing import Any

import pytest

from swsync.clock import VirtualClock
from swsync.localrelay import LocalRelay

from .wire import PHONE, Wire, in_memory


def device(number: str, **params: Any) -> dict[str, Any]:
    return {"type": "phone", "params": {**PHONE["params"], "to_number": number, **params}}  # type: ignore[dict-item]


def states(wire: Wire, call_id: str) -> list[str]:
    """Return the states that were told of a call."""
    found = []
    for frame in wire.log:
        params = frame.get("params", {})
        if params.get("event_type") == "calling.call.state" and params["params"]["call_id"] == call_id:
            found.append(params["params"]["call_state"])
    return found


def test_a_dial_is_answered(wire: Wire, relay: LocalRelay) -> None:
    """The reply comes first, then every state of the leg with the tag, then one dial event."""
    call = wire.dial(tag="mine")
    assert ["created", "ringing", "answered"] == states(wire, call["call_id"])
    order = [f.get("result", {}).get("message") or f.get("params", {}).get("event_type") for f in wire.log]
    told = order[order.index("Dialing") :]
    assert ["Dialing", *["calling.call.state"] * 3, "calling.call.dial"] == told
    event = relay.journal.events("calling.call.state", call_state="answered")[0].params
    assert {"call_id", "node_id", "segment_id", "tag", "call_state", "direction", "device"} == set(event)
    assert ("outbound", "mine") == (event["direction"], event["tag"])
    outer = wire.log[-1]["params"]
    assert {"event_type", "event_channel", "timestamp", "project_id", "space_id", "node_id", "params"} == set(outer)


@pytest.mark.parametrize(
    ("number", "reason", "seconds"),
    [
        ("+12025550141", "busy", 0.5),
        ("+12025550142", "noAnswer", 7.0),
        ("+12025550143", "decline", 1.0),
        ("+12025550144", "not_found", 0.2),
    ],
)
def test_the_table_of_numbers(wire: Wire, clock: VirtualClock, number: str, reason: str, seconds: float) -> None:
    """Each fails in its own way, when it should."""
    begin = clock.now()
    wire.result("calling.dial", tag="t", devices=[[device(number, timeout=7)]])
    event = wire.event("calling.call.dial", tag="t")
    assert ("failed", reason) == (event["dial_state"], event["reason"])
    assert seconds == pytest.approx(clock.now() - begin)
    assert "call_id" not in event
    assert ["created", "ringing", "ended"] == states(wire, event["call"]["call_id"])


def test_a_serial_dial_goes_on_to_the_next(wire: Wire, relay: LocalRelay) -> None:
    """The second step rings after the first has failed, and only its leg is the winner."""
    wire.result("calling.dial", tag="t", devices=[[device("+12025550141")], [device("+12025550101")]])
    event = wire.event("calling.call.dial", tag="t")
    assert ("answered", "+12025550101") == (event["dial_state"], event["call"]["device"]["params"]["to_number"])
    assert ["ended", "answered"] == [call.state for call in relay.calls]


def test_a_parallel_dial_ends_the_losers(wire: Wire, relay: LocalRelay) -> None:
    """The first to answer wins; the others end with cancel before the dial event."""
    relay.callee("+12025550101", answers_after=3)
    wire.result("calling.dial", tag="t", devices=[[device("+12025550101"), device("+12025550102")]])
    event = wire.event("calling.call.dial", tag="t")
    winner, loser = relay.calls[1], relay.calls[0]
    assert winner.call_id == event["call"]["call_id"]
    assert True is event["call"]["dial_winner"]
    assert ("ended", "cancel") == (loser.state, loser.end_reason)
    assert ["created", "ringing", "ended"] == states(wire, loser.call_id)


def test_a_ringing_leg_can_be_ended(wire: Wire) -> None:
    """calling.end with cancel fails the whole dial."""
    wire.result("calling.dial", tag="t", devices=[[device("+12025550142")], [device("+12025550101")]])
    leg = wire.event("calling.call.state", call_state="ringing")
    wire.result("calling.end", call_id=leg["call_id"], node_id=leg["node_id"], reason="cancel")
    event = wire.event("calling.call.dial", tag="t")
    assert ("failed", "cancel") == (event["dial_state"], event["reason"])


def test_a_tag_in_use_is_a_conflict(wire: Wire) -> None:
    """The second dial with the tag is answered with 409; when the first is over the tag is free."""
    wire.result("calling.dial", tag="t", devices=[[device("+12025550101")]])
    assert "409" == wire.result("calling.dial", tag="t", devices=[[device("+12025550101")]])["code"]
    wire.event("calling.call.dial", tag="t")
    assert "200" == wire.result("calling.dial", tag="t", devices=[[device("+12025550101")]])["code"]


def test_end_and_after(wire: Wire) -> None:
    """ending, then ended with the reason; afterwards the call is gone, and a call that never was does not exist."""
    call = wire.dial()
    assert "Disconnecting call" == wire.result("calling.end", **call, reason="busy")["message"]
    assert "busy" == wire.event("calling.call.state", call_state="ended")["end_reason"]
    assert ["created", "ringing", "answered", "ending", "ended"] == states(wire, call["call_id"])
    assert "410" == wire.result("calling.end", **call)["code"]
    assert "404" == wire.result("calling.end", call_id="no", node_id=call["node_id"])["code"]


def test_the_callee_hangs_up(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """By script after its time, or when the test says so."""
    relay.callee("+12025550101", hangs_up_after=3.0)
    wire.dial("+12025550101")
    begin = clock.now()
    assert "hangup" == wire.event("calling.call.state", call_state="ended")["end_reason"]
    assert 3.0 == pytest.approx(clock.now() - begin)
    wire.dial("+12025550102")
    relay.calls[-1].hang_up("error")
    assert "error" == wire.event("calling.call.state", call_state="ended")["end_reason"]


def test_max_duration(wire: Wire, clock: VirtualClock) -> None:
    """A device's max_duration counts seconds and ends the call."""
    wire.dial(max_duration=5)
    begin = clock.now()
    assert "max_duration" == wire.event("calling.call.state", call_state="ended")["end_reason"]
    assert 5.0 == pytest.approx(clock.now() - begin)


def test_an_inbound_call_waits_for_a_subscriber(wire: Wire, relay: LocalRelay) -> None:
    """It is offered when a client listens, with all that the clients need, and answered by it."""
    call = relay.place_call("support", from_="+12025550111", to="+12025550122")
    assert "created" == call.state
    wire.result("signalwire.receive", contexts=["support"])
    offer = wire.event("calling.call.receive")
    assert {
        "call_id": call.call_id,
        "node_id": call.node_id,
        "segment_id": call.segment_id,
        "context": "support",
        "call_state": "ringing",
        "direction": "inbound",
        "project_id": "p",
        "device": {"type": "phone", "params": {"from_number": "+12025550111", "to_number": "+12025550122"}},
    } == offer
    ids = {"call_id": call.call_id, "node_id": call.node_id}
    assert {"code": "200", "message": "Answered", "call_id": call.call_id} == wire.result("calling.answer", **ids)
    assert "inbound" == wire.event("calling.call.state", call_state="answered")["direction"]
    call.wait_for_answered(timeout=1)
    assert "409" == wire.result("calling.answer", **ids)["code"]
    assert "409" == wire.result("calling.pass", **ids)["code"]


def test_pass_offers_the_call_to_the_next(wire: Wire, relay: LocalRelay) -> None:
    """Every subscriber is asked in turn, twice; then the caller hears that nobody answers."""
    wire.result("signalwire.receive", contexts=["c"])
    with in_memory(relay) as other:
        other.connect(contexts=["c"])
        call = relay.place_call("c")
        ids = {"call_id": call.call_id, "node_id": call.node_id}
        for asked in (wire, other, wire, other):
            asked.event("calling.call.receive")
            assert "Passing call" == asked.result("calling.pass", **ids)["message"]
        call.wait_for_ended(timeout=5)
        assert "noAnswer" == call.end_reason


def test_a_caller_gives_up(wire: Wire, relay: LocalRelay) -> None:
    """An offer that nobody takes ends with the caller's patience."""
    wire.result("signalwire.receive", contexts=["c"])
    relay.place_call("c", rings_for=20)
    wire.event("calling.call.receive")
    assert "noAnswer" == wire.event("calling.call.state", call_state="ended")["end_reason"]


def test_an_hour_of_calls_takes_no_time(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """Virtual time jumps over what nobody waits for."""
    begin = clock.now()
    for _ in range(60):
        call = wire.dial(max_duration=60)
        wire.event("calling.call.state", call_state="ended", call_id=call["call_id"])
    assert 3600 <= clock.now() - begin
    assert 60 * 8000 == len(relay.calls[-1].said)


def test_waits_end(wire: Wire, relay: LocalRelay) -> None:
    """Waiting for a subscriber or for a state ends with TimeoutError, and the caller hangs up."""
    with pytest.raises(TimeoutError, match="nobody"):
        relay.place_call("nobody", timeout=3)
    assert "cancel" == relay.calls[0].end_reason
    wire.dial()
    with pytest.raises(TimeoutError, match="answered, not ended"):
        relay.calls[1].wait_for_ended(timeout=3)
    assert "answered" == relay.calls[1].wait_for("answered", timeout=0)


def test_changes(wire: Wire, relay: LocalRelay) -> None:
    """Each state of each call is told once, however soon the next one comes; so is what came since then."""
    call = wire.dial()
    seen, states = relay.changes()
    assert (3, ["created", "ringing", "answered"]) == (seen, [change.state for change in states])
    assert (3, []) == relay.changes(seen)
    wire.result("calling.end", **call, reason="busy")
    wire.event("calling.call.state", call_state="ended")
    caller = relay.place_call("nobody listens")
    seen, states = relay.changes(seen)
    told = [(change.state, change.direction, change.end_reason) for change in states]
    assert [("ending", "outbound", "busy"), ("ended", "outbound", "busy"), ("created", "inbound", "")] == told
    assert caller.call_id == states[-1].call_id


def test_callers_at_one_number(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """Each does what was said of that call, and who is called there does what was said of the person."""
    bob = relay.callee("+12025550123", outcome="busy")
    wire.result("signalwire.receive", contexts=["office"])
    first = relay.place_call("office", from_="+12025550123", speech=b"\x10\x20" * 8000, speaks_after=0)
    second = relay.place_call("office", from_="+12025550123", speech=b"", hangs_up_after=3)
    for call in (first, second):
        assert call.call_id == wire.event("calling.call.receive")["call_id"]
        wire.result("calling.answer", call_id=call.call_id, node_id=call.node_id)
    clock.sleep(5)
    assert ("answered", "ended") == (first.state, second.state)
    assert (True, False) == (any(first.said), any(second.said))
    assert 0 == bob.rings
    wire.result("calling.dial", tag="t", devices=[[device("+12025550123")]])
    assert "busy" == wire.event("calling.call.dial")["reason"]
    assert (1, 3) == (bob.rings, len(bob.calls))


def test_clients_of_one_context_take_turns(wire: Wire, relay: LocalRelay) -> None:
    """Calls and messages go to whoever got nothing for longest, each to one client."""
    with in_memory(relay) as other:
        other.connect(contexts=["office"])
        wire.result("signalwire.receive", contexts=["office"])
        calls = [relay.place_call("office", timeout=5) for _ in range(4)]
        for client, mine in ((wire, calls[::2]), (other, calls[1::2])):
            offered = [client.event("calling.call.receive")["call_id"] for _ in mine]
            assert [call.call_id for call in mine] == offered
        for body in ("one", "two"):
            relay.place_message("office", body)
        assert ("one", "two") == (wire.event("messaging.receive")["body"], other.event("messaging.receive")["body"])
