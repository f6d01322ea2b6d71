"""The JSON messages of a media stream: text in, checked values out. No socket, thread or clock.

The messages are ``connected``, ``start``, ``media``, ``dtmf``, ``mark`` and ``stop``. Counters and timestamps are
strings of digits on the wire; numbers are accepted too. Unknown fields are ignored, an unknown ``event`` is an
``UnknownMessage``, and a field that is there but wrong is a ``PacketError`` that names it.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeAlias

import attrs

from swsync.errors import PacketError
from swsync.media.mediaformat import MediaFormat, media_format

__all__ = [
    "ConnectedMessage",
    "DtmfMessage",
    "MarkMessage",
    "MediaMessage",
    "StartMessage",
    "StopMessage",
    "StreamMessage",
    "UnknownMessage",
    "parse_message",
]

MAX_NUMBER = 2**53  # counters and milliseconds; more than a hundred thousand years of either
MAX_DIGITS = len(str(MAX_NUMBER))
MAX_NAME = 256  # characters of an identifier, a mark or an event
MAX_PARAMETERS = 99  # custom parameters of a stream; the service's own limit
DTMF_DIGITS = frozenset("0123456789*#ABCDabcd")
TRACKS = {"inbound": "inbound", "outbound": "outbound", "inbound_track": "inbound", "outbound_track": "outbound"}


@attrs.frozen(kw_only=True)
class ConnectedMessage:
    """The first message: the socket speaks the stream protocol."""

    protocol: str = ""
    version: str = ""


@attrs.frozen(kw_only=True)
class StartMessage:
    """What the stream carries; comes once, before any media.

    Attributes:
        stream_sid: The stream, "" if not told.
        account_sid: The project, "" if not told.
        call_sid: The call, "" if not told.
        tracks: ``inbound`` (what the party says), ``outbound`` (what it hears) or both; empty if not told.
        custom_parameters: What was given to the ``stream`` verb.
        media_format: Codec, rate and channels of every media message.
        params: The untouched ``start`` object.
    """

    sequence_number: int | None = None
    stream_sid: str = ""
    account_sid: str = ""
    call_sid: str = ""
    tracks: tuple[str, ...] = ()
    custom_parameters: Mapping[str, Any] = attrs.field(factory=dict)
    media_format: MediaFormat
    params: Mapping[str, Any] = attrs.field(factory=dict, repr=False)


@attrs.frozen(kw_only=True)
class MediaMessage:
    """A piece of audio of one track.

    Attributes:
        track: ``inbound``, ``outbound``, or "" if not told.
        chunk: Counts the messages of this track, or None.
        timestamp: Milliseconds of the stream at the first sample, or None.
        payload: Encoded audio.
    """

    sequence_number: int | None = None
    stream_sid: str = ""
    track: str = ""
    chunk: int | None = None
    timestamp: int | None = None
    payload: bytes = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class DtmfMessage:
    """A key that was pressed.

    Attributes:
        digit: One of ``0-9 * # A-D``.
        duration: Milliseconds, or None.
        track: The side that pressed it, "" if not told.
    """

    sequence_number: int | None = None
    stream_sid: str = ""
    digit: str
    duration: int | None = None
    track: str = ""


@attrs.frozen(kw_only=True)
class MarkMessage:
    """A mark that playout has reached (two-way streams)."""

    sequence_number: int | None = None
    stream_sid: str = ""
    name: str


@attrs.frozen(kw_only=True)
class StopMessage:
    """The last message."""

    sequence_number: int | None = None
    stream_sid: str = ""


@attrs.frozen(kw_only=True)
class UnknownMessage:
    """A message of a kind that this version does not know."""

    event: str


StreamMessage: TypeAlias = (
    ConnectedMessage | StartMessage | MediaMessage | DtmfMessage | MarkMessage | StopMessage | UnknownMessage
)


def parse_message(text: str) -> StreamMessage:
    """Read one message of a stream.

    Args:
        text: The text of a WebSocket message.

    Raises:
        PacketError: It is not JSON, not an object, or a field has the wrong type or value.
        CodecError: A ``start`` message announces audio that swsync cannot decode.
    """
    message = _load(text)
    event = _text(message, "event")
    build = _BUILDERS.get(event)
    return UnknownMessage(event=event) if build is None else build(message)


def _load(text: str) -> dict[str, Any]:
    try:
        message = _decode(text)
    except (ValueError, RecursionError) as error:
        # Not chained: a decode error pins the whole document.
        raise PacketError(f"a stream message is not JSON: {str(error)[:80] or type(error).__name__}") from None
    if not isinstance(message, dict):
        raise PacketError(f"a stream message is a JSON object, not {type(message).__name__}")
    return message


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_decode = json.JSONDecoder(parse_constant=_no_constant).decode  # made once: json.loads would make one a message


def _text(message: Mapping[str, Any], field: str, *, required: bool = True) -> str:
    value = message.get(field)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value) or len(value) > MAX_NAME:
        raise PacketError(f"{field} is a text of 1 to {MAX_NAME} characters, not {_show(value)}")
    return value


def _number(message: Mapping[str, Any], field: str) -> int | None:
    """A count or a time in milliseconds; None where the field is absent."""
    value = message.get(field)
    if value is None:
        return None
    if isinstance(value, str) and 0 < len(value) <= MAX_DIGITS and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_NUMBER:
        raise PacketError(f"{field} is a whole number from 0 to 2**53, not {_show(value)}")
    return value


def _object(message: Mapping[str, Any], field: str, *, required: bool = True) -> dict[str, Any]:
    value = message.get(field)
    if value is None and not required:
        return {}
    if not isinstance(value, dict):
        raise PacketError(f"{field} is an object, not {_show(value)}")
    return value


def _track(message: Mapping[str, Any]) -> str:
    value = message.get("track")
    if value is None:
        return ""
    track = TRACKS.get(value) if isinstance(value, str) else None
    if track is None:
        raise PacketError(f"track is inbound or outbound, not {_show(value)}")
    return track


def _show(value: object) -> str:
    """What was found instead, short enough for a log and never the audio."""
    if isinstance(value, (str, int, float, bool)) or value is None:
        try:
            return ascii(value)[:40]
        except ValueError:  # an integer with too many digits to print
            return "a huge number"
    return type(value).__name__


def _envelope(message: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that every message may have."""
    return {
        "sequence_number": _number(message, "sequenceNumber"),
        "stream_sid": _text(message, "streamSid", required=False),
    }


