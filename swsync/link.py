"""One link of a connection, from ``signalwire.connect`` to its end: what arrives on it, and that it lives.

All of this is done by the connection's I/O thread. A new attempt to connect makes a new link.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from swsync.clock import Clock
from swsync.dispatcher import Dispatcher
from swsync.errors import AuthenticationFailed, ConnectionLost, ProtocolError, RelayError
from swsync.pending import PendingRequests
from swsync.protocol import AUTHENTICATION_FAILED, VALIDATION_FAILED, Frame, Kind, Session, check_reply
from swsync.timers import Timers
from swsync.transport import Transport, send_later

__all__ = ["CONNECT_TIMEOUT", "Link"]

logger = logging.getLogger(__name__)

PING_INTERVAL = 30.0
MISSED_PINGS = 3
CONNECT_TIMEOUT = 10.0  # for each of: making the link, and the reply to signalwire.connect
TICK = 0.25  # with a transport that cannot be woken
BURST = 2000  # frames handled before timers are looked at
GROUP = 64  # of them whose JSON is read together


class Link:
    """What is said on one transport that is connected.

    Args:
        transport: It.
        name: The connection's, for the log.
        session: What is agreed with the server.
        pending: The requests that replies belong to.
        timers: Run between what arrives.
        clock: Whose time it lives in.
        callbacks: What ``on_event`` submits to: its workers are woken once for a burst of events.
        counters: The connection's.
        on_event: Called with the params of each new event.
        is_closing: Whether the client closes.
    """

    def __init__(
        self,
        transport: Transport,
        name: str,
        *,
        session: Session,
        pending: PendingRequests,
        timers: Timers,
        clock: Clock,
        callbacks: Dispatcher,
        counters: dict[str, int],
        on_event: Callable[[dict[str, Any]], None],
        is_closing: Callable[[], bool],
    ) -> None:
        self._transport = transport
        self._name = name
        self._session = session
        self._pending = pending
        self._timers = timers
        self._clock = clock
        self._callbacks = callbacks
        self._counters = counters
        self._on_event = on_event
        self._is_closing = is_closing
        self._receive_more = getattr(transport, "receive_more", None)
        self._longest_wait = PING_INTERVAL if hasattr(transport, "wake") else TICK
        # All of it the I/O thread's.
        self._connect_id = ""
        self._connect_reply: dict[str, Any] | None = None
        self._told_to_leave = False
        self._heard = True
        self._misses = 0
        self._replies = 0
        self._next_ping = 0.0

    def authenticate(self, contexts: Iterable[str]) -> bool:
        """Send ``signalwire.connect`` and take its reply; events may come before it.

        Returns:
            Whether the session that was asked for goes on.

        Raises:
            AuthenticationFailed: The credentials are refused.
            RelayError: RELAY said something else; of the saved session, perhaps, which is then forgotten.
            ConnectionLost: It said nothing in time.
        """
        resuming = bool(self._session.protocol)
        self._connect_id, text = self._session.connect_request(contexts)
        self._transport.send(text)
        try:
            result = check_reply("signalwire.connect", self._await_connect_reply())
        except RelayError as error:
            self._refused(error, resuming)
        return self._session.accept(result)

    def _await_connect_reply(self) -> dict[str, Any]:
        deadline = self._clock.now() + CONNECT_TIMEOUT
        while True:
            left = deadline - self._clock.now()
            if left <= 0 or self._told_to_leave or self._is_closing():
                raise ConnectionLost("the server has not answered signalwire.connect in time")
            self._read(left)
            if self._connect_reply is not None:
                return self._connect_reply

    def _refused(self, error: RelayError, resuming: bool) -> None:
        if error.code not in (AUTHENTICATION_FAILED, VALIDATION_FAILED):
            raise error
        if resuming:
            self._session.forget()  # it may be the saved session that is refused: try once more without it
            raise error
        raise AuthenticationFailed(
            f"RELAY refused the credentials ({error.message}, code {error.code}); check project and token, or "
            "SIGNALWIRE_PROJECT_ID and SIGNALWIRE_API_TOKEN, and that they belong to this host"
        ) from None

    def serve(self) -> None:
        """Handle what arrives until the client closes.

        Raises:
            ConnectionLost: The link is no more, or the server asked for another one.
        """
        self._heard, self._misses, self._replies = True, 0, self._pending.replies
        self._next_ping = self._clock.now() + PING_INTERVAL
        while not self._is_closing():
            if self._told_to_leave:
                raise ConnectionLost("the server asked to connect again")
            now = self._clock.now()
            if now >= self._next_ping:
                self._keep_alive(now)
            self._read(self._next_ping - now)

    def _keep_alive(self, now: float) -> None:
        replies = self._pending.replies  # which other threads may have read
        self._misses = 0 if self._heard or replies != self._replies else self._misses + 1
        self._replies = replies
        if self._misses >= MISSED_PINGS:
            raise ConnectionLost(f"nothing came from the server for {MISSED_PINGS * PING_INTERVAL:g} s")
        self._heard = False
        self._next_ping = now + PING_INTERVAL
        self._pending.expire()
        self._transport.send(self._session.ping())

    def _read(self, wait: float) -> None:
        """Run the timers that are due, then handle what comes within ``wait`` seconds, all that is there."""
        wait = min(wait, self._timers.run(), self._longest_wait)
        text = self._receive(max(0.001, wait))
        if text is not None:
            self._callbacks.hold()
            try:
                self._take_burst(text)
            finally:
                self._callbacks.release()

    def _take_burst(self, text: str | None) -> None:
        handled, was_asked = 0, self._connect_id
        while text is not None:
            texts = [text]
            if self._receive_more is not None and not was_asked:
                texts += self._receive_more(GROUP - 1)
            self._take(texts)
            if was_asked and not self._connect_id:
                return  # what is behind the reply to signalwire.connect is of the session that it begins
            handled += len(texts)
            text = self._receive(0) if handled < BURST else None

    def _receive(self, wait: float) -> str | None:
        try:
            return self._transport.receive(wait)
        except ProtocolError as error:
            self._protocol_error(error)
            return None

    def _protocol_error(self, error: ProtocolError) -> None:
        self._counters["protocol_errors"] += 1
        count = self._counters["protocol_errors"]
        if count & (count - 1) == 0:  # the 1st, 2nd, 4th, 8th ...: a bad server must not fill the log
            logger.warning("%s: %s (%d so far)", self._name, error, count)

    def _take(self, texts: list[str]) -> None:
        """Handle some messages, in order."""
        frames = self._session.receive_all(texts)
        answers = [frame.answer for frame in frames if isinstance(frame, Frame) and frame.answer]
        try:
            if answers:  # acknowledged on receipt, in one write with those of the whole burst
                send_later(self._transport, answers)
        finally:  # what cannot be acknowledged any more comes again, and is a duplicate then
            for frame in frames:
                self._handle(frame)

    def _handle(self, frame: Frame | ProtocolError) -> None:
        if isinstance(frame, ProtocolError):
            self._protocol_error(frame)
            return
        self._heard = True
        if frame.kind == Kind.EVENT:
            try:
                self._on_event(frame.body)
            except ProtocolError as error:
                self._protocol_error(error)
            except Exception:  # safety net in case of bugs: one bad event must not end the link
                logger.exception("%s: an event could not be handled", self._name)
        elif frame.kind == Kind.REPLY:
            self._reply(frame)
        elif frame.kind == Kind.DISCONNECT:
            self._told_to_leave = True
        elif frame.kind == Kind.DUPLICATE:
            self._counters["duplicates"] += 1

    def _reply(self, frame: Frame) -> None:
        if frame.id == self._connect_id:
            self._connect_reply = frame.body
            self._connect_id = ""
            return
        request = self._pending.remove(frame.id)
        if request is not None:
            request.settle(frame.body)
        else:
            self._counters["late_replies"] += 1  # to a ping, or to somebody who waits no longer
