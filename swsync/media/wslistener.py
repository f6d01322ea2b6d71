"""The listening sockets of media WebSockets, and the places of receivers on them."""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any

from swsync.clock import REAL
from swsync.errors import ConfigurationError, MediaError
from swsync.media.wsconnection import Connection, Route

if TYPE_CHECKING:
    from swsync.media.wsendpoint import Endpoint

__all__ = ["STOP_TIME", "Attachment", "Listener", "check_context", "path_key", "resolve"]

STOP_TIME = 3.0  # seconds that closing waits for farewells


def resolve(host: str, port: int) -> tuple[Any, ...]:
    """(family, socket address) of the first address of a host, IPv4 before IPv6."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError, OverflowError) as error:
        raise ConfigurationError(
            f"the media WebSocket cannot listen on {host!r}: {error}; set SWSYNC_BIND_HOST or host= to an address here"
        ) from None
    family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return (family, address)


def check_context(context: ssl.SSLContext | None) -> None:
    """Refuse a context that cannot serve.

    Raises:
        ConfigurationError: It is a client's.
    """
    if context is None:
        return
    try:
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigurationError(
            f"ssl_context= cannot serve: {error}; use ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) with a certificate"
        ) from None


def path_key(path: str) -> bytes:
    """What a path is looked up by: a digest, so that the time of a look-up tells nothing about a path."""
    return hashlib.sha256(path.encode("utf-8", "surrogateescape")).digest()


class Listener:
    """One listening socket.

    Args:
        address: (family, socket address).
        context: TLS, or None.
    """

    def __init__(self, address: tuple[Any, ...], context: ssl.SSLContext | None) -> None:
        family, where = address
        self.address = where[0]
        self.context = context
        self.users = 0  # guarded by the endpoint's lock
        self.routes: dict[bytes, Attachment] = {}  # by path; the endpoint's thread only
        try:
            self.socket = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:
            raise MediaError(f"cannot receive media: {error.strerror or error}") from error
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # For what it accepts, too: what is played into a call leaves at once.
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket.bind(where)
            self.socket.listen(512)
            self.socket.setblocking(False)
        except (OSError, OverflowError) as error:
            self.socket.close()
            why = getattr(error, "strerror", None) or error
            raise ConfigurationError(
                f"the media WebSocket cannot listen on {where[0]} port {where[1]}: {why}; set SWSYNC_MEDIA_PORT or "
                "port= to a free one (0 picks one), SWSYNC_BIND_HOST or host= to an address of this machine"
            ) from None
        self.port: int = self.socket.getsockname()[1]

    def serves(self, address: tuple[Any, ...], context: ssl.SSLContext | None) -> bool:
        """A receiver that asks for this address is served here."""
        host, port = address[1][:2]
        return self.context is context and self.address == host and port in (0, self.port)


class Attachment:
    """A receiver's place on a listening socket."""

    def __init__(self, endpoint: Endpoint, listener: Listener, route: Route, keys: tuple[bytes, ...]) -> None:
        self.endpoint = endpoint
        self.listener = listener
        self.route = route
        self.keys = keys
        self.port = listener.port
        self.connection: Connection | None = None  # the endpoint's thread only
        self._gone = REAL.condition()
        self._detached = self._is_gone = False  # guarded by _gone

    def end(self) -> None:
        """Refuse new connections; what the one under way has sent is read still, for half a second at most."""
        if self.endpoint.pid == os.getpid():
            self.endpoint.post(self.endpoint.end_route, self)

    def tell(self, text: str) -> None:
        """Send a text message to the peer, if it is there still."""
        self.endpoint.post(self.endpoint.tell, self, text)

    def close(self) -> None:
        """Give the place up: close the connection, and with the last receiver the socket and the thread.

        Returns when they are gone, or after a few seconds. Safe from any thread and more than once.
        """
        if self.endpoint.pid != os.getpid():
            return  # a forked child: the sockets are the parent's
        with self._gone:
            first, self._detached = not self._detached, True
        if first:
            with self.endpoint.lock:
                self.listener.users -= 1
            self.endpoint.post(self.endpoint.remove_route, self)
        if threading.current_thread() is self.endpoint.thread:
            return
        with self._gone:
            self._gone.wait_for(lambda: self._is_gone, STOP_TIME)
        with self.endpoint.lock:
            last = self.endpoint.ended
        if last:
            self.endpoint.thread.join(STOP_TIME)

    def mark_gone(self) -> None:
        """The endpoint's thread has let go of it."""
        with self._gone:
            self._is_gone = True
            self._gone.notify_all()
