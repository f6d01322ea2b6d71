"""Which address and port a media socket takes: random ones of a range, none that was given back a moment ago."""

from __future__ import annotations

import errno
import ipaddress
import os
import random
import re
import resource
import socket
import threading
from collections.abc import Iterable
from typing import Any

from swsync.clock import REAL
from swsync.errors import ConfigurationError, MediaError, shown

__all__ = ["bind_rtcp", "bind_udp", "check_host", "give_back", "had", "hosts", "parse_source", "port_range"]

DEFAULT_RANGE = (16384, 32766)
REST = 10.0  # seconds before a port is used again: late packets of its last stream must not reach the next one
MEMORY = 2 * REST  # seconds for which the SSRCs of its last stream are refused on it
ATTEMPTS = 100
_WANTED = "set SWSYNC_BIND_HOST or host= to an address of this machine, or to 0.0.0.0 for all"

_random = random.SystemRandom()  # a port that cannot be guessed is harder to send to
_lock = threading.Lock()
_had: dict[int, tuple[float, tuple[int, ...]]] = {}  # port -> when it was given back, its SSRCs; guarded by _lock
_resting: dict[int, float] = {}  # port -> when it was given back; guarded by _lock


def port_range() -> tuple[int, int]:
    """The ports of ``SWSYNC_RTP_PORTS`` (``low-high``), or ours.

    Raises:
        ConfigurationError: The variable holds something else.
    """
    text = os.environ.get("SWSYNC_RTP_PORTS", "").strip()
    if not text:
        return DEFAULT_RANGE
    if found := re.fullmatch(r"([0-9]{1,5})\s*-\s*([0-9]{1,5})", text):
        first, last = int(found[1]), int(found[2])
        if 1024 <= first <= last <= 65535:
            return first, last
    raise ConfigurationError(f"SWSYNC_RTP_PORTS must be LOW-HIGH with ports of 1024 to 65535, not {shown(text)}")


def hosts(host: str | None, public_host: str | None) -> tuple[str, str | None]:
    """Where to listen, and what senders are told if that is something else: as given, else as the variables say.

    Raises:
        ConfigurationError: One cannot be an address.
    """
    public = public_host or os.environ.get("SWSYNC_PUBLIC_HOST", "").strip() or None
    if public is not None:
        check_host(public, "SWSYNC_PUBLIC_HOST or public_host=")
    host = host or os.environ.get("SWSYNC_BIND_HOST", "").strip() or _bind_host(public)
    return check_host(host, "SWSYNC_BIND_HOST or host="), public


def check_host(host: str, what: str) -> str:
    """An address or a name as it may stand in a URL, a message and a log; ``what`` says where it is set.

    Raises:
        ConfigurationError: It is none.
    """
    if len(host) > 255 or not host.isprintable() or any(character in " /@" for character in host):
        raise ConfigurationError(f"{shown(host)} is no address: set {what} to an IP address or a name")
    return host


def _bind_host(public_host: str | None) -> str:
    """Loopback, unless others are told of an address that leads here."""
    if not public_host or public_host.lower().rstrip(".") == "localhost":
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(public_host)
    except ValueError:
        return "0.0.0.0"
    if address.is_loopback:
        return public_host
    return "0.0.0.0" if address.version == 4 else "::"


def bind_udp(host: str, port: int = 0) -> socket.socket:
    """A bound UDP socket; with port 0 on a random even port of the range.

    Raises:
        MediaError: The address is not ours, the port is taken or none, or no port of the range is free.
    """
    if not 0 <= port <= 65535:
        raise MediaError(f"cannot receive RTP on port {shown(port)}: ports are 1 to 65535, and 0 takes any free one")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, UnicodeError) as error:
        raise MediaError(f"cannot receive RTP on {shown(host)}: {error}; {_WANTED}") from None
    if port:
        return _bind(family, (address[0], port, *address[2:]))
    low, high = port_range()
    now = REAL.now()
    with _lock:
        for old in [number for number, since in _resting.items() if now - since > REST]:
            del _resting[old]
        resting = set(_resting)
    even = [number for number in range(low + low % 2, high + 1, 2) if number not in resting]
    for number in _random.sample(even, min(ATTEMPTS, len(even))):
        try:
            sock = _bind(family, (address[0], number, *address[2:]))
        except MediaError as error:
            if not isinstance(error.__cause__, OSError) or error.__cause__.errno != errno.EADDRINUSE:
                raise
            continue
        with _lock:
            if number not in _resting:
                return sock
        sock.close()  # another thread gave it back since we looked
    raise MediaError(
        f"no free port for RTP in {low}-{high} on {host}; set SWSYNC_RTP_PORTS to a larger range "
        f"(even ports are used, and none again within {REST:.0f} s)"
    )


def _bind(family: int, address: tuple[Any, ...]) -> socket.socket:
    try:
        sock = socket.socket(family, socket.SOCK_DGRAM)
    except OSError as error:
        raise MediaError(f"cannot receive RTP: {error.strerror or error}") from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 256 * 1024)
        sock.bind(address)
    except OSError as error:
        sock.close()
        reason = error.strerror or str(error)
        hint = f"; {_WANTED}" if error.errno == errno.EADDRNOTAVAIL else ""
        raise MediaError(f"cannot receive RTP on {address[0]} port {address[1]}: {reason}{hint}") from error
    return sock


def bind_rtcp(audio: socket.socket) -> socket.socket | None:
    """The port above that of the audio, where RTCP is sent unless it shares that one (RFC 3550 section 11).

    None if it is not to be had, or descriptors run short: reports are of use, audio is what is wanted.
    """
    address = audio.getsockname()
    if address[1] == 65535 or audio.fileno() > resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2:
        return None
    try:
        return _bind(audio.family, (address[0], address[1] + 1, *address[2:]))
    except MediaError:
        return None


def give_back(port: int, ssrcs: Iterable[int] = ()) -> None:
    """Remember that a port is closed now, and which streams it had: before the socket is, so that nobody is quicker."""
    now = REAL.now()
    with _lock:
        _resting[port] = now
        for old in [number for number, (since, _) in _had.items() if now - since > MEMORY]:
            del _had[old]
        if ssrcs := tuple(ssrcs):
            _had[port] = now, ssrcs


def had(port: int) -> tuple[int, ...]:
    """The SSRCs of a port's last stream, if that was a moment ago: its late packets are not the next stream's."""
    with _lock:
        since, ssrcs = _had.get(port, (0.0, ()))
    return ssrcs if REAL.now() - since <= MEMORY else ()


def parse_source(source: Any) -> tuple[bytes, int, int, int]:
    """Who may send, as (octets of the address, family 4 or 6, bits of it that count, port or 0).

    Args:
        source: An address, a network (``192.0.2.0/24``), ``(address, port)``, or a tap's ``source_device``.

    Raises:
        ConfigurationError: It is none of these.
    """
    port = 0
    try:
        if isinstance(source, dict):
            params = source.get("params", source)
            source = (params["addr"], params.get("port", 0))
        if isinstance(source, (tuple, list)):
            source, port = source[0], int(source[1])
        network = ipaddress.ip_network(str(source), strict=False)
        if not 0 <= port <= 65535:
            raise ValueError(f"port {port}")
    except (ValueError, KeyError, IndexError, TypeError):
        raise ConfigurationError(
            f"source must be an address, a network, (address, port) or a source_device, not {shown(source)}"
        ) from None
    return network.network_address.packed, network.version, network.prefixlen, port
