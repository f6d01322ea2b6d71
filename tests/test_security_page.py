"""The page on security: whatever it names as a test is one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
PAGE = (HERE.parent / "docs" / "security.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[name for _, name in NAMED])
def test_what_is_named_exists(path: str, name: str) -> None:
    """The file, and the function in it."""
    assert re.search(rf"^def {name}\(", (HERE.parent / path).read_text(), re.MULTILINE)


def test_it_names_many() -> None:
    """The pattern above finds them."""
    assert len(NAMED) >= 50
