"""Two sockets that are connected over TLS, for tests of the halves of a link."""

from __future__ import annotations

import functools
import socket
import ssl
import threading

import trustme

__all__ = ["secured_pair"]


@functools.cache
def _contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(client)
    return server, client


def secured_pair() -> tuple[ssl.SSLSocket, ssl.SSLSocket]:
    """The client's end and the server's."""
    server, client = _contexts()
    ours, theirs = socket.socketpair()
    made: list[ssl.SSLSocket] = []
    accepting = threading.Thread(target=lambda: made.append(server.wrap_socket(theirs, server_side=True)))
    accepting.start()
    secured = client.wrap_socket(ours, server_hostname="localhost")
    accepting.join()
    return secured, made[0]
