"""What the arguments of commands have in common: their types, and the shape of a help page."""

from __future__ import annotations

import argparse
import math
import shutil
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swsync.commands.output import Output

    Run = Callable[[argparse.Namespace, Output], int | None]

__all__ = ["address", "complete", "examples", "filled", "name", "port", "positive", "web", "whole", "words"]


def _number(text: str, kind: Callable[[str], float]) -> float:
    """The number; -1, which nobody takes, if it is none."""
    try:
        return kind(text)
    except ValueError:
        return -1


def positive(text: str) -> float:
    """A number above zero."""
    value = _number(text, float)
    if not (value > 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError(f"must be a number above zero, not {text!r}")
    return value


def whole(text: str) -> int:
    """A whole number above zero."""
    value = _number(text, int)
    if value < 1 or value % 1:
        raise argparse.ArgumentTypeError(f"must be a whole number above zero, not {text!r}")
    return int(value)


def port(text: str) -> int:
    """A port; 0 is any free one."""
    value = _number(text, int)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"must be a port, 0 to 65535, not {text!r}")
    return int(value)


def words(text: str) -> str:
    """A text that says something: a variable of the shell that is not set would be one that does not."""
    if not text.strip():
        raise argparse.ArgumentTypeError("must not be empty")
    return text


def web(text: str) -> str:
    """An address of the web."""
    if not text.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"must be an address, http:// or https://, not {text!r}")
    return text


def name(text: str) -> str:
    """A name that a server knows."""
    if not text.strip() or not text.isprintable():
        raise argparse.ArgumentTypeError(f"must be a name, not {text!r}")
    return text


def address(text: str) -> tuple[str, int]:
    """``HOST:PORT``, ``[IPV6]:PORT``."""
    host, colon, number = text.rpartition(":")
    if not colon or not host or not (number.isascii() and number.isdigit()) or not 1 <= int(number) <= 65535:
        raise argparse.ArgumentTypeError(f"must be HOST:PORT, such as 127.0.0.1:5004, not {text!r}")
    return host.strip("[]"), int(number)


def examples(lines: str) -> str:
    """Examples as the end of a help page."""
    return "examples:\n" + "\n".join(f"  {line}" for line in lines.strip().splitlines())


def filled(text: str) -> str:
    """Paragraphs as wide as the terminal, up to 80 columns."""
    width = min(shutil.get_terminal_size().columns, 80)
    return "\n\n".join(textwrap.fill(paragraph, width) for paragraph in text.split("\n\n"))


def complete(command: Any, run: Run, text: str = "", lines: str = "") -> None:
    """Give a command what all have: ``--json``, ``-v``, its text, its examples, and what runs it."""
    command.add_argument("--json", action="store_true", help="one JSON object a line on stdout")
    command.add_argument(
        "-v", "--verbose", action="store_true", default=argparse.SUPPRESS, help="log what happens to stderr"
    )
    command.description = filled(text) if text else command.description
    command.epilog = examples(lines) if lines else command.epilog
    command.set_defaults(run=run)
