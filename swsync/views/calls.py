"""What a call and its actions look like: where they stand, and what happened when."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from swsync.masking import masked
from swsync.views.markup import Markup, badge, card, escape, note, table

if TYPE_CHECKING:
    from swsync.call import Call
    from swsync.calling._base import Action
    from swsync.events import RelayEvent

__all__ = ["action_card", "call_card", "details", "timeline"]

SHOWN = 200  # events in one table
KINDS = {"answered": "good", "ended": "", "created": "busy", "ringing": "busy", "ending": "busy"}
# What each event repeats about its call.
KNOWN = frozenset(
    {"call_id", "node_id", "control_id", "segment_id", "project_id", "space_id", "device", "peer", "tag", "direction"}
)


def call_card(call: Call) -> Markup:
    """Where a call stands, whose it is, what runs on it, and what happened, if its events are kept."""
    state, reason = str(call.state), call.end_reason
    title = (badge(state, KINDS.get(state, "")), f"call {call.call_id}", f"{call.direction} {call.type}".strip())
    facts = [("from", _number(call.from_)), ("to", _number(call.to)), ("ended", reason), ("context", call.context)]
    if call.connect_state:
        facts.append(("connect", call.connect_state))
    headers = [(_field(header, "name"), _field(header, "value")) for header in call.headers[:SHOWN]]
    with call._condition:
        actions = call._actions
    running = [(type(action).__name__, action.state or "sent", action.control_id) for action in actions]
    events = call.events
    return card(
        Markup("&ensp;".join(map(escape, title))),
        table([], [(name, text) for name, text in facts if text]),
        table(["SIP header", "value"], headers) if headers else "",
        table(["running", "state", "control_id"], running) if running else "",
        note("events are shown once they are kept: call.keep_events()") if events is None else timeline(events),
    )


def action_card(action: Action[Any]) -> Markup:
    """How far an action is, and what it came to."""
    state = action.state or "sent"
    kind = "busy" if not action.is_done else "good" if action.completed else "bad"
    title = (badge(state, kind), f"{type(action).__name__} {action.control_id}")
    event = action.result or action.last_event
    facts = [
        ("started", "yes" if action.has_started else "no"),
        ("done", "yes" if action.completed else "failed" if action.is_done else "no"),
        ("call", action.call.call_id),
        ("last event", details(event.params) if event is not None else ""),
    ]
    return card(Markup("&ensp;".join(map(escape, title))), table([], [(name, text) for name, text in facts if text]))


def timeline(events: Iterable[RelayEvent]) -> Markup:
    """The last events, with their seconds since the first of them."""
    found = list(events)[-SHOWN:]
    first = next((event.timestamp for event in found if event.timestamp), 0.0)
    rows = [
        (
            f"{event.timestamp - first:+.3f}" if event.timestamp else "",
            event.event_type.removeprefix("calling.").removeprefix("call."),
            state_of(event),
            details(event.params) + (" (made by swsync)" if event.synthetic else ""),
        )
        for event in found
    ]
    return table(["s", "event", "state", "details"], rows)


def state_of(event: RelayEvent) -> str:
    """The word that says how far an event is, whatever its type calls it."""
    words = (getattr(event, name, "") for name in ("call_state", "state", "connect_state", "event", "status"))
    return next((word for word in words if word), "")


def details(params: Mapping[str, Any]) -> str:
    """What an event says beyond its call, as short JSON without secrets."""
    said = {name: value for name, value in params.items() if name not in KNOWN and not name.endswith("state")}
    try:
        return masked(json.dumps(said, ensure_ascii=False, default=str)) if said else ""
    except RecursionError:
        return "nested too deeply to be shown"


def _number(text: str) -> str:
    """A telephone number as one may show it to others; other addresses as they are."""
    return f"{text[:5]}…{text[-2:]}" if text.startswith("+") and len(text) > 8 else text


def _field(header: Any, name: str) -> str:
    return str(header.get(name, "")) if isinstance(header, Mapping) else str(header)
