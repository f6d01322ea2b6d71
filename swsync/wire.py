"""The socket under websocket-client: reads in blocks, writes in batches.

Whole unmasked text frames are taken from its buffer without going through websocket-client, and what several threads
want to send leaves in one write. Everything unusual (fragments, control frames, close) is read and written by
websocket-client through the same object.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from typing import Any

from swsync.errors import ConnectionLost
from swsync.outgoing import Outgoing

__all__ = ["Wire"]

BLOCK = 65536  # octets asked of the socket at a time
RECORD = 16384  # octets of a full TLS record: where one came, there is likely to be another
MOST_BUFFERED = 262_144  # octets read ahead of the messages they hold


class Wire:
    """The socket behind a ``websocket.WebSocket``: buffered to read, combined to write, never blocking.

    websocket-client sees an ordinary socket. ``recv`` never goes to the network: ``fill`` does.
    """

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        sock.setblocking(False)
        self.buffer = bytearray()  # the reading thread's
        self._may_hold_more = True  # the socket, of a TLS record that was read in part: at first what connecting left
        self.allowed = 0  # octets of it that websocket-client may take: one frame; the reading thread's
        self._reader = select.poll()  # the reading thread's
        self._reader.register(sock.fileno(), select.POLLIN)
        self._wake_out, self._wake_in = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._reader.register(self._wake_out.fileno(), select.POLLIN)
        # OpenSSL does not promise that one connection may be read and written at the same moment. The calls under
        # this lock never block; waiting is done by poll, outside it.
        self._tls = threading.Lock() if isinstance(sock, ssl.SSLSocket) else None
        self.outgoing = Outgoing(sock, self._tls, self.wake)

    # What websocket-client calls.

    def recv(self, size: int) -> bytes:
        """Hand out one whole frame and no octet of the next, which may not be its business."""
        if not self.allowed:
            raise TimeoutError("that was the frame")
        data = bytes(self.buffer[: min(size, self.allowed)])
        del self.buffer[: len(data)]
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
            if not (self._may_hold_more and self._is_decrypted()):
                ready = self._reader.poll(seconds * 1000)
                if not ready:
                    return False
                if self._woken(ready):
                    return False
            data = self._recv()
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except (OSError, ValueError) as error:
            raise ConnectionLost(f"the link broke: {self.outgoing.broken or error}") from error
        if not data:
            raise ConnectionLost(f"the server ended the link{self.outgoing.broken and ': '}{self.outgoing.broken}")
        self.buffer += data
        self._may_hold_more = len(data) >= BLOCK  # more than a TLS record
        if len(data) >= RECORD:
            self._fill_more()
        return True

    def _fill_more(self) -> None:
        """Take what has arrived besides: a burst is best handled as one. Its end is left to the next fill."""
        with contextlib.suppress(OSError, ValueError):
            while len(self.buffer) < MOST_BUFFERED:
                data = self._recv()
                self.buffer += data
                if len(data) < RECORD:
                    return

    def _recv(self) -> bytes:
        if self._tls is None:
            return bytes(self._sock.recv(BLOCK))
        with self._tls:
            return bytes(self._sock.recv(BLOCK))

    def _is_decrypted(self) -> bool:
        """Whether a TLS record is there already, of which poll knows nothing."""
        if self._tls is None:
            return False
        with self._tls:
            return bool(self._sock.pending())

    def _woken(self, ready: list[tuple[int, int]]) -> bool:
        number = self._wake_out.fileno()
        if not any(found == number for found, _ in ready):
            return False
        with contextlib.suppress(BlockingIOError):
            while self._wake_out.recv(4096):
                pass
        return True

    def wake(self) -> None:
        with contextlib.suppress(OSError):  # full: it will wake anyway; closed: nobody waits
            self._wake_in.send(b"\0")

    # Ending.

    def close(self) -> None:
        for sock in (self._sock, self._wake_in, self._wake_out):
            sock.close()
