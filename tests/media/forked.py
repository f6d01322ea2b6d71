"""What a forked child makes of its parent's receivers."""

from __future__ import annotations

import os
import traceback
import warnings
from collections.abc import Callable

__all__ = ["fails_in_child"]


def fails_in_child(function: Callable[[], object]) -> bool:
    """Call it in a forked child of this process; whether it raised there, which stderr then tells of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads is what is tested
        child = os.fork()
    if not child:
        code = 1
        try:
            function()
            code = 0
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0
