"""swsync against the official SDK 3.7.5, side by side: frames, names, signatures, events, constants, SWAIG answers.

Every difference that is meant stands in a table here, with its reason.
"""

from __future__ import annotations

import inspect
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from swsync import constants
from swsync.call import Call
from swsync.calling import ai, collect, detect, fax, pay, play, record, stream, tap, transcribe
from swsync.events import EVENT_CLASSES, parse_event
from swsync.swaig import FunctionResult

from .official_sdk import official_python

pytestmark = pytest.mark.peers

PROGRAM = Path(__file__).parent / "programs" / "official_frames.py"
CALL, NODE = "call-1", "node-1"

TTS = {"type": "tts", "params": {"text": "hi"}}
PHONE = {"type": "phone", "params": {"to_number": "+12025550100", "from_number": "+12025550199"}}
AUDIO = {"type": "audio", "params": {"direction": "both"}}
WS = {"type": "ws", "params": {"uri": "wss://example.com/x", "codec": "PCMU", "rate": 8000}}
CTL = {"control_id": "T"}
S = {"status_url": "https://s"}
STOP, PAUSE, RESUME = ["stop", []], ["pause", []], ["resume", []]
TIMERS = ["start_input_timers", []]

# method, args, kwargs, controls of the action: each method with the fewest arguments and with all of them.
USES: list[list[Any]] = [
    ["answer", [], {}, []],
    ["answer", [], {"max_duration": 5, "codecs": ["PCMU"]}, []],
    ["hangup", [], {}, []],
    ["hangup", ["busy"], {}, []],
    ["pass_", [], {}, []],
    ["play", [[TTS]], CTL, [STOP]],
    [
        "play",
        [[TTS]],
        {**CTL, **S, "volume": -4.0, "direction": "both", "loop": 0},
        [PAUSE, RESUME, ["volume", [3]], STOP],
    ],
    ["play_tts", ["hi"], {}, []],
    ["play_tts", ["hi"], {"language": "en-US", "gender": "male", "voice": "v", "volume": 1}, []],
    ["play_audio", ["https://e.com/a.mp3"], {"volume": 1}, []],
    ["play_silence", [2.5], {}, []],
    ["play_ringtone", ["us"], {"duration": 3, "volume": 1}, []],
    ["detect_digit", [], {"digits": "12", "timeout": 3}, []],
    ["detect_answering_machine", [], {}, []],
    [
        "detect_answering_machine",
        [],
        {
            "initial_timeout": 4.5,
            "end_silence_timeout": 1.0,
            "machine_voice_threshold": 1.25,
            "machine_words_threshold": 6,
            "detect_interruptions": False,
            "detect_message_end": True,
            "timeout": 20,
        },
        [STOP],
    ],
    ["detect_fax", [], {"tone": "CED", "timeout": 3}, []],
    ["detect", [{"type": "fax", "params": {}}], {**CTL, **S, "timeout": 3}, [STOP]],
    ["prompt_tts", ["hi", {"digits": {"max": 1}}], {"language": "l", "gender": "g", "voice": "v", "volume": 1}, []],
    ["prompt_audio", ["https://e.com/a", {"digits": {"max": 1}}], {"volume": 1}, []],
    ["play_and_collect", [[TTS], {"digits": {"max": 1}}], {**CTL, **S, "volume": 1}, [["volume", [2]], TIMERS, STOP]],
    ["record", [], CTL, [PAUSE, RESUME, STOP]],
    ["record", [{"beep": True}], {**CTL, **S}, [["pause", ["silence"]]]],
    ["collect", [], CTL, [TIMERS, STOP]],
    [
        "collect",
        [],
        {
            **CTL,
            **S,
            "digits": {"max": 1},
            "speech": {"language": "en-US"},
            "initial_timeout": 3.0,
            "partial_results": True,
            "continuous": False,
            "send_start_of_input": True,
            "start_input_timers": False,
        },
        [],
    ],
    ["connect", [[[PHONE]]], {}, []],
    [
        "connect",
        [[[PHONE, PHONE], [PHONE]]],
        {**S, "ringback": [TTS], "tag": "t", "max_duration": 5, "max_price_per_minute": 0.5},
        [],
    ],
    ["disconnect", [], {}, []],
    ["send_digits", ["12#"], CTL, []],
    ["refer", [{"type": "sip", "params": {"to": "sip:a@b"}}], S, []],
    ["pay", ["https://p"], CTL, [STOP]],
    [
        "pay",
        ["https://p"],
        {
            **CTL,
            **S,
            "input_method": "dtmf",
            "payment_method": "credit-card",
            "timeout": "5",
            "max_attempts": "2",
            "security_code": "true",
            "postal_code": "true",
            "min_postal_code_length": "4",
            "token_type": "one-time",
            "charge_amount": "1.00",
            "currency": "usd",
            "language": "en-US",
            "voice": "v",
            "description": "d",
            "valid_card_types": "visa",
            "bank_account_type": "consumer-checking",
            "parameters": [{"name": "a", "value": "b"}],
            "prompts": [{"for": "x"}],
        },
        [],
    ],
    ["send_fax", ["https://d"], {**CTL, **S, "identity": "+1", "header_info": "h"}, [STOP]],
    ["receive_fax", [], {**CTL, **S}, [STOP]],
    ["tap", [AUDIO, WS], {**CTL, **S}, [STOP]],
    ["stream", ["wss://e.com/x"], CTL, [STOP]],
    [
        "stream",
        ["wss://e.com/x"],
        {
            **CTL,
            **S,
            "name": "n",
            "codec": "PCMU",
            "track": "both_tracks",
            "status_url_method": "GET",
            "authorization_bearer_token": "b",
            "custom_parameters": {"a": "b"},
        },
        [],
    ],
    ["transfer", ["context:x"], {}, []],
    ["join_conference", ["n"], {}, []],
    [
        "join_conference",
        ["n"],
        {
            "muted": False,
            "beep": "onEnter",
            "start_on_enter": True,
            "end_on_exit": False,
            "wait_url": "https://w",
            "max_participants": 3,
            "record": "r",
            "region": "us",
            "trim": "t",
            "coach": "C",
            "acl": "a",
            "status_callback": "https://s",
            "status_callback_event": "e",
            "status_callback_event_type": "relay",
            "status_callback_method": "POST",
            "recording_status_callback": "https://r",
            "recording_status_callback_event": "f",
            "recording_status_callback_event_type": "cxml",
            "recording_status_callback_method": "GET",
            "stream_obj": {"url": "wss://e.com/x"},
        },
        [],
    ],
    ["leave_conference", ["id"], {}, []],
    ["hold", [], {}, []],
    ["unhold", [], {}, []],
    ["denoise", [], {}, []],
    ["denoise_stop", [], {}, []],
    ["transcribe", [], {**CTL, **S}, [STOP]],
    ["echo", [], {}, []],
    ["echo", [], {**S, "timeout": 5.0}, []],
    ["bind_digit", ["1", "calling.end"], {"bind_params": {"a": 1}, "realm": "r", "max_triggers": 2}, []],
    ["clear_digit_bindings", [], {}, []],
    ["clear_digit_bindings", [], {"realm": "r"}, []],
    ["live_transcribe", [{"start": {}}], {}, []],
    ["live_translate", [{"start": {}}], S, []],
    ["join_room", ["r"], S, []],
    ["leave_room", [], {}, []],
    ["ai", [], CTL, [STOP]],
    [
        "ai",
        [],
        {
            **CTL,
            "agent": "a",
            "prompt": {"text": "p"},
            "post_prompt": {"text": "q"},
            "post_prompt_url": "https://u",
            "post_prompt_auth_user": "u",
            "post_prompt_auth_password": "p",
            "global_data": {"a": 1},
            "pronounce": [{"x": "y"}],
            "hints": ["h"],
            "languages": [{"code": "en"}],
            "SWAIG": {"functions": []},
            "ai_params": {"k": 1},
        },
        [],
    ],
    [
        "amazon_bedrock",
        [],
        {
            "prompt": {"text": "p"},
            "SWAIG": {},
            "ai_params": {"k": 1},
            "global_data": {},
            "post_prompt": {"text": "q"},
            "post_prompt_url": "https://u",
        },
        [],
    ],
    ["ai_message", [], {"message_text": "m", "role": "user", "reset": {"a": 1}, "global_data": {"a": 1}}, []],
    ["ai_hold", [], {"timeout": "5", "prompt": "p"}, []],
    ["ai_unhold", [], {"prompt": "p"}, []],
    ["user_event", [], {"event": "e"}, []],
    ["queue_enter", ["q"], {**CTL, **S, "wait_url": "https://w"}, []],
    ["queue_leave", ["q"], {**CTL, **S, "queue_id": "Q"}, []],
]

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

