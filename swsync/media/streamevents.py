"""Callbacks of a media stream, run in order and off the media thread."""

from __future__ import annotations

import collections
import logging
import threading
from collections.abc import Callable
from typing import Any

from swsync.clock import Clock

__all__ = ["CallbackQueue"]

logger = logging.getLogger(__name__)

MAX_QUEUED = 1000


class CallbackQueue:
    """Runs callbacks one after the other, on a thread that lives only while there are any.

    Args:
        clock: Starts the thread.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._queue: collections.deque[tuple[Callable[..., object], Any]] = collections.deque()  # guarded by _lock
        self._is_running = False  # guarded by _lock

    def submit(self, function: Callable[..., object], argument: Any) -> bool:
        """Have ``function(argument)`` called soon; False if too many wait already."""
        with self._lock:
            if len(self._queue) >= MAX_QUEUED:
                return False
            self._queue.append((function, argument))
            starts, self._is_running = not self._is_running, True
        if starts:
            self._clock.start(self._run, "swsync-callback-media")
        return True

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._queue:
                    self._is_running = False
                    return
                function, argument = self._queue.popleft()
            try:
                function(argument)
            except BaseException:  # sys.exit() too: nobody would call the next one
                logger.exception("a callback of a media stream has raised")
