"""A process with everything open forks, again and again: its children are told, and nothing of its own changes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import traceback
import warnings
from array import array
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import swsync
from swsync import media
from swsync.errors import ConnectionClosed, MediaError

FORKS = 200
TONE = array("h", [(n * 7919) % 24001 - 12000 for n in range(8000)]).tobytes()
SAID = media.decode(media.encode(TONE, "PCMU"), "PCMU")


def in_a_child(function: Callable[[], object]) -> int:
    """The exit code of a forked child that runs a function; one that hangs ends by SIGALRM, below zero."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads is what is tested
        pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        code = 1
        try:
            function()
            code = 0
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def refused(error: type[Exception], words: str, function: Callable[[], object]) -> None:
    """Require the error that explains a fork."""
    with pytest.raises(error, match=words):
        function()


class Everything:
    """A client with a call, and one of each kind of media, all at work."""

    def __init__(self, stack: ExitStack, relay: swsync.LocalRelay) -> None:
        self.client = stack.enter_context(swsync.RelayClient(**relay.settings))
        self.call = self.client.dial_phone(to="+12025550100", from_number="+12025550199")
        self.play = self.call.play_silence(3600)
        self.port = stack.enter_context(media.RtpPort())
        self.rtp = stack.enter_context(media.RtpReceiver(on_dtmf=print))  # with keys: the pump runs
        self.member = stack.enter_context(media.RtpReceiver(port=self.port))
        self.tap = stack.enter_context(media.TapReceiver())
        self.stream = stack.enter_context(media.TwoWayStream())
        self.sender = stack.enter_context(media.RtpSender("127.0.0.1", self.rtp.port, buffer=60))
        self.sender.send(TONE, wait=False)

    def of_the_parent(self) -> list[tuple[type[Exception], str, Callable[[], object]]]:
        """What a child tries with what is its parent's."""
        return [
            (ConnectionClosed, "after a fork", lambda: self.client.execute("calling.x", {})),
            (ConnectionClosed, "after a fork", self.client.connect),
            (ConnectionClosed, "after a fork", lambda: self.client.dial_phone(to="+12025550100")),
            (ConnectionClosed, "after a fork", self.call.hangup),
            (ConnectionClosed, "after a fork", self.play.wait),
            (MediaError, "fork", lambda: self.rtp.read(8000)),
            (MediaError, "fork", lambda: next(self.rtp.digits())),
            (MediaError, "fork", lambda: self.rtp.tracks),
            (MediaError, "fork", lambda: self.member.expect("127.0.0.1", 4000)),
            (MediaError, "fork", lambda: media.RtpReceiver(port=self.port)),
            (MediaError, "fork", lambda: self.tap.wait_audio(60)),
            (MediaError, "fork", lambda: self.tap.device),
            (MediaError, "fork", lambda: self.stream.wait_started(60)),
            (MediaError, "fork", lambda: self.stream.send(TONE)),
            (MediaError, "fork", lambda: self.stream.mark("x")),
            (MediaError, "fork", lambda: self.sender.send(TONE)),
            (MediaError, "fork", lambda: self.sender.send_digits("1")),
            (MediaError, "fork", self.sender.drain),
        ]

    def in_the_child(self) -> None:
        """Everything is refused; ending and closing do nothing."""
        for error, words, function in self.of_the_parent():
            refused(error, words, function)
        for each in (self.rtp, self.member, self.tap, self.stream):
            each.end()
            each.close()
        self.port.close()
        self.sender.close()
        self.client.close()


def makes_its_own() -> None:
    """A child's own receivers and senders, on threads of its own."""
    with media.RtpReceiver() as rx, media.RtpSender("127.0.0.1", rx.port) as tx, media.TapReceiver() as tap:
        tx.send(TONE[:3200])
        tap.end()
        rx.end()
        assert SAID[:3200] == bytes(rx.read(10_000))


@pytest.fixture
def everything(relay: swsync.LocalRelay) -> Iterator[Everything]:
    with ExitStack() as stack:
        yield Everything(stack, relay)


def test_two_hundred_forks_after_connect(everything: Everything) -> None:
    """Each child is told; the parent's link is one and the same, its call goes on, its audio is bit-equal."""
    for number in range(FORKS):
        assert 0 == in_a_child(everything.in_the_child)
        if number % 20 == 0:
            assert 0 == in_a_child(makes_its_own)
            assert "200" == everything.client.execute("signalwire.receive", {"contexts": [f"c{number}"]})["code"]
    assert 1 == everything.client.counters["connects"]
    everything.sender.drain(30)
    everything.rtp.end()
    assert SAID == bytes(everything.rtp.read(10_000))
    everything.call.hangup()
    assert "hangup" == everything.call.wait_for_ended(timeout=10).end_reason


@pytest.mark.parametrize("name", ["rtp", "tap", "stream", "sender", "port"])
def test_a_lock_that_was_held_at_the_fork(everything: Everything, name: str) -> None:
    """The thread that held it is not in the child, so nobody gives it back: the child does not wait for it."""
    owner: Any = getattr(everything, name)
    lock = owner._lock if name == "port" else owner._changed
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            over.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(10)
    try:
        assert 0 == in_a_child(everything.in_the_child)
    finally:
        over.set()
        thread.join()


PROGRAM = """
import multiprocessing, os, sys, warnings
import swsync
from swsync import media
warnings.simplefilter("ignore", DeprecationWarning)
client = swsync.RelayClient().connect()
call = client.dial_phone(to="+12025550100", from_number="+12025550199")
receiver, port = media.RtpReceiver(), media.RtpPort()
sender, tap = media.RtpSender("127.0.0.1", receiver.port), media.TapReceiver()
with call.capture("call.wav", via="rtp") as capture:
    {child}
    call.play_silence(0.5).wait(timeout=20)
print("goes on", call.state, capture.duration > 0.2, flush=True)
"""

EXITS = {
    "by the end of its program": "pid = os.fork() or sys.exit(0); print(os.waitpid(pid, 0)[1])",
    "by an exception": "pid = os.fork() or sys.exit('told'); print(os.waitpid(pid, 0)[1] >> 8 == 1 and 0)",
    "from multiprocessing": (
        "p = multiprocessing.get_context('fork').Process(target=print); p.start(); p.join(); print(p.exitcode)"
    ),
}


@pytest.mark.parametrize("child", EXITS)
def test_a_child_that_ends(child: str, relay: swsync.LocalRelay, environment: dict[str, str], tmp_path: Path) -> None:
    """Its ``with`` blocks and atexit functions are its parent's too, and end nothing of its parent's."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(child=EXITS[child])],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert 0 == done.returncode, done.stderr
    assert done.stderr in ("", "told\n")
    assert ["0", "goes on answered True"] == done.stdout.split("\n")[-3:-1]
    relay.calls[0].wait_for_ended(timeout=20)  # the parent's own atexit ends what it has left
