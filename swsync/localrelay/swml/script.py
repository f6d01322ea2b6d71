"""What runs a document on a call: a generator that yields what it waits for, and the events that it is told."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import attrs

from swsync.errors import SwsyncError

from ..action import Action
from ..session import Session

if TYPE_CHECKING:
    from ..call import LocalCall
    from ..core import Core
    from ..loop import Timer

__all__ = ["Script", "ScriptSession", "Seconds", "Steps", "Until", "Work"]


@attrs.frozen
class Seconds:
    """Go on after so long; None is never."""

    seconds: float | None


@attrs.frozen
class Until:
    """Go on at the first event of which this is true; its inner params are sent into the generator."""

    is_it: Callable[[str, dict[str, Any]], bool]


@attrs.frozen
class Work:
    """Go on with what a function returns, or raises as a SwsyncError, on a thread of its own."""

    function: Callable[..., Any]
    args: tuple[Any, ...]


Steps = Generator[Seconds | Until | Work, Any, None]


class ScriptSession(Session):
    """Who controls a call that a document runs on: nobody outside. Its events go to the document."""

    is_script = True

    def __init__(self, core: Core, project: str, told: Callable[[str, dict[str, Any]], None]) -> None:
        super().__init__(core, project, event_acks=False)
        self._told = told

    def event(self, event_type: str, params: dict[str, Any]) -> dict[str, Any]:
        """Tell the document, and nobody else."""
        self._core.loop.call_soon(self._told, event_type, params)
        outer: dict[str, Any] = self.frame(event_type, params)["params"]
        return outer


class Script(Action):
    """One run of a document on a call; it ends with the call at the latest. It tells clients nothing.

    Args:
        core: The relay.
        call: The call.
        done: Called at the end of the document, unless the call ended before.
    """

    kind = "swml"

    def __init__(self, core: Core, call: LocalCall, done: Callable[[], None] | None = None) -> None:
        super().__init__(call, core.new_id())
        self._core = core
        self.inside = ScriptSession(core, call.project or getattr(call.session, "project", ""), self.told)
        self._done = done
        self._steps: Steps | None = None
        self._until: Until | None = None
        self._timer: Timer | None = None

    def run(self, steps: Steps) -> None:
        """Begin."""
        self._steps = steps
        self._go(None)

    def tell(self, state: str, **fields: Any) -> None:
        pass

    def told(self, event_type: str, params: dict[str, Any]) -> None:
        """Take an event of what the document started."""
        if self._until is not None and not self.is_finished and self._until.is_it(event_type, params):
            self._go(params)

    def perform(self, method: str, **params: Any) -> dict[str, Any]:
        """Do what a client would ask for, with the same checks. Raises Refused or Failed."""
        return self._core.perform_inside(self.inside, self.call, method, params)

    def _go(self, value: Any, error: Exception | None = None) -> None:
        if self.is_finished or self._steps is None:
            return
        self._until = None
        try:
            wait = self._steps.send(value) if error is None else self._steps.throw(error)
        except StopIteration:
            self._over()
            return
        except SwsyncError as failure:
            self._core.note(f"swml: the document ended: {failure}")
            self._over()
            return
        if isinstance(wait, Until):
            self._until = wait
        elif isinstance(wait, Work):
            self._core.start_worker(self._work, "swsync-relay-swml", (wait,))
        elif wait.seconds is not None:
            self._timer = self._core.loop.call_later(wait.seconds, self._go, None)

    def _work(self, work: Work) -> None:
        try:
            value, error = work.function(*work.args), None
        except SwsyncError as failure:
            value, error = None, failure
        self._core.loop.post(self._go, value, error)

    def _over(self) -> None:
        self._steps = None
        was_left = self.is_finished
        self.finish()
        if self._done is not None and not was_left and self.call.is_active:
            self._done()

    def release(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        steps, self._steps = self._steps, None
        if steps is not None:
            self._core.loop.call_soon(steps.close)  # not from inside of itself
