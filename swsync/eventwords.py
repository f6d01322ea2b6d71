"""Words that come with every event, kept once: JSON makes each of them anew each time, and calls keep events."""

from __future__ import annotations

from typing import Any

__all__ = ["share_kept", "share_words"]

_KEPT = frozenset(f"calling.call.{word}" for word in ("state", "tap", "stream", "record", "transcribe", "connect"))
"""Events that a call keeps for as long as it lasts."""

_WORDS: dict[str, str] = {}  # each word once; two threads that add to it at once do no harm
_MOST_WORDS = 1024
_LONGEST_WORD = 16  # states, types and the like; ids are longer


def share_kept(payload: dict[str, Any]) -> dict[str, Any]:
    """Return the params of an event, with shared words if it is one that calls keep: JSON makes each anew each time."""
    event_type, params = payload.get("event_type"), payload.get("params")
    if event_type.__class__ is not str or event_type not in _KEPT or not isinstance(params, dict):
        return payload
    return {**payload, "event_type": _word(event_type), "params": share_words(params)}


def share_words(params: dict[str, Any], depth: int = 4) -> dict[str, Any]:
    """Return an equal object in which each word is the one that is in use elsewhere already: for what is kept."""
    shared: dict[str, Any] = {}
    for key, value in params.items():
        if isinstance(value, dict) and depth:
            shared[_word(key)] = share_words(value, depth - 1)
        else:
            shared[_word(key)] = _word(value) if isinstance(value, str) and len(value) <= _LONGEST_WORD else value
    return shared


def _word(text: str) -> str:
    known = _WORDS.get(text)
    if known is None:
        known = text
        if len(_WORDS) < _MOST_WORDS and len(text) <= 2 * _LONGEST_WORD:
            _WORDS[text] = text
    return known
