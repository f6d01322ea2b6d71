"""The events of RELAY, typed.

Each class declares the fields that are documented for its event; ``params`` beside them is the server's own object,
untouched, so nothing that RELAY adds is lost. A field that is missing or has the wrong type takes its default: news
from a server never raises. An event type that this module does not know stays a plain ``RelayEvent``.

Most fields are read from ``params`` when they are asked for: of most events most never are.
"""

# ruff: noqa: RUF009 -- fields.text(), fields.object_() and their like make attrs fields; nothing is shared between instances.

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from swsync import eventfields as fields

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
]

E = TypeVar("E", bound="RelayEvent")


@attrs.frozen(kw_only=True, repr=False, eq=False)
class RelayEvent:
    """One piece of news about a call, a message or the session.

    Attributes:
        event_type: RELAY's name of it, such as ``calling.call.play``.
        params: The event's own fields exactly as they came; all who are given the event share them.
        call_id: The call that it is about, or "".
        timestamp: Seconds since 1970 as the server gave them, or 0.0.
        control_id: The action that it is about, or "".
        synthetic: True if swsync made it because the call ended without it.
    """

    event_type: str = ""
    params: dict[str, Any] = attrs.field(factory=dict)
    call_id: str = fields.text()
    timestamp: float = 0.0
    control_id: str = fields.text()
    synthetic: bool = False

    def __repr__(self) -> str:
        # One for all classes, and what is at its default left out. Methods that attrs writes for each class would be a
        # third of this module's import time; events are equal only to themselves for the same reason.
        from swsync.masking import hidden

        said = ((field.name, getattr(self, field.name)) for field in attrs.fields(type(self)) if field.name != "params")
        return f"{type(self).__name__}({', '.join(f'{name}={hidden(value)!r}' for name, value in said if value)})"

    @classmethod
    def from_payload(cls: type[E], payload: Mapping[str, Any]) -> E:
        """Make an event from the params of a ``signalwire.event`` request.

        Args:
            payload: ``{"event_type": ..., "timestamp": ..., "params": {...}}``. ``queuing.relay.tasks`` has no inner
                ``params``: its fields are the outer ones.
        """
        event_type, stamp = payload.get("event_type"), payload.get("timestamp")
        inner = payload.get("params", payload)
        params = inner if isinstance(inner, dict) else {}
        call_id, control_id = params.get("call_id"), params.get("control_id")
        if stamp.__class__ is not float:
            stamp = fields.read_number(stamp)
            stamp = fields.read_number(params.get("timestamp")) if stamp is None else stamp
        event = object.__new__(cls)
        # Nearly always these are text; a call of fields.read_text for each would be a third of all this.
        _set_event_type(event, event_type if event_type.__class__ is str else fields.read_text(event_type) or "")
        _set_params(event, params)
        _set_call_id(event, call_id if call_id.__class__ is str else fields.read_text(call_id) or "")
        _set_control_id(event, control_id if control_id.__class__ is str else fields.read_text(control_id) or "")
        _set_timestamp(event, stamp or 0.0)
        return event

    if not TYPE_CHECKING:  # for a type checker there are the declared fields and no others

        def __getattr__(self, name: str) -> Any:
            # Reached for a field that has no value yet, and for what is no field.
            if name == "params":
                raise AttributeError(name)
            value = fields.read(type(self), name, self.params)
            object.__setattr__(self, name, value)
            return value


# An event is frozen; these fill one that nobody has seen yet, in half the time of its __init__.
_set_event_type, _set_params, _set_call_id, _set_control_id, _set_timestamp = (
    vars(RelayEvent)[name].__set__ for name in ("event_type", "params", "call_id", "control_id", "timestamp")
)


@attrs.frozen(kw_only=True, repr=False, eq=False)
class CallStateEvent(RelayEvent):
    """``calling.call.state``: a call moved on. ``end_reason`` is there when it ended."""

    call_state: str = fields.text()
    end_reason: str = fields.text()
    direction: str = fields.text()
    device: dict[str, Any] = fields.object_()
    node_id: str = fields.text()
    segment_id: str = fields.text()
    tag: str = fields.text()
    peer: dict[str, Any] = fields.object_()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class CallReceiveEvent(RelayEvent):
    """``calling.call.receive``: somebody calls."""

    call_state: str = fields.text()
    direction: str = fields.text()
    device: dict[str, Any] = fields.object_()
    node_id: str = fields.text()
    project_id: str = fields.text()
    context: str = fields.text("context", "protocol")
    segment_id: str = fields.text()
    tag: str = fields.text()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class PlayEvent(RelayEvent):
    """``calling.call.play``: playing, paused, finished or error."""

    state: str = fields.text()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class RecordEvent(RelayEvent):
    """``calling.call.record``: recording, paused, finished or no_input. ``duration`` in seconds, ``size`` in bytes.

    ``start_time`` and ``end_time`` are seconds since 1970, 0.0 where nothing was said.
    """

    state: str = fields.text()
    url: str = fields.text("record.url", "url")
    duration: float = fields.number("record.duration", "duration")
    size: int = fields.integer("record.size", "size")
    recording_id: str = fields.text("record.recording_id", "recording_id")
    start_time: float = fields.number("record.start_time", "start_time")
    end_time: float = fields.number("record.end_time", "end_time")
    record: dict[str, Any] = fields.object_()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class CollectEvent(RelayEvent):
    """``calling.call.collect``: digits, speech, or that nothing matched, in ``result``."""

    state: str = fields.text()
    result: dict[str, Any] = fields.object_()
    final: bool | None = fields.flag(None)


