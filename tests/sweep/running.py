"""One run: a program in a thread of its own, the relay that spoils its link, and what is there when it has ended."""

from __future__ import annotations

import random
import sys
import tempfile
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path

from swsync.clock import VirtualClock
from swsync.localrelay import Fault, LocalRelay

from .batches import do_batch
from .calls import do_call
from .outcome import Outcome

__all__ = ["PROGRAMS", "run"]

PROGRAMS = {"call": do_call, "batch": do_batch}
STUCK = 300.0  # seconds of the machine after which a run that is not over is one that hangs


def run(faults: Sequence[Fault], seed: int, program: str = "call") -> Outcome:
    """Do one program to its end, with what goes wrong on its way. The same faults and seed go the same way again."""
    outcome = Outcome()
    before = set(threading.enumerate())
    with tempfile.TemporaryDirectory(prefix="swsync-sweep-", ignore_cleanup_errors=True) as name:
        arguments = (faults, seed, program, Path(name), outcome)
        thread = threading.Thread(target=_live, args=arguments, name="sweep", daemon=True)
        thread.start()
        thread.join(STUCK)
        if thread.is_alive():
            outcome.hangs.append(f"nothing moves any more\n{_stacks()}")
            return outcome
    for left in set(threading.enumerate()) - before:
        if left.name != "swsync-writer":  # the process's own, and it ends a moment after its last recording
            left.join(5)
            outcome.threads += [left.name] if left.is_alive() else []
    return outcome


def _live(faults: Sequence[Fault], seed: int, program: str, folder: Path, outcome: Outcome) -> None:
    random.seed(seed)  # how long the client waits before it connects again
    clock = VirtualClock()
    try:
        with clock.thread(), LocalRelay(clock=clock, seed=seed, faults=list(faults)) as relay:
            try:
                PROGRAMS[program](relay, clock, seed, folder, outcome)
                clock.sleep(5.0)  # whatever is on its way arrives
            finally:
                _take_stock(relay, outcome)
    except Exception:
        outcome.untyped.append(traceback.format_exc())


def _take_stock(relay: LocalRelay, outcome: Outcome) -> None:
    report = relay.referee.report()
    outcome.twice += [f"{number} rang {count} times" for number, count in report.rung_twice.items()]
    outcome.orphans += [f"{call.call_id} is {call.state}" for call in relay.calls if call.state != "ended"]
    outcome.frames = sum(entry.direction != "note" for entry in relay.journal)
    outcome.applied = [note for note in relay.journal.notes() if note.startswith("fault:")]


def _stacks() -> str:
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return "\n".join(
        f"{names.get(ident, ident)}:\n{''.join(traceback.format_stack(frame)[-4:])}"
        for ident, frame in sys._current_frames().items()
    )
