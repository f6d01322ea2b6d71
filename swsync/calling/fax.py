"""Fax (``calling.send_fax``, ``calling.receive_fax``)."""

from __future__ import annotations

from swsync.calling._base import CanStop, Completed, Verbs
from swsync.events import FaxEvent, RelayEvent

__all__ = ["FaxAction", "FaxVerbs"]


class FaxAction(CanStop[FaxEvent]):
    """A fax under way. ``wait()`` gives its last ``FaxEvent``: ``fax["params"]`` has pages, success and result."""

    _event_type = "calling.call.fax"
    _terminal_states = frozenset({"finished", "error"})

    def _state_of(self, event: RelayEvent) -> str:
        # The wire says it in ``state`` or in the type of the ``fax`` object.
        fax = getattr(event, "fax", {})
        return str(getattr(event, "state", "") or fax.get("type") or "")


class _SendFaxAction(FaxAction):
    _verb = "send_fax"


class _ReceiveFaxAction(FaxAction):
    _verb = "receive_fax"


class FaxVerbs(Verbs):
    """The verbs about fax."""

    def send_fax(
        self,
        document: str,
        *,
        identity: str | None = None,
        header_info: str | None = None,
        status_url: str | None = None,
        control_id: str | None = None,
        on_completed: Completed | None = None,
    ) -> FaxAction:
        """Send a document as a fax.

        Args:
            document: The http or https address of a PDF.
            identity: The sender's number as the fax shows it.
            header_info: The line at the top of each page.
            status_url: A webhook for its states.
            control_id: A name for the action; made when not given.
            on_completed: Called with its last event.
        """
        return self._begin(_SendFaxAction, "send_fax", control_id, on_completed,
                           document=document, identity=identity, header_info=header_info,
                           status_url=status_url)  # fmt: skip

    def receive_fax(
        self,
        *,
        status_url: str | None = None,
        control_id: str | None = None,
        on_completed: Completed | None = None,
    ) -> FaxAction:
        """Receive a fax; its document's address is in the last event."""
        return self._begin(_ReceiveFaxAction, "receive_fax", control_id, on_completed, status_url=status_url)
