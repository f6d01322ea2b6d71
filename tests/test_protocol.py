"""The rules of a session, as text in and text out."""

from __future__ import annotations

import contextlib
import json
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swsync.errors import CallGone, ProtocolError, RelayError
from swsync.protocol import REMEMBERED_FRAMES, Frame, Kind, Session, check_reply


def session() -> Session:
    return Session("project", "token", agent="swsync/1")


def event(number: Any, event_type: str = "calling.call.play", **params: Any) -> str:
    return json.dumps(
        {
            "jsonrpc": "2.0",
            "id": number,
            "method": "signalwire.event",
            "params": {"event_type": event_type, "params": params},
        }
    )


def test_a_request_is_json_rpc_with_an_id_in_the_shape_of_a_uuid() -> None:
    """A request carries its method, its params and an id that no other request has."""
    one = session()
    number, text = one.request("calling.play", {"text": 'a "quoted" \ud83d\ude00 word'})
    message = json.loads(text)
    assert {"jsonrpc": "2.0", "id": number, "method": "calling.play", "params": message["params"]} == message
    assert {"text": 'a "quoted" \U0001f600 word'} == message["params"]
    assert number == str(uuid.UUID(number))
    assert number != one.request("calling.play", {})[0]


def test_params_that_are_not_json_are_the_callers_mistake() -> None:
    """NaN and objects are refused when the request is built, not on the wire."""
    with pytest.raises(ValueError, match="JSON"):
        session().request("calling.play", {"volume": float("nan")})
    with pytest.raises(TypeError):
        session().request("calling.play", {"volume": object()})


def test_connect_says_version_2_and_what_is_wanted() -> None:
    """The first connect has credentials, acks and contexts, and nothing to resume."""
    _, text = session().connect_request(["office"])
    assert {
        "version": {"major": 2, "minor": 0, "revision": 0},
        "agent": "swsync/1",
        "event_acks": True,
        "authentication": {"project": "project", "token": "token"},
        "contexts": ["office"],
    } == json.loads(text)["params"]


def test_a_jwt_replaces_project_and_token() -> None:
    """With a JWT nothing else authenticates."""
    _, text = Session("project", "", "jwt").connect_request()
    assert {"jwt_token": "jwt"} == json.loads(text)["params"]["authentication"]


def test_a_reconnect_resumes_with_protocol_and_authorization_state() -> None:
    """What the server gave is sent back, in its latest form."""
    one = session()
    assert not one.accept({"protocol": "P", "identity": "me"})
    one.receive(event("a", "signalwire.authorization.state", authorization_state="old"))
    one.receive(event("b", "signalwire.authorization.state", authorization_state="new"))
    params = json.loads(one.connect_request()[1])["params"]
    assert ("P", "new", "me") == (params["protocol"], params["authorization_state"], one.identity)
    assert one.accept({"protocol": "P"})
    assert "new" == one.authorization_state


@pytest.mark.parametrize("result", [{"protocol": "Q"}, {"protocol": "P", "session_restored": False}])
def test_another_protocol_or_a_plain_no_is_a_new_session(result: dict[str, Any]) -> None:
    """A new session has no authorization state and remembers no frames."""
    one = session()
    one.accept({"protocol": "P"})
    one.receive(event("a", "signalwire.authorization.state", authorization_state="old"))
    assert not one.accept(result)
    assert "" == one.authorization_state
    assert Kind.EVENT == one.receive(event("a")).kind


def test_an_event_is_acknowledged_and_a_second_delivery_only_acknowledged() -> None:
    """The same frame id is acted on once and answered twice."""
    one = session()
    first, second = one.receive(event("x")), one.receive(event("x"))
    assert (Kind.EVENT, Kind.DUPLICATE) == (first.kind, second.kind)
    assert {"jsonrpc": "2.0", "id": "x", "result": {}} == json.loads(first.answer) == json.loads(second.answer)


def test_remembered_frames_are_bounded() -> None:
    """The newest are told, and after enough others an id is forgotten."""
    one = session()
    kinds = [one.receive(event(f"e{number}")).kind for number in range(2 * REMEMBERED_FRAMES)]
    assert {Kind.EVENT} == set(kinds)
    assert Kind.EVENT == one.receive(event("e0")).kind
    for number in (REMEMBERED_FRAMES, 2 * REMEMBERED_FRAMES - 1):
        assert Kind.DUPLICATE == one.receive(event(f"e{number}")).kind
    assert 2 * REMEMBERED_FRAMES >= len(one._seen) + len(one._seen_before)


