"""Files of the user: their octets, up to a limit, and TOML or JSON, by the ending, that tells a relay what to do."""

from __future__ import annotations

import errno
import importlib
import json
import os
import sys
from typing import Any

from swsync.errors import ConfigurationError

__all__ = ["read_octets", "read_table"]

MOST = 4 * 1024 * 1024  # octets


def read_octets(path: str | os.PathLike[str], most: int) -> bytes:
    """Return what a file holds.

    Raises:
        OSError: It cannot be read, or holds more than ``most`` octets, as a device without an end does.
    """
    with open(path, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most} octets", os.fspath(path))
    return data


def read_table(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what a .toml or .json file holds, an object.

    Raises:
        ConfigurationError: The file cannot be read or is neither; the text says where.
    """
    name = os.fspath(path)
    try:
        data = read_octets(name, MOST)
    except OSError as error:
        raise ConfigurationError(f"cannot read {name}: {error.strerror}") from error
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
