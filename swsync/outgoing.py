"""What waits to be written on a link, and who writes it: the thread that comes first, for all others.

A sender may be stopped between any two of its steps: Ctrl-C raises ``KeyboardInterrupt`` anywhere in the main thread.
Whatever it had begun is known all the same, down to the octet, and the reading thread goes on with it.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Sequence
from typing import Any

from swsync.errors import ConnectionLost

__all__ = ["Outgoing"]

SEND_TIMEOUT = 15.0  # seconds in which the peer takes nothing: the link is broken
MASKS = 4096  # octets of random numbers drawn at a time: asking the system gives the GIL away
ROUNDS = 8  # writes that one sender does for others before the reading thread takes over
NOBODY, READER = 0, -1  # who is to write, beside the identity of a thread that does


class _Batch:
    """What leaves in one write, and how far it has got.

    Attributes:
        items: Text is a message, bytes are a whole frame.
        data: All of them as frames, once that was done.
        sent: Octets of ``data`` that each call has written.
        in_doubt: A call is under way that may end without saying how much it wrote.
    """

    __slots__ = ("data", "in_doubt", "items", "sent")

    def __init__(self) -> None:
        self.items: list[str | bytes] = []
        self.data: memoryview | None = None
        self.sent: list[int] = []
        self.in_doubt = False

    @property
    def is_done(self) -> bool:
        return self.data is not None and sum(self.sent) == len(self.data)


class Outgoing:
    """The writing half of a link. Any thread may call ``put``, the reading thread the others.

    Args:
        sock: A socket that does not block, with TLS or without.
        tls: Held in each call of a TLS connection; None without TLS.
        wake: Makes the reading thread look whether it is to write.
    """

    def __init__(self, sock: Any, tls: threading.Lock | None, wake: Callable[[], None]) -> None:
        self._sock = sock
        self._tls = tls
        self._wake = wake
        self.patience = SEND_TIMEOUT  # seconds; the reading thread shortens it to say goodbye
        self._lock = threading.Lock()
        # Guarded by _lock. What comes next and what is being written change together, in one step that nothing parts;
        # the second is the writer's.
        self._work: tuple[_Batch, _Batch | None] = (_Batch(), None)
        self._writer = NOBODY  # guarded by _lock; whoever finds NOBODY there may take the place
        self._masks = b""  # the writer's; each is used once
        self.broken = ""  # set once, then only read: why nothing more can be sent

    def put(self, item: str | bytes) -> None:
        """Queue a message or a frame, and write what is queued unless somebody is writing already.

        Raises:
            ConnectionLost: The link is broken.
        """
        me = threading.get_ident()
        try:
            with self._lock:
                if self.broken:
                    raise ConnectionLost(f"the link is broken: {self.broken}", may_have_left=False)
                self._work[0].items.append(item)
                if self._writer:
                    return
                self._writer = me
            self._drain(ROUNDS)
        except ConnectionLost:
            raise
        except BaseException:
            self._leave(me)
            raise

    def put_later(self, items: Sequence[str | bytes]) -> None:
        """Queue messages for the next write: this one's own before it waits, or another thread's that writes now."""
        with self._lock:
            self._work[0].items.extend(items)
            if not self._writer:
                self._writer = READER

    def go_on(self) -> None:
        """Take over what a sender has left; the reading thread calls this before it waits."""
        if self._writer == READER:
            with self._lock:
                is_mine = self._writer == READER
                if is_mine:
                    self._writer = threading.get_ident()
            if is_mine:
                self._drain(0)

    def break_off(self, reason: str) -> None:
        """Make both sides see the end. The descriptor stays: the reader may be polling it."""
        with self._lock:
            self.broken = self.broken or reason
            self._work = (_Batch(), None)
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)
        self._wake()

    def _leave(self, me: int) -> None:
        """Something has stopped this sender. The reading thread goes on, unless nobody knows from which octet."""
        with self._lock:
            batch = self._work[1]
            in_doubt = self._writer == me and batch is not None and batch.in_doubt
            if self._writer in (NOBODY, me):
                self._writer = READER
        if in_doubt:
            self.break_off("a write over TLS was interrupted")
        else:
            self._wake()

    # The writer only: the thread that _writer names.

    def _drain(self, rounds: int) -> None:
        """Write until nothing waits, or for that many rounds (0: all).

        With rounds this is a sender with a timeout of its own: when the other side takes no more, the reader waits.
        """
        done = 0
        try:
            while (batch := self._next()) is not None:
                if (rounds and done == rounds) or not self._write(batch, must_wait=not rounds):
                    with self._lock:
                        self._writer = READER
                    self._wake()
                    return
                done += 1
        except (OSError, ValueError) as error:
            self.break_off(str(error) or type(error).__name__)
            raise ConnectionLost(f"sending failed: {error}") from error

    def _next(self) -> _Batch | None:
        """What to write, and to finish before anything else; None, and this is the writer no more, if that is all."""
        with self._lock:
            waiting, batch = self._work
            if batch is None or batch.is_done:
                if not waiting.items:
                    self._work = (waiting, None)
                    self._writer = NOBODY
                    return None
                self._work = (_Batch(), waiting)
                return waiting
            return batch

    def _write(self, batch: _Batch, must_wait: bool) -> bool:
        """Write it to its end; False if the other side does not take all of it now."""
        if batch.data is None:
            batch.data = memoryview(_framed(batch.items, self._draw(4 * len(batch.items))))
        while rest := batch.data[sum(batch.sent) :]:
            try:
                self._send(batch, rest)
            except (BlockingIOError, ssl.SSLWantWriteError):
                batch.in_doubt = False
                if not must_wait:
                    return False
                self._await(select.POLLOUT)
            except ssl.SSLWantReadError:
                batch.in_doubt = False
                self._await(select.POLLIN)
        return True

    def _send(self, batch: _Batch, rest: memoryview) -> None:
        """One call, and the count that it returns."""
        if self._tls is None:
            # The interpreter looks for signals between its own steps, and there is none of them in this line between
            # the call of the system and the count of it. A TLS connection looks in the midst of the call.
            batch.sent.extend(map(self._sock.send, (rest,)))
            return
        with self._tls:
            batch.in_doubt = True
            batch.sent.append(self._sock.send(rest))
            batch.in_doubt = False

    def _draw(self, count: int) -> bytes:
        """Random octets that nobody can foretell (RFC 6455 5.3)."""
        masks = self._masks
        if len(masks) < count:
            masks = os.urandom(max(MASKS, count))
        self._masks = masks[count:]
        return masks[:count]

    def _await(self, what: int) -> None:
        poll = select.poll()
        poll.register(self._sock.fileno(), what)
        if not poll.poll(self.patience * 1000):
            raise TimeoutError(f"the other side has taken nothing for {self.patience:g} s")


def _framed(batch: list[str | bytes], masks: bytes) -> bytes:
    """Frame text messages (RFC 6455 5.2, 5.3), each with four octets of ``masks``; bytes are whole frames already.

    websocket-client's ABNF would do, at many times the cost: with it, framing acknowledgements takes longer than
    parsing the events they are for. All are masked by one operation on two long numbers.
    """
    plain, keys = [], []
    for item, (mask,) in zip(batch, struct.iter_unpack("4s", masks), strict=True):
        if isinstance(item, bytes):
            plain.append(item)
            keys.append(bytes(len(item)))
            continue
        data = item.encode()
        length = len(data)
        head, gap = _SHORT_HEADS[length] if length < 126 else _head(length)
        plain.append(head + data)
        keys.append(gap + (mask * (length // 4 + 2))[: length + 4])
    frames = b"".join(plain)
    number = int.from_bytes(frames, "little") ^ int.from_bytes(b"".join(keys), "little")
    return number.to_bytes(len(frames), "little")


def _head(length: int) -> tuple[bytes, bytes]:
    """The beginning of a text frame of so many octets, with a mask of zeros, and zeros for what is before the mask."""
    if length < 126:
        head = struct.pack("!BBI", 0x81, 0x80 | length, 0)
    elif length < 65536:
        head = struct.pack("!BBHI", 0x81, 0x80 | 126, length, 0)
    else:
        head = struct.pack("!BBQI", 0x81, 0x80 | 127, length, 0)
    return head, bytes(len(head) - 4)


_SHORT_HEADS = [_head(length) for length in range(126)]
