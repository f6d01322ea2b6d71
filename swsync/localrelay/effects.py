"""What is done to one call's audio or with its keys: hold, denoise, echo, digit bindings; and user events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import schema
from .action import Action
from .call import LocalCall
from .digits import check_digits
from .live import Live
from .requests import Params, Requests, Result, Verb
from .session import Failed

if TYPE_CHECKING:
    from .core import Core
    from .loop import Timer
    from .session import Session

__all__ = ["EffectVerbs"]

MAX_BINDINGS = 100  # of one call


class EchoAction(Action):
    """The party hears itself. States: echoing, finished."""

    kind = "echo"
    event_type = "calling.call.echo"

    def __init__(self, core: Core, call: LocalCall, params: Params) -> None:
        super().__init__(call, "", params)
        self._core = core
        self._timeout = params.get("timeout")
        self._live: Live | None = None
        self._timer: Timer | None = None

    def begin(self) -> None:
        if self._live is not None or self.call.answered_at is None or self.is_finished:
            return
        self._live = Live(self.call, self.call)
        self.tell("echoing")
        if self._timeout:
            self._timer = self._core.loop.call_later(self._timeout, self.finish)

    def tell(self, state: str, **fields: Any) -> None:
        self.emit(state=state)

    def release(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._live is not None:
            self._live.stop()


class BindingAction(Action):
    """Keys that run a method on the call when the party presses them. It has no events of its own."""

    kind = "binding"

    def __init__(self, core: Core, call: LocalCall, params: Params) -> None:
        super().__init__(call, core.new_id())
        self._core = core
        self._digits: str = params["digits"]
        self._method: str = params["bind_method"]
        self._params: Params = params.get("params") or {}
        self.realm: str = params.get("realm") or ""
        self._left: int = params.get("max_triggers") or 0  # 0 is without end
        self._pressed = ""

    def tell(self, state: str, **fields: Any) -> None:
        pass

    def press(self, digits: str) -> None:
        for digit in digits:
            self._pressed = (self._pressed + digit)[-len(self._digits) :]
            if self._pressed == self._digits and not self.is_finished:
                self._pressed = ""
                self._core.loop.call_soon(self._run)
                if self._left == 1:
                    self.finish()
                self._left -= self._left > 1

    def _run(self) -> None:
        """Do what the client would have asked for; a mistake in it is only noted."""
        session = self.call.session
        if session is None or not self.call.is_active:
            return
        try:
            self._core.perform_inside(session, self.call, self._method, self._params)
        except (schema.Refused, Failed) as error:
            self._core.note(f"bind_digit: {self._method} failed: {error.message}")


class EffectVerbs(Requests):
    """Hold, denoise, echo, digit bindings, user events."""

    def table(self) -> dict[str, Verb]:
        return {
            "calling.hold": self.hold,
            "calling.unhold": self.unhold,
            "calling.denoise": self.denoise,
            "calling.denoise.stop": self.denoise_stop,
            "calling.echo": self.echo,
            "calling.bind_digit": self.bind_digit,
            "calling.clear_digit_bindings": self.clear_digit_bindings,
            "calling.user_event": self.user_event,
        }

    def hold(self, session: Session, params: Params) -> Result:
        self.after(self._hold, self.call_of(session, params), True)
        return self.accepted(params, "Call on hold")

    def unhold(self, session: Session, params: Params) -> Result:
        self.after(self._hold, self.call_of(session, params), False)
        return self.accepted(params, "Call off hold")

    @staticmethod
    def _hold(call: LocalCall, is_held: bool) -> None:
        """Who is on hold neither hears the others nor is heard by them."""
        for live in call.lives:
            live.listener.settle()
        call.is_held = is_held
        call.tell("calling.call.hold", state="hold" if is_held else "unhold")

    def denoise(self, session: Session, params: Params) -> Result:
        self.after(self._denoise, self.call_of(session, params), True)
        return self.accepted(params, "Denoiser on")

    def denoise_stop(self, session: Session, params: Params) -> Result:
        self.after(self._denoise, self.call_of(session, params), False)
        return self.accepted(params, "Denoiser off")

    @staticmethod
    def _denoise(call: LocalCall, is_on: bool) -> None:
        """Simulated people make no noise, so the audio stays as it is."""
        call.is_denoised = is_on
        call.tell("calling.call.denoise", denoised=is_on)

    def echo(self, session: Session, params: Params) -> Result:
        if (params.get("timeout") or 0) < 0:
            raise schema.refuse("timeout", "must not be negative")
        call = self.call_of(session, params)
        if ("echo", "") in call.actions:
            raise Failed("409", "Conflict: the call hears its echo already")
        self.after(EchoAction(self.core, call, params).begin)
        return self.accepted(params, "Echo started")

    def bind_digit(self, session: Session, params: Params) -> Result:
        check_digits(params["digits"])
        if any(pause in params["digits"] for pause in "wW"):
            raise schema.refuse("digits", "must not hold pauses")
        method = params["bind_method"]
        if method not in self.core.verbs or not method.startswith("calling."):
            raise schema.refuse("bind_method", f"must be a method of a call, not {method[:80]!r}")
        schema.need(params, "params", "object", default={})
        if (params.get("max_triggers") or 0) < 0:
            raise schema.refuse("max_triggers", "must not be negative")
        call = self.call_of(session, params)
        if sum(kind == "binding" for kind, _ in call.actions) >= MAX_BINDINGS:
            raise Failed("409", f"Conflict: a call has at most {MAX_BINDINGS} digit bindings")
        BindingAction(self.core, call, params)
        return self.accepted(params, "Digit binding created")

    def clear_digit_bindings(self, session: Session, params: Params) -> Result:
        call = self.call_of(session, params)
        for action in list(call.actions.values()):
            if isinstance(action, BindingAction) and params.get("realm") in (None, action.realm):
                action.finish()
        return self.accepted(params, "Digit bindings cleared")

    def user_event(self, session: Session, params: Params) -> Result:
        self.call_of(session, params)
        if params.get("event") is None:
            raise schema.refuse("event", "is required")
        return self.accepted(params, "Event sent")
