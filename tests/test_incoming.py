"""Who reads a link: the reading thread, or a guest in its place; and what is left when a guest is stopped."""

from __future__ import annotations

import contextlib
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from securedpair import secured_pair
from stopping import Stop

from swsync import incoming
from swsync.incoming import SLICE, Incoming

MOST_STEPS = 5000
needs_epoll = pytest.mark.skipif(sys.platform != "linux", reason="a place is lent with epoll only")


class Reader:
    """A link with its reading thread, which keeps all that nobody else took."""

    def __init__(self, ours: Any, theirs: Any, is_tls: bool = False) -> None:
        self.theirs = theirs
        ours.setblocking(False)
        self.incoming = Incoming(ours, threading.Lock() if is_tls else None)
        self.kept = bytearray()
        self.fills = 0
        self.failure: Exception | None = None
        self._ends = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            while not self._ends:
                self.kept += self.incoming.buffer
                self.incoming.buffer.clear()
                self.incoming.fill(30.0)
                self.fills += 1
        except (OSError, EOFError, ValueError) as error:
            self.failure = error
        finally:
            self.incoming.close()

    def is_lending(self) -> bool:
        """Whether it waits, in slices."""
        return self.incoming._is_free

    def prepare(self) -> None:
        """Have it lend its place: it does so once somebody has asked for it."""
        fills = self.fills
        self.incoming._was_asked = True
        self.incoming.wake()
        wait_for(lambda: self.fills > fills and self.is_lending())
        self.fills = 0

    def end(self) -> None:
        self._ends = True
        self.incoming.wake()
        self._thread.join(10)
        assert not self._thread.is_alive()
        self.theirs.close()


def never(data: bytes) -> int:
    raise AssertionError(f"nothing was to be taken, not even {data!r}")


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A guest may stay for as long as a busy machine holds everybody up."""
    monkeypatch.setattr(incoming, "SLICE", 5.0)


@pytest.fixture
def hasty_reader() -> Iterator[Reader]:
    """As in life: a guest must go after half a second."""
    reader = Reader(*socket.socketpair())
    reader.prepare()
    yield reader
    reader.end()


@pytest.fixture
def reader(patience: None, hasty_reader: Reader) -> Reader:
    return hasty_reader


def later(seconds: float, function: Callable[[], object]) -> threading.Timer:
    timer = threading.Timer(seconds, function)
    timer.start()
    return timer


class Taking:
    """Takes one word, if what has come begins with it."""

    def __init__(self, word: bytes) -> None:
        self._word = word
        self.found: list[bytes] = []

    def __call__(self, data: bytes) -> int:
        if not data.startswith(self._word):
            return 0
        self.found.append(self._word)
        return len(self._word)


@needs_epoll
def test_a_guest_reads_and_the_reading_thread_sleeps_on(reader: Reader) -> None:
    taking = Taking(b"reply")
    for _ in range(20):
        timer = later(0.005, lambda: reader.theirs.send(b"reply"))
        reader.incoming.visit(taking, 10)
        timer.join()
    assert 20 == len(taking.found)
    assert 0 == reader.fills
    reader.theirs.send(b"event")
    wait_for(lambda: reader.kept)
    assert b"event" == reader.kept


@needs_epoll
def test_what_a_guest_did_not_wait_for_is_the_reading_threads(reader: Reader) -> None:
    """Before its own and behind it."""
    taking = Taking(b"reply")
    timer = later(0.01, lambda: reader.theirs.send(b"event reply"))
    reader.incoming.visit(taking, 10)
    wait_for(lambda: reader.kept == b"event reply")
    timer.join()
    reader.prepare()
    timer = later(0.01, lambda: reader.theirs.send(b"reply event"))
    reader.incoming.visit(taking, 10)
    wait_for(lambda: reader.kept == b"event reply event")
    timer.join()
    assert [b"reply"] == taking.found


@needs_epoll
def test_a_guest_is_sent_away_when_the_reading_thread_has_something_to_do(reader: Reader) -> None:
    """It is told so, and does not wait for its time to pass."""
    timer = later(0.01, reader.incoming.wake)
    begin = time.monotonic()
    reader.incoming.visit(never, 10)
    assert time.monotonic() - begin < incoming.SLICE
    timer.join()
    wait_for(lambda: reader.fills == 1)


@needs_epoll
def test_a_second_request_sends_the_guest_away(reader: Reader) -> None:
    """And for a while the place is not lent: threads that take turns would only wake each other."""
    timer = later(0.01, reader.incoming.recall)
    begin = time.monotonic()
    reader.incoming.visit(never, 10)
    assert time.monotonic() - begin < incoming.SLICE
    timer.join()
    reader.theirs.send(b"both")
    wait_for(lambda: reader.kept == b"both")
    for _ in range(incoming.COMPANY):
        reader.incoming.visit(never, 10)
    assert 1 == reader.incoming._visits
    reader.prepare()
    visits = reader.incoming._visits
    reader.incoming.visit(never, 0.001)
    assert visits + 1 == reader.incoming._visits


@needs_epoll
def test_there_is_one_guest_at_a_time(reader: Reader) -> None:
    taking = Taking(b"reply")
    first = threading.Thread(target=reader.incoming.visit, args=(taking, 10))
    first.start()
    wait_for(lambda: reader.incoming._guest)
    reader.incoming.visit(never, 10)
    reader.theirs.send(b"reply")
    first.join()
    assert [b"reply"] == taking.found


@needs_epoll
def test_a_signal_handler_above_a_guest_does_not_keep_the_reading_thread_out(hasty_reader: Reader) -> None:
    """User code at work in the midst of a guest's wait may wait for an event itself."""
    heard: list[bool] = []

    def handle(*_: object) -> None:
        hasty_reader.theirs.send(b"event")
        with contextlib.suppress(AssertionError):
            wait_for(lambda: hasty_reader.kept == b"event")
            heard.append(True)

    before = signal.signal(signal.SIGALRM, handle)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        hasty_reader.incoming.visit(never, 10)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert [True] == heard


