"""Ctrl-C at a step that a test chooses: ``KeyboardInterrupt`` in the midst of swsync's own code on this thread."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

# The interpreter hears a signal when a call returns, and where a loop begins again; so not between the taking of a lock
# and its block, between a block's end and the giving back, nor between a wait and the taking back of what it gave.
GIVING = ("with ", "if depth is not None:", "self._acquire_restore(depth)")


class Stop:
    """Raises ``KeyboardInterrupt`` once, before the nth step within files of a name.

    Args:
        step: Which step, from 1.
        place: What the files' names begin with.
        by: ``line``, or ``opcode`` for each instruction.
        is_spared: Whether the steps that give locks and take them are spared now (``GIVING``).
    """

    def __init__(self, step: int, place: str, by: str = "line", is_spared: Callable[[], bool] = lambda: True) -> None:
        self._left = step
        self._place = place
        self._by = by
        self._is_spared = is_spared
        self.where = ""  # where it struck

    @property
    def struck(self) -> bool:
        return bool(self.where)

    def during(self, function: Callable[[], Any]) -> Any:
        """Call it; what it returned, or ``KeyboardInterrupt``."""
        before = sys.gettrace()
        sys.settrace(self._trace)
        try:
            return function()
        except KeyboardInterrupt:
            return KeyboardInterrupt
        finally:
            sys.settrace(before)

    def _trace(self, frame: FrameType, event: str, _: Any) -> Callable[..., Any] | None:
        if not frame.f_code.co_filename.startswith(self._place):
            return None
        frame.f_trace_opcodes = self._by == "opcode"
        if event == self._by and not self.struck:
            number = frame.f_lineno or 0  # what the compiler puts behind an except has none
            line = linecache.getline(frame.f_code.co_filename, number).strip()
            if not (line.startswith(GIVING) and self._is_spared()):
                self._left -= 1
                if self._left == 0:
                    self.where = f"{frame.f_code.co_filename}:{number}: {line}"
                    raise KeyboardInterrupt
        return self._trace
