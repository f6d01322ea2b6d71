"""Every fuzz target, with the sanitizers: all of its corpus, then some seconds of new inputs.

For longer runs: ``clang -g -O1 -std=c11 -fsanitize=fuzzer,address,undefined -Icsrc -o fuzz csrc/*.c
tests/fuzz/playout.c`` and ``./fuzz -max_total_time=300 new tests/fuzz/corpus/playout``.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.peers

HERE = Path(__file__).resolve().parent
CSRC = HERE.parents[1] / "csrc"
TARGETS = sorted(path.stem for path in HERE.glob("*.c"))
SECONDS = 10
COMPILER = ["clang", "-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-fno-sanitize-recover=all"]


def run(*command: str | Path) -> None:
    """Run a program to its end; fail the test with the end of what it said."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=300, check=False)
    except FileNotFoundError:
        pytest.fail(f"{command[0]} is not installed")
    if done.returncode != 0:
        pytest.fail(f"{command[0]} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-6000:]}")


@pytest.mark.parametrize("target", TARGETS)
def test_no_input_breaks_it(target: str, tmp_path: Path) -> None:
    """No crash, no leak, nothing undefined, and whatever the target itself holds to."""
    program, new, corpus = tmp_path / target, tmp_path / "new", HERE / "corpus" / target
    sources = [*sorted(CSRC.glob("*.c")), HERE / f"{target}.c"]
    run(*COMPILER, "-fsanitize=fuzzer,address,undefined", f"-I{CSRC}", "-o", program, *sources)
    assert len(list(corpus.iterdir())) > 50
    run(program, "-runs=0", "-timeout=20", corpus)
    new.mkdir()
    run(program, f"-max_total_time={SECONDS}", "-timeout=20", f"-artifact_prefix={tmp_path}/", new, corpus)
