"""Callbacks off the I/O thread: order, independence, limits."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Iterator

import pytest

from swsync.clock import RealClock, VirtualClock
from swsync.dispatcher import BATCH, MOST_WAITING, STUCK, Dispatcher
from swsync.errors import HandlerOverload

WAIT = 60.0


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    """One in real time with few threads."""
    dispatcher = Dispatcher(RealClock(), max_threads=4)
    yield dispatcher
    assert [] == dispatcher.close(WAIT)


def test_callbacks_of_a_key_run_in_order_one_at_a_time(dispatcher: Dispatcher) -> None:
    """Whatever number of threads submits keys, each key sees its own in turn, even with tiny switch intervals."""
    keys, each = 8, 400
    seen: dict[str, list[int]] = {f"k{n}": [] for n in range(keys)}
    running: set[str] = set()
    overlaps: list[str] = []
    barrier = threading.Barrier(keys)

    def callback(key: str, number: int) -> None:
        if key in running:
            overlaps.append(key)
        running.add(key)
        seen[key].append(number)
        running.discard(key)

    def submit(key: str) -> None:
        barrier.wait(WAIT)
        for number in range(each):
            dispatcher.submit(key, callback, key, number)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=submit, args=(key,)) for key in seen]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT)
        dispatcher.close(WAIT)
    finally:
        sys.setswitchinterval(before)
    assert {key: list(range(each)) for key in seen} == seen
    assert [] == overlaps


def test_a_slow_key_does_not_delay_another(dispatcher: Dispatcher) -> None:
    """One callback blocks; the other key's run."""
    release, ran = threading.Event(), threading.Event()
    dispatcher.submit("slow", release.wait, WAIT)
    dispatcher.submit("fast", ran.set)
    assert ran.wait(WAIT)
    release.set()


