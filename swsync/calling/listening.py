"""Listeners of a call, under RELAY's own event names and under those of the older SDKs.

``call.on("calling.call.play", f)`` gives ``f`` the event. ``call.on("playback.started", f)`` and
``call.listen({"on_playback_started": f})``, as the Node SDK writes them, give it the action, or the call for
``on_state_changed``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from swsync.callbacks import check_callback
from swsync.events import RelayEvent

__all__ = ["Listener", "Match", "listen_key", "match_for", "read_listeners", "split_listen"]


class Match(NamedTuple):
    """Which events a listener wants.

    Attributes:
        event_type: RELAY's event type.
        accepts: Whether an event of that type is one; None accepts all.
        subject: What the listener is given: ``event``, ``action`` or ``call``.
    """

    event_type: str
    accepts: Callable[[RelayEvent], bool] | None = None
    subject: str = "event"


def _state(*words: str) -> Callable[[RelayEvent], bool]:
    return lambda event: getattr(event, "state", "") in words


def _collected(event: RelayEvent) -> bool:
    return event.params.get("result", {}).get("type") in ("digit", "speech") if _has_result(event) else False


def _has_result(event: RelayEvent) -> bool:
    return isinstance(event.params.get("result"), dict) and bool(event.params["result"])


def _result_type(*words: str) -> Callable[[RelayEvent], bool]:
    return lambda event: _has_result(event) and event.params["result"].get("type") in words


def _is_partial(event: RelayEvent) -> bool:
    return _collected(event) and event.params.get("final") is False


def _is_final(event: RelayEvent) -> bool:
    return _collected(event) and event.params.get("final") is not False


def _detect_over(event: RelayEvent) -> bool:
    return getattr(event, "event", "") in ("finished", "error")


def _media_matches(name: str, event_type: str, at_work: str, failed: str) -> dict[str, Match]:
    """Playback and recording, whose four listeners are alike."""
    return {
        f"{name}.started": Match(event_type, _state(at_work), "action"),
        f"{name}.updated": Match(event_type, _state(at_work, "paused"), "action"),
        f"{name}.failed": Match(event_type, _state(failed), "action"),
        f"{name}.ended": Match(event_type, _state("finished", failed), "action"),
    }


def _collect_matches(name: str) -> dict[str, Match]:
    """Prompt and collect, which share an event type."""
    event_type = "calling.call.collect"
    return {
        f"{name}.started": Match(event_type, _state("collecting"), "action"),
        f"{name}.input_started": Match(event_type, _result_type("start_of_input"), "action"),
        f"{name}.updated": Match(event_type, _is_partial, "action"),
        f"{name}.failed": Match(event_type, _result_type("no_input", "no_match", "error"), "action"),
        f"{name}.ended": Match(event_type, _is_final, "action"),
    }


_MATCHES: dict[str, Match] = {
    "state_changed": Match("calling.call.state", None, "call"),
    "call.state": Match("calling.call.state", None, "call"),
    **_media_matches("playback", "calling.call.play", "playing", "error"),
    **_media_matches("recording", "calling.call.record", "recording", "no_input"),
    **_collect_matches("prompt"),
    **_collect_matches("collect"),
    "tap.started": Match("calling.call.tap", _state("tapping"), "action"),
    "tap.ended": Match("calling.call.tap", _state("finished"), "action"),
    "stream.started": Match("calling.call.stream", _state("streaming"), "action"),
    "stream.ended": Match("calling.call.stream", _state("finished"), "action"),
    "detect.started": Match("calling.call.detect", None, "action"),
    "detect.updated": Match("calling.call.detect", lambda event: not _detect_over(event), "action"),
    "detect.ended": Match("calling.call.detect", _detect_over, "action"),
}


def match_for(name: str) -> Match:
    """What a listener of this name wants: a short name of the older SDKs, or an event type of RELAY."""
    return _MATCHES.get(name) or Match(name)


def listen_key(key: str) -> str:
    """Turn ``onTapStarted`` or ``on_tap_started`` into ``tap.started``.

    Raises:
        ValueError: There is no such listener.
    """
    words = re.sub(r"(?<!^)(?=[A-Z])", "_", key).lower().removeprefix("on_")
    for name in (words, words.replace("_", ".", 1)):
        if name in _MATCHES:
            return name
    raise ValueError(f"listen: there is no {key!r}; there are {', '.join(sorted(_MATCHES))}")


def read_listeners(listen: Mapping[str, Callable[[Any], Any]]) -> dict[str, Callable[[Any], Any]]:
    """Read the ``listen`` of a call, ``{"on_tap_started": f}``, as listeners by their short names.

    Raises:
        ValueError: A key that is no listener.
        TypeError: A value that cannot be called, or no dict at all.
    """
    if not isinstance(listen, Mapping):
        raise TypeError(f"listen is a dict of listeners, not {listen!r}")
    for key, function in listen.items():
        check_callback(key, function)
    return {listen_key(key): function for key, function in listen.items()}


def split_listen(listen: Mapping[str, Callable[..., Any]] | None) -> dict[str, Callable[..., Any]]:
    """Read the ``listen`` of one action: ``{"on_started": f, "on_ended": g}``, in either spelling.

    Raises:
        ValueError: Another key.
    """
    found: dict[str, Callable[..., Any]] = {}
    for key, function in (listen or {}).items():
        name = {"onStarted": "on_started", "onEnded": "on_ended"}.get(key, key)
        if name not in ("on_started", "on_ended"):
            raise ValueError(f"listen: there is no {key!r}; there are on_started and on_ended")
        found[name] = function
    return found


class Listener:
    """One registered function, called by the dispatcher with what it listens for.

    Attributes:
        match: Which events it wants.
        accepts: Whether an event of its type is one of them; None accepts all.
        subject: What it is given.
    """

    def __init__(self, match: Match, function: Callable[[Any], Any]) -> None:
        self.match = match
        self.accepts = match.accepts
        self.subject = match.subject
        self.function = function
        self.__qualname__ = getattr(function, "__qualname__", repr(function))  # how the log names it

    def __call__(self, subject: Any) -> Any:
        return self.function(subject)
