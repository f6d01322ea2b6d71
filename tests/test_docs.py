"""The documentation is true: every Python block in it runs, and every page is in the site's list."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from docs_page import SKIP, code_of

import swsync
from swsync import errors, media

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
WITH_CODE = [page for page in PAGES if code_of(page.read_text()).strip()]
MOST_SKIPPED = 4
FOR_TESTS = {"SWSYNC_RTP_PLAIN"}  # variables that nobody else needs


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.stem)
def test_the_blocks_of_a_page_run(page: Path, tmp_path: Path) -> None:
    """One after the other, as a reader would run them, without a warning."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(Path(__file__).with_name("docs_page.py")), str(page)],
        env={name: value for name, value in os.environ.items() if not name.startswith(("SIGNALWIRE_", "SWSYNC_"))},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)


def test_few_blocks_are_not_run() -> None:
    """What is marked as a fragment has its reason, and stays the exception."""
    marks = [line for page in PAGES for line in page.read_text().splitlines() if line.startswith(SKIP)]
    assert [] == [mark for mark in marks if len(mark.removeprefix(SKIP).removesuffix("-->").strip()) < 10]
    assert len(marks) <= MOST_SKIPPED


def test_blocks_are_found_by_their_fences() -> None:
    """Only Python, and only what is not marked; each line keeps its number."""
    shell, marked = "```sh\nls\n```\n", "<!-- not run: a reason -->\n\n```python\nb\n```\n"
    page = f"text\n```python\na = 1\n```\n{shell}{marked}```python\nc = 2\n```\n"
    assert {3: "a = 1", 14: "c = 2"} == {n: line for n, line in enumerate(code_of(page).splitlines(), 1) if line}


@pytest.mark.parametrize("page", PAGES[1:], ids=lambda page: page.stem)
def test_every_page_is_in_the_site(page: Path) -> None:
    """mkdocs leaves out of the menu what its list does not name."""
    assert f" {page.name}\n" in (ROOT / "mkdocs.yml").read_text()


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_is_explained(name: str) -> None:
    """The page of errors says of each what happened and what to do."""
    if name != "SwsyncError":
        assert f"| `{name}`" in (ROOT / "docs" / "errors.md").read_text()


def test_every_variable_is_explained() -> None:
    """What can be set from outside stands in a guide."""
    source = "".join(path.read_text() for path in (ROOT / "swsync").rglob("*.py"))
    guides = "".join(page.read_text() for page in PAGES)
    variables = set(re.findall(r"\b(?:SWSYNC|SIGNALWIRE)_[A-Z_]+\b", source)) - FOR_TESTS
    assert set() == {name for name in variables if name not in guides}


@pytest.mark.parametrize("name", sorted({*swsync._HOMES, *media.__all__}))
def test_every_public_name_is_in_the_reference(name: str) -> None:
    """Those of events, errors and constants are there by the module."""
    pages = "".join(page.read_text() for page in (ROOT / "docs" / "reference").glob("*.md"))
    assert re.search(rf"\b{name}\b", pages)
