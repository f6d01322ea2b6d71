"""Runs callbacks on threads of their own, so that user code never holds up the I/O thread.

Callbacks with the same key (a call's id) run in order, one at a time; keys are independent of each other.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from swsync.clock import Clock, Thread
from swsync.errors import HandlerOverload

__all__ = ["Dispatcher"]

logger = logging.getLogger(__name__)

Job = tuple[Callable[..., Any], tuple[Any, ...]]

MOST_WAITING = 1000  # jobs behind a stuck one
STUCK = 2.0  # seconds in one callback, with that many waiting
HARD_LIMIT = 100_000  # jobs behind one that is merely slow: memory is bounded
BATCH = 64  # jobs of one key that a worker takes at a time
IDLE = 10.0  # seconds after which a worker without work ends


class _Lane:
    """The jobs of one key."""

    __slots__ = ("disabled", "jobs", "running", "since", "worker")

    def __init__(self) -> None:
        self.jobs: deque[Job] = deque()
        self.disabled: tuple[Callable[..., Any], ...] = ()  # listeners whose jobs the worker may have taken before
        # Its worker writes the next two without the lock, the time first; who reads them reads the time last, and never
        # sees a job with the time of an earlier one.
        self.running: Job | None = None  # what is at work ...
        self.since = 0.0  # ... since when ...
        self.worker = 0  # ... and the thread that serves this key, 0 for none


def _listener(function: Callable[..., Any], args: tuple[Any, ...]) -> Callable[..., Any]:
    """The user's function in a job: a runner of ours is given it as its first argument."""
    return args[0] if args and callable(args[0]) else function


