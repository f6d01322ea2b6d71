"""``RelayClient``: the way to RELAY for one project."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import signal
import threading
import uuid
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, overload

import swsync
from swsync.clock import REAL, Clock, are_threads_greenlets
from swsync.configuration import read_settings
from swsync.connection import Connection
from swsync.dispatcher import Dispatcher
from swsync.errors import ConnectionClosed, DialFailed, DialUnknown, RelayError
from swsync.inbound import CallHandler, InboundCalls
from swsync.protocol import Session
from swsync.routing import Router
from swsync.states import CallState
from swsync.transport import Transport, WebSocketTransport

if TYPE_CHECKING:
    from swsync.call import Call
    from swsync.devices import Device
    from swsync.events import MessageReceiveEvent, RelayEvent
    from swsync.message import Message
    from swsync.pending import Request

__all__ = ["RelayClient"]

logger = logging.getLogger(__name__)
wire = logging.getLogger("swsync.wire")

# What calls and messages need (verbs, events, devices) is imported with the first of them: a client that only waits
# takes 3 MiB less.

H = TypeVar("H", bound=Callable[..., Any])
Listeners = Mapping[str, Callable[[Any], Any]]
One: TypeAlias = "Device | Mapping[str, Any]"
Devices: TypeAlias = "Sequence[Sequence[One] | One] | One"


LOOK = 0.25  # seconds between two looks for SIGTERM where threads are greenlets


class _Terminated(BaseException):
    """SIGTERM came while ``run`` was waiting. Raised out of the wait, as Ctrl-C is: a handler may take no locks."""


class RelayClient:
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
        allowed_destinations: Prefixes of what may be dialed or connected to; None allows all.
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
        self.project = settings.project
        self.clock: Clock = clock or REAL
        self._settings = settings
        self._connect_timeout = connect_timeout
        self._transport = transport
        self._lock = threading.Lock()
        # Guarded by _lock.
        self._contexts = dict.fromkeys(_words("contexts", contexts or []))
        self._message_handler: Callable[[Message], Any] | None = None
        self._connection_handlers: list[Callable[[str], Any]] = []
        self._is_closing = False
        self._is_terminated = False  # the main thread's: SIGTERM came to another greenlet than that of run()
        self._at_exit: Callable[[], None] | None = None
        self._closer = 0  # the thread that ends the calls of a client that closes; a late look does no harm
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

    def _start(self) -> None:
        self._connection.start()
        with self._lock:
            first, self._at_exit = self._at_exit is None, self._at_exit or _closer(weakref.ref(self), os.getpid())
        if first:
            # A script that ends without close() must not leave paid calls behind.
            atexit.register(self._at_exit)

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
    def contexts(self) -> list[str]:
        """The contexts that calls and messages are received for."""
        with self._lock:
            return list(self._contexts)

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

    def disconnect(self) -> None:
        """The official SDK's name for ``close()``."""
        self.close()

    def close(self, timeout: float = 2.0, calls: Literal["end", "leave"] = "end") -> None:
        """End it all within ``timeout`` seconds. Any thread may call it, a callback too; more than once is fine.

        In this order: no new calls are taken; dials under way are cancelled; the calls that this client dialed or
        answered, and did not hand on, are ended (not with ``calls="leave"``), and RELAY's word on that is awaited;
        the link is closed; everything that anybody still waits for fails; callbacks that are queued run; threads end.
        What does not end in time is named in a warning.
        """
        if calls not in ("end", "leave"):
            raise ValueError(f"calls must be 'end' or 'leave', not {calls!r}")
        try:
            self._connection.check_process()
        except ConnectionClosed:
            return  # the parent's link is not ours to close
        deadline = self.clock.now() + timeout
        with self._lock:
            first, self._is_closing = not self._is_closing, True
            if first:
                self._closer = threading.get_ident()
        if first:
            try:
                self._inbound.close()
                self._end_calls(deadline, calls == "end")
            finally:
                self._closer = 0
                with self._router.changed:
                    self._router.changed.notify_all()
        elif self._closer != threading.get_ident():  # it is this thread in a signal handler
            # The link is still needed by the thread that ends the calls.
            with self._router.changed:
                self._router.changed.wait_for(lambda: not self._closer, timeout)
        stopped = self._connection.close(max(0.1, deadline - self.clock.now()))
        if first:
            left = self._callbacks.close(max(0.1, deadline - self.clock.now()))
            for thread in self._inbound.threads():
                if thread.ident != threading.get_ident():
                    thread.join(max(0.05, deadline - self.clock.now()))
                    left += [thread.name] if thread.is_alive() else []
            left += [] if stopped else [self._connection.name]
            if left:
                logger.warning("threads that have not ended in time: %s", ", ".join(left))
            if self._at_exit is not None:
                atexit.unregister(self._at_exit)

    def _end_calls(self, deadline: float, end: bool) -> None:
        """Cancel dials, end calls, and wait until RELAY has said so or the deadline has come."""
        dials = [dial for dial in self._router.dials() if dial.has_open_legs()]
        for dial in dials:
            dial.give_up()
        # Calls that were given up with their link, and those whose hangup nobody waited out, may be on as well.
        owed = self._connection.owed("calling.end") if end else {}
        requests = owed | {
            call.call_id: self._connection.post(
                "calling.end", {"node_id": call.node_id, "call_id": call.call_id, "reason": "hangup"}
            )
            for call in (self._router.calls() if end else [])
            if call.is_owned and not (call.tag and any(dial.tag == call.tag and dial.is_abandoned for dial in dials))
        }
        if self._connection.is_over or not self._connection.was_started:
            requests = {}
        if (requests or dials) and not self._connection.is_connected:
            self._connection.hurry()
        left = self._unanswered(requests, (self.clock.now() + deadline) / 2)
        for request in left.values():
            self._connection.repeat(request)  # it or its reply got lost on a link that is up: no harm to ask again
        left = self._unanswered(left, deadline)
        if left:
            logger.warning("calls that RELAY has not ended in time, and that may go on: %s", ", ".join(left))
        with self._router.changed:
            self._router.changed.wait_for(
                lambda: not any(dial.is_doubtful() for dial in dials), max(0.0, deadline - self.clock.now())
            )
        for dial in dials:
            tag = dial.tag
            if dial.is_doubtful():
                dial.fail(lambda tag=tag: DialUnknown(tag))  # type: ignore[misc]
            else:
                dial.fail(lambda tag=tag: DialFailed(tag, "closed", "the client was closed"))  # type: ignore[misc]

    def _unanswered(self, requests: Mapping[str, Request], deadline: float) -> dict[str, Request]:
        """Those of some requests that have no reply by then."""
        return {k: r for k, r in requests.items() if not r.wait(max(0.0, deadline - self.clock.now()))}

    def run(self, drain_timeout: float = 25.0) -> None:
        """Connect and serve until the client is closed or a signal comes.

        On the main thread SIGTERM drains: no more calls are taken, those there are may finish within
        ``drain_timeout`` seconds, then it closes. Ctrl-C closes at once. The signal handlers that were there come back.

        Raises:
            AuthenticationFailed: The credentials were refused three times.
            ConnectionFailed: It can never connect (a refused certificate, an unknown name).
        """
        self._connection.check_process()
        with self._terminated_by_signal():
            try:
                if not self._connection.was_started:
                    self._start()
                self._wait_over()
            except _Terminated:
                logger.info("SIGTERM: draining")
                with contextlib.suppress(_Terminated, KeyboardInterrupt):
                    self.drain(drain_timeout)
            except KeyboardInterrupt:
                logger.info("interrupted: closing")
            finally:
                self.close()

    def _wait_over(self) -> None:
        """Wait until there will be no link any more, or for SIGTERM."""
        look = LOOK if are_threads_greenlets() else None
        while not self._connection.wait_over(look):
            if self._is_terminated:
                raise _Terminated

    def drain(self, timeout: float) -> bool:
        """Take no more calls and wait until those there are have ended; False if they have not in time.

        Calls that were handed on (transfer, connect, conference, queue, ai, ``leave()``) are not waited for.
        """
        self._connection.check_process()
        deadline = self.clock.now() + timeout
        contexts = self.contexts
        if contexts and self._connection.is_connected:
            with contextlib.suppress(Exception):
                self.unreceive(contexts)
        self._inbound.close()

        def is_idle() -> bool:
            return not self._inbound.threads() and not any(call.is_owned for call in self._router.calls())

        while not is_idle() and not self._connection.is_over:
            left = deadline - self.clock.now()
            if left <= 0:
                return False
            self.clock.sleep(min(0.05, left))
        return True

    @contextlib.contextmanager
    def _terminated_by_signal(self) -> Any:
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        me = threading.get_ident()

        def terminate(*_: object) -> None:
            if self._is_closing:
                return  # a second one must not keep it from ending its calls
            if threading.get_ident() != me:  # gevent: it hit another greenlet, or the hub, which it must not end
                self._is_terminated = True
                return
            raise _Terminated

        self._is_terminated = False
        before = signal.signal(signal.SIGTERM, terminate)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before if before is not None else signal.SIG_DFL)

    # Calls that come in.

    @overload
    def on_call(self, handler: CallHandler, *, contexts: Iterable[str] | None = None) -> CallHandler: ...
    @overload
    def on_call(
        self, handler: None = None, *, contexts: Iterable[str] | None = None
    ) -> Callable[[CallHandler], CallHandler]: ...

    def on_call(self, handler: CallHandler | None = None, *, contexts: Iterable[str] | None = None) -> Any:
        """Have a function called with each inbound call, on a thread of its own. Plain or as a decorator.

        If it raises, that is logged and the call is ended; if it returns, the call goes on.

        Args:
            handler: The function; it is given the ``Call``.
            contexts: Only calls of these contexts, which are received from now on. Without it: of all others.
        """
        if handler is None:
            return lambda function: self.on_call(function, contexts=contexts)
        wanted = _words("contexts", contexts or [])
        self._inbound.add_handler(handler, wanted)
        try:
            self._subscribe(wanted)
        except BaseException:
            self._inbound.remove_handler(handler, wanted)
            raise
        return handler

    def next_call(self, timeout: float | None = None, context: str | None = None) -> Call:
        """Wait for the next inbound call; for scripts. An offer that nobody takes for 5 s is passed on.

        Args:
            timeout: Seconds, or None.
            context: Only calls of this context.

        Raises:
            TimeoutError: None came.
            ConfigurationError: ``on_call`` takes them.
            ConnectionClosed: The client is closed; ``AuthenticationFailed`` if it was refused.
        """
        self._check_open()
        try:
            return self._inbound.next_call(timeout, context)
        except ConnectionClosed:
            raise self._connection.why_closed() from None

    def receive(self, contexts: list[str]) -> None:
        """Receive calls and messages of these contexts too, also after every reconnect."""
        self._check_open()
        self._subscribe(_words("contexts", contexts))

    def _subscribe(self, contexts: list[str]) -> None:
        with self._lock:
            new = [context for context in contexts if context not in self._contexts]
            self._contexts.update(dict.fromkeys(new))
        # Before the first connection there is no need: signalwire.connect carries them.
        if new and self._connection.was_connected:
            try:
                self._connection.request("signalwire.receive", {"contexts": new}, idempotent=True)
            except Exception:
                with self._lock:
                    for context in new:
                        self._contexts.pop(context, None)
                raise

    def unreceive(self, contexts: list[str]) -> None:
        """Receive calls and messages of these contexts no more."""
        self._check_open()
        names = _words("contexts", contexts)
        with self._lock:
            for context in names:
                self._contexts.pop(context, None)
        if names and self._connection.was_connected:
            self._connection.request("signalwire.unreceive", {"contexts": names}, idempotent=True)

    # Calls that go out.

    def dial(
        self,
        devices: Devices,
        *,
        tag: str | None = None,
        max_duration: int | None = None,
        dial_timeout: float | None = None,
        region: str | None = None,
        max_price_per_minute: float | None = None,
        node_id: str | None = None,
        listen: Listeners | None = None,
        wait_for_link: bool = True,
    ) -> Call:
        """Dial, and wait until somebody answers.

        Args:
            devices: RELAY's list of lists, the outer in turn and the inner at once; a list of devices is rung in turn.
                Values of ``swsync.devices`` or dicts.
            tag: A name for this dial; a new one by default.
            max_duration: The longest the call may last, in minutes.
            dial_timeout: Seconds to wait; None is the sum of the ring timeouts and 15.
            region: Where to place it.
            max_price_per_minute: Refuse dearer routes.
            node_id: The RELAY node to use.
            listen: Listeners for each leg from its first event, as ``Call.listen`` takes them.
            wait_for_link: Whether it is sent later when there is no link now; else that is a ``RequestTimeout``.

        Returns:
            The call that was answered. No other leg of this dial is left on.

        Raises:
            DialFailed: Nobody answered; ``.reason`` is busy, noAnswer, decline, timeout ...
            DialUnknown: It was sent, and what became of it cannot be known. It is not dialed again.
            RelayError: RELAY refused it.
            ConfigurationError: A destination that ``allowed_destinations`` does not cover.
            ValueError: No devices, a forged SIP header, or a tag in use.
        """
        self._check_open()
        from swsync.devices import check_devices, compact
        from swsync.dialing import SLACK, Dial, arrange, ring_time

        steps = arrange(devices)
        check_devices(steps)
        self._router.check_destinations(steps)
        ring = ring_time(steps)
        prepare = None if listen is None else (lambda leg: leg.listen(listen))
        dial = Dial(self._router, tag or str(uuid.uuid4()), ring, prepare)
        params = compact(
            {
                "tag": dial.tag,
                "devices": steps,
                "max_duration": max_duration or None,
                "region": region,
                "max_price_per_minute": max_price_per_minute,
                "node_id": node_id,
            }
        )
        self._router.add_dial(dial)
        return dial.run(params, ring + SLACK if dial_timeout is None else dial_timeout, wait_for_link)

    def end_dial(self, tag: str, ring: float = 30.0) -> None:
        """End every leg of a dial, now and on first sight, whoever dialed it: an earlier process, for one.

        Args:
            tag: Its name.
            ring: Seconds that its devices ring at most; legs are looked out for 30 s longer.
        """
        self._check_open()
        from swsync.dialing import Dial

        dial = Dial(self._router, tag, ring)
        self._router.add_dial(dial)
        dial.give_up()

    def dial_phone(
        self,
        to: str,
        from_number: str | None = None,
        *,
        timeout: int | None = None,
        max_duration: int | None = None,
        call_state_url: str | None = None,
        call_state_events: list[str] | None = None,
        confirm: str | None = None,
        region: str | None = None,
        max_price_per_minute: float | None = None,
        node_id: str | None = None,
        tag: str | None = None,
        dial_timeout: float | None = None,
        listen: Listeners | None = None,
    ) -> Call:
        """Dial one telephone number, and wait until it is answered; see ``dial`` for what it returns and raises.

        Args:
            to: The number to ring, E.164.
            from_number: The number that is shown, E.164.
            timeout: Seconds to ring; the service's default is 30.
            max_duration: The longest the call may last, in seconds.
            call_state_url: A webhook for the call's states.
            call_state_events: Which states it is told.
            confirm: What whoever answers is asked first.
            region: Where to place it.
            max_price_per_minute: Refuse dearer routes.
            node_id: The RELAY node to use.
            tag: A name for this dial.
            dial_timeout: Seconds to wait; None is the ring timeout and 15.
            listen: Listeners for the call from its first event.
        """
        from swsync.devices import phone

        device = phone(to, from_number, timeout=timeout, max_duration=max_duration, call_state_url=call_state_url,
                       call_state_events=call_state_events, confirm=confirm)  # fmt: skip
        return self.dial([[device]], tag=tag, dial_timeout=dial_timeout, region=region,
                         max_price_per_minute=max_price_per_minute, node_id=node_id, listen=listen)  # fmt: skip

    def dial_sip(
        self,
        to: str,
        from_: str | None = None,
        *,
        from_name: str | None = None,
        headers: Sequence[Mapping[str, str]] | Mapping[str, str] | None = None,
        codecs: list[str] | None = None,
        webrtc_media: bool | None = None,
        session_timeout: int | None = None,
        timeout: int | None = None,
        max_duration: int | None = None,
        call_state_url: str | None = None,
        call_state_events: list[str] | None = None,
        confirm: str | None = None,
        region: str | None = None,
        max_price_per_minute: float | None = None,
        node_id: str | None = None,
        tag: str | None = None,
        dial_timeout: float | None = None,
        listen: Listeners | None = None,
    ) -> Call:
        """Dial one SIP endpoint, and wait until it is answered; see ``dial``, ``dial_phone`` and ``devices.sip``."""
        from swsync.devices import sip

        device = sip(to, from_, from_name=from_name, headers=headers, codecs=codecs, webrtc_media=webrtc_media,
                     session_timeout=session_timeout, timeout=timeout, max_duration=max_duration,
                     call_state_url=call_state_url, call_state_events=call_state_events, confirm=confirm)  # fmt: skip
        return self.dial([[device]], tag=tag, dial_timeout=dial_timeout, region=region,
                         max_price_per_minute=max_price_per_minute, node_id=node_id, listen=listen)  # fmt: skip

    # Messages.

    def send_message(
        self,
        *,
        to_number: str,
        from_number: str,
        context: str | None = None,
        body: str | None = None,
        media: list[str] | None = None,
        tags: list[str] | None = None,
        region: str | None = None,
        on_completed: Callable[[RelayEvent], Any] | None = None,
    ) -> Message:
        """Send an SMS or MMS, and return once RELAY has taken it; ``Message.wait()`` waits for its delivery.

        Args:
            to_number: E.164.
            from_number: E.164.
            context: For its state events; by default the session's protocol, as with the official SDK.
            body: The text.
            media: Addresses of pictures and the like; it needs a body or these.
            tags: Words of your own.
            region: Where to send it from.
            on_completed: Called with the event that ends it.
        """
        self._check_open()
        if not body and not media:
            raise ValueError("a message needs a body or media")
        from swsync.devices import compact
        from swsync.message import Message

        wanted = context or self._connection.session.protocol or "default"
        params = {"context": wanted, "to_number": to_number, "from_number": from_number, "body": body or None,
                  "media": media or None, "tags": tags or None, "region": region or None}  # fmt: skip
        reply = self._connection.request("messaging.send", compact(params))
        message = Message(
            self._router, message_id=str(reply.get("message_id", "")), context=wanted, direction="outbound",
            from_number=from_number, to_number=to_number, body=body or "", media=media, tags=tags,
            state="queued", on_completed=on_completed,
        )  # fmt: skip
        if message.message_id:
            self._router.add_message(message)
        else:  # it is sent; nothing that comes could be told to be about it
            message._abandon(lambda: RelayError(-1, "RELAY gave the message no id to follow it by", "messaging.send"))
        return message

    def on_message(self, handler: H) -> H:
        """Have a function called with each ``Message`` that comes in, one after the other. Plain or as a decorator."""
        with self._lock:
            self._message_handler = handler
        return handler

    def on_connection(self, handler: H) -> H:
        """Have a function told of the link: "connected", "lost", "resumed", "new_session", "session_lost", "closed"."""
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
        """
        self._check_open()
        from swsync.devices import as_wire

        return self._connection.request(method, as_wire(params), timeout=timeout, idempotent=idempotent)

    def _check_open(self) -> None:
        self._connection.check_process()
        if self.closed:
            raise self._connection.why_closed()
        if not self._connection.was_started:
            raise ConnectionClosed("the client is not connected: use `with RelayClient(...) as client:` or connect()")

    # On the I/O thread.

    def _offer(self, event: Any) -> None:
        self._inbound.offer(event)

    def _receive_message(self, event: MessageReceiveEvent) -> None:
        with self._lock:
            handler = self._message_handler
        if handler is None:
            logger.info("a message came in and there is no on_message handler")
            return
        from swsync.message import Message

        self._callbacks.submit("messages", handler, Message.from_event(self._router, event))

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


def _words(name: str, words: Iterable[str]) -> list[str]:
    """Check a list of names."""
    if isinstance(words, str):
        raise TypeError(f"{name} must be a list of names, not the text {words!r}")
    found = list(words)
    for word in found:
        if not isinstance(word, str) or not word:
            raise ValueError(f"{name} must be names, not {word!r}")
    return found


def _closer(reference: weakref.ref[RelayClient], process: int) -> Callable[[], None]:
    def close() -> None:
        client = reference()
        if client is not None and os.getpid() == process:
            client.close()

    return close
