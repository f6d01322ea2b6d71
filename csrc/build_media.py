"""Builds ``swsync._media`` from every C file of this directory; the ``sw_api`` headers are what Python sees of them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path

from cffi import FFI

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent


def compiler() -> list[str]:
    """The command that setuptools compiles with."""
    return shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc") or ["cc"]


def whole_program() -> list[str]:
    """Let gcc see all files as one: 5 % of receiving a packet are calls from file to file. Others may lack a plugin."""
    try:
        version = subprocess.run([*compiler(), "--version"], capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return ["-flto=auto"] if "Free Software Foundation" in version.stdout else []


def require_compiler() -> None:
    """End the build with advice if it cannot succeed: no C compiler, or no headers of Python.

    Raises:
        SystemExit: The sentence says what to install.
    """
    command = compiler()
    found = any(shutil.which(name) for name in command[:1])
    header = Path(sysconfig.get_path("include"), "Python.h")
    if found and header.exists():
        return
    missing = f"C compiler ({command[0]} was not found)" if not found else f"file {header}"
    raise SystemExit(
        f"swsync cannot be built: its audio code is C and this machine has no {missing}. Install a compiler and "
        "Python's headers (Debian, Ubuntu: apt install gcc python3-dev; Fedora: dnf install gcc python3-devel; "
        "Alpine: apk add gcc musl-dev python3-dev; macOS: xcode-select --install) and install swsync again."
    )


def make_ffi() -> FFI:
    """Describe the module: the interface, the files, how to compile them."""
    builder = FFI()
    for part in re.findall(r'^#include "(sw_api\w*\.h)"', (HERE / "sw.h").read_text(encoding="utf-8"), re.MULTILINE):
        builder.cdef((HERE / part).read_text(encoding="utf-8"))
    builder.set_source(
        "swsync._media",
        '#include "sw.h"',
        sources=sorted(os.path.relpath(path, ROOT) for path in HERE.glob("*.c")),
        include_dirs=[os.path.relpath(HERE, ROOT)],
        depends=sorted(os.path.relpath(path, ROOT) for path in (*HERE.glob("*.h"), Path(__file__).resolve())),
        # Our files are held to -Wpedantic too, by tests/c; the file that cffi generates does not keep to it.
        # Hidden: nobody else links to them, and calls from one file to another need no detour.
        extra_compile_args=["-std=c11", "-O3", "-fvisibility=hidden", "-Wall", "-Wextra", *whole_program()],
        extra_link_args=["-O3", *whole_program()],
        py_limited_api=not sysconfig.get_config_var("Py_GIL_DISABLED"),
    )
    return builder


require_compiler()
ffibuilder = make_ffi()
