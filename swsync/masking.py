"""Text of the wire without what lets others in."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["masked"]

# By their key, whatever they are; and the paths of media WebSockets, which are secrets themselves.
_KEYS = re.compile(
    r'("(?:[a-z_]*token|authorization_state|[a-z_]*password|[a-z_]*secret|api_key)"\s*:\s*)"(?:[^"\\]|\\.)*"',
    re.IGNORECASE,
)
_PATHS = re.compile(r'(wss?://[^/"\\\s]+/)[^"\\\s]+')


def masked(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a frame's text without what lets others in.

    Args:
        text: The frame, JSON or not.
        secrets: Values that are masked wherever they stand.
    """
    text = _PATHS.sub(r"\1***", _KEYS.sub(r'\1"***"', text))
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return text
