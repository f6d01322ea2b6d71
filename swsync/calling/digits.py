"""Digits (DTMF): sending them, and having the service act on them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from swsync.calling._base import Action, Completed, Verbs
from swsync.devices import as_wire
from swsync.events import SendDigitsEvent

__all__ = ["DigitVerbs", "SendDigitsAction"]

_DIGITS = re.compile(r"[0-9#*A-Da-dwW]+\Z")


class SendDigitsAction(Action[SendDigitsEvent]):
    """Digits being sent. ``wait()`` returns when the last is out."""

    _verb = "send_digits"
    _event_type = "calling.call.send_digits"


class DigitVerbs(Verbs):
    """The verbs about digits."""

    def send_digits(
        self, digits: str, *, control_id: str | None = None, on_completed: Completed | None = None
    ) -> SendDigitsAction:
        """Send digits to the party.

        Args:
            digits: From 0-9, ``#``, ``*``, A-D, ``w`` (half a second) and ``W`` (a second).
            control_id: A name for the action; made when not given.
            on_completed: Called with its last event.

        Returns:
            The action at RELAY's reply; ``wait()`` returns when the digits are out.

        Raises:
            ValueError: A character that is no digit.
        """
        if not _DIGITS.match(digits):
            raise ValueError(f"digits must be made of 0-9 # * A-D w W, not {digits!r}")
        return self._begin(SendDigitsAction, "send_digits", control_id, on_completed, digits=digits)

    def bind_digit(
        self,
        digits: str,
        bind_method: str,
        *,
        bind_params: Mapping[str, Any] | None = None,
        realm: str | None = None,
        max_triggers: int | None = None,
    ) -> dict[str, Any]:
        """Have the service run a RELAY method whenever the party presses a sequence of digits.

        Args:
            digits: The sequence.
            bind_method: The method, such as ``calling.end``.
            bind_params: Its parameters; devices and media of ``swsync.devices`` in them are understood.
            realm: A name for a group of bindings.
            max_triggers: How often it may run.
        """
        params = None if bind_params is None else {name: as_wire(value) for name, value in bind_params.items()}
        return self.request("bind_digit", digits=digits, bind_method=bind_method, params=params, realm=realm,
                            max_triggers=max_triggers)  # fmt: skip

    def clear_digit_bindings(self, *, realm: str | None = None) -> dict[str, Any]:
        """Remove all digit bindings, or those of one realm."""
        return self.request("clear_digit_bindings", realm=realm)
