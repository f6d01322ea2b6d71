"""Who answers which number: the table of the simulated people, and what one of them does."""

from __future__ import annotations

import attrs

from swsync.errors import ConfigurationError

__all__ = ["OUTCOMES", "TABLE", "Behaviour", "behaviour_of"]

OUTCOMES = ("answers", "busy", "noAnswer", "decline", "not_found", "error")


@attrs.frozen(kw_only=True)
class Behaviour:
    """What a simulated person does when the telephone rings.

    Attributes:
        outcome: ``answers``, or the end reason that the caller gets: busy, noAnswer, decline, not_found, error.
        answers_after: Seconds of ringing before that.
        speech: int16 samples at 8 kHz, said once; None is the speech that ships with the package.
        speaks_after: Seconds between the answer and the first word; None is one second, but at least half a second of
            real time: a client does not begin to listen sooner because the relay's time passes faster.
        hangs_up_after: Seconds between the answer and hanging up; None waits for the other side.
    """

    outcome: str = "answers"
    answers_after: float = 0.5
    speech: bytes | None = None
    speaks_after: float | None = None
    hangs_up_after: float | None = None

    def __attrs_post_init__(self) -> None:
        if self.outcome not in OUTCOMES:
            raise ConfigurationError(f"outcome must be one of {', '.join(OUTCOMES)}, not {self.outcome!r}")

    def first_word(self, speed: float) -> float:
        """Return the seconds from the answer to the first word, with a clock that fast."""
        return max(1.0, 0.5 * speed) if self.speaks_after is None else self.speaks_after


TABLE: dict[str, Behaviour] = {
    "+12025550141": Behaviour(outcome="busy"),
    "+12025550142": Behaviour(outcome="noAnswer"),
    "+12025550143": Behaviour(outcome="decline", answers_after=1.0),
    "+12025550144": Behaviour(outcome="not_found", answers_after=0.2),
    "+12025550145": Behaviour(speech=b""),
    "+12025550146": Behaviour(answers_after=12.0),
    "+12025550147": Behaviour(hangs_up_after=2.0),
}
"""Numbers that behave, from the range that is kept free for fiction: busy, rings until the caller gives up, declines,
does not exist, answers and says nothing, answers slowly, hangs up after two seconds. Every other number answers after
half a second and speaks."""


def behaviour_of(number: str) -> Behaviour:
    """Return what the table says about a number."""
    return TABLE.get(number, Behaviour())
