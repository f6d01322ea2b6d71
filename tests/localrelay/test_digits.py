"""DTMF to the simulated person."""

from __future__ import annotations

import math

import pytest

from swsync.clock import VirtualClock
from swsync.localrelay import LocalRelay

from .wire import Wire


def power(samples: memoryview, hertz: float) -> float:
    """Return how strong one frequency is (Goertzel's sum, written out)."""
    real = sum(s * math.cos(2 * math.pi * hertz * n / 8000) for n, s in enumerate(samples))
    imaginary = sum(s * math.sin(2 * math.pi * hertz * n / 8000) for n, s in enumerate(samples))
    return math.hypot(real, imaginary) / len(samples)


@pytest.mark.parametrize(
    ("digit", "row", "column"), [("1", 697, 1209), ("0", 941, 1336), ("#", 941, 1477), ("D", 941, 1633)]
)
def test_a_key_is_two_tones(
    wire: Wire, relay: LocalRelay, clock: VirtualClock, digit: str, row: int, column: int
) -> None:
    """Its row's and its column's, and no others."""
    call = wire.dial()
    assert "Sending Digits" == wire.result("calling.send_digits", **call, control_id="d", digits=digit)["message"]
    begin = clock.now()
    assert {"control_id": "d", "state": "finished"}.items() <= wire.event("calling.call.send_digits").items()
    assert 0.2 == pytest.approx(clock.now() - begin)
    heard = relay.calls[0].heard
    start = next(n for n, sample in enumerate(heard) if sample)
    loud = {f for f in (697, 770, 852, 941, 1209, 1336, 1477, 1633) if power(heard[start : start + 800], f) > 1000}
    assert {row, column} == loud
    assert digit == relay.calls[0].digits_heard


def test_pauses(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """w is half a second, W a whole one."""
    call = wire.dial()
    begin = clock.now()
    wire.result("calling.send_digits", **call, control_id="d", digits="1wW2")
    wire.event("calling.call.send_digits", state="finished")
    assert 1.9 == pytest.approx(clock.now() - begin)
    assert "12" == relay.calls[0].digits_heard


@pytest.mark.parametrize("digits", ["", "12x", "1 2", "\u0661", 5])
def test_what_is_no_key(wire: Wire, digits: object) -> None:
    """Refused with the field's name."""
    code, text = wire.error("calling.send_digits", **wire.dial(), control_id="d", digits=digits)
    assert -32602 == code
    assert " digits:" in text
