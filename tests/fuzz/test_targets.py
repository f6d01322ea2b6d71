"""Every fuzz target: all of its corpus, then some hundred new inputs. C with the sanitizers.

For longer runs: ``python -m tests.fuzz --seconds 300``.
"""

from __future__ import annotations

from pathlib import Path

import ctargets
import pytargets
import pytest

RUNS = 500  # beside those of the corpus


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the targets are compiled, and what they share is compiled once."""
    return tmp_path_factory.mktemp("fuzz")


@pytest.mark.peers
@pytest.mark.parametrize("target", ctargets.C_TARGETS)
def test_no_input_breaks_it(target: str, built: Path, tmp_path: Path) -> None:
    """No crash, no leak, nothing undefined, and whatever the target itself holds to."""
    runs = RUNS + len(list((ctargets.CORPUS / target).iterdir()))
    try:
        program = ctargets.build(target, built)
        ctargets.replay(program)
        assert ctargets.fuzz(program, f"-runs={runs}", tmp_path / "new") >= runs
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
