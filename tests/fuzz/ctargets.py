"""The targets in C: built with the sanitizers, and run for some seconds."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
CSRC = HERE.parents[1] / "csrc"
CORPUS = HERE / "corpus"
C_TARGETS = sorted(path.stem for path in HERE.glob("*.c"))
COMPILER = ["clang", "-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-fno-sanitize-recover=all"]


class Broken(Exception):
    """A target did not compile, or an input broke it; the text is the end of what the program said."""


def run(*command: str | Path, timeout: float = 300) -> str:
    """Run a program to its end and return what it said. Raises ``Broken``."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=timeout, check=False)
    except FileNotFoundError:
        raise Broken(f"{command[0]} is not installed") from None
    if done.returncode != 0:
        raise Broken(f"{command[0]} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-6000:]}")
    return done.stdout + done.stderr


def library(where: Path) -> Path:
    """Compile ``csrc`` for fuzzing, with ASan and UBSan, if that was not done in this directory; return the archive."""
    archive = where / "csrc.a"
    if not archive.exists():
        for source in sorted(CSRC.glob("*.c")):
            run(
                *COMPILER, "-fsanitize=fuzzer-no-link,address,undefined",
                f"-fsanitize-coverage-ignorelist={HERE / 'uncounted.txt'}",
                "-c", "-o", where / f"{source.stem}.o", source,
            )  # fmt: skip
        run("ar", "rcs", archive, *sorted(where.glob("*.o")))
    return archive


def build(target: str, where: Path) -> Path:
    """Compile a target with libFuzzer, ASan and UBSan; return the program. Targets of one directory share a library."""
    program = where / target
    sources = [HERE / f"{target}.c", library(where)]
    run(*COMPILER, "-fsanitize=fuzzer,address,undefined", f"-I{CSRC}", "-o", program, *sources)
    return program


def replay(program: Path) -> None:
    """Try every input of the corpus once."""
    run(program, "-runs=0", "-timeout=20", CORPUS / program.name)


def fuzz(program: Path, how_long: str, new: Path) -> int:
    """Try new inputs (``-runs=N`` or ``-max_total_time=SECONDS``); one that breaks the target goes into its corpus.

    Returns how many inputs were tried, those of the corpus included.
    """
    corpus = CORPUS / program.name
    new.mkdir(parents=True, exist_ok=True)
    flags = ["-timeout=20", "-print_final_stats=1", f"-artifact_prefix={corpus}/"]
    said = run(program, how_long, *flags, new, corpus, timeout=3600)
    found = re.search(r"number_of_executed_units: (\d+)", said)
    return int(found[1]) if found else 0
