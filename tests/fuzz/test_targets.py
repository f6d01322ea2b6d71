"""Every fuzz target: all of its corpus, then some seconds of new inputs. C with the sanitizers.

For longer runs: ``python -m tests.fuzz --seconds 300``.
"""

from __future__ import annotations

from pathlib import Path

import ctargets
import pytargets
import pytest

SECONDS = 6.0


@pytest.mark.peers
@pytest.mark.parametrize("target", ctargets.C_TARGETS)
def test_no_input_breaks_it(target: str, tmp_path: Path) -> None:
    """No crash, no leak, nothing undefined, and whatever the target itself holds to."""
    try:
        program = ctargets.build(target, tmp_path)
        ctargets.replay(program)
        assert ctargets.fuzz(program, SECONDS, tmp_path / "new") > 1000
    except ctargets.Broken as error:
        pytest.fail(str(error))


@pytest.mark.parametrize("target", pytargets.TARGETS)
def test_no_input_raises_what_is_not_documented(target: str) -> None:
    """A typed error or a result, for all of the corpus and four hundred mutations, the same in every run."""
    assert pytargets.run(target, seconds=0.0, seed=target) >= 5
    seeds, rng = pytargets.corpus(target), pytargets.random.Random(target)
    for _ in range(400):
        pytargets.attempt(target, pytargets.mutate(rng, seeds))


def test_every_target_has_a_corpus() -> None:
    """At least five hundred inputs in all, in directories of their targets and no other."""
    sizes = {path.name: len(list(path.iterdir())) for path in ctargets.CORPUS.iterdir()}

    assert {*ctargets.C_TARGETS, *pytargets.TARGETS} == set(sizes)
    assert sum(sizes.values()) >= 500
    assert min(sizes[target] for target in ctargets.C_TARGETS) >= 40
