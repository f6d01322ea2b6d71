"""When media leaves: the frames of all calls that are due in the same few milliseconds go together.

Two thousand calls with five hundred taps are 25,000 packets a second. Woken for each of them the relay's thread would
do little else; so it wakes for the ticks of a grid, and what a tick sends over UDP leaves by few system calls.
"""

from __future__ import annotations

import math
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from swsync.media.sender import send_many

if TYPE_CHECKING:
    from .loop import Loop, Timer

__all__ = ["Outlet", "Pacer"]

GRAIN = 0.005  # real seconds between two ticks

Due = list[Callable[[], object]]


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

    def send(self, datagram: bytes, where: bytes, from_address: str) -> None:
        """Send a datagram with the others of this tick; outside one, after what is running now."""
        if self.outlet.put(datagram, where, from_address):
            self._loop.call_soon(self.outlet.flush)


class Outlet:
    """The UDP sockets of one relay, one for each address of this machine, and what waits to leave by them."""

    def __init__(self) -> None:
        self._sockets: dict[str, socket.socket] = {}
        self._waiting: dict[str, tuple[list[bytes], list[bytes]]] = {}
        self._is_waiting = False
        self.dropped = 0  # datagrams that the system did not take

    def open(self, address: str) -> tuple[str, int]:
        """Return where packets from an address of this machine will come from."""
        sock = self._sockets.get(address)
        if sock is None:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)  # a tick's packets at once
            sock.bind((address, 0))
            sock.setblocking(False)
            self._sockets[address] = sock
            self._waiting[address] = [], []
        host, port = sock.getsockname()
        return str(host), int(port)

    def put(self, datagram: bytes, where: bytes, from_address: str) -> bool:
        """Let one wait; true if it is the first."""
        datagrams, addresses = self._waiting[from_address]
        datagrams.append(datagram)
        addresses.append(where)
        is_first, self._is_waiting = not self._is_waiting, True
        return is_first

    def flush(self) -> None:
        """Send what waits."""
        self._is_waiting = False
        for address, (datagrams, addresses) in self._waiting.items():
            if datagrams:
                self.dropped += len(datagrams) - send_many(self._sockets[address], datagrams, addresses)
                datagrams.clear()
                addresses.clear()

    def close(self) -> None:
        """Give the sockets back, once the loop has ended."""
        for sock in self._sockets.values():
            sock.close()
        self._sockets.clear()
        self._waiting.clear()
