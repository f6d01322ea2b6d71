"""The I/O thread of one client: it connects, serves the link as long as there is one, and begins again.

Everything that arrives is handled on this thread (``swsync.link``), which runs no user code. Requests are sent by the
threads that make them (``swsync.requesting``).
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import random
import threading
from collections.abc import Callable, Iterable
from typing import Any

from swsync.clock import Clock
from swsync.dispatcher import Dispatcher
from swsync.errors import (
    AuthenticationFailed,
    ConfigurationError,
    ConnectionClosed,
    ConnectionFailed,
    ConnectionLost,
    RelayError,
)
from swsync.link import CONNECT_TIMEOUT, Link
from swsync.protocol import Session
from swsync.requesting import Requesting
from swsync.timers import Timer, Timers
from swsync.transport import Transport

__all__ = ["Connection"]

logger = logging.getLogger(__name__)

FIRST_DELAY, LONGEST_DELAY = 4.0, 30.0  # upper ends of the first and of the last wait before connecting again
SHORTEST_DELAY = 1.0
ASK_AGAIN = 1.5  # the longest wait after a refusal of the credentials: somebody waits to hear of it
REFUSALS = 3  # of the credentials, before any success
HURRY = 0.2  # seconds between attempts while the client is closing

_numbers = itertools.count(1)


class Connection(Requesting):
    """The link of one client, for as long as the client lives.

    Args:
        open_transport: Makes a new, unconnected transport for each attempt.
        session: What is agreed with the server.
        contexts: Gives the contexts to subscribe to, each time it connects.
        clock: Whose time it lives in.
        on_event: Called on the I/O thread with the params of each new event.
        on_link: Called on the I/O thread with "connected", "lost", "resumed", "new_session" or "session_lost".
        on_over: Called once, from whichever thread, when there will be no link any more.
        callbacks: What ``on_event`` submits to: its workers are woken once for a burst of events.
        request_timeout: Seconds that a request waits unless told otherwise.
        call_grace: Seconds without a link after which its calls are given up.
    """

    def __init__(
        self,
        open_transport: Callable[[], Transport],
        session: Session,
        *,
        contexts: Callable[[], Iterable[str]],
        clock: Clock,
        on_event: Callable[[dict[str, Any]], None],
        on_link: Callable[[str], None],
        on_over: Callable[[str], None],
        callbacks: Dispatcher,
        request_timeout: float = 10.0,
        call_grace: float = 60.0,
    ) -> None:
        self.name = f"swsync-io-{next(_numbers)}"
        super().__init__(session, clock, request_timeout, call_grace)
        self._timers = Timers(clock)
        self.counters = {"connects": 0, "protocol_errors": 0, "duplicates": 0, "late_replies": 0}  # the I/O thread's
        self._open_transport = open_transport
        self._contexts = contexts
        self._on_event = on_event
        self._on_link = on_link
        self._on_over = on_over
        self._callbacks = callbacks
        # Guarded by _changed, which is notified when any of it changes. The flags are also read without it, where a
        # late look does no harm.
        self._changed = clock.condition()
        self._transport: Transport | None = None  # the one in use, authenticated or not
        self._is_connected = False
        self._closing = False
        self._kicked = False
        self._hurry = False
        self._is_over = False
        self._failure: Exception | None = None  # why it is over, if not by close()
        self._last_error: Exception | None = None  # of the last attempt to connect
        # The I/O thread's own.
        self._was_connected = False
        self._refusals = 0
        self._grace_timer: Timer | None = None

    # From any thread.

    @property
    def is_connected(self) -> bool:
        return self._is_connected

    @property
    def was_started(self) -> bool:
        return self._thread is not None

    @property
    def was_connected(self) -> bool:
        """Whether there ever was a link."""
        return self._was_connected

    @property
    def is_over(self) -> bool:
        return self._is_over

    def start(self) -> None:
        """Begin to connect, once."""
        self.check_process()
        with self._changed:
            if self._closing or self._is_over:
                raise ConnectionClosed("the client is closed")
            if self._thread is not None:
                return
            self._thread = self.clock.start(self._run, self.name)

    def wait_connected(self, timeout: float) -> None:
        """Wait for the link.

        Raises:
            ConnectionFailed: None within that time; the text says what the last attempt met.
            AuthenticationFailed: The credentials are refused.
            ConnectionClosed: The client was closed meanwhile.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._is_connected or self._is_over or self._closing, timeout)
            if self._is_connected:
                return
            if self._is_over or self._closing:
                raise self.why_closed()
            last = self._last_error
        raise ConnectionFailed(f"no connection within {timeout:g} s: {last or 'the server has not answered yet'}")

    def wait_over(self, timeout: float | None = None) -> bool:
        """Wait until there will be no link any more; raises why, unless it was closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_over, timeout)
            if self._is_over and self._failure is not None:
                raise self.why_closed()
            return self._is_over

    def why_closed(self) -> Exception:
        """Make an exception that says why there is no link and will be none."""
        if self._failure is None:
            return ConnectionClosed("the client is closed")
        error = type(self._failure)(*self._failure.args)
        error.__cause__ = self._failure.__cause__
        return error

    def call_later(self, delay: float, function: Callable[..., Any], *args: Any) -> Timer:
        """Call a quick function on the I/O thread after so many seconds."""
        timer = Timer(function, args)
        is_first = self._timers.add(delay, timer)
        if is_first and (self._thread is None or threading.get_ident() != self._thread.ident):
            self._kick()
        return timer

    def _kick(self) -> None:
        """Make the I/O thread look around."""
        with self._changed:
            self._kicked = True
            transport = self._transport
            self._changed.notify_all()
        wake = getattr(transport, "wake", None)
        if wake is not None:
            wake()

    def hurry(self) -> None:
        """Connect again now, not after backing off: there are calls to end, and little time."""
        with self._changed:
            self._hurry = True
        self._kick()

    def close(self, timeout: float) -> bool:
        """End the link and the thread; False if the thread has not ended within that time. Any thread may call it."""
        with self._changed:
            self._closing = True
            thread = self._thread
            connected = self._is_connected
        self._kick()
        if thread is not None and threading.get_ident() != thread.ident:
            # A thread inside a connect of the operating system cannot be interrupted: it ends by itself.
            thread.join(timeout if connected else min(timeout, 1.0))
        self._finish(None)
        return thread is None or not thread.is_alive()

    def _finish(self, failure: Exception | None) -> None:
        """Fail everything that somebody waits for, once: there will be no link any more."""
        with self._changed:
            if self._is_over:
                return
            self._is_over = True
            self._is_connected = False
            self._failure = failure
            self._changed.notify_all()
        self._timers.clear()
        reason = str(failure) if failure else "the client was closed"
        self.pending.close(reason, self.why_closed)
        self._on_over(reason)

    # The I/O thread.

    def _run(self) -> None:
        failure: Exception | None = None
        delay = FIRST_DELAY
        try:
            while not self._closing:
                refusals = self._refusals
                if self._attempt():
                    delay = FIRST_DELAY
                elif self._refusals > refusals:
                    delay = ASK_AGAIN
                if not self._closing:
                    self._pause(random.uniform(SHORTEST_DELAY, delay))  # full jitter: clients must not come in step
                    delay = min(LONGEST_DELAY, delay * 2)
        except (ConnectionFailed, ConfigurationError) as error:
            failure = error
            logger.error("%s gives up: %s", self.name, error)
        except Exception as error:  # safety net in case of bugs: whoever waits must hear of it
            logger.exception("%s: unexpected error", self.name)
            failure = ConnectionFailed(f"internal error: {error!r}")
        finally:
            self._finish(failure)

    def _attempt(self) -> bool:
        """Connect and serve until the link is lost; True if it was connected. Raises what ends it all."""
        transport = self._open_transport()
        connected = False
        try:
            transport.connect(CONNECT_TIMEOUT)
            with self._changed:
                if self._closing:
                    return False
                self._transport = transport
            link = self._link(transport)
            self._ready(transport, link.authenticate(self._contexts()))
            connected = True
            link.serve()
        except (ConnectionLost, ConnectionFailed, RelayError, OSError) as error:
            self._judge(error, connected)
        finally:
            with self._changed:
                self._transport = None
            if connected:
                self._lose()
            with contextlib.suppress(Exception):
                transport.close()
        return connected

    def _link(self, transport: Transport) -> Link:
        return Link(
            transport,
            self.name,
            session=self.session,
            pending=self.pending,
            timers=self._timers,
            clock=self.clock,
            callbacks=self._callbacks,
            counters=self.counters,
            on_event=self._on_event,
            is_closing=lambda: self._closing,
        )

    def _judge(self, error: Exception, connected: bool) -> None:
        """Log why there is no link, and raise if it is of no use to try again."""
        with self._changed:
            self._last_error = error
        if self._closing:
            return
        logger.log(logging.WARNING if connected else logging.INFO, "%s: %s", self.name, error)
        if self._was_connected:
            return
        if getattr(error, "permanent", False) or isinstance(error, ConfigurationError):
            raise error
        if isinstance(error, AuthenticationFailed):
            self._refusals += 1
            if self._refusals >= REFUSALS:
                raise error

    def _ready(self, transport: Transport, resumed: bool) -> None:
        """The link is up: tell who waits, and send what has waited."""
        self.counters["connects"] += 1
        if self._grace_timer is not None:
            self._grace_timer.cancel()
            self._grace_timer = None
        # First of all: the calls of a session that is gone must not see events or replies of the new one.
        self._notify("connected" if not self._was_connected else "resumed" if resumed else "new_session")
        self._was_connected = True
        waiting = self.pending.link_ready(transport, self.clock.now() + self._call_grace)
        with self._changed:
            self._is_connected = True
            self._changed.notify_all()
        for request in waiting:
            self._send(transport, request)  # if the link breaks here, serve() finds out: it was up

    def _lose(self) -> None:
        with self._changed:
            self._is_connected = False
        self.pending.link_lost()
        if not self._closing:
            self._notify("lost")
            self._grace_timer = self.call_later(self._call_grace, self._notify, "session_lost")

    def _notify(self, what: str) -> None:
        try:
            self._on_link(what)
        except Exception:  # safety net in case of bugs: the link goes on
            logger.exception("%s: handling %s failed", self.name, what)

    def _pause(self, seconds: float) -> None:
        """Wait before connecting again, with the timers running."""
        deadline = self.clock.now() + seconds
        while not self._closing:
            wait = min(deadline - self.clock.now(), self._timers.run())
            if self._hurry and wait > HURRY:
                wait, deadline = HURRY, self.clock.now() + HURRY
            if deadline <= self.clock.now():
                return
            with self._changed:
                self._changed.wait_for(lambda: self._kicked or self._closing, wait)
                self._kicked = False
