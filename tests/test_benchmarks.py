"""What the benchmarks print and publish: medians, verdicts, tables and pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import _report
from benchmarks.__main__ import main, row, sections
from benchmarks._measure import Line, Unequal, check_equal

FAST = Line("encode", "audioop", 3.0, (3.9, 4.0, 4.1), note="12 us")
SLOW = Line("memory", "peer", 0.8, (0.9, 0.8, 1.0), at_most=True)


def test_the_median_decides() -> None:
    """More is better, or less, and the quartiles are told."""
    assert (4.0, True) == (FAST.ratio, FAST.is_met)
    assert (0.9, False) == (SLOW.ratio, SLOW.is_met)
    assert "met  12 us" in row(FAST)
    assert "MISSED" in row(SLOW)


def test_different_results_stop_it() -> None:
    """Times of unequal work are not compared."""
    with pytest.raises(Unequal, match="bytes"):
        check_equal(b"a", b"b", "bytes")


def test_a_section_is_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its block of the page is replaced, and nothing else; its picture is beside it."""
    page = tmp_path / "benchmarks.md"
    page.write_text(f"before\n{_report.begin('codec')}\nold\n{_report.END}\nafter\n")
    monkeypatch.setattr(_report, "DOCS", tmp_path)
    monkeypatch.setattr(_report, "PAGE", page)

    _report.write("codec", [FAST, SLOW], 9, (0.1, 0.2))

    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert "1 of 2 targets are missed" in text
    assert "| encode | audioop | >= 3 | 4.00 | 3.90-4.10 | met | 12 us |" in text
    assert "| memory | peer | <= 0.8 | 0.90 | 0.80-1.00 | **missed** |  |" in text
    assert (tmp_path / "pictures" / "benchmarks-codec.svg").read_text().startswith("<?xml")


def test_a_section_without_a_block_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is measured for nobody."""
    (tmp_path / "benchmarks.md").write_text("empty")
    monkeypatch.setattr(_report, "PAGE", tmp_path / "benchmarks.md")
    with pytest.raises(ValueError, match="codec"):
        _report.write("codec", [FAST], 9, (0.1, 0.2))


def test_every_section_has_a_place_on_the_page() -> None:
    """What can be measured is published."""
    page = _report.PAGE.read_text()
    assert [] == [section for section in sections() if _report.begin(section) not in page]


@pytest.mark.parametrize("words", [["nothing"], ["codec", "--rounds", "1"]])
def test_wrong_words_are_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A section that does not exist is named."""
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert 2 == caught.value.code
    assert "usage" in capsys.readouterr().err
