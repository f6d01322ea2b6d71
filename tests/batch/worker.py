"""One process of a batch, for tests that kill it: ``python worker.py LEDGER URL [POINT]``, or ``work`` in a child.

At POINT it kills itself, as if the power had gone: before or after the intent, the send, the first leg's commit, the
answer, the result.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from swsync.batch import Batch, open_ledger
from swsync.batch._sql import SqlLedger
from swsync.clock import RealClock
from swsync.connection import Connection

SPEED = 20.0
OPEN: dict[str, Any] = {
    "from_number": "+12025550199",
    "prefixes": ["+1202"],
    "consent_waived_by": "the tests",
    "default_zone": "UTC",
    "start": "00:00",
    "end": "24:00",
    "rate": 2000.0,
    "opt_out": "",
    "max_duration": 60,  # what bounds a leg that nobody had seen
}


def settings(url: str) -> dict[str, Any]:
    """What a client needs to reach the relay of the test."""
    patience = 60.0 * SPEED  # a busy machine is no less busy in fast time
    return {"project": "p", "token": "t", "host": url, "clock": RealClock(SPEED), "connect_timeout": patience}


def hang_up(call: Any, row: Any) -> dict[str, Any]:
    """Answered is enough."""
    return {}


def work(ledger: str, url: str, lease: float = 60.0, **options: Any) -> None:
    """Dial what there is."""
    with open_ledger(ledger, lease=lease) as opened:
        Batch("j", opened, hang_up, settings=settings(url), **{**OPEN, **options}).run()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _before(owner: Any, name: str) -> None:
    setattr(owner, name, lambda *args, **kwargs: die())


def _after(owner: Any, name: str, wanted: str = "") -> None:
    real = getattr(owner, name)

    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = real(self, *args, **kwargs)
        if not wanted or wanted in args:
            die()
        return result

    setattr(owner, name, wrapped)


POINTS = {
    "before intent": lambda: _before(SqlLedger, "intent"),
    "after intent": lambda: _after(SqlLedger, "intent"),
    "after turn": lambda: _before(Connection, "begin"),
    "after send": lambda: _after(Connection, "begin", "calling.dial"),
    "before seen": lambda: _before(SqlLedger, "seen"),
    "after seen": lambda: _after(SqlLedger, "seen"),
    "answered": lambda: globals().update(hang_up=lambda call, row: die()),
    "before result": lambda: _before(SqlLedger, "finish"),
    "after result": lambda: _after(SqlLedger, "finish"),
}


if __name__ == "__main__":
    if len(sys.argv) > 3:
        POINTS[sys.argv[3]]()
    work(sys.argv[1], sys.argv[2])
