"""What a script returned, or raised, in a form that every ledger and every export can hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["in_words", "plain", "word"]

LONGEST_WORD = 64  # characters of an outcome


def plain(returned: Any) -> dict[str, Any]:
    """The dict of a script as JSON has it; what JSON has no form for becomes its text.

    Raises:
        TypeError: It is no mapping, or a key in it is no text.
        ValueError: It contains itself.
    """
    if returned is None:
        return {}
    if not isinstance(returned, Mapping):
        raise TypeError(f"a script returns a dict or None, not {type(returned).__name__}")
    data: dict[str, Any] = json.loads(json.dumps({str(name): value for name, value in returned.items()}, default=str))
    return data


def word(value: Any) -> str:
    """An outcome: one short line of text."""
    return "".join(c if c.isprintable() else "\ufffd" for c in str(value)[:LONGEST_WORD])


def in_words(error: BaseException) -> str:
    """The kind of an error and what it says, if it can say it."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # its __str__ is the user's code too
        return type(error).__name__
