"""Checks the params of a request as the service does: the error names the field.

``methods.json`` holds the types of every method's params, extracted from the published schema.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from importlib import resources
from typing import Any

__all__ = ["INVALID_PARAMS", "Refused", "check_params", "is_known", "need", "refuse", "word"]

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
AUTHENTICATION_FAILED = -32002
VALIDATION_FAILED = -32003


class Refused(Exception):
    """The request gets a JSON-RPC error instead of a result."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


def refuse(field: str, why: str) -> Refused:
    """Return the -32602 that names a field."""
    return Refused(INVALID_PARAMS, f"Invalid params: {field}: {why}")


@lru_cache(maxsize=1)
def _methods() -> dict[str, dict[str, str]]:
    text = resources.files("swsync.localrelay").joinpath("methods.json").read_text(encoding="utf-8")
    methods: dict[str, dict[str, str]] = json.loads(text)
    return methods


def is_known(method: str) -> bool:
    """Return whether RELAY has such a method, simulated or not."""
    return method in _methods()


LARGEST = 1e9  # what no duration, count or price reaches; more would overflow a timer


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -LARGEST <= value <= LARGEST


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and _is_number(value)


TYPES: dict[str, Callable[[Any], bool]] = {
    "any": lambda value: True,
    "boolean": lambda value: isinstance(value, bool),
    "integer": _is_integer,
    "number": _is_number,
    "object": lambda value: isinstance(value, dict),
    "string": lambda value: isinstance(value, str),
}
NAMES = {
    "boolean": "a boolean",
    "integer": "an integer",
    "number": "a number",
    "object": "an object",
    "string": "a string",
}


def _check_type(field: str, value: Any, kind: str) -> None:
    if kind.startswith("array["):
        if not isinstance(value, list):
            raise refuse(field, "must be an array")
        for index, item in enumerate(value):
            _check_type(f"{field}[{index}]", item, kind[len("array[") : -1])
    elif not TYPES[kind](value):
        raise refuse(field, f"must be {NAMES[kind]}")


# What the schema leaves optional although the method means nothing without it.
REQUIRED = {
    "calling.dial": ("devices",),
    "calling.begin": ("device",),
    "calling.connect": ("devices",),
    "calling.transfer": ("dest",),
    "calling.refer": ("device",),
    "calling.play": ("play",),
    "calling.play.volume": ("volume",),
    "calling.tap": ("tap", "device"),
    "calling.stream": ("url",),
    "calling.send_digits": ("digits",),
    "calling.record": ("record",),
    "calling.detect": ("detect",),
    "calling.play_and_collect": ("play", "collect"),
    "calling.play_and_collect.volume": ("volume",),
    "calling.send_fax": ("document",),
    "calling.pay": ("payment_connector_url",),
    "calling.join_conference": ("name",),
    "calling.leave_conference": ("conference_id",),
    "calling.join_room": ("name",),
    "calling.bind_digit": ("digits", "bind_method"),
    "calling.queue.enter": ("queue_name",),
    "calling.queue.leave": ("queue_name",),
    "calling.live_transcribe": ("action",),
    "calling.live_translate": ("action",),
    "messaging.send": ("context", "to_number", "from_number"),
    "signalwire.connect": ("version",),
    "signalwire.receive": ("contexts",),
    "signalwire.unreceive": ("contexts",),
}
ABOUT_A_CALL_EXEMPT = frozenset({"calling.dial", "calling.begin", "calling.receive", "calling.call"})


def check_params(method: str, params: dict[str, Any]) -> None:
    """Raise Refused if a required param is missing or a declared one has the wrong type. Undeclared ones pass."""
    required = REQUIRED.get(method, ())
    if "control_id" in _methods().get(method, {}):
        required = ("control_id", *required)
    if method.startswith("calling.") and method not in ABOUT_A_CALL_EXEMPT:
        required = ("call_id", "node_id", *required)
    for field in required:
        if params.get(field) is None:
            raise refuse(field, "is required")
    for field, kind in _methods().get(method, {}).items():
        if params.get(field) is not None:
            _check_type(field, params[field], kind)
    if need(params, "max_duration", "number", default=0) < 0:
        raise refuse("max_duration", "must not be negative")
    for field in {"control_id", "queue_name"} & params.keys():  # something is found by them again
        if isinstance(params[field], str) and not params[field].strip():
            raise refuse(field, "must not be empty")


def need(params: Any, field: str, kind: str, path: str = "", default: Any = ...) -> Any:
    """Return ``params[field]`` after a check of its type; ``path`` is what stands before it in the error."""
    where = f"{path}.{field}" if path else field
    value = params.get(field)
    if value is None:
        if default is ...:
            raise refuse(where, "is required")
        return default
    _check_type(where, value, kind)
    return value


def word(params: Any, field: str, allowed: tuple[str, ...], path: str = "", default: Any = ...) -> str:
    """Return ``params[field]`` if it is one of the allowed words."""
    value: str = need(params, field, "string", path, default)
    if value not in allowed:
        raise refuse(f"{path}.{field}" if path else field, f"must be one of {', '.join(allowed)}, not {value!r}")
    return value
