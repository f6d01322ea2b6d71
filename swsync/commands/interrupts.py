"""Ctrl-C while a call is on: it ends the call once, and nothing cuts that short."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from swsync.commands.output import Output

__all__ = ["gentle"]

PATIENCE = 3  # that many interrupts end it whatever it is doing
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


@contextmanager
def gentle(output: Output) -> Iterator[None]:
    """Turn Ctrl-C, SIGTERM and the end of the terminal into one ``KeyboardInterrupt``.

    While what is inside closes (which takes some seconds at most), a second one is answered and a third one obeyed.
    A signal that was ignored from outside (``nohup``) stays so. Off the main thread it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    count = 0

    def interrupt(*_: object) -> None:
        nonlocal count
        count += 1
        if count == 1 or count >= PATIENCE:
            raise KeyboardInterrupt
        output.urgent("Closing: calls are ended and files finished. Once more stops that too.")

    before: dict[int, Any] = {}
    try:
        for name in SIGNALS:
            number = getattr(signal, name)
            if signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, interrupt)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
