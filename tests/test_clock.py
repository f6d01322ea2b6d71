"""Real and virtual time: deadlines, notifications, interrupts."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from interrupting import interrupted_when_blocked

from swsync.clock import REAL, Clock, RealClock, VirtualClock

WAIT = 60.0
CLOCKS: list[Callable[[], Clock]] = [RealClock, lambda: RealClock(speed=50), VirtualClock]


@pytest.mark.parametrize("make", CLOCKS, ids=["real", "fast", "virtual"])
def test_a_condition_times_out_and_is_notified(make: Callable[[], Clock]) -> None:
    """wait() is False after the timeout and True after a notification; wait_for returns the predicate's value."""
    clock = make()
    condition = clock.condition()
    flag: list[int] = []

    def notify() -> None:
        with condition:
            flag.append(1)
            condition.notify_all()

    with clock.thread():
        with condition:
            before = clock.now()
            assert not condition.wait(0.05)
            assert clock.now() - before >= 0.05
            assert [] == condition.wait_for(lambda: flag, 0.05)
        thread = clock.start(notify, "notifier")
        with condition:
            assert condition.wait_for(lambda: flag, 30)
        thread.join(WAIT)
        assert not thread.is_alive()


@pytest.mark.parametrize("speed", [1.0, 50.0])
def test_a_timeout_may_be_any_number(speed: float) -> None:
    """Infinity waits until the end comes; NaN is no time at all, rather than a loop without end."""
    condition = RealClock(speed).condition()
    flag: list[int] = []

    def notify() -> None:
        with condition:
            flag.append(1)
            condition.notify_all()

    with condition:
        thread = REAL.start(notify, "notifier")
        assert condition.wait_for(lambda: flag, float("inf"))
        assert not condition.wait_for(lambda: False, float("nan"))
        assert not condition.wait_for(lambda: False, -1)
    thread.join(WAIT)
    clock = VirtualClock()
    condition = clock.condition()
    with clock.thread(), condition:
        assert not condition.wait_for(lambda: False, float("nan"))


def test_an_interrupted_notification_does_not_spoil_the_next() -> None:
    """Ctrl-C between the release of a waiter and its removal: it is released twice, and the others once."""
    condition = RealClock().condition()
    woken = threading.Semaphore(0)

    def wait() -> None:
        with condition:
            condition.wait(WAIT)
        woken.release()

    thread = REAL.start(wait, "waiter")
    while not condition._waiters:  # type: ignore[attr-defined]
        time.sleep(0.001)
    with condition:
        condition._waiters[0].release()  # type: ignore[attr-defined]
        condition.notify_all()
    assert woken.acquire(timeout=WAIT)
    thread.join(WAIT)


@pytest.mark.parametrize("make", CLOCKS, ids=["real", "fast", "virtual"])
def test_a_plain_lock_serves_a_condition(make: Callable[[], Clock]) -> None:
    """It need not be reentrant."""
    condition = make().condition(threading.Lock())
    with condition:
        assert not condition.wait(0.01)


def test_virtual_time_jumps_to_the_next_deadline() -> None:
    """Sleeping threads wake in the order of their deadlines, whatever that takes in real time."""
    clock = VirtualClock()
    start = clock.now()
    woke: list[tuple[str, float]] = []

    def sleep(name: str, seconds: float) -> None:
        clock.sleep(seconds)
        woke.append((name, clock.now() - start))

    real = time.monotonic()
    with clock.thread():
        threads = [clock.start(sleep, f"t{n}", (f"t{n}", n * 100.0)) for n in (3, 1, 2)]
        for thread in threads:
            thread.join(1000)
    assert [("t1", 100.0), ("t2", 200.0), ("t3", 300.0)] == woke
    assert time.monotonic() - real < WAIT


def test_virtual_time_stands_still_while_a_registered_thread_runs() -> None:
    """Another's deadline waits until this thread waits too."""
    clock = VirtualClock()
    seen: list[float] = []
    with clock.thread():
        start = clock.now()
        thread = clock.start(lambda: (clock.sleep(1), seen.append(clock.now() - start)), "sleeper")
        time.sleep(0.05)
        assert [] == seen
        assert start == clock.now()
        thread.join(60)
    assert [1.0] == seen


def test_a_notified_thread_counts_as_running_at_once() -> None:
    """No time passes between a notification and what the notified thread does."""
    clock = VirtualClock()
    condition = clock.condition()
    ready: list[int] = []
    seen: list[float] = []

    def wait() -> None:
        with condition:
            condition.wait_for(lambda: ready)
        seen.append(clock.now())

    with clock.thread():
        for _ in range(200):
            ready.clear()
            thread = clock.start(wait, "waiter")
            clock.sleep(1)
            before = clock.now()
            with condition:
                ready.append(1)
                condition.notify()
            clock.sleep(5)
            thread.join(1)
            assert before == seen.pop()


def test_a_wait_that_is_stopped_as_it_begins_gives_its_condition_back() -> None:
    """Ctrl-C between the release of the lock and the note of it: nobody releases what they do not hold."""

    class Stopped(type(RealClock().condition())):  # type: ignore[misc]
        def _release_save(self) -> Any:
            super()._release_save()
            raise KeyboardInterrupt

    condition = Stopped(1.0)
    with pytest.raises(KeyboardInterrupt), condition:
        condition.wait(WAIT)
    assert not condition._is_owned()
    assert () == condition._waiters


