"""Reading lists of numbers, CSV and Parquet, one row at a time: a million rows take no more memory than a hundred."""

from __future__ import annotations

import codecs
import csv
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from swsync.batch.cells import open_cell
from swsync.batch.job import Job
from swsync.errors import ConfigurationError

__all__ = ["read_rows", "text_cells"]

LONGEST_LINE = 1024 * 1024  # characters of a line; more is no list of numbers
MOST_COLUMNS = 500


def read_rows(path: str | os.PathLike[str], job: Job) -> Iterator[Mapping[str, str]]:
    """Read a file of rows, text by column.

    Args:
        path: A CSV in UTF-8 or, with a byte order mark, UTF-16; or a Parquet file (``.parquet``).
        job: Whose columns must be there.

    Raises:
        ConfigurationError: It cannot be read, or a column is missing; the text says which there are.
    """
    file = Path(path)
    if not file.is_file():
        raise ConfigurationError(f"there is no file {file}")
    return _parquet(file, job) if file.suffix.lower() == ".parquet" else _csv(file, job)


def _check_columns(names: list[str], job: Job, file: Path) -> None:
    wanted = [job.number] + ([] if job.consent_waived_by else [job.consent]) + ([] if job.default_zone else [job.zone])
    missing = [name for name in wanted if name not in names]
    if missing:
        others = [mark for mark in (";", "\t") if len(names) < 2 and mark in "".join(names)]
        advice = (
            f"Its cells seem to be parted by {others[0]!r}: save it with commas"
            if others
            else "Name the columns with number=, consent= and zone=, or see consent_waived_by= and default_zone="
        )
        raise ConfigurationError(
            f"{file} has no column {', '.join(map(repr, missing))}; it has {', '.join(map(repr, names[:20]))}. {advice}"
        )
    twice = sorted({name for name in names if names.count(name) > 1} if len(names) <= MOST_COLUMNS else ())
    if twice:
        raise ConfigurationError(f"{file}: several columns have the name {', '.join(map(repr, twice))}; rename them")
    if len(names) > MOST_COLUMNS:
        raise ConfigurationError(f"{file} has more than {MOST_COLUMNS} columns: this is no list of numbers")


def _encoding(file: Path) -> str:
    with file.open("rb") as source:
        head = source.read(4)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-8-sig"


def _lines(source: TextIO) -> Iterator[str]:
    """Lines of bounded length; NUL, which csv takes for an end on old Pythons, becomes a character of no number."""
    while line := source.readline(LONGEST_LINE):
        if len(line) >= LONGEST_LINE:
            raise ConfigurationError(f"a line has more than {LONGEST_LINE} characters: this is no list of numbers")
        yield line.replace("\0", "\ufffd")


def _csv(file: Path, job: Job) -> Iterator[dict[str, str]]:
    with file.open(encoding=_encoding(file), newline="") as source:
        reader = csv.reader(_lines(source), strict=True)
        try:
            head = next(reader, None)
            if head is None:
                raise ConfigurationError(f"{file} is empty")
            names = [open_cell(name).strip() for name in head]
            _check_columns(names, job, file)
            for cells in reader:
                if len(cells) > len(names):
                    raise ConfigurationError(f"{file}, line {reader.line_num}: more cells than columns")
                if cells:
                    filled = cells + [""] * (len(names) - len(cells))
                    yield {name: open_cell(cell) for name, cell in zip(names, filled, strict=True)}
        except csv.Error as error:
            raise ConfigurationError(f"{file}, line {reader.line_num}: {error}") from None
        except UnicodeError as error:
            raise ConfigurationError(
                f"{file}, after line {reader.line_num}: not UTF-8 ({error.reason}); save it as UTF-8"  # type: ignore[attr-defined]
            ) from None


def _parquet(file: Path, job: Job) -> Iterator[dict[str, str]]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise ConfigurationError("Parquet files need pyarrow: pip install 'swsync[parquet]'") from None
    try:
        with parquet.ParquetFile(file) as source:
            names = [str(name) for name in source.schema_arrow.names]
            _check_columns(names, job, file)
            for part in source.iter_batches(batch_size=1000):
                for line in part.to_pylist():
                    yield {name: _text(line[name]) for name in names}
    except (ArrowException, OSError, ValueError, OverflowError) as error:  # such as a year that Python does not know
        raise ConfigurationError(f"{file} is no Parquet file that can be read: {error}") from None


def text_cells(line: Any) -> dict[str, str]:
    """A line whose cells are numbers, truth values, None ..., as text by column: what a DataFrame or a query gives.

    Raises:
        ConfigurationError: It is no mapping.
    """
    if not isinstance(line, Mapping):
        raise ConfigurationError(f"a row is a mapping of cells by column, such as {{'number': ...}}, not {line!r:.80}")
    return {_text(name): _text(value) for name, value in line.items()}


def _text(value: Any) -> str:
    """As every ledger can hold it: half a surrogate pair becomes a question mark, NUL a character of no number."""
    if isinstance(value, str):
        text = value.replace("\0", "\ufffd")
        return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
    if value is None or (isinstance(value, float) and math.isnan(value)):  # a DataFrame's word for nothing
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
