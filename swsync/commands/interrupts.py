"""Signals that end a command: Ctrl-C, SIGTERM, the end of the terminal. All of them are one ``KeyboardInterrupt``."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from swsync.commands.output import Output

__all__ = ["alike", "gentle"]

PATIENCE = 3  # that many interrupts end it whatever it is doing
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


@contextmanager
def _handled_by(handler: Callable[..., object]) -> Iterator[None]:
    """Have a function handle these signals. One that was ignored from outside (``nohup``) stays so.

    Off the main thread it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {}
    try:
        for name in SIGNALS:
            number = getattr(signal, name)
            if signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, handler)
        yield
    finally:
        for number, known in before.items():
            signal.signal(number, known if known is not None else signal.SIG_DFL)


@contextmanager
def alike() -> Iterator[None]:
    """Let SIGTERM and the end of the terminal do what Ctrl-C does."""
    with _handled_by(signal.default_int_handler):
        yield


@contextmanager
def gentle(output: Output) -> Iterator[None]:
    """Let what is inside close undisturbed, which takes some seconds at most: calls are ended, files finished.

    While it does, a second interrupt is answered and a third one obeyed.
    """
    count = 0

    def interrupt(*_: object) -> None:
        nonlocal count
        count += 1
        if count == 1 or count >= PATIENCE:
            raise KeyboardInterrupt
        output.urgent("Closing: calls are ended and files finished. Once more stops that too.")

    with _handled_by(interrupt):
        yield