REPLY = '{"jsonrpc":"2.0","id":"r","result":{}}'


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "{",
        "[]",
        "7",
        "null",
        "1,2",
        f"{REPLY},{REPLY}",
        '{"id":"n","result":NaN}',
        "[" * 5000,
        "{}",
        '{"method":"signalwire.event","params":[]}',
        '{"id":"half","method":"signalwire.ev',
    ],
)
def test_a_broken_frame_among_others_is_the_only_one_that_is_lost(broken: str) -> None:
    """Read together or one by one, each frame is judged as it would be alone."""
    one = session()
    found = one.receive_all([event("a"), broken, f" {REPLY}\n", event("a"), event("b")])
    assert isinstance(found[1], ProtocolError)
    with pytest.raises(ProtocolError) as alone:
        session().receive(broken)
    assert str(alone.value) == str(found[1])
    frames = [frame for frame in found if isinstance(frame, Frame)]
    assert [Kind.EVENT, Kind.REPLY, Kind.DUPLICATE, Kind.EVENT] == [frame.kind for frame in frames]
    assert ["a", "r", "a", "b"] == [frame.id for frame in frames]
    assert isinstance(frames[0].body, dict)


@pytest.mark.parametrize(
    "texts",
    [
        [f"[{REPLY},{REPLY}]", "]", REPLY],
        [f"{REPLY},{REPLY}]", REPLY],
        [f"{REPLY},{REPLY}", '{"id":"n","result":{"a":[1', "2]}}"],
        ['{"id":"n","result":{"a":"1', '2"}}', REPLY],
        ['{"id":"n","result":{"a":[1', "2]}}"],
        [REPLY, f"{REPLY}]"],
        [REPLY, f"{REPLY}] and more"],
        [REPLY, ""],
        ["", REPLY, REPLY],
    ],
)
def test_frames_do_not_make_up_for_each_other(texts: list[str]) -> None:
    """What is broken stays broken beside what would mend it."""

    def alone(text: str) -> object:
        try:
            return session().receive(text)
        except ProtocolError as error:
            return str(error)

    found = session().receive_all(texts)
    assert [alone(text) for text in texts] == [str(one) if isinstance(one, ProtocolError) else one for one in found]
    assert any(isinstance(one, ProtocolError) for one in found)


def test_a_broken_frame_keeps_nothing_in_memory() -> None:
    """Its error has no traceback, whose frames would keep the group, however long it is, until the next collection."""
    broken = ["nonsense", '{"method":"signalwire.event","params":[]}']
    for error in session().receive_all([event("a"), *broken]) + session().receive_all(broken[:1]):
        if isinstance(error, ProtocolError):
            assert (None, None, None) == (error.__traceback__, error.__context__, error.__cause__)


def test_frames_that_are_read_together_are_those_that_are_read_alone() -> None:
    """Kind, id, body and answer, in order; none and one as well."""
    texts = [event("a"), REPLY, '{"id":1,"method":"signalwire.ping"}', event("b", state="\u00e4 \\ud800"), event(7)]
    alone = session()
    for count in range(len(texts) + 1):
        assert [session().receive(text) for text in texts[:count]] == session().receive_all(texts[:count])
    assert [alone.receive(text) for text in texts + texts] == session().receive_all(texts + texts)


def test_a_second_delivery_of_many_is_of_duplicates_only() -> None:
    """More than one set of ids holds: none of the first delivery is pushed out by the second."""
    one, count = session(), REMEMBERED_FRAMES * 3 // 2
    kinds = [one.receive(event(f"e{number % count}")).kind for number in range(2 * count)]
    assert [Kind.EVENT] * count + [Kind.DUPLICATE] * count == kinds


@pytest.mark.parametrize("number", [None, True, [1], {"a": 1}, 1.5])
def test_an_event_without_a_usable_id_is_taken_and_not_acknowledged(number: Any) -> None:
    """Only strings and whole numbers are ids."""
    frame = session().receive(event(number))
    assert (Kind.EVENT, None, "") == (frame.kind, frame.id, frame.answer)


@pytest.mark.parametrize(
    "text", ['{"id":"e","method":"signalwire.event"}', '{"id":"e","method":"signalwire.event","params":null}']
)
def test_an_event_that_says_nothing_is_one(text: str) -> None:
    """It is acknowledged; who it is for, nobody knows."""
    frame = session().receive(text)
    assert (Kind.EVENT, "e", {}) == (frame.kind, frame.id, frame.body)
    assert "result" in frame.answer


def test_strange_ids_come_back_as_they_were() -> None:
    """Quotes, lone surrogates and numbers survive in the acknowledgement."""
    for number in ('a"b\\', "\ud800", 7, "x" * 5000):
        assert number == json.loads(session().receive(event(number)).answer)["id"]


def test_a_ping_is_answered() -> None:
    """The answer is an empty result."""
    frame = session().receive('{"jsonrpc":"2.0","id":"p","method":"signalwire.ping","params":{"timestamp":1}}')
    assert (Kind.PING, {"jsonrpc": "2.0", "id": "p", "result": {}}) == (frame.kind, json.loads(frame.answer))


