"""What a SWAIG function (a webhook that an AI agent calls) answers: ``FunctionResult``.

Only what concerns the audio of a call is here, taps, and the way to all else: any SWML, and any action by its name. The
JSON is that of the official class for the same arguments.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

__all__ = ["FunctionResult", "SwaigFunctionResult"]

R = TypeVar("R", bound="FunctionResult")

_DIRECTIONS = ("speak", "listen", "both")
_CODECS = ("PCMU", "PCMA")


class FunctionResult:
    """The answer of a SWAIG function: words for the model, and actions. Every method returns the object itself.

        return FunctionResult("Call monitoring started.").tap(uri="wss://monitor.example.com/audio").to_dict()

    Args:
        response: What the model is told: facts or an instruction. It is not spoken word for word.
        post_process: Whether the agent talks once more before the actions are carried out.
        tool_result: What the function did; with ``tool_prompt``, instead of ``response``.
        tool_prompt: What the model is to say now.
    """

    def __init__(
        self,
        response: str | dict[str, Any] | None = None,
        post_process: bool = False,
        tool_result: str | None = None,
        tool_prompt: str | None = None,
    ) -> None:
        self.response: str | dict[str, Any] = "" if response is None else response
        self.action: list[dict[str, Any]] = []
        self.post_process = post_process
        if tool_result is not None or tool_prompt is not None:
            self.set_tool_response(tool_result, tool_prompt)

    def __repr__(self) -> str:
        return f"<FunctionResult {self.to_dict()}>"

    def set_response(self: R, response: str) -> R:
        """Set what the model is told."""
        self.response = response
        return self

    def set_tool_response(self: R, tool_result: str | None = None, tool_prompt: str | None = None) -> R:
        """Set what was done and what is to be said, apart from each other; None leaves one out."""
        parts = {"tool_result": tool_result, "tool_prompt": tool_prompt}
        self.response = {name: text for name, text in parts.items() if text is not None}
        return self

    def set_post_process(self: R, post_process: bool) -> R:
        """Set whether the agent talks once more before the actions are carried out."""
        self.post_process = post_process
        return self

    def add_action(self: R, name: str, data: Any) -> R:
        """Add an action, such as ``("hangup", True)``."""
        self.action.append({name: data})
        return self

    def add_actions(self: R, actions: Iterable[dict[str, Any]]) -> R:
        """Add several actions, each ``{name: data}``."""
        self.action.extend(actions)
        return self

    def hangup(self: R) -> R:
        """End the call."""
        return self.add_action("hangup", True)

    def execute_swml(self: R, swml_content: Any, transfer: bool = False) -> R:
        """Run SWML on the call.

        Args:
            swml_content: A document as a dict, as JSON text, or anything with ``to_dict()``. Text that is no JSON is
                sent as ``{"raw_swml": text}``.
            transfer: Whether the call leaves the agent for it.

        Raises:
            TypeError: None of these.
        """
        action: dict[str, Any] = {"SWML": _document(swml_content)}
        if transfer:
            action["transfer"] = "true"  # beside the document: inside it SWML knows no such key
        self.action.append(action)
        return self

    def tap(  # noqa: PLR0917 -- positional as in the official class
        self: R,
        uri: str,
        control_id: str | None = None,
        direction: str = "both",
        codec: str = "PCMU",
        rtp_ptime: int = 20,
        status_url: str | None = None,
    ) -> R:
        """Start a tap of the call, in the background.

        Args:
            uri: Where to: ``rtp://IP:port``, ``ws://...`` or ``wss://...``.
            control_id: A name for it, for ``stop_tap``.
            direction: ``speak`` (what the party says), ``listen`` (what it hears; also ``hear``) or ``both``.
            codec: ``PCMU`` or ``PCMA``.
            rtp_ptime: Milliseconds of audio in a packet.
            status_url: A webhook for its states.

        Raises:
            ValueError: A direction, codec or ptime that is not allowed.
        """
        direction = "listen" if direction == "hear" else direction
        if direction not in _DIRECTIONS:
            raise ValueError(f"direction must be one of {', '.join(_DIRECTIONS)}, not {direction!r}")
        if codec not in _CODECS:
            raise ValueError(f"codec must be one of {', '.join(_CODECS)}, not {codec!r}")
        if rtp_ptime <= 0:
            raise ValueError(f"rtp_ptime must be a positive number of milliseconds, not {rtp_ptime!r}")
        params: dict[str, Any] = {"uri": uri}
        if control_id:
            params["control_id"] = control_id
        params["direction"] = direction  # always: SWML's own default is another one, "speak"
        if codec != "PCMU":
            params["codec"] = codec
        if rtp_ptime != 20:
            params["rtp_ptime"] = rtp_ptime
        if status_url:
            params["status_url"] = status_url
        return self.execute_swml(_main({"tap": params}))

    def stop_tap(self: R, control_id: str | None = None) -> R:
        """Stop a tap: the named one, or the last that was started."""
        return self.execute_swml(_main({"stop_tap": {"control_id": control_id} if control_id else {}}))

    def to_dict(self) -> dict[str, Any]:
        """The answer as the service wants it. One without words and actions says "Action completed."."""
        answer: dict[str, Any] = {}
        if self.response:
            answer["response"] = self.response
        if self.action:
            answer["action"] = self.action
            if self.post_process:
                answer["post_process"] = True
        return answer or {"response": "Action completed."}

    def to_json(self) -> str:
        """The answer as JSON text."""
        return json.dumps(self.to_dict())


def _main(verb: dict[str, Any]) -> dict[str, Any]:
    """A SWML document that does one thing."""
    return {"version": "1.0.0", "sections": {"main": [verb]}}


def _document(content: Any) -> Any:
    if isinstance(content, str):
        try:
            return json.loads(content)
        except ValueError:
            return {"raw_swml": content}
    if callable(getattr(content, "to_dict", None)):
        return content.to_dict()
    if isinstance(content, Mapping):
        return dict(content)
    raise TypeError(f"swml_content must be text, a dict or an object with to_dict(), not {type(content).__name__}")


SwaigFunctionResult = FunctionResult
"""The older name."""