@attrs.frozen(kw_only=True, repr=False, eq=False)
class ConnectEvent(RelayEvent):
    """``calling.call.connect``: connecting, connected, disconnected or failed."""

    connect_state: str = fields.text()
    peer: dict[str, Any] = fields.object_()
    failed_reason: str = fields.text("failed_reason", "reason")


@attrs.frozen(kw_only=True, repr=False, eq=False)
class DetectEvent(RelayEvent):
    """``calling.call.detect``: what was heard; ``event`` is its word (MACHINE, READY, CED, a digit, finished)."""

    detect: dict[str, Any] = fields.object_()
    event: str = fields.text("detect.params.event")
    beep: bool | None = attrs.field(default=None, metadata={"keys": ("detect.params.beep",), "read": fields.read_flag})


@attrs.frozen(kw_only=True, repr=False, eq=False)
class FaxEvent(RelayEvent):
    """``calling.call.fax``: a page or the whole fax went through."""

    state: str = fields.text()
    fax: dict[str, Any] = fields.object_()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class TapEvent(RelayEvent):
    """``calling.call.tap``: tapping or finished. ``device`` is where the audio goes."""

    state: str = fields.text()
    tap: dict[str, Any] = fields.object_()
    device: dict[str, Any] = fields.object_()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class StreamEvent(RelayEvent):
    """``calling.call.stream``: streaming or finished."""

    state: str = fields.text()
    url: str = fields.text()
    name: str = fields.text()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class SendDigitsEvent(RelayEvent):
    """``calling.call.send_digits``: finished."""

    state: str = fields.text()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class DialEvent(RelayEvent):
    """``calling.call.dial``: dialing, answered or failed, known by its ``tag``; ``call`` is the leg that won."""

    tag: str = fields.text()
    dial_state: str = fields.text()
    call: dict[str, Any] = fields.object_()
    node_id: str = fields.text()
    reason: str = fields.text()
    source: str = fields.text()

    @property
    def dial_winner(self) -> bool:
        """Whether the leg in ``call`` is the one that answered first."""
        return is_winner(self.call)


@attrs.frozen(kw_only=True, repr=False, eq=False)
class ReferEvent(RelayEvent):
    """``calling.call.refer``: how a SIP REFER goes."""

    state: str = fields.text()
    sip_refer_to: str = fields.text()
    sip_refer_response_code: str = fields.text()
    sip_notify_response_code: str = fields.text()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class DenoiseEvent(RelayEvent):
    """``calling.call.denoise``: noise reduction was switched."""

    denoised: bool = fields.flag(False)


@attrs.frozen(kw_only=True, repr=False, eq=False)
class PayEvent(RelayEvent):
    """``calling.call.pay``: a payment's progress; ``for_`` names the field being asked for."""

    state: str = fields.text()
    for_: str = fields.text("for")
    error_type: str = fields.text()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class QueueEvent(RelayEvent):
    """``calling.call.queue``: enqueue, dequeue or leave, in ``status``; when each was, in seconds since 1970."""

    status: str = fields.text()
    queue_id: str = fields.text("id")
    queue_name: str = fields.text("name")
    position: int = fields.integer()
    size: int = fields.integer()
    avg_time: float = fields.number()
    enqueue_ts: float = fields.number()
    dequeue_ts: float = fields.number()
    leave_ts: float = fields.number()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class EchoEvent(RelayEvent):
    """``calling.call.echo``: an echo's state."""

    state: str = fields.text()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class TranscribeEvent(RelayEvent):
    """``calling.call.transcribe``: transcribing or finished. ``duration`` in seconds, ``size`` in bytes.

    ``start_time`` and ``end_time`` are seconds since 1970, 0.0 where nothing was said.
    """

    state: str = fields.text()
    url: str = fields.text()
    recording_id: str = fields.text()
    duration: float = fields.number()
    size: int = fields.integer()
    start_time: float = fields.number()
    end_time: float = fields.number()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class HoldEvent(RelayEvent):
    """``calling.call.hold``: on or off hold."""

    state: str = fields.text()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class ConferenceEvent(RelayEvent):
    """``calling.conference``: something happened in a conference."""

    conference_id: str = fields.text()
    name: str = fields.text()
    status: str = fields.text()
    size: int = fields.integer()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class CallingErrorEvent(RelayEvent):
    """``calling.error``: the service reports a mistake that no request stands for."""

    code: str = fields.text()
    message: str = fields.text()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class _MessageEvent(RelayEvent):
    """What both message events say."""

    message_id: str = fields.text()
    context: str = fields.text()
    direction: str = fields.text()
    from_number: str = fields.text()
    to_number: str = fields.text()
    body: str = fields.text()
    media: list[str] = fields.list_()
    segments: int = fields.integer()
    message_state: str = fields.text()
    tags: list[str] = fields.list_()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class MessageReceiveEvent(_MessageEvent):
    """``messaging.receive``: a text message came in."""


@attrs.frozen(kw_only=True, repr=False, eq=False)
class MessageStateEvent(_MessageEvent):
    """``messaging.state``: a sent message moved on; ``reason`` is there when it failed."""

    reason: str = fields.text()


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
    return fields.read_flag(leg.get("dial_winner")) is True
