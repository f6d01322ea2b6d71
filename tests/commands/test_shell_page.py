"""docs/shell.md and the examples of the help pages are command lines that the parser takes; no command is left out."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from swsync.cli import COMMANDS, parser
from swsync.commands.completion import levels

PAGE = (Path(__file__).parents[2] / "docs" / "shell.md").read_text()
ELSEWHERE = {"-h", "--help", "--version", "-v", "--verbose"}


def lines_of(text: str) -> Iterator[list[str]]:
    """The words of each ``swsync`` command in shell code, without its pipes and files."""
    for line in text.replace("\\\n", " ").splitlines():
        for part in re.split(r"(?<!\|)\|(?!\|)|<\(|\)\s", line):
            found = part.strip()
            if found.startswith("swsync "):
                yield shlex.split(re.split(r"\s{2,}\S|\s>\s", found)[0])[1:]


def subparsers(top: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield top
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from subparsers(each)


PARSER = parser()
SHELL = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL))
HELP = "\n".join(each.epilog.partition("examples:")[2] for each in subparsers(PARSER) if each.epilog)


@pytest.mark.parametrize("words", [*lines_of(SHELL), *lines_of(HELP)], ids=" ".join)
def test_an_example_is_a_command_line(words: list[str]) -> None:
    PARSER.parse_args(words)


def test_the_page_has_every_command_and_option() -> None:
    """Those of batch have a page of their own."""
    assert set() == {name for name in COMMANDS if f"| `swsync {name}`" not in PAGE}
    wanted = {name for level in levels(PARSER) if "batch" not in level.words for o in level.options for name in o.names}
    assert {"--no-tls", "--host"} == {name for name in wanted - ELSEWHERE if not re.search(rf"{name}\b", PAGE)}
