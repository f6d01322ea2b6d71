"""Results as CSV, Parquet or pandas: the same rows give the same bytes, and can be loaded again."""

from __future__ import annotations

import csv
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from swsync.batch.cells import close_cell
from swsync.batch.results import Result
from swsync.errors import ConfigurationError

__all__ = ["export", "to_pandas"]

CHUNK = 1000
# Columns of the result; those of the list come first, under their own names.
COLUMNS = (
    "result_number", "result_status", "result_outcome", "result_attempts", "result_dialed_at", "result_answered_at",
    "result_first_audio_at", "result_ended_at", "result_end_reason", "result_talk_seconds", "result_detection",
    "result_digits", "result_recording", "result_quality", "result_cost", "result_abandoned", "result_opted_out",
    "result_error", "result_data", "result_call_id", "result_tag",
)  # fmt: skip
TIMES = frozenset(name for name in COLUMNS if name.endswith("_at"))


def _values(result: Result) -> dict[str, Any]:
    facts = result.facts
    values = (
        result.number, result.status, result.outcome, result.attempts, result.dialed_at or None,
        facts.answered_at or None, facts.first_audio_at or None, facts.ended_at or None, facts.end_reason,
        facts.talk_seconds, str(facts.detection.get("answer", "")), facts.digits, facts.recording,
        _json(facts.quality), facts.cost, facts.is_abandoned, facts.opted_out, facts.error, _json(facts.data),
        result.call_id, result.tag,
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False) if value else ""


def _utf8(value: Any) -> Any:
    """Half a surrogate pair, which JSON can carry and no file, becomes a question mark."""
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else value


def _lines(results: Iterable[Result], columns: list[str]) -> Iterator[dict[str, Any]]:
    for result in results:
        line = {**{name: result.row.get(name, "") for name in columns}, **_values(result)}
        yield {name: _utf8(value) for name, value in line.items()}


def _columns(results: Iterable[Result]) -> list[str]:
    """The columns of all lists that were loaded, as each first came; those of an earlier export are replaced."""
    found: dict[str, None] = {}
    for result in results:
        if not result.row.keys() <= found.keys():
            found.update(dict.fromkeys(result.row))
    return [name for name in found if name not in COLUMNS]


def export(results: Callable[[], Iterable[Result]], path: str | os.PathLike[str]) -> int:
    """Write results to a file, replaced as a whole at the end; returns how many.

    They are asked for twice: a purged row, or one of another list, does not have the columns that the others have.

    A CSV has each telephone number as it is, and an apostrophe before anything that a spreadsheet would compute. Times
    are ISO 8601 in UTC; in Parquet they are seconds since 1970.

    Raises:
        ConfigurationError: The file cannot be written.
    """
    file = Path(path)
    if file.is_dir() or not file.name:
        raise ConfigurationError(f"{file} is a directory: name a file")
    part = file.with_name(file.name + ".part")
    columns = _columns(results())
    lines = _lines(results(), columns)
    try:
        write = _write_parquet if file.suffix.lower() == ".parquet" else _write_csv
        count = write(part, columns, lines)
        os.replace(part, file)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return count


def _text(value: Any) -> str:
    if value is None:
        return ""
    return ("yes" if value else "no") if isinstance(value, bool) else close_cell(str(value))


def _time(value: float | None) -> str:
    """ISO 8601, UTC: what people and spreadsheets read."""
    return "" if value is None else datetime.fromtimestamp(value, timezone.utc).isoformat(timespec="milliseconds")


def _write_csv(part: Path, columns: list[str], lines: Iterator[dict[str, Any]]) -> int:
    count = 0
    with open(part, "w", encoding="utf-8", newline="", opener=_private) as target:
        writer = csv.writer(target, lineterminator="\r\n")
        writer.writerow([*map(close_cell, columns), *COLUMNS])
        for line in lines:
            writer.writerow([_time(value) if name in TIMES else _text(value) for name, value in line.items()])
            count += 1
    return count


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _write_parquet(part: Path, columns: list[str], lines: Iterator[dict[str, Any]]) -> int:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise ConfigurationError("Parquet files need pyarrow: pip install 'swsync[parquet]'") from None
    numbers = {"result_dialed_at", "result_answered_at", "result_first_audio_at", "result_ended_at",
               "result_talk_seconds", "result_cost"}  # fmt: skip
    others = {"result_attempts": pyarrow.int64(), "result_abandoned": pyarrow.bool_(),
              "result_opted_out": pyarrow.bool_()}  # fmt: skip
    schema = pyarrow.schema(
        [(name, pyarrow.string()) for name in columns]
        + [(name, pyarrow.float64() if name in numbers else others.get(name, pyarrow.string())) for name in COLUMNS]
    )
    count = 0
    with open(part, "wb", opener=_private) as target, parquet.ParquetWriter(target, schema) as writer:
        while chunk := list(itertools.islice(lines, CHUNK)):
            writer.write_table(pyarrow.Table.from_pylist(chunk, schema=schema))
            count += len(chunk)
    return count


def to_pandas(results: Iterable[Result]) -> Any:
    """Results as a ``pandas.DataFrame``; times are UTC timestamps.

    Raises:
        ConfigurationError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise ConfigurationError("this needs pandas: pip install 'swsync[pandas]'") from None
    found = list(results)
    table = pandas.DataFrame(list(_lines(found, _columns(found))))
    for name in [name for name in table.columns if name in COLUMNS and name.endswith("_at")]:
        table[name] = pandas.to_datetime(table[name], unit="s", utc=True)
    return table
