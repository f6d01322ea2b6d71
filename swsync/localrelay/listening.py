"""Where a relay listens: its socket, and TLS with a CA made for the occasion."""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import socket
import ssl
import tempfile
from typing import Any

from swsync.errors import ConfigurationError

from .places import is_loopback

__all__ = ["bind", "check_ca", "make_tls", "wants_tls"]


def _resolve(host: str, port: int) -> tuple[Any, Any]:
    """Return the family and the address to bind."""
    if host.lower() == "localhost":
        return socket.AF_INET, ("127.0.0.1", port)
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return found[0][0], found[0][4]


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        ConfigurationError: The port is taken, or the host is not this machine's.
    """
    try:
        family, address = _resolve(host, port)
    except (OSError, OverflowError) as error:
        raise ConfigurationError(f"cannot listen on {host} port {port}: {error}") from error
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # For what it accepts, too: without it a second small reply waits up to 40 ms for an acknowledgement.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.bind(address)
        sock.listen(512)
    except (OSError, OverflowError) as error:
        sock.close()
        raise ConfigurationError(
            f"cannot listen on {host} port {port}: {getattr(error, 'strerror', None) or error}; "
            "choose another with port= (--port), or 0 for a free one"
        ) from error
    return sock


def wants_tls(tls: bool | None, host: str) -> bool:
    """Return whether to use TLS; without a wish, if trustme is there."""
    if tls is None:
        tls = importlib.util.find_spec("trustme") is not None
    if not tls and not is_loopback(host):
        raise ConfigurationError(f"without TLS the relay listens on loopback only, not on {host}")
    return tls


def make_tls(host: str) -> tuple[ssl.SSLContext, str]:
    """Return a server's TLS and a private directory that holds ``ca.pem``; no key is ever written there."""
    try:
        import trustme
    except ImportError:
        raise ConfigurationError(
            "TLS needs trustme: pip install 'swsync[relay]', or do without TLS (tls=False, --no-tls)"
        ) from None
    authority = trustme.CA(organization_name="swsync local relay")
    names = dict.fromkeys(["localhost", "127.0.0.1", "::1", host.strip("[]")])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # A ticket would reach clients that read in one thread and write in another at their first request, and OpenSSL
    # takes no two threads in one connection: without it they meet no such race before they ask for something.
    context.num_tickets = 0
    authority.issue_cert(*(name for name in names if _can_be_certified(name))).configure_cert(context)
    directory = tempfile.mkdtemp(prefix="swsync-relay-")
    authority.cert_pem.write_to_path(os.path.join(directory, "ca.pem"))
    return context, directory


def check_ca(path: str) -> None:
    """Raise ConfigurationError for a file that holds no certificates: no receiver could be reached with it."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigurationError(f"media_ca_file={path!r} cannot be used: {why}") from error


def _can_be_certified(name: str) -> bool:
    try:
        return not ipaddress.ip_address(name).is_unspecified
    except ValueError:
        return True
