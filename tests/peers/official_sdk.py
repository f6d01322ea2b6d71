"""Where the official SDK is: an environment of its own, because it may not share swsync's."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

VERSION = "3.7.5"
VARIABLE = "SWSYNC_OFFICIAL_SDK"
PROGRAMS = Path(__file__).parent / "programs"


def official_python(cache: Path | None = None) -> str:
    """A Python whose environment holds the official SDK: the one that SWSYNC_OFFICIAL_SDK names, or one that is made.

    Args:
        cache: The folder to make it in, once; in the folder for temporary files by default. Needs PyPI.
    """
    named = os.environ.get(VARIABLE, "")
    if named:
        return named
    home = (cache or Path(tempfile.gettempdir())) / (
        f"swsync-official-sdk-{VERSION}-py{sys.version_info[0]}{sys.version_info[1]}"
    )
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True, timeout=300)
        install = [str(python), "-m", "pip", "install", "-q", f"signalwire-sdk=={VERSION}"]
        subprocess.run(install, check=True, timeout=600)
        (home / "ready").touch()
    return str(python)


def installed_version(python: str) -> str:
    """The version of the official SDK that a Python would import."""
    command = [python, "-c", "from importlib.metadata import version; print(version('signalwire-sdk'))"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


@functools.cache
def official_surface(asked: str = '{"swaig": [], "events": []}') -> dict[str, Any]:
    """What ``programs/official_surface.py`` finds: names, signatures, constants, and the answers to what is asked."""
    found = subprocess.run(
        [official_python(), str(PROGRAMS / "official_surface.py")],
        input=asked, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert 0 == found.returncode, found.stderr
    return dict(json.loads(found.stdout))
