"""One client's session: its subscriptions, its events and their acknowledgements, over one link after the other."""

from __future__ import annotations

import base64
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .connection import Connection
    from .core import Core
    from .loop import Timer

__all__ = ["Failed", "Session"]

KEEP = 1000  # events of a session that wait for their acknowledgement, or for the client to come back
GOODBYE = 1.0  # seconds between signalwire.disconnect and the end of the link
RESUME_WITHIN = 600.0  # seconds that a session waits for its client


class Failed(Exception):
    """The request is answered with a result whose code is not 2xx."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


class Session:
    """What outlives a lost link: the subscriptions, the calls and the events that the client has not acknowledged.

    Attributes:
        protocol: The name under which a client resumes it.
        contexts: What it is subscribed to, in order.
        is_script: Whether a document takes a client's place.
    """

    is_script = False

    def __init__(self, core: Core, project: str, event_acks: bool) -> None:
        self._core = core
        self.project = project
        self.event_acks = event_acks
        self.signature = core.new_id().replace("-", "")
        self.protocol = f"signalwire_{self.signature}_{core.new_id()}_relay"
        blob, tag = (base64.b64encode(core.random.randbytes(n)).decode() for n in (48, 16))
        self.authorization_state = f"{blob}:{tag}"
        self.contexts: dict[str, None] = {}
        self.chosen = 0  # when it was last given a call or a message that others might have got; grows
        self.connection: Connection | None = None
        self._unacknowledged: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._expiry: Timer | None = None
        self.away: deque[tuple[float, float | None]] = deque(maxlen=1000)  # from when to when it had no link

    def attach(self, connection: Connection) -> None:
        """Use this link from now on; an older one of the same session is closed."""
        if self._expiry is not None:
            self._expiry.cancel()
        self._back()
        old, self.connection = self.connection, connection
        if old is not None:
            old.session = None
            old.close()

    def resend(self) -> None:
        """Send again what was never acknowledged, with the same ids."""
        for frame in list(self._unacknowledged.values()):
            if self.connection is not None:
                self.connection.send(frame)
        if not self.event_acks:
            self._unacknowledged.clear()

    def say_disconnect(self, restart: bool) -> None:
        """Tell the client to connect anew, as the service does before maintenance, and end the link."""
        connection = self.connection
        if connection is None:
            return
        params = {"restart": True} if restart else {}
        connection.send(
            {"jsonrpc": "2.0", "id": self._core.new_id(), "method": "signalwire.disconnect", "params": params}
        )
        if restart:
            self._core.sessions.pop(self.protocol, None)
        self._core.loop.call_later(GOODBYE, connection.close)

    def detach(self) -> None:
        """The link is lost; wait for the client to come back."""
        self.connection = None
        self.away.append((self._core.loop.now(), None))
        self._expiry = self._core.loop.call_later(RESUME_WITHIN, self._core.forget_session, self)

    def _back(self) -> None:
        if self.away and self.away[-1][1] is None:
            self.away[-1] = (self.away[-1][0], self._core.loop.now())

    def event_type_of(self, frame_id: Any) -> str:
        """Return which kind of event waits for this acknowledgement, or ""."""
        frame = self._unacknowledged.get(str(frame_id))
        return "" if frame is None else str(frame["params"]["event_type"])

    def frame(self, event_type: str, params: dict[str, Any]) -> dict[str, Any]:
        """Return the frame of an event; its fields lie in inner params, but those of a task."""
        fields = params if event_type == "queuing.relay.tasks" else {"params": params}
        return {
            "jsonrpc": "2.0",
            "id": self._core.new_id(),
            "method": "signalwire.event",
            "params": {
                "event_type": event_type,
                "event_channel": self.protocol,
                "timestamp": self._core.timestamp(),
                "project_id": self.project,
                "space_id": self._core.space_id,
                "node_id": self._core.node_id,
                **fields,
            },
        }

    def event(self, event_type: str, params: dict[str, Any]) -> dict[str, Any]:
        """Send an event, or keep it until the client is back; return its outer params."""
        frame = self.frame(event_type, params)
        if self.event_acks or self.connection is None:
            self._unacknowledged[str(frame["id"])] = frame
            while len(self._unacknowledged) > KEEP:
                self._unacknowledged.popitem(last=False)
        if self.connection is not None:
            self.connection.send(frame)
        outer: dict[str, Any] = frame["params"]
        return outer

    def acknowledged(self, frame_id: Any) -> None:
        self._unacknowledged.pop(str(frame_id), None)
