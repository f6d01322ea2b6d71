"""Time, and every wait that ends by it: the only module of the package that uses ``time``.

``RealClock`` is the machine's time, optionally scaled. ``VirtualClock`` advances only when every registered thread
waits in it, so an hour of calls takes seconds and nothing depends on how fast the machine is. A thread is registered
when it was started by ``clock.start`` or while it is inside ``with clock.thread():``.
"""

from __future__ import annotations

import heapq
import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from swsync.memorynet import MemoryNet

__all__ = [
    "REAL", "Clock", "Condition", "Latch", "RealClock", "Thread", "VirtualClock", "are_threads_greenlets", "seconds_of",
]  # fmt: skip

T = TypeVar("T")

LOOK = 1.0  # seconds after which the main thread has seen every signal

_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # Linux has the one, and on macOS the other goes on


class Condition(Protocol):
    """What ``clock.condition()`` gives: ``threading.Condition`` with the clock's idea of a timeout."""

    def __enter__(self) -> bool: ...
    def __exit__(self, *args: Any) -> None: ...
    def acquire(self, *args: Any, **kwargs: Any) -> bool: ...
    def release(self) -> None: ...
    def wait(self, timeout: float | None = None) -> bool: ...
    def wait_for(self, predicate: Callable[[], T], timeout: float | None = None) -> T: ...
    def notify(self, n: int = 1) -> None: ...
    def notify_all(self) -> None: ...


class Latch(Protocol):
    """What ``clock.latch()`` gives: shut, then open for good. One thread waits; another opens it, once."""

    def open(self) -> None: ...
    def wait(self, timeout: float) -> bool: ...


class Thread(Protocol):
    """What ``clock.start()`` gives."""

    @property
    def name(self) -> str: ...
    @property
    def ident(self) -> int | None: ...
    def is_alive(self) -> bool: ...
    def join(self, timeout: float | None = None) -> None: ...


class Clock(Protocol):
    """The time of one client, receiver or relay."""

    def now(self) -> float:
        """Seconds on a clock that never steps back."""
        ...

    def time(self) -> float:
        """Seconds since 1970, for people and for the wire. Somebody may set it, forwards and backwards."""
        ...

    def steady(self) -> float:
        """Seconds since the machine started, those in which it slept too. Nobody can set it; all processes share it."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait for that long."""
        ...

    def condition(self, lock: Any = None) -> Condition:
        """A condition variable whose timeouts are this clock's. Without a lock it makes its own."""
        ...

    def latch(self) -> Latch:
        """What one thread waits for once, at a fraction of what a condition costs."""
        ...

    def start(self, target: Callable[..., object], name: str, args: tuple[Any, ...] = ()) -> Thread:
        """Start a daemon thread that belongs to this clock."""
        ...

    def thread(self) -> Any:
        """A context manager: the calling thread belongs to this clock inside it."""
        ...


