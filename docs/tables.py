"""A hook of mkdocs: ``<!-- events -->``, ``<!-- words -->`` and ``<!-- constants -->`` become lists and a table.

mkdocstrings would give each field and each member a heading of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs

from swsync import constants, events, states


def _heading(module: str, name: str, level: int) -> str:
    """A class by its docstring alone."""
    options = f"members: false, heading_level: {level}, merge_init_into_class: false, show_bases: false"
    return f"::: swsync.{module}.{name}\n    options: {{{options}}}\n"


def event_list() -> Iterator[str]:
    """Each event class with the fields that it adds to ``RelayEvent``."""
    common = {field.name for field in attrs.fields(events.RelayEvent)}
    for cls in dict.fromkeys(events.EVENT_CLASSES.values()):
        fields = [field for field in attrs.fields(cls) if field.name not in common]
        yield _heading("events", cls.__name__, 3)
        yield ", ".join(f"`{field.name}: {field.type}`" for field in fields) + "\n"


def word_list() -> Iterator[str]:
    """Each enumeration with its members."""
    for name in states.__all__:
        yield _heading("states", name, 3)
        yield ", ".join(f"`{member.name} = {member.value!r}`" for member in getattr(states, name)) + "\n"


def constant_table() -> Iterator[str]:
    """Every constant with its value."""
    yield "| Name | Value |\n|---|---|"
    for name in constants.__all__:
        yield f"| `{name}` | `{getattr(constants, name)!r}` |"


MARKS: dict[str, Callable[[], Iterator[str]]] = {
    "<!-- events -->": event_list,
    "<!-- words -->": word_list,
    "<!-- constants -->": constant_table,
}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by mkdocs with each page."""
    for mark, lines in MARKS.items():
        if mark in markdown:
            markdown = markdown.replace(mark, "\n".join(lines()))
    return markdown
