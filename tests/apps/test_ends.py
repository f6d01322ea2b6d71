"""The ends of clients and processes: in every state, with calls open, from pools of threads, a thousand times."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from appprogram import PATIENCE, Program, eventually

import swsync
from swsync import media
from swsync.errors import ConnectionClosed, DialFailed

Start = Callable[..., Program]
CYCLES = 1000
NUMBER, RINGS, CALLER = "+12025550100", "+12025550111", "+12025550199"

CLOSING = 30.0  # seconds of a busy machine for what is over in two; all that is waited for here takes longer


@contextmanager
def connected(relay: swsync.LocalRelay) -> Iterator[swsync.RelayClient]:
    yield swsync.RelayClient(**relay.settings).connect()


@contextmanager
def connecting(relay: swsync.LocalRelay) -> Iterator[swsync.RelayClient]:
    """To a server that accepts connections and says nothing; another thread waits in ``connect``."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = swsync.RelayClient("p", "t", host=f"ws://127.0.0.1:{server.getsockname()[1]}", connect_timeout=60)
        refused: list[BaseException] = []

        def connect() -> None:
            try:
                client.connect()
            except swsync.SwsyncError as error:
                refused.append(error)

        thread = threading.Thread(target=connect)
        thread.start()
        yield client
        thread.join(PATIENCE)
        assert not thread.is_alive()
        assert refused


@contextmanager
def dialing(relay: swsync.LocalRelay) -> Iterator[swsync.RelayClient]:
    """Another thread waits for somebody to pick up."""
    client = swsync.RelayClient(**relay.settings).connect()
    relay.callee(RINGS, answers_after=600)
    ended: list[BaseException] = []

    def dial() -> None:
        try:
            client.dial_phone(RINGS, CALLER, timeout=600)
        except (DialFailed, ConnectionClosed) as error:
            ended.append(error)

    thread = threading.Thread(target=dial)
    thread.start()
    eventually(lambda: relay.calls, "a call")
    yield client
    thread.join(PATIENCE)
    assert ended
    relay.calls[0].wait_for_ended(timeout=PATIENCE)


@contextmanager
def in_a_call(relay: swsync.LocalRelay) -> Iterator[swsync.RelayClient]:
    client = swsync.RelayClient(**relay.settings).connect()
    client.dial_phone(NUMBER, CALLER).play_silence(600)
    yield client
    relay.calls[0].wait_for_ended(timeout=PATIENCE)


@contextmanager
def without_an_answer(relay: swsync.LocalRelay) -> Iterator[swsync.RelayClient]:
    """The link is there, and nothing goes over it any more."""
    client = swsync.RelayClient(**relay.settings).connect()
    client.dial_phone(NUMBER, CALLER)
    relay.faults.silence("calling.end")
    yield client


@contextmanager
def without_a_link(relay: swsync.LocalRelay) -> Iterator[swsync.RelayClient]:
    """It tries to connect again."""
    client = swsync.RelayClient(**relay.settings).connect()
    client.dial_phone(NUMBER, CALLER)
    relay.faults.refuse_links(times=0)
    relay.disconnect_clients()
    eventually(lambda: not client.is_connected, "no link")
    yield client


@contextmanager
def with_a_callback_that_hangs(relay: swsync.LocalRelay) -> Iterator[swsync.RelayClient]:
    client = swsync.RelayClient(**relay.settings).connect()
    began, over = threading.Event(), threading.Event()
    client.dial_phone(NUMBER, CALLER).play_silence(0.01, on_completed=lambda _: (began.set(), over.wait(PATIENCE)))
    assert began.wait(PATIENCE)
    try:
        yield client
    finally:
        over.set()


@contextmanager
def never_connected(relay: swsync.LocalRelay) -> Iterator[swsync.RelayClient]:
    yield swsync.RelayClient(**relay.settings)


STATES = [
    never_connected, connecting, connected, dialing, in_a_call, without_an_answer, without_a_link,
    with_a_callback_that_hangs,
]  # fmt: skip


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_close_in_every_state(relay: swsync.LocalRelay, state: Callable[..., Any]) -> None:
    """It returns in its time, and whoever waits is told."""
    with state(relay) as client:
        before = time.monotonic()
        client.close()
        assert time.monotonic() - before < CLOSING
        assert client.closed


