"""The build of the C module, where it can fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_missing_compiler_is_explained() -> None:
    """Without a C compiler the build ends with one sentence that says what to install."""
    environment = {**os.environ, "CC": "no-such-compiler -pthread"}

    done = subprocess.run(
        [sys.executable, str(ROOT / "csrc" / "build_media.py")],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert "no-such-compiler was not found" in done.stderr
    assert "apt install gcc python3-dev" in done.stderr
    assert "Traceback" not in done.stderr
