"""Actions: exactly the controls of the wire, and what their waits come to."""

from __future__ import annotations

import pytest
from fake_session import FakeSession, make_call, tell, tell_state

from swsync import devices
from swsync.errors import ActionFailed, CallEnded, CallGone, OutcomeUnknown

LONG = 60.0
TTS = {"type": "tts", "params": {"text": "hi"}}
CONTROLS = {"stop", "pause", "resume", "volume", "start_input_timers"}

# How each action is started, and the controls that its wire has.
ACTIONS = {
    "play": (lambda c: c.play([TTS]), {"stop", "pause", "resume", "volume"}),
    "record": (lambda c: c.record(), {"stop", "pause", "resume"}),
    "collect": (lambda c: c.collect(), {"stop", "start_input_timers"}),
    "play_and_collect": (lambda c: c.play_and_collect([TTS], {}), {"stop", "volume", "start_input_timers"}),
    "detect": (lambda c: c.detect({}), {"stop"}),
    "tap": (lambda c: c.tap_audio(direction="both", device={"type": "ws", "uri": "wss://e.com/x"}), {"stop"}),
    "stream": (lambda c: c.stream("wss://e.com/x"), {"stop"}),
    "transcribe": (lambda c: c.transcribe(), {"stop"}),
    "send_fax": (lambda c: c.send_fax("https://e.com/x.pdf"), {"stop"}),
    "receive_fax": (lambda c: c.receive_fax(), {"stop"}),
    "pay": (lambda c: c.pay("https://e.com/pay"), {"stop"}),
    "ai": (lambda c: c.ai(), {"stop"}),
    "send_digits": (lambda c: c.send_digits("1"), set()),
    "connect": (lambda c: c.connect_phone("+1"), set()),
}
ENDS_WITH_CALL = {"tap", "stream", "transcribe", "ai", "connect"}


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_has_exactly_the_controls_of_the_wire(name):
    """No play_and_collect.pause, no tap.volume: what does not exist cannot be called."""
    begin, controls = ACTIONS[name]

    action = begin(make_call())

    assert controls == {control for control in CONTROLS if hasattr(action, control)}


@pytest.mark.parametrize("name", sorted(set(ACTIONS)))
def test_the_end_of_the_call_ends_every_action(name):
    """With a made-up finished event where that is a good end, else with CallEnded. Nothing waits for ever."""
    call = make_call()
    action = ACTIONS[name][0](call)

    tell_state(call, "ended", end_reason="hangup")
    call.session.run_timers()

    if name in ENDS_WITH_CALL:
        assert action.wait(0).synthetic
        assert action.completed
    else:
        with pytest.raises(CallEnded) as info:
            action.wait(0)
        assert "hangup" == info.value.end_reason
        assert (True, False, None) == (action.is_done, action.completed, action.result)
    assert () == call._actions


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_no_action_starts_on_an_ended_call(name):
    """CallGone, and no request."""
    call = make_call()
    tell_state(call, "ended")

    with pytest.raises(CallGone):
        ACTIONS[name][0](call)
    assert [] == call.session.sent


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_a_gone_call_raises(name):
    """404 is no success with an empty event, as it is in the official SDK."""
    call = make_call()
    call.session.reply = CallGone(404, "gone")

    with pytest.raises(CallGone):
        ACTIONS[name][0](call)
    assert () == call._actions


@pytest.mark.parametrize("name", [name for name in ACTIONS if "stop" in ACTIONS[name][1]])
def test_stop_is_repeatable_and_knows_a_gone_call(name):
    """Sent as idempotent; 404 is as good as stopped."""
    call = make_call()
    action = ACTIONS[name][0](call)
    call.session.reply = CallGone(410, "gone")

    assert {} == action.stop()
    assert [f"calling.{name}.stop"] == call.session.idempotent


def test_the_last_event_is_in_the_error():
    """CallEnded carries what the action had heard last."""
    call = make_call()
    play = call.play_tts("hi")
    tell(call, "calling.call.play", control_id=play.id, state="playing")

    tell_state(call, "ended", end_reason="hangup")
    call.session.run_timers()

    with pytest.raises(CallEnded) as info:
        play.wait(0)
    assert "playing" == info.value.last_event.state
    assert play is play.wait_started(0)


