"""Devices to dial or connect to, and media to play: small values with builders. Plain dicts do as well everywhere.

    call.connect([[devices.phone("+12025550100", "+12025550199"), devices.sip("sip:a@example.com")]])
    call.play([devices.tts("One moment"), devices.ringtone("us", duration=10)])

Text that goes into SIP headers is refused when it holds CR, LF or NUL: those would end the header and begin another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from swsync.errors import ConfigurationError

__all__ = [
    "Device",
    "Media",
    "arrange",
    "as_wire",
    "audio",
    "call",
    "check_devices",
    "check_media",
    "compact",
    "nested",
    "phone",
    "queue",
    "ringtone",
    "silence",
    "sip",
    "stream",
    "tts",
    "webrtc",
]


_PLAIN = frozenset({str, int, float, bool, dict, type(None)})


def as_wire(value: Any) -> Any:
    """Turn devices and media, also in lists, into the dicts that are sent; anything else passes as it is."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, (Device, Media)):
        return value.as_dict()
    if isinstance(value, (list, tuple)):
        return [as_wire(item) for item in value]
    if isinstance(value, Mapping) and not isinstance(value, dict):
        return dict(value)  # json knows no other mappings
    return value


def arrange(devices: Any) -> list[list[Any]]:
    """Turn devices into RELAY's list of lists: the outer in turn, the inner at once.

    Args:
        devices: The list of lists itself, a list of devices (rung in turn), or one device; values or dicts, flat ones
            (``{"type": "phone", "to": ..., "from": ...}``) too.

    Raises:
        ValueError: There is none.
    """
    wire = as_wire(devices)
    if isinstance(wire, Mapping):
        wire = [wire]
    if not isinstance(wire, list):
        raise ValueError(f"devices must be a list of lists of devices, not {devices!r}")
    steps = [list(step) if isinstance(step, (list, tuple)) else [step] for step in wire]
    for device in [device for step in steps for device in step]:
        if not isinstance(device, Mapping) or not isinstance(device.get("type"), str):
            raise ValueError(f"a device must be a dict with type and params, not {device!r}")
    if not steps or not all(steps):
        raise ValueError("devices is empty")
    return [[nested(device) for device in step] for step in steps]


def nested(device: Mapping[str, Any]) -> Mapping[str, Any]:
    """The wire's form of a device that is written flat, ``to`` and ``from`` for a phone too; with params it stays."""
    params = {name: value for name, value in device.items() if name != "type"}
    if "params" in params or not params:
        return device
    if device["type"] == "phone":
        for short, name in (("to", "to_number"), ("from", "from_number")):
            if short in params and name in params:
                raise ValueError(f"a device has both {short} and {name}")
            if short in params:
                params[name] = params.pop(short)
    return {"type": device["type"], "params": params}


