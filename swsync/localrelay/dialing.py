"""How calls come about: a dial tries its devices in series and in parallel, an inbound call is offered."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import schema
from .call import LocalCall
from .webhooks import check_webhooks

if TYPE_CHECKING:
    from .core import Core
    from .session import Session

__all__ = ["NUMBERS", "Begin", "Dial", "Hunt", "Offer", "check_device", "check_devices", "offer_again"]

DEFAULT_RING = 30.0  # seconds
TRANSFERRED_RING = 60.0  # seconds that a transferred call is offered
NUMBERS: dict[str, tuple[str, ...]] = {
    "phone": ("from_number", "to_number"),
    "sip": ("from", "to"),
    "webrtc": ("from", "to"),
}
# What only a call that is there already can be connected to, with what each needs.
ONLY_CONNECTED: dict[str, tuple[str, ...]] = {
    "call": ("node_id", "call_id"),
    "queue": ("node_id", "queue_name"),
    "stream": ("url",),
}
NOT_SIMULATED = ("agora",)


def check_devices(devices: list[list[dict[str, Any]]], field: str = "devices", *, connects: bool = False) -> None:
    """Refuse devices that are not a list of lists of devices with their fields inside ``params``."""
    if not devices or not all(devices):
        raise schema.refuse(field, "must hold at least one device in every step")
    kinds = {**NUMBERS, **(ONLY_CONNECTED if connects else {})}
    for i, step in enumerate(devices):
        for j, device in enumerate(step):
            check_device(device, f"{field}[{i}][{j}]", kinds)


def check_device(device: dict[str, Any], path: str, kinds: dict[str, tuple[str, ...]]) -> None:
    """Refuse a device of another kind, or without what its kind needs."""
    if device.get("type") in NOT_SIMULATED:
        raise schema.refuse(f"{path}.type", f"{device['type']} is not simulated by the local relay")
    kind = schema.word(device, "type", tuple(kinds), path)
    params = schema.need(device, "params", "object", path)
    path += ".params"
    for name in kinds[kind]:
        if not schema.need(params, name, "string", path).strip():
            raise schema.refuse(f"{path}.{name}", "must not be empty")
    for name in ("timeout", "max_duration"):
        if schema.need(params, name, "number", path, 1) < 0:
            raise schema.refuse(f"{path}.{name}", "must not be negative")
    check_webhooks(params, path)
    for name in ("call_state_events", "codecs"):
        schema.need(params, name, "array[string]", path, [])
    for i, header in enumerate(schema.need(params, "headers", "array[object]", path, [])):
        for name in ("name", "value"):
            schema.need(header, name, "string", f"{path}.headers[{i}]")


class Hunt:
    """Rings devices in series and in parallel until somebody answers: what dial and connect have in common.

    Args:
        core: The relay.
        session: Who asked for it, and controls the legs.
        steps: The devices: those of one step ring together, the steps one after the other.
        tag: What the legs' events carry.
    """

    def __init__(self, core: Core, session: Session, steps: list[list[dict[str, Any]]], tag: str) -> None:
        self.core = core
        self.session = session
        self.tag = tag
        self.legs: list[LocalCall] = []  # of the step that rings now, or rang last
        self.is_over = False
        self.reason = "noAnswer"  # why it fails, if it does
        self.peer: dict[str, Any] | None = None  # what the legs' states say of the call they are made for
        self.minutes = 0.0
        self._steps = list(steps)

    def next_step(self) -> None:
        """Ring the next step's devices, all at once."""
        if self.is_over:
            return
        if not self._steps:
            self.is_over = True
            self.lost()
            return
        self.legs = [self._leg(device) for device in self._steps.pop(0)]
        for leg in list(self.legs):
            leg.set_state("created")
        for leg in list(self.legs):
            if leg.is_active:
                leg.ring()

    def won(self, leg: LocalCall) -> None:
        """Somebody has answered, and the others ring no longer."""
        raise NotImplementedError

    def lost(self) -> None:
        """Nobody has answered; ``reason`` says why."""
        raise NotImplementedError

    def cancel(self) -> None:
        """Ring nobody any longer."""
        self.is_over = True
        self._steps.clear()
        for leg in self.legs:
            leg.end("cancel")

    def _leg(self, device: dict[str, Any]) -> LocalCall:
        params = device["params"]
        callee = self.core.callee_of(params[NUMBERS[device["type"]][-1]])
        leg = LocalCall(
            self.core, callee, direction="outbound", device=device, project=self.session.project, tag=self.tag
        )
        leg.session = self.session
        leg.peer = self.peer
        leg.max_duration = self.minutes * 60 or params.get("max_duration") or 0.0
        leg.on_answer = self._answered
        leg.on_end = self._ended
        leg.later(params.get("timeout") or DEFAULT_RING, self._give_up, leg)
        return leg

    @staticmethod
    def _give_up(leg: LocalCall) -> None:
        if leg.state in ("created", "ringing"):
            leg.end("noAnswer")

    def _answered(self, leg: LocalCall) -> None:
        if self.is_over:
            return
        self.is_over = True
        for other in self.legs:
            if other is not leg:
                other.end("cancel")
        self.won(leg)

    def _ended(self, leg: LocalCall) -> None:
        if self.is_over:
            return
        self.reason = leg.end_reason
        if self.reason in ("cancel", "hangup"):
            # The client ended this leg itself: it does not want the next one either.
            self._steps.clear()
        if not any(other.is_active for other in self.legs):
            self.core.loop.call_soon(self.next_step)


