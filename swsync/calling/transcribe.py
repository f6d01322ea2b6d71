"""Transcripts and translation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from swsync.calling._base import CanStop, Completed, Verbs
from swsync.events import TranscribeEvent

__all__ = ["TranscribeAction", "TranscribeVerbs"]


class TranscribeAction(CanStop[TranscribeEvent]):
    """A transcript being made. ``wait()`` gives its ``TranscribeEvent``, with ``url``."""

    _verb = "transcribe"
    _event_type = "calling.call.transcribe"
    _started_states = frozenset({"transcribing"})
    _ends_with_call = True


class TranscribeVerbs(Verbs):
    """The verbs about transcripts and translation."""

    def transcribe(
        self,
        *,
        control_id: str | None = None,
        status_url: str | None = None,
        on_completed: Completed | None = None,
    ) -> TranscribeAction:
        """Have the call transcribed.

        Args:
            control_id: A name for the action; made when not given.
            status_url: A webhook for its states.
            on_completed: Called with its last event.
        """
        return self._begin(TranscribeAction, "transcribe", control_id, on_completed, status_url=status_url)

    def live_transcribe(self, action: Mapping[str, Any] | str) -> dict[str, Any]:
        """Have the call transcribed as it goes.

        Args:
            action: One of ``{"start": {...}}``, ``stop`` and ``{"summarize": {...}}``, as the wire has it.
        """
        return self.request("live_transcribe", action=action)

    def live_translate(self, action: Mapping[str, Any] | str, *, status_url: str | None = None) -> dict[str, Any]:
        """Have the call translated as it goes.

        Args:
            action: One of ``{"start": {...}}``, ``stop``, ``{"summarize": {...}}`` and ``{"inject": {...}}``.
            status_url: A webhook for its states.
        """
        return self.request("live_translate", action=action, status_url=status_url)
