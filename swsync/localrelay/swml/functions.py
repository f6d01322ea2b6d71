"""SWAIG: what an agent's model would do. It calls a function by its web hook, and the answer's actions are run."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from swsync.errors import ConfigurationError, ProtocolError

from ..schema import Refused
from ..session import Failed
from ..web import post_json
from .document import Document, SwmlError, parse
from .runner import Runner
from .script import Script, Seconds, Steps
from .values import Variables

if TYPE_CHECKING:
    from ..agents import AgentAction
    from ..call import LocalCall
    from ..core import Core

__all__ = ["Question", "call_function", "checked", "question", "run_actions"]

# What an agent's model and its talk are told: nothing here talks, so the journal says that it was asked for.
ONLY_TALK = (
    "add_dynamic_hints", "back_to_back_functions", "change_context", "change_step", "change_voice",
    "clear_dynamic_hints", "context_switch", "end_of_speech_timeout", "extensive_data", "functions_on_speaker_timeout",
    "replace_in_history", "settings", "speech_event_timeout", "toggle_functions", "user_input", "wait_for_user",
)  # fmt: skip


@attrs.frozen
class Question:
    """What a function's web hook is asked.

    Attributes:
        url: Where.
        token: Under which its meta data is kept.
        body: The JSON that is posted.
    """

    url: str
    token: str
    body: dict[str, Any] = attrs.field(repr=False)


def agent_of(call: LocalCall) -> AgentAction:
    """Return the agent that is on a call."""
    for kind in ("ai", "amazon_bedrock"):
        for (its_kind, _), action in call.actions.items():
            if its_kind == kind:
                return action  # type: ignore[return-value]
    raise ConfigurationError(f"no AI is on the call {call.call_id}: begin one with calling.ai (Call.ai) first")


def question(call: LocalCall, name: str, arguments: Mapping[str, Any]) -> Question:
    """Return what the service would post when the model calls a function; the relay's thread.

    Raises:
        ConfigurationError: No agent is on the call, or it has no such function with a web hook.
    """
    agent = agent_of(call)
    swaig = agent.spec.get("SWAIG") or {}
    functions = [f for f in swaig.get("functions") or [] if isinstance(f, dict)]
    found = next((f for f in functions if f.get("function") == name), None)
    if found is None:
        known = ", ".join(str(f.get("function")) for f in functions) or "none"
        raise ConfigurationError(f"the agent has no function {name!r}; it has {known}")
    url = found.get("web_hook_url") or (swaig.get("defaults") or {}).get("web_hook_url")
    if not isinstance(url, str) or not url:
        raise ConfigurationError(f"the function {name!r} has no web_hook_url, which is all that the local relay calls")
    token = str(found.get("meta_data_token") or name)
    meta_data = agent.meta_data.setdefault(token, dict(found.get("meta_data") or {}))
    about = Variables(call).about()
    raw = json.dumps(dict(arguments))
    body = {
        "app_name": "swml app",
        "function": name,
        "version": "2.0",
        "content_type": "text/swaig",
        "content_disposition": "SWAIG Function",
        "argument": {"parsed": [dict(arguments)], "raw": raw, "substituted": ""},
        "argument_desc": found.get("parameters") or found.get("argument") or {},
        "purpose": found.get("description") or found.get("purpose") or "",
        "call_id": call.call_id,
        "ai_session_id": agent.session_id,
        "caller_id_name": "",
        "caller_id_num": about["from"],
        "project_id": about["project_id"],
        "channel_active": call.is_active,
        "global_data": agent.global_data,
        "meta_data": meta_data,
        "meta_data_token": token,
        "SWMLVars": {"userVariables": {}},
    }
    return Question(url, token, copy.deepcopy(body))


Action = tuple[str, Any, bool]
"""An action's name, its value (a document for SWML), and whether the call leaves the agent for it."""


