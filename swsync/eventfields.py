"""How the fields of an event are found in what RELAY sent: by name or path, and only if they have the right type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import attrs

__all__ = [
    "Column",
    "columns",
    "find",
    "flag",
    "integer",
    "list_",
    "number",
    "object_",
    "read_flag",
    "read_number",
    "read_text",
    "text",
]


class Column(NamedTuple):
    """Where one field comes from: its keys in order of preference, each a path into ``params``."""

    name: str
    key: str  # where there is one path of one key, which is nearly always; else ""
    paths: tuple[tuple[str, ...], ...]
    read: Callable[[Any], Any]


def read_text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    # Numbers stand in for text now and then (SIP codes, error codes); true and false do not.
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def read_number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value) if isinstance(value, (int, float, str)) else None
    except (ValueError, OverflowError):
        return None


def read_integer(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    number = read_number(value)
    try:
        return None if number is None else int(number)
    except (ValueError, OverflowError):  # NaN and the infinities
        return None


def read_flag(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.strip().lower()) if isinstance(value, str) else None


def read_object(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def read_list(value: Any) -> list[Any] | None:
    return value if isinstance(value, list) else None


def text(*keys: str) -> Any:
    return attrs.field(default="", metadata={"keys": keys, "read": read_text})


def number(*keys: str) -> Any:
    return attrs.field(default=0.0, metadata={"keys": keys, "read": read_number})


def integer(*keys: str) -> Any:
    return attrs.field(default=0, metadata={"keys": keys, "read": read_integer})


def flag(default: bool | None) -> Any:
    return attrs.field(default=default, metadata={"keys": (), "read": read_flag})


def object_(*keys: str) -> Any:
    return attrs.field(factory=dict, metadata={"keys": keys, "read": read_object})


def list_(*keys: str) -> Any:
    return attrs.field(factory=list, metadata={"keys": keys, "read": read_list})


_COLUMNS: dict[type[Any], tuple[Column, ...]] = {}  # filled on first use; two threads would write the same


def columns(cls: type[Any]) -> tuple[Column, ...]:
    """The fields of a class that are read from ``params``."""
    known = _COLUMNS.get(cls)
    if known is None:
        known = _COLUMNS[cls] = tuple(_column(field) for field in attrs.fields(cls) if "read" in field.metadata)
    return known


def _column(field: attrs.Attribute[Any]) -> Column:
    keys = field.metadata["keys"] or (field.name,)
    key = keys[0] if len(keys) == 1 and "." not in keys[0] else ""
    return Column(field.name, key, tuple(tuple(each.split(".")) for each in keys), field.metadata["read"])


def find(params: Mapping[str, Any], paths: tuple[tuple[str, ...], ...], read: Callable[[Any], Any]) -> Any:
    """The first value of the right type, or None."""
    for path in paths:
        value: Any = params
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        found = None if value is None else read(value)
        if found is not None:
            return found
    return None
