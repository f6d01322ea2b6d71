"""A server that sends rubbish: a client with calls, actions and listeners lives on, and says so in errors of its own.

50,000 frames; ``SWSYNC_MUTATIONS`` for another number of them.
"""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
from scripted_server import SILENT, Link, ScriptedServer
from test_dialing import answer, on_dial

import swsync
from swsync.clock import VirtualClock
from swsync.errors import RelayError, SwsyncError
from swsync.events import EVENT_CLASSES
from swsync.protocol import MAX_MESSAGE

MUTATIONS = int(os.environ.get("SWSYNC_MUTATIONS", "50000"))
ROUND = 250  # frames on one call
ODD: list[Any] = [
    None, True, False, 0, -1, 1.5, 10**30, -(10**400), 1e308, "", "\0", "\n\r", "\ud800", "\u202e", "<b>", "ended",
    "answered", "finished", "failed", "c1", "tag-1", "x" * 5000, [], [[]], [None], {}, {"": {}}, {"call_id": 7},
]  # fmt: skip
WORDS = ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, "\\ud800", "\ufeff", "\0", "}", "{", '"', ",", "[" * 2000]


def event_frame(event_type: str, number: int) -> dict[str, Any]:
    """A frame with everything that any event has."""
    leg = {"call_id": "c1", "node_id": "n", "tag": "tag-1", "dial_winner": "true"}
    inner = {
        "call_id": "c1", "node_id": "n", "control_id": "action-1", "tag": "tag-1", "state": "playing",
        "call_state": "answered", "connect_state": "connected", "dial_state": "answered", "direction": "outbound",
        "call": leg, "peer": {"call_id": "c9", "node_id": "n", "device": {"type": "phone", "params": {}}},
        "device": {"type": "phone", "params": {"to_number": "+12025550100"}}, "context": "office",
        "detect": {"type": "machine", "params": {"event": "MACHINE", "beep": True}}, "final": False,
        "result": {"type": "digit", "params": {"digits": "1"}}, "record": {"url": "u", "duration": 1, "size": 1},
        "fax": {"type": "page", "params": {}}, "message_id": "m1", "message_state": "sent", "body": "b", "media": [],
        "segments": 1, "tags": [], "end_reason": "hangup", "authorization_state": "a:b", "position": 1, "url": "u",
    }  # fmt: skip
    outer = {"event_type": event_type, "timestamp": 1.5, "params": inner}
    return {"jsonrpc": "2.0", "id": f"frame-{number}", "method": "signalwire.event", "params": outer}


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in a JSON value, with each of its keys."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield value, key
            yield from places(inner)
    elif isinstance(value, list):
        for key, inner in enumerate(value):
            yield value, key
            yield from places(inner)


def mutate(rng: random.Random, frame: dict[str, Any]) -> str:
    """One frame with one to three faults in its structure or its text."""
    frame = copy.deepcopy(frame)
    for _ in range(rng.randint(1, 3)):
        container, key = rng.choice(list(places(frame)) or [({}, "")])
        how = rng.randrange(4)
        if how == 0 and isinstance(container, dict):
            container.pop(key, None)
        elif how == 1 and container:
            container[key] = [container[key]]
        elif container:
            container[key] = copy.deepcopy(rng.choice(ODD))
    text = json.dumps(frame, ensure_ascii=rng.random() < 0.9)
    if rng.random() < 0.3:
        at = rng.randrange(len(text) + 1)
        text = rng.choice([text[:at], text[:at] + rng.choice(WORDS) + text[at:], text[at:] + text[:at], text + text])
    return text


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server in virtual time that answers dials at once."""
    clock = VirtualClock()
    with clock.thread():
        server = ScriptedServer(clock)
        on_dial(server, answer)
        yield server
        server.close()


def no_bugs(caplog: pytest.LogCaptureFixture) -> None:
    """The safety nets of the I/O thread have caught nothing."""
    assert [] == [record.getMessage() for record in caplog.records if record.exc_info]
    caplog.clear()


def test_events_with_anything_in_them(server: ScriptedServer, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever comes, the next request is answered, the session's threads live, and its tables stay small."""
    rng = random.Random(1)
    caplog.set_level(logging.ERROR)
    names = [*EVENT_CLASSES, "signalwire.authorization.state", "queuing.relay.tasks", "calling.new"]
    with swsync.RelayClient(**server.settings, contexts=["office"]) as client:
        client.on_message(lambda message: None)
        for begin in range(0, MUTATIONS, ROUND):
            call = client.dial_phone("+12025550100", tag="tag-1")
            call.listen({"on_state_changed": lambda call: None, "on_playback_ended": lambda action: None})
            play = call.play(media=[], control_id="action-1")
            join = call.connect_phone("+12025550101")
            for number in range(begin, begin + ROUND):
                name = rng.choice(names)
                server.link.send_text(mutate(rng, event_frame(name, number)))
            assert "200" == client.execute("calling.x", {}, timeout=60)["code"]
            server.link.state("c1", "ended")
            server.clock.sleep(90)  # what was offered is passed on, what was dialed is forgotten
            assert play.is_done
            assert join.is_done
            no_bugs(caplog)
        assert len(client.calls) < 100  # peers that nobody ended
        assert 0 == len(client._connection.pending)
    assert client._connection.counters["protocol_errors"] > 0


