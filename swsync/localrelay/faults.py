"""Faults as data: which frame between a client and the relay is lost, late, doubled, refused, or its link's last."""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any

import attrs

from swsync.errors import ConfigurationError

__all__ = ["Fault", "Faults"]

KINDS = ("drop", "delay", "duplicate", "cut_before", "cut_after", "refuse")
SIDES = ("request", "reply", "event")
EVENTS = (
    "calling.call.",
    "calling.conference",
    "calling.error",
    "messaging.receive",
    "messaging.state",
    "queuing.",
    "signalwire.authorization.state",
    "signalwire.disconnect",
)
KEPT = 10_000  # applied faults that are remembered


def _side_of(name: str) -> str:
    """Return whether a name is an event's or a method's."""
    return "event" if name.startswith(EVENTS) else "request"


@attrs.frozen(kw_only=True)
class Fault:
    """What happens to one frame, or to some.

    Attributes:
        kind: ``drop``, ``delay``, ``duplicate``, ``refuse`` (a request only), ``cut_before`` and ``cut_after``: the
            link ends without the frame, or with it.
        name: A method such as ``calling.play``, or an event type such as ``calling.call.state``; ``*`` is any.
        of: ``request`` (from the client), ``reply`` (to it) or ``event``; "" is an event or a request by the name.
        n: Which such frame is the first that it happens to, counted from 1 when the fault is added.
        times: To how many from there on; 0 is all of them.
        seconds: How long a delay is, by the relay's clock.
        code: Of a refusal: an integer is a JSON-RPC error's, a string a result's, such as ``503``.
        message: Of a refusal.
        probability: Of each happening, from the relay's seed.
        match: Only frames whose params (an event's inner ones) have these values count.
    """

    kind: str
    name: str = "*"
    of: str = ""
    n: int = 1
    times: int = 1
    seconds: float = 1.0
    code: int | str = -32603
    message: str = "Internal error"
    probability: float = 1.0
    match: Mapping[str, Any] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigurationError(f"a fault's kind must be one of {', '.join(KINDS)}, not {self.kind!r}")
        if self.of and self.of not in SIDES:
            raise ConfigurationError(f"a fault's of must be one of {', '.join(SIDES)}, not {self.of!r}")
        if self.kind == "refuse" and self.side != "request":
            raise ConfigurationError("only a request can be refused")
        if self.n < 1 or self.times < 0 or not 0 <= self.seconds <= 86_400 or not 0 <= self.probability <= 1:
            raise ConfigurationError("a fault's n is 1 or more, times and seconds 0 or more, probability from 0 to 1")

    @property
    def side(self) -> str:
        """What it happens to: ``of``, or what the name says."""
        return self.of or _side_of(self.name)

    def concerns(self, side: str, name: str, params: Mapping[str, Any]) -> bool:
        """Return whether a frame counts."""
        if side != self.side or self.name not in ("*", name):
            return False
        return all(params.get(key) == value for key, value in self.match.items())


class Faults:
    """The faults of one relay. Any thread may add some; the relay's thread asks what happens to each frame.

    ::

        relay.faults.drop("calling.play", of="reply")                     # the reply to the first play is lost
        relay.faults.delay("calling.call.state", 2.0, match={"call_state": "answered"})
        relay.faults.cut_before("calling.dial", of="reply", n=2)          # acted on, but the link ends first
        relay.faults.add({"kind": "refuse", "name": "calling.record", "code": "503"})

    Args:
        seed: Of the probabilities; None makes them random.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)  # this and the rest: guarded by _lock
        self._faults: list[tuple[Fault, list[int]]] = []  # with how many frames counted so far
        self._applied: deque[Fault] = deque(maxlen=KEPT)

    def add(self, *faults: Fault | Mapping[str, Any]) -> None:
        """Add faults, as objects or as data.

        Raises:
            ConfigurationError: Data that is no fault.
        """
        for given in faults:
            try:
                fault = given if isinstance(given, Fault) else Fault(**given)
            except TypeError as error:
                raise ConfigurationError(f"not a fault: {given!r}: {error}") from None
            with self._lock:
                self._faults.append((fault, [0]))

    def drop(self, name: str, **more: Any) -> None:
        """Lose a frame; ``more`` are fields of Fault."""
        self.add(Fault(kind="drop", name=name, **more))

    def delay(self, name: str, seconds: float, **more: Any) -> None:
        """Let a frame arrive so much later, after others that were sent meanwhile."""
        self.add(Fault(kind="delay", name=name, seconds=seconds, **more))

    def duplicate(self, name: str, **more: Any) -> None:
        """Let a frame arrive twice."""
        self.add(Fault(kind="duplicate", name=name, **more))

    def cut_before(self, name: str, **more: Any) -> None:
        """End the link in place of a frame."""
        self.add(Fault(kind="cut_before", name=name, **more))

    def cut_after(self, name: str, **more: Any) -> None:
        """End the link after a frame."""
        self.add(Fault(kind="cut_after", name=name, **more))

    def refuse(self, name: str, code: int | str = -32603, message: str = "Internal error", **more: Any) -> None:
        """Answer a request with an error, and do nothing."""
        self.add(Fault(kind="refuse", name=name, code=code, message=message, **more))

    def clear(self) -> None:
        """Let everything go well from now on."""
        with self._lock:
            self._faults.clear()

    @property
    def applied(self) -> list[Fault]:
        """What has happened so far, oldest first; the last 10,000."""
        with self._lock:
            return list(self._applied)

    def pick(self, side: str, name: str, params: Mapping[str, Any]) -> Fault | None:
        """Return what happens to a frame: the first fault whose turn it is. Every fault counts it."""
        picked: Fault | None = None
        with self._lock:
            for fault, count in self._faults:
                if not fault.concerns(side, name, params):
                    continue
                count[0] += 1
                is_due = count[0] >= fault.n and (not fault.times or count[0] < fault.n + fault.times)
                if picked is None and is_due and self._happens(fault):
                    picked = fault
                    self._applied.append(fault)
        return picked

    def _happens(self, fault: Fault) -> bool:
        return fault.probability >= 1 or self._random.random() < fault.probability
