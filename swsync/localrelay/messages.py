"""``messaging.send`` with its delivery states, and messages that come in."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from . import schema
from .places import check_http
from .requests import Params, Requests, Result, Verb

if TYPE_CHECKING:
    from .core import Core
    from .session import Session

__all__ = ["LocalMessage", "Messages", "MessageVerbs"]

KEPT = 10_000
WAITING = 1000  # inbound messages that wait for a client to listen
MAX_BODY = 1600  # characters
MAX_MEDIA = 10
SEGMENT, LONG_SEGMENT = 160, 153  # characters of GSM 03.38 alone and in a series
UNICODE_SEGMENT, LONG_UNICODE_SEGMENT = 70, 67
STEPS = (("queued", 0.0), ("initiated", 0.1), ("sent", 0.4), ("delivered", 1.0))  # seconds from the request
# What becomes of a message to a number, by what its telephone does.
FATES = {"not_found": ("undelivered", "unknown destination"), "error": ("failed", "carrier error")}


def segments_of(body: str) -> int:
    """Return in how many parts a text travels (characters outside ASCII make it Unicode)."""
    single, series = (SEGMENT, LONG_SEGMENT) if body.isascii() else (UNICODE_SEGMENT, LONG_UNICODE_SEGMENT)
    return 1 if len(body) <= single else -(-len(body) // series)


class LocalMessage:
    """One message. Attributes may be read from any thread.

    Attributes:
        message_id: Its id.
        direction: ``outbound`` (sent by a client) or ``inbound``.
        from_number, to_number, context, body, media, tags: As they were sent.
        state: queued, initiated, sent, delivered, undelivered, failed; received for an inbound one.
        reason: Why it was not delivered.
    """

    def __init__(self, core: Core, direction: str, project: str, params: Params) -> None:
        self._core = core
        self.message_id = core.new_id()
        self.direction = direction
        self.project = project
        self.context: str = params["context"]
        self.from_number: str = params["from_number"]
        self.to_number: str = params["to_number"]
        self.body: str = params.get("body") or ""
        self.media: list[str] = list(params.get("media") or [])
        self.tags: list[str] = list(params.get("tags") or [])
        self.state = "queued" if direction == "outbound" else "received"
        self.reason = ""

    def __repr__(self) -> str:
        return f"<LocalMessage {self.message_id} {self.direction} {self.state}>"

    def wait_for(self, *states: str, timeout: float | None = 10.0) -> str:
        """Wait until the message is in one of the states, and return which; any thread. Raises TimeoutError."""
        if not self._core.wait(lambda: self.state in states, timeout):
            raise TimeoutError(f"the message is {self.state}, not {' or '.join(states)}, after {timeout} s")
        return self.state

    def fields(self) -> dict[str, Any]:
        """Return what its events carry."""
        return {
            "message_id": self.message_id,
            "context": self.context,
            "direction": self.direction,
            "from_number": self.from_number,
            "to_number": self.to_number,
            "body": self.body,
            "media": self.media,
            "segments": segments_of(self.body),
            "message_state": self.state,
            "tags": self.tags,
            **({"reason": self.reason} if self.reason else {}),
        }


class Messages:
    """The messages of a relay. The relay's thread only, but for ``history``."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.history: deque[LocalMessage] = deque(maxlen=KEPT)
        self._waiting: deque[LocalMessage] = deque(maxlen=WAITING)  # inbound ones that nobody has got yet

    def send(self, session: Session, params: Params) -> LocalMessage:
        """Take a message from a client; its states follow."""
        message = LocalMessage(self._core, "outbound", session.project, params)
        self.history.append(message)
        behaviour = self._core.callee_of(message.to_number).behaviour
        fate, reason = FATES.get(behaviour.outcome_of(1), ("delivered", ""))
        for state, seconds in STEPS:
            last = state == STEPS[-1][0]
            self._core.loop.call_later(
                seconds, self._step, session, message, fate if last else state, reason if last else ""
            )
        return message

    def _step(self, session: Session, message: LocalMessage, state: str, reason: str) -> None:
        message.state, message.reason = state, reason
        session.event("messaging.state", message.fields())
        self._core.notify()

    def place(self, project: str, params: Params) -> LocalMessage:
        """Let a message come in, for one client that listens on its context, now or later."""
        message = LocalMessage(self._core, "inbound", project, params)
        self.history.append(message)
        self._waiting.append(message)
        self.deliver()
        return message

    def deliver(self) -> None:
        """Give what waits to whoever listens."""
        for message in list(self._waiting):
            listeners = self._core.subscribers(message.project, message.context)
            if listeners:
                self._waiting.remove(message)
                self._core.choose(listeners[0])
                listeners[0].event("messaging.receive", message.fields())


class MessageVerbs(Requests):
    """Sending messages."""

    def table(self) -> dict[str, Verb]:
        return {"messaging.send": self.send}

    def send(self, session: Session, params: Params) -> Result:
        for field in ("context", "to_number", "from_number"):
            if not params[field].strip():
                raise schema.refuse(field, "must not be empty")
        body, media = params.get("body") or "", params.get("media") or []
        if not body and not media:
            raise schema.refuse("body", "is required, or media")
        if len(body) > MAX_BODY:
            raise schema.refuse("body", f"must have at most {MAX_BODY} characters")
        if len(media) > MAX_MEDIA:
            raise schema.refuse("media", f"must hold at most {MAX_MEDIA} URLs")
        for index, url in enumerate(media):
            check_http(self.core, url, f"media[{index}]", stays=False)
        message = self.core.messages.send(session, params)
        return {"code": "200", "message": "Message accepted", "message_id": message.message_id}
