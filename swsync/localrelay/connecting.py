"""``calling.connect`` and ``calling.disconnect``: two simulated legs, really bridged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .action import Action
from .audio import Sound
from .call import LocalCall
from .dialing import Hunt, check_devices
from .live import Bridge
from .playback import check_media, prepare
from .requests import Params, Requests, Result, Verb
from .session import Failed
from .streaming import TwoWayStream, check_stream_device

if TYPE_CHECKING:
    from .audio import Segment
    from .core import Core
    from .loop import Timer
    from .session import Session

__all__ = ["BridgedAction", "ConnectAction", "ConnectVerbs"]


class BridgedAction(Action):
    """The far end of a bridge: it ends it when its party leaves, and tells nothing of its own."""

    kind = "bridged"

    def __init__(self, call: LocalCall, connect: ConnectAction) -> None:
        super().__init__(call, "")
        self.connect = connect

    def tell(self, state: str, **fields: Any) -> None:
        pass

    def release(self) -> None:
        self.connect.peer_leaves()

    def press(self, digits: str) -> None:
        self.connect.call.digits_heard += digits  # keys go through a bridge as voices do


class _Search(Hunt):
    """The devices of one connect."""

    def __init__(self, connect: ConnectAction, core: Core, session: Session, params: Params) -> None:
        super().__init__(core, session, params["devices"], params.get("tag") or "")
        self._connect = connect
        self.peer = connect.call.described()

    def next_step(self) -> None:
        """Take a call that is there already, or ring."""
        step = self._steps[0] if self._steps and not self.is_over else []
        for device in step:
            if device["type"] in ("call", "queue", "stream"):
                self._steps.pop(0)
                if device["type"] == "stream":
                    self._connect.open_stream(device)
                else:
                    self._take(device)
                return
        super().next_step()

    def _take(self, device: dict[str, Any]) -> None:
        params = device["params"]
        stay = None
        if device["type"] == "queue":
            stay = self.core.queues.take(self.session.project, params["queue_name"])
            leg = None if stay is None else stay.call
        else:
            leg = self.core.calls.get(params["call_id"])
        good = leg is not None and leg.project in ("", self.session.project) and leg.answered_at is not None
        if leg is None or not good or leg is self._connect.call or is_bridged(leg):
            self.reason = "not_found" if device["type"] == "call" else "noAnswer"
            self.next_step()
            return
        self.is_over = True
        if stay is not None:
            self._connect.queue = {"queue_id": stay.queue.queue_id, "queue_name": stay.queue.name}
        self.won(leg)

    def won(self, leg: LocalCall) -> None:
        self._connect.connected(leg)

    def lost(self) -> None:
        self._connect.fail(self.reason)


def is_bridged(call: LocalCall) -> bool:
    """Return whether a call talks to another one, or is about to."""
    return any((kind, "") in call.actions for kind in ("connect", "bridged"))


class ConnectAction(Action):
    """One connect, from the first ring to the end of the bridge.

    States: connecting, connected, disconnected, failed. When this call ends so does its peer; when the peer leaves, or
    the two are taken apart, this call goes on.
    """

    kind = "connect"
    event_type = "calling.call.connect"

    def __init__(self, core: Core, call: LocalCall, session: Session, params: Params) -> None:
        super().__init__(call, "", params)
        self._core = core
        self._search = _Search(self, core, session, params)
        self._minutes = params.get("max_duration") or 0
        self._ringback: Sound | None = None
        self._ringing: list[dict[str, Any]] = params.get("ringback") or []
        self._bridge: Bridge | None = None
        self._peer: LocalCall | None = None
        self.queue: dict[str, str] = {}  # from which the peer was taken: ``queue_id``, ``queue_name``
        self._part: BridgedAction | None = None
        self._stream: TwoWayStream | None = None  # in place of a peer
        self._streams_to: dict[str, Any] | None = None  # its device, once it runs
        self._timer: Timer | None = None

    @property
    def peer(self) -> LocalCall | None:
        return self._peer

    def start(self) -> None:
        """Ring the others, while this party hears the ringback."""
        if self.is_finished:
            return
        self.tell("connecting")
        if self._ringing:
            self._core.start_worker(self._prepare, "swsync-relay-ringback", ())
        self._search.next_step()

    def _prepare(self) -> None:
        """On a thread of its own: get what sounds meanwhile."""
        segments: list[Segment] = []
        try:
            segments = prepare(self._ringing)
        except Exception as error:  # the connect goes on without it, whatever a file holds
            self._core.note(f"connect: no ringback: {error}")
        self._core.loop.post(self._ring, segments)

    def _ring(self, segments: list[Segment]) -> None:
        if not self.is_finished and self._peer is None and segments and self.call.answered_at is not None:
            self._ringback = Sound(segments, loops=0)
            self.call.sound(self._ringback, "heard")

    def connected(self, leg: LocalCall) -> None:
        """Somebody is there: bridge the two."""
        if self.is_finished:
            leg.end("cancel")
            return
        self._silence()
        self._peer = leg
        if self.call.answered_at is None:
            self.call.answer()
        self._bridge = Bridge(self.call, leg)
        self._part = BridgedAction(leg, self)
        if self._minutes:
            self._timer = self._core.loop.call_later(60.0 * self._minutes, self._too_long)
        self.tell("connected", peer={**leg.described(), **self.queue})

    def open_stream(self, device: dict[str, Any]) -> None:
        """Reach a program at a WebSocket; the next device if that cannot be."""
        if self.call.answered_at is None:
            self.call.answer()
        self._stream = TwoWayStream(
            self._core, self.call, device["params"], begun=lambda: self._streaming(device), over=self._stream_over
        )
        self._stream.open()

    def _streaming(self, device: dict[str, Any]) -> None:
        if self.is_finished:
            return
        self._search.is_over = True
        self._silence()
        self._streams_to = device
        if self._minutes:
            self._timer = self._core.loop.call_later(60.0 * self._minutes, self.finish)
        self.tell("connected", **self.last_fields())

    def _stream_over(self) -> None:
        if self._streams_to is not None:
            self.finish()
        elif not self.is_finished:
            self._search.reason = "error"
            self._search.next_step()

    def _too_long(self) -> None:
        leg = self._peer
        self.finish()
        if leg is not None:
            leg.end("max_duration")

    def fail(self, reason: str) -> None:
        """Nobody answered."""
        if not self.is_finished:
            self._search.reason = reason
            self.finish()

    def peer_leaves(self) -> None:
        """The other party has gone, or is taken away."""
        self.finish()

    def finish(self, state: str = "") -> None:
        together = self._peer is not None or self._streams_to is not None
        super().finish("disconnected" if together else "failed")

    def release(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._silence()
        if self._peer is None:
            self._search.cancel()
        if self._bridge is not None:
            self._bridge.stop()
        if self._part is not None:
            self._part.finish()
        if self._stream is not None:
            self._stream.finish()
        leg = self._peer
        if leg is not None and leg.is_active and self.call.ended_at is not None:
            self._core.loop.call_soon(leg.end, "hangup")

    def _silence(self) -> None:
        if self._ringback is not None:
            self.call.settle()
            self._ringback.stop()
            self._ringback = None

    def press(self, digits: str) -> None:
        if self._peer is not None:
            self._peer.digits_heard += digits

    def tell(self, state: str, **fields: Any) -> None:
        self.emit(connect_state=state, **fields)

    def last_fields(self) -> dict[str, Any]:
        if self._peer is not None:
            return {"peer": {**self._peer.described(), **self.queue}}
        if self._streams_to is not None:  # what runs there is no call, so it has no id
            params = {name: value for name, value in self._streams_to["params"].items() if "token" not in name}
            return {"peer": {"device": {"type": "stream", "params": params}}}
        reason = "cancel" if self.call.ended_at is not None else self._search.reason
        return {"failed_reason": reason}


class ConnectVerbs(Requests):
    """Joining two calls, and taking them apart."""

    def table(self) -> dict[str, Verb]:
        return {"calling.connect": self.connect, "calling.disconnect": self.disconnect}

    def connect(self, session: Session, params: Params) -> Result:
        check_devices(params["devices"], connects=True)
        for i, step in enumerate(params["devices"]):
            for j, device in enumerate(step):
                if device["type"] == "stream":
                    check_stream_device(self.core, device["params"], f"devices[{i}][{j}].params")
        if params.get("ringback"):
            check_media(self.core, params["ringback"], "ringback")
        call = self.call_of(session, params)
        if is_bridged(call):
            raise Failed("409", "Conflict: the call is connected already")
        self.after(ConnectAction(self.core, call, session, params).start)
        return self.accepted(params, "connecting")

    def disconnect(self, session: Session, params: Params) -> Result:
        call = self.call_of(session, params)
        action = call.actions.get(("connect", "")) or call.actions.get(("bridged", ""))
        if action is None:
            raise Failed("409", "Conflict: the call is not connected")
        self.after(action.finish)
        return self.accepted(params, "Disconnecting")
