"""Ctrl-C at one line after the other of a dial and of a close: no telephone is left ringing or talking to nobody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from stopping import Stop

import swsync
from swsync.clock import REAL

PACKAGE = str(Path(swsync.__file__).parent)
NUMBER, CALLER = "+12025550100", "+12025550199"
PATIENCE = 60.0  # seconds
MOST_STEPS = 5000
STRIDE = 7  # a prime: nearly every line of the way has its turn in some thread's order of things


@pytest.fixture(scope="module")
def relay() -> Iterator[swsync.LocalRelay]:
    with swsync.LocalRelay(tls=False) as relay:
        relay.callee(NUMBER, answers_after=0.0)
        yield relay


def dial(client: swsync.RelayClient) -> swsync.Call:
    return client.dial_phone(to=NUMBER, from_number=CALLER, timeout=30)


def have_all_ended(relay: swsync.LocalRelay) -> bool:
    """Whether each dial that arrived has made its call, and each call has ended."""
    dials = relay.journal.requests("calling.dial")
    return len(relay.calls) >= len(dials) and all(call.state == "ended" for call in relay.calls)


def all_end(relay: swsync.LocalRelay) -> bool:
    """Whether all calls end, within some time."""
    deadline = REAL.now() + PATIENCE
    while not have_all_ended(relay) and REAL.now() < deadline:
        REAL.sleep(0.002)
    return have_all_ended(relay)


def test_a_dial_stopped_at_any_line_leaves_no_call(relay: swsync.LocalRelay) -> None:
    with swsync.RelayClient(**relay.settings).connect() as client:
        dial(client).hangup()  # loads what the first dial loads
        for step in range(1, MOST_STEPS, STRIDE):
            stop = Stop(step, PACKAGE)
            outcome = stop.during(lambda: dial(client))
            if not stop.struck:
                assert isinstance(outcome, swsync.Call)
                outcome.hangup()
                break
            assert outcome is KeyboardInterrupt, stop.where
            client.receive([f"marker-{step}"])  # whatever was sent before has arrived with this
            assert all_end(relay), stop.where
        else:
            pytest.fail("it never came to an end")
    assert step > 100


def test_a_close_stopped_at_any_line_is_done_by_the_next(relay: swsync.LocalRelay) -> None:
    for step in range(1, MOST_STEPS, STRIDE):
        client = swsync.RelayClient(**relay.settings).connect()
        dial(client)
        stop = Stop(step, PACKAGE)
        stop.during(client.close)
        client.close()
        assert all_end(relay), stop.where
        assert client.closed
        if not stop.struck:
            break
    else:
        pytest.fail("it never came to an end")
    assert step > 50