def test_a_timeout_changes_nothing():
    """The builtin error, and the action goes on."""
    call = make_call()
    play = call.play_tts("hi")

    with pytest.raises(TimeoutError, match="goes on"):
        play.wait(0.01)
    with pytest.raises(TimeoutError):
        play.wait_started(0.01)

    tell(call, "calling.call.play", control_id=play.id, state="finished")
    assert "finished" == play.wait(0).state


def test_each_waiter_gets_an_exception_of_its_own():
    """Raising one instance in many threads would collect their tracebacks."""
    call = make_call()
    play = call.play_tts("hi")
    call._abandon(lambda: CallEnded("closed"))
    errors = []

    for _ in range(2):
        with pytest.raises(CallEnded) as info:
            play.wait(0)
        errors.append(info.value)

    assert errors[0] is not errors[1]


@pytest.mark.parametrize("state", ["finished", "error"])
def test_play_ends_with_its_state(state):
    """wait() gives the event; whether it went well stands in it."""
    call = make_call()
    play = call.play_tts("hi")

    tell(call, "calling.call.play", control_id=play.id, state=state)

    assert state == play.wait(0).state
    assert play.completed


def test_an_error_before_the_start_fails_wait_started():
    """A file that cannot be fetched never plays."""
    call = make_call()
    play = call.play_audio("https://e.com/missing.mp3")

    tell(call, "calling.call.play", control_id=play.id, state="error")

    with pytest.raises(ActionFailed):
        play.wait_started(0)


def test_a_play_too_short_to_be_seen_playing_has_started():
    """finished without playing is no failure here."""
    call = make_call()
    play = call.play_silence(0.01)

    tell(call, "calling.call.play", control_id=play.id, state="finished")

    assert play is play.wait_started(0)


def test_paused_is_a_state_and_no_end():
    """pause and resume show in state."""
    call = make_call()
    play = call.play_tts("hi")

    for state in ("playing", "paused", "playing"):
        tell(call, "calling.call.play", control_id=play.id, state=state)
        assert (state, False) == (play.state, play.is_done)


def test_a_prompt_is_ended_by_collect_events_only():
    """play_and_collect shares its control_id between two event types."""
    call = make_call()
    prompt = call.prompt_tts("digits?", {"digits": {"max": 1}})

    tell(call, "calling.call.play", control_id=prompt.id, state="finished")
    assert not prompt.is_done
    result = {"type": "digit", "params": {"digits": "1", "terminator": "#"}}
    tell(call, "calling.call.collect", control_id=prompt.id, result=result, final=True)

    assert result == prompt.wait(0).result


@pytest.mark.parametrize("state", ["finished", "error", "no_input", "no_match"])
def test_a_collect_ends_without_a_result_too(state):
    """By its state."""
    call = make_call()
    collect = call.collect(digits={"max": 1})

    tell(call, "calling.call.collect", control_id=collect.id, state=state)

    assert state == collect.wait(0).state


CONTINUOUS = {
    "collect": lambda c: c.collect(continuous=True),
    "play_and_collect": lambda c: c.play_and_collect([TTS], {"continuous": True}),
    "partial": lambda c: c.collect(partial_results=True),
}


@pytest.mark.parametrize("way", CONTINUOUS)
def test_a_collect_that_goes_on_can_be_stopped(way):
    """wait() has the first result; the action knows the next ones, and what is left of it can be stopped, once."""
    call = make_call()
    collect = CONTINUOUS[way](call)
    words = {} if way != "partial" else {"state": "collecting", "final": False}
    first, second = ({"type": "digit", "params": {"digits": digits}} for digits in "12")

    tell(call, "calling.call.collect", control_id=collect.id, result=first, **words)
    assert first == collect.wait(0).result
    tell(call, "calling.call.collect", control_id=collect.id, result=second, **words)
    assert second == collect.last_event.result
    assert first == collect.wait(0).result
    collect.stop()
    assert f"calling.{collect._verb}.stop" == call.session.last[0]
    tell(call, "calling.call.collect", control_id=collect.id, state="finished")
    sent = len(call.session.sent)
    assert {} == collect.stop()
    assert sent == len(call.session.sent)


@pytest.mark.parametrize("fields", [{}, {"final": True}, {"state": "finished"}], ids=repr)
def test_a_collect_with_its_result_has_nothing_to_stop(fields):
    """Whether or not the service adds that it was the last."""
    call = make_call()
    collect = call.collect(digits={"max": 1})
    tell(call, "calling.call.collect", control_id=collect.id, result={"type": "digit"}, **fields)
    sent = len(call.session.sent)
    assert {} == collect.stop()
    assert sent == len(call.session.sent)


