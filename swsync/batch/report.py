"""One HTML page about a job, with pictures inside it. No script, nothing from elsewhere, no telephone number."""

from __future__ import annotations

import html
import os
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from swsync.errors import ConfigurationError
from swsync.views.figures import as_png, new_figure
from swsync.views.markup import Markup, image

if TYPE_CHECKING:
    from swsync.batch.batch import Batch, Summary

__all__ = ["pictures", "write_report"]

BINS = 40
LABEL = 24  # characters of a name beside a picture
SHORT = 300.0  # seconds that are not shown as minutes
SIZE = (9.0, 2.6)  # of a picture, in inches
COLOURS = ("#2f6f4f", "#c0663a", "#3b5b92", "#9a8f3c", "#7a4a7d", "#5b8a8a", "#8a8a8a")
STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse}td,th{padding:.2rem .8rem;border-bottom:1px solid #ddd;text-align:left}"
    "td+td{text-align:right}img{max-width:100%}h1{font-weight:600}p.note{color:#666}"
)


def _histogram(values: Sequence[float], label: str) -> Markup:
    figure = new_figure(*SIZE)
    axes = figure.subplots()
    axes.hist(values, bins=min(BINS, max(5, len(values))), color=COLOURS[0])
    axes.set_xlabel(label)
    axes.set_ylabel("calls")
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.spines[["top", "right"]].set_visible(False)
    return image(as_png(figure), label)


def _over_time(points: dict[str, list[float]]) -> Markup:
    """Outcomes over the minutes, or seconds, since the first dial, stacked."""
    first = min(min(times) for times in points.values())
    is_long = max(max(times) for times in points.values()) - first > SHORT
    unit = 60.0 if is_long else 1.0
    points = {name: [(at - first) / unit for at in times] for name, times in points.items()}
    figure = new_figure(9.0, 3.0)
    axes = figure.subplots()
    names = sorted(points, key=lambda name: -len(points[name]))
    shown, rest = names[: len(COLOURS) - 1], names[len(COLOURS) - 1 :]
    series = [points[name] for name in shown] + ([[x for name in rest for x in points[name]]] if rest else [])
    labels = [*map(_label, shown), *(["other"] if rest else [])]
    axes.hist(series, bins=BINS, stacked=True, color=COLOURS[: len(series)], label=labels)
    axes.set_xlabel(f"{'minutes' if is_long else 'seconds'} since the first dial")
    axes.set_ylabel("calls")
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    return image(as_png(figure), "outcomes over time")


def _label(name: str) -> str:
    """A script's word in a picture: matplotlib computes what stands between dollars and hides what begins with _."""
    short = name if len(name) <= LABEL else name[: LABEL - 1] + "…"
    return " " + "".join(c if c.isprintable() else " " for c in short).replace("$", r"\$")


def _table(head: str, counts: dict[str, int]) -> str:
    total = sum(counts.values()) or 1
    body = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{count}</td><td>{100 * count / total:.1f} %</td></tr>"
        for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )
    return f"<table><tr><th>{head}</th><th>rows</th><th></th></tr>{body}</table>"


def write_report(batch: Batch, path: str | os.PathLike[str]) -> None:
    """Write the page about a batch; see ``Batch.report``."""
    _write(Path(path), _page(batch.status(), pictures(batch)))


def pictures(batch: Batch) -> list[str]:
    """A heading and a picture for each thing that is known of the calls: when, how long, how silent, how good.

    Raises:
        ConfigurationError: matplotlib is not installed, and there is something to draw.
    """
    outcomes: dict[str, list[float]] = {}
    talks: list[float] = []
    silences: list[float] = []
    jitter: list[float] = []
    for result in batch.results():
        facts = result.facts
        if result.dialed_at:
            outcomes.setdefault(result.outcome, []).append(result.dialed_at)
        if facts.talk_seconds:
            talks.append(facts.talk_seconds)
        if facts.answered_at and facts.first_audio_at:
            silences.append(max(0.0, facts.first_audio_at - facts.answered_at))
        jitter += [side["jitter_ms"] for side in facts.quality.values() if "jitter_ms" in side]
    return [
        *(["<h2>Outcomes over time</h2>", _over_time(outcomes)] if outcomes else []),
        *(["<h2>Length of calls</h2>", _histogram(talks, "seconds from the answer to the end")] if talks else []),
        *(["<h2>Silence at the start</h2>", _histogram(silences, "seconds from the answer to the first sound")]
          if silences else []),
        *(["<h2>Quality of the recordings</h2>", _histogram(jitter, "jitter in ms")] if jitter else []),
    ]  # fmt: skip


def _page(summary: Summary, parts: list[str]) -> str:
    when = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    state = summary.standing.capitalize() + (f": {summary.reason}" if summary.reason else "")
    cost = f"cost {summary.cost:.2f}, " if summary.cost else ""
    facts = (
        f"{summary.calls} dials, {summary.minutes:.1f} minutes of talk, {cost}"
        f"{100 * summary.abandoned:.1f} % of the people who answered heard nothing for two seconds"
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(summary.job)}</title>'
        f"<style>{STYLE}</style><h1>{html.escape(summary.job)}</h1><p>{html.escape(state)}. {facts}.</p>"
        f"{_table('status', summary.statuses)}<h2>Outcomes</h2>{_table('outcome', summary.outcomes)}"
        f'{"".join(parts)}<p class="note">Made by swsync, {when}. Outcomes include why rows were skipped.</p></html>\n'
    )


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror or error}") from None
