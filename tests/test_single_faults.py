"""A whole call, once for each frame of the server and each fault: nothing hangs, rings twice or is left on."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from scripted_server import SILENT, Link, ScriptedServer
from test_dialing import answer

import swsync
from swsync.clock import VirtualClock
from swsync.errors import ConnectionLost, RelayError

OK = {"code": "200", "message": "OK"}
FRAMES = 12  # more than the server sends in a call without faults
FAULTS = ["drop", "twice", "late", "swap", "cut before", "cut after", "cut short"]


class FaultyServer(ScriptedServer):
    """Carries calls like the service does, but for one fault in the frame with that number."""

    def __init__(self, clock: VirtualClock, fault: str, position: int) -> None:
        super().__init__(clock)
        self.fault = fault
        self.position = position
        self.sent = 0
        self.held: list[str] = []
        self.events: dict[str, str] = {}
        self.answers |= {
            "signalwire.connect": self.resume,
            "calling.dial": self.dial,
            "calling.play": self.play,
            "calling.end": self.hang_up,
        }

    def open(self) -> Any:
        end = super().open()
        link = self.link
        send = link.send_text
        link.send_text = lambda text: self.disturb(link, send, text)  # type: ignore[method-assign]
        return end

    def resume(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        """Deliver again what was not acknowledged, as the service does."""
        link.reply(frame, self.welcome(link, frame))
        for number, text in list(self.events.items()):
            if number not in self.replies:
                link.send_text(text)
        return SILENT

    def send_late(self, link: Link, text: str) -> None:
        self.clock.sleep(3)
        with contextlib.suppress(ConnectionLost):
            link.send_text(text)

    def disturb(self, link: Link, send: Any, text: str) -> None:
        if '"signalwire.event"' in text:
            self.events[json.loads(text)["id"]] = text
        with contextlib.suppress(ConnectionLost):
            self.disturb_one(link, send, text)

    def disturb_one(self, link: Link, send: Any, text: str) -> None:
        with self.changed:
            self.sent += 1
            hit = self.sent == self.position
            held, self.held = self.held, []
        if not hit:
            for one in (text, *held):
                send(one)
            return
        if self.fault == "cut before":
            link.end()
        elif self.fault == "late":
            self.clock.start(self.send_late, "late", (link, text))
        elif self.fault == "swap":
            self.held = [text]
        elif self.fault != "drop":
            for one in {"twice": (text, text), "cut after": (text,), "cut short": (text[: len(text) // 2],)}[
                self.fault
            ]:
                send(one)
        if self.fault in ("cut after", "cut short"):
            self.clock.sleep(0.01)
            link.end()

    def dial(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        link.reply(frame, OK)
        answer(self.link, frame["params"]["tag"])
        return SILENT

    def play(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        link.reply(frame, OK)
        control_id = frame["params"]["control_id"]
        for state in ("playing", "finished"):
            self.link.event("calling.call.play", call_id="c1", control_id=control_id, state=state)
        return SILENT

    def hang_up(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        link.reply(frame, OK)
        self.link.state("c1", "ended", end_reason="hangup")
        return SILENT


@pytest.mark.parametrize("fault", FAULTS)
def test_a_call_with_one_fault(fault: str) -> None:
    """For every frame: it comes to its end or to a typed error, is dialed once, and is ended if it was answered."""
    for position in range(1, FRAMES + 1):
        clock = VirtualClock()
        with clock.thread():
            server = FaultyServer(clock, fault, position)
            before = clock.now()
            try:
                with swsync.RelayClient(**server.settings, connect_timeout=60) as client:
                    call = client.dial_phone("+12025550100", timeout=20)
                    call.play_tts("hello").wait(30)
                    call.hangup()
                    call.wait_for_ended(30)
            except (RelayError, TimeoutError):
                pass
            assert clock.now() - before < 200, (fault, position)
            assert len(server.params("calling.dial")) <= 1, (fault, position)
            if server.params("calling.dial"):
                assert server.params("calling.end"), (fault, position)
            server.close()
