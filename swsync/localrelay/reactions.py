"""What the simulated party does when it is asked for something: it presses keys, or it replies."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .call import LocalCall

__all__ = ["Reactions"]

KEY_SECONDS = 0.2  # between one key and the next
PAUSES = {"w": 0.5, "W": 1.0}


class Reactions:
    """The replies that the party's behaviour has ready, each of which is given once. The relay's thread only."""

    def __init__(self, call: LocalCall) -> None:
        self._call = call
        self._presses = list(call.behaviour.presses)
        self._says = list(call.behaviour.says)

    def answered(self) -> None:
        """The call has begun: press what is pressed without being asked."""
        behaviour = self._call.behaviour
        if behaviour.presses_after is not None and self._presses:
            self._press(self._presses.pop(0), behaviour.presses_after)

    def asked(self, *, for_digits: bool = False, for_speech: bool = False) -> None:
        """Somebody waits for keys or words."""
        behaviour = self._call.behaviour
        if for_digits and self._presses:
            self._press(self._presses.pop(0), behaviour.replies_after)
        elif for_speech and self._says:
            self._call.later(behaviour.replies_after, self._call.party_says, self._says.pop(0))

    def _press(self, keys: str, delay: float) -> None:
        for key in keys:
            if key in PAUSES:
                delay += PAUSES[key]
                continue
            self._call.later(delay, self._call.party_presses, key)
            delay += KEY_SECONDS
