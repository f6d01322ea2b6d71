"""One client's link and session: JSON-RPC in and out, credentials, subscriptions, events and their acknowledgements.

Nothing here knows a socket or a thread: a link gives ``receive`` its text and takes text by its ``send``.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import schema
from .schema import Refused
from .webhooks import check_webhooks

if TYPE_CHECKING:
    from .core import Core
    from .loop import Timer

__all__ = ["Connection", "Failed", "Session"]

KEEP = 1000  # events of a session that wait for their acknowledgement, or for the client to come back
LONGEST_MESSAGE = 500  # characters of an error, which repeats what was wrong
LONGEST_ID = 1000  # characters of a frame's id, which every reply repeats
GOODBYE = 1.0  # seconds between signalwire.disconnect and the end of the link
RESUME_WITHIN = 600.0  # seconds that a session waits for its client


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


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
    """

    def __init__(self, core: Core, project: str, event_acks: bool) -> None:
        self._core = core
        self.project = project
        self.event_acks = event_acks
        self.signature = core.new_id().replace("-", "")
        self.protocol = f"signalwire_{self.signature}_{core.new_id()}_relay"
        blob, tag = (base64.b64encode(core.random.randbytes(n)).decode() for n in (48, 16))
        self.authorization_state = f"{blob}:{tag}"
        self.contexts: dict[str, None] = {}
        self.connection: Connection | None = None
        self._unacknowledged: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._expiry: Timer | None = None

    def attach(self, connection: Connection) -> None:
        """Use this link from now on; an older one of the same session is closed."""
        if self._expiry is not None:
            self._expiry.cancel()
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
        self._expiry = self._core.loop.call_later(RESUME_WITHIN, self._core.forget_session, self)

    def event(self, event_type: str, params: dict[str, Any]) -> dict[str, Any]:
        """Send an event, or keep it until the client is back; return its outer params."""
        frame: dict[str, Any] = {
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
                "params": params,
            },
        }
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
        self.number = core.add_connection(self)

    def lost(self) -> None:
        """The link is gone."""
        self._core.remove_connection(self)
        if self.session is not None and self.session.connection is self:
            self.session.detach()
        self.session = None

    def send(self, frame: dict[str, Any]) -> None:
        self._core.record(self.number, "out", frame)
        self._send(json.dumps(frame, separators=(",", ":")))

    def receive(self, text: str | bytes) -> None:
        """Take one message from the client and answer it."""
        try:
            frame = json.loads(text, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            self._core.record(self.number, "in", None, repr(text[:200]))
            self._refuse(None, schema.PARSE_ERROR, "Parse error: the message is not JSON")
            return
        self._core.record(self.number, "in", frame)
        if not isinstance(frame, dict):
            self._refuse(None, schema.INVALID_REQUEST, "Invalid request: one JSON object a message")
        elif "method" in frame:
            self._request(frame)
        elif "result" in frame or "error" in frame:
            if self.session is not None:
                self.session.acknowledged(frame.get("id"))
        else:
            self._refuse(frame.get("id"), schema.INVALID_REQUEST, "Invalid request: no method")

    def _refuse(self, request_id: Any, code: int, message: str) -> None:
        self.send({"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message[:LONGEST_MESSAGE]}})

    def _request(self, frame: dict[str, Any]) -> None:
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
            result = self._perform(method, params)
        except Refused as refusal:
            self._refuse(request_id, refusal.code, refusal.message)
        except Failed as failure:
            about = {k: params[k] for k in ("call_id", "control_id") if isinstance(params.get(k), str)}
            result = {"code": failure.code, "message": failure.message, **about}
            self.send({"jsonrpc": "2.0", "id": request_id, "result": result})
        except Exception:
            self._refuse(request_id, schema.INTERNAL_ERROR, "Internal error")
            raise
        else:
            self.send({"jsonrpc": "2.0", "id": request_id, "result": result})

    def _perform(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        if method == "signalwire.connect":
            schema.check_params(method, params)
            return self._connect(params)
        if method == "signalwire.ping":
            return {"timestamp": self._core.timestamp()}
        if self.session is None:
            raise Refused(schema.VALIDATION_FAILED, "Requester validation failed: signalwire.connect comes first")
        if method not in self._core.verbs:
            if schema.is_known(method):
                raise Refused(schema.METHOD_NOT_FOUND, f"{method} is not simulated yet by the local relay")
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
        project = self._authenticate(params)
        session = self._core.sessions.get(str(params.get("protocol", "")))
        restored = session is not None and session.project == project
        if session is None or not restored:
            session = Session(self._core, project, bool(params.get("event_acks")))
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

    def _authenticate(self, params: dict[str, Any]) -> str:
        """Return the project, or raise -32002. Any credentials are good unless the relay was given its own."""
        given = params.get("authentication")
        if not isinstance(given, dict):
            if self._core.token is None and given is None:
                raise schema.refuse("authentication", "is required")
            raise Refused(schema.AUTHENTICATION_FAILED, "Authentication failed")
        project, token = given.get("project"), given.get("token")
        if isinstance(given.get("jwt_token"), str) and given["jwt_token"]:
            token = given["jwt_token"]
            project = project or self._core.project or "project-of-the-token"
        good = isinstance(project, str) and isinstance(token, str) and bool(project) and bool(token)
        for wanted, got in ((self._core.project, project), (self._core.token, token)):
            if wanted is not None:
                good &= hmac.compare_digest(wanted.encode(), str(got).encode("utf-8", "replace"))
        if not good:
            raise Refused(schema.AUTHENTICATION_FAILED, "Authentication failed")
        return str(project)
