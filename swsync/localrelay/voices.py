"""What the party at the far end sounds like on its own: a person, a machine with its greeting and beep, a fax."""

from __future__ import annotations

from functools import lru_cache

from .audio import RATE, Segment
from .scenario import Behaviour
from .sound import shipped_speech, tone

__all__ = ["BEEP_SECONDS", "CED_SECONDS", "CNG_SECONDS", "greeting_of", "voice_of"]

BEEP_SECONDS = 0.5
BEEP_HERTZ = 1000.0
CED_HERTZ, CED_SECONDS = 2100.0, 3.0  # ITU-T T.30: the answer tone of a called fax
CNG_HERTZ, CNG_SECONDS, CNG_PAUSE = 1100.0, 0.5, 3.0  # ITU-T T.30: a calling fax, until it is answered
CNG_ROUNDS = 10


@lru_cache(maxsize=16)
def _single(hertz: float, seconds: float) -> bytes:
    return tone(hertz, hertz, seconds)


def greeting_of(behaviour: Behaviour) -> bytes:
    """Return the speech, cut or repeated to the length of the greeting; int16 at 8 kHz. A fax has none."""
    if behaviour.kind == "fax":
        return b""
    speech = shipped_speech(behaviour.shipped) if behaviour.speech is None else behaviour.speech
    if behaviour.greeting is None or not speech:
        return speech
    octets = 2 * round(behaviour.greeting * RATE)
    return (speech * (octets // len(speech) + 1))[:octets]


def voice_of(behaviour: Behaviour, direction: str) -> list[Segment]:
    """Return what is said from the first word on.

    Args:
        behaviour: Whose voice.
        direction: ``outbound`` for somebody who was called, ``inbound`` for somebody who calls: a fax tells by it
            which tone is its own.
    """
    if behaviour.kind == "fax":
        if direction == "outbound":
            return [_single(CED_HERTZ, CED_SECONDS)]
        return [_single(CNG_HERTZ, CNG_SECONDS), round(CNG_PAUSE * RATE)] * CNG_ROUNDS
    greeting = greeting_of(behaviour)
    if behaviour.kind == "machine" and behaviour.beep_after is not None:
        return [greeting, round(behaviour.beep_after * RATE), _single(BEEP_HERTZ, BEEP_SECONDS)]
    return [greeting]
