"""How much audio a relay keeps: the oldest goes first, and what is under way goes on."""

from __future__ import annotations

from collections import deque
from typing import Any

from swsync.clock import VirtualClock
from swsync.localrelay import LocalRelay, shelf

from .wire import Wire

SECOND = 8000


def talk(wire: Wire, relay: LocalRelay, clock: VirtualClock, seconds: float) -> dict[str, Any]:
    """A call whose audio somebody has looked at, so that it is kept."""
    call = wire.dial(tag=f"t{len(relay.calls)}")
    clock.sleep(seconds)
    assert round(seconds * SECOND) == len(relay.calls[-1].heard) == len(relay.calls[-1].said)
    return call


def test_calls_that_are_over_go_first(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """The oldest before the others; the newest has all of its audio, and a note says what was done."""
    relay._core.shelf.room = 100 * SECOND
    for _ in range(5):
        call = talk(wire, relay, clock, 12)
        wire.result("calling.end", **call)
        wire.event("calling.call.state", call_state="ended")
    kept = [(len(call.said) // SECOND, len(call.heard) // SECOND) for call in relay.calls]
    assert [(0, 0), (0, 12), (12, 12), (12, 12), (12, 12)] == kept
    assert 84 * SECOND == relay._core.shelf.taken
    assert any("was forgotten" in note for note in relay.journal.notes())
    assert 100 * SECOND == relay._core.shelf.room  # there was no need for more


def test_a_call_that_goes_on_forgets_its_beginning(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """What is heard from then on is right: the newest samples are those that were played."""
    relay._core.shelf.room = 60 * SECOND
    relay.callee("+12025550100", speech=b"\x10\x20" * 40 * SECOND, speaks_after=0)
    talk(wire, relay, clock, 25)
    call = relay.calls[0]
    before = bytes(call.said[-SECOND:])
    clock.sleep(10)
    assert len(call.heard) <= 35 * SECOND  # and so both sides have come to now
    after = call.said
    assert 60 * SECOND >= relay._core.shelf.taken
    assert shelf.SHORTEST <= len(after) < 35 * SECOND
    assert before == bytes(after[-SECOND:])
    assert after[-1] != 0
    relay._core.loop.ask(lambda: call._said.render(call.position() + 80))  # a tap may be ahead by a part of a frame
    assert len(after) == len(call.said)


def test_a_call_that_goes_on_keeps_what_a_tap_may_want(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """Ten seconds of each side, and more room for all: better large than forgetting with every frame."""
    relay._core.shelf.room = 16 * SECOND
    wire.dial()
    clock.sleep(25)
    call = relay.calls[0]
    assert (shelf.SHORTEST, shelf.SHORTEST) == (len(call.heard), len(call.said))
    assert 4 * shelf.SHORTEST == relay._core.shelf.room


def test_calls_beyond_those_that_are_remembered_count_for_nothing(
    wire: Wire, relay: LocalRelay, clock: VirtualClock
) -> None:
    """What cannot be found again takes no room from the others."""
    relay._core.history = deque(maxlen=2)
    for _ in range(4):
        call = talk(wire, relay, clock, 5)
        wire.result("calling.end", **call)
        wire.event("calling.call.state", call_state="ended")
    assert 2 * 2 * 5 * SECOND == relay._core.shelf.taken


def test_a_person_with_many_calls(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """How often it rang is counted, though not every call is kept."""
    person = relay.callee("+12025550100")
    for number in range(3):
        wire.dial(tag=f"t{number}")
    newest = person.calls[-1]
    person.called(newest, keep=2)
    assert (4, newest) == (person.rings, person.call)
    assert 3 == len(person.calls)
