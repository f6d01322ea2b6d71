"""The socket under websocket-client: reads in blocks, writes in batches.

Whole unmasked text frames are taken from its buffer without going through websocket-client, and what several threads
want to send leaves in one write. Everything unusual (fragments, control frames, close) is read and written by
websocket-client through the same object.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import struct
import threading
from typing import Any

from swsync.errors import ConnectionLost

__all__ = ["Wire"]

BLOCK = 65536  # octets asked of the socket at a time
RECORD = 16384  # octets of a full TLS record: where one came, there is likely to be another
MOST_BUFFERED = 262_144  # octets read ahead of the messages they hold
SEND_TIMEOUT = 15.0  # seconds in which the peer takes nothing: the link is broken
MASKS = 4096  # octets of random numbers drawn at a time: asking the system gives the GIL away
ROUNDS = 8  # writes that one sender does for others before the reading thread takes over


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
        self.patience = SEND_TIMEOUT  # seconds; the reading thread shortens it to say goodbye
        self._lock = threading.Lock()
        self._waiting: list[str | bytes] = []  # guarded by _lock; text is a message, bytes are a whole frame
        self._writing = False  # guarded by _lock: some thread is in _drain, or has left its work to the reader
        self._handed_over = False  # guarded by _lock: the reader is to go on with _drain
        self._masks = b""  # of the thread that set _writing; each is used once
        self.broken = ""  # set once, then only read: why nothing more can be sent

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
        self.put(data)
        return len(data)

    def gettimeout(self) -> float:
        return 0

    def settimeout(self, timeout: float | None) -> None:
        pass

    def fileno(self) -> int:
        return int(self._sock.fileno())

    # Writing.

    def put(self, item: str | bytes) -> None:
        """Queue a message or a frame, and write what is queued unless somebody is writing already."""
        with self._lock:
            if self.broken:
                raise ConnectionLost(f"the link is broken: {self.broken}")
            self._waiting.append(item)
            if self._writing:
                return
            self._writing = True
        self._drain(ROUNDS)

    def put_later(self, item: str | bytes) -> None:
        """Queue a message for the next write: this one's own before it waits, or another thread's that writes now."""
        with self._lock:
            self._waiting.append(item)
            if not self._writing:
                self._writing = self._handed_over = True

    def go_on_writing(self) -> None:
        """Take over what a sender has left; the reading thread calls this before it waits."""
        if self._handed_over:
            with self._lock:
                mine, self._handed_over = self._handed_over, False
            if mine:
                self._drain(0)

    def _drain(self, rounds: int) -> None:
        """Write until nothing waits, or for that many rounds (0: all). Requires that this thread set _writing.

        With rounds this is a sender with a timeout of its own: when the other side takes no more, the reader waits.
        """
        done = 0
        try:
            while True:
                with self._lock:
                    batch, self._waiting = self._waiting, []
                    if not batch:
                        self._writing = False
                        return
                    if rounds and done == rounds:
                        self._waiting = batch
                        self._handed_over = True
                        break
                rest = self._write(_framed(batch, self._draw(4 * len(batch))), must_wait=not rounds)
                if rest:
                    with self._lock:
                        self._waiting.insert(0, rest)
                        self._handed_over = True
                    break
                done += 1
        except BaseException as error:
            # Half a frame may be out, whatever interrupted it: nobody can go on after that.
            self.break_off(str(error) or type(error).__name__)
            if isinstance(error, (OSError, ValueError)):
                raise ConnectionLost(f"sending failed: {error}") from error
            raise
        self.wake()

    def _draw(self, count: int) -> bytes:
        """Random octets that nobody can foretell (RFC 6455 5.3). Requires that this thread set _writing."""
        if len(self._masks) < count:
            self._masks = os.urandom(max(MASKS, count))
        drawn, self._masks = self._masks[:count], self._masks[count:]
        return drawn

    def _write(self, data: bytes, must_wait: bool) -> bytes:
        """Write it all, or return what the other side does not take now."""
        view = memoryview(data)
        while True:
            try:
                if self._tls is None:
                    sent = self._sock.send(view)
                else:
                    with self._tls:
                        sent = self._sock.send(view)
            except (BlockingIOError, ssl.SSLWantWriteError):
                if not must_wait:
                    return bytes(view)
                self._await(select.POLLOUT)
                continue
            except ssl.SSLWantReadError:
                self._await(select.POLLIN)
                continue
            if sent == len(view):
                return b""
            view = view[sent:]

    def _await(self, what: int) -> None:
        poll = select.poll()
        poll.register(self._sock.fileno(), what)
        if not poll.poll(self.patience * 1000):
            raise TimeoutError(f"the other side has taken nothing for {self.patience:g} s")

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
            raise ConnectionLost(f"the link broke: {self.broken or error}") from error
        if not data:
            raise ConnectionLost(f"the server ended the link{self.broken and ': '}{self.broken}")
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

    def break_off(self, reason: str) -> None:
        """Make both sides see the end. The descriptor stays: the reader may be polling it."""
        with self._lock:
            self.broken = self.broken or reason
            self._waiting.clear()
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)
        self.wake()

    def close(self) -> None:
        for sock in (self._sock, self._wake_in, self._wake_out):
            sock.close()


def _framed(batch: list[str | bytes], masks: bytes) -> bytes:
    """Frame text messages (RFC 6455 5.2, 5.3), each with four octets of ``masks``; bytes are whole frames already.

    websocket-client's ABNF would do, at four times the cost: with it, framing acknowledgements takes longer than
    parsing the events they are for.
    """
    frames = []
    for i, item in enumerate(batch):
        if isinstance(item, bytes):
            frames.append(item)
            continue
        data = item.encode()
        length = len(data)
        if length < 126:
            head = struct.pack("!BB", 0x81, 0x80 | length)
        elif length < 65536:
            head = struct.pack("!BBH", 0x81, 0x80 | 126, length)
        else:
            head = struct.pack("!BBQ", 0x81, 0x80 | 127, length)
        mask = masks[4 * i : 4 * i + 4]
        key = (mask * (length // 4 + 1))[:length]
        masked = int.from_bytes(data, "little") ^ int.from_bytes(key, "little")
        frames.append(head + mask + masked.to_bytes(length, "little"))
    return b"".join(frames)
