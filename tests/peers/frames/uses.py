"""Each method of the official SDK with the fewest arguments and with all of them, and each control of its actions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

__all__ = ["USES", "Use", "as_json"]


class Use(NamedTuple):
    """One thing that a user does with a client.

    Attributes:
        method: Of ``Call``, or of ``RelayClient`` with ``client.`` before it.
        args: Its positional arguments.
        kwargs: Its keyword arguments.
        then: What is called on the result: (name, arguments).
    """

    method: str
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = {}
    then: Sequence[tuple[str, Sequence[Any]]] = ()

    @property
    def on_client(self) -> bool:
        return self.method.startswith("client.")


TTS = {"type": "tts", "params": {"text": "hi"}}
RINGING = {"type": "ringtone", "params": {"name": "us", "duration": 2}}
PHONE = {"type": "phone", "params": {"to_number": "+12025550100", "from_number": "+12025550199"}}
SLOW = {
    "timeout": 20,
    "max_duration": 60,
    "call_state_url": "https://s",
    "call_state_events": ["ended"],
    "confirm": "c",
}
SLOW_PHONE = {"type": "phone", "params": {"to_number": "+12025550101", "from_number": "+12025550199", **SLOW}}
_SIP = {"from": "sip:a@example.com", "to": "sip:b@example.com", "from_name": "Ärzte", "codecs": ["PCMU", "OPUS"]}
SIP = {"type": "sip", "params": {**_SIP, "webrtc_media": True, "headers": [{"name": "X-A", "value": "1"}]}}
WEBRTC = {"type": "webrtc", "params": {"from": "a", "to": "b", "codecs": ["OPUS"]}}
AUDIO = {"type": "audio", "params": {"direction": "both"}}
WS = {"type": "ws", "params": {"uri": "wss://example.com/x", "codec": "PCMU", "rate": 8000}}
RTP = {"type": "rtp", "params": {"addr": "8.8.8.8", "port": 4000, "codec": "PCMA", "ptime": 40}}
DIGITS = {"digits": {"max": 1, "terminators": "#", "digit_timeout": 2.5}}
CTL = {"control_id": "T"}
S = {"status_url": "https://s"}
TO = {"to_number": "+12025550100", "from_number": "+12025550199"}

STOP: tuple[str, Sequence[Any]] = ("stop", [])
PAUSE: tuple[str, Sequence[Any]] = ("pause", [])
RESUME: tuple[str, Sequence[Any]] = ("resume", [])
TIMERS: tuple[str, Sequence[Any]] = ("start_input_timers", [])
WAIT: tuple[str, Sequence[Any]] = ("wait", [10])  # for the end that STOP brings about
HANGUP: tuple[str, Sequence[Any]] = ("hangup", [])

LIFE = [
    Use("answer"),
    Use("answer", [], {"max_duration": 5, "codecs": ["PCMU"]}),
    Use("hangup"),
    Use("hangup", ["busy"]),
    Use("pass_"),
    Use("connect", [[[PHONE]]]),
    Use(
        "connect",
        [[[PHONE, SIP], [WEBRTC], [SLOW_PHONE]]],
        {**S, "ringback": [TTS, RINGING], "tag": "t", "max_duration": 5, "max_price_per_minute": 0.5},
    ),
    Use("disconnect"),
    Use("refer", [{"type": "sip", "params": {"to": "sip:a@b"}}]),
    Use("refer", [{"type": "sip", "params": {"to": "sip:a@b", "headers": [{"name": "A", "value": "b"}]}}], S),
    Use("transfer", ["context:x"]),
    Use("hold"),
    Use("unhold"),
    Use("queue_enter", ["q"]),
    Use("queue_enter", ["q"], {**CTL, **S, "wait_url": "https://w"}),
    Use("queue_leave", ["q"]),
    Use("queue_leave", ["q"], {**CTL, **S, "queue_id": "Q"}),
    Use("join_conference", ["n"]),
    Use(
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
    ),
    Use("leave_conference", ["id"]),
    Use("join_room", ["r"]),
    Use("join_room", ["r"], {**S, "hagrid_json_api_url": "https://h", "hagrid_node_id": "N"}),
    Use("leave_room"),
]

MEDIA = [
    Use("play", [[TTS]], {}, [PAUSE, RESUME, ("volume", [-3.5]), STOP, WAIT]),
    Use("play", [[TTS, RINGING]], {**CTL, **S, "volume": -4.0, "direction": "both", "loop": 0}, [STOP, WAIT]),
    Use("play_tts", ["grüß Gott"], {}, [STOP]),
    Use("play_tts", ["hi"], {"language": "en-US", "gender": "male", "voice": "v", "volume": 1}),
    Use("play_audio", ["https://e.com/a.mp3"]),
    Use("play_audio", ["https://e.com/a.mp3"], {"volume": 1}),
    Use("play_silence", [2.5]),
    Use("play_ringtone", ["us"]),
    Use("play_ringtone", ["us"], {"duration": 3, "volume": 1}),
    Use("record", [], {}, [PAUSE, RESUME, ("pause", [""]), STOP, WAIT]),
    Use("record", [{"beep": True, "format": "wav", "stereo": True}], {**CTL, **S}, [("pause", ["silence"]), STOP]),
    Use("tap", [AUDIO, WS], {}, [STOP, WAIT]),
    Use("tap", [AUDIO, RTP], {**CTL, **S}, [STOP, WAIT]),
    Use("stream", ["wss://e.com/x"], {}, [STOP, WAIT]),
    Use(
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
        [STOP],
    ),
    Use("transcribe", [], {}, [STOP, WAIT]),
    Use("transcribe", [], {**CTL, **S}),
    Use("live_transcribe", [{"start": {}}]),
    Use("live_translate", [{"start": {}}]),
    Use("live_translate", [{"inject": {"text": "hi"}}], S),
    Use("denoise"),
    Use("denoise_stop"),
    Use("echo"),
    Use("echo", [], {**S, "timeout": 5.0}),
    Use("send_fax", ["https://d"], {}, [STOP, WAIT]),
    Use("send_fax", ["https://d"], {**CTL, **S, "identity": "+1", "header_info": "h"}),
    Use("receive_fax", [], {}, [STOP, WAIT]),
    Use("receive_fax", [], {**CTL, **S}),
]

INPUT = [
    Use("detect", [{"type": "fax", "params": {}}], {}, [STOP, WAIT]),
    Use("detect", [{"type": "machine", "params": {}}], {**CTL, **S, "timeout": 3}, [STOP]),
    Use("detect_digit"),
    Use("detect_digit", [], {"digits": "12", "timeout": 3}, [STOP]),
    Use("detect_fax"),
    Use("detect_fax", [], {"tone": "CED", "timeout": 3}),
    Use("detect_answering_machine", [], {}, [STOP, WAIT]),
    Use(
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
    ),
    Use("collect", [], {}, [TIMERS, STOP, WAIT]),
    Use(
        "collect",
        [],
        {
            **CTL,
            **S,
            **DIGITS,
            "speech": {"language": "en-US"},
            "initial_timeout": 3.0,
            "partial_results": True,
            "continuous": False,
            "send_start_of_input": True,
            "start_input_timers": False,
        },
    ),
    Use("play_and_collect", [[TTS], DIGITS], {}, [("volume", [2]), TIMERS, STOP, WAIT]),
    Use("play_and_collect", [[TTS], DIGITS], {**CTL, **S, "volume": 1}),
    Use("prompt_tts", ["hi", DIGITS], {}, [STOP]),
    Use("prompt_tts", ["hi", DIGITS], {"language": "l", "gender": "g", "voice": "v", "volume": 1}),
    Use("prompt_audio", ["https://e.com/a", DIGITS]),
    Use("prompt_audio", ["https://e.com/a", DIGITS], {"volume": 1}),
    Use("send_digits", ["0123456789#*ABCDwW"]),
    Use("send_digits", ["12#"], CTL),
    Use("bind_digit", ["1", "calling.end"]),
    Use("bind_digit", ["1", "calling.end"], {"bind_params": {"a": 1}, "realm": "r", "max_triggers": 2}),
    Use("clear_digit_bindings"),
    Use("clear_digit_bindings", [], {"realm": "r"}),
    Use("pay", ["https://p"], {}, [STOP, WAIT]),
    Use(
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
    ),
    Use("user_event"),
    Use("user_event", [], {"event": "e"}),
]

_AGENT = {
    "prompt": {"text": "p"},
    "post_prompt": {"text": "q"},
    "post_prompt_url": "https://u",
    "global_data": {"a": 1},
    "SWAIG": {"functions": []},
    "ai_params": {"k": 1},
}
AI = [
    Use("ai", [], {}, [STOP]),
    Use(
        "ai",
        [],
        {
            **CTL,
            **_AGENT,
            "agent": "a",
            "post_prompt_auth_user": "u",
            "post_prompt_auth_password": "p",
            "pronounce": [{"x": "y"}],
            "hints": ["h"],
            "languages": [{"code": "en"}],
        },
    ),
    Use("amazon_bedrock"),
    Use("amazon_bedrock", [], _AGENT),
    Use("ai_message"),
    Use("ai_message", [], {"message_text": "m", "role": "user", "reset": {"a": 1}, "global_data": {"a": 1}}),
    Use("ai_hold"),
    Use("ai_hold", [], {"timeout": "5", "prompt": "p"}),
    Use("ai_unhold"),
    Use("ai_unhold", [], {"prompt": "p"}),
]

CLIENT = [
    Use("client.receive", [["sales", "support"]]),
    Use("client.unreceive", [["sales"]]),
    Use("client.dial", [[[PHONE]]], {}, [HANGUP]),
    Use("client.dial", [[[SIP]]], {"max_duration": 0}),  # left on, for the end of the client
    Use(
        "client.dial",
        [[[PHONE, SIP], [SLOW_PHONE, WEBRTC]]],
        {"tag": "t", "max_duration": 5, "dial_timeout": 10},
        [("play_tts", ["hi"]), HANGUP],
    ),
    Use("client.send_message", [], {**TO, "body": "hi"}),
    Use("client.send_message", [], {**TO, "media": ["https://m"], "body": "", "tags": [], "region": ""}),
    Use(
        "client.send_message",
        [],
        {**TO, "context": "c", "body": "hi", "media": ["https://m"], "tags": ["a"], "region": "us"},
    ),
    Use("client.execute", ["calling.play", {"node_id": "n", "call_id": "c", "control_id": "T", "play": [TTS]}]),
]

USES = [*LIFE, *MEDIA, *INPUT, *AI, *CLIENT]


def as_json() -> str:
    """The table for a program in another environment."""
    return json.dumps(USES)
