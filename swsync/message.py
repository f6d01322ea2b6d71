"""A text message (SMS or MMS), sent or received."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from swsync.callbacks import check_callback
from swsync.calling._base import Completed, Session
from swsync.calling._completion import Afterwards, Completion, run_afterwards
from swsync.calling.listening import Listener, Match
from swsync.events import MessageReceiveEvent, MessageStateEvent, RelayEvent

__all__ = ["Message"]

logger = logging.getLogger(__name__)

_TERMINAL_STATES = frozenset({"delivered", "undelivered", "failed"})


class Message(Completion[RelayEvent]):
    """One message. A sent one is over when it is delivered, undelivered or failed; a received one from the start.

    Attributes:
        message_id: RELAY's name of it.
        context: The context it belongs to.
        direction: ``inbound`` or ``outbound``.
        from_number: E.164.
        to_number: E.164.
        body: The text.
        media: Addresses of pictures and the like.
        segments: How many messages the network makes of it.
        tags: Words of the sender's own.
    """

    def __init__(
        self,
        session: Session,
        *,
        message_id: str = "",
        context: str = "",
        direction: str = "",
        from_number: str = "",
        to_number: str = "",
        body: str = "",
        media: Sequence[str] | None = None,
        segments: int = 0,
        state: str = "",
        reason: str = "",
        tags: Sequence[str] | None = None,
        on_completed: Completed | None = None,
    ) -> None:
        super().__init__(session.clock)
        self.session = session
        self.message_id = message_id
        self.context = context
        self.direction = direction
        self.from_number = from_number
        self.to_number = to_number
        self.body = body
        self.media = list(media or [])
        self.segments = segments
        self.tags = list(tags or [])
        self._on_completed = on_completed
        # Guarded by _condition.
        self._state = state
        self._reason = reason
        self._listeners: list[Listener] = []

    @classmethod
    def from_event(cls, session: Session, event: MessageReceiveEvent) -> Message:
        """The message that came in with an event. It is complete: ``wait()`` returns the event."""
        message = cls(
            session, message_id=event.message_id, context=event.context, direction=event.direction or "inbound",
            from_number=event.from_number, to_number=event.to_number, body=event.body, media=event.media,
            segments=event.segments, state=event.message_state or "received", tags=event.tags,
        )  # fmt: skip
        with message._condition:
            message._settle([], event)
        return message

    def __repr__(self) -> str:
        return f"<Message {self.message_id} {self.direction} {self._state}>"

    @property
    def state(self) -> str:
        """queued, initiated, sent, delivered, undelivered, failed or received."""
        return self._state

    @property
    def reason(self) -> str:
        """Why it failed, or ""."""
        return self._reason

    def on(self, handler: Callable[[RelayEvent], Any]) -> Callable[[], None]:
        """Have a function called with every change of state.

        Returns:
            A function that takes the listener away again.
        """
        check_callback("Message.on", handler)
        listener = Listener(Match("messaging.state"), handler)
        with self._condition:
            self._listeners.append(listener)
        return partial(self._remove_listener, listener)

    def _remove_listener(self, listener: Listener) -> None:
        with self._condition:
            if listener in self._listeners:
                self._listeners.remove(listener)

    def wait(self, timeout: float | None = None) -> RelayEvent:
        """Wait until it is delivered, undelivered or failed.

        Returns:
            The event that said so; ``state`` and ``reason`` are on the message too.

        Raises:
            TimeoutError: Not yet; it goes on.
            CallEnded: The session was lost, so the end will not be heard of.
        """
        return super().wait(timeout)

    def _check_process(self) -> None:
        self.session.check_process()

    def _receive(self, event: RelayEvent) -> None:
        """Take an event of this message in. On the I/O thread."""
        afterwards: Afterwards = []
        with self._condition:
            if isinstance(event, MessageStateEvent) and not self._is_settled:
                self._state = event.message_state or self._state
                self._reason = event.reason or self._reason
                self.segments = event.segments or self.segments
            for listener in self._listeners:
                afterwards.append(partial(self._call_back, listener, event))
            if self._state in _TERMINAL_STATES and self._settle(afterwards, event) and self._on_completed is not None:
                afterwards.append(partial(self._call_back, self._on_completed, event))
            self._condition.notify_all()
        run_afterwards(afterwards)

    def _abandon(self, factory: Callable[[], BaseException]) -> None:
        """Fail whoever waits: the session is lost, or the client closed. From any thread."""
        afterwards: Afterwards = []
        with self._condition:
            self._settle(afterwards, failure=factory)
            self._condition.notify_all()
        run_afterwards(afterwards)

    def _call_back(self, function: Callable[..., Any], *args: Any) -> None:
        self.session.callbacks.submit(self.message_id, function, *args)
