"""``calling.detect``: who answered, by what the party was scripted to be and when it speaks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import schema
from .action import Action
from .audio import RATE
from .call import LocalCall
from .voices import BEEP_SECONDS, CED_SECONDS, CNG_SECONDS, greeting_of

if TYPE_CHECKING:
    from .core import Core
    from .loop import Timer

__all__ = ["DetectAction", "check_detect"]

KINDS = ("machine", "fax", "digit")
TIMEOUT = 30.0
NUMBERS = {
    "initial_timeout": 4.5,
    "end_silence_timeout": 1.0,
    "machine_ready_timeout": None,
    "machine_voice_threshold": 1.25,
    "machine_words_threshold": 6.0,
}
ALL_DIGITS = "0123456789#*"
TONE_HEARD = 0.5  # seconds of a fax tone that make a detection
LAST = "finished"


def check_detect(detect: dict[str, Any]) -> None:
    """Refuse what nobody can detect."""
    kind = schema.word(detect, "type", KINDS, "detect")
    params = schema.need(detect, "params", "object", "detect", {})
    path = "detect.params"
    if kind == "fax":
        schema.word(params, "tone", ("CED", "CNG"), path, "CED")
    elif kind == "digit":
        digits = schema.need(params, "digits", "string", path, ALL_DIGITS)
        if not digits or any(digit not in "0123456789#*ABCD" for digit in digits):
            raise schema.refuse(f"{path}.digits", "must consist of 0-9 # * A-D")
    else:
        for name in NUMBERS:
            if schema.need(params, name, "number", path, 0) < 0:
                raise schema.refuse(f"{path}.{name}", "must not be negative")
        for name in ("detect_interruptions", "detect_message_end"):
            schema.need(params, name, "boolean", path, False)


Finding = tuple[float, str, "bool | None"]
"""Seconds from the answer, the event, and whether there was a beep."""


class DetectAction(Action):
    """One detection. Its events have no state: what was found, and that it is over, stand in ``detect``."""

    kind = "detect"
    event_type = "calling.call.detect"

    def __init__(self, core: Core, call: LocalCall, params: dict[str, Any]) -> None:
        super().__init__(call, params["control_id"], params)
        self._core = core
        self._type: str = params["detect"]["type"]
        self._params: dict[str, Any] = params["detect"].get("params") or {}
        timeout = params.get("timeout")
        self._timeout = TIMEOUT if timeout is None else float(timeout)
        self._timers: list[Timer] = []

    def begin(self) -> None:
        if self._timers or self.call.answered_at is None or self.is_finished:
            return
        now = self.call.position() / RATE
        findings = {"machine": self._voice, "fax": self._tone, "digit": self._nothing}[self._type]
        for seconds, event, beep in findings(now):
            if seconds <= now + self._timeout:
                self._at(seconds, self._found, event, beep)
        self._at(now + self._timeout, self.finish)
        if self._type == "digit":
            self.call.reactions.asked(for_digits=True)

    def _at(self, seconds: float, function: Any, *args: Any) -> None:
        self._timers.append(self._core.loop.call_at(self.call.time_of(round(seconds * RATE)), function, *args))

    def _found(self, event: str, beep: bool | None) -> None:
        if self.is_finished:
            return
        if event == LAST:
            self.finish()
        else:
            self.tell(event, **({} if beep is None else {"beep": beep}))

    # What will be found, and when

    def _number(self, name: str) -> float:
        value = self._params.get(name)
        value = NUMBERS[name] if value is None else value
        return float(self._number("end_silence_timeout") if value is None else value)

    def _voice(self, now: float) -> Iterator[Finding]:
        """What a detector of machines makes of a voice from now on."""
        behaviour = self.call.behaviour
        first = max(now, behaviour.first_word(self._core.speed))
        last = behaviour.first_word(self._core.speed) + len(greeting_of(behaviour)) / 2 / RATE
        silence = now + self._number("initial_timeout")
        if last <= first or first > silence:
            yield from ((silence, "UNKNOWN", None), (silence, LAST, None))
            return
        verdict = min(first + self._number("machine_voice_threshold"), last + self._number("end_silence_timeout"))
        if behaviour.kind == "human":
            yield from ((verdict, "HUMAN", None), (verdict, LAST, None))
            return
        yield (verdict, "MACHINE", None)
        if self._params.get("detect_message_end") is False:
            yield (verdict, LAST, None)
        else:
            yield from self._end_of_message(last)

    def _end_of_message(self, last: float) -> Iterator[Finding]:
        """When a message can be left: after the beep, or after silence that may be interrupted."""
        after = self.call.behaviour.beep_after
        quiet = last + self._number("machine_ready_timeout")
        if after is None or last + after > quiet:
            yield (quiet, "READY", False)
        if after is None:
            return
        beep = last + after
        if beep > quiet and self._params.get("detect_interruptions"):
            yield (beep, "NOT_READY", None)
        yield from ((beep + BEEP_SECONDS, "READY", True), (beep + BEEP_SECONDS, LAST, None))

    def _tone(self, now: float) -> Iterator[Finding]:
        """When a fax's tone is recognised, if it is a fax and the tone that is looked for."""
        behaviour = self.call.behaviour
        own = "CED" if self.call.direction == "outbound" else "CNG"
        if behaviour.kind != "fax" or own != (self._params.get("tone") or "CED"):
            return
        first = behaviour.first_word(self._core.speed)
        heard = max(now, first) + TONE_HEARD
        if own == "CNG" or heard <= first + CED_SECONDS:
            heard += 0.0 if own == "CED" else CNG_SECONDS - TONE_HEARD
            yield from ((heard, own, None), (heard, LAST, None))

    @staticmethod
    def _nothing(now: float) -> Iterator[Finding]:
        return iter(())

    def press(self, digits: str) -> None:
        if self._type != "digit" or not self._timers:
            return
        wanted = self._params.get("digits") or ALL_DIGITS
        for digit in digits:
            if digit in wanted and not self.is_finished:
                self.tell(digit)
                self.finish()

    def tell(self, state: str, **fields: Any) -> None:
        self.emit(control_id=self.control_id, detect={"type": self._type, "params": {"event": state, **fields}})

    def release(self) -> None:
        for timer in self._timers:
            timer.cancel()
