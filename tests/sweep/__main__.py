"""``python -m tests.sweep``: each fault in each frame of a call; with ``--soak 10000``: several a call, seeded.

What fails is printed with the command that does it again. Exits with 1 if anything hung, rang twice or was left on.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from swsync.localrelay import Fault

from .outcome import ZEROS, Outcome
from .plans import KINDS, several, single
from .running import PROGRAMS, run

Job = tuple[str, tuple[Fault, ...], int]  # the options that do it again, what goes wrong, the seed


def sweep(kinds: Sequence[str], frames: Sequence[int], seed: int) -> Iterator[Job]:
    """A run for each fault and frame."""
    for kind in kinds:
        for frame in frames:
            yield f"--fault {kind} --frame {frame} --seed {seed}", (single(kind, frame),), seed


def soak(calls: int, first: int, frames: int) -> Iterator[Job]:
    """A run for each seed."""
    for seed in range(first, first + calls):
        yield f"--soak 1 --seed {seed}", tuple(several(seed, frames)), seed


def main(arguments: list[str] | None = None) -> int:
    """Do the runs, print what must not be, and the zeros."""
    parser = argparse.ArgumentParser(prog="python -m tests.sweep", description=__doc__)
    parser.add_argument("--soak", type=int, metavar="RUNS", help="several faults in each of so many runs")
    parser.add_argument("--fault", choices=KINDS, help="only this one; all by default")
    parser.add_argument("--frame", type=int, help="only in this frame, from 1; all by default")
    parser.add_argument("--seed", type=int, default=0, help="of the run, or of the first of a soak")
    parser.add_argument("--program", choices=PROGRAMS, default="call", help="a whole call, or a list of calls")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--verbose", "-v", action="store_true", help="of each run, what went wrong and what it raised")
    options = parser.parse_args(arguments)
    untouched = run((), options.seed, options.program)
    if untouched.problems:
        print("\n".join(["without a fault:", *untouched.problems]))
        return 1
    frames = untouched.frames
    kinds = [options.fault] if options.fault else KINDS
    numbers = [options.frame] if options.frame else range(1, frames + 1)
    jobs = soak(options.soak, options.seed, frames) if options.soak else sweep(kinds, numbers, options.seed)
    began = time.monotonic()
    found = dict.fromkeys(ZEROS, 0)
    runs = faults = errors = 0
    for again, outcome in _results(jobs, options.program, options.processes):
        runs += 1
        faults += len(outcome.applied)
        errors += len(outcome.refused)
        for name in ZEROS:
            found[name] += len(getattr(outcome, name))
        if outcome.problems or options.verbose:
            print(f"python -m tests.sweep {again} --program {options.program}")
            print("  " + "\n  ".join([*outcome.applied, *outcome.refused, *outcome.problems]), flush=True)
    took = time.monotonic() - began
    print(f"{runs} runs of {frames} frames, {faults} faults, {errors} typed errors, {took:.0f} s")
    print(", ".join(f"{name}: {count}" for name, count in found.items()))
    return 1 if any(found.values()) else 0


def _results(jobs: Iterator[Job], program: str, processes: int) -> Iterator[tuple[str, Outcome]]:
    again, faults, seeds = zip(*jobs, strict=True)
    work = faults, seeds, [program] * len(seeds)
    if processes == 1:
        yield from zip(again, map(run, *work), strict=True)
        return
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        yield from zip(again, pool.map(run, *work, chunksize=20), strict=True)


if __name__ == "__main__":
    sys.exit(main())
