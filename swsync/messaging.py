"""Messages that a client sends and receives. What becomes of one is in ``swsync.message``."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from swsync.callbacks import check_callback, check_given
from swsync.clientparts import ClientParts
from swsync.errors import RelayError

if TYPE_CHECKING:
    from swsync.events import MessageReceiveEvent, RelayEvent
    from swsync.message import Message

__all__ = ["Messaging"]

logger = logging.getLogger(__name__)

H = TypeVar("H", bound=Callable[..., Any])


class Messaging(ClientParts):
    """The methods about messages."""

    _message_handler: Callable[[Message], Any] | None = None  # guarded by _lock

    def send_message(
        self,
        *,
        to_number: str,
        from_number: str,
        context: str | None = None,
        body: str | None = None,
        media: list[str] | None = None,
        tags: list[str] | None = None,
        region: str | None = None,
        on_completed: Callable[[RelayEvent], Any] | None = None,
    ) -> Message:
        """Send an SMS or MMS, and return once RELAY has taken it; ``Message.wait()`` waits for its delivery.

        Args:
            to_number: E.164.
            from_number: E.164.
            context: For its state events; by default the session's protocol, as with the official SDK.
            body: The text.
            media: Addresses of pictures and the like; it needs a body or these.
            tags: Words of your own.
            region: Where to send it from.
            on_completed: Called with the event that ends it.
        """
        self._check_open()
        if not body and not media:
            raise ValueError("a message needs a body or media")
        check_given(on_completed=on_completed)
        from swsync.devices import compact
        from swsync.message import Message

        wanted = context or self._connection.session.protocol or "default"
        params = {"context": wanted, "to_number": to_number, "from_number": from_number, "body": body or None,
                  "media": media or None, "tags": tags or None, "region": region or None}  # fmt: skip
        reply = self._connection.request("messaging.send", compact(params))
        message = Message(
            self._router, message_id=str(reply.get("message_id", "")), context=wanted, direction="outbound",
            from_number=from_number, to_number=to_number, body=body or "", media=media, tags=tags,
            state="queued", on_completed=on_completed,
        )  # fmt: skip
        if message.message_id:
            self._router.add_message(message)
        else:  # it is sent; nothing that comes could be told to be about it
            message._abandon(lambda: RelayError(-1, "RELAY gave the message no id to follow it by", "messaging.send"))
        return message

    def on_message(self, handler: H) -> H:
        """Have a function called with each ``Message`` that comes in, one after the other. Plain or as a decorator."""
        check_callback("on_message", handler)
        with self._lock:
            self._message_handler = handler
        return handler

    # On the I/O thread.

    def _receive_message(self, event: MessageReceiveEvent) -> None:
        with self._lock:
            handler = self._message_handler
        if handler is None:
            logger.info("a message came in and there is no on_message handler")
            return
        from swsync.message import Message

        self._callbacks.submit("messages", handler, Message.from_event(self._router, event))
