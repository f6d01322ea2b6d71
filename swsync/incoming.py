"""What has arrived on a link and was not handled yet, and who reads: the reading thread, or a guest in its place.

A thread that waits for a reply would be woken by the reading thread, which the kernel has woken: two changes of threads
for each request. While the reading thread has nothing to do but wait, such a thread may read for itself. What it finds
and was not waiting for stays in the buffer, and the reading thread goes on with it.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

__all__ = ["Incoming"]

BLOCK = 65536  # octets asked of the socket at a time
RECORD = 16384  # octets of a full TLS record: where one came, there is likely to be another
MOST_BUFFERED = 262_144  # octets read ahead of the messages they hold

SLICE = 0.25  # seconds; a guest that stays for two of them is sent away: a signal's handler may be at work above it
SLICES = 8  # in which nobody asks for the place before the reading thread waits without looking up again
COMPANY = 64  # requests before the place is lent again after two threads had one under way at once


class Incoming:
    """The reading half of a link. The reading thread calls ``fill`` and has the ``buffer``; others as it is said.

    Args:
        sock: A socket that does not block, with TLS or without.
        tls: Held in each call of a TLS connection; None without TLS.

    Raises:
        OSError: No descriptor is left for what wakes its reader.
    """

    def __init__(self, sock: Any, tls: threading.Lock | None) -> None:
        self._sock = sock
        self._number: int = sock.fileno()
        self._tls = tls
        self.buffer = bytearray()  # octets not handled: the reading thread's, or its guest's under _lock
        self._may_hold_more = True  # the socket, of a TLS record that was read in part: at first what connecting left
        self._open()
        self._slices = 0  # for which the place is still lent; the reading thread's
        self._was_asked = False  # somebody wanted it; no harm if that is seen late
        self._company = 0  # requests for which it is not lent; no harm if one is not counted
        # All below is guarded by _lock.
        self._lock = threading.Lock()
        self._is_free = False  # the reading thread waits, and lends its place
        self._guest: object = None  # the visit under way
        self._is_lent = False  # it may still read
        self._is_recalled = False  # it was told that it may not
        self._visits = 0
        self._is_in_doubt = False  # how much it has read
        self._failure: Exception | None = None  # what it met
        self._visitor = 0  # the thread of a visit that holds _lock
        self._is_closed = False

    def _open(self) -> None:
        """Make what the reading thread waits by, and its guest."""
        # epoll can be told by another thread, during the wait, to look away from a socket.
        self._lends = hasattr(select, "epoll") and hasattr(os, "eventfd")
        self._unit = 1 if self._lends else 1000  # of a poll's timeouts, in a second
        self._guests_poll = select.poll()
        self._guests_poll.register(self._number, select.POLLIN)
        with contextlib.ExitStack() as opened:
            self._poll: Any = opened.enter_context(select.epoll()) if self._lends else select.poll()
            self._wake_out, self._wake_in = map(opened.enter_context, socket.socketpair())
            self._wake_in.setblocking(False)
            self._wake_out.setblocking(False)
            if self._lends:
                self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)  # tells the guest that it is recalled
                opened.callback(os.close, self._bell)
                self._guests_poll.register(self._bell, select.POLLIN)
            self._poll.register(self._number, select.POLLIN)
            self._poll.register(self._wake_out.fileno(), select.POLLIN)
            self._opened = opened.pop_all()

    # The reading thread only.

    def fill(self, seconds: float) -> bool:
        """Wait for more octets and buffer them; False after ``seconds`` or ``wake``, or where a guest has left some.

        Raises:
            EOFError, OSError, ValueError: There will be no more.
        """
        try:
            self._may_hold_more = self._may_hold_more and self._is_decrypted()
            if not self._may_hold_more:
                ready = self._wait(seconds)
                if self._is_in_doubt:
                    raise OSError("a read over TLS was interrupted")
                if self._failure is not None:
                    raise self._failure
                if not ready or self._woken(ready):
                    return False
            data = self._recv()
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        if not data:
            raise EOFError
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

    def _wait(self, seconds: float) -> list[tuple[int, int]]:
        """Poll, with the place lent to whoever asks; it is the reading thread's again when this returns."""
        if self._was_asked:
            self._was_asked = False
            self._slices = SLICES
        if not self._slices:
            return self._polled(seconds)
        with self._lock:
            self._is_free = True
        try:
            return self._wait_in_slices(seconds)
        finally:
            with self._lock:
                self._is_free = False
                self._recall()

    def _wait_in_slices(self, seconds: float) -> list[tuple[int, int]]:
        visit = 0
        while self._slices:
            ready = self._polled(min(seconds, SLICE))
            seconds -= SLICE
            if ready or seconds <= 0:
                return ready
            with self._lock:
                if self._is_lent and self._visits == visit:
                    self._recall()
                visit = self._visits
                self._slices = SLICES if self._was_asked or self._is_lent else self._slices - 1
                self._was_asked = False
                self._is_free = bool(self._slices)
        return self._polled(seconds)

    def _polled(self, seconds: float) -> list[tuple[int, int]]:
        ready: list[tuple[int, int]] = self._poll.poll(seconds * self._unit)
        return ready

    def _woken(self, ready: list[tuple[int, int]]) -> bool:
        number = self._wake_out.fileno()
        if not any(found == number for found, _ in ready):
            return False
        with contextlib.suppress(BlockingIOError):
            while self._wake_out.recv(4096):
                pass
        return True

    # Guests. One may be stopped between any two of its steps (Ctrl-C): each can be done once more. A signal's handler
    # may be at work between any two: it must not wait for a lock that is held below it.

    def visit(self, take: Callable[[bytes], int], seconds: float) -> bool:
        """Read once in the place of the reading thread, if that one only waits and nobody else is there.

        Args:
            take: Called with what has come. It says how many octets of that, from the first, are what this thread
                waits for; 0 leaves all to the reading thread.
            seconds: How long to wait for something.

        Returns:
            Whether they were taken.
        """
        if not self._lends:
            return False
        if self._company > 0:
            self._company -= 1
            return False
        self._was_asked = True
        guest = object()
        try:
            if not self._come_in(guest):
                return False
            if not self._guests_poll.poll(1000 * min(2 * SLICE, seconds)):
                return self._go(guest, 0)
            data = self._read(guest)
            return self._go(guest, take(data) if data else 0)
        except BaseException:
            try:
                self._go(guest, 0)
            finally:
                self._go(guest, 0)  # an impatient user's second Ctrl-C
            raise

    def recall(self) -> None:
        """Have the reading thread read: somebody else waits for something too."""
        if self._is_lent and self._visitor != threading.get_ident():
            with self._lock:
                self._recall()
            self._company = COMPANY

    def _come_in(self, guest: object) -> bool:
        with self._lock:
            self._visitor = threading.get_ident()
            is_welcome = self._guest is None and self._is_free and not self.buffer and not self._may_hold_more
            if is_welcome:
                self._guest = guest
                self._is_lent = True
                self._visits += 1
                self._poll.modify(self._number, 0)
            self._visitor = 0
            return is_welcome

    def _read(self, guest: object) -> bytes:
        """Buffer what has come, and return it; nothing if the place was taken back, or the link has ended."""
        with self._lock:
            self._visitor = threading.get_ident()
            if self._is_lent and self._guest is guest:
                self._buffer_more()
            data = bytes(self.buffer) if self._is_lent else b""
            self._visitor = 0
            return data

    def _buffer_more(self) -> None:
        try:
            if self._tls is None:
                # The interpreter looks for signals between its own steps, and there is none between reading and keeping
                # here. A TLS connection looks in the midst of the call.
                deque(map(self.buffer.extend, map(self._sock.recv, (BLOCK,))), maxlen=0)
            else:
                self._is_in_doubt = True
                self.buffer += self._recv()
            if not self.buffer:
                self._failure = EOFError()
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass  # it was of another kind than data
        except OSError as error:
            self._failure = error
        self._is_in_doubt = False

    def _go(self, guest: object, taken: int) -> bool:
        """Take that many octets, if the place was not taken back meanwhile, and leave."""
        with self._lock:
            self._visitor = threading.get_ident()
            is_taken = taken > 0 and self._is_lent and self._guest is guest
            if is_taken:
                del self.buffer[:taken]
            if self._guest is guest:
                self._leave()
            self._visitor = 0
            return is_taken

    def _leave(self) -> None:
        """Give the place back, to a reading thread that is woken if there is something to do; requires _lock."""
        if self._is_lent:
            self._poll.modify(self._number, select.POLLIN)
            self._is_lent = False
        if self.buffer or self._is_in_doubt or self._failure is not None:
            self.wake()
        if self._is_recalled:
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._bell)
            self._is_recalled = False
        if self._is_closed:
            self._close()
        self._guest = None

    def _recall(self) -> None:
        """Take the place back; requires _lock."""
        if self._is_lent:
            self._poll.modify(self._number, select.POLLIN)
            self._is_recalled = True
            os.eventfd_write(self._bell, 1)
            self._is_lent = False

    # Any thread.

    def wake(self) -> None:
        """Make the ``fill`` under way, or the next one, return."""
        with contextlib.suppress(OSError):  # full: it will wake anyway; closed: nobody waits
            self._wake_in.send(b"\0")

    def close(self) -> None:
        """Close all descriptors, or have a guest do it who is about to leave. The reading thread calls this."""
        with self._lock:
            self._recall()
            self._is_closed = True
            if self._guest is None:
                self._close()

    def _close(self) -> None:
        self._sock.close()
        self._opened.close()
