"""How calls come about: a dial tries its devices in series and in parallel, an inbound call is offered."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import schema
from .call import LocalCall

if TYPE_CHECKING:
    from .core import Core
    from .loop import Timer
    from .session import Session

__all__ = ["Dial", "Offer", "check_devices"]

DEFAULT_RING = 30.0  # seconds
NUMBERS = {"phone": ("from_number", "to_number"), "sip": ("from", "to"), "webrtc": ("from", "to")}


def check_devices(devices: list[list[dict[str, Any]]], field: str = "devices") -> None:
    """Refuse devices that are not a list of lists of devices with their fields inside ``params``."""
    if not devices or not all(devices):
        raise schema.refuse(field, "must hold at least one device in every step")
    for i, step in enumerate(devices):
        for j, device in enumerate(step):
            path = f"{field}[{i}][{j}]"
            kind = schema.word(device, "type", tuple(NUMBERS), path)
            params = schema.need(device, "params", "object", path)
            for name in NUMBERS[kind]:
                if not schema.need(params, name, "string", f"{path}.params").strip():
                    raise schema.refuse(f"{path}.params.{name}", "must not be empty")
            for name in ("timeout", "max_duration"):
                if schema.need(params, name, "number", f"{path}.params", 1) < 0:
                    raise schema.refuse(f"{path}.params.{name}", "must not be negative")


class Dial:
    """One ``calling.dial``: state events of every leg, then one dial event."""

    def __init__(self, core: Core, session: Session, params: dict[str, Any], tag: str) -> None:
        self._core = core
        self._session = session
        self._steps = list(params["devices"])
        self._minutes = schema.need(params, "max_duration", "number", default=0)
        self.tag = tag
        self._legs: list[LocalCall] = []
        self._winner: LocalCall | None = None
        self._is_over = False
        self._reason = "noAnswer"
        self._timer: Timer | None = None

    def next_step(self) -> None:
        """Ring the next step's devices, all at once."""
        if not self._steps:
            self._fail()
            return
        step = self._steps.pop(0)
        self._legs = [self._leg(device) for device in step]
        for leg in list(self._legs):
            leg.set_state("created")
        for leg in list(self._legs):
            if leg.is_active:
                leg.ring()

    def _leg(self, device: dict[str, Any]) -> LocalCall:
        params = device["params"]
        callee = self._core.callee_of(params[NUMBERS[device["type"]][1]])
        leg = LocalCall(
            self._core, callee, direction="outbound", device=device, project=self._session.project, tag=self.tag
        )
        leg.session = self._session
        leg.max_duration = self._minutes * 60 or params.get("max_duration") or 0.0
        leg.on_answer = self._answered
        leg.on_end = self._ended
        leg.later(params.get("timeout") or DEFAULT_RING, self._give_up, leg)
        return leg

    @staticmethod
    def _give_up(leg: LocalCall) -> None:
        if leg.state in ("created", "ringing"):
            leg.end("noAnswer")

    def _answered(self, leg: LocalCall) -> None:
        if self._winner is not None or self._is_over:
            return
        self._winner = leg
        self._is_over = True
        self._core.dials.pop((self._session.project, self.tag), None)
        for other in self._legs:
            if other is not leg:
                other.end("cancel")
        self._tell("answered", {"call": self._describe(leg)})

    def _ended(self, leg: LocalCall) -> None:
        if self._is_over:
            return
        self._reason = leg.end_reason
        if self._reason in ("cancel", "hangup"):
            # The client ended this leg itself: it does not want the next one either.
            self._steps.clear()
        if not any(other.is_active for other in self._legs):
            self._core.loop.call_soon(self.next_step)

    def _fail(self) -> None:
        self._is_over = True
        self._core.dials.pop((self._session.project, self.tag), None)
        last = self._legs[-1]
        self._tell("failed", {"reason": self._reason, "source": "server", "call": self._describe(last, False)})

    def _describe(self, leg: LocalCall, winner: bool = True) -> dict[str, Any]:
        return {
            "call_id": leg.call_id,
            "node_id": leg.node_id,
            "segment_id": leg.segment_id,
            "tag": self.tag,
            "device": leg.device,
            "dial_winner": winner,
        }

    def _tell(self, state: str, fields: dict[str, Any]) -> None:
        self._session.event(
            "calling.call.dial", {"node_id": self._core.node_id, "tag": self.tag, "dial_state": state, **fields}
        )


class Offer:
    """An inbound call on its way to a client: one subscriber of its context after the other, until one answers."""

    ROUNDS = 2  # how often one client is asked

    def __init__(self, core: Core, call: LocalCall, rings_for: float) -> None:
        self._core = core
        self._call = call
        self._rings_for = rings_for
        self._asked: dict[str, int] = {}
        core.offers[call.call_id] = self
        call.on_end = self._ended

    def make(self) -> None:
        """Offer the call to the subscriber that was asked least, if there is one."""
        call = self._call
        if call.session is not None or not call.is_active:
            return
        rounds: Callable[[Session], int] = lambda session: self._asked.get(session.protocol, 0)  # noqa: E731
        candidates = [s for s in self._core.subscribers(call.project, call.context) if rounds(s) < self.ROUNDS]
        if not candidates:
            if self._asked:
                call.end("noAnswer")
            return
        if not self._asked:
            call.later(self._rings_for, self._give_up)
        session = min(candidates, key=rounds)
        self._asked[session.protocol] = rounds(session) + 1
        call.session = session
        call.state = "ringing"
        call.tell(
            "calling.call.receive",
            context=call.context,
            call_state="ringing",
            direction="inbound",
            device=call.device,
            project_id=session.project,
        )
        self._core.notify()

    def passed(self) -> None:
        """The client does not want it: ask the next one."""
        self._call.session = None
        self._core.loop.call_soon(self.make)

    def _give_up(self) -> None:
        if self._call.state in ("created", "ringing"):
            self._call.end("noAnswer")

    def _ended(self, call: LocalCall) -> None:
        self._core.offers.pop(call.call_id, None)
