"""A TCP proxy that breaks links the ways networks do."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends RST in place of FIN
WAIT = 60.0


class TcpProxy:
    """Passes octets between its clients and a server on this machine, until it is told otherwise.

    Attributes:
        port: Where it listens, on 127.0.0.1.
        accepting: What becomes of a new link: ``pass`` it on, ``close`` or ``reset`` it, be ``silent``.
        rate: Octets a second to the client, one at a time; None for no limit.
        accepted: When each link came, by the machine's monotonic clock.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self.accepting = "pass"
        self.rate: float | None = None
        self.accepted: list[float] = []
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []  # guarded by _lock
        self._threads: list[threading.Thread] = []  # guarded by _lock
        self._flows = threading.Event()  # clear: what arrives vanishes
        self._flows.set()
        self._is_closed = False
        self._start(self._accept)

    def _start(self, function: object, *args: socket.socket) -> None:
        thread = threading.Thread(target=function, args=args, daemon=True)  # type: ignore[arg-type]
        with self._lock:
            self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._is_closed:
                client.close()
                return
            self.accepted.append(time.monotonic())
            if self.accepting in ("close", "reset"):
                _end(client, reset=self.accepting == "reset")
                continue
            with self._lock:
                self._sockets.append(client)
            if self.accepting == "pass":
                self._pass(client)

    def _pass(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._target), WAIT)
        except OSError:
            _end(client)
            return
        server.settimeout(None)
        with self._lock:
            self._sockets.append(server)
        self._start(self._pump, client, server)
        self._start(self._pump_slowly, server, client)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                if self._flows.is_set():
                    sink.sendall(data)
        except OSError:
            pass
        _end(sink)

    def _pump_slowly(self, source: socket.socket, sink: socket.socket) -> None:
        if self.rate is None:
            self._pump(source, sink)
            return
        try:
            while (rate := self.rate) and (octet := source.recv(1)):
                sink.sendall(octet)
                time.sleep(1 / rate)
        except OSError:
            pass
        _end(sink)

    def cut(self, reset: bool = False) -> None:
        """End every link now, with FIN or with RST."""
        with self._lock:
            sockets, self._sockets = self._sockets, []
        for one in sockets:
            _end(one, reset)

    def black_hole(self) -> None:
        """From now on no octet arrives, either way, and no link ends."""
        self._flows.clear()

    def heal(self) -> None:
        """Pass everything again; links that were up in the black hole are dead, as after a change of route."""
        self.cut()
        self._flows.set()
        self.accepting = "pass"
        self.rate = None

    def close(self) -> None:
        """End it all."""
        self._is_closed = True
        with socket.socket() as last:  # accept() does not return because its socket is closed
            last.connect_ex(("127.0.0.1", self.port))
        self._listener.close()
        self.rate = None
        self.cut()
        for thread in self._threads:
            thread.join(WAIT)


def _end(sock: socket.socket, reset: bool = False) -> None:
    try:
        if reset:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        else:
            sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    sock.close()


@contextmanager
def proxy_to(port: int) -> Iterator[TcpProxy]:
    """A proxy to that port of this machine."""
    proxy = TcpProxy(port)
    try:
        yield proxy
    finally:
        proxy.close()
