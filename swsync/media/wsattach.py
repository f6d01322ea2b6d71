"""How a receiver gets its place on the process's one media WebSocket thread."""

from __future__ import annotations

import atexit
import os
import ssl
import threading

from swsync.errors import ConfigurationError, MediaError
from swsync.media.wsconnection import Route
from swsync.media.wsendpoint import Endpoint
from swsync.media.wslistener import STOP_TIME, Attachment, check_context, path_key, resolve

__all__ = ["attach"]

_lock = threading.Lock()
_endpoint: Endpoint | None = None  # guarded by _lock; the last one that was started


def attach(
    route: Route, paths: tuple[str, ...], host: str, port: int, ssl_context: ssl.SSLContext | None = None
) -> Attachment:
    """Serve a receiver from now on.

    Args:
        route: What the endpoint calls for it.
        paths: Request paths that lead to it, each beginning with a slash.
        host: Address to bind; a name is resolved.
        port: 0 for one that is free.
        ssl_context: A server's context for ``wss``, or None for ``ws``.

    Raises:
        ConfigurationError: The address cannot be bound.
        MediaError: There is no descriptor or thread left for it.
    """
    address = resolve(host, port)
    check_context(ssl_context)
    with _lock:
        endpoint = _current()
        try:
            listener = endpoint.listen(address, ssl_context)
        except (ConfigurationError, MediaError):
            endpoint.wake()  # it ends if this was to be its first
            raise
    attachment = Attachment(endpoint, listener, route, tuple(map(path_key, paths)))
    endpoint.post(endpoint.add_route, attachment)
    return attachment


def _current() -> Endpoint:
    """The running endpoint, or a new one; requires _lock."""
    global _endpoint
    assert _lock.locked()
    if _endpoint is None or _endpoint.ended:
        _endpoint = Endpoint(_lock)
    return _endpoint


def _shut_down() -> None:
    """At exit: the thread ends before the interpreter does."""
    with _lock:
        endpoint = _endpoint
    if endpoint is not None:
        endpoint.post(endpoint.stop)
        endpoint.thread.join(STOP_TIME)


def _after_fork() -> None:
    """In the child: another lock, since the parent's may be held, and no thread."""
    global _lock, _endpoint
    _lock = threading.Lock()
    endpoint, _endpoint = _endpoint, None
    if endpoint is not None:
        endpoint.abandon()


atexit.register(_shut_down)
os.register_at_fork(after_in_child=_after_fork)
