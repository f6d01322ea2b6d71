"""Text of the wire without what lets others in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

__all__ = ["hidden", "masked"]

DEEPEST = 50

# By their key, whatever they are; the paths of media WebSockets, which are secrets themselves; and who is named before
# the host of an address. A peer may write "/" as "\\/" in its JSON.
_NAMES = r"(?:[a-z_]*token|authorization_state|[a-z_]*password|[a-z_]*secret|api_key)"
_KEYS = re.compile(rf'("{_NAMES}"\s*:\s*)"(?:[^"\\]|\\.)*"', re.IGNORECASE)
_KEY = re.compile(_NAMES, re.IGNORECASE)
_PATHS = re.compile(r'(wss?:(?:\\?/){2}[^/?#"\\\s]+(?:\\?/|[?#]))(?:[^"\\\s]|\\[/u])+', re.IGNORECASE)
_USERS = re.compile(r'(:(?:\\?/){2})[^/?#@"\\\s]+@')


def masked(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a frame's text without what lets others in.

    Args:
        text: The frame, JSON or not.
        secrets: Values that are masked wherever they stand.
    """
    text = _addresses(_KEYS.sub(r'\1"***"', text))
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return text


def hidden(value: Any, depth: int = 0) -> Any:
    """A copy of a JSON value for a ``repr``, without what lets others in."""
    if isinstance(value, str):
        return _addresses(value)
    if isinstance(value, (dict, list)) and depth > DEEPEST:
        return "***"  # what nests deeper is an attack on whoever recurses
    if isinstance(value, dict):
        return {
            key: "***" if isinstance(inner, str) and _KEY.fullmatch(str(key)) else hidden(inner, depth + 1)
            for key, inner in value.items()
        }
    return [hidden(inner, depth + 1) for inner in value] if isinstance(value, list) else value


def _addresses(text: str) -> str:
    return _USERS.sub(r"\1***@", _PATHS.sub(r"\1***", text))
