"""Where the official Node client is: a folder of its own, installed by npm from the lock file beside its programs."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

VERSION = "4.2.1"
VARIABLE = "SWSYNC_OFFICIAL_NODE"
PROGRAMS = Path(__file__).parent / "node"


def node_modules() -> str:
    """The folder of the installed packages: the one that SWSYNC_OFFICIAL_NODE names, or one made here, once."""
    named = os.environ.get(VARIABLE, "")
    if named:
        return named
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            pytest.fail(f"{tool} is missing: apt-get install nodejs npm")
    home = Path(tempfile.gettempdir()) / f"swsync-official-node-{VERSION}"
    if not (home / "ready").exists():
        home.mkdir(exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(PROGRAMS / name, home / name)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=home, check=True, capture_output=True, timeout=600)
        (home / "ready").touch()
    return str(home / "node_modules")
