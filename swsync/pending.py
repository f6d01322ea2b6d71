"""The requests of one connection that have no reply yet, and what becomes of each when the link is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from swsync.clock import Clock, Condition
from swsync.errors import CallGone, OutcomeUnknown, RelayError, RequestTimeout
from swsync.protocol import check_reply

__all__ = ["PendingRequests", "Request"]

MOST = 20_000  # requests under way at once; beyond that something is wrong, and memory is bounded


class Request:
    """One request under way.

    It is settled by whoever takes it out of the table, and so once. ``changed``, if given, is a condition that somebody
    waits on already; it is notified then. Without it, ``wait`` waits on a latch, which costs a fifth.

    Attributes:
        writes: How often it was given to a link; 0 means that the server cannot have seen it.
        expires: When to drop it from the table, for one that nobody waits for.
    """

    __slots__ = (
        "_done", "changed", "expires", "failure", "id", "idempotent", "is_settled", "method", "reply", "text", "writes",
    )  # fmt: skip

    def __init__(
        self, clock: Clock, method: str, message: tuple[str, str], idempotent: bool, changed: Condition | None = None
    ) -> None:
        self.method = method
        self.id, self.text = message
        self.idempotent = idempotent
        self.writes = 0  # guarded by the table's lock
        self.expires: float | None = None  # guarded by the table's lock
        self.changed = changed
        self._done = clock.latch()
        # Set by the one thread that settles it, is_settled last; guarded by changed, if there is one.
        self.is_settled = False
        self.reply: dict[str, Any] | None = None
        self.failure: Exception | None = None

    def settle(self, reply: dict[str, Any] | None, failure: Exception | None = None) -> None:
        """Give it its end; only who has taken it out of the table may."""
        if self.changed is None:
            self.reply, self.failure, self.is_settled = reply, failure, True
            self._done.open()
            return
        with self.changed:
            self.reply, self.failure, self.is_settled = reply, failure, True
            self.changed.notify_all()

    def wait(self, timeout: float) -> bool:
        """Wait for the end; False if it has not come within that time."""
        if self.changed is None:
            return self._done.wait(timeout)
        with self.changed:
            return self.changed.wait_for(lambda: self.is_settled, timeout)

    def result(self) -> dict[str, Any]:
        """Return the result of a settled request, or raise what became of it."""
        if self.reply is None:
            # An exception of this request alone: raising a shared one would pile up tracebacks.
            raise self.failure or RelayError(-1, "it has no reply", self.method)
        try:
            return check_reply(self.method, self.reply)
        except CallGone:
            if self.idempotent and self.writes > 1:
                return {}  # the first one did it, and its reply was lost
            raise

    def is_refused(self) -> bool:
        """Whether it certainly had no effect: RELAY said no, or it was never sent. Requires changed."""
        if self.reply is None:
            return self.failure is not None and not isinstance(self.failure, OutcomeUnknown)
        try:
            check_reply(self.method, self.reply)
        except RelayError:
            return True
        return False

    def unknown(self, why: str) -> OutcomeUnknown:
        return OutcomeUnknown(-1, f"{why}; it may have taken effect", self.method)


class PendingRequests:
    """The table. Any thread may use it; it sends nothing and waits for nothing."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # All below is guarded by _lock.
        self._table: dict[str, Request] = {}
        self._replies = 0
        self._link: Any = None  # where requests go, while there is one
        self._why_closed: Callable[[], Exception] | None = None  # set when there will be no link any more

    def __len__(self) -> int:
        return len(self._table)

    def add(self, request: Request, expires: float | None = None) -> Any:
        """Register a request before it is sent. Returns the link to send it on, or None if it waits for one.

        Raises:
            ConnectionClosed, ConnectionFailed: There will be no link any more.
            RelayError: Too many are under way.
        """
        with self._lock:
            if self._why_closed is not None:
                raise self._why_closed()
            if len(self._table) >= MOST:
                raise RelayError(-1, f"{MOST} requests are under way already", request.method)
            self._table[request.id] = request
            request.expires = expires
            request.writes += self._link is not None
            return self._link

    @property
    def replies(self) -> int:
        """How many have come, on whichever thread."""
        return self._replies

    def remove(self, number: str | int | None) -> Request | None:
        """Take out the request that a reply belongs to; None if nobody waits for it."""
        with self._lock:
            self._replies += 1
            return self._table.pop(number, None)  # type: ignore[arg-type]

    def give_up(self, request: Request, keep_until: float | None) -> Exception | None:
        """Its thread waits no longer; returns what to raise, or None if it was settled at the last moment.

        An idempotent request that may be on its way stays until ``keep_until``, to be sent again after a resume.
        """
        with self._lock:
            written = request.writes > 0
            if written and request.idempotent and request.id in self._table:
                request.expires = keep_until
            else:
                self._table.pop(request.id, None)
        if request.is_settled:
            return None
        if not written:
            return RequestTimeout(-1, "there was no link to send it on in time; it was never sent", request.method)
        if request.idempotent:
            return RequestTimeout(-1, "no reply came in time; it does no harm to send it again", request.method)
        return request.unknown("it was sent and no reply came in time")

    def link_ready(self, link: Any, keep_until: float) -> list[Request]:
        """From now on requests are written at once; returns those that have waited for this, oldest first.

        What nobody waits for has until ``keep_until`` to be answered, however long there was no link: it ends calls.
        """
        with self._lock:
            self._link = link
            waiting = [request for request in self._table.values() if request.writes == 0 or request.idempotent]
            for request in waiting:
                request.writes += 1
                request.expires = None if request.expires is None else keep_until
            return waiting

    def link_lost(self) -> None:
        """Fail what may have acted and must not be sent twice; keep the rest for the next link."""
        with self._lock:
            self._link = None
            doubtful = [r for r in self._table.values() if r.writes and not r.idempotent]
            for request in doubtful:
                del self._table[request.id]
        for request in doubtful:
            request.settle(None, request.unknown("it was sent and the link was lost before its reply"))

    def link_of(self, request: Request) -> Any:
        """The link that a request was written to, if nothing else is under way; else None."""
        with self._lock:
            return self._link if len(self._table) == 1 and request.id in self._table and request.writes else None

    def write_again(self, request: Request) -> Any:
        """Count one more writing of a request; returns the link for it, or None if it is settled or there is none."""
        with self._lock:
            if request.id not in self._table:
                return None
            request.writes += self._link is not None
            return self._link

    def not_written(self, request: Request) -> None:
        """The link had ended before it could be written: it waits for the next one, if nobody has settled it yet."""
        with self._lock:
            if request.id in self._table:
                request.writes -= 1

    def owed(self, method: str) -> list[Request]:
        """Requests of a method that nobody waits for and that are still to be answered."""
        with self._lock:
            return [r for r in self._table.values() if r.method == method and r.expires is not None]

    def expire(self) -> None:
        """Drop what nobody waits for and nobody answered, while there is a link to be answered on."""
        now = self._clock.now()
        with self._lock:
            for number in [r.id for r in self._table.values() if r.expires is not None and r.expires <= now]:
                del self._table[number]

    def close(self, reason: str, why: Callable[[], Exception]) -> None:
        """The link has ended for good: fail everything that somebody waits for. ``why`` makes an exception of it."""
        with self._lock:
            self._link = None
            self._why_closed = self._why_closed or why
            left = list(self._table.values())
            self._table.clear()
        for request in left:
            if request.writes and not request.idempotent:
                request.settle(None, request.unknown(f"it was sent; then {reason}"))
            else:
                request.settle(None, why())
