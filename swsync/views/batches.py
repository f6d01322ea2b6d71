"""What a batch looks like: where it stands, what its calls came to, and pictures of that."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from swsync.views.markup import Markup, badge, bars, card, escape, note, table

if TYPE_CHECKING:
    from swsync.batch.batch import Summary

__all__ = ["summary_card"]

KINDS = {"ready": "good", "finished": "good", "paused": "bad", "cancelled": "bad"}


def summary_card(summary: Summary, *pictures: Markup) -> Markup:
    """A job in numbers and bars. No telephone number is in it."""
    title = (badge(summary.standing, KINDS.get(summary.standing, "")), f"batch {summary.job}", summary.reason)
    due = summary.next_due
    facts = [
        ("dials", summary.calls),
        ("minutes of talk", f"{summary.minutes:.1f}"),
        *([("cost", f"{summary.cost:.2f}")] if summary.cost else []),  # nothing, or nobody said what a minute costs
        ("abandoned", f"{100 * summary.abandoned:.1f} % of the people who answered"),
        (
            "next due",
            "nothing" if due is None else f"{datetime.fromtimestamp(due, timezone.utc):%Y-%m-%d %H:%M:%S} UTC",
        ),
    ]
    return card(
        Markup("&ensp;".join(map(escape, filter(None, title)))),
        table([], facts),
        note("rows by status"),
        bars(summary.statuses.items()),
        note("rows by outcome, those included that were skipped"),
        bars(summary.outcomes.items()),
        *pictures,
    )
