"""Faults happen to exactly the frames that they name, and the package's own client lives with them."""

from __future__ import annotations

import json
from typing import Any

import pytest

import swsync
from swsync.clock import VirtualClock
from swsync.errors import ConfigurationError
from swsync.localrelay import Fault, LocalRelay

from .wire import PHONE, Wire, in_memory

SILENCE = {"type": "silence", "params": {"duration": 1.0}}
DEVICE = {"type": "phone", "params": PHONE["params"]}


def told(wire: Wire, event_type: str) -> list[dict[str, Any]]:
    return [f["params"]["params"] for f in wire.log if f.get("params", {}).get("event_type") == event_type]


def test_drop(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """The second of these events is lost, and only it; the journal says so."""
    relay.faults.drop("calling.call.state", n=2)
    wire.dial()
    assert ["created", "answered"] == [t["call_state"] for t in told(wire, "calling.call.state")]
    assert ["fault: drop event calling.call.state"] == relay.journal.notes()
    assert ["drop"] == [fault.kind for fault in relay.faults.applied]


def test_an_event_that_was_lost_comes_after_a_resume(relay: LocalRelay) -> None:
    """It was not acknowledged, so a client that comes back gets it."""
    with in_memory(relay) as first:
        name = first.connect()["protocol"]
        relay.faults.drop("calling.call.state", match={"call_state": "ended"})
        call = first.dial()
        first.result("calling.end", **call)
        first.event("calling.call.state", call_state="ending")
    with in_memory(relay) as again:
        assert again.connect(protocol=name)["session_restored"]
        assert call["call_id"] == again.event("calling.call.state", call_state="ended")["call_id"]


@pytest.mark.parametrize("side", ["event", "reply", "request"])
def test_duplicate(wire: Wire, relay: LocalRelay, side: str) -> None:
    """An event and a reply come twice; a request is acted on twice."""
    call = wire.dial()
    name = "calling.call.play" if side == "event" else "calling.play"
    relay.faults.duplicate(name, of=side)
    wire.result("calling.play", **call, control_id="p", play=[SILENCE])
    wire.event("calling.call.play", state="finished")
    replies = [f["result"]["code"] for f in wire.log if f.get("result", {}).get("control_id") == "p"]
    states = [t["state"] for t in told(wire, "calling.call.play")]
    expected = {
        "event": (["200"], ["playing", "playing", "finished"]),
        "reply": (["200", "200"], ["playing", "finished"]),
        "request": (["200", "409"], ["playing", "finished"]),
    }
    assert expected[side] == (replies, states)


@pytest.mark.parametrize("side", ["event", "reply", "request"])
def test_delay(wire: Wire, relay: LocalRelay, clock: VirtualClock, side: str) -> None:
    """It comes so much later."""
    call = wire.dial()
    relay.faults.delay("calling.call.play" if side == "event" else "calling.play", 7.0, of=side)
    begin = clock.now()
    wire.result("calling.play", **call, control_id="p", play=[SILENCE])
    assert (0.0 if side == "event" else 7.0) == pytest.approx(clock.now() - begin)
    if side == "event":
        assert ["finished", "playing"] == [wire.event("calling.call.play")["state"] for _ in range(2)]


@pytest.mark.parametrize(
    ("kind", "of", "acted", "sent"),
    [
        ("cut_before", "request", 0, 0),
        ("cut_before", "reply", 1, 0),
        ("cut_after", "request", 1, 1),
        ("cut_after", "reply", 1, 1),
        ("drop", "request", 0, 0),
        ("drop", "reply", 1, 0),
    ],
)
def test_before_and_after(relay: LocalRelay, clock: VirtualClock, kind: str, of: str, acted: int, sent: int) -> None:
    """What was acted on, and what was answered, when the link ends or the frame is lost."""
    relay.faults.add({"kind": kind, "name": "calling.dial", "of": of})
    with in_memory(relay) as wire:
        wire.connect()
        dial = {"jsonrpc": "2.0", "id": "1", "method": "calling.dial", "params": {"tag": "t", "devices": [[DEVICE]]}}
        wire.send(json.dumps(dial))
        clock.sleep(5)
        replies = [e for e in relay.journal.find(direction="out") if (e.frame.get("result") or {}).get("message")]
        assert (acted, sent) == (len(relay.calls), len(replies))
        assert (kind == "drop") == bool(relay._core.connections)


def test_refuse(wire: Wire, relay: LocalRelay) -> None:
    """With a JSON-RPC error, or with a result's code; nothing is done."""
    call = wire.dial()
    relay.faults.refuse("calling.play", code="503", message="Busy here")
    relay.faults.refuse("calling.play", n=2)
    play = {**call, "control_id": "p", "play": [SILENCE]}
    result = wire.result("calling.play", **play)
    assert ("503", "Busy here") == (result["code"], result["message"])
    assert (-32603, "Internal error") == wire.error("calling.play", **play)
    assert "200" == wire.result("calling.play", **play)["code"]


def test_times_match_and_clear(wire: Wire, relay: LocalRelay) -> None:
    """Several in a row; only those that match count; then all is well again."""
    call = wire.dial()
    relay.faults.refuse("calling.hold", n=2, times=2, code="500")
    assert ["200", "500", "500", "200"] == [wire.result("calling.hold", **call)["code"] for _ in range(4)]
    relay.faults.refuse("*", times=0, code="500", match={"digits": "9"})
    digits = [wire.result("calling.send_digits", **call, control_id=d, digits=d)["code"] for d in "1929"]
    assert ["200", "500", "200"] == digits[:3]
    relay.faults.clear()
    assert "200" == wire.result("calling.send_digits", **call, control_id="x", digits="9")["code"]


def test_the_seed_decides(clock: VirtualClock) -> None:
    """The same seed gives the same faults, another one others."""

    def run(seed: int) -> list[str]:
        fault = {"kind": "refuse", "name": "calling.hold", "times": 0, "probability": 0.5, "code": "500"}
        with LocalRelay(clock=clock, seed=seed, faults=[fault]) as relay, in_memory(relay) as wire:
            wire.connect()
            call = wire.dial()
            return [wire.result("calling.hold", **call)["code"] for _ in range(30)]

    assert run(1) == run(1)
    assert run(1) != run(2)
    assert {"200", "500"} == set(run(1))


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "explode"},
        {"kind": "drop", "of": "frame"},
        {"kind": "drop", "n": 0},
        {"kind": "drop", "colour": "red"},
        {"kind": "refuse", "name": "calling.call.play"},
        {"kind": "drop", "probability": 2},
        {"kind": "delay", "seconds": -1},
    ],
)
def test_what_is_no_fault(relay: LocalRelay, wrong: dict[str, Any]) -> None:
    """Data that is none is refused at once."""
    with pytest.raises(ConfigurationError):
        relay.faults.add(wrong)


