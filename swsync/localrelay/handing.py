"""Giving a call away: ``calling.transfer`` to a context or a document, ``calling.refer`` to another SIP endpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from swsync.errors import ConfigurationError

from . import schema
from .action import Action
from .call import LocalCall
from .dialing import check_device, offer_again
from .places import check_http, is_loopback
from .requests import Params, Requests, Result, Verb
from .session import Failed
from .swml.document import Document, looks_like_swml, parse
from .swml.runner import Runner
from .swml.script import Script, Steps

if TYPE_CHECKING:
    from .core import Core
    from .session import Session

__all__ = ["HandVerbs"]

SIP_CODES = {"busy": 486, "noAnswer": 480, "decline": 603, "not_found": 404, "error": 500}  # RFC 3261 21


class ReferAction(Action):
    """One REFER (RFC 3515). States: inProgress, then success or failed; after a success the party has left."""

    kind = "refer"
    event_type = "calling.call.refer"

    def __init__(self, core: Core, call: LocalCall, params: Params) -> None:
        super().__init__(call, "", params)
        self._core = core
        self._to: str = params["device"]["params"]["to"]
        self._code = 0

    def start(self) -> None:
        """The party's endpoint accepts, and calls the other one."""
        if self.is_finished:
            return
        self.tell("inProgress")
        behaviour = self._core.callee_of(self._to).behaviour
        outcome = behaviour.outcome_of(1)
        self._code = 200 if outcome == "answers" else SIP_CODES[outcome]
        self.call.later(behaviour.answers_after, self._answered)

    def _answered(self) -> None:
        self.finish("success" if self._code == 200 else "failed")
        if self._code == 200:
            self.call.end("hangup")

    def finish(self, state: str = "failed") -> None:
        super().finish("success" if state == "success" else "failed")

    def tell(self, state: str, **fields: Any) -> None:
        notified = {"sip_notify_response_code": str(self._code)} if self._code else {}
        self.emit(state=state, sip_refer_to=self._to, sip_refer_response_code="202", **notified)


class HandVerbs(Requests):
    """Transfer and refer."""

    def table(self) -> dict[str, Verb]:
        return {"calling.transfer": self.transfer, "calling.refer": self.refer}

    def refer(self, session: Session, params: Params) -> Result:
        check_device(params["device"], "device", {"sip": ("to",)})
        call = self.call_of(session, params)
        if ("refer", "") in call.actions or call.answered_at is None:
            raise Failed("409", "Conflict: the call is being referred, or is not answered")
        self.after(ReferAction(self.core, call, params).start)
        return self.accepted(params, "Starting SIP REFER")

    def transfer(self, session: Session, params: Params) -> Result:
        dest = params["dest"].strip()
        if dest.startswith("context:"):
            if not dest[len("context:") :]:
                raise schema.refuse("dest", "names no context")
            call = self.call_of(session, params)
            self.after(offer_again, self.core, call, dest[len("context:") :])
        elif looks_like_swml(dest):
            document = self._parsed(dest)
            self.after(self._run, self.call_of(session, params), lambda runner: runner.document(document))
        elif dest.startswith(("https://", "http://")):
            host = check_http(self.core, dest, "dest", stays=False)
            if dest.startswith("http://") and not is_loopback(host):
                raise schema.refuse("dest", "must be an https URL")
            self.after(self._fetch, self.call_of(session, params), dest, host)
        else:
            raise schema.refuse("dest", "must be an https URL, SWML, or context: and a name")
        return self.accepted(params, "Transferring")

    @staticmethod
    def _parsed(text: str) -> Document:
        try:
            return parse(text)
        except ConfigurationError as error:
            raise schema.refuse("dest", str(error)) from None

    def _fetch(self, call: LocalCall, url: str, host: str) -> None:
        if self.core.allow_remote or is_loopback(host):
            self._run(call, lambda runner: runner.fetched(url))
            return
        self.core.note(f"transfer: the document at {host} is not run: it is not this machine (allow_remote)")
        call.leave()

    def _run(self, call: LocalCall, steps_of: Callable[[Runner], Steps]) -> None:
        """Let a document control the call in place of the client, up to its end, which is the call's."""
        if not call.is_active:
            return
        call.leave()
        self.core.offers.pop(call.call_id, None)
        script = Script(self.core, call, done=call.end)
        call.session = script.inside
        script.run(steps_of(Runner(self.core, call, script)))
