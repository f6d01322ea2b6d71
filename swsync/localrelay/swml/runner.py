"""How a document runs on a call: its sections, jumps and branches. One generator runs all of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from swsync.errors import ConfigurationError

from ..dialing import offer_again
from ..schema import INVALID_PARAMS, Refused
from ..session import Failed
from ..web import fetch_text
from .document import Document, SwmlError, check_filled, parse
from .script import Script, Seconds, Steps, Work
from .verbs import Verbs

if TYPE_CHECKING:
    from ..call import LocalCall
    from ..core import Core

__all__ = ["Runner"]

MOST_STEPS = 10_000  # of one run: a circle without a wait ends here
DEEPEST = 20  # executes within executes


class _Leave(Exception):
    """The document is left for another one."""


class Runner(Verbs):
    """Runs documents on one call.

    Args:
        core: The relay.
        call: The call.
        script: Whose generator this is.
        params: The variables ``params``.
    """

    def __init__(self, core: Core, call: LocalCall, script: Script, params: dict[str, Any] | None = None) -> None:
        super().__init__(core, call, script, params)
        self._sections: Document = {}
        self._count = 0
        self._depth = 0
        self._jumps: dict[int, int] = {}  # how often each goto was taken

    # Documents and sections

    def document(self, document: Document) -> Steps:
        """Run a document from its beginning to its end."""
        before, self._sections = self._sections, document
        try:
            yield from self._section("main")
        except _Leave:
            pass
        finally:
            self._sections = before

    def fetched(self, url: str) -> Steps:
        """Run a document from a URL. Raises SwsyncError, which ends the run."""
        document = yield Work(self._fetch, (url, {"call": self.variables.about(), "params": self.variables.params}))
        yield from self.document(document)

    def _fetch(self, url: str, about: dict[str, Any]) -> Document:
        return parse(fetch_text(url, about, allow_remote=self.core.allow_remote))

    def _section(self, name: str) -> Steps:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ConfigurationError(f"sections.{name}: executed from itself, {DEEPEST} deep")
        try:
            yield from self._steps(self._sections[name], f"sections.{name}")
        finally:
            self._depth -= 1

    def _steps(self, steps: list[dict[str, Any]], path: str) -> Steps:
        """Run steps up to their end or a ``return``."""
        at = 0
        while at < len(steps):
            self._count += 1
            if self._count > MOST_STEPS:
                raise ConfigurationError(f"{path}: {MOST_STEPS} steps were run; the document goes in a circle")
            verb, value = next(iter(steps[at].items()))
            if verb == "return":
                return
            if verb == "goto":
                at = self._jump(steps, at, f"{path}[{at}].goto")
                continue
            yield from self._step(verb, value, f"{path}[{at}].{verb}")
            at += 1

    def _jump(self, steps: list[dict[str, Any]], at: int, path: str) -> int:
        """Return the step at which a goto goes on."""
        value = steps[at]["goto"]
        taken = self._jumps[id(value)] = self._jumps.get(id(value), 0) + 1
        if value.get("when"):
            self.core.note(f"swml: {path}.when: expressions are not run by the local relay; the jump is not taken")
            return at + 1
        most = self.variables.filled(value.get("max", 100))
        check_filled("goto", {**value, "max": most}, path)
        if taken > int(most):
            return at + 1
        for index, step in enumerate(steps):
            if step.get("label") == value["label"]:
                return index
        raise ConfigurationError(f"{path}.label: there is no label {value['label']!r} in this section")

    def _step(self, verb: str, value: Any, path: str) -> Steps:
        """Run one step. What the relay refuses is a failed step, and the document goes on."""
        self.core.note(f"swml: {path}")
        run: Callable[[Any], Steps] = getattr(self, f"_{verb}")
        try:
            filled = value if verb in ("ai", "switch", "execute") else self.variables.filled(value)
            if filled != value:
                _check(verb, filled)
            yield from run(filled)
            result = "success"
        except (Refused, Failed) as error:
            self.core.note(f"swml: {path}: {error.message}")
            result = "failed"
        self.variables.vars.setdefault(f"{verb}_result", result)
        if result == "failed":
            self.variables.vars[f"{verb}_result"] = result

    # The document itself

    def _set(self, value: dict[str, Any]) -> Steps:
        self.variables.vars.update(value)
        yield Seconds(0)

    def _unset(self, value: Any) -> Steps:
        for name in value if isinstance(value, list) else [value]:
            self.variables.vars.pop(name.removeprefix("vars."), None)
        yield Seconds(0)

    def _label(self, value: str) -> Steps:
        yield Seconds(0)

    def _switch(self, value: dict[str, Any]) -> Steps:
        wanted = str(self.variables.value(value["variable"].strip("$%{}")) or "")
        steps = value["case"].get(wanted, value.get("default", []))
        yield from self._steps(steps, f"switch {value['variable']}")

    def _execute(self, value: dict[str, Any]) -> Steps:
        dest, before = str(self.variables.filled(value["dest"])), self.variables.params
        self.variables.params = self.variables.filled(value.get("params") or {})
        try:
            yield from self._elsewhere(dest, stays=True)
        finally:
            self.variables.params = before
        yield from self._steps(value.get("on_return") or [], "on_return")

    def _transfer(self, value: dict[str, Any]) -> Steps:
        self.variables.params = value.get("params") or {}
        yield from self._elsewhere(value["dest"], stays=False)
        raise _Leave

    def _elsewhere(self, dest: str, *, stays: bool) -> Steps:
        if dest in self._sections:
            yield from self._section(dest)
        elif dest.startswith(("http://", "https://")):
            yield from self.fetched(dest)
        elif dest.startswith("context:") and not stays:
            offer_again(self.core, self.call, dest.removeprefix("context:"))
        else:
            raise ConfigurationError(f"dest: {dest!r:.80} is no section of the document, and no URL")


def _check(verb: str, filled: Any) -> None:
    """Refuse a step whose variables hold what does not belong there."""
    try:
        check_filled(verb, filled, "")
    except SwmlError as error:
        raise Refused(INVALID_PARAMS, str(error).removeprefix(".")) from None
