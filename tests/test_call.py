"""The life of a call: its state, its waits, its listeners, and what ends them."""

from __future__ import annotations

import contextlib
import threading

import pytest
from fake_session import CALL, NODE, FakeSession, make_call, tell, tell_state

from swsync.clock import REAL, VirtualClock
from swsync.errors import CallEnded, CallGone, ConnectionClosed, ConnectionLost, OutcomeUnknown, RelayError
from swsync.states import CallState

LONG = 60.0  # seconds that no test should ever need
SHORT = 0.02


def in_thread(function):
    """Run a function in a thread; gives a function that waits for its result or raises what it raised."""
    outcome = {}

    def run():
        try:
            outcome["value"] = function()
        except BaseException as error:
            outcome["error"] = error

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def join():
        thread.join(LONG)
        assert not thread.is_alive()
        if "error" in outcome:
            raise outcome["error"]
        return outcome["value"]

    return join


def until(condition):
    """Wait until something is so that another thread is about to make so."""
    deadline = REAL.now() + LONG
    while not condition():
        assert REAL.now() < deadline
        REAL.sleep(0.001)


def test_a_call_moves_forward_only():
    """A state that was overtaken changes nothing; an unknown word neither."""
    call = make_call(state="created")

    for state in ("ringing", "answered", "ringing", "sleeping", "ending"):
        tell_state(call, state)

    assert CallState.ENDING is call.state
    assert "ending" == call.state


def test_the_properties_of_a_phone_call():
    """from_, to and type are read from the device, by the names of the wire."""
    device = {"type": "phone", "params": {"from_number": "+1", "to_number": "+2"}}
    call = make_call(device=device, context="office", tag="t", segment_id="s", project_id="p")

    assert ("phone", "+1", "+2", []) == (call.type, call.from_, call.to, call.headers)
    assert ("office", "t", "s", "p") == (call.context, call.tag, call.segment_id, call.project_id)
    assert (CALL, CALL, NODE, "inbound") == (call.call_id, call.id, call.node_id, call.direction)
    assert (True, False, None) == (call.active, call.connected, call.peer)


def test_a_dialed_call_learns_its_segment_from_its_states():
    """An offer names it at once; it stays what it was first."""
    call = make_call(state="created", direction="outbound")
    assert not call.segment_id

    tell_state(call, "ringing", segment_id="s")
    tell_state(call, "answered", segment_id="t")
    assert "s" == call.segment_id


def test_the_properties_of_a_sip_call():
    """SIP devices say from and to, and have headers."""
    headers = [{"name": "X-A", "value": "b"}]
    call = make_call(device={"type": "sip", "params": {"from": "sip:a@b", "to": "sip:c@d", "headers": headers}})

    assert ("sip", "sip:a@b", "sip:c@d", headers) == (call.type, call.from_, call.to, call.headers)


def test_a_call_without_a_device_has_empty_properties():
    """Nothing raises where the wire said nothing."""
    call = make_call(device=None)

    assert ("", "", "", []) == (call.type, call.from_, call.to, call.headers)


def test_answer_blocks_until_answered():
    """RELAY's reply is not enough: the event decides."""
    session = FakeSession()
    call = make_call(session, state="ringing")
    session.reply = lambda method, params: tell_state(call, "answered") or {"code": "200"}

    assert {"code": "200"} == call.answer(max_duration=5, timeout=LONG)
    assert ("calling.answer", {"max_duration": 5}) == session.last
    assert call.active


def test_answer_fails_when_the_caller_hangs_up():
    """A call that ends while it is being answered is not waited for."""
    session = FakeSession()
    call = make_call(session, state="ringing")
    session.reply = lambda method, params: tell_state(call, "ended", end_reason="cancel") or {"code": "200"}

    with pytest.raises(CallEnded) as info:
        call.answer(timeout=LONG)

    assert "cancel" == info.value.end_reason


@pytest.mark.parametrize(
    "first", [None, OutcomeUnknown(-1, "no reply", "calling.answer")], ids=["answered", "reply lost"]
)
def test_a_second_answer_that_is_refused_changes_nothing(first):
    """The call is on, and this client's own to end: the first one has answered it."""
    session = FakeSession()
    call = make_call(session, state="ringing")
    session.reply = first or (lambda method, params: tell_state(call, "answered") or {"code": "200"})
    with contextlib.suppress(OutcomeUnknown):
        call.answer(timeout=LONG)
    assert call.is_owned

    session.reply = RelayError(409, "answered already")
    with pytest.raises(RelayError, match="already"):
        call.answer(timeout=LONG)
    assert call.is_owned


