"""What every capability's verbs have in common: the call or action that a request is about, and the reply's shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from .action import Action
from .call import LocalCall
from .session import Failed

if TYPE_CHECKING:
    from .core import Core
    from .session import Session

__all__ = ["Params", "Requests", "Result", "Verb"]

Params = dict[str, Any]
Result = dict[str, Any]
Verb = Callable[["Session", Params], Result]
A = TypeVar("A", bound=Action)


class Requests:
    """The methods of one capability of one relay. Each returns the result, and lets its events follow the reply."""

    def __init__(self, core: Core) -> None:
        self.core = core

    def table(self) -> dict[str, Verb]:
        """Return what this capability can do, by method."""
        raise NotImplementedError

    def after(self, function: Callable[..., object], *args: Any) -> None:
        """Run it when the reply has gone out."""
        self.core.loop.call_soon(function, *args)

    def call_of(self, session: Session, params: Params) -> LocalCall:
        """Return the call that a request is about; see ``Core.call_of``."""
        return self.core.call_of(session, params)

    def new_action(self, session: Session, params: Params, kind: str) -> LocalCall:
        """Return the call for a new action, whose control id must be free."""
        call = self.core.call_of(session, params)
        if (kind, params["control_id"]) in call.actions:
            raise Failed("409", f"Conflict: control_id {params['control_id']} is in use")
        return call

    def action(self, session: Session, params: Params, kind: str, cls: type[A]) -> A:
        """Return the running action that a request is about."""
        call = self.core.call_of(session, params)
        action = call.actions.get((kind, params["control_id"]))
        if action is None:
            raise Failed("404", f"No {kind} with control_id {params['control_id']}")
        assert isinstance(action, cls)
        return action

    def stop(self, kind: str) -> Verb:
        """Return the verb that stops actions of a kind."""

        def stop(session: Session, params: Params) -> Result:
            self.after(self.action(session, params, kind, Action).finish)
            return self.accepted(params, f"Stopping {kind}")

        return stop

    @staticmethod
    def accepted(params: Params, message: str, **more: Any) -> Result:
        """Return a result that says yes."""
        about: Result = {name: params[name] for name in ("call_id", "control_id") if name in params}
        return {"code": "200", "message": message, **about, **more}