def test_replies_with_anything_in_them(server: ScriptedServer, caplog: pytest.LogCaptureFixture) -> None:
    """A reply or an error of any shape is a result or an exception of swsync's, in time."""
    rng = random.Random(2)
    caplog.set_level(logging.ERROR)

    def reply(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        result = {"code": "200", "message": "OK", "call_id": "c1", "data": {"a": [1]}}
        whole: dict[str, Any] = {"jsonrpc": "2.0", "id": frame["id"], "result": result}
        if rng.random() < 0.5:
            whole = {"jsonrpc": "2.0", "id": frame["id"], "error": {"code": -32602, "message": "no", "data": {}}}
        link.send_text(mutate(rng, whole))
        return SILENT

    server.answers["calling.x"] = reply
    with swsync.RelayClient(**server.settings) as client:
        for _ in range(MUTATIONS // 10):
            try:
                result: Any = client.execute("calling.x", {}, timeout=1)
            except RelayError as error:
                result = str(error)
            assert isinstance(result, dict) or result.isprintable()
        assert "200" == client.execute("calling.y", {})["code"]
        assert 0 == len(client._connection.pending)
    no_bugs(caplog)


def test_a_session_that_begins_with_anything(server: ScriptedServer, caplog: pytest.LogCaptureFixture) -> None:
    """The reply to signalwire.connect, and what else a server may ask: connected, tried again, or a typed error."""
    rng = random.Random(3)
    caplog.set_level(logging.CRITICAL)

    def welcome(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        result = {"identity": "i", "protocol": "p", "authorization": {"signature": "s"}, "session_restored": True}
        link.send_text(mutate(rng, {"jsonrpc": "2.0", "id": frame["id"], "result": result}))
        for method in ("signalwire.ping", "signalwire.disconnect", "signalwire.unheard"):
            link.send_text(mutate(rng, {"jsonrpc": "2.0", "id": "a", "method": method, "params": {"restart": True}}))
        return SILENT

    for _ in range(MUTATIONS // 100):
        server.answers["signalwire.connect"] = welcome
        with contextlib.suppress(SwsyncError), swsync.RelayClient(**server.settings, connect_timeout=100) as client:
            server.answers["signalwire.connect"] = server.welcome
            server.link.end()
            assert "200" == client.execute("calling.y", {}, timeout=100, idempotent=True)["code"]


@pytest.mark.parametrize(
    "text",
    ["[" * 1_000_000, '{"a":' * 500_000, '{"id":' + "1" * 1_000_000 + "}", "x" * MAX_MESSAGE],
    ids=["lists", "objects", "digits", "ten megabytes"],
)
def test_frames_of_monstrous_size(server: ScriptedServer, text: str) -> None:
    """Nesting without end, a number of a megabyte, ten megabytes of nothing: counted, and the next request answered."""
    with swsync.RelayClient(**server.settings) as client:
        server.link.send_text(text)
        assert "200" == client.execute("calling.y", {})["code"]
        assert 1 == client.counters["protocol_errors"]
