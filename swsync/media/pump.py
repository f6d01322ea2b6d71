"""What receivers have in C for Python: keys, and payloads that are decoded here. One thread fetches it for all of them.

It starts with the first that wants it and ends with the last. The engine rings its bell at most once a tick.
"""

from __future__ import annotations

import logging
import os
import select
import threading
from collections.abc import Callable

from swsync.clock import REAL
from swsync.media import engine
from swsync.media.trackwait import Bell

__all__ = ["subscribe", "unsubscribe"]

logger = logging.getLogger(__name__)

THREAD_NAME = "swsync-media-pump"

_lock = threading.Lock()
_bell: Bell | None = None  # guarded by _lock; kept for good once there is one: engines hold its descriptor
_wanted: dict[Callable[[], object], None] = {}  # guarded by _lock; in the order in which they came
_is_running = False  # guarded by _lock


def subscribe(fetch: Callable[[], object]) -> None:
    """Have ``fetch`` called whenever there may be something, on the pump's thread, and once at first."""
    global _bell, _is_running
    with _lock:
        if _bell is None:
            _bell = Bell()
        bell = _bell
        _wanted[fetch] = None
        starts, _is_running = not _is_running, True
    engine.tell(bell.writing)
    if starts:
        REAL.start(_run, THREAD_NAME, (bell,))
    bell.ring()


def unsubscribe(fetch: Callable[[], object]) -> None:
    """Not any more; a call that has begun may still go on. Idempotent."""
    with _lock:
        _wanted.pop(fetch, None)
        bell = _bell
    if bell is not None:
        bell.ring()


def _run(bell: Bell) -> None:
    while _fetch_all():
        poll = select.poll()  # looked up now: gevent replaces it
        poll.register(bell.reading, select.POLLIN)
        poll.poll()
        bell.clear()


def _fetch_all() -> bool:
    """Ask each of them; False when there is none left, with which the thread ends."""
    global _is_running
    with _lock:
        wanted = list(_wanted)
        if not wanted:
            _is_running = False
            return False
    for fetch in wanted:
        try:
            fetch()
        except BaseException:  # a decoder may be the user's own: with this thread all others would go unfetched
            logger.exception("what a receiver had for Python could not be handled")
    return True


def _forget_parent() -> None:
    """In a forked child: the thread is not here, and its lock may have been held."""
    global _bell, _is_running, _lock
    _lock, _bell, _is_running = threading.Lock(), None, False
    _wanted.clear()


os.register_at_fork(after_in_child=_forget_parent)
