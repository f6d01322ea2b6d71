"""Collecting digits and speech, alone (``calling.collect``) or after a prompt (``calling.play_and_collect``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from swsync.calling._base import CanGoOn, CanSetVolume, CanStartInputTimers, Completed, Verbs
from swsync.devices import Media, audio, check_media, ringtone, tts
from swsync.events import CollectEvent, RelayEvent

__all__ = ["CollectAction", "CollectVerbs", "StandaloneCollectAction"]


class StandaloneCollectAction(CanGoOn[CollectEvent], CanStartInputTimers[CollectEvent]):
    """A running collect. ``wait()`` gives the first ``CollectEvent`` with a result, or the one that ended it.

    Further results of a ``continuous`` one, and what follows partial results, come to ``call.on`` and
    ``call.wait_for``, until ``stop()``.
    """

    _verb = "collect"
    _event_type = "calling.call.collect"
    _started_states = frozenset({"collecting"})
    _terminal_states = frozenset({"finished", "error", "no_input", "no_match"})

    def __init__(self, call: Verbs, control_id: str, *, is_continuous: bool = False, **handle: Any) -> None:
        super().__init__(call, control_id, **handle)
        self._is_continuous = is_continuous

    def _is_terminal(self, event: RelayEvent, state: str) -> bool:
        return bool(getattr(event, "result", None)) or state in self._terminal_states

    def _is_last(self, event: RelayEvent, state: str) -> bool:
        goes_on = self._is_continuous or state == "collecting" or getattr(event, "final", None) is False
        self._is_over = self._is_over or state in self._terminal_states or (self._is_settled and not goes_on)
        return self._is_over


class CollectAction(StandaloneCollectAction, CanSetVolume[CollectEvent]):
    """A prompt with its collect. They share a control_id, and only collect events end it."""

    _verb = "play_and_collect"


class CollectVerbs(Verbs):
    """The verbs that collect."""

    def collect(
        self,
        *,
        digits: Mapping[str, Any] | None = None,
        speech: Mapping[str, Any] | None = None,
        initial_timeout: float | None = None,
        partial_results: bool | None = None,
        continuous: bool | None = None,
        continue_: bool | None = None,
        send_start_of_input: bool | None = None,
        start_input_timers: bool | None = None,
        status_url: str | None = None,
        control_id: str | None = None,
        on_completed: Completed | None = None,
    ) -> StandaloneCollectAction:
        """Collect digits, speech, or whichever comes first.

        Args:
            digits: ``{"max": 4, "terminators": "#", "digit_timeout": 5}``.
            speech: ``{"end_silence_timeout": 1, "speech_timeout": 60, "language": "en-US", "hints": [...]}``.
            initial_timeout: Seconds to wait for the first input; 4.
            partial_results: Whether unfinished speech is reported.
            continuous: Whether it goes on after a result.
            continue_: The wire's ``continue``.
            send_start_of_input: Whether the first sound is reported.
            start_input_timers: False holds the timers back until ``action.start_input_timers()``.
            status_url: A webhook for its states.
            control_id: A name for the action; made when not given.
            on_completed: Called with the event that ended it.
        """
        keyword: dict[str, Any] = {"continue": continue_}  # Python's word too
        handle = {"is_continuous": bool(continuous)}
        return self._begin(StandaloneCollectAction, "collect", control_id, on_completed, handle, digits=digits,
                           speech=speech, initial_timeout=initial_timeout, partial_results=partial_results,
                           continuous=continuous, send_start_of_input=send_start_of_input,
                           start_input_timers=start_input_timers, status_url=status_url, **keyword)  # fmt: skip

    def play_and_collect(
        self,
        media: Sequence[Media | Mapping[str, Any]],
        collect: Mapping[str, Any],
        *,
        volume: float | None = None,
        status_url: str | None = None,
        control_id: str | None = None,
        on_completed: Completed | None = None,
    ) -> CollectAction:
        """Play a prompt and collect what the party answers; input interrupts the prompt.

        Args:
            media: What to play, as for ``play``.
            collect: ``{"digits": {...}}`` and, or, ``{"speech": {...}}`` and ``initial_timeout``.
            volume: Decibels, -40 to 40.
            status_url: A webhook for its states.
            control_id: A name for the action; made when not given.
            on_completed: Called with the event that ended it.

        Raises:
            ConfigurationError: An audio file on this machine, which SignalWire cannot fetch.
        """
        check_media(media)
        handle = {"is_continuous": isinstance(collect, Mapping) and bool(collect.get("continuous"))}
        return self._begin(CollectAction, "play_and_collect", control_id, on_completed, handle,
                           play=list(media), collect=collect, volume=volume, status_url=status_url)  # fmt: skip

    def prompt_tts(
        self,
        text: str,
        collect: Mapping[str, Any],
        *,
        language: str | None = None,
        gender: str | None = None,
        voice: str | None = None,
        volume: float | None = None,
        on_completed: Completed | None = None,
    ) -> CollectAction:
        """Speak a prompt and collect; see ``play_tts`` and ``play_and_collect``."""
        media = tts(text, language=language, gender=gender, voice=voice)
        return self.play_and_collect([media], collect, volume=volume, on_completed=on_completed)

    def prompt_audio(
        self,
        url: str,
        collect: Mapping[str, Any],
        *,
        volume: float | None = None,
        on_completed: Completed | None = None,
    ) -> CollectAction:
        """Play a file as the prompt and collect; see ``play_audio`` and ``play_and_collect``."""
        return self.play_and_collect([audio(url)], collect, volume=volume, on_completed=on_completed)

    def prompt_ringtone(
        self,
        name: str,
        collect: Mapping[str, Any],
        *,
        duration: float | None = None,
        volume: float | None = None,
        on_completed: Completed | None = None,
    ) -> CollectAction:
        """Play a ringing tone as the prompt and collect; see ``play_ringtone`` and ``play_and_collect``."""
        media = ringtone(name, duration=duration)
        return self.play_and_collect([media], collect, volume=volume, on_completed=on_completed)
