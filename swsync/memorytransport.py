"""A RELAY link in memory, for tests and virtual time."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from swsync.clock import REAL, Clock
from swsync.errors import ConnectionLost

__all__ = ["MemoryTransport", "memory_pair"]


class MemoryTransport:
    """One end of a link in memory, made by ``memory_pair``; it lives in its clock's time."""

    def __init__(self, clock: Clock) -> None:
        self._changed = clock.condition()
        # All below is guarded by _changed.
        self._arrived: deque[str] = deque()
        self._woken = False
        self._ended = ""
        self._peer: MemoryTransport | None = None

    def connect(self, timeout: float) -> None:
        """A pair is connected from the start."""

    def send(self, text: str) -> None:
        with self._changed:
            if self._ended:
                raise ConnectionLost(f"the link is broken: {self._ended}", may_have_left=False)
            peer = self._peer
        if peer is not None:
            peer._arrive(text)

    def send_later(self, texts: Sequence[str]) -> None:
        for text in texts:
            self.send(text)

    def _arrive(self, text: str) -> None:
        with self._changed:
            if not self._ended:
                self._arrived.append(text)
                self._changed.notify_all()

    def receive(self, timeout: float | None = None) -> str | None:
        with self._changed:
            if timeout is None or timeout > 0:
                self._changed.wait_for(lambda: self._arrived or self._woken or self._ended, timeout)
            self._woken = False
            if self._arrived:
                return self._arrived.popleft()
            if self._ended:
                raise ConnectionLost(f"the link ended: {self._ended}")
            return None

    def receive_more(self, most: int) -> list[str]:
        with self._changed:
            return [self._arrived.popleft() for _ in range(min(most, len(self._arrived)))]

    def wake(self) -> None:
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def close(self) -> None:
        """End the link; what was sent before still arrives."""
        self._end("it was closed here")
        if self._peer is not None:
            self._peer._end("it was closed there")

    def abort(self) -> None:
        """End the link; what has not been read is lost on both sides."""
        for side in (self, self._peer):
            if side is not None:
                side._end("it broke", lose=True)

    def _end(self, reason: str, lose: bool = False) -> None:
        with self._changed:
            self._ended = self._ended or reason
            if lose:
                self._arrived.clear()
            self._changed.notify_all()


def memory_pair(clock: Clock = REAL) -> tuple[MemoryTransport, MemoryTransport]:
    """Make a link in memory: the client's end and the server's end."""
    client, server = MemoryTransport(clock), MemoryTransport(clock)
    client._peer, server._peer = server, client
    return client, server
