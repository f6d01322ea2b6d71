"""swsync and the official SDK 3.7.5: public names, signatures, attributes, events, constants, SWAIG answers.

What is meant to differ stands in ``frames/differences.py``.
"""

from __future__ import annotations

import inspect
import json
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

import swsync
from swsync import eventfields
from swsync.clock import REAL
from swsync.events import EVENT_CLASSES, parse_event
from swsync.swaig import FunctionResult

from .frames.differences import ATTRIBUTES, CONSTANTS, METHODS, PARAMETERS, RETURNS
from .official_sdk import official_surface

pytestmark = pytest.mark.peers

CLASSES = [
    "Action", "AIAction", "Call", "CollectAction", "DetectAction", "FaxAction", "FunctionResult", "Message",
    "PayAction", "PlayAction", "RecordAction", "RelayClient", "StandaloneCollectAction", "StreamAction", "TapAction",
    "TranscribeAction",
]  # fmt: skip
MADE_BY_USERS = ("FunctionResult", "Message", "RelayClient")  # the others are made by verbs and events

SWAIG: list[list[list[Any]]] = [
    [],
    [["tap", ["wss://e.com/x"], {}]],
    [["tap", ["rtp://8.8.8.8:5", "c", "speak", "PCMA", 40, "https://s"], {}]],
    [["tap", ["wss://e.com/x"], {"direction": "listen"}], ["stop_tap", ["c"], {}], ["stop_tap", [], {}]],
    [["tap", ["u"], {"direction": "inbound"}]],
    [["tap", ["u"], {"codec": "OPUS"}]],
    [["tap", ["u"], {"rtp_ptime": 0}]],
    [["execute_swml", [{"a": 1}], {}], ["execute_swml", ['{"a": 1}'], {"transfer": True}]],
    [["execute_swml", ["no json"], {}]],
    [["execute_swml", [5], {}]],
    [["set_response", [""], {}], ["set_post_process", [True], {}]],
    [
        ["set_tool_response", ["r"], {"tool_prompt": "p"}],
        ["add_action", ["say", "x"], {}],
        ["set_post_process", [True], {}],
    ],
    [["add_actions", [[{"a": 1}, {"b": 2}]], {}], ["hangup", [], {}]],
]

_VALUES = {
    eventfields.read_text: "word",
    eventfields.read_number: 1.5,
    eventfields.read_integer: 3,
    eventfields.read_flag: True,
    eventfields.read_object: {"type": "x"},
    eventfields.read_list: ["x"],
}


def _full(event_type: str) -> dict[str, Any]:
    """An event that says each field of its class, in the type that both clients declare."""
    params: dict[str, Any] = {}
    for field in attrs.fields(EVENT_CLASSES[event_type]):
        keys = field.metadata.get("keys") or (field.name,)
        for path in [key.split(".") for key in keys if "read" in field.metadata]:
            inner = params
            for key in path[:-1]:
                inner = inner.setdefault(key, {})
            inner.setdefault(path[-1], _VALUES[field.metadata["read"]])
    return {"event_type": event_type, "timestamp": 1.5, "params": {**params, "timestamp": 1.5}}


_FIELDS = {"call_id": "call-1", "control_id": "T", "state": "finished", "tag": "t", "node_id": "node-1"}
EVENTS = [{"event_type": event_type, "params": _FIELDS} for event_type in EVENT_CLASSES] + list(
    map(_full, EVENT_CLASSES)
)


@pytest.fixture(scope="module")
def official() -> dict[str, Any]:
    """What the official SDK has, and what it makes of the above."""
    return official_surface(json.dumps({"swaig": SWAIG, "events": EVENTS}))


def class_of(name: str) -> Any:
    """swsync's class of that name."""
    return FunctionResult if name == "FunctionResult" else getattr(swsync, name)


def _instance(name: str) -> Any:
    """One of swsync's, connected to nothing."""
    session: Any = SimpleNamespace(clock=REAL)
    if name == "FunctionResult":
        return FunctionResult("text")
    if name == "RelayClient":
        return swsync.RelayClient("project", "token")
    if name == "Message":
        return swsync.Message(session)
    call = swsync.Call(session, call_id="call", node_id="node")
    return call if name == "Call" else getattr(swsync, name)(call, "control")


def test_every_public_name_is_there(official: dict[str, Any]) -> None:
    """``from signalwire.relay import X`` becomes ``from swsync import X``."""
    assert [] == [name for name in official["names"] if not hasattr(swsync, name)]
    assert set(CLASSES) == set(official["classes"])


