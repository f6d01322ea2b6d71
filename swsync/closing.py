"""How a client ends: what ``close`` does and in which order, draining, signals, and a script that forgets to close."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import signal
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from swsync.clock import are_threads_greenlets, seconds_of
from swsync.errors import ConnectionClosed, DialFailed, DialUnknown
from swsync.taking import TakingCalls

if TYPE_CHECKING:
    from swsync.dialing import Dial
    from swsync.pending import Request

__all__ = ["Closing"]

logger = logging.getLogger(__name__)


LAST_WORD = 0.5  # seconds for which closing waits to hear that a dial whose legs are ended rings nobody else
LOOK = 0.25  # seconds between two looks for SIGTERM where threads are greenlets


class _Terminated(BaseException):
    """SIGTERM came while ``run`` was waiting. Raised out of the wait, as Ctrl-C is: a handler may take no locks."""


class Closing(TakingCalls):
    """The methods that end it, and those that go on until it ends."""

    def __init__(self, contexts: Iterable[str]) -> None:
        super().__init__(contexts)
        self._is_terminated = False  # the main thread's: SIGTERM came to another greenlet than that of run()
        # Guarded by _lock.
        self._is_closing = False
        self._has_left_calls = False  # close() has done what it does about them
        self._at_exit: Callable[[], None] | None = None
        self._closer = 0  # the thread that ends the calls of a client that closes; a late look does no harm

    def _start(self) -> None:
        self._connection.start()
        with self._lock:
            first, self._at_exit = self._at_exit is None, self._at_exit or _closer(weakref.ref(self), os.getpid())
        if first:
            # A script that ends without close() must not leave paid calls behind.
            atexit.register(self._at_exit)

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
        timeout = seconds_of(timeout)
        deadline = self.clock.now() + timeout
        first = self._leave_calls(deadline, timeout, calls == "end")
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

    def _leave_calls(self, deadline: float, timeout: float, end: bool) -> bool:
        """End the calls, or wait for the thread that does so: it needs the link. False if another has done it.

        What Ctrl-C has stopped is left to the next ``close()``, at the latest to that at the interpreter's exit.
        """
        me, first = threading.get_ident(), False
        try:
            with self._lock:
                self._is_closing = True
                first = not (self._closer or self._has_left_calls)
                if first:
                    self._closer = me
            if first:
                self._inbound.close()
                self._end_calls(deadline, end)
                self._has_left_calls = True
        finally:
            if first:
                self._closer = 0
                with self._router.changed:
                    self._router.changed.notify_all()
        if not first and self._closer != me:  # it is this thread in a signal handler
            with self._router.changed:
                self._router.changed.wait_for(lambda: not self._closer, timeout)
        return first

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
        if requests or dials:
            self._connection.hurry()  # also if the link still seems to be up: it may break, or just have broken
        left = self._unanswered(requests, (self.clock.now() + deadline) / 2)
        for request in left.values():
            self._connection.repeat(request)  # it or its reply got lost on a link that is up: no harm to ask again
        left = self._unanswered(left, deadline)
        if left:
            logger.warning("calls that RELAY has not ended in time, and that may go on: %s", ", ".join(left))
        self._wait_for_legs(dials, deadline)
        # With its leg gone the service may go on to the next one: it says when it has not.
        with self._router.changed:
            self._router.changed.wait_for(
                lambda: all(dial.is_told for dial in dials), max(0.0, min(LAST_WORD, deadline - self.clock.now()))
            )
        self._wait_for_legs(dials, deadline)
        for dial in dials:
            tag = dial.tag
            if dial.is_doubtful():
                dial.fail(lambda tag=tag: DialUnknown(tag))  # type: ignore[misc]
            else:
                dial.fail(lambda tag=tag: DialFailed(tag, "closed", "the client was closed"))  # type: ignore[misc]

    def _wait_for_legs(self, dials: list[Dial], deadline: float) -> None:
        """Wait until no leg of some dials is left that is known, by then at the latest."""
        with self._router.changed:
            self._router.changed.wait_for(
                lambda: not any(dial.is_doubtful() for dial in dials), max(0.0, deadline - self.clock.now())
            )

    def _unanswered(self, requests: Mapping[str, Request], deadline: float) -> dict[str, Request]:
        """Those of some requests that have no reply by then."""
        return {k: r for k, r in requests.items() if not r.wait(max(0.0, deadline - self.clock.now()))}

    # Until it is told to end.

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
        deadline = self.clock.now() + seconds_of(timeout)
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


def _closer(reference: weakref.ref[Closing], process: int) -> Callable[[], None]:
    def close() -> None:
        client = reference()
        if client is not None and os.getpid() == process:
            client.close()

    return close
