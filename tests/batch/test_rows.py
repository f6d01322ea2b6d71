"""Lists as they come: hostile, huge, in other encodings; and results that can be loaded again."""

from __future__ import annotations

import csv
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from swsync.batch import Batch, Job, SqliteLedger
from swsync.batch.guard import Guard
from swsync.batch.rows import read_rows
from swsync.clock import VirtualClock
from swsync.errors import ConfigurationError

OPEN = {"from_number": "+12025550199", "prefixes": ["+1202"], "start": "00:00", "end": "24:00"}
JOB = Job(consent_waived_by="the tests", default_zone="UTC", **OPEN)  # type: ignore[arg-type]
STRICT = Job(**OPEN)  # type: ignore[arg-type]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-bom"])
def test_encodings(encoding: str, tmp_path: Path) -> None:
    """UTF-8 with and without a mark, UTF-16 with one."""
    text = "number,name\r\n+12025550100,Žofie 電\r\n"
    data = b"\xff\xfe" + text.encode("utf-16-le") if encoding.endswith("bom") else text.encode(encoding)
    (tmp_path / "l.csv").write_bytes(data)

    assert [{"number": "+12025550100", "name": "Žofie 電"}] == list(read_rows(tmp_path / "l.csv", JOB))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"phone\n+12025550100\n", "no column 'number'; it has 'phone'"),
        (b"number,number\n1,2\n", "have the name 'number'"),
        (b"number;name\n1;2\n", "parted by ';': save it with commas"),
        (b"number\n1,2,3\n", "line 2: more cells"),
        (b'number\n"1\n', "line"),
        (b"number\n\xff\xfe\xfa\n", "UTF-8"),
        (b"number\n" + b"1" * 1_100_000, "characters"),
        (b"number,x\n1," + b"1" * 200_000, "field larger"),
    ],
)
def test_a_list_that_cannot_be_read_is_a_sentence(data: bytes, words: str, tmp_path: Path) -> None:
    """With the line, and what to do."""
    (tmp_path / "l.csv").write_bytes(data)

    with pytest.raises(ConfigurationError, match=words):
        list(read_rows(tmp_path / "l.csv", JOB))


def test_nul_and_short_lines(tmp_path: Path) -> None:
    """NUL makes no number, and a line may be short."""
    (tmp_path / "l.csv").write_bytes(b"number,name\n+1202\x005550100,x\n+12025550100\n\n")

    rows = [Guard(JOB).admit(cells) for cells in read_rows(tmp_path / "l.csv", JOB)]

    assert ["not_a_number", ""] == [row.skip for row in rows]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"number": "+12025550100", "consent": "yes", "zone": "America/New_York"}, ""),
        ({"number": "+12025550100", "consent": " TRUE ", "zone": "UTC"}, ""),
        ({"number": "+12025550100", "consent": "no", "zone": "UTC"}, "no_consent"),
        ({"number": "+12025550100", "consent": "", "zone": "UTC"}, "no_consent"),
        ({"number": "+12025550100", "consent": "yes", "zone": ""}, "unknown_zone"),
        ({"number": "+12025550100", "consent": "yes", "zone": "EST5EDT4"}, "unknown_zone"),
        ({"number": "+442079460000", "consent": "yes", "zone": "UTC"}, "prefix"),
    ],
)
def test_what_stands_between_a_row_and_the_first_ring(cells: dict[str, str], reason: str) -> None:
    """Consent and zone: what is not known is no."""
    assert reason == Guard(STRICT).admit(cells).skip


def test_a_long_list_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    """A hundred thousand rows; ``SWSYNC_ROWS=1000000`` for more, which takes ten times as long and no more memory."""
    rows = int(os.environ.get("SWSYNC_ROWS", "100000"))
    path = tmp_path / "l.csv"
    with path.open("w") as file:
        file.write("number,name\n")
        file.writelines(f"+1202556{i % 10000:04d},somebody with a long name {i}\n" for i in range(rows))
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_rows(path, JOB))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert rows == count
    assert peak < 4_000_000


def batch(path: Path) -> Batch:
    return Batch("j", path, settings={"clock": VirtualClock()}, job=JOB)