# Names of the official Call that swsync has under another form.
NOT_TAKEN_OVER: dict[str, str] = {}

# What the official SDK has on an action and the wire has not.
CONTROLS_NOT_ON_THE_WIRE = {
    ("CollectAction", "pause"): "calling.play_and_collect.pause does not exist",
    ("CollectAction", "resume"): "calling.play_and_collect.resume does not exist",
}

# (class, method, parameter): why it is another one here.
DIFFERENT_PARAMETERS = {
    ("PlayAction", "pause", "behavior"): "only calling.record.pause has it on the wire",
    ("Call", "tap", "tap"): "optional, because the Node form gives audio= in its place",
    ("Call", "tap", "device"): "optional for the same reason; None is a TypeError",
    ("Call", "on", "event_type"): "named event, because short names are taken too",
    ("Call", "on", "handler"): "optional: without it, on() is a decorator",
}

# Constants of the official SDK that are no part of the wire.
CONSTANTS_LEFT_OUT = {
    "AGENT_STRING": "the agent is swsync's own",
    "PROTOCOL_VERSION": "swsync.protocol sends it",
    "RECONNECT_MIN_DELAY": "how swsync reconnects is its own: with jitter",
    "RECONNECT_MAX_DELAY": "the same",
    "RECONNECT_BACKOFF_FACTOR": "the same",
    "RECONNECT_MAX_AUTH_ATTEMPTS": "the same",
}

