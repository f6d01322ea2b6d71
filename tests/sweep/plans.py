"""What goes wrong in a run: one fault in one frame, or several drawn from a seed."""

from __future__ import annotations

import random

from swsync.localrelay import Fault

__all__ = ["KINDS", "several", "single"]

KINDS = ("drop", "duplicate", "delay", "reorder", "cut_before", "cut_after", "truncate")


def single(kind: str, frame: int, seconds: float = 3.0) -> Fault:
    """One fault in the frame with that number, counted over all links and both directions from 1."""
    return Fault(kind=kind, of="any", n=frame, seconds=seconds)


def several(seed: int, frames: int) -> list[Fault]:
    """Two to six faults, anywhere in the frames of a call and of what it takes to recover it."""
    rng = random.Random(seed)
    faults = [
        single(rng.choice(KINDS), rng.randint(1, frames + frames // 2), round(rng.uniform(0.1, 8.0), 1))
        for _ in range(rng.randint(2, 6))
    ]
    if rng.random() < 0.2:  # a service that does not let the client back for a while
        kind = rng.choice(("refuse", "silence", "delay"))
        n, times, seconds = rng.randint(1, 3), rng.randint(1, 4), round(rng.uniform(0.1, 8.0), 1)
        faults.append(Fault(kind=kind, of="link", code=503, n=n, times=times, seconds=seconds))
    return faults
