"""What a SWML document may say, as data: the rules of the published schema for the verbs that are simulated.

A field is ``name`` or ``name!`` (required) with its kind: a JSON type, ``words:a|b``, ``array[...]``, ``url`` (http or
https) or a part of a document. Where the schema takes a number or a boolean it takes a variable as well (``%{...}``).
"""

from __future__ import annotations

import re

__all__ = ["DEVICE", "NOT_SIMULATED", "PLAY_URL", "RANGES", "VARIABLE", "VERBS"]

VARIABLE = re.compile(r"[$%]\{.*\}\Z", re.DOTALL)
# http(s), say:text, silence:seconds, ring:seconds:country, ring:country
PLAY_URL = re.compile(
    r"(https?://.+|say: ?.+|silence: ?\d+(\.\d+)?|ring: ?(\d+(\.\d+)?: ?)?[a-zA-Z]{2})\Z", re.DOTALL | re.ASCII
)

SAYING = {"volume": "number", "say_voice": "string", "say_language": "string", "say_gender": "string"}
RECORDING = {
    "stereo": "boolean",
    "format": "words:wav|mp3|mp4",
    "terminators": "string",
    "beep": "boolean",
    "input_sensitivity": "number",
    "initial_timeout": "number",
    "end_silence_timeout": "number",
    "max_length": "number",
    "status_url": "url",
}
DEVICE = {
    "from": "string",
    "headers": "array[object]",
    "codecs": "string",
    "webrtc_media": "boolean",
    "session_timeout": "integer",
    "ringback": "any",
    "timeout": "integer",
    "max_duration": "integer",
    "answer_on_bridge": "boolean",
    "confirm": "any",
    "confirm_timeout": "integer",
    "username": "string",
    "password": "string",
    "encryption": "words:mandatory|optional|forbidden",
    "call_state_url": "url",
    "call_state_events": "array[string]",
    "transfer_after_bridge": "string",
    "status_url": "url",
    "to": "string",
}
ONE = {"control_id": "string"}

VERBS: dict[str, dict[str, str]] = {
    "answer": {"max_duration": "integer", "codecs": "string", "username": "string", "password": "string"},
    "play": {**SAYING, "auto_answer": "boolean", "status_url": "url", "url": "play", "urls": "array[play]"},
    "prompt": {
        **SAYING,
        "play!": "plays",
        "max_digits": "integer",
        "terminators": "string",
        "digit_timeout": "number",
        "initial_timeout": "number",
        "speech_timeout": "number",
        "speech_end_timeout": "number",
        "speech_language": "string",
        "speech_hints": "array[string]",
        "speech_engine": "string",
        "status_url": "url",
    },
    "record": {**RECORDING, "direction": "words:speak|listen"},
    "record_call": {**RECORDING, "direction": "words:speak|listen|both", **ONE},
    "stop_record_call": ONE,
    "tap": {
        "uri!": "string",
        "control_id": "string",
        "direction": "words:speak|listen|both",
        "codec": "words:PCMU|PCMA",
        "rtp_ptime": "integer",
        "status_url": "url",
    },
    "stop_tap": ONE,
    "stream": {
        "url!": "string",
        "control_id": "string",
        "name": "string",
        "track": "words:inbound_track|outbound_track|both_tracks",
        "codec": "string",
        "status_url": "url",
        "status_url_method": "words:GET|POST",
        "authorization_bearer_token": "string",
        "custom_parameters": "object",
    },
    "stop_stream": ONE,
    "hangup": {"reason": "words:hangup|busy|decline"},
    "send_digits": {"digits!": "string"},
    "sleep": {"duration!": "integer"},
    "connect": {**DEVICE, "result": "any", "serial": "array[device]", "parallel": "array[device]",
                "serial_parallel": "array[array[device]]"},
    "denoise": {},
    "stop_denoise": {},
    "set": {"*": "any"},
    "unset": {},
    "label": {},
    "goto": {"label!": "string", "when": "string", "max": "integer"},
    "return": {},
    "switch": {"variable!": "string", "case!": "sections", "default": "steps"},
    "execute": {"dest!": "string", "params": "object", "meta": "object", "on_return": "steps", "result": "any"},
    "transfer": {"dest!": "string", "params": "object", "meta": "object"},
    "ai": {"*": "any"},
    "user_event": {"event!": "object"},
}  # fmt: skip
"""Each verb's fields. ``*`` lets any field pass."""

NOT_SIMULATED = (
    "ai_sidecar", "amazon_bedrock", "cond", "detect_machine", "enter_queue", "join_conference", "join_room",
    "live_transcribe", "live_translate", "pay", "receive_fax", "request", "send_fax", "send_sms", "sip_refer",
)  # fmt: skip
"""What the schema knows besides."""

RANGES: dict[tuple[str, str], tuple[float, float]] = {
    ("play", "volume"): (-40, 40),
    ("prompt", "volume"): (-40, 40),
    ("goto", "max"): (1, 100),
    ("sleep", "duration"): (-1, 1e9),
    ("connect", "session_timeout"): (1, 1e9),
    ("record", "input_sensitivity"): (0, 100),
    ("record_call", "input_sensitivity"): (0, 100),
}
