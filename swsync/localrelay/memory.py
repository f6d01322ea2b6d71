"""Links without sockets: how clients reach a relay in virtual time.

The client's end has the methods that ``RelayClient(transport=...)`` expects; nothing is shared with the client's code.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from swsync.clock import Clock
from swsync.errors import ConnectionFailed, ConnectionLost

from .connection import Connection

__all__ = ["MemoryLink"]


class MemoryLink:
    """The client's end of one link to a relay in the same process.

    Args:
        clock: The relay's clock, in whose time ``receive`` waits.
        post: Runs a function on the relay's thread.
        accept: Makes the relay's end; called on the relay's thread with this link.
        admit: Returns the HTTP status with which the link is refused, or 0, and the seconds until then.
    """

    def __init__(
        self,
        clock: Clock,
        post: Callable[..., None],
        accept: Callable[[MemoryLink], Connection],
        admit: Callable[[], tuple[int, float]],
    ) -> None:
        self._clock = clock
        self._admit = admit
        self._post = post
        self._accept = accept
        self._connection: Connection | None = None  # the relay's thread only
        self._changed = clock.condition()
        self._arrived: deque[str] = deque()  # guarded by _changed
        self._is_woken = False  # guarded by _changed
        self._ended = ""  # guarded by _changed; why, once it has

    # The client's methods, from any thread.

    def connect(self, timeout: float = 10.0) -> None:
        """Make the link. Raises ConnectionFailed."""
        status, seconds = self._admit()
        self._clock.sleep(min(seconds, timeout))
        if status or seconds > timeout:
            raise ConnectionFailed(f"the relay answered {status}" if status else "the relay did not answer in time")
        self._post(self._open)

    def send(self, text: str) -> None:
        """Send one message to the relay. Raises ConnectionLost."""
        with self._changed:
            if self._ended:
                raise ConnectionLost(f"the link is broken: {self._ended}")
        self._post(self._forward, text)

    def receive(self, timeout: float | None = None) -> str | None:
        """Return the next message, None after ``timeout`` seconds or ``wake``. Raises ConnectionLost at the end."""
        with self._changed:
            if timeout is None or timeout > 0:
                self._changed.wait_for(lambda: self._arrived or self._is_woken or self._ended, timeout)
            self._is_woken = False
            if self._arrived:
                return self._arrived.popleft()
            if self._ended:
                raise ConnectionLost(f"the link ended: {self._ended}")
            return None

    def wake(self) -> None:
        """Make ``receive`` return."""
        with self._changed:
            self._is_woken = True
            self._changed.notify_all()

    def close(self) -> None:
        """End the link."""
        self._end("it was closed here")
        self._post(self._lose)

    abort = close

    # The relay's side.

    def deliver(self, text: str) -> None:
        """Take a message for the client; the relay's thread."""
        with self._changed:
            if not self._ended:
                self._arrived.append(text)
                self._changed.notify_all()

    def hang_up(self) -> None:
        """The relay closes the link; what it sent before still arrives."""
        self._end("it was closed there")
        self._post(self._lose)

    def _end(self, reason: str) -> None:
        with self._changed:
            self._ended = self._ended or reason
            self._changed.notify_all()

    def _open(self) -> None:
        self._connection = self._accept(self)

    def _forward(self, text: str) -> None:
        if self._connection is not None:
            self._connection.receive(text)

    def _lose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.lost()
