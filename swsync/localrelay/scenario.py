"""Who answers which number: the table of the simulated people, and what one of them does."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from swsync.errors import ConfigurationError

from .sound import Spoken, load_speech, speak
from .steps import Step, steps_of

__all__ = [
    "KINDS",
    "OUTCOMES",
    "TABLE",
    "Behaviour",
    "behaviour_of",
    "check_keys",
    "check_seconds",
    "check_texts",
    "scripted",
]

OUTCOMES = ("answers", "busy", "noAnswer", "decline", "not_found", "error")
KINDS = ("human", "machine", "fax")
LATEST_WORD = 4.0  # seconds: whoever detects machines gives up at 4.5
PRESSES = re.compile(r"[0-9#*A-DwW]*\Z", re.ASCII)
TIMES = ("answers_after", "speaks_after", "beep_after", "presses_after", "replies_after", "hangs_up_after")
NEVER_NONE = ("answers_after", "replies_after")


@attrs.frozen(kw_only=True)
class Behaviour:
    """What a simulated person does when the telephone rings.

    Attributes:
        outcome: ``answers``, or the end reason that the caller gets: busy, noAnswer, decline, not_found, error.
        outcomes: Instead of one outcome, those of the first ring, the second ... and from the beginning again.
        kind: ``human``, ``machine`` (a greeting, then perhaps a beep) or ``fax`` (its tones): what detection finds.
        answers_after: Seconds of ringing before that.
        speech: int16 samples at 8 kHz, said once: a machine's greeting. None is one that ships with the package.
        shipped: Which one that is: ``speech``, ``machine`` or ``wrong``.
        greeting: Seconds that the speech is cut or repeated to; None leaves it as it is.
        speaks_after: Seconds between the answer and the first word; None is one second, but at least half a second of
            real time (and four seconds at most): a client does not begin to listen sooner because the relay's time
            passes faster.
        beep_after: Seconds between a machine's greeting and its beep; None is a machine without one.
        presses: The keys they press the first time they are asked for digits, the second time, and so on; w and W are
            pauses of half a second and a second.
        presses_after: Seconds from the answer at which the first of these are pressed without being asked.
        says: What they reply when they are asked to speak, the first time, the second, and so on.
        replies_after: Seconds between being asked (the end of the prompt) and the reply's first key or word.
        hangs_up_after: Seconds between the answer and hanging up; None waits for the other side.
        fax_document: The file that a fax sends; None is one page that the relay makes.
        script: What they do from the answer on, step by step.
    """

    outcome: str = "answers"
    outcomes: tuple[str, ...] = ()
    kind: str = "human"
    answers_after: float = 0.5
    speech: bytes | None = None
    shipped: str = "speech"
    greeting: float | None = None
    speaks_after: float | None = None
    beep_after: float | None = 0.5
    presses: tuple[str, ...] = ()
    presses_after: float | None = None
    says: tuple[Spoken, ...] = ()
    replies_after: float = 0.5
    hangs_up_after: float | None = None
    fax_document: str | None = None
    script: tuple[Step, ...] = ()

    def __attrs_post_init__(self) -> None:
        for outcome in (self.outcome, *self.outcomes):
            if outcome not in OUTCOMES:
                raise ConfigurationError(f"outcome must be one of {', '.join(OUTCOMES)}, not {outcome!r}")
        if self.kind not in KINDS:
            raise ConfigurationError(f"kind must be one of {', '.join(KINDS)}, not {self.kind!r}")
        for keys in self.presses:
            check_keys("presses", keys)
        for name in TIMES:
            if getattr(self, name) is not None or name in NEVER_NONE:
                check_seconds(name, getattr(self, name))
        if self.greeting is not None and not 0 <= self.greeting <= 600:
            raise ConfigurationError(f"greeting must be from 0 to 600 seconds, not {self.greeting!r}")

    def first_word(self, speed: float) -> float:
        """Return the seconds from the answer to the first word, with a clock that fast."""
        return min(max(1.0, 0.5 * speed), LATEST_WORD) if self.speaks_after is None else self.speaks_after

    def outcome_of(self, ring: int) -> str:
        """Return what comes of their n-th ring, counted from 1."""
        return self.outcomes[(ring - 1) % len(self.outcomes)] if self.outcomes else self.outcome


def check_texts(*, may_be_empty: bool = False, **texts: Any) -> None:
    """Refuse what is no text, by its name: a number that nobody can have, or a context on which nobody can listen."""
    for name, text in texts.items():
        if not isinstance(text, str) or not (text or may_be_empty):
            raise ConfigurationError(f"{name} must be a text{'' if may_be_empty else ', not empty'}, not {text!r}")


def check_seconds(name: str, value: Any) -> None:
    """Refuse what is no time: one NaN among the relay's timers would stop all of them."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise ConfigurationError(f"{name} must be a number of seconds, 0 or more, not {value!r}")


def check_keys(name: str, keys: Any) -> None:
    """Refuse what no telephone can press."""
    if not isinstance(keys, str) or PRESSES.match(keys) is None:
        raise ConfigurationError(f"{name} must consist of 0-9 # * A-D w W, not {keys!r}")


def scripted(
    *,
    speech: Any = None,
    kind: str = "human",
    presses: str | Sequence[str] = (),
    says_text: str | Sequence[str] = (),
    script: Sequence[Mapping[str, Any] | Step] = (),
    **more: Any,
) -> Behaviour:
    """Return a behaviour from what a user writes: files are read and texts are spoken here, on the user's thread.

    Raises:
        ConfigurationError: Something that nobody can do.
        MediaError: Speech that cannot be read.
    """
    steps = steps_of(script)
    if steps and speech is None and kind == "human":
        speech = b""  # the script says what they say
    texts = (says_text,) if isinstance(says_text, str) else tuple(says_text)
    return Behaviour(
        speech=None if speech is None else load_speech(speech),
        shipped="machine" if kind == "machine" else "speech",
        kind=kind,
        presses=(presses,) if isinstance(presses, str) else tuple(presses),
        says=tuple(Spoken(text, speak(text)) for text in texts),
        script=steps,
        **more,
    )


TABLE: dict[str, Behaviour] = {
    "+12025550141": Behaviour(outcome="busy"),
    "+12025550142": Behaviour(outcome="noAnswer"),
    "+12025550143": Behaviour(outcome="decline", answers_after=1.0),
    "+12025550144": Behaviour(outcome="not_found", answers_after=0.2),
    "+12025550145": Behaviour(speech=b""),
    "+12025550146": Behaviour(answers_after=12.0),
    "+12025550147": Behaviour(hangs_up_after=2.0),
    "+12025550148": Behaviour(greeting=1.0),
    "+12025550149": Behaviour(kind="machine", shipped="machine"),
    "+12025550150": Behaviour(kind="machine", shipped="machine", beep_after=None),
    "+12025550151": Behaviour(kind="fax"),
    "+12025550152": Behaviour(shipped="wrong", hangs_up_after=6.0),
    "+12025550153": Behaviour(outcomes=("error", "answers")),
    "+12025550154": Behaviour(speech=b"", presses=("1", "12#", "1234#")),
}
"""Numbers that behave, from the range that is kept free for fiction: busy, rings until the caller gives up, declines,
does not exist, answers and says nothing, answers slowly, hangs up after two seconds; a person with a short greeting, a
machine with a beep, a machine without, a fax, somebody who has the wrong number, a flaky line, somebody who presses
keys. Every other number answers after half a second and speaks."""


def behaviour_of(number: str) -> Behaviour:
    """Return what the table says about a number."""
    return TABLE.get(number, Behaviour())