class Dispatcher:
    """A bounded set of worker threads and a queue for each key.

    Args:
        clock: Whose time it lives in.
        max_threads: Workers at most; when all are busy, new keys wait.
        on_overload: Called with (key, HandlerOverload) when a listener is disabled; a quick function.
    """

    def __init__(
        self,
        clock: Clock,
        max_threads: int = 64,
        on_overload: Callable[[str, HandlerOverload], None] | None = None,
    ) -> None:
        self._clock = clock
        self._max_threads = max_threads
        self._on_overload = on_overload
        self._names = itertools.count(1)
        self._lock = threading.Lock()
        self._changed = clock.condition(self._lock)  # workers wait on it
        self._drained = clock.condition(self._lock)  # close() waits on it; notified when a key has no more jobs
        # All below is guarded by _lock.
        self._lanes: dict[str, _Lane] = {}
        self._ready: deque[str] = deque()  # keys with jobs and without a worker
        self._disabled: dict[str, list[Callable[..., Any]]] = {}  # listeners that were stuck, until forget(key)
        self._threads: dict[int, Thread] = {}  # by number
        self._workers = 0  # started, or about to be
        self._idle = 0  # in wait(), or notified and not yet out of it
        self._untold = False  # the log is to be told that all are busy; cleared without the lock, which does no harm
        self._is_coming = False  # a worker was notified or is being started, and has not looked at _ready yet
        self._held_by = 0  # the thread that has called hold()
        self._closed = False
        self.counters = {"exhausted": 0, "overloads": 0, "dropped": 0, "failed": 0}

    def submit(self, key: str, function: Callable[..., Any], *args: Any) -> None:
        """Queue a callback; never waits. What it raises is logged."""
        overloaded: HandlerOverload | None = None
        start = False
        with self._lock:
            if self._closed:
                return
            if self._disabled and _listener(function, args) in self._disabled.get(key, ()):
                self.counters["dropped"] += 1
                return
            lane = self._lanes.get(key)
            if lane is None:
                lane = self._lanes[key] = _Lane()
                lane.jobs.append((function, args))
                self._ready.append(key)
                if self._held_by != threading.get_ident():
                    start = self._call_worker()
            else:
                lane.jobs.append((function, args))
                if len(lane.jobs) > MOST_WAITING:
                    overloaded = self._check_overload(key, lane)
        if start or self._untold:
            self._go_on(start)
        if overloaded is not None:
            self._report(key, overloaded)

    def _call_worker(self) -> bool:
        """Have one more worker come for what is ready; True if a new one is to be started. Requires _lock.

        One at a time: it calls the next when it takes a key and leaves others. A burst of short callbacks is over by
        then, and workers that find nothing would only fight for the GIL.
        """
        if self._is_coming or not self._ready:
            return False
        if self._idle:
            self._is_coming = True
            self._changed.notify()
            return False
        if self._workers >= self._max_threads:
            self.counters["exhausted"] += 1
            self._untold = True
            return False
        self._is_coming = True
        self._workers += 1
        return True

    def hold(self) -> None:
        """Wake no worker for what this thread submits, until ``release``.

        For the one thread that submits in bursts: a worker woken for each callback would fight it for the GIL.
        """
        self._held_by = threading.get_ident()

    def release(self) -> None:
        """Wake a worker if there is work."""
        self._held_by = 0
        if self._ready:
            with self._lock:
                start = self._call_worker()
            self._go_on(start)

    def _go_on(self, start: bool) -> None:
        """Do what ``_call_worker`` left for after the lock: a log's handler is somebody else's code."""
        if start:
            self._start_worker()
        if self._untold:
            self._untold = False
            count = self.counters["exhausted"]
            if count & (count - 1) == 0:  # the 1st, 2nd, 4th, 8th ... time
                logger.warning(
                    "all %d callback threads are busy; callbacks wait (%d times so far)", self._max_threads, count
                )

    def _start_worker(self) -> None:
        number = next(self._names)
        try:
            thread = self._clock.start(self._work, f"swsync-callback-{number}", (number,))
        except RuntimeError as error:  # the machine has no more threads, or the interpreter is about to end
            logger.warning("no callback thread could be started: %s", error)
            with self._lock:
                self._workers -= 1
                self._is_coming = False
            return
        with self._lock:
            self._threads[number] = thread

    def forget(self, key: str) -> None:
        """No more will come for this key: its disabled listeners need not be remembered."""
        with self._lock:
            self._disabled.pop(key, None)

    def close(self, timeout: float) -> list[str]:
        """Let what is queued run within that time, then end the workers. Returns the names of those that would not.

        Any thread may call it, a callback too: its own key is then not waited for.
        """
        me = threading.get_ident()
        deadline = self._clock.now() + timeout
        with self._lock:
            self._drained.wait_for(lambda: all(lane.worker == me for lane in self._lanes.values()), timeout)
            self._closed = True
            self._changed.notify_all()
            threads = [thread for thread in self._threads.values() if thread.ident != me]
        for thread in threads:
            thread.join(max(0.05, deadline - self._clock.now()))
        return [thread.name for thread in threads if thread.is_alive()]

    def _check_overload(self, key: str, lane: _Lane) -> HandlerOverload | None:
        """Disable the listener that holds up this key; requires _lock."""
        running = lane.running
        stuck = self._clock.now() - lane.since >= STUCK
        if running is None or not (stuck or len(lane.jobs) > HARD_LIMIT):
            return None
        culprit = _listener(*running)
        kept = deque(job for job in lane.jobs if _listener(*job) != culprit)
        self.counters["dropped"] += len(lane.jobs) - len(kept)
        self.counters["overloads"] += 1
        if len(kept) > MOST_WAITING:  # others, behind it: they cannot wait for ever either
            self.counters["dropped"] += len(kept) - MOST_WAITING
            kept = deque(itertools.islice(kept, MOST_WAITING))
        lane.jobs = kept
        disabled = self._disabled.setdefault(key, [])
        if culprit not in lane.disabled:
            lane.disabled += (culprit,)
        if culprit in disabled:
            return None
        disabled.append(culprit)
        name = getattr(culprit, "__qualname__", repr(culprit))
        return HandlerOverload(
            f"listener {name} of {key} has run for {self._clock.now() - lane.since:.0f} s while more than "
            f"{MOST_WAITING} callbacks wait; it is disabled"
        )

    def _report(self, key: str, overload: HandlerOverload) -> None:
        logger.error("%s", overload)
        if self._on_overload is not None:
            self._on_overload(key, overload)

    # The workers.

    def _work(self, number: int) -> None:
        try:
            with self._lock:
                self._is_coming = False
            while True:
                with self._lock:
                    if not self._await_work():
                        return
                    key = self._ready.popleft()
                    lane = self._lanes[key]
                    lane.worker = threading.get_ident()
                    start = self._call_worker()
                self._go_on(start)
                self._run_lane(lane)
                with self._lock:
                    lane.running = None
                    lane.worker = 0
                    if lane.jobs and not self._closed:
                        self._ready.append(key)
                    else:
                        del self._lanes[key]
                        self._drained.notify_all()
        finally:
            with self._lock:
                self._workers -= 1
                self._threads.pop(number, None)

    def _await_work(self) -> bool:
        """Wait for a key to serve; False if there was none for so long, or never will be. Requires _lock."""
        while not self._ready:
            if self._closed:
                return False
            self._idle += 1
            try:
                notified = self._changed.wait(IDLE)
            finally:
                self._idle -= 1
                self._is_coming = False
            if not notified and not self._ready:
                return False
        return not self._closed

    def _run_lane(self, lane: _Lane) -> None:
        """Run some of its jobs, in order."""
        with self._lock:
            jobs = [lane.jobs.popleft() for _ in range(min(BATCH, len(lane.jobs)))]
        now = self._clock.now
        for job in jobs:
            if self._closed:
                return
            if lane.disabled and _listener(*job) in lane.disabled:
                with self._lock:
                    self.counters["dropped"] += 1
                continue
            lane.since = now()
            lane.running = job
            function, args = job
            try:
                function(*args)
            except BaseException:  # sys.exit() too: with the worker the other callbacks of this key would be lost
                self.counters["failed"] += 1
                listener = _listener(function, args)
                logger.exception("a callback raised: %s", getattr(listener, "__qualname__", listener))
