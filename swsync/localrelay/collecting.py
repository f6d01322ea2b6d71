"""``calling.collect`` and ``calling.play_and_collect``: the keys and words that the party answers with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import schema
from .action import Action
from .call import LocalCall
from .playback import PlayAction
from .sound import Spoken

if TYPE_CHECKING:
    from .core import Core
    from .loop import Timer

__all__ = ["CollectAction", "Prompt", "check_collect"]

INITIAL_TIMEOUT = 4.0
DIGIT_TIMEOUT = 5.0
END_SILENCE_TIMEOUT = 1.0
SPEECH_TIMEOUT = 60.0
CONFIDENCE = 95.0  # percent: what is scripted as text is understood
MAX_DIGITS = 1000  # of one result


def check_collect(spec: dict[str, Any], path: str = "") -> None:
    """Refuse a collect that asks for nothing, or for what cannot be."""
    digits = schema.need(spec, "digits", "object", path, None)
    speech = schema.need(spec, "speech", "object", path, None)
    dot = f"{path}." if path else ""
    if digits is None and speech is None:
        raise schema.refuse(f"{dot}digits", "is required, or speech")
    _not_negative(spec, path, "initial_timeout")
    for name in ("partial_results", "continuous", "send_start_of_input", "start_input_timers"):
        schema.need(spec, name, "boolean", path, False)
    if digits is not None:
        if not 1 <= schema.need(digits, "max", "integer", f"{dot}digits") <= MAX_DIGITS:
            raise schema.refuse(f"{dot}digits.max", f"must be from 1 to {MAX_DIGITS}")
        schema.need(digits, "min", "integer", f"{dot}digits", 0)
        schema.need(digits, "terminators", "string", f"{dot}digits", "")
        _not_negative(digits, f"{dot}digits", "digit_timeout")
    if speech is not None:
        _not_negative(speech, f"{dot}speech", "end_silence_timeout", "speech_timeout")
        for name in ("language", "engine", "model"):
            schema.need(speech, name, "string", f"{dot}speech", "")
        schema.need(speech, "hints", "array[string]", f"{dot}speech", [])


def _not_negative(params: dict[str, Any], path: str, *names: str) -> None:
    for name in names:
        if schema.need(params, name, "number", path, 0) < 0:
            raise schema.refuse(f"{path}.{name}" if path else name, "must not be negative")


def _seconds(params: dict[str, Any], name: str, default: float) -> float:
    value = params.get(name)
    return default if value is None else float(value)


class CollectAction(Action):
    """One collect, or the collecting half of a prompt. Its last event has a ``result``, unless it was stopped.

    Args:
        core: The relay.
        call: Whose party is asked.
        params: The request's, with ``control_id`` and ``status_url``.
        spec: What to collect: ``digits``, ``speech`` and the rest.
        kind: ``collect`` or ``play_and_collect``.
    """

    event_type = "calling.call.collect"

    def __init__(
        self, core: Core, call: LocalCall, params: dict[str, Any], spec: dict[str, Any], kind: str = "collect"
    ) -> None:
        self.kind = kind
        super().__init__(call, params["control_id"], params)
        self._core = core
        self._spec = spec
        self._digits: dict[str, Any] | None = spec.get("digits")
        self._speech: dict[str, Any] | None = spec.get("speech")
        self._pressed = ""
        self._text = ""
        self._has_begun = False
        self._input_began = False
        self._result: dict[str, Any] | None = None
        self._timer: Timer | None = None
        self.prompt: Prompt | None = None

    # From the question to the first input

    def begin(self) -> None:
        if self._has_begun or self.prompt is not None or self.call.answered_at is None or self.is_finished:
            return
        self._has_begun = True
        if self._spec.get("start_input_timers") is not False:
            self.start_timers()
        self.call.reactions.asked(for_digits=self._digits is not None, for_speech=self._speech is not None)

    def prompt_over(self) -> None:
        """The prompt has been heard: now the party may think."""
        self.prompt = None
        if not self._input_began:
            self.begin()

    def start_timers(self) -> None:
        """Give the party so long for its first key or word."""
        if self._timer is None and not self._input_began and not self.is_finished:
            seconds = _seconds(self._spec, "initial_timeout", INITIAL_TIMEOUT)
            self._wait(seconds, self._settle, "no_input", {})

    def _wait(self, seconds: float, function: Any, *args: Any) -> None:
        self._cancel()
        self._timer = self._core.loop.call_later(seconds, function, *args)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _input(self) -> None:
        """Something came: the prompt falls silent, and the waiting for it is over."""
        self._cancel()
        if self._input_began:
            return
        self._input_began = True
        prompt, self.prompt = self.prompt, None
        if prompt is not None:
            prompt.finish()
        if self._spec.get("send_start_of_input"):
            self._partial("start_of_input", {})

    # Keys

    def press(self, digits: str) -> None:
        if self._digits is None:
            return
        for digit in digits:
            if not self.is_finished:
                self._press(self._digits, digit)

    def _press(self, asked: dict[str, Any], digit: str) -> None:
        self._input()
        if digit in (asked.get("terminators") or ""):
            self._settle_digits(digit)
            return
        self._pressed += digit
        if len(self._pressed) >= asked["max"]:
            self._settle_digits("")
            return
        if self._spec.get("partial_results"):
            self._partial("digit", {"digits": self._pressed, "terminator": ""})
        self._wait(_seconds(asked, "digit_timeout", DIGIT_TIMEOUT), self._settle_digits, "")

    def _settle_digits(self, terminator: str) -> None:
        if len(self._pressed) < ((self._digits or {}).get("min") or 0):
            self._settle("no_match", {})
        else:
            self._settle("digit", {"digits": self._pressed, "terminator": terminator})

    # Words

    def voice_begins(self, spoken: Spoken, seconds: float) -> None:
        if self._speech is None:
            return
        self._input()
        self._text = f"{self._text} {spoken.text}".strip()
        longest = _seconds(self._speech, "speech_timeout", SPEECH_TIMEOUT)
        if seconds >= longest:
            self._wait(longest, self._settle_speech)
        else:
            self._wait(seconds, self._voice_ends)

    def _voice_ends(self) -> None:
        if self._spec.get("partial_results"):
            self._partial("speech", {"text": self._text, "confidence": CONFIDENCE})
        silence = _seconds(self._speech or {}, "end_silence_timeout", END_SILENCE_TIMEOUT)
        self._wait(silence, self._settle_speech)

    def _settle_speech(self) -> None:
        self._settle("speech", {"text": self._text, "confidence": CONFIDENCE})

    # Results

    def _partial(self, kind: str, params: dict[str, Any]) -> None:
        self.tell("collecting", final=False, result=_result(kind, params))

    def _settle(self, kind: str, params: dict[str, Any]) -> None:
        self._cancel()
        if not self._spec.get("continuous"):
            self._result = _result(kind, params)
            self.finish("error" if kind == "error" else "finished")
            return
        self.tell("collecting", final=True, result=_result(kind, params))
        self._pressed = self._text = ""
        self._input_began = self._has_begun = False
        self.begin()

    def fail(self) -> None:
        """The prompt cannot be played."""
        self.prompt = None
        self._result = _result("error", {})
        self.finish("error")

    def release(self) -> None:
        self._cancel()
        prompt, self.prompt = self.prompt, None
        if prompt is not None:
            prompt.finish()

    def last_fields(self) -> dict[str, Any]:
        return {"final": True, "result": self._result} if self._result is not None else {}


def _result(kind: str, params: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "params": params} if params else {"type": kind}


class Prompt(PlayAction):
    """The playing half of ``play_and_collect``: its end is the beginning of the collect's timers."""

    kind = "play_and_collect.play"

    def __init__(self, core: Core, call: LocalCall, params: dict[str, Any], collect: CollectAction) -> None:
        super().__init__(core, call, params, sides=("heard",))
        self._collect = collect
        collect.prompt = self

    def finish(self, state: str = "finished") -> None:
        if self.is_finished:
            return
        super().finish(state)
        if self._collect.prompt is self:
            if state == "error":
                self._collect.fail()
            else:
                self._collect.prompt_over()
