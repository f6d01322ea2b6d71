"""Playing speech, files, silence and ringing tones (``calling.play``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from swsync.calling._base import CanPause, CanSetVolume, CanStop, Completed, Verbs
from swsync.devices import Media, audio, check_media, ringtone, silence, tts
from swsync.events import PlayEvent

__all__ = ["PlayAction", "PlayVerbs"]


class PlayAction(CanStop[PlayEvent], CanPause[PlayEvent], CanSetVolume[PlayEvent]):
    """Something being played. ``wait()`` gives its ``PlayEvent``: ``state`` is ``finished`` or ``error``."""

    _verb = "play"
    _event_type = "calling.call.play"
    _started_states = frozenset({"playing"})
    _terminal_states = frozenset({"finished", "error"})


class PlayVerbs(Verbs):
    """The verbs that play."""

    def play(
        self,
        media: Sequence[Media | Mapping[str, Any]],
        *,
        volume: float | None = None,
        direction: str | None = None,
        loop: int | None = None,
        status_url: str | None = None,
        control_id: str | None = None,
        on_completed: Completed | None = None,
    ) -> PlayAction:
        """Play media one after the other.

        Args:
            media: What to play: ``devices.tts(...)`` and the like, or dicts ``{"type": ..., "params": {...}}``.
            volume: Decibels, -40 to 40.
            direction: Who hears it: ``listen`` (the party; the service's default), ``speak`` or ``both``.
            loop: How many times; 0 for ever.
            status_url: A webhook for its states.
            control_id: A name for the action; made when not given.
            on_completed: Called with its last event.

        Returns:
            The action, once RELAY took the command.

        Raises:
            ConfigurationError: An audio file on this machine, which SignalWire cannot fetch.
            CallGone: The call does not exist any more.
        """
        check_media(media)
        return self._begin(PlayAction, "play", control_id, on_completed,
                           play=list(media), volume=volume, direction=direction, loop=loop,
                           status_url=status_url)  # fmt: skip

    def play_tts(
        self,
        text: str,
        *,
        language: str | None = None,
        gender: str | None = None,
        voice: str | None = None,
        volume: float | None = None,
        on_completed: Completed | None = None,
    ) -> PlayAction:
        """Speak a text.

        Args:
            text: The words.
            language: Such as ``en-US``.
            gender: ``female`` or ``male``.
            voice: One of the service's voices.
            volume: Decibels, -40 to 40.
            on_completed: Called with its last event.
        """
        media = tts(text, language=language, gender=gender, voice=voice)
        return self.play([media], volume=volume, on_completed=on_completed)

    def play_audio(self, url: str, *, volume: float | None = None, on_completed: Completed | None = None) -> PlayAction:
        """Play an audio file from an http or https address.

        Raises:
            ConfigurationError: ``url`` is a path on this machine, which SignalWire cannot fetch.
        """
        return self.play([audio(url)], volume=volume, on_completed=on_completed)

    def play_silence(self, duration: float, *, on_completed: Completed | None = None) -> PlayAction:
        """Play so many seconds of silence."""
        return self.play([silence(duration)], on_completed=on_completed)

    def play_ringtone(
        self,
        name: str,
        *,
        duration: float | None = None,
        volume: float | None = None,
        on_completed: Completed | None = None,
    ) -> PlayAction:
        """Play a country's ringing tone.

        Args:
            name: Its country code, such as ``us``.
            duration: Seconds.
            volume: Decibels, -40 to 40.
            on_completed: Called with its last event.
        """
        return self.play([ringtone(name, duration=duration)], volume=volume, on_completed=on_completed)
