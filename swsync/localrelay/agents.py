"""AI on a call, as scripted states: transcribe writes what was said as text; agents listen, and say nothing."""

from __future__ import annotations

import json
import pathlib
from typing import TYPE_CHECKING, Any

from . import schema
from .action import Action
from .audio import RATE
from .call import LocalCall
from .requests import Params, Requests, Result, Verb
from .session import Failed
from .swml.script import ScriptSession

if TYPE_CHECKING:
    from .core import Core
    from .session import Session

__all__ = ["AgentVerbs", "TranscribeAction"]


class TranscribeAction(Action):
    """One transcription. States: transcribing, finished; its file is JSON with the texts that were scripted."""

    kind = "transcribe"
    event_type = "calling.call.transcribe"

    def __init__(self, core: Core, call: LocalCall, params: Params) -> None:
        super().__init__(call, params["control_id"], params)
        self._core = core
        self._recording_id = core.new_id()
        self._path = pathlib.Path(core.directory()) / f"{self._recording_id}.json"
        self._url = core.serve(self._path)
        self._first: int | None = None
        self._start = 0.0
        self._size = 0

    def begin(self) -> None:
        if self._first is not None or self.call.answered_at is None or self.is_finished:
            return
        self._first = self.call.position()
        self._start = self._core.timestamp()
        self.tell("transcribing", url=self._url, recording_id=self._recording_id, start_time=self._start)

    def _seconds(self) -> float:
        return (self.call.position() - self._first) / RATE if self._first is not None else 0.0

    def release(self) -> None:
        begin = (self._first or 0) / RATE
        lines = [{"at": round(at - begin, 3), "text": text} for at, text in self.call.spoken if at >= begin]
        data = json.dumps({"transcript": lines if self._first is not None else []}).encode()
        self._size = len(data)
        try:
            self._path.write_bytes(data)
        except OSError as error:
            self._core.note(f"transcribe {self.control_id}: the file was not written: {error}")

    def last_fields(self) -> dict[str, Any]:
        return {
            "url": self._url,
            "recording_id": self._recording_id,
            "duration": round(self._seconds(), 3),
            "size": self._size,
            "start_time": self._start,
            "end_time": self._core.timestamp(),
        }


class AgentAction(Action):
    """An AI agent on the call, with a control id (ai) or without (amazon_bedrock). It has no events.

    Attributes:
        messages: What it was told, as role and text.
        is_held: Whether it is on hold.
        spec: What it was begun with: ``SWAIG``, ``prompt`` ...
        global_data: What functions have set, and are told.
        meta_data: The same by the functions' tokens.
        background: The control id of what it plays beside the talk.
    """

    def __init__(self, call: LocalCall, kind: str, control_id: str, spec: Params | None = None) -> None:
        self.kind = kind
        super().__init__(call, control_id)
        self.messages: list[tuple[str, str]] = []
        self.is_held = False
        self.spec = spec or {}
        self.global_data: dict[str, Any] = dict(self.spec.get("global_data") or {})
        self.meta_data: dict[str, dict[str, Any]] = {}
        self.background = ""
        self.session_id = control_id or call.call_id

    def tell(self, state: str, **fields: Any) -> None:
        """Nobody but a document that waits for its end is told."""
        if isinstance(self.session, ScriptSession):
            self.session.event("ai", {"control_id": self.control_id, "state": state})

    def keep(self, name: str, value: Any, token: str) -> bool:
        """Take data that a function wants to be kept; false if that is not what it wants."""
        if name == "set_global_data" and isinstance(value, dict):
            self.global_data.update(value)
        elif name == "unset_global_data":
            for key in value if isinstance(value, list) else [value]:
                self.global_data.pop(str(key), None)
        elif name == "set_meta_data" and isinstance(value, dict):
            self.meta_data.setdefault(token, {}).update(value)
        elif name == "unset_meta_data":
            for key in value if isinstance(value, list) else [value]:
                self.meta_data.get(token, {}).pop(str(key), None)
        else:
            return False
        return True


class LiveAction(AgentAction):
    """A live transcription or translation: there until it is stopped."""


