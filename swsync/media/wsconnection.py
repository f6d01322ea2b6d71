"""One socket of a media WebSocket: non-blocking reads and writes, TLS, deadlines. Belongs to the endpoint's thread."""

from __future__ import annotations

import logging
import selectors
import socket
import ssl
from http import HTTPStatus
from typing import Any, Protocol

from websockets.frames import CloseCode
from websockets.http11 import Request

from swsync._media import ffi, lib
from swsync.media.wsdeframe import Admission, Deframer, Refusal
from swsync.media.wsplain import READ_SIZE, Octets, Plain, refusal
from swsync.media.wstls import TlsChannel

__all__ = ["Connection", "Host", "Route"]

logger = logging.getLogger(__name__)

HANDSHAKE_TIME = 10.0  # seconds from accept to the upgrade, TLS included
CLOSE_TIME = 1.0  # seconds that a peer has to answer our close and to take what we sent
DRAIN_TIME = 0.5  # seconds to read what is under way after the receiver has ended
PING_AFTER = 20.0  # seconds of silence before a ping, and before the next
IDLE_TIME = 60.0  # seconds of silence, pings unanswered, after which a peer is gone
DRAIN_READS = 64
MAX_UNSENT = 1024 * 1024  # octets of a two-way stream that wait for a peer that does not read; above, it is given up
MAX_WRITE = 64 * 1024  # octets that wait for a peer that does not read; above, nothing is read from it


class Route(Protocol):
    """What a receiver is to the endpoint. All methods run on the endpoint's thread and must not block."""

    max_size: int
    time_limit: float | None
    total_limit: int | None
    plain: Plain | None
    """Takes the plain messages; without it all of them come as ``text`` and ``binary``."""

    def admit(self, request: Request) -> Refusal | None:
        """Judge a request for this route's path; None admits it."""
        ...

    def opened(self, connection: Connection) -> None:
        """The upgrade is certain."""
        ...

    def text(self, text: str) -> None:
        """A text message has come."""
        ...

    def binary(self, data: bytes) -> None:
        """A binary message has come."""
        ...

    def refused(self, lane: int, reason: str) -> None:
        """A plain message was well-formed, but had no place."""
        ...

    def closed(self, reason: str) -> None:
        """The connection of this route has ended, or it ended without ever having had one."""
        ...


class Host(Protocol):
    """What the endpoint is to its connections."""

    octets: Octets

    def route(self, connection: Connection, request: Request) -> Route | None: ...
    def upgraded(self, connection: Connection) -> None: ...
    def dropped(self, connection: Connection) -> None: ...
    def count(self, reason: str) -> None: ...
    def watch(self, connection: Connection, events: int) -> None: ...
    def now(self) -> float: ...


