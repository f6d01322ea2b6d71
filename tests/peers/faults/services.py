"""The server: a small service that keeps account of its calls, and for each fault what it does wrong."""

from __future__ import annotations

import contextlib
import json
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from websockets.exceptions import ConnectionClosed

from tests.scripted_server import SILENT, Link, Refusal, ScriptedServer

__all__ = ["FAULTS", "Outcome", "Service", "Step"]

Verdict = Literal["fine", "says why", "lost", "twice", "stalls", "hangs"]
AUTHENTICATION_FAILED = -32002
QUICK = 2.0  # seconds that anything may take which nothing should hold up


@dataclass(frozen=True)
class Step:
    """What a program did at one point: ``hangs`` if it never got past it."""

    name: str
    result: str = ""
    error: str = ""
    text: str = ""
    hangs: bool = False

    def __str__(self) -> str:
        name = f"`{self.name}`" if self.name.endswith(")") and " " not in self.name else self.name
        if self.hangs:
            return f"{name} does not return"
        if self.error:
            return f"{name} raises `{self.error}`: {self.text}"
        return f"{name} returns `{self.result}`" if self.result else f"{name} returns"


@dataclass(frozen=True)
class Outcome:
    """All that one program reported, and what the server saw.

    Attributes:
        steps: In order.
        handlers: How many handlers began, and how many ended.
        left: How many calls were left on at the service when the program had ended.
    """

    steps: list[Step]
    handlers: tuple[int, int]
    left: int

    @property
    def hangs(self) -> bool:
        return any(step.hangs for step in self.steps)

    @property
    def has_errors(self) -> bool:
        return any(step.error for step in self.steps)