EVENTS = [
    {
        "event_type": event_type,
        "params": {"call_id": CALL, "control_id": "T", "state": "finished", "tag": "t", "node_id": NODE},
    }
    for event_type in EVENT_CLASSES
]

ACTIONS = {
    "Call": Call,
    "PlayAction": play.PlayAction,
    "RecordAction": record.RecordAction,
    "DetectAction": detect.DetectAction,
    "CollectAction": collect.CollectAction,
    "StandaloneCollectAction": collect.StandaloneCollectAction,
    "FaxAction": fax.FaxAction,
    "TapAction": tap.TapAction,
    "StreamAction": stream.StreamAction,
    "PayAction": pay.PayAction,
    "TranscribeAction": transcribe.TranscribeAction,
    "AIAction": ai.AIAction,
}


@pytest.fixture(scope="module")
def official() -> dict[str, Any]:
    """What the official SDK does with all of the above."""
    asked = json.dumps({"uses": USES, "swaig": SWAIG, "events": EVENTS})
    found = subprocess.run(
        [official_python(), str(PROGRAM)], input=asked, capture_output=True, text=True, check=False, timeout=120
    )
    assert 0 == found.returncode, found.stderr
    return dict(json.loads(found.stdout))


class Session:
    """Records what swsync sends, in the official recorder's form."""

    def __init__(self) -> None:
        from swsync.clock import REAL

        self.clock, self.is_local_host, self.sent = REAL, False, []

    def request(self, method: str, params: dict[str, Any], **_: Any) -> dict[str, Any]:
        self.sent.append([method, params])
        return {"code": "200", "message": "OK"}

    def check_destinations(self, devices: Any) -> None:
        pass

    def check_process(self) -> None:
        pass

    def forget(self, call: Any) -> None:
        pass