class Connection:
    """A connection from accept to close.

    Args:
        sock: A connected, non-blocking socket; this object closes it.
        host: The endpoint.
        context: TLS, or None.
    """

    def __init__(self, sock: socket.socket, host: Host, context: ssl.SSLContext | None) -> None:
        self.socket = sock
        self.route: Route | None = None
        self.closed = False
        self.deadline = host.now() + HANDSHAKE_TIME
        self.scheduled = float("inf")  # the endpoint's note of when it looks at the deadline
        self.watched = 0  # the endpoint's note of what the selector knows
        self._host = host
        self._tls = TlsChannel(context) if context is not None else None
        self._deframer = Deframer(self._admit)
        self._held = b""  # the beginning of a frame that may be a plain one
        self._foreign = 0  # octets to come that are the deframer's: the rest of a frame that is not
        self._unsent = bytearray()
        self._half_closed = False
        self._reason = ""
        self._closing_until = float("inf")  # when a close or a drain in progress is cut short
        self._closing = False
        self._opened_at = self._heard_at = host.now()
        self._octets = 0
        self._events = selectors.EVENT_READ
        self.sweep: Any = None
        """What C knows of this socket (``sw_ws_socket``) while it may read it, from the upgrade on."""

    def ready(self, events: int) -> None:
        """The selector says that the socket can be read or written."""
        if events & selectors.EVENT_WRITE:
            self._flush()
        if events & selectors.EVENT_READ and not self.closed:
            self._read()

    def finish(self) -> None:
        """The receiver has ended: read what is under way, then close."""
        if self._deframer.is_open and not self._closing:
            self._close_by(self._host.now() + DRAIN_TIME)
        else:
            self.close(CloseCode.GOING_AWAY, "ended")

    def tell(self, text: str) -> None:
        """Send a text message, unless the end has begun."""
        if self._closing or not self._deframer.is_open:
            return
        self._deframer.send(text)
        self._flush()
        if len(self._unsent) > MAX_UNSENT and not self.closed:
            self._host.count("does_not_read")
            self.drop("does_not_read")

    def drain(self) -> None:
        """Read what the socket holds now, a few megabytes at most."""
        for _ in range(DRAIN_READS):
            before = self._octets
            if self.closed or self._closing:
                return
            self._read()
            if self._octets == before:
                return

    def close(self, code: int, reason: str) -> None:
        """Begin to close; ``reason`` is what the receiver hears."""
        if self._begin_closing(reason):
            self._deframer.close(code)
            self._flush()

    def refuse(self, code: int, reason: str) -> None:
        """Close because of what the peer sent, reading no further."""
        if self._begin_closing(reason):
            self._deframer.fail(code)
            self._flush()

    def _begin_closing(self, reason: str) -> bool:
        if self.closed or self._closing:
            return False
        self._closing = True
        self._reason = self._reason or reason
        self._release()
        self._close_by(self._host.now() + CLOSE_TIME)
        return True

    def drop(self, reason: str) -> None:
        """Close the socket now."""
        if self.closed:
            return
        self.closed = True
        self._reason = self._reason or reason
        self._release()
        self._host.dropped(self)
        self.socket.close()

    def expire(self) -> None:
        """The deadline has come, or one that was moved since."""
        now = self._host.now()
        if self.closed or now < self.deadline:
            return
        if now >= self._closing_until:
            if self._deframer.is_open and not self._closing:
                self.close(CloseCode.NORMAL_CLOSURE, "ended")
            else:
                self.drop("unanswered_close")
        elif not self._deframer.opened:
            self._host.count("handshake_timeout")
            self.drop("handshake_timeout")
        elif self.route is not None and self._over_time(self.route, now):
            self._limit("time_limit")
        elif now - self._heard() >= IDLE_TIME:
            self._host.count("idle_timeout")
            self.drop("idle_timeout")
        else:
            if now - self._heard() >= PING_AFTER:
                self._deframer.ping()
                self._flush()
            self._plan()

    def _over_time(self, route: Route, now: float) -> bool:
        return route.time_limit is not None and now - self._opened_at >= route.time_limit

    def _heard(self) -> float:
        """When the peer was last heard of."""
        return self._heard_at if self.sweep is None else max(self._heard_at, self.sweep.heard / 1e9)

    def _plan(self) -> None:
        """Set when to look at this open connection again."""
        heard_at = self._heard()
        silent = self._host.now() - heard_at
        next_ping = heard_at + PING_AFTER * (silent // PING_AFTER + 1)
        deadline = min(next_ping, heard_at + IDLE_TIME, self._closing_until)
        if self.route is not None and self.route.time_limit is not None:
            deadline = min(deadline, self._opened_at + self.route.time_limit)
        self.deadline = deadline

    def _close_by(self, when: float) -> None:
        self._closing_until = self.deadline = when
        self._host.watch(self, self._events)

    def _limit(self, reason: str) -> None:
        self._host.count(reason)
        self.refuse(CloseCode.POLICY_VIOLATION, reason)

    def _read(self) -> None:
        octets, held = self._host.octets, self._hold()
        try:
            if self._tls is None:
                came = self.socket.recv_into(octets.view[held:], READ_SIZE)
                sealed = b""
            else:
                sealed = self.socket.recv(READ_SIZE)
                came = len(sealed)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.drop("lost")
            return
        self._heard_at = self._host.now()
        self._octets += came
        if self._tls is not None:
            self._read_sealed(self._tls, sealed)
        elif came:
            self._settle(self._consume(held + came))
        else:
            self._end_of_stream()

    def swept(self, stop: Any) -> None:
        """C has read the socket, and found more in it than it takes (``sw_ws_stop``), or has left it to us."""
        if stop.octets == lib.SW_WS_UNREAD:
            self._read()
        elif stop.octets < 0:
            self.drop("lost")
        elif stop.octets == 0:
            self._end_of_stream()
        else:
            self._settle(self._go_on(int(stop.done), int(stop.octets), stop.taken))

    def _read_sealed(self, tls: TlsChannel, sealed: bytes) -> None:
        try:
            data, ended = tls.receive(sealed)
        except ssl.SSLError:
            self._host.count("tls_failed")
            self._flush()  # the alert that says why
            self.drop("tls_failed")
            return
        for at in range(0, len(data), READ_SIZE):
            part, held = data[at : at + READ_SIZE], self._hold()
            self._host.octets.view[held : held + len(part)] = part
            self._consume(held + len(part))
        self._settle(False)
        if ended and not self.closed:
            self._end_of_stream()

    def _end_of_stream(self) -> None:
        self._deframer.receive_eof()
        self._flush()
        self.drop("lost")

    def _hold(self) -> int:
        """Put what the last read left in front of what comes; its length."""
        if self._held:
            self._host.octets.view[: len(self._held)] = self._held
        return len(self._held)

    def _consume(self, end: int) -> bool:
        """Take the frames of the first ``end`` octets of the buffer, plain ones in C; whether that was all of them."""
        octets = self._host.octets
        self._held = b""
        if not self._deframer.opened:
            rest = self._deframer.shake(bytes(octets.view[:end]))
            octets.view[: len(rest)] = rest
            self._go_on(0, len(rest), None)
            return False
        return self._go_on(0, end, None)

    def _go_on(self, at: int, end: int, taken: Any) -> bool:
        """The same from ``at`` on, before which C has taken what it takes, if ``taken`` is given."""
        octets, is_plain = self._host.octets, True
        while at < end or taken is not None:
            route = self.route
            if taken is None:
                if self._foreign or route is None or route.plain is None or not self._deframer.is_open:
                    count = min(self._foreign or end - at, end - at)
                    self._foreign = max(0, self._foreign - count)
                    self._deliver(self._deframer.receive(bytes(octets.view[at : at + count])))
                    at, is_plain = at + count, False
                    continue
                at += route.plain.take(octets, at, end)
                taken = octets.taken
            self._foreign = taken.foreign
            if taken.refused and route is not None:
                route.refused(taken.lane, refusal(taken.refused))
            elif not self._foreign:
                self._held = bytes(octets.view[at:end])
                break
            taken = None
        self._leave_to_c()
        return is_plain

    def _leave_to_c(self) -> None:
        """Let C read the socket as long as nothing is under way that it does not know of."""
        if self.sweep is not None:
            plain = self.route.plain if self.route is not None and self._deframer.is_open else None
            self.sweep.ws = ffi.NULL if plain is None or self._held or self._foreign else plain.c

    def _settle(self, is_plain: bool) -> None:
        """After a read: plain messages change nothing but what has been received."""
        if is_plain and (self.route is None or self.route.total_limit is None):
            return
        self._judge()
        self._flush()

    def _deliver(self, messages: list[str | bytes]) -> None:
        for message in messages:
            route = self.route
            if route is None:
                return  # the receiver has ended or refused what came before
            try:
                if isinstance(message, str):
                    route.text(message)
                else:
                    route.binary(message)
            except Exception:
                logger.exception("a message of a media WebSocket could not be handled")
                self._host.count("internal_error")
                self.refuse(CloseCode.INTERNAL_ERROR, "internal_error")

    def _judge(self) -> None:
        """After a read: has the peer closed, failed or sent too much?"""
        failure = self._deframer.failure
        if self.closed or self._closing:
            return
        if failure or (self._deframer.opened and not self._deframer.is_open):
            self._reason = failure or f"closed ({self._deframer.close_code})"
            if failure:
                self._host.count(failure)
                logger.debug("a media WebSocket was refused or failed: %s", failure)
            self._begin_closing(self._reason)
        elif self.route is not None and self.route.total_limit is not None and self._octets > self.route.total_limit:
            self._limit("total_limit")

    def _admit(self, request: Request) -> Admission | Refusal:
        """Find the receiver of a request and ask it."""
        route = self._host.route(self, request)
        if route is None:
            return Refusal(HTTPStatus.NOT_FOUND, "not_found")
        refusal = route.admit(request)
        if refusal is not None:
            return refusal

        def opened() -> None:
            self.route = route
            self._opened_at = self._host.now()
            self._plan()
            if self._tls is None and route.plain is not None and route.plain.speed and route.total_limit is None:
                self.sweep = route.plain.sweep(self.socket.fileno())
            self._host.upgraded(self)
            route.opened(self)

        return Admission(route.max_size, opened)

    def _release(self) -> None:
        """Tell the receiver, once, that this connection gives it nothing more."""
        route, self.route = self.route, None
        if self.sweep is not None:
            self.sweep.ws = ffi.NULL  # what still comes is nobody's, and the receiver's memory may go
        if route is None:
            return
        try:
            route.closed(self._reason or "closed")
        except Exception:
            logger.exception("the end of a media WebSocket could not be handled")

    def _flush(self) -> None:
        """Write what waits, half-close behind the last of it, and say what to wait for next."""
        if self.closed:
            return
        data, ended = self._deframer.take()
        if self._tls is not None:
            self._tls.send(data)
            if ended:
                self._tls.end()
            data = self._tls.take()
        self._unsent += data
        try:
            while self._unsent:
                del self._unsent[: self.socket.send(self._unsent)]
            if ended and not self._half_closed:
                self._half_closed = True
                self.socket.shutdown(socket.SHUT_WR)
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self.drop("lost")
            return
        self._events = selectors.EVENT_READ if len(self._unsent) <= MAX_WRITE else 0
        if self._unsent:
            self._events |= selectors.EVENT_WRITE
        self._host.watch(self, self._events)