def test_a_second_pass_that_is_refused_changes_nothing():
    """It is somebody else's."""
    call = make_call(state="ringing")
    call.pass_()
    call.session.reply = RelayError(409, "no offer")
    with pytest.raises(RelayError):
        call.pass_()
    assert call.is_passed


def test_answer_without_the_event_times_out():
    """No wait hangs: the answered state is waited for by a clock."""
    call = make_call(state="ringing")

    with pytest.raises(TimeoutError):
        call.answer(timeout=SHORT)


def test_hangup_sends_its_reason():
    """The reason goes to the wire, and the request may be sent again after a lost reply."""
    call = make_call()

    assert {"code": "200", "message": "OK"} == call.hangup("busy")
    assert ("calling.end", {"reason": "busy"}) == call.session.last
    assert ["calling.end"] == call.session.idempotent


def test_hangup_of_an_ended_call_does_nothing():
    """Neither a call known to be over nor one that RELAY calls gone is an error."""
    call = make_call()
    call.session.reply = CallGone(404, "gone")
    assert {} == call.hangup()

    tell_state(call, "ended")
    call.session.sent.clear()
    assert {} == call.hangup()
    assert [] == call.session.sent


def test_a_hangup_that_finds_no_call_ends_every_wait():
    """RELAY does not know the call: should the event of its end have been lost, nobody waits for it for ever."""
    call = make_call()
    play = call.play_tts("hi")
    call.session.reply = CallGone(404, "gone")

    call.hangup()
    call.session.run_timers()
    call.session.run_timers()

    assert call.wait_for_ended(0).synthetic
    with pytest.raises(CallEnded):
        play.wait(0)


def test_a_hangup_whose_end_is_never_told_ends_every_wait():
    """RELAY said yes: a call whose event was lost must not keep anybody waiting for ever."""
    call = make_call()
    call.hangup()
    with pytest.raises(TimeoutError):
        call.wait_for_ended(0)

    call.session.run_timers()

    assert call.wait_for_ended(0).synthetic


@pytest.mark.parametrize(
    ("verb", "code"), [("play_tts", 410), ("send_digits", 410), ("answer", 404), ("answer", 410), ("pass_", 410)]
)
def test_a_verb_that_finds_no_call_ends_every_wait(verb, code):
    """As a hangup does: a call whose end was never told would count as one of the client's calls for good."""
    call = make_call()
    call.session.reply = CallGone(code, "gone")

    with pytest.raises(CallGone):
        getattr(call, verb)(*{"play_tts": ["hi"], "send_digits": ["1"]}.get(verb, []))
    call.session.run_timers()

    assert call.wait_for_ended(0).synthetic


def test_a_404_of_a_verb_may_be_about_something_else():
    """A queue that the call is not in, for one: the call goes on."""
    call = make_call()
    call.session.reply = CallGone(404, "no such queue")

    with pytest.raises(CallGone):
        call.queue_leave("sales")
    call.session.run_timers()

    with pytest.raises(TimeoutError):
        call.wait_for_ended(0)


def test_the_event_of_the_end_may_come_after_the_word_that_the_call_is_gone():
    """It is the end then, with its reason, and comes once."""
    call = make_call()
    heard = []
    call.on("calling.call.state", heard.append)
    call.session.reply = CallGone(404, "gone")

    call.hangup()
    tell_state(call, "ended", end_reason="busy")
    call.session.run_timers()

    assert "busy" == call.wait_for_ended(0).end_reason
    assert 1 == len(heard)


def test_with_hangs_up():
    """The block's end is the call's end."""
    call = make_call()

    with call as same:
        assert same is call

    assert ("calling.end", {"reason": "hangup"}) == call.session.last


def test_with_hangs_up_also_on_an_error_and_does_not_mask_it():
    """The user's own exception comes out even if hanging up fails."""
    call = make_call()
    call.session.reply = ConnectionLost("the link broke")

    with pytest.raises(KeyError, match="mine"), call:
        raise KeyError("mine")

    assert "calling.end" == call.session.last[0]


