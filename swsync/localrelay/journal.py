"""What went over the wire and why: every frame with its time and direction, its secrets masked."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from .normal import CONVERSATION, lines

__all__ = ["Entry", "Journal", "masked"]

MASK = "***"
DEEPEST = 50
PATHS = re.compile(r"(^wss?://[^/?#]+[/?#]).+", re.IGNORECASE | re.DOTALL)
USERS = re.compile(r"(://)[^/?#@\s]+@")
SECRETS = ("token", "password", "secret", "authorization_state", "api_key")  # how their keys end


def masked(value: Any, key: str = "", depth: int = 0) -> Any:
    """Return a copy of a frame without its secrets: tokens by their key; of addresses who is
    named before the host, and the paths of media WebSockets.
    """
    if isinstance(value, (dict, list)) and depth > DEEPEST:
        return MASK  # what nests deeper is an attack on whoever recurses
    if isinstance(value, dict):
        return {k: masked(v, k if isinstance(k, str) else "", depth + 1) for k, v in value.items()}
    if isinstance(value, list):
        return [masked(item, key, depth + 1) for item in value]
    if isinstance(value, str):
        if value and key.lower().endswith(SECRETS):
            return MASK
        return USERS.sub(rf"\1{MASK}@", PATHS.sub(rf"\1{MASK}", value))
    return value


@attrs.frozen(kw_only=True)
class Entry:
    """One line of the journal.

    Attributes:
        time: Seconds since the relay started, by its clock.
        session: The number of the connection, from 1; 0 for the relay itself.
        direction: ``in`` (from the client), ``out`` (to it) or ``note`` (what the relay decided, in ``text``).
        frame: The JSON object, masked; None for a note and for text that is not a JSON object.
        text: A note, or the beginning of a frame that could not be read.
    """

    time: float
    session: int
    direction: str
    frame: Any = None
    text: str = ""

    @property
    def method(self) -> str:
        """The frame's method, or "" for a reply."""
        method = self.frame.get("method") if isinstance(self.frame, dict) else None
        return method if isinstance(method, str) else ""

    @property
    def event_type(self) -> str:
        """The event's type, or "" for what is no event."""
        if self.method != "signalwire.event":
            return ""
        return str(self.frame.get("params", {}).get("event_type", ""))

    @property
    def params(self) -> dict[str, Any]:
        """A request's params, or an event's inner params."""
        params = self.frame.get("params") if isinstance(self.frame, dict) else None
        if isinstance(params, dict) and self.event_type:
            params = params.get("params", params)  # a task has none
        return params if isinstance(params, dict) else {}


class Journal:
    """Every frame in and out, oldest first. Safe to read from any thread while the relay runs.

    Args:
        limit: How many entries are kept; ``dropped`` counts the rest.
    """

    def __init__(self, limit: int = 100_000) -> None:
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque(maxlen=limit)  # guarded by _lock; secrets are masked on the way in
        self.dropped = 0  # guarded by _lock

    def record(self, time: float, session: int, direction: str, frame: Any = None, text: str = "") -> None:
        entry = Entry(time=time, session=session, direction=direction, frame=masked(frame), text=text)
        with self._lock:
            if len(self._entries) == self._entries.maxlen:
                self.dropped += 1
            self._entries.append(entry)

    def __len__(self) -> int:
        with self._lock:
            return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        with self._lock:
            entries = list(self._entries)
        return iter(entries)

    def _repr_html_(self) -> str:
        from swsync.views.journals import journal_card

        return journal_card(list(self), self.dropped)

    def to_pandas(self) -> Any:
        """All entries as a ``pandas.DataFrame``: time (s), session, direction, name, call_id, content (JSON text).

        Raises:
            ConfigurationError: pandas is not installed.
        """
        from swsync.views.frames import data_frame
        from swsync.views.journals import journal_rows

        columns = ("time", "session", "direction", "name", "call_id", "content")
        return data_frame(journal_rows(list(self)), columns)

    def find(
        self,
        *,
        direction: str | None = None,
        method: str | None = None,
        event_type: str | None = None,
        session: int | None = None,
        **params: Any,
    ) -> list[Entry]:
        """Return the entries that match everything named, oldest first.

        Args:
            direction: ``in``, ``out`` or ``note``.
            method: Such as ``calling.play``.
            event_type: Such as ``calling.call.state``.
            session: The number of the connection.
            **params: Values of the request's params or the event's inner params, such as ``call_state="ended"``.
        """
        return [
            entry
            for entry in self
            if (direction is None or entry.direction == direction)
            and (method is None or entry.method == method)
            and (event_type is None or entry.event_type == event_type)
            and (session is None or entry.session == session)
            and all(entry.params.get(name) == value for name, value in params.items())
        ]

    def requests(self, method: str | None = None, **params: Any) -> list[Entry]:
        """Return what clients asked for: a method, with these params."""
        return [e for e in self._all(params, direction="in", method=method) if e.method]

    def methods(self) -> list[str]:
        """Return the methods that clients called, in order."""
        return [entry.method for entry in self.requests()]

    def events(self, event_type: str | None = None, **params: Any) -> list[Entry]:
        """Return what the relay told its clients: an event, with these inner params."""
        return self._all(params, direction="out", method="signalwire.event", event_type=event_type)

    def _all(self, params: dict[str, Any], **frame: Any) -> list[Entry]:
        """Find frames by params, also those that ``find`` knows of frames: calls have a ``direction`` too."""
        asked = {name: params[name] for name in frame.keys() & params.keys()}
        others = {name: value for name, value in params.items() if name not in asked}
        found = self.find(**frame, **others)
        return [entry for entry in found if all(entry.params.get(name) == value for name, value in asked.items())]

    def replies(self, method: str | None = None, **result: Any) -> list[Entry]:
        """Return what clients were answered: to a method, with these values in the result (or in the error).

        Args:
            method: Such as ``calling.play``; None is any.
            **result: Values of the result or the error, such as ``code="409"``.
        """
        asked: dict[tuple[int, Any], str] = {}
        found = []
        for entry in self:
            frame = entry.frame if isinstance(entry.frame, dict) else {}
            key = (entry.session, str(frame.get("id")))
            if entry.direction == "in" and entry.method:
                asked[key] = entry.method
            elif entry.direction == "out" and frame and not entry.method and method in (None, asked.get(key)):
                said = frame.get("result") or frame.get("error") or {}
                if all(said.get(name) == value for name, value in result.items()):
                    found.append(entry)
        return found

    def normalised(self, prefixes: Sequence[str] = CONVERSATION, without: Sequence[str] = ()) -> list[dict[str, Any]]:
        """Return the journal without what differs from run to run, to compare two: JSON values, oldest first.

        Each line has ``direction``, ``kind`` (request, reply, event), ``name`` (the method or the event type) and
        ``params``, ``result`` or ``error``. Ids have names by the order in which they are first seen (``call_id-1``),
        times are 0, ports of this machine are left out of URLs. Acknowledgements of events are left out.

        Args:
            prefixes: Only names that begin with one of these; empty is all, with the session and its pings.
            without: Keys that are left out wherever they stand, such as ``duration`` of what lasts in real time.
        """
        return lines(self, prefixes, without)

    def notes(self) -> list[str]:
        """Return what the relay decided on its own, such as the use of a loopback exception."""
        return [entry.text for entry in self.find(direction="note")]