@pytest.mark.parametrize(("params", "left"), [({}, "P"), ({"restart": False}, "P"), ({"restart": True}, "")])
def test_disconnect_with_restart_forgets_the_session(params: dict[str, Any], left: str) -> None:
    """Without restart the session is resumed."""
    one = session()
    one.accept({"protocol": "P"})
    frame = one.receive(json.dumps({"id": "d", "method": "signalwire.disconnect", "params": params}))
    assert (Kind.DISCONNECT, left) == (frame.kind, one.protocol)
    assert "d" == json.loads(frame.answer)["id"]


def test_an_unknown_request_is_told_so() -> None:
    """A method that this client does not serve gets JSON-RPC's error."""
    frame = session().receive('{"id":"u","method":"signalwire.dance","params":{}}')
    assert (Kind.UNKNOWN, -32601) == (frame.kind, json.loads(frame.answer)["error"]["code"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "nonsense",
        "{",
        "[]",
        "1",
        '"text"',
        "null",
        "{}",
        '{"id":1}',
        '{"a":NaN,"result":{}}',
        '{"result":{}} x',
        '{"method":"signalwire.event","params":[]}',
        '{"method":5,"params":{}}',
        '{"id":' + "9" * 5000 + ',"result":{}}',
        "[" * 100_000,
        '{"a":' * 100_000,
    ],
)
def test_what_is_no_relay_frame_raises_protocol_error(text: str) -> None:
    """Nothing else is raised, whatever comes."""
    with pytest.raises(ProtocolError):
        session().receive(text)


def test_blanks_around_a_frame_are_fine() -> None:
    """JSON allows them."""
    assert Kind.REPLY == session().receive(' \r\n{"id":"x","result":{}}\n ').kind


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": JSON,
        "id": JSON,
        "method": JSON | st.sampled_from(["signalwire.event", "signalwire.ping", "signalwire.disconnect"]),
        "params": JSON
        | st.fixed_dictionaries({}, optional={"event_type": JSON, "params": JSON, "restart": JSON, "timestamp": JSON}),
        "result": JSON,
        "error": JSON | st.fixed_dictionaries({}, optional={"code": JSON, "message": JSON}),
    },
)


@settings(max_examples=400, deadline=None)
@given(FIELDS)
def test_wrong_types_in_every_field_never_crash(fields: dict[str, Any]) -> None:
    """A frame is judged or refused with a typed error, and what is answered is JSON."""
    one = session()
    try:
        frame = one.receive(json.dumps(fields))
    except ProtocolError:
        return
    assert isinstance(frame, Frame)
    if frame.answer:
        json.loads(frame.answer)
    if frame.kind == Kind.REPLY:
        for method in ("signalwire.connect", "calling.play"):
            with contextlib.suppress(RelayError):
                one.accept(check_reply(method, frame.body))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
def test_any_text_never_crashes(text: str) -> None:
    """Text that is not JSON raises the one error."""
    with contextlib.suppress(ProtocolError):
        session().receive(text)


def test_what_a_server_says_cannot_forge_a_log_line() -> None:
    """Line breaks and control characters are shown, not printed, and texts are cut."""
    with pytest.raises(RelayError) as caught:
        check_reply("calling.play", {"result": {"code": "500", "message": "a\r\nb\x1b[31m" + "x" * 5000}})
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1200


@pytest.mark.parametrize("code", ["200", "204", 200, None])
def test_any_2xx_or_none_is_success(code: Any) -> None:
    """The result comes back as it was sent."""
    result = {"message": "ok", "x": 1} | ({} if code is None else {"code": code})
    assert result == check_reply("calling.play", {"result": result})


@pytest.mark.parametrize("code", ["404", "410", 404])
def test_a_gone_call_has_its_own_error(code: Any) -> None:
    """404 and 410 raise CallGone with code, text and method."""
    with pytest.raises(CallGone) as caught:
        check_reply("calling.play", {"result": {"code": code, "message": "gone"}})
    assert (int(code), "gone", "calling.play") == (caught.value.code, caught.value.message, caught.value.method)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"result": {"code": "402", "message": "pay"}}, 402),
        ({"result": {"code": "abc"}}, -1),
        ({"result": {"code": []}}, -1),
        ({"result": {"code": "9" * 400}}, -1),
        ({"result": {"code": True}}, -1),
        ({"result": []}, -1),
        ({"error": {"code": -32602, "message": "bad params"}}, -32602),
        ({"error": {}}, -1),
        ({"error": "broken"}, -1),
        ({"error": {"code": 1e9, "message": ["x"]}}, -1),
    ],
)
def test_everything_else_is_a_relay_error(message: dict[str, Any], code: int) -> None:
    """The number is RELAY's, or -1 where it sent none."""
    with pytest.raises(RelayError) as caught:
        check_reply("calling.play", message)
    assert (code, "calling.play") == (caught.value.code, caught.value.method)


def test_the_connect_result_needs_no_code() -> None:
    """Its ``result`` fields are free."""
    assert {"code": "whatever"} == check_reply("signalwire.connect", {"result": {"code": "whatever"}})