def test_with_does_not_wait_when_interrupted():
    """Ctrl-C: the call is told to end, and no reply is waited for, which without a link would take ten seconds."""
    call = make_call()

    with pytest.raises(KeyboardInterrupt), call:
        raise KeyboardInterrupt

    assert [("calling.end", {"node_id": NODE, "call_id": CALL, "reason": "hangup"})] == call.session.sent


def test_with_reports_a_hangup_that_failed():
    """Without an error of the user's, the failure is not hidden."""
    call = make_call()
    call.session.reply = ConnectionClosed("closed")

    with pytest.raises(ConnectionClosed), call:
        pass


@pytest.mark.parametrize("give", [lambda call: call.leave(), lambda call: call.transfer("context:x")])
def test_with_lets_a_call_go_that_was_given_away(give):
    """leave() and transfer() hand the call on: the block's end does not end it."""
    call = make_call()

    with call:
        give(call)

    assert "calling.end" not in [method for method, _ in call.session.sent]


def test_pass_gives_the_call_up():
    """A passed call is routed no more, and nobody waits for it in vain."""
    call = make_call(state="ringing")

    call.pass_()

    assert ("calling.pass", {}) == call.session.last
    assert call.is_passed
    assert [call] == call.session.forgotten
    with pytest.raises(CallEnded, match="passed"):
        call.wait_for_ended(LONG)


def test_request_is_the_way_to_any_method():
    """None is left out, the rest goes as it is; the prefix is optional."""
    call = make_call()

    call.request("play.pause", control_id="T", extra=None, zero=0)
    call.request("calling.new_thing", name="x", timeout=3)

    assert [
        ("calling.play.pause", {"control_id": "T", "zero": 0}),
        ("calling.new_thing", {"name": "x", "timeout": 3}),
    ] == (call.session.sent)


def test_requests_raise_what_relay_says():
    """404 and 410 are CallGone, unlike the official SDK's silent {}."""
    call = make_call()
    call.session.reply = CallGone(410, "gone", "calling.denoise")

    with pytest.raises(CallGone):
        call.denoise()


@pytest.mark.parametrize("target", ["ringing", "answered", "ending", "ended"])
def test_waits_return_the_event_that_brings_the_state(target):
    """Each wait_for_x returns with the state event itself."""
    call = make_call(state="created")
    join = in_thread(lambda: getattr(call, f"wait_for_{target}")(LONG))

    tell_state(call, target, end_reason="hangup" if target == "ended" else "")

    assert target == join().call_state


def test_waits_return_at_once_when_past_the_state():
    """A state that was passed through is not waited for."""
    call = make_call(state="created")
    tell_state(call, "answered")
    tell_state(call, "ended")

    assert "ended" == call.wait_for_ringing(0).call_state
    assert "ended" == call.wait_for_answered(0).call_state
    assert "ended" == call.wait_for_ending(0).call_state


def test_a_wait_at_the_start_gives_an_event_too():
    """A state that no event has told yet comes in the form of one."""
    assert "answered" == make_call().wait_for_answered(0).params["call_state"]


def test_wait_for_answered_fails_when_the_call_ends_unanswered():
    """The official SDK waits for ever here."""
    call = make_call(state="ringing")
    join = in_thread(lambda: call.wait_for_answered(LONG))

    tell_state(call, "ended", end_reason="noAnswer")

    with pytest.raises(CallEnded) as info:
        join()
    assert "noAnswer" == info.value.end_reason


def test_waits_time_out_with_the_builtin_error():
    """And the call is as it was."""
    call = make_call()

    with pytest.raises(TimeoutError):
        call.wait_for_ended(SHORT)
    with pytest.raises(TimeoutError):
        call.wait_for("calling.call.play", timeout=SHORT)
    assert call.active


def test_wait_for_runs_the_predicate_in_the_waiting_thread():
    """User code never runs on the I/O thread."""
    call = make_call()
    threads = []
    ready = threading.Event()

    def predicate(event):
        threads.append(threading.current_thread())
        return event.state == "finished"

    def wait():
        me = threading.current_thread()
        ready.set()
        return me, call.wait_for("calling.call.play", predicate, LONG)

    join = in_thread(wait)
    assert ready.wait(LONG)
    until(lambda: call._waiters)
    tell(call, "calling.call.play", state="playing")
    tell(call, "calling.call.record", state="finished")
    tell(call, "calling.call.play", state="finished")

    me, event = join()
    assert "finished" == event.state
    assert [me, me] == threads
    assert () == call._waiters


