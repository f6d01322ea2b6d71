"""What a local relay's journal looks like: the last frames, one a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from swsync.views.markup import Markup, breakable, card, note, table

__all__ = ["journal_card", "journal_rows"]

SHOWN = 200
ARROWS = {"in": "→", "out": "←", "note": "!"}


def journal_rows(entries: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """Each entry as columns: time, session, direction, name, call_id and the frame's content as JSON."""
    for entry in entries:
        frame = entry.frame if isinstance(entry.frame, dict) else {}
        content = entry.params or frame.get("result") or frame.get("error") or {}
        yield {
            "time": entry.time,
            "session": entry.session,
            "direction": entry.direction,
            "name": entry.event_type or entry.method or ("note" if entry.direction == "note" else "reply"),
            "call_id": str(content.get("call_id", "")) if isinstance(content, dict) else "",
            "content": entry.text or json.dumps(content, ensure_ascii=False, default=str),
        }


def journal_card(entries: Sequence[Any], dropped: int) -> Markup:
    """The last entries of a journal, oldest first."""
    rows = [
        (
            f"{row['time']:.3f}",
            ARROWS.get(row["direction"], "?"),
            row["name"],
            breakable(row["content"].removeprefix("{}")),
        )
        for row in journal_rows(entries[-SHOWN:])
    ]
    counted = f"{len(entries)} entries" + (f", {dropped} older ones dropped" if dropped else "")
    return card(
        f"journal: {counted}",
        table(["s", "", "what", "content"], rows),
        note("→ is what the client sends, ← what it is told, ! what the relay decided"),
        note(f"the last {SHOWN}; journal.to_pandas() has all") if len(entries) > SHOWN else "",
    )
