"""docs/reliability.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "reliability.md"


def test_every_test_that_is_named_exists() -> None:
    """A test that is renamed is renamed there too; each situation has one."""
    text = PAGE.read_text()
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", text)
    missing = [f"{file}::{test}" for file, test in named if f"def {test}(" not in (TESTS / file).read_text()]
    tables = [part.splitlines()[2:] for part in text.split("| Held by |")[1:]]
    rows = [row for table in tables for row in table[: table.index("")]]

    assert [] == missing
    assert [] == [row for row in rows if "::" not in row]
    assert len(named) > 80