def compact(params: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is None: None means "not said", everywhere."""
    return {name: value for name, value in params.items() if value is not None}


@attrs.frozen
class Device:
    """Somewhere a call can go. Built by ``phone``, ``sip``, ``webrtc``, ``call``, ``queue`` and ``stream``."""

    type: str
    params: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """The form of the wire."""
        return {"type": self.type, "params": dict(self.params)}


@attrs.frozen
class Media:
    """Something to play. Built by ``tts``, ``audio``, ``silence`` and ``ringtone``."""

    type: str
    params: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """The form of the wire."""
        return {"type": self.type, "params": dict(self.params)}


def phone(
    to_number: str,
    from_number: str | None = None,
    *,
    timeout: int | None = None,
    max_duration: int | None = None,
    call_state_url: str | None = None,
    call_state_events: list[str] | None = None,
    confirm: str | None = None,
) -> Device:
    """Build a telephone number as a device.

    Args:
        to_number: The number to ring, E.164.
        from_number: The number that is shown.
        timeout: Seconds to ring; the service's default is 30.
        max_duration: The longest the call may last, in seconds.
        call_state_url: A webhook for the call's states.
        call_state_events: Which states it is told.
        confirm: What whoever answers is asked before being joined.
    """
    return _device("phone", to_number=to_number, from_number=from_number, timeout=timeout, max_duration=max_duration,
                   call_state_url=call_state_url, call_state_events=call_state_events, confirm=confirm)  # fmt: skip


def sip(
    to: str,
    from_: str | None = None,
    *,
    from_name: str | None = None,
    timeout: int | None = None,
    max_duration: int | None = None,
    headers: Sequence[Mapping[str, str]] | Mapping[str, str] | None = None,
    codecs: list[str] | None = None,
    webrtc_media: bool | None = None,
    session_timeout: int | None = None,
    call_state_url: str | None = None,
    call_state_events: list[str] | None = None,
    confirm: str | None = None,
) -> Device:
    """Build a SIP endpoint as a device.

    Args:
        to: The endpoint, such as ``sip:alice@example.com``.
        from_: The caller's SIP address.
        from_name: The caller's display name.
        timeout: Seconds to ring.
        max_duration: The longest the call may last, in seconds.
        headers: SIP headers, ``{"X-Name": "value"}`` or ``[{"name": ..., "value": ...}]``.
        codecs: Names in order of preference: PCMU, PCMA, OPUS, G729, G722, VP8, H264.
        webrtc_media: Whether to offer WebRTC media.
        session_timeout: SIP session timer in seconds.
        call_state_url: A webhook for the call's states.
        call_state_events: Which states it is told.
        confirm: What whoever answers is asked before being joined.

    Raises:
        ValueError: CR, LF or NUL in a header, a name or an address.
    """
    if isinstance(headers, Mapping):
        headers = [{"name": name, "value": value} for name, value in headers.items()]
    return _device("sip", to=to, **{"from": from_}, from_name=from_name, timeout=timeout, max_duration=max_duration,
                   headers=headers, codecs=codecs, webrtc_media=webrtc_media, session_timeout=session_timeout,
                   call_state_url=call_state_url, call_state_events=call_state_events, confirm=confirm)  # fmt: skip


def webrtc(
    to: str,
    from_: str | None = None,
    *,
    timeout: int | None = None,
    codecs: list[str] | None = None,
    call_state_url: str | None = None,
    call_state_events: list[str] | None = None,
    confirm: str | None = None,
) -> Device:
    """Build a WebRTC client as a device."""
    return _device("webrtc", to=to, **{"from": from_}, timeout=timeout, codecs=codecs, call_state_url=call_state_url,
                   call_state_events=call_state_events, confirm=confirm)  # fmt: skip


def call(call_id: str, node_id: str) -> Device:
    """Build another call of this project as a device; for ``connect`` only."""
    return _device("call", node_id=node_id, call_id=call_id)


def queue(queue_name: str, node_id: str, *, queue_id: str | None = None) -> Device:
    """Build the head of a queue as a device; for ``connect`` only."""
    return _device("queue", node_id=node_id, queue_name=queue_name, queue_id=queue_id)


def stream(
    url: str,
    *,
    name: str | None = None,
    codec: str | None = None,
    status_url: str | None = None,
    status_url_method: str | None = None,
    realtime: bool | None = None,
    authorization_bearer_token: str | None = None,
    custom_parameters: Mapping[str, Any] | None = None,
) -> Device:
    """Build a two-way media WebSocket as a device; for ``connect`` only.

    Args:
        url: A ``wss://`` address without a query.
        name: Shown in events.
        codec: Such as ``PCMU`` or ``L16@16000h``.
        status_url: A webhook for its states.
        status_url_method: GET or POST.
        realtime: Trades buffering for low delay.
        authorization_bearer_token: Sent as ``Authorization: Bearer``.
        custom_parameters: Delivered in the ``start`` message.
    """
    return _device("stream", url=url, name=name, codec=codec, status_url=status_url,
                   status_url_method=status_url_method, realtime=realtime,
                   authorization_bearer_token=authorization_bearer_token,
                   custom_parameters=custom_parameters)  # fmt: skip


def tts(text: str, *, language: str | None = None, gender: str | None = None, voice: str | None = None) -> Media:
    """Build words to be spoken. ``language`` such as ``en-US``."""
    return Media("tts", compact({"text": text, "language": language, "gender": gender, "voice": voice}))


def audio(url: str) -> Media:
    """Build an audio file to be fetched from an http or https address."""
    media = Media("audio", {"url": url})
    check_media([media])
    return media


def silence(duration: float) -> Media:
    """Build so many seconds of silence."""
    return Media("silence", {"duration": duration})


def ringtone(name: str, *, duration: float | None = None) -> Media:
    """Build a country's ringing tone, for so many seconds. ``name`` is a country code such as ``us``."""
    return Media("ringtone", compact({"name": name, "duration": duration}))


def _device(kind: str, **params: Any) -> Device:
    device = Device(kind, compact(params))
    check_devices([device])
    return device


def check_devices(devices: Any) -> None:
    """Refuse text in a device that would break out of its SIP header.

    Args:
        devices: A device or any nesting of lists of them, as values or dicts.

    Raises:
        ValueError: CR, LF or NUL; the text names the field.
    """
    for device in _flat(devices):
        wire = as_wire(device)
        if not isinstance(wire, Mapping) or wire.get("type") == "stream":  # a stream's texts go into JSON
            continue
        for name, text in _texts(wire, "params"):
            if any(mark in text for mark in "\r\n\0"):
                raise ValueError(
                    f"{name} of a device holds a line break or NUL, which would forge SIP headers: {text!r}"
                )


def _flat(items: Any) -> Iterator[Any]:
    if isinstance(items, (list, tuple)):
        for item in items:
            yield from _flat(item)
    elif items is not None:
        yield items


def _texts(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield f"the name {key!r}", str(key)
            yield from _texts(item, str(key))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item, name)


def check_media(media: Any) -> None:
    """Explain, before anything is sent, that the service cannot play a file of this machine.

    Args:
        media: A list of media, as values or dicts.

    Raises:
        ConfigurationError: An ``audio`` whose ``url`` is a path.
        ValueError: One thing that is in no list.
    """
    if isinstance(media, (str, Mapping, Media)):
        raise ValueError(f"media to play is a list, such as [devices.tts('Hello')], not {media!r}")
    for item in _flat(media):
        wire = as_wire(item)
        if not isinstance(wire, Mapping) or wire.get("type") != "audio":
            continue
        params = wire.get("params")
        url = params.get("url") if isinstance(params, Mapping) else None
        text = "" if url is None else str(url)
        if url is not None and ("://" not in text or text.lower().startswith("file:")):
            raise ConfigurationError(
                f"play: {text!r} is a path on this machine, and SignalWire fetches audio by itself: put the file on a "
                "web server and pass its http:// or https:// address (for a trial: python -m http.server)"
            )
