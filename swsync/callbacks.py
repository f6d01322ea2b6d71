"""What users hand over to be called: refused at once if it could never run."""

from __future__ import annotations

from functools import partial
from types import CodeType
from typing import Any

__all__ = ["FAILURES", "check_callback", "check_given"]

ASYNC = 0x80 | 0x200  # of a code object: a coroutine or an asynchronous generator; inspect is slow to import
FAILURES = (Exception, SystemExit)
"""What somebody else's code may raise without ending who calls it: all but Ctrl-C, which is meant for the program."""


def check_callback(name: str, function: Any) -> None:
    """Raise ``TypeError`` for what cannot be called, and for what would do nothing when it is.

    A coroutine function, left over from a program of asyncio, would only make a coroutine that nobody awaits.

    Args:
        name: Where it was given, for the error's text.
        function: What was given.
    """
    if not callable(function):
        raise TypeError(f"{name} must be a function, not {function!r}")
    if _is_async(function):
        raise TypeError(
            f"{name}: {getattr(function, '__qualname__', function)} is an async function, which would never run here: "
            "make it a plain def, without await"
        )


def check_given(**functions: Any) -> None:
    """``check_callback`` for each of them that was given: None is nobody to be called."""
    for name, function in functions.items():
        if function is not None:
            check_callback(name, function)


def _is_async(function: Any) -> bool:
    while isinstance(function, partial):
        function = function.func
    code = getattr(getattr(function, "__func__", function), "__code__", None)  # of a method: its function's
    if code is None:
        code = getattr(type(function).__call__, "__code__", None)
    return isinstance(code, CodeType) and bool(code.co_flags & ASYNC)
