"""SWAIG answers: the JSON of the official class for the same arguments."""

from __future__ import annotations

import json

import pytest

from swsync.swaig import FunctionResult, SwaigFunctionResult


def swml(result):
    """The verb of the last action's document."""
    return result.to_dict()["action"][-1]["SWML"]["sections"]["main"][0]


def test_the_seeds_line():
    """The program that this class is for."""
    result = FunctionResult("Call monitoring started.").tap(
        uri="wss://monitor.example.com/audio", control_id="supervisor_tap", direction="both"
    )

    tap = {"uri": "wss://monitor.example.com/audio", "control_id": "supervisor_tap", "direction": "both"}
    document = {"version": "1.0.0", "sections": {"main": [{"tap": tap}]}}
    expected = {"response": "Call monitoring started.", "action": [{"SWML": document}]}
    assert expected == result.to_dict()
    assert expected == json.loads(result.to_json())


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"uri": "rtp://8.8.8.8:5004"}, {"uri": "rtp://8.8.8.8:5004", "direction": "both"}),
        (
            {"uri": "u", "control_id": "c", "direction": "speak", "codec": "PCMA", "rtp_ptime": 40, "status_url": "s"},
            {"uri": "u", "control_id": "c", "direction": "speak", "codec": "PCMA", "rtp_ptime": 40, "status_url": "s"},
        ),
        ({"uri": "u", "direction": "hear"}, {"uri": "u", "direction": "listen"}),
    ],
)
def test_tap(arguments, expected):
    """The direction is always written; what is the default of SWML is not."""
    assert {"tap": expected} == swml(FunctionResult().tap(**arguments))


@pytest.mark.parametrize("wrong", [{"direction": "inbound"}, {"codec": "OPUS"}, {"rtp_ptime": 0}, {"rtp_ptime": -20}])
def test_tap_refuses(wrong):
    """The documented errors."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        FunctionResult().tap("wss://e.com/x", **wrong)


def test_stop_tap():
    """The named one or the last."""
    assert {"stop_tap": {"control_id": "c"}} == swml(FunctionResult().stop_tap("c"))
    assert {"stop_tap": {}} == swml(FunctionResult().stop_tap())


class Document:
    """Anything with to_dict()."""

    def to_dict(self):
        return {"a": 1}


@pytest.mark.parametrize(
    ("content", "expected"),
    [({"a": 1}, {"a": 1}), ('{"a": 1}', {"a": 1}), (Document(), {"a": 1}), ("<swml>", {"raw_swml": "<swml>"})],
)
def test_execute_swml(content, expected):
    """Every form of a document; transfer stands beside it."""
    plain = FunctionResult().execute_swml(content)
    transfer = FunctionResult().execute_swml(content, transfer=True)

    assert [{"SWML": expected}] == plain.to_dict()["action"]
    assert [{"SWML": expected, "transfer": "true"}] == transfer.to_dict()["action"]


def test_execute_swml_copies_the_users_dict():
    """What the user does to it later changes nothing."""
    document = {"a": 1}
    result = FunctionResult().execute_swml(document)
    document["a"] = 2

    assert {"a": 1} == result.action[0]["SWML"]


def test_execute_swml_refuses_what_is_no_document():
    """A TypeError, as the official class."""
    with pytest.raises(TypeError):
        FunctionResult().execute_swml(5)


def test_an_empty_answer_says_something():
    """The service needs words or actions."""
    assert {"response": "Action completed."} == FunctionResult().to_dict()


def test_chaining():
    """Every method gives the object back; post_process counts only with actions."""
    result = (
        FunctionResult(tool_result="done", tool_prompt="say so")
        .set_post_process(True)
        .add_action("say", "hi")
        .add_actions([{"stop": True}])
        .hangup()
    )

    assert {
        "response": {"tool_result": "done", "tool_prompt": "say so"},
        "action": [{"say": "hi"}, {"stop": True}, {"hangup": True}],
        "post_process": True,
    } == result.to_dict()
    assert {"response": "x"} == FunctionResult(post_process=True).set_response("x").to_dict()


def test_the_older_name():
    """Both names are one class."""
    assert FunctionResult is SwaigFunctionResult
