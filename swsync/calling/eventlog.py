"""The last events of a call, for people who want to look at them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swsync.clock import Condition
    from swsync.events import RelayEvent

__all__ = ["EventLog"]

COLUMNS = ("time", "event_type", "state", "call_id", "control_id", "synthetic", "params")


class EventLog:
    """Events of one call, oldest first, of which the newest are kept. ``call.keep_events`` makes it.

    It may be read from any thread: each look is at the events there are at that moment.

    Attributes:
        dropped: How many older ones have gone.
    """

    def __init__(self, limit: int, condition: Condition) -> None:
        if limit < 1:
            raise ValueError(f"keep at least one event, not {limit}")
        self._condition = condition
        self._events: deque[RelayEvent] = deque(maxlen=limit)  # belongs to _condition, the call's
        self.dropped = 0  # the same

    def _add(self, event: RelayEvent) -> None:
        """Keep an event; requires _condition."""
        self.dropped += len(self._events) == self._events.maxlen
        self._events.append(event)

    @property
    def count(self) -> int:
        """How many came, dropped ones included."""
        with self._condition:
            return self.dropped + len(self._events)

    def __len__(self) -> int:
        with self._condition:
            return len(self._events)

    def __iter__(self) -> Iterator[RelayEvent]:
        with self._condition:
            return iter(list(self._events))

    def __repr__(self) -> str:
        return f"<EventLog of {len(self)} events>"

    def _repr_html_(self) -> str:
        from swsync.views.calls import timeline

        return timeline(self)

    def to_pandas(self) -> Any:
        """All of them as a ``pandas.DataFrame``.

        Columns are ``time`` (UTC, by the server), ``event_type``, ``state``, ``call_id``, ``control_id``, ``synthetic``
        and ``params`` (the event's own dict).

        Raises:
            ConfigurationError: pandas is not installed.
        """
        from swsync.views.calls import state_of
        from swsync.views.frames import data_frame

        rows = [
            {
                "time": event.timestamp,
                "event_type": event.event_type,
                "state": state_of(event),
                "call_id": event.call_id,
                "control_id": event.control_id,
                "synthetic": event.synthetic,
                "params": event.params,
            }
            for event in self
        ]
        return data_frame(rows, COLUMNS, times=["time"])
