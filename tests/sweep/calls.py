"""A whole call, by somebody who handles every error of swsync and no other."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import swsync
from swsync import media
from swsync.clock import VirtualClock
from swsync.errors import SwsyncError
from swsync.localrelay import LocalRelay

from .outcome import Outcome

__all__ = ["do_call"]

NUMBER, OURS = "+12025550123", "+12025550199"
VIAS = ("stream", "rtp", "ws")  # of the capture, by the seed
REQUEST = 10.0  # seconds that a request may take: the client's default
GRACE = 1.5  # seconds of virtual time over a step's own limit; the end of a call settles its actions after 0.5
SETTLE = 200.0  # seconds of virtual time in which a client that lives on must end what it no longer wants


class Program:
    """Its steps, each held to its own limit."""

    def __init__(
        self, clock: VirtualClock, client: swsync.RelayClient, folder: Path, seed: int, outcome: Outcome
    ) -> None:
        self.clock = clock
        self.client = client
        self.folder = folder
        self.via = VIAS[seed % len(VIAS)]
        self.outcome = outcome

    def step(self, name: str, limit: float, function: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """Do one thing that blocks, for no longer than it may; None if it fails as it may."""
        began = self.clock.now()
        try:
            return function(*args, **more)
        except (SwsyncError, TimeoutError) as error:
            self.outcome.refused.append(f"{name}: {type(error).__name__}: {error}")
            return None
        except Exception:
            self.outcome.untyped.append(f"{name}: {traceback.format_exc()}")
            return None
        finally:
            took = self.clock.now() - began
            if took > limit + GRACE:
                self.outcome.hangs.append(f"{name} took {took:.1f} s and may take {limit:.1f}")

    def action(self, name: str, limit: float, start: Callable[..., Any], *args: Any, **more: Any) -> None:
        """Begin something on the call and wait for its end."""
        action = self.step(name, REQUEST, start, *args, **more)
        if action is not None:
            self.step(f"{name}, wait", limit, action.wait, limit)

    def stopped(self, name: str, limit: float, start: Callable[..., Any], **more: Any) -> None:
        """The same with something that ends when it is told to."""
        action = self.step(name, REQUEST, start, **more)
        if action is not None:
            self.step(f"{name}, stop", REQUEST, action.stop)
            self.step(f"{name}, wait", limit, action.wait, limit)

    def call(self) -> None:
        """Dial, detect, capture, play, collect, record, tap, hang up."""
        call = self.step("dial", 35, self.client.dial_phone, to=NUMBER, from_number=OURS, timeout=20)
        if call is None:
            return
        detect = self.step("detect", REQUEST, call.detect_answering_machine, timeout=10.0)
        if detect is not None:
            self.step("detect, detection", 20, detect.detection, timeout=20)
        # It begins with up to two requests, and ends with two and its wait for what was still on its way.
        with self.captured(call):
            self.action("play", 20, call.play_tts, "Hello, this is a reminder.")
            collect = {"digits": {"max": 4, "terminators": "#"}, "initial_timeout": 5.0}
            self.action("collect", 30, call.prompt_tts, "Your code?", collect)
            self.stopped("record", 15, call.record_audio)
            with media.RtpReceiver(clock=self.clock) as receiver:
                self.stopped("tap", 15, call.tap_audio, direction="both", device=receiver)
        self.step("hangup", REQUEST, call.hangup)
        self.step("the end", 15, call.wait_for_ended, 15)

    @contextlib.contextmanager
    def captured(self, call: swsync.Call) -> Iterator[None]:
        """The call's capture around some steps; they are taken without it when it cannot begin."""
        capture = self.step("capture", REQUEST, call.capture, self.folder / "call.wav", via=self.via)
        begun = capture is not None and self.step("capture, begin", 3 * REQUEST, capture.__enter__)
        yield
        if begun:
            self.step("capture, end", 3 * REQUEST, capture.close)

    def end(self) -> None:
        """Give the client the time that a program which lives on gives it, then close it."""
        deadline = self.clock.now() + SETTLE
        while self.outcome.refused and self.client.calls and self.clock.now() < deadline:
            self.clock.sleep(5.0)
        self.step("close", 25, self.client.close, 25.0)


def do_call(relay: LocalRelay, clock: VirtualClock, seed: int, folder: Path, outcome: Outcome) -> None:
    """One client, one call, and the end of both."""
    relay.callee(NUMBER, presses=["12#"])
    program = Program(clock, swsync.RelayClient(**relay.settings, connect_timeout=60.0), folder, seed, outcome)
    try:
        if program.step("connect", 60, program.client.connect) is not None:
            program.call()
    finally:
        program.end()
