"""The events of RELAY, typed.

Each class declares the fields that are documented for its event; ``params`` beside them is the server's own object,
untouched, so nothing that RELAY adds is lost. A field that is missing or has the wrong type takes its default: news
from a server never raises. An event type that this module does not know stays a plain ``RelayEvent``.
"""

# ruff: noqa: RUF009 -- _text(), _object() and their like make attrs fields; nothing is shared between instances.

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import attrs

__all__ = [
    "EVENT_CLASSES",
    "CallReceiveEvent",
    "CallStateEvent",
    "CallingErrorEvent",
    "CollectEvent",
    "ConferenceEvent",
    "ConnectEvent",
    "DenoiseEvent",
    "DetectEvent",
    "DialEvent",
    "EchoEvent",
    "FaxEvent",
    "HoldEvent",
    "MessageReceiveEvent",
    "MessageStateEvent",
    "PayEvent",
    "PlayEvent",
    "QueueEvent",
    "RecordEvent",
    "ReferEvent",
    "RelayEvent",
    "SendDigitsEvent",
    "StreamEvent",
    "TapEvent",
    "TranscribeEvent",
    "is_winner",
    "parse_event",
    "share_kept",
    "share_words",
]

E = TypeVar("E", bound="RelayEvent")


class _Column(NamedTuple):
    """Where one field comes from: its keys in order of preference, each a path into ``params``."""

    name: str
    key: str  # where there is one path of one key, which is nearly always; else ""
    paths: tuple[tuple[str, ...], ...]
    read: Callable[[Any], Any]


def _read_text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    # Numbers stand in for text now and then (SIP codes, error codes); true and false do not.
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _read_number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value) if isinstance(value, (int, float, str)) else None
    except (ValueError, OverflowError):
        return None


def _read_integer(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    number = _read_number(value)
    try:
        return None if number is None else int(number)
    except (ValueError, OverflowError):  # NaN and the infinities
        return None


def _read_flag(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.strip().lower()) if isinstance(value, str) else None


def _read_object(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _read_list(value: Any) -> list[Any] | None:
    return value if isinstance(value, list) else None


def _text(*keys: str) -> Any:
    return attrs.field(default="", metadata={"keys": keys, "read": _read_text})


def _number(*keys: str) -> Any:
    return attrs.field(default=0.0, metadata={"keys": keys, "read": _read_number})


def _integer(*keys: str) -> Any:
    return attrs.field(default=0, metadata={"keys": keys, "read": _read_integer})


def _flag(default: bool | None) -> Any:
    return attrs.field(default=default, metadata={"keys": (), "read": _read_flag})


def _object(*keys: str) -> Any:
    return attrs.field(factory=dict, metadata={"keys": keys, "read": _read_object})


def _list(*keys: str) -> Any:
    return attrs.field(factory=list, metadata={"keys": keys, "read": _read_list})


_COLUMNS: dict[type[Any], tuple[_Column, ...]] = {}  # filled on first use; two threads would write the same


def _columns(cls: type[Any]) -> tuple[_Column, ...]:
    """The fields of a class that are read from ``params``."""
    known = _COLUMNS.get(cls)
    if known is None:
        known = _COLUMNS[cls] = tuple(_column(field) for field in attrs.fields(cls) if "read" in field.metadata)
    return known


def _column(field: attrs.Attribute[Any]) -> _Column:
    keys = field.metadata["keys"] or (field.name,)
    key = keys[0] if len(keys) == 1 and "." not in keys[0] else ""
    return _Column(field.name, key, tuple(tuple(each.split(".")) for each in keys), field.metadata["read"])


def _find(params: Mapping[str, Any], paths: tuple[tuple[str, ...], ...], read: Callable[[Any], Any]) -> Any:
    """The first value of the right type, or None."""
    for path in paths:
        value: Any = params
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        found = None if value is None else read(value)
        if found is not None:
            return found
    return None


@attrs.frozen(kw_only=True, repr=False, eq=False)
class RelayEvent:
    """One piece of news about a call, a message or the session.

    Attributes:
        event_type: RELAY's name of it, such as ``calling.call.play``.
        params: The event's own fields exactly as they came.
        call_id: The call that it is about, or "".
        timestamp: Seconds since 1970 as the server gave them, or 0.0.
        control_id: The action that it is about, or "".
        synthetic: True if swsync made it because the call ended without it.
    """

    event_type: str = ""
    params: dict[str, Any] = attrs.field(factory=dict)
    call_id: str = _text()
    timestamp: float = 0.0
    control_id: str = _text()
    synthetic: bool = False

    def __repr__(self) -> str:
        # One for all classes, and what is at its default left out. Methods that attrs writes for each class would be a
        # third of this module's import time; events are equal only to themselves for the same reason.
        said = ((field.name, getattr(self, field.name)) for field in attrs.fields(type(self)) if field.name != "params")
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in said if value)})"

    @classmethod
    def from_payload(cls: type[E], payload: Mapping[str, Any]) -> E:
        """Make an event from the params of a ``signalwire.event`` request.

        Args:
            payload: ``{"event_type": ..., "timestamp": ..., "params": {...}}``. ``queuing.relay.tasks`` has no inner
                ``params``: its fields are the outer ones.
        """
        inner = payload.get("params", payload)
        params = inner if isinstance(inner, dict) else {}
        values: dict[str, Any] = {}
        for name, key, paths, read in _columns(cls):
            value = params.get(key) if key else _find(params, paths, read)
            # Nearly every field is text, and is; a call of _read_text costs as much as all else here.
            if value is not None and not (read is _read_text and value.__class__ is str):
                value = read(value)
            if value is not None:
                values[name] = value
        stamp = payload.get("timestamp")
        if stamp.__class__ is not float:
            stamp = _read_number(stamp)
            stamp = _read_number(params.get("timestamp")) if stamp is None else stamp
        return cls(
            event_type=_read_text(payload.get("event_type")) or "", params=params, timestamp=stamp or 0.0, **values
        )


