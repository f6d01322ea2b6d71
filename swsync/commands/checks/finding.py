"""What a check has found: it is well, it may become a trouble, or it is wrong; and what to do about it."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Finding", "ok", "warning", "wrong"]


class Finding(NamedTuple):
    """One line of the report.

    Attributes:
        check: What was looked at.
        state: ``ok``, ``warning`` (something works less well, or not every way) or ``wrong`` (calls cannot be made).
        text: What was found.
        todo: What to do about it; "" if nothing.
    """

    check: str
    state: str
    text: str
    todo: str = ""


def ok(check: str, text: str) -> Finding:
    return Finding(check, "ok", text)


def warning(check: str, text: str, todo: str) -> Finding:
    return Finding(check, "warning", text, todo)


def wrong(check: str, text: str, todo: str) -> Finding:
    return Finding(check, "wrong", text, todo)
