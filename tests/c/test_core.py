"""The C core by a C program: as it is built, under the sanitizers, and with NEON on an emulated 64-bit ARM."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
CSRC = HERE.parents[1] / "csrc"
TABLES = HERE.parent / "data" / "g711"
STRICT = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
CORE = ["error.c", "cpu.c", "g711.c", "g711_sse2.c", "g711_avx2.c", "g711_neon.c", "rtp.c", "rtpstats.c"]
OURS = ["core.c", "core_g711.c", "core_rtp.c", "core_rtpstats.c"]


def run(command: list[str]) -> str:
    """Run a program to its end; fail the test with all that it said."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except FileNotFoundError:
        pytest.fail(f"{command[0]} is not installed")
    if done.returncode != 0:
        pytest.fail(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def build(where: Path, compiler: str, *flags: str) -> str:
    """Compile the core and its checks; return the program's path."""
    program = str(where / "core")
    sources = [str(CSRC / name) for name in CORE] + [str(HERE / name) for name in OURS]
    run([compiler, *STRICT, *flags, f"-I{CSRC}", "-o", program, *sources])
    return program


def host_compiler() -> str:
    """Any C compiler will do for the plain build."""
    for name in ("cc", "gcc", "clang"):
        if shutil.which(name):
            return name
    pytest.fail("no C compiler: install gcc")


def test_every_function_of_the_core(tmp_path: Path) -> None:
    """Every function gives what its standard says, on every path that this machine has."""
    output = run([build(tmp_path, host_compiler(), "-O3"), str(TABLES)])

    assert "path plain" in output
    assert output.endswith("all as it should be\n")


@pytest.mark.peers
def test_under_address_and_undefined_behaviour_sanitizers(tmp_path: Path) -> None:
    """Nothing reads or writes beside its memory, and nothing relies on undefined behaviour."""
    sanitize = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]

    output = run([build(tmp_path, "gcc", *sanitize), str(TABLES)])

    assert output.endswith("all as it should be\n")


@pytest.mark.peers
def test_neon_on_an_emulated_arm(tmp_path: Path) -> None:
    """The NEON path gives the same bits as the others."""
    program = build(tmp_path, "aarch64-linux-gnu-gcc", "-O3")

    output = run(["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", program, str(TABLES)])

    assert "path neon" in output
    assert output.endswith("all as it should be\n")


@pytest.mark.peers
def test_compiler_analysis(tmp_path: Path) -> None:
    """gcc's static analysis has nothing to say of any file."""
    for source in sorted(CSRC.glob("*.c")):
        run(["gcc", *STRICT, "-O2", "-fanalyzer", f"-I{CSRC}", "-c", str(source), "-o", str(tmp_path / "out.o")])