@attrs.frozen(kw_only=True, repr=False, eq=False)
class CallStateEvent(RelayEvent):
    """``calling.call.state``: a call moved on. ``end_reason`` is there when it ended."""

    call_state: str = _text()
    end_reason: str = _text()
    direction: str = _text()
    device: dict[str, Any] = _object()
    node_id: str = _text()
    segment_id: str = _text()
    tag: str = _text()
    peer: dict[str, Any] = _object()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class CallReceiveEvent(RelayEvent):
    """``calling.call.receive``: somebody calls."""

    call_state: str = _text()
    direction: str = _text()
    device: dict[str, Any] = _object()
    node_id: str = _text()
    project_id: str = _text()
    context: str = _text("context", "protocol")
    segment_id: str = _text()
    tag: str = _text()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class PlayEvent(RelayEvent):
    """``calling.call.play``: playing, paused, finished or error."""

    state: str = _text()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class RecordEvent(RelayEvent):
    """``calling.call.record``: recording, paused, finished or no_input. ``duration`` in seconds, ``size`` in bytes."""

    state: str = _text()
    url: str = _text("record.url", "url")
    duration: float = _number("record.duration", "duration")
    size: int = _integer("record.size", "size")
    recording_id: str = _text("record.recording_id", "recording_id")
    record: dict[str, Any] = _object()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class CollectEvent(RelayEvent):
    """``calling.call.collect``: digits, speech, or that nothing matched, in ``result``."""

    state: str = _text()
    result: dict[str, Any] = _object()
    final: bool | None = _flag(None)


@attrs.frozen(kw_only=True, repr=False, eq=False)
class ConnectEvent(RelayEvent):
    """``calling.call.connect``: connecting, connected, disconnected or failed."""

    connect_state: str = _text()
    peer: dict[str, Any] = _object()
    failed_reason: str = _text("failed_reason", "reason")


@attrs.frozen(kw_only=True, repr=False, eq=False)
class DetectEvent(RelayEvent):
    """``calling.call.detect``: what was heard; ``event`` is its word (MACHINE, READY, CED, a digit, finished)."""

    detect: dict[str, Any] = _object()
    event: str = _text("detect.params.event")
    beep: bool | None = attrs.field(default=None, metadata={"keys": ("detect.params.beep",), "read": _read_flag})


@attrs.frozen(kw_only=True, repr=False, eq=False)
class FaxEvent(RelayEvent):
    """``calling.call.fax``: a page or the whole fax went through."""

    state: str = _text()
    fax: dict[str, Any] = _object()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class TapEvent(RelayEvent):
    """``calling.call.tap``: tapping or finished. ``device`` is where the audio goes."""

    state: str = _text()
    tap: dict[str, Any] = _object()
    device: dict[str, Any] = _object()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class StreamEvent(RelayEvent):
    """``calling.call.stream``: streaming or finished."""

    state: str = _text()
    url: str = _text()
    name: str = _text()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class SendDigitsEvent(RelayEvent):
    """``calling.call.send_digits``: finished."""

    state: str = _text()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class DialEvent(RelayEvent):
    """``calling.call.dial``: dialing, answered or failed, known by its ``tag``; ``call`` is the leg that won."""

    tag: str = _text()
    dial_state: str = _text()
    call: dict[str, Any] = _object()
    node_id: str = _text()
    reason: str = _text()
    source: str = _text()

    @property
    def dial_winner(self) -> bool:
        """Whether the leg in ``call`` is the one that answered first."""
        return is_winner(self.call)


@attrs.frozen(kw_only=True, repr=False, eq=False)
class ReferEvent(RelayEvent):
    """``calling.call.refer``: how a SIP REFER goes."""

    state: str = _text()
    sip_refer_to: str = _text()
    sip_refer_response_code: str = _text()
    sip_notify_response_code: str = _text()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class DenoiseEvent(RelayEvent):
    """``calling.call.denoise``: noise reduction was switched."""

    denoised: bool = _flag(False)


