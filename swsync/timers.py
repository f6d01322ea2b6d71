"""What is to be done later on the I/O thread of a connection."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections.abc import Callable
from typing import Any

from swsync.clock import Clock

__all__ = ["Timer", "Timers"]

logger = logging.getLogger(__name__)


class Timer:
    """A function to be called later on the I/O thread; made by ``Connection.call_later``."""

    __slots__ = ("args", "function")

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.function: Callable[..., Any] | None = function
        self.args = args

    def cancel(self) -> None:
        """Do not call it. From another thread than the I/O thread it may just be running."""
        self.function = None
        self.args = ()


class Timers:
    """Those of one connection. Any thread may add; one thread runs them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._order = itertools.count()
        self._lock = threading.Lock()
        self._heap: list[tuple[float, int, Timer]] = []  # guarded by _lock

    def add(self, delay: float, timer: Timer) -> bool:
        """Have it run after so many seconds; True if it is now the first to be due."""
        due = self._clock.now() + delay
        with self._lock:
            heapq.heappush(self._heap, (due, next(self._order), timer))
            return self._heap[0][2] is timer

    def clear(self) -> None:
        """Forget them all."""
        with self._lock:
            self._heap.clear()

    def run(self) -> float:
        """Call what is due; returns the seconds until the next one, infinity if there is none."""
        while True:
            with self._lock:
                if not self._heap:
                    return float("inf")
                left = self._heap[0][0] - self._clock.now()
                if left > 0:
                    return left
                timer = heapq.heappop(self._heap)[2]
            function, args = timer.function, timer.args
            if function is not None:
                try:
                    function(*args)
                except Exception:  # safety net in case of bugs
                    logger.exception("a timer failed")
