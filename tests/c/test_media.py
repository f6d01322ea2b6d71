"""The RTP engine and its rings by a C program with threads of its own: as built, and under the sanitizers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
CSRC = HERE.parents[1] / "csrc"
STRICT = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-pthread"]
SANITIZERS = {
    "address and undefined behaviour": [
        "gcc",
        "-O1",
        "-g",
        "-fsanitize=address,undefined",
        "-fno-sanitize-recover=all",
    ],
    "threads": ["clang", "-O1", "-g", "-fsanitize=thread"],
}


def run(*command: str | Path) -> str:
    """Run a program to its end; fail the test with all that it said."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except FileNotFoundError:
        pytest.fail(f"{command[0]} is not installed")
    if done.returncode != 0:
        pytest.fail(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def build(where: Path, checks: str, *compiler: str) -> Path:
    """Compile the core and the checks; return the program's path."""
    program = where / checks
    run(*compiler, *STRICT, f"-I{CSRC}", "-o", program, *sorted(CSRC.glob("*.c")), HERE / f"{checks}.c")
    return program


# Timeline, receiver and engine, on both paths to the sockets; its steps one by one; a port that many share, and mutes;
# senders and their pacer; live reading and concealment; WebSockets that are swept while others read, and many datagrams
# a call.
CHECKS = ("media", "engine", "shared", "sending", "live", "sockets")


@pytest.mark.parametrize("checks", CHECKS)
def test_the_engines_as_they_are_built(checks: str, tmp_path: Path) -> None:
    """They do what they say."""
    assert run(build(tmp_path, checks, "cc", "-O3")).endswith("all as it should be\n")


@pytest.mark.peers
@pytest.mark.parametrize("checks", CHECKS)
@pytest.mark.parametrize("name", SANITIZERS)
def test_the_engines_under_sanitizers(name: str, checks: str, tmp_path: Path) -> None:
    """Nothing beside its memory, nothing undefined, no data race."""
    assert run(build(tmp_path, checks, *SANITIZERS[name])).endswith("all as it should be\n")