@attrs.frozen(kw_only=True, repr=False, eq=False)
class PayEvent(RelayEvent):
    """``calling.call.pay``: a payment's progress; ``for_`` names the field being asked for."""

    state: str = _text()
    for_: str = _text("for")
    error_type: str = _text()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class QueueEvent(RelayEvent):
    """``calling.call.queue``: enqueue, dequeue or leave, in ``status``."""

    status: str = _text()
    queue_id: str = _text("id")
    queue_name: str = _text("name")
    position: int = _integer()
    size: int = _integer()
    avg_time: float = _number()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class EchoEvent(RelayEvent):
    """``calling.call.echo``: an echo's state."""

    state: str = _text()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class TranscribeEvent(RelayEvent):
    """``calling.call.transcribe``: transcribing or finished. ``duration`` in seconds, ``size`` in bytes."""

    state: str = _text()
    url: str = _text()
    recording_id: str = _text()
    duration: float = _number()
    size: int = _integer()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class HoldEvent(RelayEvent):
    """``calling.call.hold``: on or off hold."""

    state: str = _text()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class ConferenceEvent(RelayEvent):
    """``calling.conference``: something happened in a conference."""

    conference_id: str = _text()
    name: str = _text()
    status: str = _text()
    size: int = _integer()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class CallingErrorEvent(RelayEvent):
    """``calling.error``: the service reports a mistake that no request stands for."""

    code: str = _text()
    message: str = _text()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class _MessageEvent(RelayEvent):
    """What both message events say."""

    message_id: str = _text()
    context: str = _text()
    direction: str = _text()
    from_number: str = _text()
    to_number: str = _text()
    body: str = _text()
    media: list[str] = _list()
    segments: int = _integer()
    message_state: str = _text()
    tags: list[str] = _list()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class MessageReceiveEvent(_MessageEvent):
    """``messaging.receive``: a text message came in."""


@attrs.frozen(kw_only=True, repr=False, eq=False)
class MessageStateEvent(_MessageEvent):
    """``messaging.state``: a sent message moved on; ``reason`` is there when it failed."""

    reason: str = _text()


_KEPT = frozenset(f"calling.call.{word}" for word in ("state", "tap", "stream", "record", "transcribe", "connect"))
"""Events that a call keeps for as long as it lasts."""

_WORDS: dict[str, str] = {}  # each word once; two threads that add to it at once do no harm
_MOST_WORDS = 1024
_LONGEST_WORD = 16  # states, types and the like; ids are longer


def share_kept(payload: dict[str, Any]) -> dict[str, Any]:
    """Return the params of an event, with shared words if it is one that calls keep: JSON makes each anew each time."""
    event_type, params = payload.get("event_type"), payload.get("params")
    if event_type.__class__ is not str or event_type not in _KEPT or not isinstance(params, dict):
        return payload
    return {**payload, "event_type": _word(event_type), "params": share_words(params)}


def share_words(params: dict[str, Any], depth: int = 4) -> dict[str, Any]:
    """Return an equal object in which each word is the one that is in use elsewhere already: for what is kept."""
    shared: dict[str, Any] = {}
    for key, value in params.items():
        if isinstance(value, dict) and depth:
            shared[_word(key)] = share_words(value, depth - 1)
        else:
            shared[_word(key)] = _word(value) if isinstance(value, str) and len(value) <= _LONGEST_WORD else value
    return shared


def _word(text: str) -> str:
    known = _WORDS.get(text)
    if known is None:
        known = text
        if len(_WORDS) < _MOST_WORDS and len(text) <= 2 * _LONGEST_WORD:
            _WORDS[text] = text
    return known


EVENT_CLASSES: dict[str, type[RelayEvent]] = {
    "calling.call.state": CallStateEvent,
    "calling.call.receive": CallReceiveEvent,
    "calling.call.play": PlayEvent,
    "calling.call.record": RecordEvent,
    "calling.call.collect": CollectEvent,
    "calling.call.connect": ConnectEvent,
    "calling.call.detect": DetectEvent,
    "calling.call.fax": FaxEvent,
    "calling.call.tap": TapEvent,
    "calling.call.stream": StreamEvent,
    "calling.call.send_digits": SendDigitsEvent,
    "calling.call.dial": DialEvent,
    "calling.call.refer": ReferEvent,
    "calling.call.denoise": DenoiseEvent,
    "calling.call.pay": PayEvent,
    "calling.call.queue": QueueEvent,
    "calling.call.echo": EchoEvent,
    "calling.call.transcribe": TranscribeEvent,
    "calling.call.hold": HoldEvent,
    "calling.conference": ConferenceEvent,
    "calling.error": CallingErrorEvent,
    "messaging.receive": MessageReceiveEvent,
    "messaging.state": MessageStateEvent,
}
"""The typed class of every event type that has one."""


def parse_event(payload: Mapping[str, Any]) -> RelayEvent:
    """Make the typed event of a ``signalwire.event`` request's params; unknown types give a ``RelayEvent``."""
    event_type = payload.get("event_type")
    known = EVENT_CLASSES.get(event_type) if isinstance(event_type, str) else None
    return (known or RelayEvent).from_payload(payload)


def is_winner(leg: Mapping[str, Any]) -> bool:
    """Whether a dial's leg is the winner: the wire says so with a boolean or with the string "true"."""
    return _read_flag(leg.get("dial_winner")) is True
