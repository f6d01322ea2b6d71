"""Events that are kept for as long as a call lasts: as text, which takes a quarter of the memory of the objects."""

from __future__ import annotations

import json
from typing import Any, Generic, TypeVar, cast

from swsync.events import RelayEvent, parse_event

__all__ = ["KeptEvent", "as_text", "from_text"]

E_co = TypeVar("E_co", bound=RelayEvent, covariant=True)

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode


def as_text(value: Any) -> Any:
    """Return the JSON text of what came as JSON, or the value itself if it cannot be written as such."""
    try:
        return _encode(value).encode()
    except (TypeError, ValueError, RecursionError):
        return value


def from_text(kept: Any) -> Any:
    """Return an equal object to the one that ``as_text`` was given."""
    return json.loads(kept) if isinstance(kept, bytes) else kept


class KeptEvent(Generic[E_co]):
    """An attribute that holds an event, or None: what is read is equal to what was set, and new each time."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = f"_text{name}"

    def __get__(self, instance: object, owner: type) -> E_co | None:
        kept = getattr(instance, self._name)
        if isinstance(kept, bytes):
            event_type, timestamp, params = json.loads(kept)
            kept = parse_event({"event_type": event_type, "timestamp": timestamp, "params": params})
        return cast("E_co | None", kept)

    def __set__(self, instance: object, event: RelayEvent | None) -> None:
        kept: Any = event
        if event is not None and not event.synthetic:  # that one is told by nothing in its params
            fields = [event.event_type, event.timestamp, event.params]
            text = as_text(fields)
            kept = event if text is fields else text
        setattr(instance, self._name, kept)
