"""A signal to this process once its main thread waits, as when somebody presses Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["interrupted_when_blocked"]


def _until_blocked(thread: int, over: threading.Event) -> None:
    """Wait until a thread stands still in its wait, or two seconds have passed: some waits look now and then."""
    before, same = None, 0
    for _ in range(100):
        frame = sys._current_frames()[thread]
        now = (id(frame), frame.f_lasti)
        before, same = now, same + 1 if now == before else 0
        if same == 5 or over.is_set():
            return
        time.sleep(0.02)


@contextmanager
def interrupted_when_blocked(number: int = signal.SIGINT) -> Iterator[list[float]]:
    """Send this process a signal once the body waits; give the moment, if it came to that."""
    main, over, moment = threading.get_ident(), threading.Event(), []

    def watch() -> None:
        _until_blocked(main, over)
        if not over.is_set():
            moment.append(time.monotonic())
            os.kill(os.getpid(), number)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield moment
    finally:
        over.set()
        watcher.join()
