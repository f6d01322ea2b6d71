"""SWAIG functions: an agent's web hook is asked for real, and the actions of its answer are run."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from swsync.clock import VirtualClock
from swsync.errors import ConfigurationError, ConnectionFailed, ProtocolError, SwsyncError
from swsync.localrelay import LocalCall, LocalRelay
from swsync.swaig import FunctionResult

from .hooks import Hooks, hooks
from .receivers import packets_of, udp_receiver
from .wire import Wire


def begin(wire: Wire, relay: LocalRelay, hook: Hooks, **more: Any) -> LocalCall:
    """Dial, and put an agent with one function on the call."""
    functions = [{"function": "help", "description": "Helps", "web_hook_url": hook.url, **more}, {"function": "mute"}]
    wire.result("calling.ai", **wire.dial(), control_id="a", SWAIG={"functions": functions}, global_data={"n": 1})
    return relay.calls[-1]


def answers(hook: Hooks, *results: Any) -> None:
    """Let the web hook answer with these."""
    hook.answers = [json.dumps(r.to_dict() if isinstance(r, FunctionResult) else r).encode() for r in results]


def test_what_a_web_hook_is_asked(wire: Wire, relay: LocalRelay) -> None:
    """The name, the arguments, the call, and the data that functions keep; a password in the URL becomes a header."""
    with hooks() as hook:
        data = [{"set_global_data": {"n": 2, "m": 3}}, {"unset_global_data": "n"}, {"set_meta_data": {"seen": True}}]
        answers(hook, {"response": "ok", "action": data}, {"response": "ok"})
        url = hook.url.replace("http://", "http://user:pass%20word@")
        call = begin(wire, relay, hook, meta_data={"a": 1}, meta_data_token="tk", web_hook_url=url)
        call.call_function("help", {"who": "me"})
        call.call_function("help")
        first, second = hook.posts
    assert ("help", [{"who": "me"}], "2.0") == (first["function"], first["argument"]["parsed"], first["version"])
    assert {"who": "me"} == json.loads(first["argument"]["raw"])
    assert (call.call_id, "+12025550199", "text/swaig") == (
        first["call_id"], first["caller_id_num"], first["content_type"])  # fmt: skip
    assert ({"n": 1}, {"m": 3}) == (first["global_data"], second["global_data"])
    assert ({"a": 1}, {"a": 1, "seen": True}, "tk") == (
        first["meta_data"],
        second["meta_data"],
        first["meta_data_token"],
    )
    assert f"Basic {base64.b64encode(b'user:pass word').decode()}" == hook.headers["Authorization"]


def test_taps_beside_the_agent(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """Two taps begin, one is stopped by name and one as the last; the client still controls the call."""
    with hooks() as hook, udp_receiver() as one, udp_receiver() as two:
        uris = ["rtp://{}:{}".format(*sock.getsockname()) for sock in (one, two)]
        started = FunctionResult("ok").tap(uris[0], "first", "speak").tap(uris[1], direction="hear", codec="PCMA")
        answers(hook, started, FunctionResult().stop_tap("first"), FunctionResult().stop_tap())
        call = begin(wire, relay, hook)
        call.call_function("help")
        clock.sleep(1)
        call.call_function("help")
        clock.sleep(1)
        call.call_function("help")
        clock.sleep(1)
        counts = [len(packets_of(sock)) for sock in (one, two)]
        about = {"call_id": call.call_id, "node_id": call.node_id}
        assert "200" == wire.result("calling.denoise", **about)["code"]
    assert [50, 100] == [round(count, -1) for count in counts]


def test_say_hold_and_hang_up(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """Actions run in order: words are heard before the call ends. What is only for the model stands in the journal."""
    with hooks() as hook:
        answers(hook, {"response": "bye", "action": [
            {"hold": 5}, {"change_voice": "x"}, {"dance": 1}, {"say": "Good bye."}, {"hangup": True}]})  # fmt: skip
        call = begin(wire, relay, hook)
        call.call_function("help")
        call.wait_for_ended(timeout=30)
    assert max(abs(sample) for sample in call.heard) > 1000
    notes = "\n".join(relay.journal.notes())
    assert "'change_voice' is for the model's talk" in notes
    assert "'dance' is not known" in notes


def test_a_document_takes_the_call_from_agent_and_client(wire: Wire, relay: LocalRelay) -> None:
    """With ``transfer`` the call is no longer theirs."""
    with hooks() as hook:
        swml = {"version": "1.0.0", "sections": {"main": [{"play": {"url": "silence:2"}}, {"hangup": {}}]}}
        answers(hook, FunctionResult("ok").execute_swml(json.dumps(swml), transfer=True))
        call = begin(wire, relay, hook)
        call.call_function("help")
        about = {"call_id": call.call_id, "node_id": call.node_id}
        assert "409" == wire.result("calling.denoise", **about)["code"]
        call.wait_for_ended(timeout=30)


def test_an_agent_of_a_document(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """SWML may begin it; the document goes on when a function stops it."""
    call = wire.dial()
    with hooks() as hook:
        answers(hook, {"response": "", "action": [{"stop": True}]})
        ai = {"prompt": {"text": "x"}, "SWAIG": {"functions": [{"function": "f", "web_hook_url": hook.url}]}}
        text = json.dumps({"sections": {"main": [{"ai": ai}, {"hangup": {"reason": "busy"}}]}})
        wire.result("calling.transfer", **call, dest=text)
        clock.sleep(1)
        relay.calls[0].call_function("f")
        relay.calls[0].wait_for_ended(timeout=10)
    assert "busy" == relay.calls[0].end_reason


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        ([], ProtocolError, "the answer: must be an object"),
        ({"response": 5}, ProtocolError, "the answer: must be an object"),
        ({"action": 5}, ProtocolError, "action: must be an array"),
        ({"action": [5]}, ProtocolError, r"action\[0\]: must be an object"),
        ({"action": [{"SWML": {"sections": {"main": [{"tap": {}}]}}}]}, ProtocolError,
         r"action\[0\].SWML.sections.main\[0\].tap.uri: is required"),
        ({"action": [{"SWML": {"raw_swml": "nonsense"}}]}, ProtocolError, "the document: must be an object"),
        (b"not JSON", ConnectionFailed, "is not JSON"),
        (404, ConnectionFailed, "answered 404"),
    ],
)  # fmt: skip
def test_answers_that_are_none(wire: Wire, relay: LocalRelay, answer: Any, error: type[SwsyncError], text: str) -> None:
    """The error says what is wrong and where, and the call goes on."""
    with hooks() as hook:
        if answer == 404:
            hook.status = answer
        hook.answers = [answer if isinstance(answer, bytes) else json.dumps(answer).encode()]
        call = begin(wire, relay, hook)
        with pytest.raises(error, match=text):
            call.call_function("help")
    assert "answered" == call.state


def test_functions_that_cannot_be_called(wire: Wire, relay: LocalRelay) -> None:
    """No agent, no such function, no web hook, a web hook elsewhere."""
    with hooks() as hook:
        call = begin(wire, relay, hook, web_hook_url="https://example.com/x")
        for name, text in (("what", "it has help, mute"), ("mute", "no web_hook_url"), ("help", "allow_remote=True")):
            with pytest.raises(ConfigurationError, match=text):
                call.call_function(name)
        wire.dial()
        with pytest.raises(ConfigurationError, match="no AI is on the call"):
            relay.calls[-1].call_function("help")
        assert [] == hook.posts