def are_threads_greenlets() -> bool:
    """Whether gevent stands in for threads in this process (``monkey.patch_all()``)."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def seconds_of(timeout: float) -> float:
    """A timeout that a lock and a thread take: not below zero, and some 300 years for what is longer; NaN is none."""
    return timeout if 0.0 <= timeout <= threading.TIMEOUT_MAX else max(0.0, min(timeout, threading.TIMEOUT_MAX))


def _acquire(lock: Any, seconds: float) -> bool:
    """Acquire a lock within so many seconds, or however long it takes with -1; on the main thread in slices.

    A signal that comes just before the system call that waits does not end it, and the interpreter looks afterwards.
    """
    if threading.get_ident() == threading.main_thread().ident:
        while not 0 <= seconds <= LOOK:
            if lock.acquire(True, LOOK):
                return True
            seconds -= LOOK if seconds > 0 else 0
    return bool(lock.acquire(True, seconds))


class _RealCondition(type(threading.RLock())):  # type: ignore[misc]
    """A condition variable that is its own lock: ``threading.Condition`` at a tenth of the memory, entered in C.

    A call has one, and so has every request; ``threading.Condition`` takes 1.2 KiB before anybody waits.
    """

    __slots__ = ("_speed", "_waiters")

    def __init__(self, speed: float) -> None:
        super().__init__()  # gevent's lock has something to do here; the interpreter's own has not
        self._speed = speed
        self._waiters: tuple[Any, ...] = ()  # a held lock for each thread that waits; belongs to this lock

    def wait(self, timeout: float | None = None) -> bool:
        if not self._is_owned():
            raise RuntimeError("cannot wait for a condition that this thread does not hold")
        waiter = threading.Lock()
        waiter.acquire()
        self._waiters += (waiter,)
        depth = None
        notified = False
        try:
            depth = self._release_save()
            notified = _acquire(waiter, -1 if timeout is None else seconds_of(timeout / self._speed))
        finally:
            if depth is not None:
                self._acquire_restore(depth)
            elif not self._is_owned():  # Ctrl-C came in the moment between its release and the word of it
                self.acquire()
            if not notified:
                self._waiters = tuple(other for other in self._waiters if other is not waiter)
        return notified

    def wait_for(self, predicate: Callable[[], T], timeout: float | None = None) -> T:
        result = predicate()
        if result:
            return result
        deadline = None if timeout is None else time.monotonic() + timeout / self._speed
        while not result:
            if deadline is None:
                self.wait()
            else:
                left = deadline - time.monotonic()
                if not left > 0:  # NaN is no time at all
                    break
                self.wait(left * self._speed)
            result = predicate()
        return result

    def notify(self, n: int = 1) -> None:
        if not self._is_owned():
            raise RuntimeError("cannot notify on a condition that this thread does not hold")
        for waiter in self._waiters[:n]:
            try:
                waiter.release()
            except RuntimeError:
                pass  # Ctrl-C struck in here before: it was released and is still listed
        self._waiters = self._waiters[n:]

    def notify_all(self) -> None:
        if self._waiters:
            self.notify(len(self._waiters))


class _RealLatch:
    """A lock that is held until ``open``."""

    __slots__ = ("_lock", "_speed", "open")

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._lock = threading.Lock()
        self._lock.acquire()
        self.open = self._lock.release

    def wait(self, timeout: float) -> bool:
        if not _acquire(self._lock, seconds_of(timeout / self._speed)):
            return False
        self._lock.release()  # it stays open
        return True


class _ScaledCondition:
    """A ``threading.Condition`` on somebody else's lock, whose timeouts pass ``speed`` times as fast."""

    def __init__(self, lock: Any, speed: float) -> None:
        self._condition = threading.Condition(lock)
        self._speed = speed
        self.acquire = self._condition.acquire
        self.release = self._condition.release
        self.notify = self._condition.notify
        self.notify_all = self._condition.notify_all

    def __enter__(self) -> bool:
        return self._condition.__enter__()

    def __exit__(self, *args: Any) -> None:
        self._condition.__exit__(*args)

    def wait(self, timeout: float | None = None) -> bool:
        return self._condition.wait(None if timeout is None else timeout / self._speed)

    def wait_for(self, predicate: Callable[[], T], timeout: float | None = None) -> T:
        return self._condition.wait_for(predicate, None if timeout is None else timeout / self._speed)


class RealClock:
    """The machine's time; with ``speed=20`` its seconds pass twenty times as fast.

    Args:
        speed: Seconds of this clock in a second of the machine.

    Attributes:
        receivers: With another speed than 1, the media receivers of this time by their addresses: senders of the same
            process ask them how much they have taken.
    """

    def __init__(self, speed: float = 1.0) -> None:
        if not speed > 0:
            raise ValueError(f"speed must be above zero, not {speed!r}")
        self.speed = speed
        self.receivers = MemoryNet() if speed != 1.0 else None

    def __reduce__(self) -> tuple[Any, ...]:
        return RealClock, (self.speed,)  # in another process: the same speed, receivers of its own

    def now(self) -> float:
        return time.monotonic() * self.speed

    def time(self) -> float:
        return time.time()

    def steady(self) -> float:
        return time.clock_gettime(_STEADY)

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds) / self.speed)

    def condition(self, lock: Any = None) -> Condition:
        if lock is None:
            condition: Condition = _RealCondition(self.speed)
            return condition
        return threading.Condition(lock) if self.speed == 1.0 else _ScaledCondition(lock, self.speed)

    def latch(self) -> Latch:
        return _RealLatch(self.speed)

    def start(self, target: Callable[..., object], name: str, args: tuple[Any, ...] = ()) -> Thread:
        thread = threading.Thread(target=target, name=name, args=args, daemon=True)
        thread.start()
        return thread

    @contextmanager
    def thread(self) -> Iterator[None]:
        yield


