"""Where media and files may come from and go to: what the service would refuse, and what stays on this machine."""

from __future__ import annotations

import ipaddress
import urllib.parse
from typing import TYPE_CHECKING

from . import schema

if TYPE_CHECKING:
    from .core import Core

__all__ = ["check_http", "check_rtp_address", "check_web_socket", "is_loopback"]


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine by its name or number; nothing is looked up."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _split(url: str, field: str) -> urllib.parse.SplitResult:
    try:
        parts = urllib.parse.urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise schema.refuse(field, f"is not a URL: {error}") from None
    if any(c.isspace() or ord(c) < 32 for c in url):
        raise schema.refuse(field, "must not hold spaces or control characters")
    return parts


def _check_host(core: Core, host: str | None, field: str) -> None:
    if not host:
        raise schema.refuse(field, "names no host")
    if not core.allow_remote and not is_loopback(host):
        raise schema.refuse(
            field, f"{host} is not this machine, and the local relay stays on it unless it has allow_remote=True"
        )


def check_http(core: Core, url: str, field: str, *, stays: bool = True) -> str:
    """Return the host, or refuse a file path and whatever else is no http or https URL.

    Args:
        core: The relay.
        url: The URL.
        field: Its name in the error.
        stays: Whether what is beyond this machine is refused too.
    """
    parts = _split(url, field)
    if parts.scheme not in ("http", "https"):
        raise schema.refuse(field, "must be an http or https URL; the service cannot read a path of your machine")
    if stays or not parts.hostname:
        _check_host(core, parts.hostname, field)
    return parts.hostname or ""


def check_web_socket(core: Core, url: str, field: str, *, plain: bool, query: bool) -> None:
    """Refuse what is no WebSocket URL.

    Args:
        core: The relay.
        url: The URL.
        field: Its name in the error.
        plain: Whether the service takes ws:// too. On loopback the relay does in any case, and says so in its journal.
        query: Whether the service takes a query string.
    """
    parts = _split(url, field)
    if parts.scheme not in ("ws", "wss"):
        raise schema.refuse(field, "must be a ws:// or wss:// URL" if plain else "must be a wss:// URL")
    if parts.query and not query:
        raise schema.refuse(field, "a query string is not supported; use custom_parameters")
    _check_host(core, parts.hostname, field)
    if parts.scheme == "ws" and not plain:
        if not is_loopback(parts.hostname or ""):
            raise schema.refuse(field, "must be a wss:// URL")
        core.note(f"{field}: ws:// taken because it is loopback; the service takes wss:// only")


def check_rtp_address(core: Core, address: str, field: str) -> None:
    """Refuse what is no public IPv4 address; loopback is the relay's exception, and its journal says so."""
    try:
        ip = ipaddress.IPv4Address(address)
    except ValueError:
        raise schema.refuse(field, f"must be an IPv4 address, not {address!r}") from None
    if ip.is_loopback:
        core.note(f"{field}: a loopback address taken; the service takes public ones only")
        return
    if ip.is_private or ip.is_reserved or ip.is_multicast or ip.is_unspecified or ip.is_link_local:
        raise schema.refuse(field, f"{address} is private or reserved; it must be a public address")
    _check_host(core, address, field)