@pytest.mark.parametrize("error", [RuntimeError("mine"), SystemExit("mine")])
def test_an_exception_is_logged_and_the_next_one_runs(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    """User mistakes cost one callback."""
    ran = threading.Event()

    def fail() -> None:
        raise error

    dispatcher.submit("k", fail)
    dispatcher.submit("k", ran.set)
    assert ran.wait(WAIT)
    assert "fail" in caplog.text
    assert "mine" in caplog.text
    assert 1 == dispatcher.counters["failed"]


@pytest.mark.parametrize(
    "error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), asyncio.CancelledError()], ids=repr
)
def test_a_callback_that_means_to_end_more_than_itself(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    """sys.exit() in a callback ends neither the worker nor what comes after it."""
    ran = threading.Event()

    def leave() -> None:
        raise error

    dispatcher.submit("k", leave)
    dispatcher.submit("k", ran.set)
    assert ran.wait(WAIT)
    assert "a callback raised: " in caplog.text
    assert 1 == dispatcher.counters["failed"]


def test_threads_are_bounded_and_exhaustion_is_counted(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    """With all workers stuck the next key waits, is logged, and runs afterwards."""
    release, ran = threading.Event(), threading.Event()
    started = threading.Semaphore(0)

    def block() -> None:
        started.release()
        release.wait(WAIT)

    for number in range(4):
        dispatcher.submit(f"k{number}", block)
    for _ in range(4):
        assert started.acquire(timeout=WAIT)
    with caplog.at_level(logging.WARNING):
        dispatcher.submit("late", ran.set)
    assert not ran.wait(0.05)
    assert 1 == dispatcher.counters["exhausted"]
    assert "all 4 callback threads are busy" in caplog.text
    release.set()
    assert ran.wait(WAIT)


def test_idle_workers_end_and_come_back() -> None:
    """After ten seconds without work there is no thread; the next callback starts one."""
    clock = VirtualClock()
    dispatcher = Dispatcher(clock)
    ran: list[str] = []
    with clock.thread():
        dispatcher.submit("k", ran.append, "one")
        clock.sleep(9)
        assert 1 == dispatcher._workers
        clock.sleep(2)
        assert 0 == dispatcher._workers
        dispatcher.submit("k", ran.append, "two")
        clock.sleep(1)
        assert ["one", "two"] == ran
        assert [] == dispatcher.close(5)


def test_a_stuck_listener_is_disabled_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    """A thousand behind a stuck one: it is never called again for that key, the rest are."""
    clock = VirtualClock()
    overloads: list[tuple[str, HandlerOverload]] = []
    dispatcher = Dispatcher(clock, on_overload=lambda key, error: overloads.append((key, error)))
    release = clock.condition()
    stuck: list[int] = []
    fine: list[int] = []
    released: list[int] = []

    def hang(number: int) -> None:
        stuck.append(number)
        with release:
            release.wait_for(lambda: released)

    with clock.thread():
        dispatcher.submit("call", hang, 0)
        clock.sleep(STUCK + 1)
        for number in range(MOST_WAITING):
            dispatcher.submit("call", hang if number % 2 else fine.append, number)
        assert [] == overloads
        dispatcher.submit("call", fine.append, MOST_WAITING)
        dispatcher.submit("call", hang, 1)
        dispatcher.submit("other", hang, 2)
        with release:
            released.append(1)
            release.notify_all()
        clock.sleep(1)
        assert [] == dispatcher.close(5)
    assert ["call"] == [key for key, _ in overloads]
    assert "hang" in str(overloads[0][1])
    assert "disabled" in caplog.text
    assert [0, 2] == stuck
    assert [*range(0, MOST_WAITING, 2), MOST_WAITING] == fine
    assert 1 == dispatcher.counters["overloads"]
    assert MOST_WAITING // 2 + 1 == dispatcher.counters["dropped"]


def test_what_a_worker_has_taken_already_is_not_run_for_a_disabled_listener() -> None:
    """It takes jobs by the dozen; the listener that hangs in the first of them is not called with the others."""
    clock = VirtualClock()
    dispatcher = Dispatcher(clock)
    ran: list[tuple[str, int]] = []

    def hang(number: int) -> None:
        ran.append(("hang", number))
        clock.sleep(STUCK + 1)

    def fine(number: int) -> None:
        ran.append(("fine", number))

    with clock.thread():
        dispatcher.hold()
        for number in range(BATCH // 2):
            dispatcher.submit("call", hang, number)
            dispatcher.submit("call", fine, number)
        dispatcher.release()
        clock.sleep(STUCK + 0.5)
        for number in range(MOST_WAITING):
            dispatcher.submit("call", fine, BATCH // 2 + number)
        for number in range(3):
            dispatcher.submit("call", hang, BATCH // 2 + number)
        assert [1] == [len(lane.disabled) for lane in dispatcher._lanes.values()]
        dispatcher.forget("call")  # it ended meanwhile
        assert [] == dispatcher.close(60)
    assert [("hang", 0), *(("fine", number) for number in range(BATCH // 2 + MOST_WAITING))] == ran
    assert (1, BATCH // 2 + 2) == (dispatcher.counters["overloads"], dispatcher.counters["dropped"])


def test_a_burst_for_a_quick_listener_is_no_overload(dispatcher: Dispatcher) -> None:
    """Many waiting behind one that is not stuck are simply run."""
    ran: list[int] = []
    for number in range(5 * MOST_WAITING):
        dispatcher.submit("k", ran.append, number)
    assert [] == dispatcher.close(WAIT)
    assert list(range(5 * MOST_WAITING)) == ran


def test_close_from_a_callback_does_not_wait_for_itself() -> None:
    """It returns, and names no thread."""
    dispatcher = Dispatcher(RealClock())
    left: list[list[str]] = []
    done = threading.Event()

    def close() -> None:
        left.append(dispatcher.close(WAIT))
        done.set()

    dispatcher.submit("k", close)
    assert done.wait(WAIT)
    assert [[]] == left


def test_close_names_what_is_stuck_and_drops_what_comes_later() -> None:
    """A deadline is a deadline."""
    dispatcher = Dispatcher(RealClock())
    release, ran = threading.Event(), threading.Event()
    dispatcher.submit("k", release.wait, WAIT)
    assert ["swsync-callback-1"] == dispatcher.close(0.1)
    dispatcher.submit("k", ran.set)
    release.set()
    assert not ran.wait(0.05)
