"""A journal without what differs from run to run: two that say the same are equal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .journal import Entry

__all__ = ["CONVERSATION", "Names", "lines"]

CONVERSATION = ("calling.", "messaging.")
"""What calls and messages are made of; the rest is the session."""

IDS = frozenset(
    {
        "authorization_state",
        "call_id",
        "conference_id",
        "control_id",
        "event_channel",
        "id",
        "identity",
        "message_id",
        "node_id",
        "port",
        "project_id",
        "protocol",
        "recording_id",
        "segment_id",
        "signature",
        "space_id",
        "tag",
    }
)
TIMES = frozenset({"timestamp", "start_time", "end_time", "enqueue_ts", "dequeue_ts", "leave_ts"})
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
LOOPBACK = re.compile(r"(?<=://)(localhost|127\.0\.0\.1|\[::1\]):\d+(/[0-9a-f]{16}(?=/))?")


class Names:
    """Gives each id a name by the order in which it is first seen: ``call_id-1``, ``call_id-2`` ..."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, Any], str] = {}
        self._counts: dict[str, int] = {}
        self._words: dict[str, str] = {}  # of UUIDs, wherever they stand

    def name(self, key: str, value: Any) -> str:
        """Return the name of an id."""
        known = self._names.get((key, value))
        if known is None:
            self._counts[key] = self._counts.get(key, 0) + 1
            known = self._names[key, value] = f"{key}-{self._counts[key]}"
            if isinstance(value, str):
                self._words.setdefault(value, known)
        return known

    def plain(self, value: Any, key: str = "") -> Any:
        """Return a copy of a value with names for ids, zero for times, and no ports of this machine."""
        if isinstance(value, dict):
            return {name: self.plain(part, name) for name, part in value.items()}
        if isinstance(value, list):
            return [self.plain(part, key) for part in value]
        if key in TIMES and isinstance(value, (int, float)):
            return 0
        if key in IDS and isinstance(value, (str, int)) and value:
            return self.name(key, value)
        if isinstance(value, str):
            text = LOOPBACK.sub(r"\1", value)
            return UUID.sub(lambda found: self._words.get(found[0]) or self.name("uuid", found[0]), text)
        return value


def lines(
    entries: Iterable[Entry], prefixes: Sequence[str] = CONVERSATION, without: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return requests, replies and events, oldest first; see ``Journal.normalised``."""
    names = Names()
    asked: dict[tuple[int, str, Any], str] = {}  # the method of each request, by connection, asker and id
    kept = []
    for entry in entries:
        frame = entry.frame
        if not isinstance(frame, dict):
            continue
        frame_id = frame.get("id") if isinstance(frame.get("id"), (str, int)) else None
        other = "out" if entry.direction == "in" else "in"
        if entry.method:
            asked[entry.session, entry.direction, frame_id] = entry.method
            kind = "event" if entry.event_type else "request"
            name, said = entry.event_type or entry.method, {"params": entry.params}
        else:
            kind, name = "reply", asked.get((entry.session, other, frame_id), "")
            said = {part: frame[part] for part in ("result", "error") if part in frame}
        if not name.startswith(tuple(prefixes) or ""):
            continue
        plain = names.plain(_without(said, frozenset(without)))
        kept.append({"direction": entry.direction, "kind": kind, "name": name, **plain})
    return kept


def _without(value: Any, keys: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(part, keys) for key, part in value.items() if key not in keys}
    return [_without(part, keys) for part in value] if isinstance(value, list) else value