def test_wait_for_fails_when_the_call_is_over():
    """An event that can no longer come is not waited for; one that comes right after the end still counts."""
    call = make_call()
    late = in_thread(lambda: call.wait_for("calling.call.play", timeout=LONG))
    never = in_thread(lambda: call.wait_for("calling.call.record", timeout=LONG))
    until(lambda: len(call._waiters) == 2)

    tell_state(call, "ended", end_reason="hangup")
    assert [0.5] == [timer.delay for timer in call.session.timers]
    tell(call, "calling.call.play", state="finished")
    call.session.run_timers()

    assert "finished" == late().state
    with pytest.raises(CallEnded) as info:
        never()
    assert "hangup" == info.value.end_reason
    assert [call] == call.session.forgotten


def test_a_lost_session_fails_every_wait():
    """Whoever waits hears of it, each with an exception of his own."""
    call = make_call()
    play = call.play_tts("hello")
    waits = [
        in_thread(lambda: call.wait_for("calling.call.play", timeout=LONG)),
        in_thread(lambda: call.wait_for_ended(LONG)),
        in_thread(lambda: play.wait(LONG)),
        in_thread(lambda: play.wait_started(LONG)),
        in_thread(lambda: play.wait(LONG)),
    ]

    call._abandon(lambda: CallEnded("session_lost"))

    errors = []
    for join in waits:
        with pytest.raises(CallEnded, match="session_lost") as info:
            join()
        errors.append(info.value)
    assert len(waits) == len({id(error) for error in errors})


def test_a_call_that_has_ended_keeps_its_end_when_the_client_closes():
    """In the half second in which last events may come: tap is finished, play says why, not that the client closed."""
    call = make_call()
    tap = call.tap({"type": "audio"}, {"type": "ws", "params": {"uri": "wss://example.com/tap"}})
    play = call.play_tts("hi")
    tell_state(call, "ended", end_reason="busy")

    call._abandon(lambda: CallEnded("closed"))

    assert tap.wait(0).synthetic
    with pytest.raises(CallEnded) as info:
        play.wait(0)
    assert "busy" == info.value.end_reason


def test_a_call_of_a_lost_session_starts_nothing_but_can_be_hung_up():
    """An action would never hear of its end; ending the call is still worth a try."""
    call = make_call()
    call._abandon(lambda: CallEnded("session_lost"))

    with pytest.raises(CallEnded):
        call.play_tts("hello")
    call.hangup()

    assert "calling.end" == call.session.last[0]


def test_listeners_get_events_and_can_be_taken_away():
    """on() gives the way to stop listening."""
    call = make_call()
    heard = []
    remove = call.on("calling.call.play", heard.append)

    tell(call, "calling.call.play", state="playing")
    remove()
    remove()
    tell(call, "calling.call.play", state="finished")

    assert ["playing"] == [event.state for event in heard]
    assert CALL == call.session.callbacks.ran[0][0]


def test_on_is_a_decorator_too():
    """Without a handler it decorates."""
    call = make_call()
    heard = []

    @call.on("calling.call.state")
    def listener(event):
        heard.append(event.call_state)

    tell_state(call, "ending")

    assert ["ending"] == heard
    assert callable(listener)


def test_listeners_run_after_the_state_and_the_waiters():
    """A callback finds the call as its event left it, and waiting in it works."""
    call = make_call()
    play = call.play_tts("x")
    found = []
    call.on("calling.call.play", lambda event: found.append((play.state, play.is_done, play.wait(0) is event)))

    tell(call, "calling.call.play", control_id=play.control_id, state="finished")

    assert [("finished", True, True)] == found


def test_short_names_of_the_older_sdks_give_the_action():
    """v3: call.on("tap.started", f)."""
    call = make_call()
    heard = []
    call.on("tap.started", heard.append)
    call.on("tap.ended", heard.append)
    device = {"type": "ws", "uri": "wss://example.com/x"}
    tap = call.tap_audio(direction="both", device=device)

    tell(call, "calling.call.tap", control_id=tap.id, state="tapping")
    tell(call, "calling.call.tap", control_id=tap.id, state="finished")

    assert [tap, tap] == heard


