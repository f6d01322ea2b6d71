"""Calls under many threads with a tiny switch interval: nothing is lost, nothing hangs, nothing runs twice."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest
from fake_session import FakeSession, make_call, tell, tell_state

from swsync.errors import CallEnded, CallGone

LONG = 60.0
ROUNDS = 60


@pytest.fixture(autouse=True)
def tiny_switch_interval() -> Iterator[None]:
    """Threads change places after every few instructions."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def together(*functions):
    """Run functions at the same moment in a thread each; gives what each returned or raised."""
    barrier = threading.Barrier(len(functions))
    results = [None] * len(functions)

    def run(index, function):
        barrier.wait(LONG)
        try:
            results[index] = function()
        except BaseException as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=item, daemon=True) for item in enumerate(functions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
        assert not thread.is_alive()
    return results


def test_the_end_races_with_waits():
    """Every wait ends with the event or with CallEnded, and all waiters of one action see the same."""
    for _ in range(ROUNDS):
        call = make_call()
        play = call.play_tts("x")

        def finish(call=call, play=play):
            tell(call, "calling.call.play", control_id=play.id, state="finished")

        def end(call=call):
            tell_state(call, "ended", end_reason="hangup")
            call.session.run_timers()

        waits = [lambda play=play: play.wait(LONG)] * 4
        *found, _, _ = together(*waits, finish, end)
        assert {type(found[0])} == {type(each) for each in found}
        assert all(isinstance(each, CallEnded) or each is play.result for each in found)


def test_starting_races_with_the_end():
    """An action is refused, or it ends: none is left that nobody will ever end."""
    for _ in range(ROUNDS):
        call = make_call()

        def end(call=call):
            tell_state(call, "ended")
            call.session.run_timers()

        *actions, _ = together(*[lambda call=call: call.play_tts("x")] * 4, end)
        call.session.run_timers()
        for action in actions:
            if isinstance(action, Exception):
                assert isinstance(action, (CallGone, CallEnded))
            else:
                with pytest.raises(CallEnded):
                    action.wait(LONG)
        assert () == call._actions


def test_listeners_come_and_go_while_events_arrive():
    """A listener that stays hears every event once and in order."""
    call = make_call()
    heard = []
    call.on("calling.call.play", lambda event: heard.append(event.params["n"]))

    def churn():
        for _ in range(ROUNDS):
            call.on("calling.call.play", lambda event: None)()

    def events():
        for number in range(ROUNDS):
            tell(call, "calling.call.play", state="playing", n=number)

    results = together(churn, churn, events)

    assert [None, None, None] == results
    assert list(range(ROUNDS)) == heard
    assert 1 == len(call._listeners["calling.call.play"])


def test_wait_for_loses_no_event():
    """However the registration and the event interleave, what comes after it is seen."""
    for _ in range(ROUNDS):
        call = make_call()
        registered = threading.Event()
        original = call._next_event

        def next_event(waiter, timeout, original=original, registered=registered):
            registered.set()
            return original(waiter, timeout)

        call._next_event = next_event

        def send(call=call, registered=registered):
            assert registered.wait(LONG)
            for state in ("playing", "finished"):
                tell(call, "calling.call.play", state=state)

        def wait(call=call):
            return call.wait_for("calling.call.play", lambda news: news.state == "finished", LONG)

        event, _ = together(wait, send)
        assert "finished" == event.state


def test_stop_races_with_finished():
    """stop() raises nothing, whichever comes first, and on_completed runs once."""
    for _ in range(ROUNDS):
        done = []
        call = make_call(FakeSession())
        play = call.play_tts("x", on_completed=done.append)

        def finish(call=call, play=play):
            tell(call, "calling.call.play", control_id=play.id, state="finished")

        first, second, *_ = together(play.stop, play.stop, finish, finish)
        assert isinstance(first, dict)
        assert isinstance(second, dict)
        assert [play.result] == done


def test_losing_the_session_races_with_everything():
    """Nobody hangs."""
    for _ in range(ROUNDS):
        call = make_call()
        play = call.play_tts("x")
        results = together(
            lambda call=call: call.wait_for_ended(LONG),
            lambda call=call: call.wait_for("calling.call.play", timeout=LONG),
            lambda play=play: play.wait(LONG),
            lambda play=play: play.wait_started(LONG),
            lambda call=call: call._abandon(lambda: CallEnded("session_lost")),
            lambda call=call: tell_state(call, "ended"),
        )
        assert not any(isinstance(each, TimeoutError) for each in results)
        with pytest.raises((CallEnded, CallGone)):
            call.play_tts("y")
