"""The table of what was observed, for people."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path

import swsync
from tests.peers.faults.running import Result
from tests.peers.faults.services import Service

__all__ = ["PATH", "replace", "table", "write"]

PATH = Path(__file__).parents[3] / "docs" / "reliability.md"
BEGIN, END = "<!-- written by python -m tests.peers.faults --write -->", "<!-- end -->"


def table(faults: Sequence[type[Service]], results: Sequence[Result], version: str) -> str:
    """The observations as Markdown."""
    found = {(result.fault, result.client): result for result in results}
    python = ".".join(platform.python_version_tuple()[:2])
    lines = [
        f"| | What goes wrong | signalwire-sdk {version} | swsync {swsync.__version__} |",
        "|---|---|---|---|",
    ]
    for fault in faults:
        cells = [_cell(found[fault.number, client]) for client in ("official", "ours")]
        lines.append(f"| {fault.number} | {fault.title} | {cells[0]} | {cells[1]} |")
    return "\n".join([*lines, "", f"Python {python}, {platform.system()}."])


def _cell(result: Result) -> str:
    words = " ".join(result.words.split()).replace("|", "\\|")
    return f"**{result.verdict}**: {words}"


def write(text: str) -> None:
    """Put the table where the last one was."""
    replace(BEGIN, text)


def replace(begin: str, text: str) -> None:
    """Put a text into the page between a comment and the next end."""
    head, _, rest = PATH.read_text().partition(begin)
    _, _, tail = rest.partition(END)
    PATH.write_text(f"{head}{begin}\n{text}\n{END}{tail}")
