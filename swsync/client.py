"""``RelayClient``: the way to RELAY for one project."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import swsync
from swsync.callbacks import check_callback
from swsync.clock import REAL, Clock
from swsync.closing import Closing
from swsync.configuration import check_numbers, read_settings
from swsync.connection import Connection
from swsync.dispatcher import Dispatcher
from swsync.inbound import InboundCalls
from swsync.messaging import Messaging
from swsync.placing import PlacingCalls
from swsync.protocol import Session
from swsync.routing import Router
from swsync.states import CallState
from swsync.transport import Transport, WebSocketTransport

if TYPE_CHECKING:
    from swsync.call import Call

__all__ = ["RelayClient"]

logger = logging.getLogger(__name__)
wire = logging.getLogger("swsync.wire")

# What calls and messages need (verbs, events, devices) is imported with the first of them: a client that only waits
# takes 3 MiB less.

H = TypeVar("H", bound=Callable[..., Any])


class RelayClient(Closing, PlacingCalls, Messaging):
    """A connection to RELAY, for calls and messages. Every method may be used from any thread.

    ``with RelayClient() as client:`` connects and closes. A closed client is not used again.

    Args:
        project: The project id; ``SIGNALWIRE_PROJECT_ID``.
        token: The API token; ``SIGNALWIRE_API_TOKEN``.
        jwt_token: A JWT in place of both; ``SIGNALWIRE_JWT_TOKEN``.
        host: The space's host, such as ``example.signalwire.com``; ``SIGNALWIRE_SPACE``. ``ws://`` for this machine
            only.
        contexts: What to receive calls and messages for.
        max_active_calls: Calls at once; inbound ones beyond are passed on; ``RELAY_MAX_ACTIVE_CALLS``, 1000.
        ca_file: PEM file of one more certificate authority to trust; ``SIGNALWIRE_RELAY_CA_FILE``.
        request_timeout: Seconds that a request waits for its reply.
        connect_timeout: Seconds that ``connect`` waits for the first connection.
        call_grace: Seconds without a connection after which its calls are given up.
        max_callback_threads: Threads at most that run callbacks.
        allowed_destinations: Prefixes of what may be dialed, connected or referred to, none of them empty, also by
            ``execute``; None allows all.
        clock: The time it lives in.
        transport: Makes an unconnected ``Transport`` for each attempt to connect; for tests and virtual time.
        session_state: What ``session_state`` of an earlier client was: its session goes on, if RELAY still has it.

    Raises:
        ConfigurationError: A setting is missing or cannot work; the text names its variable.
    """

    def __init__(  # noqa: PLR0917 -- as the official SDK
        self,
        project: str | None = None,
        token: str | None = None,
        jwt_token: str | None = None,
        host: str | None = None,
        contexts: list[str] | None = None,
        max_active_calls: int | None = None,
        *,
        ca_file: str | None = None,
        request_timeout: float = 10.0,
        connect_timeout: float = 15.0,
        call_grace: float = 60.0,
        max_callback_threads: int = 64,
        allowed_destinations: Sequence[str] | None = None,
        clock: Clock | None = None,
        transport: Callable[[], Transport] | None = None,
        session_state: Mapping[str, str] | None = None,
    ) -> None:
        settings = read_settings(
            project=project,
            token=token,
            jwt_token=jwt_token,
            host=host,
            ca_file=ca_file,
            max_active_calls=max_active_calls,
        )
        check_numbers(request_timeout, connect_timeout, call_grace, max_callback_threads)
        super().__init__(contexts or [])
        self.project = settings.project
        self.clock: Clock = clock or REAL
        self._settings = settings
        self._connect_timeout = connect_timeout
        self._transport = transport
        self._lock = threading.Lock()
        self._connection_handlers: list[Callable[[str], Any]] = []  # guarded by _lock
        self._callbacks = Dispatcher(self.clock, max_callback_threads, self._report_overload)
        self._router = Router(
            self.clock,
            self._callbacks,
            project=settings.project,
            is_local_host=settings.is_local,
            allowed_destinations=allowed_destinations,
            on_offer=self._offer,
            on_message=self._receive_message,
        )
        self._inbound = InboundCalls(self._router, settings.max_active_calls)
        self._connection = self._router.connection = Connection(
            self._open_transport,
            Session(settings.project, settings.token, settings.jwt_token, f"swsync/{swsync.__version__}"),
            contexts=lambda: self.contexts,
            clock=self.clock,
            on_event=self._router.receive,
            on_link=self._link_changed,
            on_over=self._link_over,
            callbacks=self._callbacks,
            request_timeout=request_timeout,
            call_grace=call_grace,
        )
        if session_state:
            self._connection.session.restore(session_state)

    def __repr__(self) -> str:
        state = "closed" if self.closed else "connected" if self._connection.is_connected else "not connected"
        return f"<RelayClient {self._settings.url} {state}>"

    def _open_transport(self) -> Transport:
        if self._transport is not None:
            transport = self._transport()
        else:
            transport = WebSocketTransport(self._settings.url, self._settings.ca_file, self.clock)
        if wire.isEnabledFor(logging.DEBUG):
            from swsync.wirelog import LoggedTransport

            return LoggedTransport(transport, (self._settings.token, self._settings.jwt_token))
        return transport

    # The link.

    def connect(self, timeout: float | None = None) -> RelayClient:
        """Connect, and return once RELAY has accepted the credentials. From then on it reconnects by itself, for ever.

        Args:
            timeout: Seconds for the first connection; None is ``connect_timeout``.

        Raises:
            ConnectionFailed: It could not be made; the text says what to look at. The client is closed, unless it
                had been connected before this.
            AuthenticationFailed: The credentials were refused three times. The client is closed.
            ConnectionClosed: The client is closed, or belongs to the parent of a forked process.
        """
        is_first = not self._connection.was_connected
        self._start()
        try:
            self._connection.wait_connected(self._connect_timeout if timeout is None else timeout)
        except BaseException:
            if is_first:  # though it may have been up for a moment: nobody closes a client that was never handed out
                self.close(timeout=1.0)
            raise
        return self

    def __enter__(self) -> RelayClient:
        try:
            return self.connect()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """Whether it was closed, or can never connect."""
        return self._is_closing or self._connection.is_over

    @property
    def is_connected(self) -> bool:
        """Whether the link is up at this moment."""
        return self._connection.is_connected

    @property
    def relay_protocol(self) -> str:
        """The session's protocol string, or "" before the first connection."""
        return self._connection.session.protocol

    @property
    def session_state(self) -> dict[str, str]:
        """What a later client needs to go on with this session, also in another process. A secret; may change."""
        return self._connection.session.state

    @property
    def host(self) -> str:
        """The host that it connects to, with its port if one was named."""
        return self._settings.url.partition("://")[2]

    @property
    def url(self) -> str:
        """The address that it connects to, ``wss://host``."""
        return self._settings.url

    @property
    def calls(self) -> list[Call]:
        """The calls that are not over."""
        return self._router.calls()

    @property
    def counters(self) -> dict[str, int]:
        """What happened so far: connects, duplicates, protocol_errors, passed, busy, abandoned, overloads ..."""
        counted = {**self._callbacks.counters, **self._inbound.counters}
        for name, count in self._connection.counters.items():
            counted[name] = counted.get(name, 0) + count
        return counted

    def on_connection(self, handler: H) -> H:
        """Have a function told of the link: "connected", "lost", "resumed", "new_session", "session_lost", "closed"."""
        check_callback("on_connection", handler)
        with self._lock:
            self._connection_handlers.append(handler)
        return handler

    # Anything else.

    def execute(
        self, method: str, params: dict[str, Any], *, timeout: float | None = None, idempotent: bool = False
    ) -> dict[str, Any]:
        """Send any RELAY request and return its result.

        Args:
            method: The wire method, such as ``calling.play``.
            params: Its params, as they are.
            timeout: Seconds to wait for the reply; None is ``request_timeout``.
            idempotent: Whether it may be sent again when its reply was lost with the link.

        Raises:
            ConfigurationError: A call to a destination that ``allowed_destinations`` does not cover.
        """
        self._check_open()
        from swsync.devices import as_wire

        self._router.check_request(method, params)
        return self._connection.request(method, as_wire(params), timeout=timeout, idempotent=idempotent)

    # On the I/O thread.

    def _offer(self, event: Any) -> None:
        self._inbound.offer(event)

    def _report_overload(self, key: str, overload: Any) -> None:
        self._router.report_overload(key, overload)

    def _link_changed(self, what: str) -> None:
        if what in ("session_lost", "new_session"):
            owned = [call for call in self._router.calls() if call.is_owned]
            self._router.lose_session("session_lost")
            # Nobody looks after them any more, but they may go on, and cost.
            for call in owned:
                if call.state is not CallState.ENDED:
                    self._router.post("calling.end", {"node_id": call.node_id, "call_id": call.call_id})
        self._tell(what)

    def _tell(self, what: str) -> None:
        with self._lock:
            handlers = list(self._connection_handlers)
        for handler in handlers:
            self._callbacks.submit("connection", handler, what)

    def _link_over(self, reason: str) -> None:
        """There will be no link any more; from whichever thread found out."""
        self._inbound.close()
        self._router.lose_session("closed")
        self._tell("closed")
