"""SignalWire's AI agents on a call, and events of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from swsync.calling._base import CanStop, Completed, Verbs
from swsync.calling._completion import Afterwards
from swsync.events import RelayEvent

__all__ = ["AIAction", "AIVerbs"]


class AIAction(CanStop[RelayEvent]):
    """An AI agent on the call. No event of it is documented: it ends with the call, or some time after ``stop()``."""

    _verb = "ai"
    _event_type = "calling.call.ai"
    _terminal_states = frozenset({"finished", "error"})
    _ends_with_call = True

    def stop(self) -> dict[str, Any]:
        """Ask the service to end it."""
        reply = super().stop()
        self.call._take_back("ai")
        return reply

    def _state_of(self, event: RelayEvent) -> str:
        return str(event.params.get("state") or "")

    def _finish(self, afterwards: Afterwards, event: RelayEvent | None = None, failure: Any = None) -> None:
        if event is not None or self._is_accepted:  # else it never was: another agent may be on the call
            self.call._handed_to -= {"ai"}
        super()._finish(afterwards, event, failure)


class AIVerbs(Verbs):
    """The verbs about AI agents."""

    def ai(
        self,
        *,
        control_id: str | None = None,
        agent: str | None = None,
        prompt: Mapping[str, Any] | None = None,
        post_prompt: Mapping[str, Any] | None = None,
        post_prompt_url: str | None = None,
        post_prompt_auth_user: str | None = None,
        post_prompt_auth_password: str | None = None,
        global_data: Mapping[str, Any] | None = None,
        pronounce: Sequence[Mapping[str, Any]] | None = None,
        hints: Sequence[str] | None = None,
        languages: Sequence[Mapping[str, Any]] | None = None,
        SWAIG: Mapping[str, Any] | None = None,  # noqa: N803 -- the wire's name
        ai_params: Mapping[str, Any] | None = None,
        on_completed: Completed | None = None,
    ) -> AIAction:
        """Let an AI agent talk to the party.

        Args:
            control_id: A name for the action; made when not given.
            agent: A stored agent's id, instead of what follows.
            prompt: ``{"text": ...}``.
            post_prompt: What it is asked at the end.
            post_prompt_url: Where the answer is posted.
            post_prompt_auth_user: The user name for that.
            post_prompt_auth_password: The password for that.
            global_data: Data that its functions see.
            pronounce: How to say words.
            hints: Words to expect.
            languages: What it speaks.
            SWAIG: Its functions.
            ai_params: The wire's ``params``.
            on_completed: Called when it is over.
        """
        with self._handing_to("ai"):
            return self._begin(AIAction, "ai", control_id, on_completed, agent=agent, prompt=prompt,
                               post_prompt=post_prompt, post_prompt_url=post_prompt_url,
                               post_prompt_auth_user=post_prompt_auth_user,
                               post_prompt_auth_password=post_prompt_auth_password, global_data=global_data,
                               pronounce=pronounce, hints=hints, languages=languages, SWAIG=SWAIG,
                               params=ai_params)  # fmt: skip

    def amazon_bedrock(
        self,
        *,
        prompt: Any | None = None,
        SWAIG: Mapping[str, Any] | None = None,  # noqa: N803 -- the wire's name
        ai_params: Mapping[str, Any] | None = None,
        global_data: Mapping[str, Any] | None = None,
        post_prompt: Mapping[str, Any] | None = None,
        post_prompt_url: str | None = None,
    ) -> dict[str, Any]:
        """Let an agent of Amazon Bedrock talk to the party; the arguments are those of ``ai``."""
        with self._handing_to("ai"):
            return self.request("amazon_bedrock", prompt=prompt, SWAIG=SWAIG, params=ai_params,
                                global_data=global_data, post_prompt=post_prompt,
                                post_prompt_url=post_prompt_url)  # fmt: skip

    def ai_message(
        self,
        *,
        message_text: str | None = None,
        role: str | None = None,
        reset: Mapping[str, Any] | None = None,
        global_data: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Say something to the agent on the call.

        Args:
            message_text: The words.
            role: ``user``, ``system`` or ``assistant``.
            reset: What to forget.
            global_data: New data for its functions.
        """
        return self.request("ai_message", message_text=message_text, role=role, reset=reset, global_data=global_data)

    def ai_hold(self, *, timeout: str | None = None, prompt: str | None = None) -> dict[str, Any]:
        """Let the agent pause, for ``timeout`` seconds at most (a string on the wire)."""
        return self.request("ai_hold", timeout=timeout, prompt=prompt)

    def ai_unhold(self, *, prompt: str | None = None) -> dict[str, Any]:
        """Let the agent go on."""
        return self.request("ai_unhold", prompt=prompt)

    def user_event(self, *, event: Any | None = None) -> dict[str, Any]:
        """Send an event of one's own: an object, or a string."""
        return self.request("user_event", event=event)
