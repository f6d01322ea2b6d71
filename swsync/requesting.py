"""Requests over a connection, from any thread: sent by the thread that makes them, answered by the I/O thread."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from typing import Any

from swsync.clock import Clock, Condition, Thread
from swsync.errors import ConnectionClosed, ConnectionLost, RelayError
from swsync.pending import PendingRequests, Request
from swsync.protocol import Session
from swsync.transport import Transport

__all__ = ["Requesting"]


class Requesting:
    """The methods of a connection that send.

    Args:
        session: Makes their text.
        clock: Whose time they wait in.
        request_timeout: Seconds that a request waits unless told otherwise.
        call_grace: Seconds for which what nobody waits for may still be answered.
    """

    def __init__(self, session: Session, clock: Clock, request_timeout: float, call_grace: float) -> None:
        self.clock = clock
        self.session = session
        self.pending = PendingRequests(clock)
        self._request_timeout = request_timeout
        self._call_grace = call_grace
        self._pid = os.getpid()
        self._thread: Thread | None = None  # the I/O thread, once it was started

    def check_process(self) -> None:
        """Raise ``ConnectionClosed`` in a forked child: it shares the socket, and reading it would rob the parent."""
        if os.getpid() != self._pid:
            raise ConnectionClosed(
                f"this client was made in process {self._pid} and cannot be used after a fork (this is process "
                f"{os.getpid()}); make a new RelayClient in the child"
            )

    def request(
        self, method: str, params: dict[str, Any], *, timeout: float | None = None, idempotent: bool = False
    ) -> dict[str, Any]:
        """Send a request and wait for its result.

        Raises:
            RelayError: What the server said; ``RequestTimeout`` or ``OutcomeUnknown`` if it said nothing.
            ConnectionClosed: There is no link and will be none.
        """
        thread = self._thread
        # The identity of a thread that has ended may be another's by now.
        if thread is not None and threading.get_ident() == thread.ident and thread.is_alive():
            raise RuntimeError(f"{method}: a blocking request from the I/O thread would wait for itself")
        timeout = self._request_timeout if timeout is None else timeout
        request = self.begin(method, params, idempotent=idempotent)
        try:
            request.wait(self._read_for(request, timeout))
        except BaseException:
            self.give_up(request)
            raise
        failure = self.give_up(request)
        if failure is not None:
            raise failure
        return request.result()

    def _read_for(self, request: Request, timeout: float) -> float:
        """Read the reply in this thread where that saves waking another; returns what is left of the time."""
        read_for = getattr(self.pending.link_of(request), "read_for", None)
        if read_for is None:
            return timeout

        found: list[dict[str, Any]] = []

        def is_mine(text: str) -> bool:
            reply = self.session.reply_to(request.id, text)
            found.extend([] if reply is None else [reply])
            return reply is not None

        begin = self.clock.now()
        if read_for(is_mine, timeout) and self.pending.remove(request.id) is not None:
            request.settle(found[0])
        return timeout - (self.clock.now() - begin)

    def begin(
        self, method: str, params: dict[str, Any], *, idempotent: bool = False, changed: Condition | None = None
    ) -> Request:
        """Send a request and return at once; ``give_up`` ends the wait for it."""
        self.check_process()
        request = Request(self.clock, method, self.session.request(method, params), idempotent, changed)
        try:
            self._send(self.pending.add(request), request)
        except BaseException:  # Ctrl-C: nobody will wait for it
            self.give_up(request)
            raise
        return request

    def give_up(self, request: Request) -> Exception | None:
        """Wait no longer; returns what to raise, or None if it has its reply."""
        if request.is_settled:
            return request.failure
        return self.pending.give_up(request, self.clock.now() + self._call_grace)

    def post(self, method: str, params: dict[str, Any]) -> Request:
        """Send an idempotent request whose reply nobody needs to wait for, now or after the next resume."""
        self.check_process()  # what a child writes ends its parent's TLS session
        request = Request(self.clock, method, self.session.request(method, params), idempotent=True)
        with contextlib.suppress(ConnectionClosed, RelayError):
            self._send(self.pending.add(request, expires=self.clock.now() + self._call_grace), request)
        return request

    def repeat(self, request: Request) -> None:
        """Send an idempotent request again that has no reply, if there is a link now."""
        self._send(self.pending.write_again(request), request)

    def owed(self, method: str) -> dict[str, Request]:
        """What is still to be answered of a method that concerns calls, and nobody waits for, by the id of the call."""
        return {json.loads(r.text)["params"].get("call_id", r.id): r for r in self.pending.owed(method)}

    def _send(self, transport: Transport | None, request: Request) -> None:
        if transport is not None:
            try:
                transport.send(request.text)
            except ConnectionLost as lost:  # the I/O thread will find that out, and decides about every request at once
                if not lost.may_have_left:
                    self.pending.not_written(request)
