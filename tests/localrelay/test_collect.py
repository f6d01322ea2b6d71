"""Keys and words: what the simulated person answers, and what collect makes of it."""

from __future__ import annotations

from typing import Any

import pytest

from swsync.clock import VirtualClock
from swsync.errors import ConfigurationError
from swsync.localrelay import LocalRelay

from .wire import Wire

BOB = "+12025550123"
SILENCE = {"type": "silence", "params": {"duration": 2.0}}


def collect(wire: Wire, call: dict[str, Any], **params: Any) -> None:
    result = wire.result("calling.collect", **call, control_id="c", **params)
    assert ("200", "c", call["call_id"]) == (result["code"], result["control_id"], result["call_id"])


def result_of(wire: Wire) -> dict[str, Any]:
    """Return the result of the next final event."""
    event = wire.event("calling.call.collect", final=True)
    assert ("c", "finished") == (event["control_id"], event["state"])
    result: dict[str, Any] = event["result"]
    return result


@pytest.mark.parametrize(
    ("presses", "digits", "expected"),
    [
        ("12#", {"max": 5, "terminators": "#*"}, {"digits": "12", "terminator": "#"}),
        ("1234", {"max": 3}, {"digits": "123", "terminator": ""}),
        ("1W2", {"max": 5, "digit_timeout": 2.0}, {"digits": "12", "terminator": ""}),
        ("1WW2", {"max": 5, "digit_timeout": 1.0}, {"digits": "1", "terminator": ""}),
        ("#", {"max": 5, "terminators": "#"}, {"digits": "", "terminator": "#"}),
    ],
)
def test_digits(wire: Wire, relay: LocalRelay, presses: str, digits: Any, expected: dict[str, str]) -> None:
    """They end with the last one wanted, a terminator, or a pause."""
    relay.callee(BOB, presses=presses)
    call = wire.dial(BOB)
    collect(wire, call, digits=digits)
    assert {"type": "digit", "params": expected} == result_of(wire)


