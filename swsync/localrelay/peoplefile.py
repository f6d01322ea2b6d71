"""People from a file: who is at which number and what they do, and who calls in and when."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from swsync.errors import ConfigurationError, SwsyncError

from .steps import steps_of
from .tables import read_table

if TYPE_CHECKING:
    from .people import People

__all__ = ["load_people"]

NUMBER, TEXT, TEXTS, FILE, LIST = "a number", "a text", "a text or a list of texts", "a file's path", "a list"
PERSON = {
    "kind": TEXT,
    "speech": FILE,
    "speaks_after": NUMBER,
    "presses": TEXTS,
    "presses_after": NUMBER,
    "says_text": TEXTS,
    "replies_after": NUMBER,
    "hangs_up_after": NUMBER,
    "fax_document": FILE,
    "script": LIST,
}
CALLEE = {
    **PERSON, "number": TEXT, "outcome": TEXT, "outcomes": TEXTS, "answers_after": NUMBER, "greeting": NUMBER,
    "beep_after": NUMBER,
}  # fmt: skip
INBOUND = {
    **PERSON, "context": TEXT, "from": TEXT, "to": TEXT, "rings_for": NUMBER, "project": TEXT, "after": NUMBER,
    "every": NUMBER, "times": NUMBER,
}  # fmt: skip


def _is(value: Any, kind: str) -> bool:
    if kind == NUMBER:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1e6
    if kind == LIST:
        return isinstance(value, list)
    if kind == TEXTS and isinstance(value, list):
        return all(isinstance(item, str) for item in value)
    return isinstance(value, str)


def _checked(table: Any, fields: dict[str, str], where: str, base: str) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise ConfigurationError(f"{where}: must be a table")
    found: dict[str, Any] = {}
    for name, value in table.items():
        if name not in fields:
            raise ConfigurationError(f"{where}.{name}: is not known; it has {', '.join(sorted(fields))}")
        if name == "beep_after" and value is False:
            found[name] = None
            continue
        if not _is(value, fields[name]):
            raise ConfigurationError(f"{where}.{name}: must be {fields[name]}")
        found[name] = os.path.join(base, value) if fields[name] == FILE and value else value
    if found.get("speech") == "":
        found["speech"] = b""
    return found


def load_people(people: People, path: str | os.PathLike[str]) -> None:
    """Take the people of a file: ``[[callee]]`` tables and ``[[inbound]]`` calls. See ``People.load``."""
    name = os.fspath(path)
    table = read_table(name)
    base = os.path.dirname(os.path.abspath(name))
    groups: list[tuple[str, dict[str, str], Callable[..., object]]] = [
        ("callee", CALLEE, people.callee),
        ("inbound", INBOUND, people.schedule_call),
    ]
    for group in table:
        if group not in ("callee", "inbound"):
            raise ConfigurationError(f"{name}: {group}: is not known; a file has [[callee]] and [[inbound]]")
    for group, fields, take in groups:
        tables = table.get(group, [])
        if not isinstance(tables, list):
            raise ConfigurationError(f"{name}: {group}: must be an array of tables, [[{group}]]")
        for index, one in enumerate(tables):
            where = f"{group}[{index}]"
            try:
                checked = _checked(one, fields, where, base)
                if group == "callee" and "number" not in checked:
                    raise ConfigurationError(f"{where}.number: is required")
                if "from" in checked:
                    checked["from_"] = checked.pop("from")
                if "script" in checked:
                    checked["script"] = steps_of(checked["script"], f"{where}.script", base)
                take(**checked)
            except SwsyncError as error:
                text = str(error)
                raise ConfigurationError(f"{name}: {text if text.startswith(where) else f'{where}: {text}'}") from None
