"""The page on applications names a test for what it says, and the test is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "applications.md").read_text()


def test_every_test_that_the_page_names_is_there() -> None:
    """By its file's name, of which there is one, and its own."""
    named = re.findall(r"`(test_\w+\.py)`(?: `(test_\w+)`)?", PAGE)
    assert len(named) > 25
    for file, name in named:
        (path,) = (ROOT / "tests").rglob(file)
        assert not name or f"def {name}(" in path.read_text(), f"{file}::{name}"


def test_every_program_is_on_the_page() -> None:
    """Each that a test here starts."""
    tests = "".join(path.read_text() for path in ROOT.glob("tests/**/apps/test_*.py"))
    for path in [*(ROOT / "examples").glob("*.py"), *(ROOT / "examples").glob("[a-z]*_*/")]:
        if f"def test_{path.stem}(" in tests:
            assert f"`examples/{path.name}" in PAGE
