"""Giving a call away: ``calling.transfer`` to a context or a document, ``calling.refer`` to another SIP endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import schema
from .action import Action
from .call import LocalCall
from .dialing import Offer, check_device
from .requests import Params, Requests, Result, Verb
from .session import Failed

if TYPE_CHECKING:
    from .core import Core
    from .session import Session

__all__ = ["HandVerbs"]

RINGS_FOR = 60.0  # seconds that a transferred call is offered
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
        call = self.call_of(session, params)
        if dest.startswith("context:"):
            if not dest[len("context:") :]:
                raise schema.refuse("dest", "names no context")
            self.after(self._to_context, call, dest[len("context:") :])
        elif dest.startswith("https://") or _is_swml(dest):
            self.core.note("transfer: the document is not run by the local relay; the call goes on without the client")
            self.after(self._away, call)
        else:
            raise schema.refuse("dest", "must be an https URL, SWML, or context: and a name")
        return self.accepted(params, "Transferring")

    @staticmethod
    def _away(call: LocalCall) -> None:
        for action in list(call.actions.values()):
            action.finish()
        call.session = None

    def _to_context(self, call: LocalCall, context: str) -> None:
        """Offer the call to whoever listens there, answered as it is."""
        self._away(call)
        call.context = context
        offer = Offer(self.core, call, RINGS_FOR)
        offer.make()
        call.later(RINGS_FOR, offer.give_up)  # even if nobody ever listens there


def _is_swml(text: str) -> bool:
    """Return whether a text is a SWML document, in JSON or YAML."""
    return text.startswith("{") or any(line.startswith(("version:", "sections:")) for line in text.splitlines())
