"""mypy and pyright on a user's program: right uses pass at their strictest, and each mistake is found on its line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.peers

ROOT = Path(__file__).parent.parent.parent
PROGRAM = ROOT / "tests" / "typing" / "program.py"
MISTAKES = ROOT / "tests" / "typing" / "mistakes.py"


def _run(*command: str) -> str:
    """Run a checker as a module of this Python, and give what it printed; its exit code is 0 or 1."""
    environment = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def mypy(path: Path) -> set[int]:
    """The lines of a file in which mypy finds an error, without any settings of ours."""
    printed = _run("mypy", "--strict", "--config-file=", "--python-version=3.10", str(path))
    name = str(path.relative_to(ROOT))
    errors = [line.split(":") for line in printed.splitlines() if line.startswith(f"{name}:")]
    return {int(number) for _, number, kind, *_ in errors if kind.strip() == "error"}


def pyright(path: Path) -> set[int]:
    """The lines of a file in which pyright finds an error; the file itself says how strictly it is to be read."""
    printed = json.loads(_run("pyright", "--outputjson", "--pythonpath", sys.executable, str(path)))
    assert 1 == printed["summary"]["filesAnalyzed"]
    return {
        found["range"]["start"]["line"] + 1
        for found in printed["generalDiagnostics"]
        if found["severity"] == "error" and Path(found["file"]) == path
    }


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_a_users_program_passes(checker: Callable[[Path], set[int]]) -> None:
    """No error, and every ``assert_type`` holds."""
    assert set() == checker(PROGRAM)


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_every_mistake_is_found(checker: Callable[[Path], set[int]]) -> None:
    """The lines that are marked, and no others."""
    lines = enumerate(MISTAKES.read_text().splitlines(), 1)
    assert {number for number, line in lines if line.endswith("# wrong")} == checker(MISTAKES)
