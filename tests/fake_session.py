"""A session that records what calls send and answers as the test says; a stand-in for the client."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from swsync.call import Call
from swsync.clock import REAL, Clock
from swsync.events import parse_event

NODE, CALL = "node-1", "call-1"


class _Callbacks:
    """Runs callbacks at once, in the thread that queued them."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, tuple[Any, ...]]] = []

    def submit(self, key: str, function: Callable[..., Any], *args: Any) -> None:
        self.ran.append((key, args))
        function(*args)


class _Timer:
    def __init__(self, delay: float, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.delay, self.function, self.args = delay, function, args
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class FakeSession:
    """What a call needs of its client.

    ``sent`` holds (method, params) without node_id and call_id, ``idempotent`` the methods sent as such. ``reply`` is
    what requests return, or an exception, or a function of (method, params) that gives either.
    """

    def __init__(self, clock: Clock = REAL, is_local_host: bool = False) -> None:
        self.clock = clock
        self.callbacks = _Callbacks()
        self.is_local_host = is_local_host
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.idempotent: list[str] = []
        self.timers: list[_Timer] = []
        self.forgotten: list[Call] = []
        self.adopted: list[Call] = []
        self.checked: list[Any] = []
        self.reply: Any = {"code": "200", "message": "OK"}

    def check_process(self) -> None:
        """It has no other process."""

    def request(
        self, method: str, params: dict[str, Any], *, timeout: float | None = None, idempotent: bool = False
    ) -> dict[str, Any]:
        assert NODE == params["node_id"]
        assert CALL == params["call_id"]
        rest = {name: value for name, value in params.items() if name not in ("node_id", "call_id")}
        self.sent.append((method, rest))
        if idempotent:
            self.idempotent.append(method)
        reply = self.reply(method, rest) if callable(self.reply) else self.reply
        if isinstance(reply, BaseException):
            raise reply
        return dict(reply)

    def post(self, method: str, params: dict[str, Any]) -> None:
        self.sent.append((method, params))

    def call_later(self, delay: float, function: Callable[..., Any], *args: Any) -> _Timer:
        timer = _Timer(delay, function, args)
        self.timers.append(timer)
        return timer

    def run_timers(self) -> None:
        """Let the time of every timer come."""
        timers, self.timers = self.timers, []
        for timer in timers:
            if not timer.cancelled:
                timer.function(*timer.args)

    def adopt(self, call: Call) -> Call:
        self.adopted.append(call)
        return call

    def forget(self, call: Call) -> None:
        self.forgotten.append(call)

    def check_destinations(self, devices: Any) -> None:
        self.checked.append(devices)

    @property
    def last(self) -> tuple[str, dict[str, Any]]:
        """The last request."""
        return self.sent[-1]


class FakeReceiver:
    """A receiver of audio as a verb sees it."""

    def __init__(self, device: Any = None, url: str = "", token: str = "") -> None:
        self.device, self.url, self.token = device, url, token
        self.ended = 0

    def end(self) -> None:
        self.ended += 1


_seconds = itertools.count(1_700_000_000)


def make_call(session: FakeSession | None = None, **settings: Any) -> Call:
    """An answered inbound call on a fake session."""
    values: dict[str, Any] = {"call_id": CALL, "node_id": NODE, "direction": "inbound", "state": "answered"}
    return Call(session or FakeSession(), **{**values, **settings})


def tell(call: Call, event_type: str, **params: Any) -> None:
    """Deliver an event, as the I/O thread does."""
    inner = {"call_id": call.call_id, "node_id": NODE, **params}
    call._receive(parse_event({"event_type": event_type, "timestamp": float(next(_seconds)), "params": inner}))


def tell_state(call: Call, state: str, **params: Any) -> None:
    """Deliver a call state."""
    tell(call, "calling.call.state", call_state=state, direction="inbound", **params)
