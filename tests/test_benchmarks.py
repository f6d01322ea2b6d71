"""What the benchmarks print and publish: medians, verdicts, tables and pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import _report, soak
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

    _report.write("codec", [FAST, SLOW], "--rounds 9", (0.1, 0.2))

    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert "1 of 2 targets are missed" in text
    assert "| encode | audioop | >= 3 | 4.00 | 3.90-4.10 | met | 12 us |" in text
    assert "| memory | peer | <= 0.8 | 0.90 | 0.80-1.00 | **missed** |  |" in text
    assert (tmp_path / "pictures" / "benchmarks-codec.svg").read_text().startswith("<?xml")


def test_what_stays_flat_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines with points have a second picture."""
    page = tmp_path / "benchmarks.md"
    page.write_text(f"{_report.begin('growth')}\n{_report.END}")
    monkeypatch.setattr(_report, "DOCS", tmp_path)
    monkeypatch.setattr(_report, "PAGE", page)
    curve = ((10.0, 5.0), (10_000.0, 5.5))
    line = Line("a call, of 10,000", "of 10", 1.25, (1.1, 1.1), at_most=True, curve=curve, axes=("calls", "us"))

    _report.write("growth", [line, FAST], "--rounds 9", (0.1, 0.2))

    assert "(pictures/benchmarks-growth-curves.svg)" in page.read_text()
    assert "calls" in (tmp_path / "pictures" / "benchmarks-growth-curves.svg").read_text()


def _sample(minute: int, **more: float) -> dict[str, float]:
    found = {"seconds": 60.0 * minute, "woken": 100, "acknowledged": 100, "p50": 0.0005, "p99": 0.004, "load": 1.0}
    return {
        **found,
        "resident": 50e6,
        "objects": 60_000,
        "threads": 503,
        "descriptors": 9,
        "short_calls": 60 * minute,
        **more,
    }


def test_an_hour_is_judged_by_its_ends() -> None:
    """Memory that grows is missed; a wake-up that is late now and then is not."""
    samples = [_sample(minute, resident=(50 + minute / 10) * 1e6) for minute in range(60)]
    samples[30]["p99"] = 0.5
    late, memory, objects, threads, descriptors = soak.judge(samples, 6000)
    assert (True, 4.0) == (late.is_met, late.ratio)
    assert "worst part 500.0 ms" in late.note
    assert (False, True, True, True) == (memory.is_met, objects.is_met, threads.is_met, descriptors.is_met)
    assert 1.09 < memory.ratio < 1.11
    assert 60 == len(memory.curve)


@pytest.mark.parametrize("fact", ["woken", "acknowledged"])
def test_an_hour_without_all_its_events_has_no_figures(fact: str) -> None:
    """An event that was not acknowledged, or woke nobody, is a failure whatever the times are."""
    with pytest.raises(Unequal, match=f"1 of 6000 events: not {fact}"):
        list(soak.judge([_sample(0, **{fact: 99}), *(_sample(minute) for minute in range(1, 60))], 6000))


def test_a_section_without_a_block_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is measured for nobody."""
    (tmp_path / "benchmarks.md").write_text("empty")
    monkeypatch.setattr(_report, "PAGE", tmp_path / "benchmarks.md")
    with pytest.raises(ValueError, match="codec"):
        _report.write("codec", [FAST], "--rounds 9", (0.1, 0.2))


def test_every_section_has_a_place_on_the_page() -> None:
    """What can be measured is published."""
    page = _report.PAGE.read_text()
    assert [] == [section for section in sections() if _report.begin(section) not in page]


def test_a_minute_of_soak_is_not_published(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What an hour says stays on the page until another hour was measured."""
    monkeypatch.setattr(soak, "run", lambda minutes: iter([FAST]))
    monkeypatch.setattr(_report, "write", lambda *_: pytest.fail("it was written"))
    assert 0 == main(["soak", "--write"])
    assert "takes --minutes 60" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["nothing"], ["codec", "--rounds", "1"]])
def test_wrong_words_are_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A section that does not exist is named."""
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert 2 == caught.value.code
    assert "usage" in capsys.readouterr().err