def _without_ids(frames: list[Any], is_named: bool) -> list[Any]:
    """Frames whose own, random control_id is replaced; one that was passed stays."""
    if is_named:
        return frames
    return [
        [method, {**params, **({"control_id": "*"} if "control_id" in params else {})}] for method, params in frames
    ]


@pytest.mark.parametrize("index", range(len(USES)), ids=[f"{use[0]}-{n}" for n, use in enumerate(USES)])
def test_frames_are_equal(official: dict[str, Any], index: int) -> None:
    """The same arguments give the same JSON, for each method and each control of its action."""
    method, args, kwargs, controls = USES[index]
    session = Session()
    call = Call(session, call_id=CALL, node_id=NODE, state="answered")  # type: ignore[arg-type]
    result = getattr(call, method)(*args, **kwargs)
    for control, values in controls:
        getattr(result, control)(*values)
    is_named = "control_id" in kwargs

    assert _without_ids(official["frames"][index], is_named) == _without_ids(session.sent, is_named)


def test_every_official_method_is_driven(official: dict[str, Any]) -> None:
    """No verb is missing above; waits and listeners send nothing."""
    silent = {"on", "wait_for", "wait_for_answered", "wait_for_ringing", "wait_for_ending", "wait_for_ended"}

    assert set(official["signatures"]["Call"]) - silent == {use[0] for use in USES}


@pytest.mark.parametrize("name", ACTIONS)
def test_signatures_take_the_same_arguments(official: dict[str, Any], name: str) -> None:
    """Every name, default and position of the official SDK is accepted; what is new is optional and keyword-only."""
    ours = ACTIONS[name]
    for method, parameters in official["signatures"][name].items():
        if method in NOT_TAKEN_OVER or (name, method) in CONTROLS_NOT_ON_THE_WIRE:
            assert not hasattr(ours, method)
            continue
        found = dict(list(inspect.signature(getattr(ours, method)).parameters.items())[1:])
        taken = set()
        for parameter, kind, default in parameters:
            if kind == "VAR_KEYWORD" or (name, method, parameter) in DIFFERENT_PARAMETERS:
                taken.add(parameter)
                continue
            mine = found[parameter]
            taken.add(parameter)
            assert kind == mine.kind.name, f"{name}.{method}({parameter})"
            expected = inspect.Parameter.empty if default is None else default[0]
            assert expected == mine.default, f"{name}.{method}({parameter})"
        for parameter, mine in found.items():
            if parameter not in taken and (name, method) != ("Call", "on"):
                assert mine.kind is inspect.Parameter.KEYWORD_ONLY, f"{name}.{method}({parameter})"
                assert mine.default is None or parameter == "timeout", f"{name}.{method}({parameter})"
            assert mine.kind is not inspect.Parameter.VAR_KEYWORD


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
    theirs = {name: value for name, value in official["constants"].items() if name not in CONSTANTS_LEFT_OUT}
    ours = {name: getattr(constants, name) for name in constants.__all__}

    assert theirs == json.loads(json.dumps(ours))


def test_the_tables_name_only_what_exists(official: dict[str, Any]) -> None:
    """A difference that is gone is taken off its list."""
    for name, method in CONTROLS_NOT_ON_THE_WIRE:
        assert method in official["signatures"][name]
    for name, method, parameter in DIFFERENT_PARAMETERS:
        assert parameter in [each[0] for each in official["signatures"][name][method]]
    assert set(CONSTANTS_LEFT_OUT) <= set(official["constants"])
