"""The socket under websocket-client: reads in blocks, writes in batches.

Whole unmasked text frames are taken from its buffer without going through websocket-client, and what several threads
want to send leaves in one write. Everything unusual (fragments, control frames, close) is read and written by
websocket-client through the same object.
"""

from __future__ import annotations

import ssl
import threading
from typing import Any

from swsync.errors import ConnectionLost
from swsync.incoming import Incoming
from swsync.outgoing import Outgoing

__all__ = ["Wire"]


class Wire:
    """The socket behind a ``websocket.WebSocket``: buffered to read, combined to write, never blocking.

    websocket-client sees an ordinary socket. ``recv`` never goes to the network: ``fill`` does.
    """

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        sock.setblocking(False)
        self.allowed = 0  # octets of the buffer that websocket-client may take: one frame; the reading thread's
        # OpenSSL does not promise that one connection may be read and written at the same moment. The calls under
        # this lock never block; waiting is done by poll, outside it.
        tls = threading.Lock() if isinstance(sock, ssl.SSLSocket) else None
        self.incoming = Incoming(sock, tls)
        self.outgoing = Outgoing(sock, tls, self.incoming.wake)

    # What websocket-client calls.

    def recv(self, size: int) -> bytes:
        """Hand out one whole frame and no octet of the next, which may not be its business."""
        if not self.allowed:
            raise TimeoutError("that was the frame")
        buffer = self.incoming.buffer
        data = bytes(buffer[: min(size, self.allowed)])
        del buffer[: len(data)]
        self.allowed -= len(data)
        return data

    def send(self, data: bytes) -> int:
        self.outgoing.put(data)
        return len(data)

    def gettimeout(self) -> float:
        return 0

    def settimeout(self, timeout: float | None) -> None:
        pass

    def fileno(self) -> int:
        return int(self._sock.fileno())

    # Reading: the reading thread only.

    def fill(self, seconds: float) -> bool:
        """Wait for more octets and buffer them; False after ``seconds`` or ``wake``.

        Raises:
            ConnectionLost: There will be no more.
        """
        try:
            return self.incoming.fill(seconds)
        except EOFError:
            raise ConnectionLost(
                f"the server ended the link{self.outgoing.broken and ': '}{self.outgoing.broken}"
            ) from None
        except (OSError, ValueError) as error:
            raise ConnectionLost(f"the link broke: {self.outgoing.broken or error}") from error
