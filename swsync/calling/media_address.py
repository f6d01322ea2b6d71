"""Where SignalWire is asked to send audio: the shape of devices, and addresses that could not work.

SignalWire opens the connection, from its own network. An address that means this machine, or its private network, or
a form that the service refuses, is an error that would show only as a tap that ends at once: it is named here, before
any request. While the RELAY host is this machine itself (``LocalRelay``), all of them work.
"""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import SplitResult, urlsplit

from swsync.errors import ConfigurationError, MediaError

__all__ = [
    "StreamTarget",
    "TapTarget",
    "check_stream_url",
    "check_tap_device",
    "describe",
    "receiver_of",
    "tap_device",
    "tell_source",
]

logger = logging.getLogger(__name__)

_NUMBER = re.compile(r"0[xX][0-9a-fA-F]{1,8}|0[0-7]{0,11}|[1-9][0-9]{0,9}", re.ASCII)
_LOCAL_NAMES = ("localhost", "localhost.localdomain", "ip6-localhost")


class TapTarget(Protocol):
    """What a tap may be given as its device: a receiver of ``swsync.media``, or an object of yours that is like one.

    If it has ``expect(addr, port)`` too, that is called with the tap's ``source_device`` once it is known (RTP).
    """

    @property
    def device(self) -> Mapping[str, Any]:
        """The device as the wire has it."""
        ...

    def end(self) -> object:
        """Called when the tap is over."""
        ...


class StreamTarget(Protocol):
    """What a stream may be given as its url: a ``media.StreamReceiver``, or an object of yours that is like one."""

    @property
    def url(self) -> str:
        """Where to stream to."""
        ...

    @property
    def token(self) -> str:
        """What the service is to show as ``Authorization: Bearer``."""
        ...

    def end(self) -> object:
        """Called when the stream is over."""
        ...


def receiver_of(device: Any) -> Any:
    """The object itself if it is a receiver (it has ``device`` or ``url``, and ``end``), or None for plain data.

    Raises:
        MediaError: It has ended: what is sent to it would go nowhere, or to whoever has its port by then.
    """
    if not callable(getattr(device, "end", None)):
        return None
    if getattr(device, "ended", False):
        raise MediaError(f"{device!r} has ended with its last tap or stream, or was closed: make a new one for each")
    return device


def tap_device(device: Any) -> dict[str, Any]:
    """Turn what a tap was given into the wire's device.

    Args:
        device: ``{"type": "ws", "params": {...}}``, the flat ``{"type": "ws", "uri": ...}`` of the Node SDK, or a
            receiver with a ``device``.

    Raises:
        TypeError: None of these.
        ValueError: There is no type.
    """
    found = device if isinstance(device, Mapping) else getattr(device, "device", None)
    if not isinstance(found, Mapping):
        raise TypeError(f"device must be a dict or a receiver that has .device, not {device!r}")
    if not found.get("type"):
        raise ValueError("device has no type: it must be 'ws' or 'rtp'")
    if "params" in found:
        return dict(found)
    return {"type": found["type"], "params": {name: value for name, value in found.items() if name != "type"}}


def tell_source(receiver: Any, source_device: Mapping[str, Any], is_local_host: bool) -> None:
    """Tell a receiver of RTP who will send to it, if RELAY said so and it can be true.

    A private address is SignalWire's own view of a machine behind NAT: its packets arrive from another one, and
    believing it would refuse them all. It is passed over, and the receiver believes whoever is first, as without it.

    Args:
        receiver: What has ``expect(addr, port)``; anything else is left alone.
        source_device: As RELAY replied.
        is_local_host: Whether the RELAY host is this machine, where every address can be true.
    """
    expect, params = getattr(receiver, "expect", None), source_device.get("params")
    if not callable(expect) or source_device.get("type") != "rtp" or not isinstance(params, Mapping):
        return
    try:
        address, port = ipaddress.ip_address(str(params.get("addr"))), int(params.get("port") or 0)
        is_usable = address.version == 4 and address.is_global and not address.is_multicast
        if not 0 <= port <= 65535:
            raise ValueError(f"port {port}")
    except (ValueError, TypeError):
        logger.warning("tap: the source_device %r has no address: its packets are believed by arrival", source_device)
        return
    if address.is_unspecified or not (is_usable or is_local_host):
        logger.warning("tap: the source_device %s is no public address: its packets are believed by arrival", address)
        return
    expect(str(address), port)


