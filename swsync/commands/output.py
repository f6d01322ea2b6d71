"""What a command prints: lines for people, or JSON objects for programs, and how far it is for those who watch."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import threading
from contextlib import suppress
from typing import Any, TextIO

__all__ = ["Output", "printable", "shown"]


def printable(text: str) -> str:
    """Replace control characters, so that a peer's text cannot steer the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


def shown(text: object) -> str:
    """What a peer sent, in one line: it cannot make up lines of ours either."""
    return printable(str(text)).replace("\n", "\\n")


def _finite(value: Any) -> Any:
    """JSON has no infinity: what has no finite value is null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(name): _finite(one) for name, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, (list, tuple)) else value


class Output:
    """Where a command says what happens. Any thread may use it.

    Args:
        as_json: One JSON object a line on stdout; text for people goes to stderr then.
    """

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self._people = sys.stderr if as_json else sys.stdout
        self._lock = threading.Lock()
        self._is_painted = False  # guarded by _lock: a status stands in the last line of the terminal
        self.is_unread = False  # only ever set: whoever read stdout has gone
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):  # a terminal that knows less than UTF-8 gets \u escapes, not a traceback
                stream.reconfigure(errors="backslashreplace")

    def leave_stdout(self) -> None:
        """Stdout belongs to the audio from now on: people are spoken to on stderr."""
        self._people = sys.stderr

    def say(self, text: str = "") -> None:
        """Print a line for people."""
        with self._lock:
            self._wipe()
            self._put(self._people, printable(text))

    def event(self, event: str, **fields: Any) -> None:
        """Print one JSON object, if JSON was asked for."""
        if self.as_json:
            with self._lock:
                self._put(sys.stdout, json.dumps({"event": event, **_finite(fields)}))

    def _put(self, stream: TextIO, line: str) -> None:
        """Requires _lock."""
        try:
            stream.write(line + "\n")
            stream.flush()
        except BrokenPipeError:
            self.is_unread = True
            raise

    def interrupted(self) -> None:
        """Say that the user ended it; a terminal has shown ``^C`` in that line."""
        with suppress(OSError):
            self.event("interrupted")
        print("\r\x1b[KInterrupted." if sys.stderr.isatty() else "Interrupted.", file=sys.stderr)

    def explain(self, error: BaseException) -> None:
        """Say what went wrong."""
        self.status("")
        sentence = shown(str(error) or type(error).__name__)
        with suppress(OSError):  # it may be stdout itself
            self.event("error", type=type(error).__name__, message=sentence)
        print(f"swsync: {sentence}", file=sys.stderr)

    def status(self, text: str) -> None:
        """Show how far it is, in the last line of a terminal, over what was there; "" wipes it. Elsewhere nothing."""
        if not sys.stderr.isatty() or self.as_json:
            return
        with self._lock:
            self._is_painted = self._is_painted or not text  # what a terminal echoes, such as ^C, is wiped too
            self._wipe()
            if text:
                width = shutil.get_terminal_size().columns - 1
                sys.stderr.write(shown(text)[:width])
                sys.stderr.flush()
                self._is_painted = True

    @staticmethod
    def urgent(text: str) -> None:
        """Say something from a signal handler, which may take no lock and use no buffered stream."""
        os.write(2, f"\n{text}\n".encode())

    def _wipe(self) -> None:
        """Requires _lock."""
        if self._is_painted:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._is_painted = False
