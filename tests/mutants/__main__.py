"""Breaks one guarantee at a time in a temporary copy, and runs the tests that must notice: ``python -m tests.mutants``.

Exits with 1 if a mutant survives, if the tests fail without any, or if a text to replace is not there exactly once.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.mutants.batch import BATCH
from tests.mutants.faults import FAULTS
from tests.mutants.guarantees import GUARANTEES, Mutant

ROOT = Path(__file__).resolve().parents[2]
MUTANTS = [*GUARANTEES, *FAULTS, *BATCH]
LIMIT = 300  # seconds for the tests of one mutant; to hang is to be noticed
GREEN, RED, UNREADABLE = 0, 1, 2  # pytest's exit codes; any but the first two say that no test has run


def check(mutants: list[Mutant]) -> list[str]:
    """What is wrong with the data itself."""
    wrong = []
    for mutant in mutants:
        text = (ROOT / mutant.file).read_text()
        for old, _ in mutant.edits:
            if text.count(old) != 1:
                wrong.append(f"{mutant.name}: in {mutant.file} this is there {text.count(old)} times, not once:\n{old}")
        wrong += [f"{mutant.name}: there is no tests/{t}" for t in mutant.tests if not (ROOT / "tests" / t).exists()]
    return wrong


def copy_to(directory: Path) -> None:
    """Copy what Git knows of, as it is on disk, without compiled files, and build the C module."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, directory / name)
    build(directory)


def build(directory: Path) -> None:
    """Compile csrc/."""
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace", "--force"]
    quiet = {**os.environ, "CFLAGS": "-w"}  # what a mutant leaves unused is no news
    subprocess.run(command, cwd=directory, env=quiet, check=True, stdout=subprocess.DEVNULL)


def run_tests(directory: Path, tests: tuple[str, ...], limit: float = LIMIT) -> tuple[int | None, str]:
    """Run test modules up to the first failure; pytest's exit code, None if they hung, and its last line."""
    # No byte code: a mutant may be of the same size, in the same second, as what was compiled.
    environment = {**os.environ, "PYTHONPATH": str(directory), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=no", "-p", "no:cacheprovider"]
    command += [f"tests/{name}" for name in tests]
    with tempfile.TemporaryFile("w+") as output:
        try:
            code = subprocess.run(
                command,
                cwd=directory,
                env=environment,
                check=False,
                timeout=limit,
                stdout=output,
                stderr=subprocess.STDOUT,
            ).returncode
        except subprocess.TimeoutExpired:
            return None, "hangs"
        output.seek(0)
        lines = output.read().splitlines()
    if any("during collection" in line for line in lines):
        code = UNREADABLE  # no test has noticed a mutant that is no program
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    return code, (failed or lines or [""])[-1]


def try_one(directory: Path, mutant: Mutant) -> tuple[bool, str]:
    """Apply a mutant, see what its tests say, and take it back."""
    path = directory / mutant.file
    original = path.read_text()
    libraries = {library: library.read_bytes() for library in (directory / "swsync").glob("_media*.so")}
    text = original
    for old, new in mutant.edits:
        text = text.replace(old, new)
    path.write_text(text)
    try:
        if mutant.file.startswith("csrc/"):
            build(directory)
        code, said = run_tests(directory, mutant.tests)
    finally:
        path.write_text(original)
        for library, octets in libraries.items():
            library.unlink()  # a process that has it mapped keeps the one it has
            library.write_bytes(octets)
    return code in (RED, None), said.removeprefix("FAILED ").split(" - ")[0] if code == RED else f"{said} ({code})"


def main() -> int:
    """Run all mutants, or those whose names hold one of the given words."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("words", nargs="*", help="only the mutants with one of these in their names")
    parser.add_argument("--no-baseline", action="store_true", help="do not run the tests on the unbroken code first")
    parser.add_argument("--check", action="store_true", help="only see whether the text of every edit is still there")
    arguments = parser.parse_args()
    chosen = [m for m in MUTANTS if not arguments.words or any(word in m.name for word in arguments.words)]
    wrong = check(MUTANTS)
    if wrong or not chosen:
        print("\n".join(wrong or ["no mutant has such a name"]), file=sys.stderr)
        return 1
    if arguments.check:
        print(f"{len(MUTANTS)} mutants, all of their texts are there")
        return 0
    survivors = 0
    with tempfile.TemporaryDirectory(prefix="swsync-mutants-") as name:
        directory = Path(name)
        copy_to(directory)
        if not arguments.no_baseline:
            code, said = run_tests(directory, tuple(sorted({test for m in chosen for test in m.tests})), 6 * LIMIT)
            if code != GREEN:
                print(f"the tests fail without any mutant: {said}", file=sys.stderr)
                return 1
        for mutant in chosen:
            began = time.monotonic()
            killed, said = try_one(directory, mutant)
            survivors += not killed
            verdict = "killed" if killed else "SURVIVED"
            print(f"{verdict:8} {mutant.name} ({time.monotonic() - began:.0f} s): {said}", flush=True)
    print(f"{len(chosen) - survivors} of {len(chosen)} mutants killed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
