"""Who can be reached by which address without a socket: the network of those who live in one virtual time.

A ``VirtualClock`` has one. A receiver that is given such a clock opens a place in it and binds no socket; a sender with
the same clock finds that place by the address that it was told, and hands over what it would have sent. Both sides
keep their own idea of packets and messages: all that they share is the shape of the place.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Protocol

from swsync.errors import MediaError

__all__ = ["DatagramPlace", "Link", "MemoryNet", "Receiving", "SocketPlace", "net_of"]

FIRST_PORT = 16384


class DatagramPlace(Protocol):
    """Where datagrams arrive; its address is ``(host, port)``."""

    def feed(self, datagrams: Sequence[bytes], arrivals: Sequence[float], source: tuple[str, int]) -> None:
        """Take datagrams, with the times at which they arrive by the clock."""
        ...


class Receiving(Protocol):
    """A receiver on sockets in a time that passes faster than life; its address is as for the other places."""

    @property
    def taken(self) -> int:
        """Packets or messages that it has had."""
        ...


class Link(Protocol):
    """An open WebSocket, as the side sees it that opened it."""

    def send(self, message: str | bytes) -> None: ...
    def close(self) -> None: ...


class SocketPlace(Protocol):
    """Where WebSockets are opened to; its address is its URL."""

    def connect(
        self,
        headers: Mapping[str, str],
        opened: Callable[[Link], object],
        failed: Callable[[str], object],
        lost: Callable[[], object],
        received: Callable[[str], object] | None = None,
    ) -> None:
        """Open one: ``opened`` or ``failed`` is called, and ``lost`` when this side has closed an opened one.

        ``received`` is called with each text message that comes back.
        """
        ...


class MemoryNet:
    """The places of one virtual time. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._places: dict[Hashable, Any] = {}  # guarded by _lock
        self._port = FIRST_PORT  # guarded by _lock; the next one that nobody asked for, so the same in every run
        self._last: float | None = None  # guarded by _lock; when `is_time` last said so

    def open(self, address: Hashable, place: DatagramPlace | SocketPlace | Receiving) -> None:
        """Let a place be found.

        Raises:
            MediaError: Somebody else has the address.
        """
        with self._lock:
            if address in self._places:
                raise MediaError(f"the address {address} is in use in this virtual time; take another port")
            self._places[address] = place

    def close(self, address: Hashable) -> None:
        """Let it be found no more. Idempotent."""
        with self._lock:
            self._places.pop(address, None)

    def find(self, address: Hashable) -> Any:
        """The place of an address, or None: then it is beyond this network, where sockets lead."""
        with self._lock:
            return self._places.get(address)

    def free_port(self) -> int:
        """An even port that was not given out for a long while."""
        with self._lock:
            port = self._port
            self._port = FIRST_PORT if port >= 65534 else port + 2
            return port

    def is_time(self, now: float, every: float) -> bool:
        """Whether it is time for what is done every so many seconds; the first who asks then is told so."""
        with self._lock:
            if self._last is not None and now - self._last < every:
                return False
            self._last = now
            return True


def net_of(clock: object) -> MemoryNet | None:
    """The network of a clock's time; None for a time in which there are sockets."""
    net = getattr(clock, "net", None)
    return net if isinstance(net, MemoryNet) else None
