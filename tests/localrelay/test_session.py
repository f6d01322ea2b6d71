"""The session: credentials, resume, acknowledgements, and frames that are not what they should be."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from swsync.clock import VirtualClock
from swsync.errors import ConfigurationError, ConnectionLost
from swsync.localrelay import LocalRelay
from swsync.localrelay.journal import masked

from .wire import VERSION, Wire, in_memory, over_socket


def test_connect_gives_what_the_official_clients_need(relay: LocalRelay) -> None:
    """The signature is repeated as the second part of the protocol, and the authorization state follows."""
    with in_memory(relay) as wire:
        result = wire.connect()
        assert "p" == result["authorization"]["project"]
        assert result["authorization"]["signature"] == result["protocol"].split("_")[1]
        assert "code" not in result
        blob, _, tag = wire.event("signalwire.authorization.state")["authorization_state"].partition(":")
        assert blob
        assert tag


@pytest.mark.parametrize(
    "authentication",
    [{"project": "mine", "token": "wrong"}, {"project": "other", "token": "secret"}, {"project": "mine"}, {}],
)
def test_wrong_credentials_are_refused(clock: VirtualClock, authentication: object) -> None:
    """A relay with a project and a token answers others with -32002."""
    with LocalRelay(clock=clock, project="mine", token="secret") as relay, in_memory(relay) as wire:
        code, _ = wire.error("signalwire.connect", version=VERSION, authentication=authentication)
        assert -32002 == code
        result = wire.connect(authentication={"project": "mine", "token": "secret"})
        assert "mine" == result["authorization"]["project"]


def test_a_jwt_is_a_token(relay: LocalRelay) -> None:
    """jwt_token alone is enough."""
    with in_memory(relay) as wire:
        assert wire.connect(authentication={"jwt_token": "x.y.z"})["protocol"]


def test_nothing_works_before_connect(relay: LocalRelay) -> None:
    """Any other method is answered with -32003 until then; a ping is answered."""
    with in_memory(relay) as wire:
        assert -32003 == wire.error("signalwire.receive", contexts=["a"])[0]
        assert "timestamp" in wire.result("signalwire.ping")


def test_contexts(wire: Wire, relay: LocalRelay) -> None:
    """receive and unreceive answer with string codes."""
    assert {"code": "200", "message": "Receiving events"} == wire.result("signalwire.receive", contexts=["a", "b"])
    assert relay.wait_for_subscriber("a", timeout=1)
    assert {"code": "200", "message": "Unreceiving events"} == wire.result("signalwire.unreceive", contexts=["a"])
    assert not relay.wait_for_subscriber("a", timeout=1)
    assert (-32602, "Invalid params: contexts: must be an array") == wire.error("signalwire.receive", contexts="a")


def test_unknown_methods(wire: Wire) -> None:
    """What RELAY has and the relay has not says so; what RELAY has not is not found."""
    code, text = wire.error("signalwire.disconnect")
    assert -32601 == code
    assert "asks its clients" in text
    assert (-32601, "Method not found: calling.dance") == wire.error("calling.dance")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("not json", -32700),
        ("{", -32700),
        ("[" * 100_000, -32700),
        ('{"a":' * 800 + "1" + "}" * 800, -32600),
        ('{"jsonrpc":"2.0","id":NaN,"method":"signalwire.ping"}', -32700),
        ("1" * 5000, -32700),
        ('{"jsonrpc":"2.0","id":"' + "x" * 5000 + '","method":"signalwire.ping"}', -32600),
        ('{"jsonrpc":"2.0","id":"1","method":"' + "x" * 5000 + '"}', -32601),
        ("[]", -32600),
        ("17", -32600),
        ("null", -32600),
        ("{}", -32600),
        ('{"jsonrpc":"2.0","id":"1","method":5}', -32600),
        ('{"jsonrpc":"2.0","id":"1","method":"signalwire.receive","params":[]}', -32602),
        ('{"jsonrpc":"2.0","id":"1","method":"signalwire.receive"}', -32602),
        ('{"jsonrpc":"2.0","id":{},"method":"signalwire.ping"}', -32600),
    ],
)
def test_malformed_frames_are_answered(wire: Wire, text: str, code: int) -> None:
    """Each gets its JSON-RPC error, and the link goes on."""
    wire.event("signalwire.authorization.state")
    wire.send(text)
    assert code == wire.read()["error"]["code"]
    assert "timestamp" in wire.result("signalwire.ping")


def test_a_flood_of_nonsense_leaves_other_sessions_alone(wire: Wire, relay: LocalRelay) -> None:
    """Wrong types in every field of every simulated method: an answer each, and another client's call lives."""
    call = wire.dial()
    methods = ["calling.dial", "calling.play", "calling.tap", "calling.stream", "calling.answer", "calling.end"]
    methods += ["calling.pass", "calling.play.volume", "calling.tap.stop", "signalwire.receive", "calling.receive"]
    values = [
        None,
        True,
        0,
        -1,
        1e308,
        10**400,
        "",
        "x",
        "\ud800",
        [],
        [[]],
        [[{}]],
        {},
        {"type": []},
        {"params": 1},
    ]
    choose = random.Random(7)
    fields = ["call_id", "node_id", "control_id", "devices", "play", "tap", "device", "url", "track", "codec", "volume"]
    fields += ["loop", "timeout", "reason", "contexts", "context", "tag", "max_duration", "custom_parameters"]
    with in_memory(relay) as other:
        other.connect()
        for _ in range(2000):
            params = {name: choose.choice(values) for name in choose.sample(fields, choose.randint(0, 6))}
            if choose.random() < 0.5:
                params.update(call)
            reply = other.ask(choose.choice(methods), params)
            assert ("error" in reply) != ("result" in reply)
            assert -32603 != reply.get("error", {}).get("code")
    assert "200" == wire.result("calling.end", **call)["code"]


