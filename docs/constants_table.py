"""A hook of mkdocs: ``<!-- constants -->`` in a page becomes a table of ``swsync.constants``."""

from __future__ import annotations

from typing import Any

from swsync import constants

MARK = "<!-- constants -->"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by mkdocs with each page."""
    if MARK not in markdown:
        return markdown
    rows = [f"| `{name}` | `{getattr(constants, name)!r}` |" for name in constants.__all__]
    return markdown.replace(MARK, "\n".join(["| Name | Value |", "|---|---|", *rows]))
