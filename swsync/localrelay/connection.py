"""One client's link: JSON-RPC in and out, credentials, and what faults do to its frames.

Nothing here knows a socket or a thread: a link gives ``receive`` its text and takes text by its ``send``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import schema
from .credentials import project_of
from .schema import Refused
from .session import Failed, Session
from .webhooks import check_webhooks

if TYPE_CHECKING:
    from .core import Core
    from .faults import Fault

__all__ = ["Connection"]

LONGEST_MESSAGE = 500  # characters of an error, which repeats what was wrong
LONGEST_ID = 1000  # characters of a frame's id, which every reply repeats


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


class Connection:
    """One link of one client.

    Args:
        core: The relay.
        send: Takes the text of a frame.
        close: Closes the link.
    """

    def __init__(self, core: Core, send: Callable[[str], None], close: Callable[[], None]) -> None:
        self._core = core
        self._send = send
        self.close = close
        self.session: Session | None = None
        self._is_cut = False  # a fault has ended the link, and nothing goes over it any more
        self._is_silent = False  # the same, but the link stays
        self._lag = {"in": 0.0, "out": 0.0}  # seconds that a fault makes each frame late
        self._held: dict[str, list[Callable[[], None]]] = {"in": [], "out": []}  # frames that the next one overtakes
        self.number = core.add_connection(self)

    def lost(self) -> None:
        """The link is gone."""
        self._core.remove_connection(self)
        if self.session is not None and self.session.connection is self:
            self.session.detach()
        self.session = None

    def send(self, frame: dict[str, Any], reply_to: str = "") -> None:
        """Send a frame, unless a fault wants it otherwise; ``reply_to`` is the method that it answers, if any."""
        outer = frame.get("params", {})
        name = reply_to or outer.get("event_type") or frame.get("method", "")
        params = (frame.get("result") if reply_to else outer.get("params")) or {}
        self._unless_spoiled("reply" if reply_to else "event", name, params, lambda fault: self._put(frame, fault))

    def _put(self, frame: dict[str, Any], fault: Fault | None) -> None:
        if self._is_cut or self._is_silent:
            return
        self._core.record(self.number, "out", frame)
        text = json.dumps(frame, separators=(",", ":"))
        self._send(text if fault is None else text[: len(text) // 2])

    def be_silent(self) -> None:
        """Take and send nothing any more."""
        self._is_silent = True

    def _unless_spoiled(
        self, side: str, name: str, params: dict[str, Any], deliver: Callable[[Fault | None], None]
    ) -> None:
        """Deliver a frame, or do to it what a fault says; who delivers refuses and truncates by itself."""
        way = "in" if side in ("request", "ack") else "out"
        fault = self._core.faults.pick(side, name, params)
        if fault is not None:
            self._core.note(f"fault: {fault.kind} {side} {name}")
        kind = "" if fault is None else fault.kind
        if fault is not None and kind == "reorder":
            self._hold(way, lambda: deliver(None), fault.seconds)
            return
        if fault is not None and kind == "slow":
            self._lag[way] = fault.seconds
        if fault is not None and kind == "delay":
            self._core.loop.call_later(fault.seconds, deliver, None)
        elif kind not in ("drop", "silence", "cut_before"):
            self._deliver(way, deliver, fault if kind in ("refuse", "truncate") else None)
        if kind == "duplicate":
            self._deliver(way, deliver, None)
        if kind == "silence":
            self.be_silent()
        elif kind.startswith("cut_"):
            self._is_cut = True
            self.close()

    def _deliver(self, way: str, deliver: Callable[[Fault | None], None], fault: Fault | None) -> None:
        """Deliver a frame, and then what it has overtaken."""
        if self._lag[way]:
            self._core.loop.call_later(self._lag[way], deliver, fault)
        else:
            deliver(fault)
        for late in list(self._held[way]):
            late()

    def _hold(self, way: str, deliver: Callable[[], None], seconds: float) -> None:
        """Deliver a frame after the next one, or when so much time has passed."""

        def once() -> None:
            if once in self._held[way]:
                self._held[way].remove(once)
                deliver()

        self._held[way].append(once)
        self._core.loop.call_later(seconds, once)

    def receive(self, text: str | bytes) -> None:
        """Take one message from the client and answer it."""
        if self._is_silent:
            return
        try:
            frame = json.loads(text, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            self._core.record(self.number, "in", None, repr(text[:200]))
            self._unreadable()
            return
        self._core.record(self.number, "in", frame)
        if not isinstance(frame, dict):
            self._refuse(None, schema.INVALID_REQUEST, "Invalid request: one JSON object a message")
        elif self._is_cut:
            return
        elif isinstance(frame.get("method"), str):
            params = frame["params"] if isinstance(frame.get("params"), dict) else {}
            self._unless_spoiled("request", frame["method"], params, lambda fault: self._request(frame, fault))
        elif "method" in frame:
            self._request(frame)
        elif "result" in frame or "error" in frame:
            self._acknowledgement(frame.get("id"))
        else:
            self._refuse(frame.get("id"), schema.INVALID_REQUEST, "Invalid request: no method")

    def _acknowledgement(self, frame_id: Any) -> None:
        session = self.session
        if session is None:
            return

        def take(fault: Fault | None) -> None:
            if fault is None:
                session.acknowledged(frame_id)
            else:
                self._unreadable()

        self._unless_spoiled("ack", session.event_type_of(frame_id), {}, take)

    def _unreadable(self) -> None:
        self._refuse(None, schema.PARSE_ERROR, "Parse error: the message is not JSON")

    def _refuse(self, request_id: Any, code: int, message: str, method: Any = "") -> None:
        error = {"code": code, "message": message[:LONGEST_MESSAGE]}
        name = method if isinstance(method, str) and method else "?"
        self.send({"jsonrpc": "2.0", "id": request_id, "error": error}, name)

    def _request(self, frame: dict[str, Any], refusal: Fault | None = None) -> None:
        if refusal is not None and refusal.kind == "truncate":
            self._unreadable()
            return
        request_id, method, params = frame.get("id"), frame["method"], frame.get("params", {})
        if not isinstance(request_id, (str, int, type(None))):
            self._refuse(None, schema.INVALID_REQUEST, "Invalid request: id must be a string")
            return
        if isinstance(request_id, str) and len(request_id) > LONGEST_ID:
            self._refuse(None, schema.INVALID_REQUEST, f"Invalid request: id is longer than {LONGEST_ID}")
            return
        try:
            if not isinstance(method, str):
                raise Refused(schema.INVALID_REQUEST, "Invalid request: method must be a string")
            if not isinstance(params, dict):
                raise Refused(schema.INVALID_PARAMS, "Invalid params: params must be an object")
            if refusal is not None:
                code, message = refusal.code, refusal.message
                raise Refused(code, message) if isinstance(code, int) else Failed(code, message)
            result = self._perform(method, params)
        except Refused as refused:
            self._refuse(request_id, refused.code, refused.message, method)
            return
        except Failed as failed:
            about = {k: params[k] for k in ("call_id", "control_id") if isinstance(params.get(k), str)}
            result = {"code": failed.code, "message": failed.message, **about}
        except Exception:
            self._refuse(request_id, schema.INTERNAL_ERROR, "Internal error", method)
            raise
        self.send({"jsonrpc": "2.0", "id": request_id, "result": result}, method)

    def _perform(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        if method == "signalwire.connect":
            schema.check_params(method, params)
            return self._connect(params)
        if method == "signalwire.ping":
            schema.check_params(method, params)
            return {"timestamp": self._core.timestamp()}
        if self.session is None:
            raise Refused(schema.VALIDATION_FAILED, "Requester validation failed: signalwire.connect comes first")
        if method not in self._core.verbs:
            if schema.is_known(method):
                raise Refused(schema.METHOD_NOT_FOUND, f"{method} is what the service asks its clients")
            raise Refused(schema.METHOD_NOT_FOUND, f"Method not found: {method}")
        schema.check_params(method, params)
        check_webhooks(params)
        return self._core.verbs[method](self.session, params)

    def _connect(self, params: dict[str, Any]) -> dict[str, Any]:
        version = params["version"]
        if not isinstance(version, dict) or not isinstance(version.get("major"), int):
            raise schema.refuse("version", "must be an object with major, minor and revision")
        if self.session is not None:
            raise Refused(schema.INVALID_REQUEST, "Invalid request: this link is connected already")
        contexts = schema.need(params, "contexts", "array[string]", default=[])
        wants_acks = schema.need(params, "event_acks", "boolean", default=False)
        protocol = schema.need(params, "protocol", "string", default="")
        schema.need(params, "authorization_state", "string", default="")  # ignored if stale: credentials count
        project = project_of(self._core, params)
        session = self._core.sessions.get(protocol)
        restored = session is not None and session.project == project
        if session is None or not restored:
            session = Session(self._core, project, wants_acks)
            self._core.sessions[session.protocol] = session
        session.attach(self)
        self.session = session
        self._core.loop.call_soon(self._welcome, session, restored)
        self._core.subscribe(session, contexts)
        return {
            "identity": f"{self._core.new_id()}@{self._core.node_id}",
            "protocol": session.protocol,
            "authorization": {"type": "relay", "project": project, "signature": session.signature},
            "session_restored": restored,
            "ice_servers": [],
        }

    def _welcome(self, session: Session, restored: bool) -> None:
        if self.session is not session:
            return
        if restored:
            session.resend()
        session.event("signalwire.authorization.state", {"authorization_state": session.authorization_state})