def test_a_lost_link_is_resumed(relay: LocalRelay) -> None:
    """The protocol brings back the contexts, the call, and every event that was not acknowledged."""
    first = in_memory(relay)
    protocol = first.connect(contexts=["support"])["protocol"]
    call = first.dial()
    first.close()
    relay.calls[0].hang_up()
    with in_memory(relay) as second:
        result = second.connect(protocol=protocol, authorization_state="old:old")
        assert protocol == result["protocol"]
        assert result["session_restored"]
        assert call["call_id"] == second.event("calling.call.state", call_state="ended")["call_id"]
        assert relay.wait_for_subscriber("support", timeout=0)


def test_an_unacknowledged_event_comes_again_with_its_id(relay: LocalRelay) -> None:
    """At least once: the client tells repeats by the frame's id."""
    first = in_memory(relay)
    first.acknowledge = False
    protocol = first.connect()["protocol"]
    first.dial()
    seen = {f["id"]: f for f in first.log if f.get("method") == "signalwire.event"}
    first.close()
    with in_memory(relay) as second:
        second.connect(protocol=protocol)
        again = {second.read()["id"] for _ in seen}
        assert set(seen) == again


def test_an_unknown_protocol_is_a_new_session(relay: LocalRelay) -> None:
    """It is ignored, as a stale authorization state is."""
    with in_memory(relay) as wire:
        result = wire.connect(protocol="signalwire_x_y_z", authorization_state="a:b")
        assert "signalwire_x_y_z" != result["protocol"]
        assert not result["session_restored"]


def test_another_project_cannot_see_a_call(wire: Wire, relay: LocalRelay) -> None:
    """Its calls do not exist for others: 404; for a second client of the same project they are controlled: 409."""
    call = wire.dial()
    with in_memory(relay) as stranger, in_memory(relay) as colleague:
        stranger.connect(authentication={"project": "q", "token": "t"})
        colleague.connect()
        assert "404" == stranger.result("calling.end", **call)["code"]
        assert "409" == colleague.result("calling.end", **call)["code"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("wss://e.com/base/s3cret", "wss://e.com/***"),
        ("WSS://e.com/s3cret", "WSS://e.com/***"),
        ("wss://e.com?key=s3cret", "wss://e.com?***"),
        ("wss://e.com#s3cret", "wss://e.com#***"),
        ("wss://user:s3cret@e.com/x", "wss://***@e.com/***"),
        ("https://user:s3cret@e.com/a.mp3", "https://***@e.com/a.mp3"),
        ("the file is https://user:s3cret@e.com/a.mp3", "the file is https://***@e.com/a.mp3"),
        ("https://e.com/a.mp3?to=me@e.com", "https://e.com/a.mp3?to=me@e.com"),
        ("wss://e.com", "wss://e.com"),
    ],
)
def test_an_address_in_the_journal(text: str, shown: str) -> None:
    """Neither who is named in it nor what lets others in; all else stays."""
    assert {"a": [shown]} == masked({"a": [text]})


def test_the_journal_masks_secrets(wire: Wire, relay: LocalRelay) -> None:
    """Tokens and the paths of media WebSockets are not in it; frames, directions and times are."""
    call = wire.dial()
    wire.result(
        "calling.stream",
        **call,
        control_id="s",
        url="ws://127.0.0.1:9/secret-path",
        authorization_bearer_token="secret-token",
    )
    wire.event("calling.call.stream", state="finished")
    text = json.dumps([[e.frame, e.text] for e in relay.journal])
    assert "secret" not in text
    request = relay.journal.requests("calling.stream")[0]
    assert "ws://127.0.0.1:9/***" == request.params["url"]
    assert "***" == request.params["authorization_bearer_token"]
    assert ["answered"] == [
        e.params["call_state"] for e in relay.journal.events("calling.call.state", call_state="answered")
    ]
    assert 1 == request.session


def test_the_same_run_writes_the_same_journal() -> None:
    """In virtual time the relay's ids come from a seed and its times from the clock."""

    def run() -> str:
        clock = VirtualClock()
        with clock.thread(), LocalRelay(clock=clock) as relay, in_memory(relay) as wire:
            wire.connect()
            wire.result("calling.end", **wire.dial(tag="t"))
            wire.event("calling.call.state", call_state="ended")
            return json.dumps([[e.time, e.frame] for e in relay.journal if e.direction == "out" and e.method])

    assert run() == run()