@needs_epoll
def test_the_place_is_lent_for_a_while_only(hasty_reader: Reader) -> None:
    """A client that is left alone wakes no processor."""
    wait_for(lambda: not hasty_reader.is_lending())
    polls = 0
    real = hasty_reader.incoming._polled

    def polled(seconds: float) -> list[tuple[int, int]]:
        nonlocal polls
        polls += 1
        return real(seconds)

    hasty_reader.incoming._polled = polled  # type: ignore[method-assign]
    hasty_reader.incoming.visit(never, 10)  # comes in vain
    time.sleep(3 * SLICE)
    assert 0 == polls
    hasty_reader.theirs.send(b"reply")
    wait_for(hasty_reader.is_lending)
    timer = later(0.01, lambda: hasty_reader.theirs.send(b"reply"))
    taking = Taking(b"reply")
    hasty_reader.incoming.visit(taking, 10)
    timer.join()
    assert [b"reply"] == taking.found


@needs_epoll
@pytest.mark.usefixtures("patience")
def test_the_reading_thread_hears_of_a_goodbye_that_a_guest_read() -> None:
    """Over TLS, where the socket itself stays open: poll would say nothing of it a second time."""
    reader = secured()
    reader.prepare()
    reader.theirs.setblocking(False)

    def say_goodbye() -> None:
        with contextlib.suppress(OSError):  # it waits for the other's, or meets the end
            reader.theirs.unwrap()

    timer = later(0.02, say_goodbye)
    assert not reader.incoming.visit(never, 10)
    timer.join()
    wait_for(lambda: reader.failure is not None)
    assert isinstance(reader.failure, EOFError)
    reader.end()