@pytest.mark.parametrize("state", ["finished", "no_input"])
def test_a_recording_ends_with_its_file(state):
    """url is where the file is."""
    call = make_call()
    record = call.record({"beep": True})

    tell(call, "calling.call.record", control_id=record.id, state="recording")
    assert record is record.wait_started(0)
    tell(
        call, "calling.call.record", control_id=record.id, state=state, record={"url": "https://e.com/r", "duration": 3}
    )

    assert (state, 3.0) == (record.wait(0).state, record.wait(0).duration)
    assert "https://e.com/r" == record.url


@pytest.mark.parametrize("params", [{"state": "finished"}, {"fax": {"type": "finished", "params": {"success": True}}}])
def test_a_fax_ends_by_its_state_or_its_type(params):
    """The wire has two ways to say it; a page is none of them."""
    call = make_call()
    fax = call.send_fax("https://e.com/x.pdf")

    tell(call, "calling.call.fax", control_id=fax.id, fax={"type": "page"})
    assert not fax.is_done
    tell(call, "calling.call.fax", control_id=fax.id, **params)

    assert fax.is_done


def test_digits_are_waited_for():
    """send_digits returns at the reply; wait() when they are out."""
    call = make_call()
    sending = call.send_digits("12#")

    assert not sending.is_done
    tell(call, "calling.call.send_digits", control_id=sending.id, state="finished")

    assert "finished" == sending.wait(0).state


@pytest.mark.parametrize("digits", ["", "12E", "1 2", "+1", "1\n"])
def test_what_is_no_digit_is_refused(digits):
    """Before anything is sent."""
    with pytest.raises(ValueError, match="digits"):
        make_call().send_digits(digits)


def test_an_action_whose_reply_is_lost_raises_and_is_forgotten():
    """OutcomeUnknown is the caller's, and names what may be running; the action is not left behind."""
    call = make_call()
    call.session.reply = OutcomeUnknown(message="no reply")

    with pytest.raises(OutcomeUnknown) as caught:
        call.play(media=[], control_id="greeting")
    assert "greeting" == caught.value.control_id
    assert () == call._actions


def test_an_interrupted_request_leaves_no_action_behind():
    """Ctrl-C while waiting for the reply."""
    call = make_call()
    call.session.reply = KeyboardInterrupt()

    with pytest.raises(KeyboardInterrupt):
        call.play_tts("hi")
    assert () == call._actions


def test_on_completed_runs_with_the_last_event():
    """Queued under the call's key, after the waiters."""
    call = make_call()
    done = []
    play = call.play_tts("hi", on_completed=done.append)

    tell(call, "calling.call.play", control_id=play.id, state="playing")
    assert [] == done
    tell(call, "calling.call.play", control_id=play.id, state="finished")
    tell(call, "calling.call.play", control_id=play.id, state="finished")

    assert [play.result] == done


def test_ai_hands_the_call_over_until_it_stops():
    """A call with an agent on it is not ended by close()."""
    call = make_call(direction="outbound")
    agent = call.ai(prompt={"text": "hi"})
    assert not call.is_owned

    agent.stop()

    assert call.is_owned


@pytest.mark.parametrize("media", [devices.tts("hi"), {"type": "tts", "params": {"text": "hi"}}, "hi"])
def test_one_medium_without_its_list_is_explained(media):
    """A dict is a sequence of its keys too: it must not be sent as such."""
    call = make_call()
    for verb in (call.play, lambda media: call.play_and_collect(media, {"digits": {"max": 1}})):
        with pytest.raises(ValueError, match="is a list"):
            verb(media)
    assert [] == call.session.sent


def test_a_path_is_explained_before_it_is_played():
    """SignalWire cannot fetch a file of this machine; every way to play says so before it sends."""
    call = make_call(FakeSession(is_local_host=True))
    audio = [{"type": "audio", "params": {"url": "greeting.wav"}}]
    ways = [
        lambda: call.play_audio("/home/me/greeting.wav"),
        lambda: call.play_audio("file:///home/me/greeting.wav"),
        lambda: call.prompt_audio("C:\\greeting.wav", {"digits": {"max": 1}}),
        lambda: call.play(audio),
        lambda: call.play_and_collect(audio, {}),
        lambda: call.connect([[{"type": "phone", "params": {}}]], ringback=audio),
    ]

    for way in ways:
        with pytest.raises(ValueError, match="web server"):
            way()
    assert [] == call.session.sent
