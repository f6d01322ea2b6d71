"""What a run found, written into docs/benchmarks.md and a picture for each section."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks._measure import Line

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "benchmarks.md"
END = "<!-- end -->"


def begin(section: str) -> str:
    """The mark that a section's block of the page begins with."""
    return f"<!-- python -m benchmarks {section} --write -->"


def write(section: str, lines: Sequence[Line], how: str, loads: tuple[float, float]) -> None:
    """Replace the block of one section.

    Args:
        section: Its name.
        lines: What was measured.
        how: The option that said how much to measure, such as ``--rounds 9``.
        loads: The load average of the last minute, before and after.

    Raises:
        ValueError: The page has no such block.
    """
    text = PAGE.read_text(encoding="utf-8")
    head, mark, rest = text.partition(begin(section))
    if not mark or END not in rest:
        raise ValueError(f"{PAGE} has no block {begin(section)} ... {END}")
    draw(lines, DOCS / "pictures" / f"benchmarks-{section}.svg")
    if _curves(lines):
        draw_curves(lines, DOCS / "pictures" / f"benchmarks-{section}-curves.svg")
    block = "\n".join([mark, "", *_block(section, lines, how, loads), "", END])
    PAGE.write_text(head + block + rest.partition(END)[2], encoding="utf-8")


def _block(section: str, lines: Sequence[Line], how: str, loads: tuple[float, float]) -> list[str]:
    missed = sum(1 for line in lines if not line.is_met)
    verdict = "all targets are met" if not missed else f"{missed} of {len(lines)} targets are missed"
    today = datetime.datetime.now(datetime.timezone.utc).date()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return [
        f"`python -m benchmarks {section} {how}`, {today}: {verdict}. {machine}, "
        f"load average {loads[0]:.1f} before and {loads[1]:.1f} after.",
        "",
        "| Work | Against | Target | Ratio | Quartiles | | |",
        "|---|---|---|---|---|---|---|",
        *(_row(line) for line in lines),
        "",
        f"![How far each line is from its target](pictures/benchmarks-{section}.svg)",
        *(
            [f"![What stays flat](pictures/benchmarks-{section}-curves.svg)"]
            if any(line.curve for line in lines)
            else []
        ),
    ]


def _curves(lines: Sequence[Line]) -> list[Line]:
    return [line for line in lines if line.curve]


def _row(line: Line) -> str:
    low, high = line.spread
    sign = "<=" if line.at_most else ">="
    verdict = "met" if line.is_met else "**missed**"
    cells = [line.what, line.peer, f"{sign} {line.target:g}", f"{line.ratio:.2f}", f"{low:.2f}-{high:.2f}", verdict]
    return f"| {' | '.join(cells)} | {line.note} |"


def draw(lines: Sequence[Line], path: Path) -> None:
    """A bar for each line: how many times its target it reaches, on a logarithmic scale; 1 is the target."""
    pyplot = _pyplot(path)
    values = [_margin(line) for line in lines]
    figure, axes = pyplot.subplots(figsize=(9, 0.6 + 0.32 * len(lines)))
    axes.barh(range(len(lines)), [v - 1 for v in values], left=1, color=["#2a7" if v >= 1 else "#c43" for v in values])
    axes.set_yticks(range(len(lines)), [f"{line.what} / {line.peer}"[:90] for line in lines], fontsize=7)
    axes.invert_yaxis()
    axes.set_xscale("log")
    _plain_ticks(axes)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlabel("times the target", fontsize=8)
    _save(figure, path)


def _plain_ticks(axes: Any) -> None:
    """0.5, 1, 2 and 5 in place of powers of ten, a few of them."""
    from matplotlib import ticker

    low, high = axes.get_xlim()
    steps = (1, 1.2, 1.5, 2, 3, 5, 7) if high / low < 10 else (1, 2, 5) if high / low < 100 else (1,)
    axes.xaxis.set_major_locator(ticker.LogLocator(subs=steps, numticks=20))
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    axes.tick_params(axis="x", labelsize=8)


def draw_curves(lines: Sequence[Line], path: Path) -> None:
    """A curve for each line that has one, from zero up: flat is what it is to be."""
    pyplot = _pyplot(path)
    curves = _curves(lines)
    figure, places = pyplot.subplots(1, len(curves), figsize=(3.4 * len(curves), 2.6), squeeze=False)
    for line, axes in zip(curves, places[0], strict=True):
        x, y = zip(*line.curve, strict=True)
        axes.plot(x, y, color="#2a7", marker="o", markersize=3)
        axes.set_ylim(bottom=0, top=1.5 * max(y))
        if x[0] > 0 and x[-1] / x[0] >= 100:
            axes.set_xscale("log")
        axes.set_xlabel(line.axes[0], fontsize=8)
        axes.set_ylabel(line.axes[1], fontsize=8)
        axes.tick_params(labelsize=7)
    figure.tight_layout()
    _save(figure, path)


def _pyplot(path: Path) -> Any:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    mpl.rcParams["svg.fonttype"] = "none"  # text stays text: a small file
    mpl.rcParams["svg.hashsalt"] = path.name  # the same figures make the same file
    return pyplot


def _save(figure: Any, path: Path) -> None:
    from matplotlib import pyplot

    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    pyplot.close(figure)


def _margin(line: Line) -> float:
    if not line.at_most:
        return line.ratio / line.target
    return min(100.0, line.target / line.ratio) if line.ratio > 0 else (1.0 if line.target == 0 else 100.0)