REAL: Clock = RealClock()
"""The machine's own time, which everything uses unless told otherwise."""


class _Sleeper:
    """One thread parked in a virtual clock, until ``deadline`` or until it is notified."""

    __slots__ = ("counted", "deadline", "notified", "parked", "wake")

    def __init__(self, deadline: float | None, counted: bool) -> None:
        self.deadline = deadline
        self.counted = counted
        self.parked = False
        self.notified = False
        self.wake = threading.Event()


class VirtualClock:
    """A clock that jumps to the next deadline when every registered thread waits in it.

    A notified thread counts as running from the moment of the notification, not from when it is scheduled: time cannot
    slip away under it.

    Attributes:
        net: How media reaches the receivers that live in this time.
    """

    def __init__(self, start: float = 1_000_000.0) -> None:
        self.net = MemoryNet()
        # All below belongs to _mutex, which is held for a few instructions and never while anything else is taken.
        self._mutex = threading.Lock()
        self._now = start
        self._origin = start
        self._registered = 0
        self._parked = 0
        self._deadlines: list[tuple[float, int, _Sleeper]] = []
        self._order = itertools.count()
        self._local = threading.local()

    def now(self) -> float:
        with self._mutex:
            return self._now

    def time(self) -> float:
        # A fixed day, so that the same run writes the same journal.
        return 1_767_225_600.0 + self.steady()

    def steady(self) -> float:
        return self.now() - self._origin

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            sleeper = self._sleeper(seconds)
            try:
                self._park(sleeper)
                sleeper.wake.wait()
            finally:
                self._unpark(sleeper, notified=False)  # an interrupt (Ctrl-C) leaves by this way

    def condition(self, lock: Any = None) -> Condition:
        return _VirtualCondition(self, lock)

    def latch(self) -> Latch:
        return _VirtualLatch(self)

    def start(self, target: Callable[..., object], name: str, args: tuple[Any, ...] = ()) -> Thread:
        return _VirtualThread(self, target, name, args)

    @contextmanager
    def thread(self) -> Iterator[None]:
        if getattr(self._local, "registered", False):
            yield  # it is one thread still: counted twice, it could never be seen to wait
            return
        self._register()
        try:
            with self._running():
                yield
        finally:
            self._unregister()

    def _register(self) -> None:
        with self._mutex:
            self._registered += 1

    def _unregister(self) -> None:
        with self._mutex:
            self._registered -= 1
            self._advance()

    @contextmanager
    def _running(self) -> Iterator[None]:
        before = getattr(self._local, "registered", False)
        self._local.registered = True
        try:
            yield
        finally:
            self._local.registered = before

    def _sleeper(self, timeout: float | None) -> _Sleeper:
        counted = getattr(self._local, "registered", False)
        deadline = None if timeout is None else self.now() + max(0.0, timeout)
        return _Sleeper(deadline, counted)

    def _park(self, sleeper: _Sleeper) -> _Sleeper:
        with self._mutex:
            if sleeper.deadline is not None:
                heapq.heappush(self._deadlines, (sleeper.deadline, next(self._order), sleeper))
            sleeper.parked = True
            self._parked += sleeper.counted
            self._advance()
        return sleeper

    def _unpark(self, sleeper: _Sleeper, notified: bool) -> bool:
        with self._mutex:
            return self._release(sleeper, notified)

    def _release(self, sleeper: _Sleeper, notified: bool) -> bool:
        """Let one thread run; requires _mutex. False if it runs already."""
        if not sleeper.parked:
            return False
        sleeper.parked = False
        sleeper.notified = notified
        self._parked -= sleeper.counted
        sleeper.wake.set()
        return True

    def _advance(self) -> None:
        """Jump to the next deadline if every registered thread is parked; requires _mutex."""
        while self._parked >= self._registered and self._deadlines:
            deadline, _, sleeper = heapq.heappop(self._deadlines)
            if not sleeper.parked:
                continue
            self._now = max(self._now, deadline)
            self._release(sleeper, notified=False)
            if not sleeper.counted:
                # Nobody says when an unregistered thread has done what it woke up for: it must not drag time along.
                break


