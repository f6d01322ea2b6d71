"""What is left of something that was opened and closed many times."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
import tracemalloc
import urllib.parse
from collections.abc import Callable

import attrs

from .lives import LIVES

__all__ = ["Growth", "measure"]

PATIENCE = 30.0  # seconds in which what ends by itself (a process's own threads, a peer's side of a socket) has ended


@attrs.frozen
class Growth:
    """Of one kind of life.

    Attributes:
        threads: Names of those that were not there before.
        descriptors: How many more there are.
        octets: By how many Python's memory has grown over all cycles.
        resident: By how many the process has.
    """

    threads: list[str]
    descriptors: int
    octets: int
    resident: int


def measure(name: str, cycles: int) -> Growth:
    """Open and close it so many times, after a fifth as many to warm up."""
    with LIVES[name]() as life:
        for _ in range(max(3, cycles // 5)):
            life()
        before = _threads()
        descriptors = _settled(_descriptors)
        tracemalloc.start()
        for _ in range(3):
            life()  # what tracing itself remembers of each line
        octets, resident = _octets(), _resident()
        for _ in range(cycles):
            life()
        _settled(lambda: len(_threads() - before), quiet=PATIENCE)
        growth = Growth(
            threads=[thread.name for thread in _threads() - before],
            descriptors=_settled(_descriptors, descriptors, PATIENCE) - descriptors,
            octets=_octets() - octets,
            resident=_resident() - resident,
        )
        tracemalloc.stop()
    return growth


def _settled(count: Callable[[], int], wanted: int = 0, quiet: float = 1.5) -> int:
    """What is counted, once it is no more than wanted or nothing has changed for so many seconds."""
    deadline = time.monotonic() + PATIENCE
    last, since = count(), time.monotonic()
    while last > wanted and time.monotonic() < min(deadline, since + quiet):
        time.sleep(0.02)
        now = count()
        if now != last:
            last, since = now, time.monotonic()
    return last


def _threads() -> set[threading.Thread]:
    return set(threading.enumerate())


def _descriptors() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd" if sys.platform == "linux" else "/dev/fd"))


def _octets() -> int:
    urllib.parse.clear_cache()  # it keeps the last addresses, which all differ
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def _resident() -> int:
    if sys.platform != "linux":
        return 0
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
