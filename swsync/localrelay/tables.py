"""Files that tell a relay what to do: TOML or JSON, by the name's ending."""

from __future__ import annotations

import importlib
import json
import os
import pathlib
import sys
from typing import Any

from swsync.errors import ConfigurationError

__all__ = ["read_table"]

MOST = 4 * 1024 * 1024  # octets


def read_table(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what a .toml or .json file holds, an object.

    Raises:
        ConfigurationError: The file cannot be read or is neither; the text says where.
    """
    name = os.fspath(path)
    try:
        data = pathlib.Path(name).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot read {name}: {error.strerror}") from error
    if len(data) > MOST:
        raise ConfigurationError(f"{name} is larger than {MOST} octets")
    try:
        text = data.decode("utf-8-sig")
        table = json.loads(text) if name.lower().endswith(".json") else _toml(text, name)
    except (ValueError, RecursionError) as error:
        if isinstance(error, ConfigurationError):
            raise
        raise ConfigurationError(f"{name} cannot be read: {error}") from None
    if not isinstance(table, dict):
        raise ConfigurationError(f"{name} must hold an object")
    return table


def _toml(text: str, name: str) -> Any:
    module = "tomllib" if sys.version_info >= (3, 11) else "tomli"
    try:
        return importlib.import_module(module).loads(text)
    except ImportError:
        raise ConfigurationError(
            f"reading {name} with Python 3.10 needs tomli: pip install 'swsync[relay]', or use JSON"
        ) from None
