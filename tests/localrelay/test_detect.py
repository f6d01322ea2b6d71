"""People, machines and faxes: what detection finds, when, and that they sound like it."""

from __future__ import annotations

from typing import Any

import pytest

from swsync.clock import VirtualClock
from swsync.localrelay import LocalRelay

from .test_digits import power
from .wire import Wire

BOB = "+12025550123"


def detect(wire: Wire, call: dict[str, Any], kind: str = "machine", **params: Any) -> None:
    about = {"type": kind, "params": params}
    assert "200" == wire.result("calling.detect", **call, control_id="d", detect=about)["code"]


def found(wire: Wire, clock: VirtualClock, since: float) -> list[tuple[float, str, bool | None]]:
    """Return what is found until it is over, with seconds."""
    findings = []
    while not findings or findings[-1][1] != "finished":
        about = wire.event("calling.call.detect", control_id="d")["detect"]["params"]
        findings.append((round(clock.now() - since, 2), about["event"], about.get("beep")))
    return findings


@pytest.mark.parametrize(
    ("script", "params", "expected"),
    [
        ({}, {}, [(2.25, "HUMAN", None), (2.25, "finished", None)]),
        ({"greeting": 0.2}, {}, [(2.2, "HUMAN", None), (2.2, "finished", None)]),
        ({"speech": b""}, {}, [(4.5, "UNKNOWN", None), (4.5, "finished", None)]),
        ({"speaks_after": 3.0}, {"initial_timeout": 2}, [(2.0, "UNKNOWN", None), (2.0, "finished", None)]),
        (
            {"kind": "machine", "greeting": 4.0},
            {},
            [(2.25, "MACHINE", None), (6.0, "READY", True), (6.0, "finished", None)],
        ),
        (
            {"kind": "machine", "greeting": 4.0, "beep_after": 3.0},
            {"detect_interruptions": True, "machine_ready_timeout": 0.5},
            [
                (2.25, "MACHINE", None),
                (5.5, "READY", False),
                (8.0, "NOT_READY", None),
                (8.5, "READY", True),
                (8.5, "finished", None),
            ],
        ),
        (
            {"kind": "machine", "greeting": 4.0, "beep_after": None},
            {},
            [(2.25, "MACHINE", None), (6.0, "READY", False), (30.0, "finished", None)],
        ),
        (
            {"kind": "machine"},
            {"detect_message_end": False, "machine_voice_threshold": 2},
            [(3.0, "MACHINE", None), (3.0, "finished", None)],
        ),
    ],
)
def test_machines(
    wire: Wire, relay: LocalRelay, clock: VirtualClock, script: Any, params: Any, expected: list[Any]
) -> None:
    """Seconds from the answer: the first word is at one second."""
    relay.callee(BOB, **script)
    call = wire.dial(BOB)
    begin = clock.now()
    detect(wire, call, **params)
    assert expected == found(wire, clock, begin)


def test_a_machine_sounds_like_one(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """Its greeting, a pause, and a beep of 1,000 Hz where READY says so."""
    relay.callee(BOB, kind="machine", greeting=4.0)
    wire.dial(BOB)
    clock.sleep(8)
    said = relay.calls[0].said
    assert any(said[8000:40000])
    assert not any(said[40000:44000])
    assert 1000 < power(said[44000:46000], 1000)
    assert not any(said[48000:])


def test_a_fax_that_is_called(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """CED, which is 2,100 Hz, after half a second of it; nobody else has it."""
    relay.callee(BOB, kind="fax")
    call = wire.dial(BOB)
    begin = clock.now()
    detect(wire, call, "fax")
    assert [(1.5, "CED", None), (1.5, "finished", None)] == found(wire, clock, begin)
    assert 1000 < power(relay.calls[0].said[8000:10000], 2100)
    call = wire.dial(BOB)
    detect(wire, call, "fax", tone="CNG")
    assert [(30.0, "finished", None)] == found(wire, clock, clock.now())
    call = wire.dial()
    detect(wire, call, "fax")
    assert "finished" == found(wire, clock, 0)[0][1]


def test_a_fax_that_calls(relay: LocalRelay, clock: VirtualClock, wire: Wire) -> None:
    """CNG, which is 1,100 Hz for half a second."""
    wire.result("signalwire.receive", contexts=["fax"])
    relay.place_call("fax", kind="fax", timeout=5)
    offered = wire.event("calling.call.receive")
    call = {"call_id": offered["call_id"], "node_id": offered["node_id"]}
    wire.result("calling.answer", **call)
    wire.event("calling.call.state", call_state="answered")
    begin = clock.now()
    detect(wire, call, "fax", tone="CNG")
    assert [(1.5, "CNG", None), (1.5, "finished", None)] == found(wire, clock, begin)
    assert 1000 < power(relay.calls[0].said[8000:10000], 1100)


def test_digits_are_detected(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """The first of those that count; others are passed over."""
    relay.callee(BOB, presses="135")
    call = wire.dial(BOB)
    begin = clock.now()
    detect(wire, call, "digit", digits="45")
    assert [(0.9, "5", None), (0.9, "finished", None)] == found(wire, clock, begin)


def test_stop_and_the_end_of_the_call(wire: Wire) -> None:
    """Both give finished; the event has no state beside detect."""
    call = wire.dial()
    detect(wire, call)
    wire.result("calling.detect.stop", **call, control_id="d")
    event = wire.event("calling.call.detect")
    assert {"call_id", "node_id", "segment_id", "tag", "control_id", "detect"} == set(event)
    assert {"type": "machine", "params": {"event": "finished"}} == event["detect"]
    detect(wire, call)
    wire.result("calling.end", **call)
    assert "finished" == wire.event("calling.call.detect")["detect"]["params"]["event"]
    wire.event("calling.call.state", call_state="ended")


@pytest.mark.parametrize(
    ("about", "field"),
    [
        ({"type": "cat"}, "detect.type"),
        ({}, "detect.type"),
        ({"type": "fax", "params": {"tone": "X"}}, "detect.params.tone"),
        ({"type": "digit", "params": {"digits": "x"}}, "detect.params.digits"),
        ({"type": "machine", "params": {"initial_timeout": "4"}}, "detect.params.initial_timeout"),
        ({"type": "machine", "params": {"end_silence_timeout": -1}}, "detect.params.end_silence_timeout"),
        ({"type": "machine", "params": {"detect_message_end": 1}}, "detect.params.detect_message_end"),
    ],
)
def test_refusals(wire: Wire, about: dict[str, Any], field: str) -> None:
    """The error names the field."""
    code, text = wire.error("calling.detect", **wire.dial(), control_id="d", detect=about)
    assert (-32602, True) == (code, f" {field}:" in text)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("+12025550148", "HUMAN"),
        ("+12025550149", "MACHINE"),
        ("+12025550150", "MACHINE"),
        ("+12025550151", "UNKNOWN"),
        ("+12025550152", "HUMAN"),
    ],
)
def test_the_table(wire: Wire, clock: VirtualClock, number: str, expected: str) -> None:
    """The numbers that are documented are what they are said to be."""
    call = wire.dial(number)
    detect(wire, call)
    assert expected == found(wire, clock, 0)[0][1]


def test_a_flaky_number(wire: Wire) -> None:
    """It fails every other time."""
    device = {"type": "phone", "params": {"from_number": "+12025550199", "to_number": "+12025550153"}}
    outcomes = []
    for tag in "abcd":
        wire.result("calling.dial", tag=tag, devices=[[device]])
        outcomes.append(wire.event("calling.call.dial", tag=tag)["dial_state"])
    assert ["failed", "answered", "failed", "answered"] == outcomes
