"""Libraries that stand in for a part of the machine in the program they are loaded into."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from pathlib import Path

__all__ = ["made"]


def made(source: str, directory: Path) -> Path:
    """Compile a file of this directory; what comes of it is for ``LD_PRELOAD``."""
    path = (directory / source).with_suffix(".so")
    compiler = shutil.which("cc") or (sysconfig.get_config_var("CC") or "").split()[0]
    options = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", str(path)]
    subprocess.run([compiler, *options, str(Path(__file__).with_name(source)), "-ldl"], check=True, timeout=120)
    return path
