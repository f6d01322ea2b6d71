"""Rows as a table of pandas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from swsync.errors import ConfigurationError

__all__ = ["data_frame"]


def data_frame(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], times: Sequence[str] = ()) -> Any:
    """Make a ``pandas.DataFrame``.

    Args:
        rows: Values by column.
        columns: All columns, in their order; they are there without rows too.
        times: Columns of seconds since 1970, which become timestamps in UTC; 0 and None become NaT.

    Raises:
        ConfigurationError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise ConfigurationError("this needs pandas: pip install 'swsync[pandas]'") from None
    found = pandas.DataFrame(list(rows), columns=list(columns))
    for name in times:
        seconds = pandas.to_numeric(found[name])
        found[name] = pandas.to_datetime(seconds.where(seconds > 0), unit="s", utc=True)
    return found