class _VirtualCondition:
    """A condition variable on a virtual clock."""

    def __init__(self, clock: VirtualClock, lock: Any = None) -> None:
        self._clock = clock
        self._lock = threading.RLock() if lock is None else lock
        self._sleepers: list[_Sleeper] = []  # guarded by _lock, as with threading.Condition

    def __enter__(self) -> bool:
        return bool(self._lock.acquire())

    def __exit__(self, *args: Any) -> None:
        self._lock.release()

    def acquire(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._lock.acquire(*args, **kwargs))

    def release(self) -> None:
        self._lock.release()

    def wait(self, timeout: float | None = None) -> bool:
        sleeper = self._clock._sleeper(timeout)
        self._sleepers.append(sleeper)
        self._clock._park(sleeper)
        depth = self._release_all()
        try:
            sleeper.wake.wait()
        finally:
            self._clock._unpark(sleeper, notified=False)  # an interrupt (Ctrl-C) leaves by this way
            self._acquire_all(depth)
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)
        return sleeper.notified

    def wait_for(self, predicate: Callable[[], T], timeout: float | None = None) -> T:
        deadline = None if timeout is None else self._clock.now() + timeout
        result = predicate()
        while not result:
            left = None if deadline is None else deadline - self._clock.now()
            if left is not None and not left > 0:  # NaN is no time at all
                break
            self.wait(left)
            result = predicate()
        return result

    def notify(self, n: int = 1) -> None:
        while n > 0 and self._sleepers:
            if self._clock._unpark(self._sleepers.pop(0), notified=True):
                n -= 1

    def notify_all(self) -> None:
        self.notify(len(self._sleepers))

    def _release_all(self) -> Any:
        save = getattr(self._lock, "_release_save", None)
        if save is not None:  # an RLock may be held more than once
            return save()
        self._lock.release()
        return None

    def _acquire_all(self, depth: Any) -> None:
        restore = getattr(self._lock, "_acquire_restore", None)
        if restore is not None:
            restore(depth)
        else:
            self._lock.acquire()


class _VirtualLatch:
    """A latch on a virtual clock."""

    def __init__(self, clock: VirtualClock) -> None:
        self._changed = clock.condition()
        self._is_open = False  # guarded by _changed

    def open(self) -> None:
        with self._changed:
            self._is_open = True
            self._changed.notify_all()

    def wait(self, timeout: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._is_open, timeout)


class _VirtualThread:
    """A thread registered with its clock from before it starts until it has ended."""

    def __init__(self, clock: VirtualClock, target: Callable[..., object], name: str, args: tuple[Any, ...]) -> None:
        self._clock = clock
        self._target = target
        self._args = args
        self._ended = clock.condition()
        self._has_ended = False  # guarded by _ended
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        clock._register()  # here, not in the new thread: time must not move before it runs
        try:
            self._thread.start()
        except BaseException:
            clock._unregister()  # the machine has no more threads to give; time must not stand still for that
            raise

    def _run(self) -> None:
        try:
            with self._clock._running():
                self._target(*self._args)
        finally:
            with self._ended:
                self._has_ended = True
                self._ended.notify_all()
            self._clock._unregister()

    @property
    def name(self) -> str:
        return self._thread.name

    @property
    def ident(self) -> int | None:
        return self._thread.ident

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def join(self, timeout: float | None = None) -> None:
        with self._ended:
            ended = self._ended.wait_for(lambda: self._has_ended, timeout)
        if ended:
            self._thread.join(5.0)  # only its last instructions are left
