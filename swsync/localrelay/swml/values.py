"""What stands for something else in a document: variables, and the short forms of media."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from swsync.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..call import LocalCall

__all__ = ["Variables", "devices_of", "media_of"]

PLACE = re.compile(r"[$%]\{([^{}]*)\}")
MOST = 100_000  # characters and values that variables may put into one step
DEEPEST = 20
DEFAULT_RING = 60  # seconds


class Variables:
    """The variables of one run: ``call``, ``params``, ``vars``, and ``vars`` without its name."""

    def __init__(self, call: LocalCall, params: dict[str, Any] | None = None) -> None:
        self._call = call
        self.params = params or {}
        self.vars: dict[str, Any] = {}

    def about(self) -> dict[str, Any]:
        """Return what a server is told of the call."""
        device = self._call.device
        ends = device.get("params", {})
        return {
            "call_id": self._call.call_id,
            "node_id": self._call.node_id,
            "segment_id": self._call.segment_id,
            "call_state": self._call.state,
            "direction": self._call.direction,
            "type": device.get("type", ""),
            "from": ends.get("from_number") or ends.get("from") or "",
            "to": ends.get("to_number") or ends.get("to") or "",
            "project_id": self._call.project,
        }

    def value(self, path: str) -> Any:
        """Return what a path such as ``call.from`` stands for; None if nothing does."""
        names = path.strip().split(".")
        scopes = {"call": self.about(), "params": self.params, "vars": self.vars}
        found: Any = scopes if names[0] in scopes else self.vars
        for name in names:
            found = found.get(name) if isinstance(found, dict) else None
        return found

    def filled(self, value: Any) -> Any:
        """Return a value with its variables in place; alone in a text one keeps its type, unknown it is empty.

        Raises:
            ConfigurationError: They make too much of it: a variable may hold itself many times over.
        """
        return _Filling(self.value).filled(value)


class _Filling:
    """The variables of one step put into their places, with an end to what they may make of it."""

    def __init__(self, look_up: Callable[[str], Any]) -> None:
        self._look_up = look_up
        self._left = MOST

    def filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self.filled(part) for name, part in value.items()}
        if isinstance(value, list):
            return [self.filled(part) for part in value]
        if not isinstance(value, str):
            return value
        whole = PLACE.fullmatch(value)
        if whole is not None:
            found = self._found(whole[1])
            return "" if found is None else found
        return PLACE.sub(lambda place: str(self._found(place[1]) or ""), value)

    def _found(self, path: str) -> Any:
        found = self._look_up(path)
        waiting = [(found, 0)]
        while waiting:
            value, depth = waiting.pop()
            self._left -= 1 + len(value) if isinstance(value, str) else 1
            if self._left < 0 or depth > DEEPEST:
                raise ConfigurationError(f"the variable {path!r:.80} holds too much to be put into a step")
            parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
            waiting.extend((part, depth + 1) for part in parts)
        return found


def media_of(urls: list[str], saying: dict[str, Any]) -> list[dict[str, Any]]:
    """Return ``say:``, ``silence:``, ``ring:`` and URLs as RELAY's media."""
    items: list[dict[str, Any]] = []
    for url in urls:
        kind, _, rest = url.partition(":")
        if kind == "say":
            params: dict[str, Any] = {"text": rest.strip()}
            for name in ("language", "gender", "voice"):
                if saying.get(f"say_{name}"):
                    params[name] = saying[f"say_{name}"]
            items.append({"type": "tts", "params": params})
        elif kind == "silence":
            items.append({"type": "silence", "params": {"duration": float(rest or 0)}})
        elif kind == "ring":
            seconds, _, country = rest.rpartition(":")
            ring: dict[str, Any] = {"name": country.strip().lower()}
            if seconds:
                ring["duration"] = float(seconds)
            items.append({"type": "ringtone", "params": ring})
        else:
            items.append({"type": "audio", "params": {"url": url}})
    return items


def devices_of(fields: dict[str, Any], default_from: str) -> list[list[dict[str, Any]]]:
    """Return whom ``connect`` rings, as RELAY's steps of devices."""

    def device(one: dict[str, Any]) -> dict[str, Any]:
        both: dict[str, Any] = {
            **{name: fields[name] for name in ("from", "timeout", "call_state_url") if name in fields},
            **one,
        }
        to, timeout = both["to"], both.get("timeout", DEFAULT_RING)
        ends: dict[str, Any] = {"from": both.get("from") or default_from, "to": to}
        kind = "sip" if to.startswith(("sip:", "sips:")) else "phone"
        if kind == "phone":
            ends = {"from_number": ends["from"], "to_number": to}
        more = {name: both[name] for name in ("call_state_url", "call_state_events") if both.get(name)}
        return {"type": kind, "params": {**ends, "timeout": timeout, **more}}

    if "serial" in fields:
        return [[device(one)] for one in fields["serial"]]
    if "parallel" in fields:
        return [[device(one) for one in fields["parallel"]]]
    if "serial_parallel" in fields:
        return [[device(one) for one in step] for step in fields["serial_parallel"]]
    return [[device(fields)]]
