"""Faults as data: which frame between a client and the relay is lost, late, doubled, refused, or its link's last."""

from __future__ import annotations

import os
import random
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any

import attrs

from swsync.errors import ConfigurationError

from .network import Impaired, Network, Packets
from .tables import read_table

__all__ = ["Fault", "Faults"]

KINDS = (
    "drop", "delay", "duplicate", "reorder", "truncate", "slow", "silence", "cut_before", "cut_after", "refuse",
)  # fmt: skip
SIDES = ("request", "reply", "event", "ack", "any", "link")
OF_A_LINK = ("refuse", "silence", "delay")
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
        kind: ``drop``, ``delay``, ``duplicate``, ``reorder`` (it comes after the next frame in its direction),
            ``truncate`` (half of its text comes), ``refuse`` (a request only), ``cut_before`` and ``cut_after``: the
            link ends without the frame, or with it. From the frame on: ``slow`` (it and all that follow in its
            direction are late), ``silence`` (nothing comes any more, in either direction, and the link stays open).
        name: A method such as ``calling.play``, or an event type such as ``calling.call.state``; ``*`` is any.
        of: ``request`` (from the client), ``reply`` (to it), ``event``, ``ack`` (the client's of an event) or ``any``
            frame; "" is an event or a request by the name. ``link`` is a connection that is being made: ``refuse`` it
            with an HTTP status as ``code``, ``delay`` it, or let it be in ``silence``.
        n: Which such frame is the first that it happens to, counted from 1 when the fault is added.
        times: To how many from there on; 0 is all of them.
        seconds: How long a delay is, by the relay's clock; how late ``slow`` is; when a reordered frame comes if no
            other does.
        code: Of a refusal: an integer is a JSON-RPC error's, a string a result's, such as ``503``; of a link an HTTP
            status.
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
        self._check_types()
        if self.kind not in KINDS:
            raise ConfigurationError(f"a fault's kind must be one of {', '.join(KINDS)}, not {self.kind!r}")
        if self.of and self.of not in SIDES:
            raise ConfigurationError(f"a fault's of must be one of {', '.join(SIDES)}, not {self.of!r}")
        if self.kind == "refuse" and self.side not in ("request", "link"):
            raise ConfigurationError("only a request or a link can be refused")
        if self.side == "link" and self.kind not in OF_A_LINK:
            raise ConfigurationError(f"what happens to a link must be one of {', '.join(OF_A_LINK)}, not {self.kind}")
        if self.n < 1 or self.times < 0 or not 0 <= self.seconds <= 86_400 or not 0 <= self.probability <= 1:
            raise ConfigurationError("a fault's n is 1 or more, times and seconds 0 or more, probability from 0 to 1")

    def _check_types(self) -> None:
        numbers = (self.n, self.times, self.seconds, self.probability)
        if any(isinstance(number, bool) or not isinstance(number, (int, float)) for number in numbers):
            raise ConfigurationError("a fault's n, times, seconds and probability must be numbers")
        if not isinstance(self.name, str) or not isinstance(self.match, Mapping):
            raise ConfigurationError("a fault's name must be a text, its match a table")
        if not isinstance(self.code, (int, str)) or not isinstance(self.message, str):
            raise ConfigurationError("a fault's code must be an integer or a text, its message a text")

    @property
    def status(self) -> int:
        """The HTTP status of a link that is refused."""
        return self.code if isinstance(self.code, int) and 400 <= self.code <= 599 else 503

    @property
    def side(self) -> str:
        """What it happens to: ``of``, or what the name says."""
        return self.of or _side_of(self.name)

    def concerns(self, side: str, name: str, params: Mapping[str, Any]) -> bool:
        """Return whether a frame counts."""
        if side != self.side and (self.side != "any" or side == "link"):
            return False
        if self.name not in ("*", name):
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

    Attributes:
        packets: What became of RTP packets on bad networks.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._lock = threading.Lock()
        self._seed = seed
        self._random = random.Random(seed)  # this and the rest: guarded by _lock
        self._faults: list[tuple[Fault, list[int]]] = []  # with how many frames counted so far
        self._applied: deque[Fault] = deque(maxlen=KEPT)
        self._network: Network | None = None
        self._taps = 0
        self.packets = Packets()

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

    def reorder(self, name: str, **more: Any) -> None:
        """Let a frame arrive after the next one in its direction."""
        self.add(Fault(kind="reorder", name=name, **more))

    def truncate(self, name: str, **more: Any) -> None:
        """Let half of a frame arrive, which is no JSON."""
        self.add(Fault(kind="truncate", name=name, **more))

    def slow(self, name: str, seconds: float, **more: Any) -> None:
        """Let a frame and all that follow it in its direction arrive so much later."""
        self.add(Fault(kind="slow", name=name, seconds=seconds, **more))

    def silence(self, name: str, **more: Any) -> None:
        """Let nothing go over the link from a frame on, without an end of it."""
        self.add(Fault(kind="silence", name=name, **more))

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

    def refuse_links(self, status: int = 503, times: int = 1, **more: Any) -> None:
        """Answer the next connections with an HTTP error instead of a WebSocket."""
        self.add(Fault(kind="refuse", of="link", code=status, times=times, **more))

    def network(self, **profile: Any) -> None:
        """Let the RTP of taps that begin from now on go over a bad network; without arguments over a good one.

        Args:
            **profile: ``loss``, ``burst``, ``burst_end``, ``burst_loss``, ``jitter``, ``drift``, ``duplicates``,
                ``reorder``, as in ``Network``.

        Raises:
            ConfigurationError: A word or a number that no network has.
        """
        try:
            network = Network(**profile)
        except TypeError as error:
            raise ConfigurationError(f"not a network: {error}") from None
        with self._lock:
            self._network = network if profile else None

    def load(self, path: str | os.PathLike[str]) -> None:
        """Add what a file holds: ``[[fault]]`` tables of the fields of Fault, and one ``[network]``.

        Raises:
            ConfigurationError: The file cannot be read, or holds something else.
        """
        table = read_table(path)
        faults, network = table.pop("fault", []), table.pop("network", None)
        for name in table:
            raise ConfigurationError(f"{os.fspath(path)}: {name}: is not known; a file has fault and network")
        if not isinstance(faults, list) or not all(isinstance(fault, dict) for fault in faults):
            raise ConfigurationError(f"{os.fspath(path)}: fault: must be an array of tables, [[fault]]")
        self.add(*faults)
        if network is not None:
            if not isinstance(network, dict):
                raise ConfigurationError(f"{os.fspath(path)}: network: must be a table")
            self.network(**network)

    def way(self) -> Impaired | None:
        """Return how the packets of a new tap travel; None is without a fault."""
        with self._lock:
            if self._network is None:
                return None
            self._taps += 1
            seed = f"{self._seed} {self._taps}" if self._seed is not None else self._random.random().hex()
            return Impaired(self._network, seed, self.packets)

    def clear(self) -> None:
        """Let everything go well from now on."""
        with self._lock:
            self._faults.clear()
            self._network = None

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