def checked(answer: Any) -> list[Action]:
    """Return a FunctionResult's actions, its documents checked.

    Raises:
        ProtocolError: It is no FunctionResult; the text begins with the place, such as
            ``action[0].SWML.sections.main[0].tap.uri: is required``.
    """
    if not isinstance(answer, dict) or not isinstance(answer.get("response", ""), (str, dict)):
        raise ProtocolError("the answer: must be an object with response, a text, and action, an array")
    actions = answer.get("action", [])
    actions = [actions] if isinstance(actions, dict) else actions
    if not isinstance(actions, list):
        raise ProtocolError("action: must be an array of objects")
    found: list[Action] = []
    for index, action in enumerate(actions):
        if not isinstance(action, dict):
            raise ProtocolError(f"action[{index}]: must be an object")
        leaves = str(action.get("transfer", "false")).lower() == "true"
        for name, value in action.items():
            if name == "SWML":
                found.append((name, _document(value, f"action[{index}].SWML"), leaves))
            elif name != "transfer" or "SWML" not in action:
                found.append((name, value, False))
    return found


def _document(value: Any, path: str) -> Document:
    if isinstance(value, dict) and "raw_swml" in value:
        value = value["raw_swml"]
    try:
        return parse(value)
    except SwmlError as error:
        raise ProtocolError(f"{path}.{error}") from None


def call_function(
    core: Core, call: LocalCall, name: str, arguments: Mapping[str, Any], timeout: float
) -> dict[str, Any]:
    """Ask a function's web hook, and begin the actions of its answer; any thread but the relay's."""
    asked = core.loop.ask(question, call, name, arguments)
    core.note(f"swaig: {name} is called")
    answer: dict[str, Any] = post_json(asked.url, asked.body, allow_remote=core.allow_remote, timeout=timeout)
    actions = checked(answer)
    core.loop.ask(run_actions, core, call, answer, actions, asked.token)
    return answer


def run_actions(core: Core, call: LocalCall, answer: dict[str, Any], actions: list[Action], token: str = "") -> None:
    """Run an answer's actions in order; the relay's thread."""
    agent = agent_of(call)
    response = answer.get("response") or ""
    agent.messages = [*agent.messages[-999:], ("function", response if isinstance(response, str) else str(response))]
    if any(leaves for _, _, leaves in actions):
        for action in [a for a in call.actions.values() if a.kind != "swml" and a is not agent]:
            if action.session is None:
                action.finish()  # the client has lost the call
    script = Script(core, call)
    if any(leaves for _, _, leaves in actions):
        call.session = script.inside
    script.run(_steps(core, call, agent, script, actions, token))


def _steps(  # noqa: PLR0917 -- what one run is made of
    core: Core, call: LocalCall, agent: AgentAction, script: Script, actions: list[Action], token: str
) -> Steps:
    runner = Runner(core, call, script)
    for name, value, leaves in actions:
        if name == "SWML":
            yield from runner.document(value)
            if leaves:
                agent.finish()
        elif name in ("stop", "hangup"):
            if value is True:
                agent.finish()
            if value is True and name == "hangup":
                call.end("hangup")
        elif name in ("say", "playback_bg"):
            yield from _sound(core, script, runner, name, value)
        elif name == "stop_playback_bg":
            for action in [a for a in call.actions.values() if a.control_id == agent.background]:
                action.finish()
        elif name == "hold":
            agent.is_held = True
        elif not agent.keep(name, value, token):
            why = "is for the model's talk" if name in ONLY_TALK else "is not known"
            core.note(f"swaig: the action {name!r:.80} {why}; nothing is done")
        yield Seconds(0)


def _sound(core: Core, script: Script, runner: Runner, name: str, value: Any) -> Steps:
    """Say a text to its end, or play a file beside what goes on."""
    try:
        if name == "say":
            yield from runner.document({"main": [{"play": {"url": f"say:{value}"}}]})
            return
        url = value.get("file") if isinstance(value, dict) else value
        agent = agent_of(runner.call)
        agent.background = core.new_id()
        item = {"type": "audio", "params": {"url": url}}
        script.perform("calling.play", control_id=agent.background, play=[item])
    except (Refused, Failed) as error:
        core.note(f"swaig: {name}: {error.message}")
