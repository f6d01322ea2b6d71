"""What a command prints: lines for people, or JSON objects for programs."""

from __future__ import annotations

import json
import sys
from typing import Any

__all__ = ["Output", "printable"]


def printable(text: str) -> str:
    """Replace control characters, so that a peer's text cannot steer the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


class Output:
    """Where a command says what happens.

    Args:
        as_json: One JSON object a line on stdout; text for people goes to stderr then.
    """

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self._people = sys.stderr if as_json else sys.stdout

    def say(self, text: str = "") -> None:
        """Print a line for people."""
        print(printable(text), file=self._people, flush=True)

    def event(self, event: str, **fields: Any) -> None:
        """Print one JSON object, if JSON was asked for."""
        if self.as_json:
            print(json.dumps({"event": event, **fields}), flush=True)
