"""Cells of a spreadsheet that cannot become formulas (CWE-1236), and back again byte for byte."""

from __future__ import annotations

from swsync.batch.numbers import E164

__all__ = ["close_cell", "open_cell"]

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def _is_dangerous(text: str) -> bool:
    bare = text.lstrip("'")
    return bare.startswith(DANGEROUS) or bare.lstrip().startswith(DANGEROUS)


def close_cell(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would compute. A telephone number in E.164 stays as it is."""
    return "'" + text if _is_dangerous(text) and not E164.fullmatch(text) else text


def open_cell(text: str) -> str:
    """Undo ``close_cell``."""
    return text[1:] if text.startswith("'") and _is_dangerous(text) else text
