"""Recording on SignalWire's side (``calling.record``)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from swsync.calling._base import CanPause, CanStop, Completed, Verbs
from swsync.devices import compact
from swsync.errors import MediaError
from swsync.events import RecordEvent

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ALLOWED_HOSTS", "MAX_SIZE", "RecordAction", "RecordVerbs"]

ALLOWED_HOSTS = ("signalwire.com", "swire.io")
"""Where SignalWire keeps recordings; hosts under them count as well."""

MAX_SIZE = 512 * 1024 * 1024
"""Bytes of the largest recording that is fetched: a stereo WAV of nearly five hours."""


class RecordAction(CanStop[RecordEvent], CanPause[RecordEvent]):
    """A running recording. ``wait()`` gives its ``RecordEvent``, with ``url``, ``duration`` and ``size``."""

    _verb = "record"
    _event_type = "calling.call.record"
    _started_states = frozenset({"recording"})
    _terminal_states = frozenset({"finished", "no_input"})

    def pause(self, behavior: str | None = None) -> dict[str, Any]:
        """Hold it until ``resume()``.

        Args:
            behavior: What the pause leaves in the file: ``skip`` (nothing; the service's default) or ``silence``.
        """
        return self._command("record.pause", behavior=behavior or None)

    @property
    def url(self) -> str:
        """Where the file is, once an event has said so."""
        return str(getattr(self._last_event, "url", "") or self.reply.get("url") or "")

    def download(
        self,
        path: str | os.PathLike[str],
        *,
        timeout: float | None = 60.0,
        max_size: int = MAX_SIZE,
        allowed_hosts: Sequence[str] = ALLOWED_HOSTS,
    ) -> Path:
        """Wait for the end and fetch the file.

        Args:
            path: Where it goes; an existing file is replaced when the new one is whole.
            timeout: Seconds to wait for the end of the recording, and then for each piece of the file.
            max_size: Bytes at most.
            allowed_hosts: Hosts, and those under them, that it may come from, by https.

        Returns:
            The path.

        Raises:
            MediaError: There is no file, it may not be fetched from there, it is too large, or it failed.
            TimeoutError: It is still being recorded.
            CallEnded: The call ended without the recording's own end.
        """
        from swsync.calling.download import fetch  # urllib is slow to import, and few need it

        event = self.wait(timeout)
        if not event.url:
            raise MediaError(f"the recording has no file: it ended with {event.state}")
        return fetch(event.url, path, timeout=60.0 if timeout is None else timeout, max_size=max_size,
                     allowed_hosts=allowed_hosts, is_local_host=self.call.session.is_local_host)  # fmt: skip


class RecordVerbs(Verbs):
    """The verbs that record."""

    def record(
        self,
        audio: Mapping[str, Any] | None = None,
        *,
        status_url: str | None = None,
        control_id: str | None = None,
        on_completed: Completed | None = None,
    ) -> RecordAction:
        """Record the call on SignalWire's side.

        Args:
            audio: What and how, as the wire has it; see ``record_audio`` for its fields.
            status_url: A webhook for its states.
            control_id: A name for the action; made when not given.
            on_completed: Called with its last event.
        """
        return self._begin(RecordAction, "record", control_id, on_completed,
                           record={"audio": dict(audio or {})}, status_url=status_url)  # fmt: skip

    def record_audio(
        self,
        *,
        beep: bool | None = None,
        format: str | None = None,  # noqa: A002 -- the wire's name
        stereo: bool | None = None,
        direction: str | None = None,
        initial_timeout: float | None = None,
        end_silence_timeout: float | None = None,
        terminators: str | None = None,
        input_sensitivity: float | None = None,
        status_url: str | None = None,
        control_id: str | None = None,
        on_completed: Completed | None = None,
    ) -> RecordAction:
        """Record the call, with the fields of the wire as arguments.

        Args:
            beep: Whether a tone precedes it.
            format: ``mp3`` (the service's default) or ``wav``.
            stereo: Whether the two sides are two channels.
            direction: ``speak`` (the service's default), ``listen`` or ``both``.
            initial_timeout: Seconds of silence before it gives up; 5.
            end_silence_timeout: Seconds of silence that end it; 1.
            terminators: Digits that end it; ``#*``.
            input_sensitivity: How loud speech must be, 0 to 100; 44.
            status_url: A webhook for its states.
            control_id: A name for the action; made when not given.
            on_completed: Called with its last event.
        """
        audio = {"beep": beep, "format": format, "stereo": stereo, "direction": direction,
                 "initial_timeout": initial_timeout, "end_silence_timeout": end_silence_timeout,
                 "terminators": terminators, "input_sensitivity": input_sensitivity}  # fmt: skip
        return self.record(compact(audio), status_url=status_url, control_id=control_id, on_completed=on_completed)
