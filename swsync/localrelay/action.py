"""What runs on a call under a control id, and tells of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .call import LocalCall
    from .sound import Spoken

__all__ = ["Action"]


class Action:
    """Something that runs on a call under a control id: play, tap, stream. The relay's thread only.

    Attributes:
        kind: The verb; with the control id it is the action's name on the call.
        event_type: What its events are called.
    """

    kind = ""
    event_type = ""

    def __init__(self, call: LocalCall, control_id: str, params: dict[str, Any] | None = None) -> None:
        self.call = call
        self.control_id = control_id
        self.webhook = str((params or {}).get("status_url") or "")
        self.webhook_method = str((params or {}).get("status_url_method") or "POST")
        self.is_finished = False
        self.session = call.acting  # who is told of it, if that is not who controls the call
        call.actions[self.kind, control_id] = self

    def tell(self, state: str, **fields: Any) -> None:
        """Send this action's event."""
        self.emit(control_id=self.control_id, state=state, **fields)

    def emit(self, **fields: Any) -> None:
        """Send an event of this action's type, to its webhook too."""
        self.call.tell(
            self.event_type, webhook=self.webhook, webhook_method=self.webhook_method, to=self.session, **fields
        )

    def begin(self) -> None:
        """The call's media has started."""

    def finish(self, state: str = "finished") -> None:
        """End it, once, and say so."""
        if self.is_finished:
            return
        self.is_finished = True
        self.call.actions.pop((self.kind, self.control_id), None)
        self.release()
        self.tell(state, **self.last_fields())

    def release(self) -> None:
        """Give back timers and sockets."""

    def press(self, digits: str) -> None:
        """The party presses keys."""

    def voice_begins(self, spoken: Spoken, seconds: float) -> None:
        """The party begins to say a text that was scripted, which takes so long."""

    def last_fields(self) -> dict[str, Any]:
        """What the last event carries besides the state."""
        return {}