def test_many_links_over_sockets(real_relay: LocalRelay) -> None:
    """Sessions are told apart, and a frame that is no JSON costs nobody the link."""
    wires = [over_socket(real_relay) for _ in range(5)]
    for wire in wires:
        wire.connect()
    for wire in wires:
        wire.event("signalwire.authorization.state")
        wire.send("nonsense")
        assert -32700 == wire.read()["error"]["code"]
    calls = {wire.dial()["call_id"] for wire in wires}
    assert 5 == len(calls)
    for wire in wires:
        wire.close()


@pytest.mark.parametrize("restart", [False, True])
def test_the_relay_asks_to_connect_anew(relay: LocalRelay, restart: bool) -> None:
    """signalwire.disconnect, then the link ends; with restart the old protocol means nothing any more."""
    with in_memory(relay) as wire:
        protocol = wire.connect()["protocol"]
        wire.event("signalwire.authorization.state")
        relay.disconnect_clients(restart=restart)
        frame = wire.read()
        assert ("signalwire.disconnect", {"restart": True} if restart else {}) == (frame["method"], frame["params"])
        wire.send(json.dumps({"jsonrpc": "2.0", "id": frame["id"], "result": {}}))
        with pytest.raises(ConnectionLost):
            wire.read()
    with in_memory(relay) as wire:
        assert restart == (protocol != wire.connect(protocol=protocol)["protocol"])


def test_links_that_drop(real_relay: LocalRelay) -> None:
    """The socket closes, and the session is still there."""
    with over_socket(real_relay) as wire:
        protocol = wire.connect(contexts=["c"])["protocol"]
        real_relay.drop_links()
        with pytest.raises(ConnectionClosed):
            for _ in range(10):
                wire.read()
    with over_socket(real_relay) as wire:
        assert protocol == wire.connect(protocol=protocol)["protocol"]
        real_relay.wait_for_subscriber("c")


def test_reauthenticate(relay: LocalRelay) -> None:
    """New credentials of the same project are taken; others are refused, and the session goes on."""
    with in_memory(relay) as wire:
        wire.connect()
        result = wire.result("signalwire.reauthenticate", authentication={"project": "p", "jwt_token": "new"})
        assert ("p", []) == (result["authorization"]["project"], result["ice_servers"])
        code, _ = wire.error("signalwire.reauthenticate", authentication={"project": "other", "jwt_token": "new"})
        assert -32002 == code
        assert " authentication:" in wire.error("signalwire.reauthenticate")[1]
        assert "200" == wire.result("calling.end", **wire.dial())["code"]


def test_execute(relay: LocalRelay) -> None:
    """What old clients wrap is done, checked as ever, and its result is wrapped."""
    with in_memory(relay) as wire:
        wire.connect()
        call = wire.dial()

        def execute(method: str, params: Any) -> dict[str, Any]:
            return wire.ask("signalwire.execute", {"protocol": "x", "method": method, "params": params})

        assert "200" == execute("calling.end", call)["result"]["result"]["code"]
        wire.event("calling.call.state", call_state="ended")
        assert "410" == execute("calling.end", call)["result"]["result"]["code"]
        for method, params, field in (("signalwire.execute", {}, "method"), ("calling.end", {}, "call_id"),
                                      ("calling.end", [], "params")):  # fmt: skip
            assert f" {field}:" in execute(method, params)["error"]["message"]


def test_events_that_nothing_makes(relay: LocalRelay, wire: Wire) -> None:
    """They reach whoever listens; a task has its fields in the outer params."""
    wire.result("signalwire.receive", contexts=["office"])
    with in_memory(relay) as other:
        other.connect()
        assert 2 == relay.tell("calling.error", {"code": "500", "message": "no"})
        assert 1 == relay.tell("queuing.relay.tasks", {"context": "office", "message": {"a": 1}}, context="office")
        assert 0 == relay.tell("calling.error", {}, context="nobody")
        assert {"code": "500", "message": "no"} == wire.event("calling.error") == other.event("calling.error")
        task = wire.read()["params"]
    assert ("queuing.relay.tasks", "office", {"a": 1}) == (task["event_type"], task["context"], task["message"])
    assert "params" not in task
    with pytest.raises(ConfigurationError, match="must be an object"):
        relay.tell("calling.error", [])  # type: ignore[arg-type]
    assert 1 == len(relay.journal.events("queuing.relay.tasks", context="office"))
    assert 2 == [frame["name"] for frame in relay.journal.normalised()].count("calling.error")


@pytest.mark.parametrize(
    "given", [{"event_acks": "yes"}, {"protocol": 5}, {"protocol": ["x"]}, {"authorization_state": {}}, {"agent": 5}]
)
def test_what_a_connect_may_hold(relay: LocalRelay, given: dict[str, Any]) -> None:
    """Its fields have types, also those of a resume; after a refusal it may be tried again."""
    with in_memory(relay) as wire:
        code, text = wire.error("signalwire.connect", version=VERSION, authentication={}, **given)
        assert (-32602, True) == (code, next(iter(given)) in text)
        assert wire.connect(protocol="unknown", authorization_state="stale")["session_restored"] is False