@pytest.mark.parametrize("name", CLASSES)
def test_signatures_take_the_same_arguments(official: dict[str, Any], name: str) -> None:
    """Every name, default and position of the official SDK is accepted; what is new is optional and comes after."""
    ours = class_of(name)
    for method, signature in official["classes"][name]["methods"].items():
        if method == "__init__" and name not in MADE_BY_USERS:
            continue
        if (name, method) in METHODS:
            assert not hasattr(ours, method)
            continue
        mine = dict(list(inspect.signature(getattr(ours, method)).parameters.items())[1:])
        theirs = [each for each in signature["parameters"] if each[1] != "VAR_KEYWORD"]
        for parameter, kind, default in theirs:
            if (name, method, parameter) in PARAMETERS:
                continue
            assert kind == mine[parameter].kind.name, f"{name}.{method}({parameter})"
            expected = inspect.Parameter.empty if default is None else default[0]
            assert expected == mine[parameter].default, f"{name}.{method}({parameter})"
        same = [each for each in mine if (name, method, each) not in PARAMETERS]
        positions = [each[0] for each in theirs if each[1] == "POSITIONAL_OR_KEYWORD" and each[0] in same]
        assert positions == same[: len(positions)], f"{name}.{method}"
        for parameter in set(mine) - {each[0] for each in theirs}:
            assert mine[parameter].kind is not inspect.Parameter.VAR_KEYWORD, f"{name}.{method}"
            is_optional = mine[parameter].default is not inspect.Parameter.empty
            assert is_optional or (name, method, parameter) in PARAMETERS, f"{name}.{method}({parameter})"


@pytest.mark.parametrize("name", CLASSES)
def test_methods_return_the_same(official: dict[str, Any], name: str) -> None:
    """By annotation: the official SDK's awaited result is swsync's plain one."""
    for method, signature in official["classes"][name]["methods"].items():
        owner = "Action" if name.endswith("Action") and method == "wait" else name
        if method == "__init__" or (name, method) in METHODS or (owner, method) in RETURNS:
            continue
        found = inspect.signature(getattr(class_of(name), method)).return_annotation
        theirs = signature["returns"].replace("typing.", "")
        assert theirs == {"R": name}.get(found, found), f"{name}.{method}"


@pytest.mark.parametrize("name", CLASSES)
def test_attributes_are_there(official: dict[str, Any], name: str) -> None:
    """Every public attribute and property of an instance."""
    instance = _instance(name)
    missing = {each for each in official["classes"][name]["attributes"] if not hasattr(instance, each)}

    assert {each for owner, each in ATTRIBUTES if owner == name} == missing


@pytest.mark.parametrize("index", range(len(SWAIG)))
def test_swaig_answers_are_equal(official: dict[str, Any], index: int) -> None:
    """The same JSON, or an error of the same kind."""
    result: Any = FunctionResult("text")
    answer: Any = None
    try:
        for method, args, kwargs in SWAIG[index]:
            result = getattr(result, method)(*args, **kwargs)
        answer = json.loads(result.to_json())
    except (TypeError, ValueError) as error:
        answer = type(error).__name__

    assert official["swaig"][index] == answer


def test_events_have_the_same_classes_and_fields(official: dict[str, Any]) -> None:
    """Every official field is there under its name, with the same value for the same payload."""
    for payload, (name, fields) in zip(EVENTS, official["events"], strict=True):
        event = parse_event(payload)
        assert name == type(event).__name__
        for field, value in fields.items():
            assert value == getattr(event, field), f"{name}.{field}"


def test_constants_have_the_same_names_and_values(official: dict[str, Any]) -> None:
    """Those of the wire."""
    theirs = {name: value for name, value in official["constants"].items() if name not in CONSTANTS}
    ours = {name: getattr(swsync.constants, name) for name in swsync.constants.__all__}

    assert theirs == json.loads(json.dumps(ours))


def test_the_lists_name_only_what_differs(official: dict[str, Any]) -> None:
    """A difference that is gone is taken off its list."""
    for name, method in METHODS:
        assert method in official["classes"][name]["methods"]
        assert not hasattr(class_of(name), method)
    for name, method, parameter in PARAMETERS:
        theirs = {each[0]: each for each in official["classes"][name]["methods"][method]["parameters"]}
        mine = inspect.signature(getattr(class_of(name), method)).parameters
        assert (parameter in theirs) != (parameter in mine) or theirs[parameter][2] != [mine[parameter].default]
    for name, method in RETURNS:
        found = inspect.signature(getattr(class_of(name), method)).return_annotation
        assert official["classes"][name]["methods"][method]["returns"] != found
    assert set(CONSTANTS) <= set(official["constants"])
