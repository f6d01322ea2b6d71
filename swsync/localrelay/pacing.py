"""When media leaves: the frames of all calls that are due in the same few milliseconds go together.

Two thousand calls with five hundred taps are 25,000 packets a second. Woken for each of them the relay's thread would
do little else; so it wakes for the ticks of a grid, and what a tick sends over UDP leaves by few system calls.
"""

from __future__ import annotations

import itertools
import math
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from swsync.media.datagrams import send_many

if TYPE_CHECKING:
    from .loop import Loop, Timer

__all__ = ["Outlet", "Pacer"]

GRAIN = 0.005  # real seconds between two ticks

Due = list[Callable[[], object]]
Way = tuple[str, int]
"""An address of this machine, and which of the sockets there."""


class Pacer:
    """Wakes media actions on a grid of real time; in virtual time, which costs nothing, exactly when they are due.

    All of it belongs to the loop's thread.

    Args:
        loop: Whose timers it uses.
        speed: Seconds of the loop's clock in a second of the machine; 0 for virtual time.
    """

    def __init__(self, loop: Loop, speed: float) -> None:
        self._loop = loop
        self._grain = GRAIN * speed
        self._ticks: dict[int, Due] = {}
        self.outlet = Outlet()

    def call_at(self, when: float, function: Callable[[], object]) -> Timer | None:
        """Run it at ``when`` or up to one tick later. In virtual time the timer is returned."""
        if not self._grain:
            return self._loop.call_at(when, function)
        tick = math.ceil(when / self._grain)
        due = self._ticks.get(tick)
        if due is None:
            due = self._ticks[tick] = []
            self._loop.call_at(tick * self._grain, self._run, tick)
        due.append(function)
        return None

    def _run(self, tick: int) -> None:
        try:
            for function in self._ticks.pop(tick):
                self._loop.call(function)
        finally:
            self.outlet.flush()

    def send(self, datagram: bytes, where: bytes, way: Way) -> None:
        """Send a datagram with the others of this tick; outside one, after what is running now."""
        if self.outlet.put(datagram, where, way):
            self._loop.call_soon(self.outlet.flush)


class Outlet:
    """The UDP sockets of one relay, and what waits to leave by them.

    Taps share a socket, except those that go to the same port: a receiver may tell them apart by who sends.
    """

    def __init__(self) -> None:
        self._sockets: dict[Way, socket.socket] = {}
        self._waiting: dict[Way, tuple[list[bytes], list[bytes]]] = {}
        self._taken: set[tuple[Way, object]] = set()  # with the destinations that each socket has
        self._is_waiting = False
        self.dropped = 0  # datagrams that the system did not take

    def open(self, address: str, destination: object = None) -> Way:
        """Return a way from an address of this machine to a destination that no other tap has."""
        way = next(way for n in itertools.count() if ((way := (address, n)), destination) not in self._taken)
        if way not in self._sockets:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)  # a tick's packets at once
            sock.bind((address, 0))
            sock.setblocking(False)
            self._sockets[way] = sock
            self._waiting[way] = [], []
        self._taken.add((way, destination))
        return way

    def source(self, way: Way) -> tuple[str, int]:
        """Return where packets on a way come from."""
        host, port = self._sockets[way].getsockname()
        return str(host), int(port)

    def leave(self, way: Way, destination: object = None) -> None:
        """Another tap may have this way to the destination."""
        self._taken.discard((way, destination))

    def put(self, datagram: bytes, where: bytes, way: Way) -> bool:
        """Let one wait; true if it is the first."""
        datagrams, addresses = self._waiting[way]
        datagrams.append(datagram)
        addresses.append(where)
        is_first, self._is_waiting = not self._is_waiting, True
        return is_first

    def flush(self) -> None:
        """Send what waits."""
        self._is_waiting = False
        for way, (datagrams, addresses) in self._waiting.items():
            if datagrams:
                self.dropped += len(datagrams) - send_many(self._sockets[way], datagrams, addresses)
                datagrams.clear()
                addresses.clear()

    def close(self) -> None:
        """Give the sockets back, once the loop has ended."""
        for sock in self._sockets.values():
            sock.close()
        self._sockets.clear()
        self._waiting.clear()
