"""A RELAY client that is nothing but frames, so that what the local relay sends is seen as it is."""

from __future__ import annotations

import json
import ssl
import uuid
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from websockets.sync.client import connect

from swsync.localrelay import LocalRelay

VERSION = {"major": 2, "minor": 0, "revision": 0}
PHONE = {"type": "phone", "params": {"from_number": "+12025550199", "to_number": "+12025550100"}}


class Wire:
    """One link: requests, events in the order they came, and what stays unread.

    Args:
        send: Takes text.
        receive: Gives the next text within that many seconds, or raises TimeoutError.
        close: Ends the link.
    """

    def __init__(self, send: Callable[[str], Any], receive: Callable[[float], str], close: Callable[[], Any]) -> None:
        self.send = send
        self._receive = receive
        self.close = close
        self.events: deque[dict[str, Any]] = deque()
        self.log: list[dict[str, Any]] = []
        self.acknowledge = True

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *args: Any) -> None:
        self.close()

    def read(self, timeout: float = 60.0) -> dict[str, Any]:
        """Return the next frame, acknowledged if it is an event."""
        frame: dict[str, Any] = json.loads(self._receive(timeout))
        self.log.append(frame)
        if frame.get("method") == "signalwire.event" and self.acknowledge:
            self.send(json.dumps({"jsonrpc": "2.0", "id": frame["id"], "result": {}}))
        return frame

    def ask(self, method: str, params: Any = None) -> dict[str, Any]:
        """Return the whole reply; events that come before it are kept."""
        request_id = str(uuid.uuid4())
        self.send(json.dumps({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params or {}}))
        while True:
            frame = self.read()
            if frame.get("id") == request_id and "method" not in frame:
                return frame
            self.events.append(frame)

    def result(self, method: str, **params: Any) -> dict[str, Any]:
        """Return the result of a request that must not get a JSON-RPC error."""
        reply = self.ask(method, params)
        assert "result" in reply, reply
        result: dict[str, Any] = reply["result"]
        return result

    def error(self, method: str, **params: Any) -> tuple[int, str]:
        """Return the code and the text of a request that must get a JSON-RPC error."""
        reply = self.ask(method, params)
        assert "error" in reply, reply
        return reply["error"]["code"], reply["error"]["message"]

    def event(self, event_type: str, **fields: Any) -> dict[str, Any]:
        """Return the inner params of the next event of that kind; those before it are dropped."""
        while True:
            frame = self.events.popleft() if self.events else self.read()
            params = frame.get("params", {})  # a reply that comes twice has none
            inner: dict[str, Any] = params.get("params", {})
            if params.get("event_type") == event_type and all(inner.get(k) == v for k, v in fields.items()):
                return inner

    def connect(self, **params: Any) -> dict[str, Any]:
        """Say ``signalwire.connect``."""
        authentication = {"project": "p", "token": "t"}
        return self.result(
            "signalwire.connect",
            **{"version": VERSION, "agent": "wire", "event_acks": True, "authentication": authentication, **params},
        )

    def dial(self, to: str = "+12025550100", tag: str = "", **params: Any) -> dict[str, Any]:
        """Dial one number and return ``call_id`` and ``node_id`` of the answered call."""
        device = {"type": "phone", "params": {**PHONE["params"], "to_number": to, **params}}  # type: ignore[dict-item]
        tag = tag or str(uuid.uuid4())
        assert self.result("calling.dial", tag=tag, devices=[[device]])["code"] == "200"
        event = self.event("calling.call.dial", tag=tag)
        assert event["dial_state"] == "answered", event
        return {"call_id": event["call"]["call_id"], "node_id": event["call"]["node_id"]}


def over_socket(relay: LocalRelay) -> Wire:
    """Open a WebSocket to a relay."""
    context = ssl.create_default_context(cafile=relay.ca_file) if relay.ca_file else None
    stack = ExitStack()
    ws = stack.enter_context(connect(relay.url, ssl=context, compression=None, proxy=None, ping_interval=None))
    return Wire(ws.send, lambda timeout: str(ws.recv(timeout)), stack.close)


def in_memory(relay: LocalRelay) -> Wire:
    """Open a link in memory to a relay in virtual time."""
    link = relay.settings["transport"]()
    link.connect()

    def receive(timeout: float) -> str:
        text = link.receive(60 * timeout)  # of virtual time, which costs nothing
        if text is None:
            raise TimeoutError
        return str(text)

    return Wire(link.send, receive, link.close)
