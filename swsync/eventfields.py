"""How the fields of an event are found in what RELAY sent: by name or path, and only if they have the right type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import attrs

__all__ = [
    "Column",
    "find",
    "flag",
    "integer",
    "list_",
    "number",
    "object_",
    "read",
    "read_flag",
    "read_number",
    "read_text",
    "text",
]


class Column(NamedTuple):
    """Where one field comes from: its keys in order of preference, each a path into ``params``."""

    paths: tuple[tuple[str, ...], ...]
    read: Callable[[Any], Any]
    default: Callable[[], Any]


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


_COLUMNS: dict[type[Any], dict[str, Column]] = {}  # filled on first use; two threads would write the same


def read(cls: type[Any], name: str, params: Mapping[str, Any]) -> Any:
    """A field of an event of this class from its params, or the field's default; AttributeError if there is none."""
    columns = _COLUMNS.get(cls)
    if columns is None:
        columns = _COLUMNS[cls] = {field.name: _column(field) for field in attrs.fields(cls)}
    column = columns.get(name)
    if column is None:
        raise AttributeError(f"{cls.__name__!r} object has no attribute {name!r}")
    value = find(params, column.paths, column.read)
    return column.default() if value is None else value


def _column(field: attrs.Attribute[Any]) -> Column:
    default = getattr(field.default, "factory", lambda: field.default)
    if "read" not in field.metadata:
        return Column((), str, default)
    keys = field.metadata["keys"] or (field.name,)
    return Column(tuple(tuple(each.split(".")) for each in keys), field.metadata["read"], default)


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