@needs_epoll
@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("end", ["closed", "reset"])
def test_the_reading_thread_hears_of_the_end_that_a_guest_met(end: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs = server.accept()[0]
    reader = Reader(ours, theirs)
    reader.prepare()
    if end == "reset":
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    timer = later(0.02, theirs.close)
    assert not reader.incoming.visit(never, 10)
    timer.join()
    wait_for(lambda: reader.failure is not None)
    assert isinstance(reader.failure, EOFError if end == "closed" else ConnectionResetError)
    reader.end()


@needs_epoll
def test_close_leaves_the_descriptors_to_a_guest_that_is_still_there(reader: Reader) -> None:
    """What it polls must not become another file meanwhile."""
    seen: list[int] = []
    poll = reader.incoming._guests_poll

    class Slow:
        def poll(self, milliseconds: float) -> Any:
            ready = poll.poll(milliseconds)
            wait_for(lambda: reader.incoming._is_closed)
            seen.append(reader.incoming._sock.fileno())
            return ready

    reader.incoming._guests_poll = Slow()  # type: ignore[assignment]
    guest = threading.Thread(target=reader.incoming.visit, args=(never, 10))
    guest.start()
    wait_for(lambda: reader.incoming._guest)
    reader.end()
    guest.join()
    assert seen[0] >= 0
    assert -1 == reader.incoming._sock.fileno()


@needs_epoll
@pytest.mark.usefixtures("patience")
def test_a_guest_that_is_stopped_closes_what_was_left_to_it() -> None:
    """At any of its last steps."""
    for step in range(1, MOST_STEPS):
        reader = Reader(*socket.socketpair())
        reader.prepare()
        poll = reader.incoming._guests_poll

        class Closing:
            def poll(self, milliseconds: float) -> Any:
                trace = sys.gettrace()
                sys.settrace(None)  # the stop is for the guest's own steps
                reader.end()  # noqa: B023 - it is called in this round
                sys.settrace(trace)
                return poll.poll(milliseconds)  # noqa: B023

        reader.incoming._guests_poll = Closing()  # type: ignore[assignment]
        stop = Stop(step, incoming.__file__, "opcode", reader.incoming._lock.locked)
        stop.during(lambda: reader.incoming.visit(never, 10))  # noqa: B023
        if reader.incoming._is_closed:
            assert -1 == reader.incoming._sock.fileno(), stop.where
            assert reader.incoming._poll.closed
        else:
            reader.end()
        if not stop.struck:
            break
    assert step > 50


@needs_epoll
@pytest.mark.parametrize("part", ["_come_in", "_read", "_go"])
def test_a_signal_handler_below_which_the_lock_is_held_does_not_wait_for_it(part: str, reader: Reader) -> None:
    """It sends, and sending recalls a guest: here itself, between any two steps."""
    recalled: list[str] = []

    def trace(frame: Any, event: str, _: Any) -> Any:
        if frame.f_code.co_name == part and frame.f_code.co_filename == incoming.__file__:
            if event == "line" and reader.incoming._visitor == threading.get_ident():
                reader.incoming.recall()
                recalled.append(part)
            return trace
        return None

    timer = later(0.02, lambda: reader.theirs.send(b"reply"))
    sys.settrace(trace)
    try:
        reader.incoming.visit(Taking(b"reply"), 10)
    finally:
        sys.settrace(None)
    timer.join()
    assert len(recalled) > 1
    reader.theirs.send(b"event")
    wait_for(lambda: reader.kept.endswith(b"event"))


@pytest.mark.parametrize("missing", ["epoll", "eventfd"])
def test_without_what_lending_takes_the_reading_thread_reads(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on other systems than Linux."""
    monkeypatch.delattr(*(select, "epoll") if missing == "epoll" else (incoming.os, "eventfd"), raising=False)
    reader = Reader(*socket.socketpair())
    for _ in range(3):
        reader.incoming.visit(never, 10)
        reader.theirs.send(b"x")
    wait_for(lambda: reader.kept == b"xxx")
    assert not reader.is_lending()
    reader.end()


# A guest that is stopped, before one instruction of incoming.py after the other.


def secured() -> Reader:
    return Reader(*secured_pair(), is_tls=True)


class Answering:
    """What a guest polls: the reply comes when it begins to."""

    def __init__(self, reader: Reader) -> None:
        self._poll = reader.incoming._guests_poll
        self._reader = reader
        self.has_sent = False

    def poll(self, milliseconds: float) -> Any:
        self._reader.theirs.send(b"reply")
        self.has_sent = True
        return self._poll.poll(milliseconds)


def stopped_at(step: int, reader: Reader) -> tuple[bool, bool]:
    """Wait for a reply as a guest, and be stopped at that step. Whether there is such a step, and whether it was lost.

    Then an event comes: the reading thread has it, unless it has given the link up.
    """
    reader.prepare()
    answering = reader.incoming._guests_poll = Answering(reader)  # type: ignore[assignment]
    stop, taking = Stop(step, incoming.__file__, "opcode", reader.incoming._lock.locked), Taking(b"reply")
    stop.during(lambda: reader.incoming.visit(taking, 10))
    with contextlib.suppress(OSError):  # it may have closed the link already
        reader.theirs.send(b"event")
    wait_for(lambda: reader.kept.endswith(b"event") or reader.failure)
    if reader.failure is not None:
        assert "interrupted" in str(reader.failure)
        return stop.struck, True
    # Stopped between seeing its reply and taking it, it leaves the reply to the reading thread.
    everything = b"replyevent" if answering.has_sent else b"event"
    assert bytes(reader.kept) in {everything, everything.removeprefix(b"".join(taking.found))}
    return stop.struck, False


def visit_again(reader: Reader) -> None:
    """The place is lent as before."""
    reader.prepare()
    taking = Taking(b"reply")
    reader.incoming.visit(taking, 10)
    assert [b"reply"] == taking.found


@needs_epoll
@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])
def test_a_guest_may_be_stopped_at_any_step(is_tls: bool) -> None:
    """Nothing is lost, and the next one is let in. Within OpenSSL nobody can say what it took: the link is given up."""
    losses = 0
    for step in range(1, MOST_STEPS):
        reader = secured() if is_tls else Reader(*socket.socketpair())
        was_stopped, is_lost = stopped_at(step, reader)
        losses += is_lost
        if not is_lost:
            visit_again(reader)
        reader.end()
        if not was_stopped:
            break
    else:
        pytest.fail("it never came to an end")
    assert step > 100
    assert losses == 0 if not is_tls else 0 < losses < 40