def test_an_export_is_the_same_twice_and_comes_back_byte_for_byte(tmp_path: Path) -> None:
    """Formulas are defused on the way out and are themselves again on the way in."""
    cells = [
        {"number": "+12025550100", "name": "=HYPERLINK(1)", "note": "'=quoted"},
        {"number": "+12025550101", "name": "+44", "note": 'a "b",\r\nc'},
        {"number": "911", "name": "@x", "note": "-2"},
    ]
    with batch(tmp_path / "a.db") as first:
        first.load(cells)
        assert 3 == first.export(tmp_path / "a.csv")
        first.export(tmp_path / "again.csv")
    with batch(tmp_path / "b.db") as second:
        second.load(tmp_path / "a.csv")
        second.export(tmp_path / "b.csv")
        back = [{name: row.row[name] for name in ("number", "name", "note")} for row in second.results()]

    assert cells == back
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "again.csv").read_bytes()
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    with (tmp_path / "a.csv").open(newline="") as file:
        found = list(csv.reader(file))
    assert "+12025550100" == found[1][0]
    assert not any(cell.startswith(("=", "@", "-")) for line in found for cell in line)


def test_parquet_and_pandas(tmp_path: Path) -> None:
    """The same rows in every form, and a Parquet file can be loaded."""
    with batch(tmp_path / "a.db") as first:
        first.load([{"number": "+12025550100", "name": "x"}, {"number": "911", "name": "=1"}])
        assert 2 == first.export(tmp_path / "a.parquet")
        table = first.to_pandas()
    with batch(tmp_path / "b.db") as second:
        assert 2 == second.load(tmp_path / "a.parquet").added
        names = [row.row["name"] for row in second.results()]

    assert ["x", "=1"] == names == list(table["name"])
    assert ["", "emergency"] == list(table["result_outcome"])


def test_rows_of_a_program_need_not_be_text(tmp_path: Path) -> None:
    """A DataFrame or a query gives numbers, truth values, None, NaN and octets; no ledger can hold half a character."""
    options = {"number": "+12025550100", "consent": True, "zone": None}
    cells: list[dict[Any, Any]] = [
        {**options, "name": None, 5: 2.0},
        {**options, "number": 12025550101, "name": float("nan")},
        {**options, "number": b"+12025550102", "name": "\ud800\0"},
        {**options, "number": "\ud800"},
    ]
    with Batch(
        "j", tmp_path / "a.db", from_number="+12025550199", prefixes="+1202", default_zone="UTC", region="us"
    ) as b:
        b.load(cells)
        found = [(row.number, row.status, row.row.get("name")) for row in b.results()]
        with pytest.raises(ConfigurationError, match="a row is a mapping"):
            b.load(["+12025550103"])  # type: ignore[list-item]

    assert [
        ("+12025550100", "pending", ""),
        ("+12025550101", "pending", ""),
        ("+12025550102", "pending", "?\ufffd"),
        ("?", "skipped", None),
    ] == found


def test_an_export_has_the_columns_of_every_list(tmp_path: Path) -> None:
    """Also if the first rows were purged, and have none any more."""
    with SqliteLedger(tmp_path / "a.db", clock=VirtualClock()) as ledger, Batch("j", ledger, job=JOB) as first:
        first.load([{"number": "911", "name": "x"}])
        ledger.purge(-1.0)
        first.load([{"number": "+12025550100", "name": "y"}, {"number": "+12025550101", "city": "\ud83d"}])
        first.export(tmp_path / "a.csv")
        table = first.to_pandas()

    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert [("", "", ""), ("+12025550100", "y", ""), ("+12025550101", "", "?")] == [
        (row["number"], row["name"], row["city"]) for row in found
    ]
    assert ["", "y", ""] == list(table["name"])
    assert ["a.csv"] == [path.name for path in tmp_path.glob("a.csv*")]


def test_a_parquet_file_with_a_date_that_nobody_can_read_is_a_sentence(tmp_path: Path) -> None:
    """A year of six digits is no reason for a traceback."""
    import pyarrow
    from pyarrow import parquet

    times = pyarrow.array([2**61], pyarrow.timestamp("us"))
    parquet.write_table(pyarrow.table({"number": ["+12025550100"], "at": times}), tmp_path / "l.parquet")

    with pytest.raises(ConfigurationError, match="out of range"):
        list(read_rows(tmp_path / "l.parquet", JOB))
