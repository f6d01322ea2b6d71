"""A RELAY server that does what a test tells it to: in memory and virtual time, or on a real socket."""

from __future__ import annotations

import contextlib
import itertools
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

from websockets.exceptions import ConnectionClosed as WebSocketClosed
from websockets.sync.server import ServerConnection, serve

from swsync.clock import REAL, Clock
from swsync.errors import ConnectionFailed, ConnectionLost
from swsync.memorytransport import MemoryTransport, memory_pair

SILENT: dict[str, Any] = {"silent": True}
"""What an answer function returns when there is to be no reply."""

Answer = Callable[["Link", dict[str, Any]], dict[str, Any]]


class Refusal(Exception):
    """Raised by an answer function: reply with a JSON-RPC error."""

    def __init__(self, code: int, message: str = "no") -> None:
        self.code = code
        self.message = message


class Link:
    """The server's end of one link."""

    def __init__(self, server: ScriptedServer, send: Callable[[str], None], end: Callable[[], None]) -> None:
        self.server = server
        self.send_text = send
        self.end = end  # at once, as a broken cable

    def event(self, event_type: str, frame_id: str | None = None, **params: Any) -> str:
        """Send an event; returns its frame id."""
        number = frame_id or f"event-{next(self.server.numbers)}"
        outer = {"event_type": event_type, "timestamp": 1.5, "params": params}
        self.request("signalwire.event", outer, number)
        return number

    def request(self, method: str, params: dict[str, Any], number: str) -> None:
        self.send_text(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}))

    def reply(self, frame: dict[str, Any], result: dict[str, Any]) -> None:
        self.send_text(json.dumps({"jsonrpc": "2.0", "id": frame["id"], "result": result}))

    def state(self, call_id: str, state: str, **params: Any) -> str:
        """Send ``calling.call.state``."""
        return self.event("calling.call.state", call_id=call_id, node_id="n", call_state=state, **params)

    def offer(self, call_id: str, context: str = "office", **params: Any) -> str:
        """Send ``calling.call.receive``."""
        return self.event(
            "calling.call.receive",
            call_id=call_id,
            node_id="n",
            context=context,
            call_state="ringing",
            direction="inbound",
            device={"type": "phone", "params": {"from_number": "+12025550101", "to_number": "+12025550102"}},
            **params,
        )


class ScriptedServer:
    """Answers every request with success unless ``answers`` has a function for its method.

    Attributes:
        answers: By method: a function of (link, frame) that returns the result, or ``SILENT``, or raises ``Refusal``.
        requests: Every request so far, as (method, params).
        replies: The ids of what clients acknowledged.
        refuse: How many attempts to connect fail.
        closings: How links on sockets ended: WebSocket close codes, 1006 for a connection that broke.
    """

    def __init__(self, clock: Clock = REAL) -> None:
        self.clock = clock
        self.numbers = itertools.count(1)
        self.answers: dict[str, Answer] = {"signalwire.connect": self.welcome, "calling.answer": self.pick_up}
        self.refuse = 0
        self.protocol = "protocol-1"
        self.changed = clock.condition()
        # Guarded by changed.
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.frames: list[dict[str, Any]] = []
        self.replies: list[Any] = []
        self.links: list[Link] = []
        self.closings: dict[Link, int] = {}
        self._ends: list[MemoryTransport] = []

    def welcome(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        """The connect result: an asked-for session goes on if it is the current one."""
        return {"protocol": self.protocol, "identity": "someone"}

    def pick_up(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        """The answer to ``calling.answer``: the call is answered."""
        link.reply(frame, {"code": "200", "message": "Answered"})
        link.state(frame["params"]["call_id"], "answered", direction="inbound")
        return SILENT

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "project": "p",
            "token": "t",
            "host": "localhost",
            "transport": self.open,
            "clock": self.clock,
        }

    @property
    def link(self) -> Link:
        """The newest link."""
        return self.links[-1]

    def open(self) -> MemoryTransport:
        """The client's end of a new link."""
        if self.refuse > 0:
            self.refuse -= 1
            return _Refused(self.clock)
        client, server = memory_pair(self.clock)
        link = Link(self, server.send, server.abort)
        with self.changed:
            self.links.append(link)
            self._ends.append(server)
        self.clock.start(self._serve_memory, "scripted-server", (link, server))
        return client

    def _serve_memory(self, link: Link, end: MemoryTransport) -> None:
        with contextlib.suppress(ConnectionLost):
            while True:
                text = end.receive()
                if text is not None:
                    self.handle(link, text)

    def handle(self, link: Link, text: str) -> None:
        """Answer one message."""
        frame = json.loads(text)
        with self.changed:
            if "method" not in frame:
                self.replies.append(frame["id"])
                self.changed.notify_all()
                return
            self.frames.append(frame)
            self.requests.append((frame["method"], frame["params"]))
            self.changed.notify_all()
        answer = self.answers.get(frame["method"], lambda link, frame: {"code": "200", "message": "OK"})
        with contextlib.suppress(ConnectionLost, WebSocketClosed):
            try:
                result = answer(link, frame)
            except Refusal as refusal:
                error = {"code": refusal.code, "message": refusal.message}
                link.send_text(json.dumps({"jsonrpc": "2.0", "id": frame["id"], "error": error}))
            else:
                if result is not SILENT:
                    link.reply(frame, result)

    def params(self, method: str) -> list[dict[str, Any]]:
        """The params of every request with that method."""
        with self.changed:
            return [params for name, params in self.requests if name == method]

    def wait_for(self, method: str, count: int = 1, timeout: float = 60.0) -> dict[str, Any]:
        """Wait until that method was called so often; returns the params of the last one."""
        with self.changed:
            self.changed.wait_for(lambda: sum(name == method for name, _ in self.requests) >= count, timeout)
        found = self.params(method)
        assert len(found) >= count, f"{method} came {len(found)} times: {[name for name, _ in self.requests]}"
        return found[count - 1]

    def wait_for_reply(self, number: Any, timeout: float = 60.0) -> None:
        """Wait until the client acknowledged a frame."""
        with self.changed:
            assert self.changed.wait_for(lambda: number in self.replies, timeout), self.replies

    def close(self) -> None:
        for end in self._ends:
            end.close()


class _Refused(MemoryTransport):
    def connect(self, timeout: float) -> None:
        raise ConnectionFailed("cannot connect: nothing listens there")


@contextlib.contextmanager
def on_socket(
    context: ssl.SSLContext | None = None, scripted: ScriptedServer | None = None
) -> Iterator[tuple[ScriptedServer, int]]:
    """A scripted server, a plain one by default, on a loopback socket, in real time; gives it and its port."""
    scripted = scripted or ScriptedServer()

    def serve_one(connection: ServerConnection) -> None:
        link = Link(scripted, connection.send, connection.close_socket)
        with scripted.changed:
            scripted.links.append(link)
        with contextlib.suppress(WebSocketClosed):
            for text in connection:
                scripted.handle(link, text if isinstance(text, str) else text.decode())
        with scripted.changed:
            scripted.closings[link] = connection.close_code or 1006
            scripted.changed.notify_all()

    with serve(serve_one, "127.0.0.1", 0, ssl=context, compression=None, ping_interval=None) as server:
        thread = threading.Thread(target=server.serve_forever, name="scripted-socket-server", daemon=True)
        thread.start()
        try:
            yield scripted, server.socket.getsockname()[1]
        finally:
            server.shutdown()
            thread.join(10)