def test_when_a_person_presses(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """Half a second after being asked, five keys in a second; or unasked, after the answer."""
    relay.callee(BOB, presses=("123", "9"))
    call = wire.dial(BOB)
    begin = clock.now()
    collect(wire, call, digits={"max": 3})
    result_of(wire)
    assert 0.9 == pytest.approx(clock.now() - begin)
    collect(wire, call, digits={"max": 1})
    assert {"digits": "9", "terminator": ""} == result_of(wire)["params"]
    collect(wire, call, digits={"max": 1})
    assert {"type": "no_input"} == result_of(wire)
    assert "1239" == relay.calls[0].digits_pressed
    relay.callee(BOB, presses="7", presses_after=3.0)
    call = wire.dial(BOB)
    begin = clock.now()
    collect(wire, call, digits={"max": 1})
    result_of(wire)
    assert 3.0 == pytest.approx(clock.now() - begin)


def test_no_input_and_no_match(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """Nobody answers within initial_timeout; or with fewer digits than min."""
    call = wire.dial()
    begin = clock.now()
    collect(wire, call, digits={"max": 1}, initial_timeout=2.5)
    assert {"type": "no_input"} == result_of(wire)
    assert 2.5 == pytest.approx(clock.now() - begin)
    relay.callee(BOB, presses="1#")
    call = wire.dial(BOB)
    collect(wire, call, digits={"max": 4, "min": 2, "terminators": "#"})
    assert {"type": "no_match"} == result_of(wire)


def test_speech(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """What the person says is heard as audio, and recognised after a second of silence."""
    relay.callee(BOB, speech=b"", says_text="yes please")
    call = wire.dial(BOB)
    begin = clock.now()
    collect(wire, call, speech={}, digits={"max": 1}, partial_results=True, send_start_of_input=True)
    assert {"type": "start_of_input"} == wire.event("calling.call.collect", final=False)["result"]
    assert 0.5 == pytest.approx(clock.now() - begin)
    partial = wire.event("calling.call.collect", final=False)
    assert ("collecting", "yes please") == (partial["state"], partial["result"]["params"]["text"])
    assert {"type": "speech", "params": {"text": "yes please", "confidence": 95.0}} == result_of(wire)
    said = relay.calls[0].said
    assert not any(said[:4000])
    assert any(said[4000:])
    assert [(0.5, "yes please")] == relay.calls[0].spoken


def test_a_test_speaks_for_the_person(wire: Wire, relay: LocalRelay) -> None:
    """say() and press() answer what is asked now."""
    call = wire.dial()
    collect(wire, call, speech={}, initial_timeout=60)
    relay.calls[0].say("operator")
    assert "operator" == result_of(wire)["params"]["text"]
    collect(wire, call, digits={"max": 2}, initial_timeout=60)
    relay.calls[0].press("42")
    assert "42" == result_of(wire)["params"]["digits"]


def test_continuous(wire: Wire, relay: LocalRelay) -> None:
    """It goes on after each result, until it is stopped."""
    relay.callee(BOB, presses=("1", "2"))
    call = wire.dial(BOB)
    collect(wire, call, digits={"max": 1}, continuous=True, initial_timeout=100)
    for digit in "12":
        event = wire.event("calling.call.collect", final=True)
        assert ("collecting", digit) == (event["state"], event["result"]["params"]["digits"])
    assert "200" == wire.result("calling.collect.stop", **call, control_id="c")["code"]
    event = wire.event("calling.call.collect")
    assert ("finished", None) == (event["state"], event.get("result"))
    assert "404" == wire.result("calling.collect.stop", **call, control_id="c")["code"]


def test_timers_that_are_held_back(wire: Wire, clock: VirtualClock) -> None:
    """With start_input_timers false nothing runs out until they are started."""
    call = wire.dial()
    collect(wire, call, digits={"max": 1}, start_input_timers=False)
    clock.sleep(600)
    begin = clock.now()
    wire.result("calling.collect.start_input_timers", **call, control_id="c")
    result_of(wire)
    assert 4.0 == pytest.approx(clock.now() - begin)


def prompt(wire: Wire, call: dict[str, Any], **params: Any) -> dict[str, Any]:
    spec = {"digits": {"max": 2}, **params}
    return wire.result("calling.play_and_collect", **call, control_id="c", play=[SILENCE], collect=spec)


def test_a_prompt_then_digits(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """The play's events and the collect's share a control id; the timers begin after the prompt."""
    relay.callee(BOB, presses="12")
    call = wire.dial(BOB)
    begin = clock.now()
    assert ("200", "c") == (prompt(wire, call)["code"], "c")
    assert "playing" == wire.event("calling.call.play", control_id="c")["state"]
    assert "finished" == wire.event("calling.call.play", control_id="c")["state"]
    assert 2.0 == pytest.approx(clock.now() - begin)
    assert "12" == result_of(wire)["params"]["digits"]
    prompt(wire, call)
    wire.event("calling.call.play", state="finished")
    begin = clock.now()
    assert {"type": "no_input"} == result_of(wire)
    assert 4.0 == pytest.approx(clock.now() - begin)


def test_a_key_interrupts_the_prompt(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """The play is finished at the first key, before the result."""
    relay.callee(BOB, presses="12", presses_after=1.0)
    call = wire.dial(BOB)
    begin = clock.now()
    prompt(wire, call)
    wire.result("calling.play_and_collect.volume", **call, control_id="c", volume=-6)
    wire.event("calling.call.play", state="finished")
    assert 1.0 == pytest.approx(clock.now() - begin)
    assert "12" == result_of(wire)["params"]["digits"]


def test_a_prompt_is_stopped_or_cannot_be_played(wire: Wire, relay: LocalRelay) -> None:
    """Stopping ends both halves; a file that is not there makes the result an error."""
    call = wire.dial()
    prompt(wire, call)
    wire.result("calling.play_and_collect.stop", **call, control_id="c")
    wire.event("calling.call.play", state="finished")
    assert "finished" == wire.event("calling.call.collect")["state"]
    missing = {"type": "audio", "params": {"url": relay.serve(__file__) + "x"}}
    wire.result("calling.play_and_collect", **call, control_id="c", play=[missing], collect={"speech": {}})
    assert "error" == wire.event("calling.call.play")["state"]
    event = wire.event("calling.call.collect")
    assert ("error", {"type": "error"}) == (event["state"], event["result"])


def test_the_call_ends_first(wire: Wire) -> None:
    """finished comes before ended, without a result."""
    call = wire.dial()
    prompt(wire, call)
    wire.event("calling.call.play", state="playing")
    wire.result("calling.end", **call)
    wire.event("calling.call.state", call_state="ended")
    told = [f["params"]["event_type"] for f in wire.log if f.get("method")]
    assert ["calling.call.play", "calling.call.collect", *["calling.call.state"] * 2] == told[-4:]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({}, "digits"),
        ({"digits": {}}, "digits.max"),
        ({"digits": {"max": 0}}, "digits.max"),
        ({"digits": {"max": 1, "digit_timeout": -1}}, "digits.digit_timeout"),
        ({"digits": {"max": 1, "terminators": 5}}, "digits.terminators"),
        ({"speech": {"hints": "x"}}, "speech.hints"),
        ({"speech": {"speech_timeout": "1"}}, "speech.speech_timeout"),
        ({"speech": {}, "initial_timeout": -1}, "initial_timeout"),
        ({"speech": {}, "continuous": 1}, "continuous"),
        ({"speech": {}, "status_url": "ftp://127.0.0.1/x"}, "status_url"),
    ],
)
def test_refusals(wire: Wire, params: dict[str, Any], field: str) -> None:
    """The error names the field, below ``collect`` for a prompt."""
    call = wire.dial()
    code, text = wire.error("calling.collect", **call, control_id="c", **params)
    assert (-32602, True) == (code, f" {field}:" in text)
    if field not in ("status_url", "continuous"):
        _, text = wire.error("calling.play_and_collect", **call, control_id="c", play=[SILENCE], collect=params)
        assert f" collect.{field}:" in text


@pytest.mark.parametrize("wrong", [{"presses": "12x"}, {"kind": "dog"}, {"outcomes": ["maybe"]}, {"greeting": -1}])
def test_what_nobody_can_do(relay: LocalRelay, wrong: dict[str, Any]) -> None:
    """A script that cannot be played is refused at once."""
    with pytest.raises(ConfigurationError):
        relay.callee(BOB, **wrong)
