"""A simulated person with a telephone: what was scripted, and every call of theirs with its audio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .audio import RATE
from .scenario import Behaviour
from .voices import greeting_of

if TYPE_CHECKING:
    from .call import LocalCall

__all__ = ["Callee"]


class Callee:
    """The person at one number. Attributes may be read from any thread.

    Attributes:
        number: Their number or address, as it was dialed.
        behaviour: What they do when they are called.
        calls: Their latest calls, oldest first: ten thousand at most.
    """

    def __init__(self, number: str, behaviour: Behaviour, speed: float = 1.0) -> None:
        self.number = number
        self._speed = speed
        self.behaviour = behaviour
        self.calls: list[LocalCall] = []  # changed by the relay's thread only
        self._rings = 0

    def __repr__(self) -> str:
        return f"<Callee {self.number} {self.behaviour.outcome} calls={len(self.calls)}>"

    @property
    def call(self) -> LocalCall | None:
        """Their latest call."""
        return self.calls[-1] if self.calls else None

    @property
    def rings(self) -> int:
        """How often their telephone rang."""
        return self._rings

    def called(self, call: LocalCall, keep: int) -> None:
        """Note one more call of theirs; on the relay's thread."""
        self.calls.append(call)
        self._rings += call.direction == "outbound"
        if len(self.calls) > keep:
            del self.calls[0]

    @property
    def speech_seconds(self) -> float:
        """How long they speak."""
        return len(greeting_of(self.behaviour)) / 2 / RATE

    @property
    def speaks_until(self) -> float:
        """Seconds from the answer to their last word."""
        return self.behaviour.first_word(self._speed) + self.speech_seconds

    @property
    def said(self) -> memoryview:
        """What they said in their latest call: int16 samples since the answer, after the call's codec."""
        return self.calls[-1].said if self.calls else memoryview(b"").cast("h")

    @property
    def heard(self) -> memoryview:
        """What was played to them in their latest call: int16 samples since the answer, after the call's codec."""
        return self.calls[-1].heard if self.calls else memoryview(b"").cast("h")
