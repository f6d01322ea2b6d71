"""One WebSocket seen from any thread: what is put leaves in order, from the socket thread."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .net import Net

__all__ = ["WebSocketLink"]


class WebSocketLink:
    """Sends on one WebSocket from any thread, in order; what waits leaves together.

    Args:
        net: Whose loop the socket lives in.
        socket: A ``websockets`` connection.
        limit: How many messages may wait; 0 for any number.
    """

    def __init__(self, net: Net, socket: Any, limit: int = 0) -> None:
        self._net = net
        self._socket = socket
        self._limit = limit
        self._lock = threading.Lock()
        self._waiting: deque[str | bytes | None] = deque()  # guarded by _lock; None closes
        self._is_awake = False  # guarded by _lock: the pump will look again before it waits
        self._is_over = False  # guarded by _lock
        self._wake = asyncio.Event()  # the net's loop only

    def send(self, message: str | bytes) -> None:
        self._put(message)
        if self._net.lockstep:
            self._net.finish(self._drained())

    def close(self) -> None:
        """Close it after what was sent before."""
        self._put(None)

    def _put(self, message: str | bytes | None) -> None:
        with self._lock:
            if self._is_over:
                return
            if self._limit and len(self._waiting) > self._limit:
                self._waiting.clear()
                message = None
            self._waiting.append(message)
            wake, self._is_awake = not self._is_awake, True
        if wake:
            self._net.call_soon(self._wake.set)

    async def _drained(self) -> None:
        while self._is_awake and not self._is_over:
            await asyncio.sleep(0)

    def _next(self) -> tuple[bool, str | bytes | None]:
        with self._lock:
            if self._waiting:
                return True, self._waiting.popleft()
            self._is_awake = False
            return False, None

    async def pump(self) -> None:
        """Send what is put, until the link closes; runs in the net's loop."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                there, message = self._next()
                while there:
                    if message is None:
                        await self._socket.close()
                        return
                    await self._socket.send(message)
                    there, message = self._next()
        finally:
            with self._lock:
                self._is_over = True
                self._waiting.clear()
