"""Conferences and rooms: everybody hears the sum of all the others."""

from __future__ import annotations

from array import array
from typing import Any

import pytest

from swsync.clock import VirtualClock
from swsync.localrelay import LocalRelay

from .test_play import codec
from .wire import Wire

NUMBERS = ("+12025550121", "+12025550122", "+12025550123")


@pytest.fixture
def calls(wire: Wire, relay: LocalRelay) -> list[dict[str, Any]]:
    """Three calls, one half a second after the other, whose parties all speak at the same time, each a level tone."""
    for index, number in enumerate(NUMBERS):
        speech = array("h", [1000 * (index + 1)] * 16000).tobytes()
        relay.callee(number, speech=speech, speaks_after=3.0 - 0.5 * index)
    return [wire.dial(number) for number in NUMBERS]


def join(wire: Wire, call: dict[str, Any], **params: Any) -> str:
    result = wire.result("calling.join_conference", **call, name="sales", **{"beep": "false", **params})
    assert "Joining conference" == result["message"]
    return str(result["conference_id"])


def test_the_audio_is_mixed(wire: Wire, relay: LocalRelay, clock: VirtualClock, calls: list[dict[str, Any]]) -> None:
    """Each hears the two others added up, and not itself."""
    for call in calls:
        join(wire, call)
    clock.sleep(4.0)
    level = [array("h", codec(array("h", [1000 * n]).tobytes()))[0] for n in (1, 2, 3)]
    for index, leg in enumerate(relay.calls):
        others = sum(level) - level[index]
        wanted = array("h", codec(array("h", [others]).tobytes()))[0]
        start = round(8000 * (3.0 - 0.5 * index))
        assert {0} == set(leg.heard[:start])
        assert {wanted} == set(leg.heard[start : start + 4000])


def test_the_events(wire: Wire, calls: list[dict[str, Any]]) -> None:
    """Start, who joins, who leaves, and the end; the call's id only where it is about one."""
    conference = join(wire, calls[0])
    assert conference == join(wire, calls[1])
    assert "409" == wire.result("calling.join_conference", **calls[1], name="other")["code"]
    result = wire.result("calling.leave_conference", **calls[0], conference_id=conference)
    assert "Leaving conference" == result["message"]
    wire.result("calling.end", **calls[1])
    wire.event("calling.call.state", call_state="ended", call_id=calls[1]["call_id"])
    told = [f["params"]["params"] for f in wire.log if f.get("params", {}).get("event_type") == "calling.conference"]
    assert [
        ("conference-start", 1, None),
        ("participant-join", 1, calls[0]["call_id"]),
        ("participant-join", 2, calls[1]["call_id"]),
        ("participant-leave", 1, calls[0]["call_id"]),
        ("participant-leave", 0, calls[1]["call_id"]),
        ("conference-end", 0, None),
    ] == [(t["status"], t["size"], t.get("call_id")) for t in told]
    assert {(conference, "sales")} == {(t["conference_id"], t["name"]) for t in told}
    assert "409" == wire.result("calling.leave_conference", **calls[0], conference_id=conference)["code"]


def test_muted_and_start_on_enter(
    wire: Wire, relay: LocalRelay, clock: VirtualClock, calls: list[dict[str, Any]]
) -> None:
    """Nobody hears anything before it starts, and nobody hears who is muted."""
    join(wire, calls[0], start_on_enter=False)
    join(wire, calls[1], start_on_enter=False)
    clock.sleep(3.0)  # the party of the first call has spoken for a second by now
    assert not any(relay.calls[1].heard)
    join(wire, calls[2], muted=True)
    wire.event("calling.conference", status="conference-start")
    clock.sleep(0.5)
    assert any(relay.calls[1].heard)
    level = array("h", codec(array("h", [2000]).tobytes()))[0]
    assert level == relay.calls[0].heard[-1]


def test_the_end_for_all_and_the_limit(wire: Wire, calls: list[dict[str, Any]]) -> None:
    """end_on_exit ends it for everybody; a full conference takes nobody."""
    conference = join(wire, calls[0], end_on_exit=True)
    join(wire, calls[1])
    full = wire.result("calling.join_conference", **calls[2], name="sales", max_participants=2)
    assert "409" == full["code"]
    wire.result("calling.leave_conference", **calls[0], conference_id=conference)
    wire.event("calling.conference", status="conference-end")
    assert conference != join(wire, calls[2])


def test_an_empty_conference_is_forgotten(wire: Wire, relay: LocalRelay) -> None:
    """Also when its only call ended before it was answered."""
    wire.result("signalwire.receive", contexts=["in"])
    caller = relay.place_call("in", timeout=5)
    offered = wire.event("calling.call.receive")
    join(wire, {"call_id": offered["call_id"], "node_id": offered["node_id"]})
    caller.hang_up()
    assert {} == relay._core.conferences


def test_a_beep(wire: Wire, relay: LocalRelay, clock: VirtualClock, calls: list[dict[str, Any]]) -> None:
    """Those inside hear that somebody comes."""
    join(wire, calls[0])
    join(wire, calls[1], beep="onEnter")
    clock.sleep(0.1)
    assert any(relay.calls[0].heard)


def test_rooms(wire: Wire, relay: LocalRelay, clock: VirtualClock, calls: list[dict[str, Any]]) -> None:
    """A room is mixed too, and has no events."""
    for call in calls[:2]:
        assert "Joining room" == wire.result("calling.join_room", **call, name="lobby")["message"]
    assert "409" == wire.result("calling.join_room", **calls[0], name="lobby")["code"]
    clock.sleep(3.0)
    assert bytes(relay.calls[1].said)[:32000] == bytes(relay.calls[0].heard)[8000:40000]
    assert "Leaving room" == wire.result("calling.leave_room", **calls[1])["message"]
    clock.sleep(0.5)
    assert not any(relay.calls[0].heard[-800:])
    assert "409" == wire.result("calling.leave_room", **calls[1])["code"]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x", "beep": "yes"}, "beep"),
        ({"name": "x", "max_participants": 1}, "max_participants"),
        ({"name": "x", "muted": "no"}, "muted"),
        ({"name": "x", "status_callback": "hooks"}, "status_callback"),
        ({"name": "x", "status_callback_method": "PUT"}, "status_callback_method"),
    ],
)
def test_refusals(wire: Wire, params: dict[str, Any], field: str) -> None:
    """The error names the field."""
    code, text = wire.error("calling.join_conference", **wire.dial(), **params)
    assert (-32602, True) == (code, f" {field}:" in text)
