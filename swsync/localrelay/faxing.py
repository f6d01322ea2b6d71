"""``calling.send_fax`` and ``calling.receive_fax``: documents to and from a party that is scripted to be a fax."""

from __future__ import annotations

import pathlib
import re
from typing import TYPE_CHECKING, Any

from swsync.errors import SwsyncError

from .action import Action
from .call import LocalCall
from .places import check_http
from .playback import MAX_FILE, fetch
from .requests import Params, Requests, Result, Verb
from .tables import read_octets

if TYPE_CHECKING:
    from .core import Core
    from .loop import Timer
    from .session import Session

__all__ = ["FaxAction", "FaxVerbs", "pages_of"]

PAGE_SECONDS = 15.0  # about what a page takes at 9,600 bit/s
NEGOTIATION_SECONDS = 5.0
MAX_PAGES = 1000
PAGE = re.compile(rb"/Type\s*/Page(?![a-zA-Z])")
ONE_PAGE = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)


def pages_of(document: bytes) -> int:
    """Return how many pages a PDF has, as far as that can be seen without reading it; at least one."""
    return max(1, min(MAX_PAGES, len(PAGE.findall(document))))


class FaxAction(Action):
    """One fax, sent or received. A page event for each page, then finished; or error without a document."""

    event_type = "calling.call.fax"

    def __init__(self, core: Core, call: LocalCall, params: Params, kind: str) -> None:
        self.kind = kind
        super().__init__(call, params["control_id"], params)
        self._core = core
        self._direction = "send" if kind == "send_fax" else "receive"
        self._identity = params.get("identity") or ""
        self._document = params.get("document") or ""
        self._pages = 0
        self._done = 0
        self._success = False
        self._text = "The call was dropped prematurely"
        self._timer: Timer | None = None
        self._has_begun = False

    def begin(self) -> None:
        if self._has_begun or self.call.answered_at is None or self.is_finished:
            return
        self._has_begun = True
        if self.call.behaviour.kind != "fax":
            self._text = "Timed out waiting for the other side, which is no fax"
            self._timer = self._core.loop.call_later(NEGOTIATION_SECONDS, self.finish)
        else:
            self._core.start_worker(self._load, "swsync-relay-fax", ())

    def _load(self) -> None:
        """On a thread of its own: get the document."""
        data = b""
        try:
            own = self.call.behaviour.fax_document
            if self._direction == "send":
                data = fetch(self._document)
            else:
                data = read_octets(own, MAX_FILE) if own is not None else ONE_PAGE
        except (SwsyncError, OSError) as error:
            self._core.note(f"fax {self.control_id} failed: {error}")
        self._core.loop.post(self._loaded, data)

    def _loaded(self, data: bytes) -> None:
        if self.is_finished:
            return
        if not data:
            self._text = "The document cannot be had"
            self.finish("error")
            return
        if self._direction == "receive":
            path = pathlib.Path(self._core.directory()) / f"{self._core.new_id()}.pdf"
            path.write_bytes(data)
            self._document = self._core.serve(path)
        self._pages = pages_of(data)
        self._timer = self._core.loop.call_later(NEGOTIATION_SECONDS, self._next_page)

    def _next_page(self) -> None:
        """A page has gone over, unless this is the beginning of the first."""
        if self._done < self._pages:
            self._done += 1
            self._timer = self._core.loop.call_later(PAGE_SECONDS, self._page_done)

    def _page_done(self) -> None:
        self._tell("page", {"direction": self._direction, "number": self._done, "pages": self._done})
        if self._done < self._pages:
            self._next_page()
        else:
            self._success, self._text = True, "OK"
            self.finish()

    def _tell(self, kind: str, params: dict[str, Any], **fields: Any) -> None:
        self.emit(control_id=self.control_id, **fields, fax={"type": kind, "params": params})

    def tell(self, state: str, **fields: Any) -> None:
        about = {
            "direction": self._direction,
            "identity": self._identity,
            "remote_identity": self.call.callee.number,
            "document": self._document if self._direction == "send" or self._success else "",
            "pages": self._done if self._success else max(0, self._done - 1),
            "success": self._success,
            "result": "0" if self._success else "1",
            "result_text": self._text,
            "format": "pdf",
        }
        self._tell("finished", about, state=state)  # the official SDK looks for the state outside of fax

    def release(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


class FaxVerbs(Requests):
    """Sending and receiving faxes."""

    def table(self) -> dict[str, Verb]:
        return {
            "calling.send_fax": self.send,
            "calling.send_fax.stop": self.stop("send_fax"),
            "calling.receive_fax": self.receive,
            "calling.receive_fax.stop": self.stop("receive_fax"),
        }

    def send(self, session: Session, params: Params) -> Result:
        check_http(self.core, params["document"], "document")
        call = self.new_action(session, params, "send_fax")
        self.after(FaxAction(self.core, call, params, "send_fax").begin)
        return self.accepted(params, "Sending fax")

    def receive(self, session: Session, params: Params) -> Result:
        call = self.new_action(session, params, "receive_fax")
        self.after(FaxAction(self.core, call, params, "receive_fax").begin)
        return self.accepted(params, "Receiving fax")
