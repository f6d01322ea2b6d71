"""Answering machine detection: the first result like the official SDK, and a verdict to act on."""

from __future__ import annotations

import threading

import pytest
from fake_session import make_call, tell, tell_state

from swsync.errors import ActionFailed, CallEnded


def report(call, action, word, **params):
    """Deliver a detection's result."""
    detect = {"type": "machine", "params": {"event": word, **params}}
    tell(call, "calling.call.detect", control_id=action.id, detect=detect)


@pytest.fixture
def call():
    """A call."""
    return make_call()


def test_wait_gives_the_first_result(call):
    """As in the official SDK; more may come after it."""
    action = call.detect_answering_machine()

    report(call, action, "MACHINE")
    report(call, action, "READY")

    assert "MACHINE" == action.wait(0).event
    assert ["MACHINE", "READY"] == [event.event for event in action.events]


@pytest.mark.parametrize("word", ["HUMAN", "UNKNOWN"])
@pytest.mark.parametrize("wait_for_beep", [True, False])
def test_a_person_is_known_at_once(call, word, wait_for_beep):
    """Nobody waits for a beep of a human."""
    action = call.detect_answering_machine()

    report(call, action, word)
    found = action.detection(wait_for_beep=wait_for_beep, timeout=0)

    assert (word, False, False) == (found.answer, found.ready, found.beep)
    assert action.wait(0).timestamp == found.at
    assert 1 == len(found.events)


def test_a_machine_is_waited_for_until_it_is_ready(call):
    """With wait_for_beep; NOT_READY begins the waiting anew."""
    action = call.detect_answering_machine()
    report(call, action, "MACHINE")
    assert "MACHINE" == action.detection(timeout=0).answer

    with pytest.raises(TimeoutError):
        action.detection(wait_for_beep=True, timeout=0)
    report(call, action, "READY", beep=False)
    report(call, action, "NOT_READY")
    with pytest.raises(TimeoutError):
        action.detection(wait_for_beep=True, timeout=0)
    report(call, action, "READY", beep=True)

    found = action.detection(wait_for_beep=True, timeout=0)
    assert ("MACHINE", True, True) == (found.answer, found.ready, found.beep)
    assert ["MACHINE", "READY", "NOT_READY", "READY"] == [event.event for event in found.events]


def test_a_waiting_thread_hears_of_it(call):
    """detection() blocks until the verdict."""
    action = call.detect_answering_machine()
    found = []
    thread = threading.Thread(target=lambda: found.append(action.detection(wait_for_beep=True, timeout=10)))
    thread.start()

    report(call, action, "MACHINE")
    report(call, action, "READY")

    thread.join(60)
    assert [True] == [detection.ready for detection in found]


def test_the_end_of_the_detection_is_a_verdict_too(call):
    """finished without a word is UNKNOWN; without READY the machine is not ready."""
    silent, machine = call.detect_answering_machine(), call.detect_answering_machine()
    report(call, machine, "MACHINE")

    report(call, silent, "finished")
    report(call, machine, "finished")

    assert "UNKNOWN" == silent.detection(timeout=0).answer
    found = machine.detection(wait_for_beep=True, timeout=0)
    assert ("MACHINE", False) == (found.answer, found.ready)


def test_an_error_of_the_service_is_raised(call):
    """ActionFailed from detection(); wait() gives the event."""
    action = call.detect_answering_machine()

    report(call, action, "error")

    with pytest.raises(ActionFailed):
        action.detection(timeout=0)
    assert "error" == action.wait(0).event


def test_the_end_of_the_call_ends_the_waiting(call):
    """Also when the first result has settled wait() before."""
    action, other = call.detect_answering_machine(), call.detect_answering_machine()
    report(call, action, "MACHINE")

    tell_state(call, "ended", end_reason="hangup")
    call.session.run_timers()

    assert "MACHINE" == action.wait(0).event
    for each in (action, other):
        with pytest.raises(CallEnded):
            each.detection(wait_for_beep=True, timeout=0)


def test_stop_is_sent_until_the_detection_is_over(call):
    """The first result does not end it: it still listens for READY."""
    action = call.detect_answering_machine()
    report(call, action, "MACHINE")

    action.stop()
    assert "calling.detect.stop" == call.session.last[0]
    report(call, action, "finished")
    before = len(call.session.sent)
    action.stop()

    assert before == len(call.session.sent)


def test_a_detection_that_never_started_waits_for_nothing(call):
    """wait_started: the reply is the start, where the wire has no other."""
    assert call.detect_fax().wait_started(0).has_started
