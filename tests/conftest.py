"""What holds for every test: no thread and no file descriptor outlives it. And a client for many of them."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from scripted_server import ScriptedServer

    from swsync import RelayClient

SETTLE = 30.0  # seconds that a stopped thread or a closed socket may take to go

# One of each a process, by design: they end with the process, or after their last user has gone.
PROCESS_THREADS = ("swsync-media", "swsync-wsmedia", "swsync-writer", "pytest_timeout")


def pytest_configure() -> None:
    """Programs that tests start obey signals as in a terminal, also where nohup has these tests ignore them."""
    for number, ours in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, ours)


@pytest.fixture
def client(server: ScriptedServer) -> Iterator[RelayClient]:
    """A client connected to the ``server`` of a module."""
    from swsync import RelayClient

    with RelayClient(**server.settings) as client:
        yield client


def _threads() -> set[threading.Thread]:
    return {t for t in threading.enumerate() if not t.name.startswith(PROCESS_THREADS)}


def _descriptors() -> set[tuple[str, str]]:
    """Open sockets and test files as (number, target); eventfds and epolls belong to the process threads."""
    found = set()
    for number in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
        if target.startswith("socket:") or "/pytest-" in target:
            found.add((number, target))
    return found


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fail the test that leaves a thread or a socket."""
    threads, descriptors = _threads(), _descriptors()
    yield
    deadline = time.monotonic() + SETTLE
    while True:
        left = _threads() - threads
        opened = _descriptors() - descriptors
        if not left and not opened:
            return
        if time.monotonic() > deadline:
            break
        gc.collect()
        time.sleep(0.02)
    pytest.fail(f"left behind: threads {sorted(t.name for t in left)}, descriptors {sorted(opened)}")
