"""Who is let in, and what only browsers and old clients ask for: ``reauthenticate`` and ``execute``."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

from . import schema
from .requests import Params, Requests, Result, Verb
from .schema import Refused
from .session import Failed
from .webhooks import check_webhooks

if TYPE_CHECKING:
    from .core import Core
    from .session import Session

__all__ = ["CredentialVerbs", "project_of"]


def project_of(core: Core, params: dict[str, Any]) -> str:
    """Return the project, or raise -32002. Any credentials are good unless the relay was given its own."""
    given = params.get("authentication")
    if not isinstance(given, dict):
        if core.token is None and given is None:
            raise schema.refuse("authentication", "is required")
        raise Refused(schema.AUTHENTICATION_FAILED, "Authentication failed")
    project, token = given.get("project"), given.get("token")
    if isinstance(given.get("jwt_token"), str) and given["jwt_token"]:
        token = given["jwt_token"]
        project = project or core.project or "project-of-the-token"
    good = isinstance(project, str) and isinstance(token, str) and bool(project) and bool(token)
    for wanted, got in ((core.project, project), (core.token, token)):
        if wanted is not None:
            good &= hmac.compare_digest(wanted.encode(), str(got).encode("utf-8", "replace"))
    if not good:
        raise Refused(schema.AUTHENTICATION_FAILED, "Authentication failed")
    return str(project)


class CredentialVerbs(Requests):
    """New credentials for a session that goes on, and methods wrapped in another one."""

    def table(self) -> dict[str, Verb]:
        return {"signalwire.reauthenticate": self.reauthenticate, "signalwire.execute": self.execute}

    def reauthenticate(self, session: Session, params: Params) -> Result:
        project = project_of(self.core, params)
        if project != session.project:
            raise Refused(schema.AUTHENTICATION_FAILED, "Authentication failed: the session is another project's")
        about = {"type": "relay", "project": project, "signature": session.signature}
        return {"authorization": about, "ice_servers": []}

    def execute(self, session: Session, params: Params) -> Result:
        """Do what is wrapped; its result is wrapped too."""
        method = schema.need(params, "method", "string")
        inner = schema.need(params, "params", "object", default={})
        if method == "signalwire.execute" or method not in self.core.verbs:
            raise schema.refuse("method", f"is not one that can be executed: {method[:80]!r}")
        schema.check_params(method, inner)
        check_webhooks(inner)
        try:
            result = self.core.verbs[method](session, inner)
        except Failed as failed:
            result = {"code": failed.code, "message": failed.message}
        ends = {"requester_nodeid": self.core.node_id, "responder_nodeid": self.core.node_id}
        return {**ends, "result": result}