def describe(device: Mapping[str, Any]) -> str:
    """A tap's destination in words, without what may be secret in its path."""
    params = device.get("params")
    if not isinstance(params, Mapping):
        return str(device.get("type"))
    if "uri" in params:
        parts = urlsplit(str(params["uri"]))
        return f"{parts.scheme}://{parts.netloc}"
    return f"{device.get('type')}://{params.get('addr')}:{params.get('port')}"


def check_tap_device(device: Mapping[str, Any], is_local_host: bool) -> None:
    """Refuse a tap's destination that SignalWire could not reach.

    Raises:
        ConfigurationError: The text says what it must be, and which setting supplies it.
    """
    if is_local_host:
        return
    params = device.get("params")
    params = params if isinstance(params, Mapping) else {}
    if device.get("type") == "rtp":
        _check_rtp(str(params.get("addr", "")))
    elif "uri" in params:
        parts = _split(str(params["uri"]), "tap")
        if parts.scheme not in ("ws", "wss"):
            raise ConfigurationError(f"tap: {params['uri']!r} must be a ws:// or wss:// address")
        _check_not_loopback(parts.hostname or "", "tap", "SWSYNC_MEDIA_URL")


def check_stream_url(url: str, is_local_host: bool) -> None:
    """Refuse a stream's address that the service refuses or could not reach.

    Raises:
        ConfigurationError: The text says what it must be, and which setting supplies it.
    """
    if is_local_host:
        return
    parts = _split(url, "stream")
    if parts.scheme != "wss":
        raise ConfigurationError(
            f"stream: SignalWire streams to wss:// addresses only, not {parts.scheme or 'this'}: set SWSYNC_MEDIA_URL "
            "to the wss:// address at which this machine can be reached"
        )
    if parts.query or "?" in url:
        raise ConfigurationError("stream: the address must have no query; use custom_parameters, which arrive at start")
    _check_not_loopback(parts.hostname or "", "stream", "SWSYNC_MEDIA_URL")


def _split(url: str, verb: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 -- reading it is the check
    except ValueError as error:
        raise ConfigurationError(f"{verb}: {url!r} is not an address: {error}") from None
    if not parts.hostname:
        raise ConfigurationError(f"{verb}: {url!r} is not an address: it names no host")
    return parts


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """What a host means as an address, in all the forms that resolvers take; None for a name.

    What a name stands for is the service's resolver's business.
    """
    text = host.rstrip(".")
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return _classful(text)
    return getattr(address, "ipv4_mapped", None) or address


def _classful(text: str) -> ipaddress.IPv4Address | None:
    """The forms of ``inet_aton``: one to four numbers, decimal, octal or hexadecimal; the last fills what is left."""
    parts = text.split(".")
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    *leading, last = (int(part, 16 if part[:2] in ("0x", "0X") else 8 if part[0] == "0" else 10) for part in parts)
    if any(number > 255 for number in leading) or last >= 256 ** (4 - len(leading)):
        return None
    return ipaddress.IPv4Address(bytes(leading) + last.to_bytes(4 - len(leading), "big"))


def _check_not_loopback(host: str, verb: str, setting: str) -> None:
    address = _address(host)
    name = host.lower().rstrip(".")
    if (
        name in _LOCAL_NAMES
        or name.endswith(".localhost")
        or (address and (address.is_loopback or address.is_unspecified))
    ):
        raise ConfigurationError(
            f"{verb}: SignalWire cannot reach {host}, which is this machine to itself: set {setting} to the public "
            "address at which it can be reached"
        )


def _check_rtp(host: str) -> None:
    address = _address(host) if host.count(".") == 3 and ":" not in host else None  # SignalWire takes four numbers
    if address is None or address.version != 4 or not address.is_global or address.is_multicast:
        raise ConfigurationError(
            f"tap: SignalWire sends RTP to public IPv4 addresses only, and {host or 'nothing'} is none: set "
            "SWSYNC_PUBLIC_HOST to the one that leads here (and SWSYNC_BIND_HOST=0.0.0.0, SWSYNC_RTP_PORTS), or tap "
            "over WebSocket"
        )
