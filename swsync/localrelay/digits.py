"""``calling.send_digits``: DTMF that the simulated person hears, as tones and as keys."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from . import schema
from .action import Action
from .audio import RATE, Segment, Sound
from .call import LocalCall
from .sound import tone

if TYPE_CHECKING:
    from .core import Core
    from .loop import Timer

__all__ = ["SendDigitsAction", "check_digits"]

KEYS = "123A456B789C*0#D"
ROWS = (697.0, 770.0, 852.0, 941.0)  # ITU-T Q.23
COLUMNS = (1209.0, 1336.0, 1477.0, 1633.0)
TONE_SECONDS = 0.1
GAP_SECONDS = 0.1
PAUSES = {"w": 0.5, "W": 1.0}
ALLOWED = re.compile(r"[0-9#*A-DwW]+\Z", re.ASCII)


def check_digits(digits: str) -> None:
    """Refuse what is no key and no pause."""
    if ALLOWED.match(digits) is None:
        raise schema.refuse("digits", f"must consist of 0-9 # * A-D w W, not {digits!r}")


def segments_of(digits: str) -> list[Segment]:
    """Return the digits as tones with gaps."""
    segments: list[Segment] = []
    for digit in digits:
        if digit in PAUSES:
            segments.append(round(PAUSES[digit] * RATE))
            continue
        row, column = divmod(KEYS.index(digit), 4)
        segments += [tone(ROWS[row], COLUMNS[column], TONE_SECONDS), round(GAP_SECONDS * RATE)]
    return segments


class SendDigitsAction(Action):
    """One ``calling.send_digits``. State: finished."""

    kind = "send_digits"
    event_type = "calling.call.send_digits"

    def __init__(self, core: Core, call: LocalCall, control_id: str, digits: str) -> None:
        super().__init__(call, control_id)
        self._core = core
        self._digits = digits
        self._sound: Sound | None = None
        self._timer: Timer | None = None
        core.loop.call_soon(self.begin)

    def begin(self) -> None:
        if self._sound is not None or self.call.answered_at is None or self.is_finished:
            return
        self._sound = Sound(segments_of(self._digits))
        self.call.sound(self._sound, "heard")
        until = self.call.time_of(self.call.position() + self._sound.duration)
        self._timer = self._core.loop.call_at(until, self._sent)

    def _sent(self) -> None:
        self.call.digits_heard += "".join(digit for digit in self._digits if digit not in PAUSES)
        self.finish()

    def release(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._sound is not None:
            self.call.settle()
            self._sound.stop()
