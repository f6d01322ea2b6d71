"""A short list of calls, with a ledger on the disk, in the same trouble."""

from __future__ import annotations

from pathlib import Path

from swsync.batch import Batch, announce
from swsync.clock import VirtualClock
from swsync.localrelay import LocalRelay

from .outcome import Outcome

__all__ = ["do_batch"]

NUMBERS = ("+12025550123", "+12025550124", "+12025550141", "+12025550149")  # two people, busy, a machine
LONGEST = 1200.0  # seconds of virtual time; each call may take 300


def do_batch(relay: LocalRelay, clock: VirtualClock, seed: int, folder: Path, outcome: Outcome) -> None:
    """Load the list, run it to its end, and again as somebody would who saw that rows were not done."""
    began = clock.now()
    with Batch(
        "sweep", folder / "ledger.db", announce("Hello, this is a reminder."), settings=relay.settings,
        from_number="+12025550199", prefixes=["+1202"], consent_waived_by="the tests", default_zone="UTC",
        start="00:00", end="24:00", rate=5.0, concurrency=1 + seed % 3,
    ) as batch:  # fmt: skip
        batch.load([{"number": number} for number in NUMBERS])
        summary = batch.run()
        if took := max(0.0, clock.now() - began - LONGEST):
            outcome.hangs.append(f"run took {took:.0f} s more than {LONGEST:.0f}")
        for _ in range(3):
            if set(summary.statuses) <= {"done", "unknown"}:
                break
            outcome.refused.append(f"run: {summary.statuses}")
            clock.sleep(60.0)
            summary = batch.run()
        results = {result.number: result.outcome for result in batch.results()}
        outcome.refused += [f"{number}: {what}" for number, what in results.items() if what == "unknown"]
        outcome.lost += [f"{number} has no result: {summary.statuses}" for number in NUMBERS if number not in results]
    clock.sleep(200.0)  # what is not ended by then is left on