def test_registering_a_registered_thread_changes_nothing() -> None:
    """Time still moves when that thread waits."""
    clock = VirtualClock()
    with clock.thread(), clock.thread():
        start = clock.now()
        clock.sleep(2)
        assert 2 == clock.now() - start
    assert 0 == clock._registered

    def nested() -> None:
        with clock.thread():
            clock.sleep(1)

    thread = clock.start(nested, "nested")
    thread.join(60)
    assert 0 == clock._registered


@pytest.mark.parametrize("make", CLOCKS, ids=["real", "fast", "virtual"])
@pytest.mark.parametrize("how", ["condition", "condition for ever", "sleep", "join"])
def test_ctrl_c_ends_every_wait(make: Callable[[], Clock], how: str) -> None:
    """KeyboardInterrupt comes out of it, and the clock works afterwards."""
    clock = make()
    release = threading.Event()
    condition = clock.condition()
    blocker = clock.start(lambda: release.wait(WAIT), "blocker")  # holds virtual time still

    def block() -> None:
        if how == "sleep":
            clock.sleep(60_000)
        elif how == "join":
            blocker.join(60_000)
        else:
            with condition:
                condition.wait(60_000 if how == "condition" else None)

    def on_sigint(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, on_sigint)
    try:
        with clock.thread():
            with pytest.raises(KeyboardInterrupt), interrupted_when_blocked():
                block()
            release.set()
            blocker.join(WAIT)
            start = clock.now()
            clock.sleep(0.01)
            assert clock.now() > start
            if isinstance(clock, VirtualClock):
                assert 0 == clock._parked
    finally:
        signal.signal(signal.SIGINT, before)
        release.set()


@pytest.mark.parametrize("make", CLOCKS, ids=["real", "fast", "virtual"])
def test_no_wake_up_is_lost(make: Callable[[], Clock]) -> None:
    """Two threads hand a token to and fro thousands of times, switching as often as can be."""
    clock = make()
    condition = clock.condition(threading.Lock())
    turn = [0]
    rounds = 1500

    def play(me: int) -> None:
        for _ in range(rounds):
            with condition:
                assert condition.wait_for(lambda: turn[0] == me, 30.0 * getattr(clock, "speed", 1.0))
                turn[0] = 1 - me
                condition.notify_all()

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with clock.thread():  # or time could pass before both are there
            threads = [clock.start(play, f"player{me}", (me,)) for me in (0, 1)]
            for thread in threads:
                thread.join(60.0 * getattr(clock, "speed", 1.0))
                assert not thread.is_alive()
    finally:
        sys.setswitchinterval(before)
    assert 0 == turn[0]


def test_each_notification_wakes_one_waiter_that_still_waits() -> None:
    """A thread whose time ran out does not swallow a notification."""
    clock = VirtualClock()
    condition = clock.condition()
    woken: list[str] = []

    def wait(name: str, timeout: float) -> None:
        with condition:
            if condition.wait(timeout):
                woken.append(name)

    with clock.thread():
        threads = [clock.start(wait, "short", ("short", 1.0))]
        clock.sleep(0.5)
        threads.append(clock.start(wait, "long", ("long", 100.0)))
        clock.sleep(10)
        with condition:
            condition.notify()
        for thread in threads:
            thread.join(1000)
    assert ["long"] == woken


def test_the_wall_clock_of_virtual_time_is_a_fixed_day() -> None:
    """The same run writes the same dates."""
    one, other = VirtualClock(), VirtualClock(start=5)
    assert one.time() == other.time()
    one.sleep(3)
    assert 3 == one.time() - other.time()


def test_speed_must_be_above_zero() -> None:
    """Anything else is refused."""
    with pytest.raises(ValueError, match="speed"):
        RealClock(speed=0)
    assert REAL.now() <= REAL.now()


def test_only_who_holds_a_condition_may_notify_or_wait() -> None:
    """A notification or a wait without the lock is a mistake in the program, and says so."""
    condition = RealClock().condition()
    with condition:
        condition.notify()  # nobody waits: nothing happens
    with pytest.raises(RuntimeError):
        condition.notify()
    with pytest.raises(RuntimeError):
        condition.wait(0.01)
    assert not condition._is_owned()  # type: ignore[attr-defined]


def test_a_condition_is_released_whole_while_waiting() -> None:
    """A thread that holds a condition twice lets others in while it waits, and holds it twice again afterwards."""
    condition = RealClock().condition()
    seen = []

    def enter() -> None:
        with condition:
            seen.append(1)
            condition.notify_all()

    with condition, condition:
        other = threading.Thread(target=enter)
        other.start()
        assert [1] == condition.wait_for(lambda: seen, 10)
    other.join(10)
    assert condition.acquire(False)
    condition.release()
    with pytest.raises(RuntimeError):
        condition.release()


@pytest.mark.parametrize("wait", ["condition", "condition in time", "latch"])
def test_a_signal_just_before_a_wait_ends_it(wait: str) -> None:
    """Nothing interrupts the system call then, as with ``interrupt_main``: it is seen within a second or so."""
    condition, latch = REAL.condition(), REAL.latch()

    def block() -> None:
        if wait == "latch":
            latch.wait(100)
        else:
            with condition:
                condition.wait(None if wait == "condition" else 100)

    timer = threading.Timer(0.2, _thread.interrupt_main)
    rescue = threading.Timer(30, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    rescue.start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        block()
    assert time.monotonic() - begin < 20
    for each in (timer, rescue):
        each.cancel()
        each.join()