def _connected(message: Mapping[str, Any]) -> ConnectedMessage:
    return ConnectedMessage(
        protocol=_text(message, "protocol", required=False), version=_text(message, "version", required=False)
    )


def _start(message: Mapping[str, Any]) -> StartMessage:
    envelope = _envelope(message)
    start = _object(message, "start")
    parameters = _object(start, "customParameters", required=False)
    if len(parameters) > MAX_PARAMETERS:
        raise PacketError(f"customParameters has at most {MAX_PARAMETERS} entries, not {len(parameters)}")
    tracks = start.get("tracks") or []
    if not isinstance(tracks, list) or len(tracks) > len(TRACKS):
        raise PacketError(f"tracks is a short list, not {_show(tracks)}")
    named = tuple(dict.fromkeys(_track({"track": track}) for track in tracks))
    layout = _object(start, "mediaFormat")
    return StartMessage(
        sequence_number=envelope["sequence_number"],
        stream_sid=_text(start, "streamSid", required=False) or envelope["stream_sid"],
        account_sid=_text(start, "accountSid", required=False),
        call_sid=_text(start, "callSid", required=False),
        tracks=tuple(track for track in named if track),
        custom_parameters=parameters,
        media_format=media_format(
            _text(layout, "encoding"), _number(layout, "sampleRate"), _number(layout, "channels")
        ),
        params=start,
    )


def _media(message: Mapping[str, Any]) -> MediaMessage:
    media = _object(message, "media")
    payload = media.get("payload")
    if not isinstance(payload, str):
        raise PacketError(f"payload is base64 text, not {_show(payload)}")
    try:
        octets = base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError) as error:
        raise PacketError(f"payload is not base64: {str(error)[:80]}") from None
    return MediaMessage(
        **_envelope(message),
        track=_track(media),
        chunk=_number(media, "chunk"),
        timestamp=_number(media, "timestamp"),
        payload=octets,
    )


def _dtmf(message: Mapping[str, Any]) -> DtmfMessage:
    dtmf = _object(message, "dtmf")
    digit = dtmf.get("digit")
    if not isinstance(digit, str) or digit not in DTMF_DIGITS:
        raise PacketError(f"digit is one of 0-9 * # A-D, not {_show(digit)}")
    return DtmfMessage(
        **_envelope(message), digit=digit.upper(), duration=_number(dtmf, "duration"), track=_track(dtmf)
    )


def _mark(message: Mapping[str, Any]) -> MarkMessage:
    return MarkMessage(**_envelope(message), name=_text(_object(message, "mark"), "name"))


def _stop(message: Mapping[str, Any]) -> StopMessage:
    return StopMessage(**_envelope(message))


_BUILDERS: dict[str, Callable[[Mapping[str, Any]], StreamMessage]] = {
    "connected": _connected,
    "start": _start,
    "media": _media,
    "dtmf": _dtmf,
    "mark": _mark,
    "stop": _stop,
}