def test_the_reply_to_a_dial_is_lost(relay: LocalRelay, clock: VirtualClock) -> None:
    """swsync's client gets its call all the same: the events have the tag."""
    relay.faults.cut_before("calling.dial", of="reply")
    with swsync.RelayClient(**relay.settings) as client:
        call = client.dial_phone(to="+12025550100", from_number="+12025550199", timeout=30)
        call.hangup()
        call.wait_for_ended(timeout=10)
    assert ["ended"] == [leg.state for leg in relay.calls]


def test_a_finished_that_comes_twice(relay: LocalRelay, clock: VirtualClock) -> None:
    """swsync's client acts on it once."""
    relay.faults.duplicate("calling.call.play", match={"state": "finished"})
    completed: list[Any] = []
    with swsync.RelayClient(**relay.settings) as client:
        call = client.dial_phone(to="+12025550100", from_number="+12025550199", timeout=30)
        call.play_silence(1, on_completed=completed.append).wait(timeout=10)
        clock.sleep(5)
    assert 1 == len(completed)


def test_a_fault_is_data(relay: LocalRelay) -> None:
    """An object and its fields are the same."""
    relay.faults.add(Fault(kind="drop", name="calling.call.play"), {"kind": "drop", "name": "calling.play"})
    assert ("event", "request") == tuple(fault.side for fault, _ in relay.faults._faults)
