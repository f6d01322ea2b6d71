"""What setup.py makes of an interpreter with and without the limited API, and what pyproject.toml promises."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROGRAM = """
import sys, sysconfig
free_threaded = sys.argv[1] == "1"
asked = sysconfig.get_config_var
sysconfig.get_config_var = lambda name: free_threaded if name == "Py_GIL_DISABLED" else asked(name)
import setuptools  # brings distutils, which Python 3.12 has no more
from distutils.core import run_setup
built = run_setup("setup.py", stop_after="init")
wheel = built.get_command_obj("bdist_wheel")
print(getattr(wheel, "py_limited_api", None) or None, *{extension.py_limited_api for extension in built.ext_modules})
"""


@pytest.mark.parametrize(("free_threaded", "expected"), [("0", "cp310 True"), ("1", "None False")])
def test_only_an_interpreter_with_a_lock_has_the_limited_api(free_threaded: str, expected: str) -> None:
    """Wheel tag and C module agree: abi3 from 3.10 on, or neither."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, free_threaded],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert expected == done.stdout.splitlines()[-1]


def test_the_version_has_its_part_of_the_changelog() -> None:
    """What is about to be published is described."""
    version = re.search(r'__version__ = "(.+)"', (ROOT / "swsync" / "__init__.py").read_text())
    assert version is not None
    assert re.search(rf"^## {re.escape(version[1])}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
