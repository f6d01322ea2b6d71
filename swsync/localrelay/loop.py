"""The relay's own thread: an inbox that any thread may fill, and timers, both by one clock."""

from __future__ import annotations

import heapq
import itertools
import logging
import math
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from swsync.clock import Clock, Thread
from swsync.errors import ConnectionClosed

__all__ = ["Loop", "Timer"]

logger = logging.getLogger("swsync.relay")

T = TypeVar("T")

LONGEST = 86_400.0  # seconds of one wait; Python refuses a wait of centuries


class Timer:
    """One function that will run once. It belongs to the loop's thread."""

    __slots__ = ("args", "cancelled", "function", "when")

    def __init__(self, when: float, function: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.when = when
        self.function = function
        self.args = args
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """Runs everything that a relay does, one thing after the other, in a thread named ``swsync-relay``.

    All state of sessions, calls and callees belongs to this thread. Others reach it with ``post`` (no answer) and
    ``ask`` (waits for the answer).

    Args:
        clock: Whose seconds the timers count.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._condition = clock.condition()
        self._inbox: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()  # guarded by _condition
        self._stopping = False  # guarded by _condition
        self._ended = False  # guarded by _condition
        self._timers: list[tuple[float, int, Timer]] = []  # the loop's thread only
        self._order = itertools.count()
        self._ident: int | None = None  # written once, by the loop's thread
        self._thread: Thread | None = None

    def start(self) -> None:
        self._thread = self.clock.start(self._run, "swsync-relay")

    def now(self) -> float:
        return self.clock.now()

    def post(self, function: Callable[..., object], *args: Any) -> None:
        """Run ``function(*args)`` on the loop's thread, soon and in order; from any thread. Lost after the end."""
        with self._condition:
            self._inbox.append((function, args))
            self._condition.notify()

    def ask(self, function: Callable[..., T], *args: Any) -> T:
        """Run ``function(*args)`` on the loop's thread and return what it returns, or raise what it raises.

        From the loop's own thread, and after it has ended, the function runs at once.
        """
        if threading.get_ident() == self._ident:
            return function(*args)
        answer: list[tuple[bool, Any]] = []
        done = self.clock.condition()

        def run() -> None:
            outcome: tuple[bool, Any]
            try:
                outcome = (True, function(*args))
            except Exception as error:
                outcome = (False, error)
            with done:
                answer.append(outcome)
                done.notify()

        with self._condition:
            ended = self._ended
            if not ended:
                self._inbox.append((run, ()))
                self._condition.notify()
        if ended:
            return function(*args)
        with done:
            done.wait_for(lambda: answer)
        good, value = answer[0]
        if not good:
            raise value
        return value  # type: ignore[no-any-return]

    def call_soon(self, function: Callable[..., object], *args: Any) -> Timer:
        """Run it after what is running now; the loop's thread only."""
        return self.call_at(self.clock.now(), function, *args)

    def call_later(self, delay: float, function: Callable[..., object], *args: Any) -> Timer:
        """Run it ``delay`` seconds from now; the loop's thread only."""
        return self.call_at(self.clock.now() + delay, function, *args)

    def call_at(self, when: float, function: Callable[..., object], *args: Any) -> Timer:
        """Run it at ``when`` of the clock; the loop's thread only. Equal times run in the order of the calls."""
        if math.isnan(when):  # one NaN would put the others out of order
            raise ValueError(f"{when!r} is no time at which anything could happen")
        timer = Timer(when, function, args)
        heapq.heappush(self._timers, (when, next(self._order), timer))
        return timer

    def stop(self, timeout: float) -> bool:
        """Finish what is in the inbox, then end the thread; true if it has ended within ``timeout`` seconds."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        if self._thread is not None and threading.get_ident() != self._ident:
            self._thread.join(timeout)
            return not self._thread.is_alive()
        return True

    def _run(self) -> None:
        self._ident = threading.get_ident()
        while True:
            with self._condition:
                while not self._inbox and not self._stopping:
                    left = self._timers[0][0] - self.clock.now() if self._timers else None
                    if left is not None and left <= 0:
                        break
                    self._condition.wait(None if left is None else min(left, LONGEST))
                work = list(self._inbox)
                self._inbox.clear()
                if not work and self._stopping:
                    self._ended = True
                    self._ident = None
                    return
            for function, args in work:
                self.call(function, *args)
            self._run_due()

    def _run_due(self) -> None:
        now = self.clock.now()
        while self._timers and self._timers[0][0] <= now:
            timer = heapq.heappop(self._timers)[2]
            if not timer.cancelled:
                self.call(timer.function, *timer.args)

    @staticmethod
    def call(function: Callable[..., object], *args: Any) -> None:
        """Run it now; what it raises is logged."""
        try:
            function(*args)
        except ConnectionClosed:
            logger.debug("a link went away under %r", function)
        except Exception:
            # One call's mistake must not take the other sessions down.
            logger.exception("the local relay failed in %r", function)