def test_listen_takes_the_keys_of_the_node_sdk():
    """Both spellings, several at once, and one function to take them all away."""
    call = make_call()
    heard = []
    remove = call.listen(
        {
            "onStateChanged": lambda subject: heard.append(("state", subject)),
            "on_playback_ended": lambda action: heard.append(("ended", action)),
            "onPlaybackFailed": lambda action: heard.append(("failed", action)),
        }
    )
    play = call.play_tts("x")

    tell(call, "calling.call.play", control_id=play.id, state="playing")
    tell(call, "calling.call.play", control_id=play.id, state="finished")
    tell_state(call, "ending")
    remove()
    tell_state(call, "ended")

    assert [("ended", play), ("state", call)] == heard


def test_listen_refuses_what_it_does_not_know():
    """A misspelt listener would never be called: better to say so."""
    with pytest.raises(ValueError, match="onTapBegun"):
        make_call().listen({"onTapBegun": print})


def test_a_wrong_argument_is_a_type_error():
    """No verb swallows keywords."""
    call = make_call()

    with pytest.raises(TypeError):
        call.play_tts("x", volum=3)
    with pytest.raises(TypeError):
        call.hangup(cause="busy")
    assert [] == call.session.sent


def test_who_ends_the_call():
    """A dialed or answered call is this client's own until it is handed on or over."""
    assert not make_call(state="ringing").is_owned
    dialed = make_call(direction="outbound")
    assert dialed.is_owned

    dialed.queue_enter("sales")
    assert not dialed.is_owned
    dialed.queue_leave("sales")
    assert dialed.is_owned
    dialed.leave()
    assert not dialed.is_owned

    answered = make_call()
    answered.answer()
    assert answered.is_owned
    tell_state(answered, "ended")
    assert not answered.is_owned


@pytest.mark.parametrize(
    ("hand_over", "event_type", "statuses"),
    [
        (lambda call: call.queue_enter("q"), "calling.call.queue", ["enqueue", "dequeue", "leave"]),
        (lambda call: call.join_conference("c"), "calling.conference", ["participant-join", "participant-leave"]),
    ],
    ids=["queue", "conference"],
)
def test_a_call_that_comes_back_is_this_clients_own(hand_over, event_type, statuses):
    """Whoever took it out, or if the reply to that was lost: the event is enough, else nobody would end it."""
    call = make_call(direction="outbound")
    hand_over(call)
    for status in statuses:
        assert not call.is_owned
        tell(call, event_type, status=status)
    assert call.is_owned


def test_a_refused_hand_over_leaves_the_call_with_this_client():
    """Only what RELAY took is somebody else's."""
    call = make_call(direction="outbound")
    call.session.reply = RelayError(409, "conflict")

    for hand_over in (
        lambda: call.transfer("context:x"),
        lambda: call.join_conference("c"),
        lambda: call.queue_enter("q"),
        call.ai,
    ):
        with pytest.raises(RelayError):
            hand_over()

    assert call.is_owned


@pytest.mark.parametrize("hand_over", [lambda call: call.join_conference("c"), lambda call: call.ai()])
def test_a_second_hand_over_that_is_refused_takes_nothing_back(hand_over):
    """The call is in its conference, or with its agent, still."""
    call = make_call(direction="outbound")
    hand_over(call)
    call.session.reply = RelayError(409, "already")
    with pytest.raises(RelayError):
        hand_over(call)
    assert not call.is_owned


def test_a_call_waits_in_virtual_time():
    """Timeouts are the session's clock's: an hour passes at once."""
    clock = VirtualClock()
    call = make_call(FakeSession(clock))
    start = clock.now()

    with clock.thread(), pytest.raises(TimeoutError):
        call.wait_for_ended(3600)

    assert 3600 <= clock.now() - start < 3601


def test_many_threads_wait_on_one_call():
    """One condition serves them all."""
    call = make_call()
    joins = [in_thread(lambda: call.wait_for_ended(LONG).call_state) for _ in range(20)]

    tell_state(call, "ended")

    assert ["ended"] * 20 == [join() for join in joins]