OPENED = """
import threading, time, swsync
from swsync import media
client = swsync.RelayClient().connect()

def in_a_thread(function):
    def run():
        try:
            function()
        except swsync.SwsyncError:
            pass
    threading.Thread(target=run, daemon=True).start()

def ring():
    client.dial_phone(to="+12025550111", from_number="+12025550199", timeout=600)

def call():
    return client.dial_phone(to="+12025550100", from_number="+12025550199")
"""
OPEN = {
    "a call": "call()",
    "a phone that rings": "in_a_thread(ring)\nwhile not client.calls: time.sleep(0.02)",
    "threads that wait": "c = call()\nfor _ in range(50): in_a_thread(c.wait_for_ended)\nin_a_thread(client.next_call)",
    "a recording": "capture = call().capture('x.wav').__enter__()\ncapture.wait_duration(0.2)",
    "receivers and senders": (
        "call().tap_audio(direction='both', device=media.RtpReceiver())\n"
        "rx = media.RtpReceiver(on_dtmf=print); tx = media.RtpSender('127.0.0.1', rx.port, buffer=60)\n"
        "tx.send(bytes(320_000), wait=False); in_a_thread(lambda: rx.read(10**6)); s = media.TwoWayStream()"
    ),
    "a callback that hangs": (
        "began = threading.Event()\n"
        "call().play_silence(0.01, on_completed=lambda _: (began.set(), time.sleep(600)))\nbegan.wait()"
    ),
    "a client that serves": "in_a_thread(client.run)\ncall()",
    "an exception": "call()\nprint('done', flush=True)\nraise SystemExit(0)",
}


@pytest.mark.parametrize("what", OPEN)
def test_the_interpreter_ends_with_it_open(relay: swsync.LocalRelay, start: Start, what: str) -> None:
    """By itself, long before what it waits for is over; no call is left that somebody pays for."""
    relay.callee(RINGS, answers_after=600)
    program = start(sys.executable, "-c", f"{OPENED}\n{OPEN[what]}\nprint('done', flush=True)\n")
    program.wait_for("done")
    assert 0 == program.process.wait(PATIENCE), program.output
    assert "done\n" == program.output
    for call in relay.calls:
        call.wait_for_ended(timeout=PATIENCE)


POOL = """
from concurrent.futures import ThreadPoolExecutor
import swsync

def talk(number):
    with client.dial_phone(to=number, from_number="+12025550199", timeout=60) as call:
        print("talks", flush=True)
        call.wait_for_ended()

# The client is the inner one: it closes first, which ends what the pool's threads wait for.
with ThreadPoolExecutor(10) as pool, swsync.RelayClient() as client:
    try:
        list(pool.map(talk, [f"+1202555010{n}" for n in range(10)]))
    except KeyboardInterrupt:
        print("interrupted", flush=True)
print("over", flush=True)
"""


def test_ctrl_c_ends_a_pool_of_calls(relay: swsync.LocalRelay, start: Start) -> None:
    """The pool's threads wait for people who talk and talk; the program ends all the same."""
    program = start(sys.executable, "-c", POOL)
    program.wait_for("(?s)" + ".*".join(["talks"] * 10))
    assert 0 == program.end(signal.SIGINT), program.output
    assert program.output.endswith("interrupted\nover\n")
    for call in relay.calls:
        call.wait_for_ended(timeout=PATIENCE)


def test_a_pool_of_threads_shares_a_client(relay: swsync.LocalRelay) -> None:
    """Forty calls by twenty threads, over one link; each thread hears of its own calls."""

    def remind(number: str) -> tuple[str, str]:
        with client.dial_phone(number, CALLER, timeout=30) as call:
            call.play_silence(0.01).wait(timeout=PATIENCE)
            call.hangup()
            call.wait_for_ended(timeout=PATIENCE)
        return number, str(call.to)

    numbers = [f"+120255501{n}" for n in range(10, 50)]
    for number in numbers:
        relay.callee(number, answers_after=0.0)
    with ThreadPoolExecutor(20) as pool, swsync.RelayClient(**relay.settings) as client:
        assert [(number, number) for number in numbers] == list(pool.map(remind, numbers))
        assert 1 == client.counters["connects"]


def open_and_close_a_client(relay: swsync.LocalRelay) -> None:
    with swsync.RelayClient(**relay.settings) as client:
        client.receive(["office"])


def open_and_close_media(relay: swsync.LocalRelay) -> None:
    """One of each."""
    with ExitStack() as stack:
        port = stack.enter_context(media.RtpPort())
        receiver = stack.enter_context(media.RtpReceiver(on_dtmf=print))
        stack.enter_context(media.RtpReceiver(port=port))
        stack.enter_context(media.TapReceiver())
        stack.enter_context(media.TwoWayStream())
        stack.enter_context(media.RtpSender("127.0.0.1", receiver.port)).send(bytes(320), wait=False)


def what_is_open() -> tuple[int, int]:
    """Threads and descriptors of this process."""
    gc.collect()
    return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
@pytest.mark.parametrize("cycle", [open_and_close_a_client, open_and_close_media], ids=["client", "media"])
def test_a_thousand_cycles_leave_nothing(cycle: Callable[[swsync.LocalRelay], None]) -> None:
    """Neither threads, those of C too, nor descriptors; eight at a time, for most of a cycle is waiting."""
    with swsync.LocalRelay(tls=False) as relay:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(cycle, [relay] * 40))  # the process's own threads are there after it
        threads, descriptors = what_is_open()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(cycle, [relay] * CYCLES))
        eventually(
            lambda: what_is_open()[0] <= threads and what_is_open()[1] <= descriptors,
            f"{threads} threads and {descriptors} descriptors again, as before",
        )