class AgentVerbs(Requests):
    """Transcription, agents, live transcription and translation."""

    def table(self) -> dict[str, Verb]:
        return {
            "calling.transcribe": self.transcribe,
            "calling.transcribe.stop": self.stop("transcribe"),
            "calling.ai": self.ai,
            "calling.ai.stop": self.stop("ai"),
            "calling.amazon_bedrock": self.amazon_bedrock,
            "calling.ai_message": self.ai_message,
            "calling.ai_hold": self.ai_hold,
            "calling.ai_unhold": self.ai_unhold,
            "calling.live_transcribe": self.live("live_transcribe", "Live transcription", ("summarize",)),
            "calling.live_translate": self.live("live_translate", "Live translation", ("summarize", "inject")),
        }

    def transcribe(self, session: Session, params: Params) -> Result:
        call = self.new_action(session, params, "transcribe")
        if any(kind == "transcribe" for kind, _ in call.actions):
            raise Failed("409", "Conflict: the call is being transcribed already")
        self.after(TranscribeAction(self.core, call, params).begin)
        return self.accepted(params, "Transcribing")

    # Agents

    def ai(self, session: Session, params: Params) -> Result:
        call = self.new_action(session, params, "ai")
        self._must_be_free(call)
        AgentAction(call, "ai", params["control_id"], params)
        return self.accepted(params, "AI started")

    def amazon_bedrock(self, session: Session, params: Params) -> Result:
        for field in ("prompt", "SWAIG", "params", "post_prompt"):
            schema.need(params, field, "object", default={})
        call = self.call_of(session, params)
        self._must_be_free(call)
        AgentAction(call, "amazon_bedrock", "", params)
        return self.accepted(params, "AI started")

    @staticmethod
    def _agents(call: LocalCall) -> list[AgentAction]:
        return [a for a in call.actions.values() if isinstance(a, AgentAction) and a.kind in ("ai", "amazon_bedrock")]

    def _must_be_free(self, call: LocalCall) -> None:
        if self._agents(call):
            raise Failed("409", "Conflict: an AI is on the call already")

    def _agent(self, session: Session, params: Params) -> AgentAction:
        agents = self._agents(self.call_of(session, params))
        if not agents:
            raise Failed("409", "Conflict: no AI is on the call")
        return agents[0]

    def ai_message(self, session: Session, params: Params) -> Result:
        schema.need(params, "reset", "object", default={})
        schema.need(params, "global_data", "object", default={})
        agent = self._agent(session, params)
        agent.messages = [*agent.messages[-999:], (params.get("role") or "system", params.get("message_text") or "")]
        return self.accepted(params, "Message sent")

    def ai_hold(self, session: Session, params: Params) -> Result:
        self._agent(session, params).is_held = True
        return self.accepted(params, "AI on hold")

    def ai_unhold(self, session: Session, params: Params) -> Result:
        self._agent(session, params).is_held = False
        return self.accepted(params, "AI resumed")

    # Live

    def live(self, kind: str, name: str, more: tuple[str, ...]) -> Verb:
        """Return the verb of a live transcription or translation."""

        def live(session: Session, params: Params) -> Result:
            action = params["action"]
            words = ("start", "stop", *more)
            if action == "stop":  # the published schema has it as a plain word too
                action = {"stop": {}}
            if not isinstance(action, dict) or len(action) != 1 or next(iter(action)) not in words:
                raise schema.refuse("action", f"must be an object with one key of {', '.join(words)}")
            word = next(iter(action))
            if not isinstance(action[word], dict | None):
                raise schema.refuse(f"action.{word}", "must be an object")
            call = self.call_of(session, params)
            running = call.actions.get((kind, ""))
            if word == "start":
                if running is not None:
                    raise Failed("409", f"Conflict: a {name.lower()} is running already")
                LiveAction(call, kind, "")
                return self.accepted(params, f"{name} started")
            if running is None:
                raise Failed("409", f"Conflict: no {name.lower()} is running")
            if word == "stop":
                running.finish()
            past = {"stop": "stopped", "summarize": "summarized", "inject": "injected"}[word]
            return self.accepted(params, f"{name} {past}")

        return live
