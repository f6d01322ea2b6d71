"""What a simulated person does during a call, step by step, as data: from Python or from a file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from swsync.errors import ConfigurationError

from .sound import Spoken, load_speech, speak

__all__ = ["HEARINGS", "Step", "steps_of"]

HEARINGS = ("digits", "speech", "silence", "beep")
VERBS = ("say", "play", "press", "wait", "wait_for", "function", "hang_up")
MORE = {
    "wait_for": ("seconds", "timeout", "digits", "count", "otherwise"),
    "function": ("arguments",),
    "hang_up": (),
}
OTHERWISE = ("hang_up", "go_on")
KEYS = "0123456789#*ABCD"
SECONDS = {"speech": 0.5, "silence": 1.0, "beep": 0.2, "digits": 0.0}
LONGEST = 86_400.0


@attrs.frozen(kw_only=True)
class Step:
    """One step.

    Attributes:
        verb: ``say`` a text, ``play`` a WAV, ``press`` keys, ``wait`` seconds, ``wait_for`` something that is heard
            (``digits``, ``speech``, ``silence``, ``beep``), call a ``function`` as the AI agent's model, ``hang_up``.
        value: The text, keys, seconds, what is waited for, the function's name, or the reason of the end.
        spoken: The sound of ``say`` and ``play``; what is played has no text.
        seconds: How long speech, silence or a beep must last at least.
        timeout: How long is waited for it.
        digits: The keys that are waited for; "" is any.
        count: How many keys are waited for, if not which.
        otherwise: What comes when it was waited for in vain: ``hang_up`` or ``go_on``.
        arguments: Of the function.
    """

    verb: str
    value: Any
    spoken: Spoken | None = attrs.field(default=None, repr=False)
    seconds: float = 0.0
    timeout: float = 60.0
    digits: str = ""
    count: int = 1
    otherwise: str = "hang_up"
    arguments: Mapping[str, Any] = attrs.field(factory=dict)


def steps_of(script: Any, where: str = "script", base: str = "") -> tuple[Step, ...]:
    """Return a script's steps; texts are spoken and files read here, so it takes its time.

    Args:
        script: A list of objects such as ``{"say": "Hello"}``, ``{"wait_for": "speech", "seconds": 2}``,
            ``{"hang_up": True}``.
        where: What stands before the place in an error.
        base: The directory of files that are named without one.

    Raises:
        ConfigurationError: A step that nobody can do; the text names it.
        MediaError: A WAV that cannot be read.
    """
    if isinstance(script, (str, bytes)) or not isinstance(script, Sequence):
        raise ConfigurationError(f"{where}: must be a list of steps")
    return tuple(
        step if isinstance(step, Step) else _step(step, f"{where}[{index}]", base) for index, step in enumerate(script)
    )


def _step(step: Any, where: str, base: str) -> Step:
    verbs = [name for name in step if name in VERBS] if isinstance(step, Mapping) else []
    if len(verbs) != 1:
        raise ConfigurationError(f"{where}: must be an object with one of {', '.join(VERBS)}")
    (verb,) = verbs
    value = step[verb]
    for name in step:
        if name != verb and name not in MORE.get(verb, ()):
            raise ConfigurationError(f"{where}.{name}: is not a field of {verb}")
    if verb == "wait":
        return Step(verb=verb, value=_number(value, f"{where}.wait"))
    if verb == "hang_up":
        return Step(verb=verb, value="hangup" if value is True else _text(value, f"{where}.hang_up"))
    _text(value, f"{where}.{verb}")
    if verb == "say":
        return Step(verb=verb, value=value, spoken=Spoken(value, speak(value)))
    if verb == "play":
        return Step(verb=verb, value=value, spoken=Spoken("", load_speech(os.path.join(base, value))))
    if verb == "press":
        _keys(value, f"{where}.press", KEYS + "wW")
        return Step(verb=verb, value=value)
    if verb == "function":
        arguments = step.get("arguments", {})
        if not isinstance(arguments, Mapping):
            raise ConfigurationError(f"{where}.arguments: must be an object")
        return Step(verb=verb, value=value, arguments=arguments)
    return _waiting(step, value, where)


def _waiting(step: Mapping[str, Any], value: str, where: str) -> Step:
    if value not in HEARINGS:
        raise ConfigurationError(f"{where}.wait_for: must be one of {', '.join(HEARINGS)}, not {value!r}")
    otherwise = step.get("otherwise", "hang_up")
    if otherwise not in OTHERWISE:
        raise ConfigurationError(f"{where}.otherwise: must be one of {', '.join(OTHERWISE)}, not {otherwise!r}")
    digits = step.get("digits", "")
    if digits:
        _keys(_text(digits, f"{where}.digits"), f"{where}.digits", KEYS)
    count = step.get("count", 1)
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= 1000:
        raise ConfigurationError(f"{where}.count: must be an integer from 1 to 1000")
    return Step(
        verb="wait_for",
        value=value,
        seconds=_number(step.get("seconds", SECONDS[value]), f"{where}.seconds"),
        timeout=_number(step.get("timeout", 60.0), f"{where}.timeout"),
        digits=digits,
        count=count,
        otherwise=otherwise,
    )


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= LONGEST:
        raise ConfigurationError(f"{where}: must be a number of seconds, 0 to {LONGEST:.0f}")
    return float(value)


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{where}: must be a text")
    return value


def _keys(value: str, where: str, allowed: str) -> None:
    if any(key not in allowed for key in value):
        raise ConfigurationError(f"{where}: must consist of {allowed}")