class Dial(Hunt):
    """One ``calling.dial``: state events of every leg, then one dial event."""

    def __init__(self, core: Core, session: Session, params: dict[str, Any], tag: str) -> None:
        super().__init__(core, session, params["devices"], tag)
        self.minutes = schema.need(params, "max_duration", "number", default=0)

    def won(self, leg: LocalCall) -> None:
        self.core.dials.pop((self.session.project, self.tag), None)
        self._tell("answered", {"call": self._describe(leg)})

    def lost(self) -> None:
        self.core.dials.pop((self.session.project, self.tag), None)
        last = self._describe(self.legs[-1], False)
        self._tell("failed", {"reason": self.reason, "source": "server", "call": last})

    def _describe(self, leg: LocalCall, winner: bool = True) -> dict[str, Any]:
        return {**leg.described(), "segment_id": leg.segment_id, "dial_winner": winner}

    def _tell(self, state: str, fields: dict[str, Any]) -> None:
        self.session.event(
            "calling.call.dial", {"node_id": self.core.node_id, "tag": self.tag, "dial_state": state, **fields}
        )


class Begin(Hunt):
    """One ``calling.begin``, the old way to dial: one device, whose leg's id is in the reply, and no dial event."""

    def __init__(self, core: Core, session: Session, params: dict[str, Any]) -> None:
        super().__init__(core, session, [], params.get("tag") or "")
        self.minutes = params.get("max_duration") or 0
        self._device = params["device"]

    def leg(self) -> LocalCall:
        """Make the leg, which does not ring yet."""
        self.legs = [self._leg(self._device)]
        return self.legs[0]

    def ring(self) -> None:
        self.legs[0].set_state("created")
        if self.legs[0].is_active:
            self.legs[0].ring()

    def won(self, leg: LocalCall) -> None:
        pass

    def lost(self) -> None:
        pass


def offer_again(core: Core, call: LocalCall, context: str) -> None:
    """Take a call from who controls it, and offer it as it is to whoever listens on a context."""
    call.leave()
    call.context = context
    offer = Offer(core, call, TRANSFERRED_RING)
    offer.make()
    call.later(TRANSFERRED_RING, offer.give_up)  # even if nobody ever listens there


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
            call.later(self._rings_for, self.give_up)
        session = min(candidates, key=rounds)
        self._core.choose(session)
        self._asked[session.protocol] = rounds(session) + 1
        call.session = session
        if call.state == "created":
            call.state = "ringing"
            self._core.changes.add(self._core, call)
        call.tell(
            "calling.call.receive",
            context=call.context,
            call_state=call.state,
            direction="inbound",
            device=call.device,
            project_id=session.project,
        )
        self._core.notify()

    def passed(self) -> None:
        """The client does not want it: ask the next one."""
        self._call.session = None
        self._core.loop.call_soon(self.make)

    def give_up(self) -> None:
        """The caller hangs up, unless somebody has taken the call."""
        if self._call.call_id in self._core.offers:
            self._call.end("noAnswer")

    def _ended(self, call: LocalCall) -> None:
        self._core.offers.pop(call.call_id, None)
