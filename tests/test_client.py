"""The client as its users see it: inbound calls, contexts, messages, closing, forks, signals."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import ssl
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from scripted_server import SILENT, Link, Refusal, ScriptedServer, on_socket
from test_connection import Background
from test_dialing import FROM, TO, answer, on_dial

import swsync
from swsync.call import Call
from swsync.clock import RealClock, VirtualClock
from swsync.errors import (
    CallEnded,
    ConfigurationError,
    ConnectionClosed,
    ConnectionFailed,
    OutcomeUnknown,
    RelayError,
)
from swsync.events import parse_event

OK = {"code": "200", "message": "OK"}
WAIT = 60.0


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    """Virtual time that the test's own thread belongs to."""
    clock = VirtualClock()
    with clock.thread():
        yield clock


@pytest.fixture
def server(clock: VirtualClock) -> Iterator[ScriptedServer]:
    """A server that says yes, and tells of the end of calls that it ends."""
    server = ScriptedServer(clock)

    def end(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        link.reply(frame, OK)
        link.state(frame["params"]["call_id"], "ended", end_reason="hangup")
        return SILENT

    server.answers["calling.end"] = end
    yield server
    server.close()


@pytest.fixture
def client(server: ScriptedServer) -> Iterator[swsync.RelayClient]:
    """A client connected to it."""
    with swsync.RelayClient(**server.settings, contexts=["office"]) as client:
        yield client


# Inbound calls


def test_it_tells_where_it_connects_to() -> None:
    """``host`` is the bare host, as with the official SDK; ``url`` is the whole address."""
    client = swsync.RelayClient(project="p", token="t", host="ws://localhost:8080")
    assert ("localhost:8080", "ws://localhost:8080") == (client.host, client.url)
    assert "example.signalwire.com" == swsync.RelayClient(project="p", token="t", host="example.signalwire.com").host


def test_on_call_gets_each_call_on_a_thread_of_its_own(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """Handlers block without delaying each other, and may use blocking methods."""
    seen: dict[str, str] = {}

    @client.on_call
    def handle(call: Call) -> None:
        seen[call.call_id] = threading.current_thread().name
        call.answer()
        clock.sleep(100)
        call.hangup()

    for number in range(5):
        server.link.offer(f"c{number}")
    clock.sleep(50)
    assert {f"c{n}": f"swsync-call-c{n}" for n in range(5)} == seen
    clock.sleep(60)
    assert 5 == len(server.params("calling.end"))
    assert [] == client.calls


def test_handlers_by_context(client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock) -> None:
    """The context's own handler wins over the general one; its contexts are subscribed to."""
    seen: list[tuple[str, str]] = []

    @client.on_call(contexts=["sales"])
    def sales(call: Call) -> None:
        seen.append(("sales", call.context))

    @client.on_call()
    def general(call: Call) -> None:
        seen.append(("general", call.context))

    assert {"contexts": ["sales"]} == server.wait_for("signalwire.receive")
    server.link.offer("c1", "sales")
    server.link.offer("c2", "office")
    clock.sleep(1)
    assert [("general", "office"), ("sales", "sales")] == sorted(seen)


def test_a_handler_that_raises_is_logged_and_its_call_ended(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names the call."""

    @client.on_call
    def handle(call: Call) -> None:
        raise RuntimeError("mine")

    server.link.offer("c1")
    assert "c1" == server.wait_for("calling.end")["call_id"]
    clock.sleep(1)
    assert "on_call handler of call c1 raised" in caplog.text
    assert "mine" in caplog.text


def test_a_handler_that_returns_leaves_the_call(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """Ported code relies on it."""

    @client.on_call
    def handle(call: Call) -> None:
        call.answer()

    server.link.offer("c1")
    clock.sleep(20)
    assert [] == server.params("calling.end")
    assert ["c1"] == [call.call_id for call in client.calls]


def test_next_call_takes_offers_in_order(client: swsync.RelayClient, server: ScriptedServer) -> None:
    """By context, or whichever is first."""
    server.link.offer("c1", "office")
    server.link.offer("c2", "sales")
    server.link.offer("c3", "office")
    assert "c2" == client.next_call(5, context="sales").call_id
    assert ["c1", "c3"] == [client.next_call(5).call_id for _ in range(2)]
    with pytest.raises(TimeoutError):
        client.next_call(1)


def test_each_offer_goes_to_one_thread(client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock) -> None:
    """Twenty wait, twenty calls come: each gets another one."""
    waiting = [Background(clock, client.next_call, 100) for _ in range(20)]
    clock.sleep(1)
    for number in range(20):
        server.link.offer(f"c{number}")
    assert {f"c{n}" for n in range(20)} == {thread.outcome().call_id for thread in waiting}


def test_on_call_and_next_call_exclude_each_other(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """For the same context; others may differ."""
    client.on_call(print, contexts=["sales"])
    for context in (None, "sales"):
        with pytest.raises(ConfigurationError, match="on_call"):
            client.next_call(1, context=context)
    waiting = Background(clock, client.next_call, 30, "office")
    clock.sleep(1)
    for contexts in (None, ["office"]):
        with pytest.raises(ConfigurationError, match="next_call"):
            client.on_call(print, contexts=contexts)
    server.link.offer("c1", "office")
    assert "c1" == waiting.outcome().call_id


def test_an_offer_that_nobody_takes_is_passed_on(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """After five seconds; offered again it is an offer again."""
    before = clock.now()
    server.link.offer("c1")
    assert {"node_id": "n", "call_id": "c1"} == server.wait_for("calling.pass")
    assert 5 == pytest.approx(clock.now() - before)
    server.link.offer("c1")
    assert "c1" == client.next_call(1).call_id


def test_the_same_call_delivered_twice(client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock) -> None:
    """By frame id, and by call id: one handler runs, also when the call is long over."""
    seen: list[str] = []
    client.on_call(lambda call: seen.append(call.call_id))
    number = server.link.offer("c1")
    server.link.event("calling.call.receive", number, call_id="c1", context="office")
    server.link.offer("c1")
    clock.sleep(1)
    server.link.state("c1", "ended")
    clock.sleep(10)
    server.link.offer("c1")
    clock.sleep(1)
    assert ["c1"] == seen
    assert 3 == client.counters["duplicates"]
    server.wait_for_reply(number)
    assert 2 == server.replies.count(number)


def test_a_call_that_its_handler_passed_may_come_back(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """This client passed it: the second offer is news."""
    seen: list[Call] = []

    @client.on_call
    def handle(call: Call) -> None:
        seen.append(call)
        if len(seen) == 1:
            call.pass_()

    server.link.offer("c1")
    clock.sleep(1)
    server.link.offer("c1")
    clock.sleep(1)
    assert 2 == len(seen)
    assert seen[0] is not seen[1]


def test_a_passed_call_may_come_back_before_the_reply(client: swsync.RelayClient, server: ScriptedServer) -> None:
    """The new offer overtakes the reply to calling.pass; it is a call again, not a duplicate."""

    def pass_back(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        link.offer("c1")
        return OK

    server.answers["calling.pass"] = pass_back
    server.link.offer("c1")
    first = client.next_call(5)
    first.pass_()
    second = client.next_call(5)
    assert "c1" == second.call_id
    assert second is not first


def test_an_answer_without_reply_leaves_a_call_to_end(client: swsync.RelayClient, server: ScriptedServer) -> None:
    """The call may be on, and cost: close() ends it. One whose answer was refused is not ours."""
    server.answers["calling.answer"] = lambda link, frame: SILENT
    server.link.offer("c1")
    call = client.next_call(5)
    with pytest.raises(OutcomeUnknown):
        call.answer()
    assert call.is_owned

    server.answers["calling.answer"] = lambda link, frame: {"code": "409", "message": "no"}
    server.link.offer("c2")
    call = client.next_call(5)
    with pytest.raises(RelayError):
        call.answer()
    assert not call.is_owned


def test_calls_over_the_limit_are_passed_once_then_busy(server: ScriptedServer, clock: VirtualClock) -> None:
    """Counted; a place that gets free is used again."""
    with swsync.RelayClient(**server.settings, max_active_calls=2) as client:
        client.on_call(lambda call: None)
        for number in range(3):
            server.link.offer(f"c{number}")
        assert "c2" == server.wait_for("calling.pass")["call_id"]
        server.link.offer("c2")
        assert {"node_id": "n", "call_id": "c2", "reason": "busy"} == server.wait_for("calling.end")
        assert (1, 1) == (client.counters["passed"], client.counters["busy"])
        server.link.state("c0", "ended")
        clock.sleep(1)
        server.link.offer("c3")
        clock.sleep(1)
        assert {"c1", "c3"} == {call.call_id for call in client.calls}
        assert 1 == len(server.params("calling.pass"))


def test_a_call_that_ended_before_its_handler(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """It is not handled, and counted."""
    server.link.offer("c1")
    server.link.state("c1", "ended", end_reason="cancel")
    clock.sleep(0.1)
    with pytest.raises(TimeoutError):
        client.next_call(1)
    assert 1 == client.counters["abandoned"]
    seen: list[Call] = []
    client.on_call(seen.append)
    server.link.event("calling.call.receive", call_id="c2", node_id="n", context="office", call_state="ended")
    clock.sleep(1)
    assert [] == seen
    assert 2 == client.counters["abandoned"]


def test_an_offer_that_its_end_has_overtaken(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """Nobody is given a call that will never end."""
    server.link.state("c1", "ended", end_reason="cancel")
    server.link.offer("c1")
    with pytest.raises(TimeoutError):
        client.next_call(1)
    assert [] == client.calls


def test_calls_that_are_over_are_not_remembered_for_ever(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the latest of them, for a late offer."""
    monkeypatch.setattr("swsync.routing.REMEMBERED_CALLS", 3)
    for number in range(5):
        server.link.state(f"c{number}", "ended")
    clock.sleep(1)
    assert ["c2", "c3", "c4"] == list(client._router._over)


@pytest.mark.parametrize("ending", ["hangup", "gone", "close"])
def test_a_caller_who_hangs_up_is_no_error_of_the_handler(
    client: swsync.RelayClient,
    server: ScriptedServer,
    clock: VirtualClock,
    caplog: pytest.LogCaptureFixture,
    ending: str,
) -> None:
    """One quiet line says so, without a traceback; the same for what the handler of a closed client waits for."""
    caplog.set_level(logging.INFO)

    @client.on_call
    def handle(call: Call) -> None:
        call.answer()
        if ending == "gone":
            call.wait_for_ended()
            call.play_tts("Too late")
        else:
            call.play_tts("Hello").wait()

    server.link.offer("c1")
    clock.sleep(1)
    if ending == "close":
        client.close()
    else:
        server.link.state("c1", "ended", end_reason="hangup")
    clock.sleep(2)
    records = [record for record in caplog.records if record.name == "swsync.inbound"]
    assert [logging.INFO] == [record.levelno for record in records]
    assert [None] == [record.exc_info for record in records]
    assert "call c1 was over before its on_call handler was" in records[0].getMessage()


def test_an_end_of_another_call_is_an_error_of_the_handler(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller is still on the line, and would be talking to nobody: the call is ended, and the log says why."""

    @client.on_call
    def handle(call: Call) -> None:
        call.answer()
        raise CallEnded("busy")

    server.link.offer("c1")
    clock.sleep(1)
    assert "the on_call handler of call c1 raised; the call is ended" in caplog.text
    assert ["c1"] == [params["call_id"] for params in server.params("calling.end")]


# Contexts


def test_contexts_are_kept_over_reconnects(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """receive and unreceive change what the next connect asks for; what is there is not asked for again."""
    client.receive(["sales", "office"])
    assert {"contexts": ["sales"]} == server.params("signalwire.receive")[0]
    client.unreceive(["office"])
    assert {"contexts": ["office"]} == server.params("signalwire.unreceive")[0]
    server.link.end()
    assert ["sales"] == server.wait_for("signalwire.connect", 2)["contexts"]


def test_a_handler_whose_contexts_are_refused_is_not_kept(client: swsync.RelayClient, server: ScriptedServer) -> None:
    """The program heard that there would be no calls, so that next_call may take them."""
    server.answers["signalwire.receive"] = lambda link, frame: {"code": "402", "message": "Payment required"}
    with pytest.raises(RelayError):
        client.on_call(print, contexts=["sales"])
    with pytest.raises(TimeoutError):
        client.next_call(timeout=0.01, context="sales")


def test_a_message_without_an_id_cannot_be_waited_for(client: swsync.RelayClient, server: ScriptedServer) -> None:
    """It was sent, so it is given back; its wait says at once that nothing will come."""
    server.answers["messaging.send"] = lambda link, frame: {"code": "200", "message": "Sent"}
    message = client.send_message(to_number="+12025550100", from_number="+12025550199", body="Hello")
    with pytest.raises(RelayError, match="no id"):
        message.wait(5)


def test_a_refused_context_is_not_kept(client: swsync.RelayClient, server: ScriptedServer) -> None:
    """402 raises, and the next connect does not ask for it."""
    server.answers["signalwire.receive"] = lambda link, frame: {"code": "402", "message": "Payment required"}
    with pytest.raises(RelayError, match="Payment"):
        client.receive(["sales"])
    assert ["office"] == client.contexts


@pytest.mark.parametrize("contexts", ["office", [""], [1]])
def test_contexts_must_be_a_list_of_names(contexts: Any) -> None:
    """A plain string would be taken apart into letters."""
    with pytest.raises((TypeError, ValueError)):
        swsync.RelayClient("p", "t", contexts=contexts)


# Calls and their session


def connected_call(client: swsync.RelayClient, server: ScriptedServer, call_id: str = "c1") -> Call:
    on_dial(server, lambda link, tag: answer(link, tag, call_id))
    return client.dial_phone("+12025550100")


def test_a_short_loss_of_the_link_leaves_waits_alone(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """An action that finishes after the resume is finished."""
    call = connected_call(client, server)
    action = call.play_tts("hello")
    waiting = Background(clock, action.wait, 100)
    server.link.end()
    server.wait_for("signalwire.connect", 2)
    clock.sleep(1)
    server.link.event("calling.call.play", call_id="c1", control_id=action.control_id, state="finished")
    assert "finished" == waiting.outcome().state


@pytest.mark.parametrize("how", ["too long", "new session"])
def test_a_lost_session_fails_every_wait(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock, how: str
) -> None:
    """CallEnded("session_lost"); reconnecting goes on, and the old call is ended when there is a link."""
    told: list[str] = []
    client.on_connection(told.append)
    call = connected_call(client, server)
    action = call.play_tts("hello")
    waits = [
        Background(clock, action.wait),
        Background(clock, call.wait_for_ended),
        Background(clock, call.wait_for, "calling.call.play"),
    ]
    clock.sleep(1)
    if how == "too long":
        server.refuse = 1000  # eight tries may be over within the minute: their delays are drawn
    else:
        server.protocol = "protocol-2"
    before = clock.now()
    server.link.end()
    for wait in waits:
        with pytest.raises(CallEnded) as caught:
            wait.outcome()
        assert "session_lost" == caught.value.end_reason
    if how == "too long":
        assert 60 == pytest.approx(clock.now() - before)
    server.refuse = 0
    server.wait_for("signalwire.connect", 2, timeout=1000)
    assert "c1" == server.wait_for("calling.end")["call_id"]
    clock.sleep(1)
    assert client.is_connected
    assert told in (["lost", "session_lost", "resumed"], ["lost", "new_session"])


# Messages


def test_after_a_long_outage_calls_are_ended(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """However long there was no link: what was given up meanwhile is ended when it is back."""
    on_dial(server, answer)
    client.dial_phone("+12025550100")
    server.refuse = 60
    server.link.end()
    clock.sleep(40 * 60)
    assert client.is_connected
    assert "c1" == server.wait_for("calling.end", timeout=5)["call_id"]


def test_a_message_is_sent_and_its_states_find_it(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """Even when a state overtakes the reply that names the message."""

    def send(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        link.event("messaging.state", message_id="m1", message_state="queued")
        link.event("messaging.state", message_id="m1", message_state="delivered")
        return {**OK, "message_id": "m1"}

    server.answers["messaging.send"] = send
    message = client.send_message(to_number="+12025550100", from_number="+12025550199", body="hi", tags=["a"])
    assert "delivered" == message.wait(5).message_state  # type: ignore[attr-defined]
    assert {
        "context": "protocol-1",
        "to_number": "+12025550100",
        "from_number": "+12025550199",
        "body": "hi",
        "tags": ["a"],
    } == server.params("messaging.send")[0]
    with pytest.raises(ValueError, match="body"):
        client.send_message(to_number="+1", from_number="+2")


def test_a_call_whose_project_is_not_told_is_of_this_one(client: swsync.RelayClient, server: ScriptedServer) -> None:
    """As with the official SDK."""
    client.receive(["office"])
    server.link.offer("c1")
    server.link.offer("c2", project_id="another")

    assert [client.project, "another"] == [client.next_call(5).project_id for _ in range(2)]


def test_messages_without_an_end_are_not_kept_for_ever(
    client: swsync.RelayClient,
    server: ScriptedServer,
    clock: VirtualClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not every network tells of a delivery: the oldest is given up, whoever waits for it is told, and the log too."""
    monkeypatch.setattr("swsync.routing.MOST_MESSAGES", 2)
    numbers = iter("1234")
    server.answers["messaging.send"] = lambda link, frame: {"code": "200", "message_id": f"m{next(numbers)}"}
    sent = [client.send_message(to_number=TO, from_number=FROM, body="x") for _ in range(4)]
    for message in sent[:2]:
        with pytest.raises(RelayError, match="no end"):
            message.wait(0)
    assert "message m1 is followed no longer" in caplog.text
    for message in sent[2:]:
        server.link.event("messaging.state", message_id=message.message_id, message_state="delivered")
        assert "delivered" == message.wait(5).message_state  # type: ignore[attr-defined]


def test_empty_fields_of_a_message_are_not_sent(client: swsync.RelayClient, server: ScriptedServer) -> None:
    """As with the official SDK: a picture without a text has no body."""
    client.send_message(to_number="+1", from_number="+2", context="c", body="", media=["https://m"], tags=[], region="")

    assert {"context", "to_number", "from_number", "media"} == set(server.params("messaging.send")[0])


def test_messages_that_come_in(client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock) -> None:
    """In order, each once; a handler that raises costs one."""
    seen: list[str] = []

    @client.on_message
    def handle(message: Any) -> None:
        seen.append(message.body)
        if message.body == "0":
            raise RuntimeError("mine")

    for number in range(5):
        server.link.event("messaging.receive", f"f{number}", message_id=f"m{number}", body=str(number))
        server.link.event("messaging.receive", f"f{number}", message_id=f"m{number}", body=str(number))
    clock.sleep(1)
    assert ["0", "1", "2", "3", "4"] == seen


# Closing


def test_close_ends_what_this_client_dialed_or_answered(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """Not what was handed on or only offered, which is passed."""
    connected_call(client, server, "dialed")
    kept = connected_call(client, server, "kept")
    kept.leave()
    server.link.offer("answered")
    client.next_call(1).answer()
    server.link.offer("offered")
    clock.sleep(0.1)
    client.close()
    assert {"dialed", "answered"} == {params["call_id"] for params in server.params("calling.end")}
    assert ["offered"] == [params["call_id"] for params in server.params("calling.pass")]


def test_close_names_the_calls_that_it_could_not_end(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """They may go on, and cost: without a link nothing can be done about it, but it must be said."""
    connected_call(client, server, "costly")
    server.refuse = 1000
    server.link.end()
    clock.sleep(0.1)
    client.close()
    assert "may go on: costly" in caplog.text


def test_close_comes_back_for_calls_when_the_link_breaks_under_it(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a Ctrl-C in the midst of a write: it does not back off for longer than it has."""
    monkeypatch.setattr("swsync.connection.SHORTEST_DELAY", 4.0)
    on_dial(server, answer)
    call = client.dial_phone(TO)
    end = server.answers["calling.end"]

    def cut(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        server.answers["calling.end"] = end
        link.end()
        return SILENT

    server.answers["calling.end"] = cut
    client.close(timeout=2)
    assert "ended" == call.state
    assert [call.call_id] * 2 == [params["call_id"] for params in server.params("calling.end")]


def test_close_ends_calls_that_were_lost_with_their_link(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """Nobody holds them any more and their end is still owed: ``close`` makes a link for it."""
    connected_call(client, server, "lost")
    server.refuse = 1000
    server.link.end()
    clock.sleep(90)  # longer than call_grace
    assert [] == client.calls
    server.refuse = 0
    client.close()
    assert ["lost"] == [params["call_id"] for params in server.params("calling.end")]


def test_close_asks_again_for_the_end_of_a_call(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, when there was no reply for half of its time: the request may be lost on a link that is up."""
    connected_call(client, server, "costly")
    asked: list[str] = []

    def end(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        asked.append(frame["id"])
        return SILENT if len(asked) == 1 else OK

    server.answers["calling.end"] = end
    client.close()
    assert [asked[0]] * 2 == asked
    assert "may go on" not in caplog.text


def test_two_threads_that_close_at_once(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """One of them ends the calls, and the other one leaves it the link; both return when that is done, and no later."""
    call = connected_call(client, server)

    def end(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        clock.start(end_late, "late", (link, frame))
        return SILENT

    def end_late(link: Link, frame: dict[str, Any]) -> None:
        clock.sleep(1)
        link.state("c1", "ended")
        clock.sleep(0.1)
        link.reply(frame, OK)

    server.answers["calling.end"] = end
    before = clock.now()
    others = [Background(clock, client.close, 10.0) for _ in range(2)]
    for other in others:
        other.outcome()
        assert 1.0 <= clock.now() - before < 2.0
    assert "ended" == call.state
    assert ["c1"] == [params["call_id"] for params in server.params("calling.end")]


def test_close_names_lost_calls_that_it_could_not_end(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """As those that are up."""
    connected_call(client, server, "lost")
    server.refuse = 1000
    server.link.end()
    clock.sleep(90)
    client.close()
    assert "may go on: lost" in caplog.text


def test_close_can_leave_calls(client: swsync.RelayClient, server: ScriptedServer) -> None:
    """With calls="leave" nothing is ended; another word is an error."""
    connected_call(client, server)
    with pytest.raises(ValueError, match="leave"):
        client.close(calls="drop")  # type: ignore[arg-type]
    client.close(calls="leave")
    assert [] == server.params("calling.end")


@pytest.mark.parametrize("timeout", [float("inf"), 1e12, float("nan"), -1.0])
def test_any_number_of_seconds_will_do_for_the_end(timeout: float) -> None:
    """No lock and no thread can be waited for as long as that; NaN is no time at all."""
    server = ScriptedServer()
    with swsync.RelayClient(**server.settings) as client:
        connected_call(client, server)
        client.close(timeout)
        assert client.closed
        assert client.drain(timeout)
    assert "c1" == server.wait_for("calling.end", timeout=WAIT)["call_id"]


def test_close_is_idempotent_and_a_closed_client_says_so(client: swsync.RelayClient) -> None:
    """Every method raises ConnectionClosed afterwards."""
    client.close()
    client.close()
    client.disconnect()
    for use in (
        lambda: client.execute("calling.x", {}),
        lambda: client.dial_phone("+12025550100"),
        lambda: client.next_call(1),
        lambda: client.receive(["x"]),
        client.connect,
        lambda: client.send_message(to_number="+1", from_number="+2", body="x"),
    ):
        with pytest.raises(ConnectionClosed):
            use()
    assert client.closed
    assert "closed" in repr(client)


def test_close_fails_every_wait(client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock) -> None:
    """Calls, actions, offers: nobody hangs, and it takes no longer than it may."""
    call = connected_call(client, server)
    server.answers["calling.end"] = lambda link, frame: SILENT
    action = call.play_tts("x")
    waits = [
        Background(clock, action.wait),
        Background(clock, call.wait_for_ended),
        Background(clock, client.next_call),
        Background(clock, call.request, "calling.x"),
        Background(clock, client.run),
    ]
    server.answers["calling.x"] = lambda link, frame: SILENT
    clock.sleep(1)
    before = clock.now()
    client.close()
    assert clock.now() - before <= 2.5
    for wait in waits:
        try:
            wait.outcome(5)
        except (CallEnded, ConnectionClosed, OutcomeUnknown):
            pass


def test_close_from_a_callback_and_from_a_handler(server: ScriptedServer, clock: VirtualClock) -> None:
    """It does not wait for itself."""
    for how in ("callback", "handler"):
        client = swsync.RelayClient(**server.settings).connect()
        closed: list[float] = []

        def close(_: Any, client: swsync.RelayClient = client, closed: list[float] = closed) -> None:
            before = clock.now()
            client.close()
            closed.append(clock.now() - before)

        if how == "callback":
            client.on_message(close)
            server.link.event("messaging.receive", message_id="m")
        else:
            client.on_call(close)
            server.link.offer(f"call-{how}")
        client._connection.wait_over(30)
        clock.sleep(5)
        assert closed
        assert closed[0] <= 2
        client.close()


def test_a_client_before_connect(server: ScriptedServer) -> None:
    """It says what to do, and closes quietly."""
    client = swsync.RelayClient(**server.settings)
    with pytest.raises(ConnectionClosed, match="connect"):
        client.execute("calling.x", {})
    client.close()


def test_run_returns_when_the_client_is_closed(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """In any thread; signal handlers are the main thread's only."""
    running = Background(clock, client.run)
    clock.sleep(10)
    assert running.thread.is_alive()
    client.close()
    assert running.outcome() is None


def test_a_listener_that_raises_is_logged_and_the_others_run(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The next listener, the next event and the wait are not concerned."""
    call = connected_call(client, server)
    heard: list[str] = []

    def broken(event: Any) -> None:
        raise LookupError("mine")

    call.on("calling.call.play", broken)
    call.on("calling.call.play", lambda event: heard.append(event.state))
    action = call.play_tts("x")
    for state in ("playing", "finished"):
        server.link.event("calling.call.play", call_id="c1", control_id=action.control_id, state=state)
    assert "finished" == action.wait(1).state
    clock.sleep(1)
    assert ["playing", "finished"] == heard
    assert 2 == caplog.text.count("LookupError: mine")


def test_a_stuck_listener_surfaces(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is disabled, logged and counted; the wait of its call and other calls go on."""
    call, other = connected_call(client, server, "c1"), connected_call(client, server, "c2")
    heard: list[Any] = []
    call.on("calling.call.play", lambda event: clock.sleep(30))
    other.on("calling.call.play", heard.append)
    action = call.play_tts("x")
    for _ in range(500):
        server.link.event("calling.call.play", call_id="c1", control_id=action.control_id, state="playing")
    clock.sleep(5)
    for _ in range(600):
        server.link.event("calling.call.play", call_id="c1", control_id=action.control_id, state="playing")
    server.link.event("calling.call.play", call_id="c2", control_id="x", state="playing")
    server.link.event("calling.call.play", call_id="c1", control_id=action.control_id, state="finished")
    assert "finished" == action.wait(1).state
    clock.sleep(1)
    assert 1 == len(heard)
    assert 1 == client.counters["overloads"]
    assert "listener" in str(call.overload)
    assert other.overload is None
    assert "it is disabled" in caplog.text
    clock.sleep(60)


# Real sockets


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, str]:
    """A server context for localhost, and the file of its authority."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return context, str(path)


def settings(port: int, **more: Any) -> dict[str, Any]:
    return {"project": "p", "token": "t", "host": f"ws://127.0.0.1:{port}", **more}


def test_a_real_link_with_tls(tls: tuple[ssl.SSLContext, str]) -> None:
    """Requests from many threads at once, each its own reply."""
    context, ca_file = tls
    with on_socket(context) as (server, port):
        server.answers["calling.x"] = lambda link, frame: {**OK, "n": frame["params"]["n"]}
        with swsync.RelayClient("p", "t", host=f"localhost:{port}", ca_file=ca_file) as client:
            wrong: list[Any] = []
            barrier = threading.Barrier(16)

            def work(who: int) -> None:
                barrier.wait(WAIT)
                for number in range(50):
                    reply = client.execute("calling.x", {"n": [who, number]})
                    if [who, number] != reply["n"]:
                        wrong.append(reply)

            threads = [threading.Thread(target=work, args=(who,)) for who in range(16)]
            before = sys.getswitchinterval()
            sys.setswitchinterval(1e-5)
            try:
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join(60)
                    assert not thread.is_alive()
            finally:
                sys.setswitchinterval(before)
            assert [] == wrong


def test_a_real_link_that_breaks_comes_back() -> None:
    """The socket is cut; the next request goes over the next one."""
    with on_socket() as (server, port), swsync.RelayClient(**settings(port), clock=RealClock(10)) as client:
        server.link.end()
        server.wait_for("signalwire.connect", 2, timeout=WAIT)
        assert OK == client.execute("calling.x", {})


def test_two_clients_in_one_process() -> None:
    """There is no limit, and they do not disturb each other."""
    with on_socket() as (_, port), swsync.RelayClient(**settings(port)) as one:
        with swsync.RelayClient(**settings(port)) as two:
            assert OK == one.execute("calling.x", {}) == two.execute("calling.x", {})
        assert OK == one.execute("calling.x", {})


def test_a_second_client_after_a_failed_connect() -> None:
    """The first one leaves nothing that stands in its way."""
    with on_socket() as (_, port):
        with pytest.raises(ConnectionFailed):
            swsync.RelayClient("p", "t", host="ws://127.0.0.1:1").connect(timeout=0.5)
        with swsync.RelayClient(**settings(port)) as client:
            assert OK == client.execute("calling.x", {})


def test_inside_a_running_event_loop_and_in_a_worker_thread() -> None:
    """As in a notebook, and as in a web application."""

    def use(port: int) -> Any:
        with swsync.RelayClient(**settings(port)) as client:
            return client.execute("calling.x", {})

    async def cell(port: int) -> Any:
        return use(port)

    with on_socket() as (_, port):
        assert OK == asyncio.run(cell(port))
        results: list[Any] = []
        thread = threading.Thread(target=lambda: results.append(use(port)))
        thread.start()
        thread.join(WAIT)
        assert [OK] == results


def test_opening_and_closing_leaves_nothing() -> None:
    """No thread and no descriptor after a hundred cycles."""
    with on_socket() as (_, port):
        for _ in range(5):
            with swsync.RelayClient(**settings(port)) as client:
                client.execute("calling.x", {})
        gc.collect()
        before = (threading.active_count(), len(os.listdir("/proc/self/fd")))
        for _ in range(100):
            with swsync.RelayClient(**settings(port)) as client:
                client.execute("calling.x", {})
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            after = (threading.active_count(), len(os.listdir("/proc/self/fd")))
            if after[0] <= before[0] and after[1] <= before[1]:
                break
            time.sleep(0.05)
        assert after[0] <= before[0]
        assert after[1] <= before[1]


def says_fork_in_a_child(function: Any) -> bool:
    """Whether a function, called in a forked child, raises an error that explains it."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)  # a hang ends the child by a signal
        code = 1
        try:
            function()
        except ConnectionClosed as error:
            code = 0 if "fork" in str(error) else 2
        finally:
            os._exit(code)
    return 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_a_forked_child_gets_a_clear_error_and_the_parent_goes_on() -> None:
    """The child may also close or drop the client without harm, and make one of its own."""
    with on_socket() as (server, port), swsync.RelayClient(**settings(port)) as client:
        for _ in range(20):
            assert says_fork_in_a_child(lambda: client.close() or client.execute("calling.x", {}))
            assert OK == client.execute("calling.x", {})
        assert 1 == len(server.links)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_a_forked_child_writes_nothing_on_its_parents_socket() -> None:
    """Not even what is sent without waiting for a reply, as at the end of a ``with``."""
    with on_socket() as (server, port), swsync.RelayClient(**settings(port)) as client:
        on_dial(server, answer)
        call = client.dial_phone("+12025550100")
        assert says_fork_in_a_child(lambda: call.session.post("calling.play.stop", {"call_id": call.call_id}))
        assert OK == client.execute("calling.x", {})
        assert 1 == len(server.links)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_no_wait_hangs_in_a_forked_child() -> None:
    """What would wait for news that only the parent gets says so instead."""
    with on_socket() as (server, port), swsync.RelayClient(**settings(port)) as client:
        on_dial(server, answer)
        server.answers["messaging.send"] = lambda link, frame: {**OK, "message_id": "m1"}
        call = client.dial_phone("+12025550100")
        play, detect, join = call.play_tts("x"), call.detect_answering_machine(), call.connect_phone("+12025550102")
        message = client.send_message(to_number="+12025550100", from_number="+12025550199", body="x")
        waits = [
            play.wait, play.wait_started, detect.detection, join.wait_connected, join.wait_disconnected, message.wait,
            call.wait_for_ended, lambda: call.wait_for("calling.call.play"), lambda: swsync.wait([play]),
            lambda: list(swsync.as_completed([play])), client.next_call, client.run, lambda: client.drain(60),
        ]  # fmt: skip
        assert [] == [number for number, wait in enumerate(waits) if not says_fork_in_a_child(wait)]


PROGRAM = """
import os, signal, sys, threading, time
sys.path.insert(0, {tests!r})
import swsync
from interrupting import interrupted_when_blocked
client = swsync.RelayClient("p", "t", host="ws://127.0.0.1:{port}")
"""


def program(port: int, body: str) -> subprocess.Popen[str]:
    text = PROGRAM.format(tests=str(Path(__file__).parent), port=port) + textwrap.dedent(body)
    root = str(Path(__file__).parent.parent)
    return subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            cwd=root, env={**os.environ, "PYTHONPATH": root})  # fmt: skip


def finish(process: subprocess.Popen[str], seconds: float) -> tuple[str, str]:
    """Wait for the end of a program, which must come in time."""
    try:
        return process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise


@pytest.mark.parametrize(
    "wait",
    [
        "client.execute('calling.silent', {}, timeout=600)",
        "client.dial_phone('+12025550100')",
        "client.next_call()",
        "client.next_call(600)",
        "client.on_call(lambda call: call.wait_for_ended()) and client.next_call(1, context='z')",
    ],
)
def test_ctrl_c_ends_every_blocking_call(wait: str) -> None:
    """KeyboardInterrupt comes out of it, and the program ends."""
    if "on_call" in wait:
        wait = "client.run()"
    with on_socket() as (server, port):
        server.answers["calling.silent"] = server.answers["calling.dial"] = lambda link, frame: SILENT
        process = program(
            port,
            f"""
            client.connect()
            try:
                with interrupted_when_blocked():
                    {wait}
                print("returned")
            except KeyboardInterrupt:
                print("interrupted")
            client.close()
            """,
        )
        out, err = finish(process, WAIT)
        assert 0 == process.returncode, err
        assert out.strip() == ("returned" if "run" in wait else "interrupted"), err


def test_a_program_that_forgets_to_close_ends_and_ends_its_call() -> None:
    """The interpreter exits soon, and no paid call goes on."""
    with on_socket() as (server, port):
        on_dial(server, answer)
        process = program(port, "client.connect(); client.dial_phone('+12025550100'); print('done')")
        out, err = finish(process, WAIT)
        assert ("done", 0) == (out.strip(), process.returncode), err
        assert "c1" == server.wait_for("calling.end", timeout=WAIT)["call_id"]


def test_draining_does_not_wait_for_calls_that_were_handed_on(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """Somebody else carries them on."""
    server.link.offer("c1")
    call = client.next_call(5)
    call.answer()
    call.transfer("context:other")
    before = clock.now()
    assert client.drain(60)
    assert clock.now() - before < 5


def test_a_second_sigterm_does_not_keep_run_from_ending_its_calls() -> None:
    """It comes while the client closes, and waits for RELAY's word on the end of a call."""
    with on_socket() as (server, port):
        on_dial(server, answer)

        def end(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
            process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            link.reply(frame, OK)
            link.state("c1", "ended")
            return SILENT

        server.answers["calling.end"] = end
        process = program(
            port,
            """
            client.connect()
            client.dial_phone("+12025550100")
            with interrupted_when_blocked(signal.SIGTERM):
                client.run(drain_timeout=0.3)
            print("over")
            """,
        )
        out, err = finish(process, WAIT)
        assert ("over", 0) == (out.strip(), process.returncode), err


def test_sigterm_drains_run() -> None:
    """No more calls are taken, the one there is may finish, then the program ends; the old handler is back."""
    with on_socket() as (server, port):
        ready = threading.Event()
        server.answers["calling.answer"] = lambda link, frame: (ready.set(), server.pick_up(link, frame))[1]
        server.answers["signalwire.unreceive"] = lambda link, frame: (
            threading.Timer(0.5, link.state, ("c1", "ended")).start(),
            OK,
        )[1]
        process = program(
            port,
            """
            def handle(call):
                call.answer()
                call.wait_for_ended()
                print("finished", flush=True)

            client.on_call(handle, contexts=["office"])
            before = signal.getsignal(signal.SIGTERM)
            client.run()
            assert before == signal.getsignal(signal.SIGTERM)
            print("over")
            """,
        )
        server.wait_for("signalwire.connect", timeout=WAIT)
        server.link.offer("c1")
        assert ready.wait(WAIT)
        process.send_signal(signal.SIGTERM)
        out, err = finish(process, WAIT)
        assert (["finished", "over"], 0) == (out.split(), process.returncode), err
        assert {"contexts": ["office"]} == server.params("signalwire.unreceive")[0]


def test_wrong_credentials_on_a_real_link() -> None:
    """A typed error after three attempts, none of which shows the token."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    logging.getLogger("swsync").addHandler(handler)
    try:
        with on_socket() as (server, port):

            def refuse(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
                raise Refusal(-32002, "Authentication failed")

            server.answers["signalwire.connect"] = refuse
            client = swsync.RelayClient("p", "very-secret", host=f"ws://127.0.0.1:{port}", clock=RealClock(20))
            with pytest.raises(swsync.errors.AuthenticationFailed):
                client.connect(timeout=200)
    finally:
        logging.getLogger("swsync").removeHandler(handler)
    assert not [record for record in records if "very-secret" in record.getMessage()]


def test_a_call_id_cannot_forge_a_line_of_the_log(
    client: swsync.RelayClient, server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    """An id with a line break is nothing that RELAY sends: no call of it, no line of it."""
    server.link.offer("c1\n2026-01-01 root CRITICAL forged")
    with pytest.raises(TimeoutError):
        client.next_call(20)
    assert 1 == client.counters["protocol_errors"]
    assert "forged" not in caplog.text


def test_an_event_that_parses_to_nothing_is_routed_nowhere(client: swsync.RelayClient) -> None:
    """Unknown events of unknown calls are no error."""
    client._router.receive({"event_type": "calling.call.state", "params": {"call_id": "x"}})
    assert "x" == parse_event({"event_type": "a", "params": {"call_id": "x"}}).call_id
