"""Whole programs on a link that fails: nothing hangs, rings twice, is left on, or is lost."""

from __future__ import annotations

import pytest
from sweep.plans import KINDS, several, single
from sweep.running import run

FRAMES = {"call": 62, "batch": 118}  # of a run in which nothing goes wrong


@pytest.mark.parametrize("program", FRAMES)
def test_without_a_fault(program: str) -> None:
    """Nothing is raised, and as many frames go over the link as the sweep goes through."""
    outcome = run((), 0, program)
    assert ([], []) == (outcome.problems, outcome.refused)
    assert FRAMES[program] == outcome.frames


@pytest.mark.parametrize("kind", KINDS)
def test_one_fault_in_each_frame_of_a_call(kind: str) -> None:
    """Each failure is done again by ``python -m tests.sweep --fault KIND --frame NUMBER``."""
    wrong = {}
    for frame in range(1, FRAMES["call"] + 1):
        outcome = run((single(kind, frame),), 0)
        assert outcome.applied, (kind, frame)
        wrong |= {(kind, frame): outcome.problems} if outcome.problems else {}
    assert {} == wrong


@pytest.mark.parametrize("kind", KINDS)
def test_one_fault_in_a_list_of_calls(kind: str) -> None:
    """Each kind in every seventh frame, and in others than the next kind."""
    wrong = {}
    for frame in range(1 + KINDS.index(kind), FRAMES["batch"] + 1, len(KINDS)):
        outcome = run((single(kind, frame),), 0, "batch")
        wrong |= {(kind, frame): outcome.problems} if outcome.problems else {}
    assert {} == wrong


@pytest.mark.parametrize(("program", "runs"), [("call", 80), ("batch", 15)])
def test_several_faults(program: str, runs: int) -> None:
    """The first seeds of ``python -m tests.sweep --soak RUNS``, with ``--program batch`` for lists."""
    wrong = {}
    for seed in range(runs):
        outcome = run(several(seed, FRAMES[program]), seed, program)
        wrong |= {seed: outcome.problems} if outcome.problems else {}
    assert {} == wrong