class Service(ScriptedServer):
    """Carries calls as RELAY does. A fault is a subclass.

    Attributes:
        number: The fault's.
        title: What goes wrong.
        limit: Seconds that the program may take; who is blocked after them hangs.
        calls: The state of each call, by id.
    """

    number = ""
    title = ""
    limit = 20.0

    def __init__(self) -> None:
        super().__init__()
        self.calls: dict[str, str] = {}
        self._tags: dict[str, str] = {}
        self._timers: list[threading.Timer] = []
        self.answers |= {
            "calling.dial": self.dial,
            "calling.answer": self.pick_up,
            "calling.play": self.play,
            "calling.end": self.hang_up,
        }

    def judge(self, outcome: Outcome) -> Verdict:
        """What it came to, apart from a hang."""
        if outcome.left:
            return "lost"
        return "says why" if outcome.has_errors else "fine"

    def remarks(self, outcome: Outcome) -> list[str]:
        """What the server saw beside the steps."""
        return []

    @property
    def left(self) -> int:
        """How many calls are on."""
        return sum(state != "ended" for state in self.calls.values())

    def later(self, seconds: float, function: Callable[..., Any], *args: Any) -> None:
        """Do something after a while, on a thread of its own; a link that is gone is no error."""

        def run() -> None:
            with contextlib.suppress(ConnectionClosed, IndexError):
                function(*args)

        timer = threading.Timer(seconds, run)
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def finish(self) -> None:
        """Do nothing of what was to come later."""
        for timer in self._timers:
            timer.cancel()
        for timer in self._timers:
            timer.join(60)

    # What RELAY does.

    def dial(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        link.reply(frame, {"code": "200", "message": "Dialing"})
        self.ring(link, call_id := self.new_leg(frame))
        self.people_answer(link, call_id)
        return SILENT

    def new_leg(self, frame: dict[str, Any]) -> str:
        call_id = f"call-{len(self.calls) + 1}"
        self._tags[call_id] = frame["params"]["tag"]
        self.calls[call_id] = "ringing"
        return call_id

    def ring(self, link: Link, call_id: str) -> None:
        link.state(call_id, "ringing", tag=self._tags[call_id], direction="outbound")

    def people_answer(self, link: Link, call_id: str) -> None:
        """Somebody picks up a leg that still rings."""
        if self.calls[call_id] != "ringing":
            return
        self.calls[call_id] = "answered"
        self.tell_answered(link, call_id)

    def tell_answered(self, link: Link, call_id: str) -> None:
        tag = self._tags[call_id]
        link.state(call_id, "answered", tag=tag, direction="outbound")
        leg = {"call_id": call_id, "node_id": "n", "tag": tag, "dial_winner": True}
        link.event("calling.call.dial", tag=tag, dial_state="answered", node_id="n", call=leg)

    def offer_call(self, frame_id: str | None = None) -> None:
        self.calls.setdefault("call-in", "ringing")
        self.link.event(
            "calling.call.receive", frame_id, call_id="call-in", node_id="n", context="office", call_state="ringing",
            direction="inbound", device={"type": "phone", "params": {"from_number": "+1", "to_number": "+2"}},
        )  # fmt: skip

    def pick_up(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        self.calls[frame["params"]["call_id"]] = "answered"
        return super().pick_up(link, frame)

    def play(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        names = {"call_id": frame["params"]["call_id"], "control_id": frame["params"]["control_id"]}
        link.reply(frame, {"code": "200", "message": "Playing", **names})
        link.event("calling.call.play", node_id="n", state="playing", **names)
        self.playing(link, names)
        return SILENT

    def playing(self, link: Link, names: dict[str, str]) -> None:
        """A play has begun."""
        self.later(0.5, self.finish_play, link, names)

    @staticmethod
    def finish_play(link: Link, names: dict[str, str]) -> None:
        link.event("calling.call.play", node_id="n", state="finished", **names)

    def hang_up(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        call_id = frame["params"]["call_id"]
        if self.calls.get(call_id, "ended") == "ended":
            return {"code": "404", "message": "Call does not exist"}
        link.reply(frame, {"code": "200", "message": "Disconnecting call"})
        self.end(link, call_id, frame["params"].get("reason", "hangup"))
        return SILENT

    def end(self, link: Link, call_id: str, reason: str) -> None:
        self.calls[call_id] = "ended"
        tag = {"tag": self._tags[call_id]} if call_id in self._tags else {}
        link.state(call_id, "ended", end_reason=reason, **tag)

    def connects(self) -> int:
        return len(self.params("signalwire.connect"))


class EndsInPlay(Service):
    number, title = "A1", "The call ends in `play`, and no finished event comes"

    def playing(self, link: Link, names: dict[str, str]) -> None:
        self.later(0.5, self.end, link, names["call_id"], "hangup")


class SocketDropsInWith(Service):
    number, title = "A2", "The socket drops under `with`, in a `play` that then finishes"
    names: dict[str, str]

    def playing(self, link: Link, names: dict[str, str]) -> None:
        self.names = names
        self.later(0.5, link.end)

    def welcome(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        if self.connects() > 1:
            self.later(0.3, self.finish_play, link, self.names)
        return super().welcome(link, frame)

    def remarks(self, outcome: Outcome) -> list[str]:
        return ["it connected again" if self.connects() > 1 else "it never connects again"]


class SocketDropsInRun(SocketDropsInWith):
    number, title = "A2-run", "The same under `run()`, in the handler of an inbound call"

    def welcome(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        if self.connects() == 1:
            self.later(0.3, self.offer_call)
        return super().welcome(link, frame)


class SocketDropsInDial(SocketDropsInWith):
    number, title = "A3", "The socket drops in mid-dial; the phone is answered 1 s later (`dial_timeout=10`)"
    limit = 25.0
    leg: str

    def dial(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        link.reply(frame, {"code": "200", "message": "Dialing"})
        self.leg = self.new_leg(frame)
        self.ring(link, self.leg)
        self.later(0.5, link.end)
        self.later(1.5, self.people_answer, link, self.leg)
        return SILENT

    def welcome(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        if self.connects() > 1:
            self.later(1.0, self.tell_answered, link, self.leg)
        return ScriptedServer.welcome(self, link, frame)


class SocketDropsInRunsDial(SocketDropsInDial):
    number, title = "A3-run", "The same under `run()`, in the handler of an inbound call"

    def welcome(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        if self.connects() == 1:
            self.later(0.3, self.offer_call)
        return super().welcome(link, frame)


class AnsweredLate(Service):
    number, title = (
        "A4",
        "Two dials time out (`dial_timeout=2`) and would be answered 1.5 s later; one rang, one was silent",
    )
    limit = 25.0

    def dial(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        link.reply(frame, {"code": "200", "message": "Dialing"})
        call_id = self.new_leg(frame)
        if call_id == "call-1":
            self.ring(link, call_id)
        self.later(3.5, self.people_answer, link, call_id)
        return SILENT

    def remarks(self, outcome: Outcome) -> list[str]:
        return [f"{sum(state == 'ended' for state in self.calls.values())} of the {len(self.calls)} legs are ended"]


class InNotebook(Service):
    number, title = "A5", "Inside a running event loop: a plain function that dials is called in a notebook's cell"


class InWorkerThread(Service):
    number, title = "A6", "In a worker thread: `run()` serves an inbound call"

    def welcome(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        self.later(0.3, self.offer_call)
        return super().welcome(link, frame)


class DeliveredTwice(Service):
    number, title = "A7", "An inbound call is delivered three times: the same frame twice, then in a new frame"

    def welcome(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        for seconds, frame_id in ((0.3, "same"), (0.3, "same"), (0.6, "another")):
            self.later(seconds, self.offer_call, frame_id)
        return super().welcome(link, frame)

    def playing(self, link: Link, names: dict[str, str]) -> None:
        self.later(1.0, self.finish_play, link, names)

    def judge(self, outcome: Outcome) -> Verdict:
        return super().judge(outcome) if outcome.handlers == (1, 1) else "twice"

    def remarks(self, outcome: Outcome) -> list[str]:
        began, ended = outcome.handlers
        answers = len(self.params("calling.answer"))
        stuck = f"; {began - ended} of the handlers never got past its play" if ended < began else ""
        return [f"the handler ran {_times(began)}, the service was asked to answer {_times(answers)}{stuck}"]


class TwoClients(Service):
    number, title = "A8", "Two clients in one process"


class ListenerSleeps(Service):
    number, title = (
        "A9",
        "A listener of one call blocks for 3 s; another call's play finishes meanwhile; the server pings",
    )

    def __init__(self) -> None:
        super().__init__()
        self._pinged: dict[str, float] = {}
        self._ponged: dict[str, float] = {}
        self._finished = self._moved_on = 0.0

    def playing(self, link: Link, names: dict[str, str]) -> None:
        if names["call_id"] != "call-1":
            self._quick = names
            return
        self.later(0.5, self.finish_quick, link)
        for number in range(10):
            self.later(0.3 * (number + 1), self.ping, link, f"ping-{number}")

    def finish_quick(self, link: Link) -> None:
        self._finished = time.monotonic()
        self.finish_play(link, self._quick)

    def hang_up(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        self._moved_on = self._moved_on or time.monotonic()
        return super().hang_up(link, frame)

    def ping(self, link: Link, number: str) -> None:
        self._pinged[number] = time.monotonic()
        link.request("signalwire.ping", {}, number)

    def handle(self, link: Link, text: str) -> None:
        frame = json.loads(text)
        if "method" not in frame:
            self._ponged.setdefault(str(frame["id"]), time.monotonic())
        super().handle(link, text)

    def slowest_ping(self) -> float:
        answered = [self._ponged[n] - at for n, at in self._pinged.items() if n in self._ponged]
        return max(answered) if answered else float("inf")

    def judge(self, outcome: Outcome) -> Verdict:
        slow = max(self.slowest_ping(), self._moved_on - self._finished) > QUICK
        return "stalls" if slow else super().judge(outcome)

    def remarks(self, outcome: Outcome) -> list[str]:
        return [
            f"its finished event is acted on {_about(self._moved_on - self._finished)}",
            f"pings are answered {_about(self.slowest_ping())}",
        ]


class Refused(Service):
    number, title = "A10", "The first client's credentials are refused, then a second client is made"
    limit = 45.0

    def welcome(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        if frame["params"]["authentication"]["token"] == "wrong":
            raise Refusal(AUTHENTICATION_FAILED, "Authentication failed")
        return super().welcome(link, frame)

    def judge(self, outcome: Outcome) -> Verdict:
        works = bool(outcome.steps) and not outcome.steps[-1].error
        return super().judge(outcome) if works else "lost"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _about(seconds: float) -> str:
    """A duration in words that are the same for every run."""
    return "at once" if seconds < QUICK else f"only after up to {math.ceil(seconds)} s"


FAULTS: list[type[Service]] = [
    EndsInPlay, SocketDropsInWith, SocketDropsInRun, SocketDropsInDial, SocketDropsInRunsDial, AnsweredLate,
    InNotebook, InWorkerThread, DeliveredTwice, TwoClients, ListenerSleeps, Refused,
]  # fmt: skip
