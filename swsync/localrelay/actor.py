"""A simulated person who follows a script during a call: says, presses, and waits for what they hear."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from swsync.errors import SwsyncError
from swsync.media.codec import decode

from .audio import LOUDNESS, RATE
from .steps import Step

if TYPE_CHECKING:
    from .call import LocalCall
    from .core import Core

__all__ = ["Actor", "is_tone"]

LOOK = 0.1  # seconds between two looks at what is heard
BLOCK = round(LOOK * RATE)
LOUD = 56  # of 127: as loud as a recording's voice
PAUSE = 0.5  # seconds of silence that do not end somebody's speech
KEY_SECONDS = 0.2
PAUSES = {"w": 0.5, "W": 1.0}
TONES = (400.0, 2500.0)  # hertz of a beep
PURE = 0.8  # of a block's energy that is the one tone


def is_tone(mulaw: bytes) -> bool:
    """Return whether a block of mu-law is one steady tone: by its zero crossings, then Goertzel's filter."""
    samples = memoryview(decode(mulaw, "PCMU")).cast("h").tolist()
    energy = sum(s * s for s in samples)
    if not energy:
        return False
    crossings = [n for n in range(1, len(samples)) if samples[n - 1] < 0 <= samples[n]]
    if len(crossings) < 3:
        return False
    hertz = RATE * (len(crossings) - 1) / (crossings[-1] - crossings[0])
    if not TONES[0] <= hertz <= TONES[1]:
        return False
    turn = 2 * math.cos(2 * math.pi * hertz / RATE)
    one = two = 0.0
    for sample in samples:
        one, two = sample + turn * one - two, one
    power = one * one + two * two - turn * one * two
    return power * 2 / len(samples) > PURE * energy


class Actor:
    """Runs the steps of one party on one call, from the answer on. The relay's thread only.

    Args:
        core: The relay.
        call: The call.
    """

    def __init__(self, core: Core, call: LocalCall) -> None:
        self._core = core
        self._call = call
        self._steps = list(call.behaviour.script)
        self._began = 0  # the sample at which the step that waits has begun
        self._looked = 0  # the sample up to which it has listened
        self._keys = 0  # of those heard: how many it has waited for
        self._lasting = 0.0  # seconds of what it waits for so far
        self._quiet = 0.0  # seconds since the last sound

    def start(self) -> None:
        """The call is answered."""
        if self._steps:
            self._call.later(0.0, self._next)

    def _next(self) -> None:
        if self._steps:
            step = self._steps.pop(0)
            run: Callable[[Step], None] = getattr(self, f"_{step.verb}")
            run(step)

    def _go_on_after(self, seconds: float) -> None:
        self._call.later(seconds, self._next)

    def _say(self, step: Step) -> None:
        assert step.spoken is not None
        self._call.party_says(step.spoken)
        self._go_on_after(len(step.spoken.pcm) / 2 / RATE)

    _play = _say

    def _press(self, step: Step) -> None:
        delay = 0.0
        for key in step.value:
            if key in PAUSES:
                delay += PAUSES[key]
                continue
            self._call.later(delay, self._call.party_presses, key)
            delay += KEY_SECONDS
        self._go_on_after(delay)

    def _wait(self, step: Step) -> None:
        self._go_on_after(step.value)

    def _hang_up(self, step: Step) -> None:
        self._call.end(step.value)

    def _function(self, step: Step) -> None:
        self._core.start_worker(self._call_function, "swsync-relay-function", (step,))

    def _call_function(self, step: Step) -> None:
        """On a thread of its own: a web hook is asked."""
        try:
            self._call.call_function(step.value, step.arguments)
        except SwsyncError as error:
            self._core.note(f"script of {self._call.callee.number}: {step.value}: {error}")
        self._core.loop.post(self._next)

    # Listening

    def _wait_for(self, step: Step) -> None:
        self._began = self._looked = self._call.position()
        self._lasting = self._quiet = 0.0
        self._look(step)

    def _look(self, step: Step) -> None:
        if self._has_heard(step):
            self._next()
        elif self._call.position() - self._began >= step.timeout * RATE:
            self._in_vain(step)
        else:
            self._call.later(LOOK, self._look, step)

    def _has_heard(self, step: Step) -> bool:
        if step.value == "digits":
            return self._has_keys(step)
        while self._call.position() - self._looked >= BLOCK:
            block = self._call.frame("heard", self._looked, self._looked + BLOCK)
            self._looked += BLOCK
            if self._lasts(step.value, block) >= step.seconds - 1e-6:
                return True
        return False

    def _has_keys(self, step: Step) -> bool:
        """Look at the keys since the last ones that it waited for: who knows a menu presses before it has ended."""
        heard = self._call.digits_heard
        begin = heard.find(step.digits, self._keys) if step.digits else self._keys
        end = begin + (len(step.digits) or step.count)
        if begin < 0 or end > len(heard):
            return False
        self._keys = end
        return True

    def _lasts(self, what: str, block: bytes) -> float:
        """Return for how long it has lasted, with this block."""
        is_loud = max(block.translate(LOUDNESS)) > LOUD
        self._quiet = 0.0 if is_loud else self._quiet + LOOK
        if what == "silence":
            return self._quiet
        if what == "beep":
            self._lasting = self._lasting + LOOK if is_loud and is_tone(block) else 0.0
        elif is_loud:
            self._lasting += LOOK
        elif self._quiet > PAUSE:
            self._lasting = 0.0
        return self._lasting

    def _in_vain(self, step: Step) -> None:
        why = f"waited {step.timeout:g} s for {step.digits or step.value} in vain"
        self._core.note(f"script of {self._call.callee.number}: {why}")
        if step.otherwise == "hang_up":
            self._call.end("hangup")
        else:
            self._next()
