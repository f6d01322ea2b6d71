"""The page on applications names a test for what it says, and the test is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "applications.md").read_text()


def test_every_test_that_the_page_names_is_there() -> None:
    """By its file and its name."""
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)
    assert len(named) > 25
    for path, name in named:
        assert not name or f"def {name}(" in (ROOT / path).read_text(), f"{path}::{name}"
        assert (ROOT / path).exists(), path


def test_every_program_is_on_the_page() -> None:
    """Each that a test here starts."""
    tests = "".join(path.read_text() for path in ROOT.glob("tests/**/apps/test_*.py"))
    for path in [*(ROOT / "examples").glob("*.py"), *(ROOT / "examples").glob("[a-z]*_*/")]:
        if f"def test_{path.stem}(" in tests:
            assert f"`examples/{path.name}" in PAGE
