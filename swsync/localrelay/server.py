"""``LocalRelay``: a RELAY server on this machine, for programs and their tests."""

from __future__ import annotations

import json
import math
import os
import pathlib
import shutil
import threading
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any

from swsync.clock import Clock, RealClock, VirtualClock
from swsync.errors import ConfigurationError

from .connection import Connection
from .core import Core
from .faults import Fault, Faults
from .journal import Journal
from .links import WebSocketLink
from .listening import bind, check_ca, make_tls, wants_tls
from .memory import MemoryLink
from .net import Net
from .people import People
from .places import is_loopback
from .referee import Referee
from .scenario import check_texts
from .status import CallStatus, Status, status_of

__all__ = ["LocalRelay"]

DEFAULT_PROJECT = "local-project"
DEFAULT_TOKEN = "local-token"
HEADERS = ("json", "bare", "none")


class LocalRelay(People):
    """A RELAY server with simulated people, for clients of any kind; their audio is real.

        with swsync.LocalRelay() as relay, swsync.RelayClient(**relay.settings) as client:
            call = client.dial_phone(to="+12025550100", from_number="+12025550199")

    With ``clock=VirtualClock()`` there are no RELAY sockets: clients connect through the ``transport`` of ``settings``.

    Args:
        speed: How many times as fast as life its time and its media pass.
        tls: True for TLS with a CA made at the start (needs ``trustme``), False for ws://; None takes TLS if it can.
        host: Name or address to listen on.
        port: Port to listen on; 0 picks a free one.
        project: The only project that is let in; None lets any in.
        token: The only token that is let in; None lets any in. Beyond loopback one is required.
        clock: A clock of your own, such as ``VirtualClock()``; then ``speed`` is not used.
        allow_remote: Let media and downloads leave this machine.
        seed: Makes the relay's ids the same in every run; in virtual time the default is 0, else they are random.
        tap_header: The text before a tap's audio on a WebSocket: ``json``, ``bare`` (``content-type:...``) or ``none``.
        l16_byteorder: Byte order of L16 on media WebSockets, ``little`` or ``big``; on RTP it is big.
        media_ca_file: A CA that media receivers on wss:// may be signed by.
        faults: What goes wrong from the beginning, as ``Fault`` objects or as data; more by ``relay.faults``.

    Raises:
        ConfigurationError: A setting cannot work, such as a port in use; the text says what to do.
    """

    def __init__(
        self,
        speed: float = 1.0,
        *,
        tls: bool | None = None,
        host: str = "localhost",
        port: int = 0,
        project: str | None = None,
        token: str | None = None,
        clock: Clock | None = None,
        allow_remote: bool = False,
        seed: int | None = None,
        tap_header: str = "json",
        l16_byteorder: str = "little",
        media_ca_file: str | None = None,
        faults: Iterable[Fault | Mapping[str, Any]] = (),
    ) -> None:
        if tap_header not in HEADERS:
            raise ConfigurationError(f"tap_header must be one of {', '.join(HEADERS)}, not {tap_header!r}")
        if l16_byteorder not in ("little", "big"):
            raise ConfigurationError(f"l16_byteorder must be little or big, not {l16_byteorder!r}")
        if not 0 < speed < math.inf:
            raise ConfigurationError(f"speed must be a number above zero, not {speed!r}")
        if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
            raise ConfigurationError(f"port must be from 0 to 65535, not {port!r}")
        if media_ca_file is not None:
            check_ca(media_ca_file)
        if not is_loopback(host) and not token:
            raise ConfigurationError(
                f"listening on {host} lets others in: name a token= (--token), or listen on localhost"
            )
        self.clock: Clock = RealClock(speed) if clock is None else clock
        self.is_virtual = isinstance(self.clock, VirtualClock)
        if self.is_virtual and seed is None:
            seed = 0
        self.host = f"[{host}]" if ":" in host and not host.startswith("[") else host  # as it stands before a port
        self.port = port
        self.ca_file: str | None = None
        self._directory: str | None = None
        self._is_closed = False
        self._lock = threading.Lock()
        self._to_be_silent = 0  # links that are accepted and get no answer; guarded by _lock
        super().__init__(Core(self.clock, project=project, token=token, allow_remote=allow_remote, seed=seed))
        self._core.tap_header = tap_header
        self._core.l16_byteorder = l16_byteorder
        self._net = Net(self._core.loop.post, lockstep=self.is_virtual, ca_file=media_ca_file)
        self._core.net = self._net
        self._core.faults.add(*faults)
        self._core.loop.start()
        try:
            if not self.is_virtual:
                self._listen(tls)
        except BaseException:
            self.close()
            raise

    # Starting

    def _listen(self, tls: bool | None) -> None:
        context = None
        if wants_tls(tls, self.host):
            context, self._directory = make_tls(self.host)
            self.ca_file = os.path.join(self._directory, "ca.pem")
        sock = bind(self.host, self.port)
        try:
            self.port = sock.getsockname()[1]
            self._net.serve_relay(sock, context, self._accept, self._admit)
        except BaseException:
            sock.close()
            raise

    def _admit(self) -> tuple[int, float]:
        """Return the status that refuses a new link (or 0) and the seconds until it is answered; any thread."""
        fault = self._core.faults.pick("link", "*", {})
        if fault is None:
            return 0, 0.0
        self._core.note(f"fault: {fault.kind} link")
        if fault.kind == "silence":
            with self._lock:
                self._to_be_silent += 1
        if fault.kind == "delay":
            return 0, fault.seconds / (1.0 if self.is_virtual else self._core.speed)
        return (fault.status if fault.kind == "refuse" else 0), 0.0

    def _made(self, connection: Connection) -> Connection:
        with self._lock:
            is_silent, self._to_be_silent = self._to_be_silent > 0, max(0, self._to_be_silent - 1)
        if is_silent:
            connection.be_silent()
        return connection

    def _accept(self, link: WebSocketLink) -> Connection:
        return self._made(Connection(self._core, link.send, link.close))

    def _accept_memory(self, link: MemoryLink) -> Connection:
        return self._made(Connection(self._core, link.deliver, link.hang_up))

    def _memory_transport(self, *_: Any, **__: Any) -> MemoryLink:
        return MemoryLink(self.clock, self._core.loop.post, self._accept_memory, self._admit)

    # What clients need

    @property
    def url(self) -> str:
        """Where it listens, such as ``wss://localhost:8443``."""
        if self.is_virtual:
            return "memory://relay"
        return f"{'wss' if self.ca_file else 'ws'}://{self.host}:{self.port}"

    @property
    def settings(self) -> dict[str, Any]:
        """What ``RelayClient(**relay.settings)`` takes to connect here."""
        settings: dict[str, Any] = {
            "project": self._core.project or DEFAULT_PROJECT,
            "token": self._core.token or DEFAULT_TOKEN,
        }
        if self.is_virtual:
            return {**settings, "host": "localhost", "transport": self._memory_transport, "clock": self.clock}
        if isinstance(self.clock, RealClock) and self.clock.speed != 1.0:
            # The client lives in the same time: its timeouts, and the arrival times of media, mean what they say.
            settings["clock"] = self.clock
        if self.ca_file is not None:
            return {**settings, "host": f"{self.host}:{self.port}", "ca_file": self.ca_file}
        return {**settings, "host": self.url}

    # Sessions

    @property
    def journal(self) -> Journal:
        """Every frame in and out, and what the relay decided."""
        return self._core.journal

    def status(self, calls: int = 100) -> Status:
        """Return what it does now: its sessions, and the last ``calls`` calls."""
        return self._core.loop.ask(status_of, self._core, calls)

    def changes(self, seen: int = 0) -> tuple[int, list[CallStatus]]:
        """Return how many states calls have come to so far, and all of them but the first ``seen``, oldest first.

        Each is the call as it was then. The last 10,000 are kept.
        """
        return self._core.loop.ask(self._core.changes.since, seen)

    @property
    def referee(self) -> Referee:
        """Counts rings, and finds calls that nobody looks after."""
        return Referee(self._core)

    @property
    def faults(self) -> Faults:
        """What goes wrong between clients and the relay; empty until some are added."""
        return self._core.faults

    def wait_for_subscriber(self, context: str, timeout: float | None = 10.0) -> bool:
        """Wait until a client listens on a context; false after ``timeout`` seconds."""
        return self._core.wait(lambda: bool(self._core.subscribers("", context)), timeout)

    def disconnect_clients(self, restart: bool = False) -> None:
        """Send every client ``signalwire.disconnect`` and end its link a second later: clients come back.

        Args:
            restart: Whether they have to begin a new session; the calls of the old one are no longer theirs.
        """

        def say() -> None:
            for session in list(self._core.sessions.values()):
                session.say_disconnect(restart)

        self._core.loop.ask(say)

    def tell(self, event_type: str, params: Mapping[str, Any], *, context: str | None = None) -> int:
        """Send clients an event that nothing simulated makes, and return how many of them were told.

        Such are ``calling.error`` (``code``, ``message``), ``queuing.relay.tasks`` (``context``, ``message``), or one
        that nobody knows yet.

        Args:
            event_type: The event's name.
            params: Its fields, which JSON can hold.
            context: Only to clients that listen on it; None is for every client with a link.
        """
        check_texts(event_type=event_type)
        fields = json.loads(json.dumps(params, allow_nan=False))
        if not isinstance(fields, dict):
            raise ConfigurationError(f"the fields of an event must be an object, not {params!r}")

        def say() -> int:
            told = [s for s in self._core.sessions.values() if s.connection is not None]
            told = [s for s in told if context is None or context in s.contexts]
            for session in told:
                session.event(event_type, fields)
            return len(told)

        return self._core.loop.ask(say)

    def drop_links(self) -> None:
        """End every client's link without a word, as a network does; sessions can be resumed."""

        def drop() -> None:
            for connection in list(self._core.connections):
                connection.close()

        self._core.loop.ask(drop)

    def serve(self, path: str | os.PathLike[str]) -> str:
        """Serve a local file on loopback, and return the URL to play it from.

        Raises:
            ConfigurationError: There is no such file.
        """
        file = pathlib.Path(path)
        if not file.is_file():
            raise ConfigurationError(f"there is no file {os.fspath(path)} to serve")
        self._core.check_open()
        return self._net.serve_file(file.resolve())

    # The end

    def close(self) -> None:
        """End every call, close every link and socket, remove the CA file. Bounded; again is no error."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            self._core.loop.ask(self._core.shut_down)
        finally:
            self._net.close()
            if self._core.loop.stop(5.0):
                self._core.pacer.outlet.close()
            self._core.join_workers(5.0)
            self._core.remove_directory()
            if self._directory is not None:
                shutil.rmtree(self._directory, ignore_errors=True)

    def __repr__(self) -> str:
        return f"<LocalRelay {self.url}{' closed' if self._is_closed else ''}>"

    def __enter__(self) -> LocalRelay:
        self._core.check_open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
