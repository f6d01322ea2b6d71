"""Detecting answering machines, fax tones and digits (``calling.detect``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from swsync.calling._base import CanGoOn, Completed, Verbs
from swsync.calling._completion import Afterwards
from swsync.devices import compact
from swsync.errors import ActionFailed
from swsync.events import DetectEvent, RelayEvent

__all__ = ["DetectAction", "DetectVerbs", "Detection"]


@attrs.frozen(kw_only=True)
class Detection:
    """Who answered.

    Attributes:
        answer: ``HUMAN``, ``MACHINE`` or ``UNKNOWN``.
        ready: Whether a machine has finished its greeting, so that a message can be left now.
        beep: Whether its beep was heard.
        at: When that was known, in seconds since 1970 by the server's clock.
        events: All that was reported until then.
    """

    answer: str
    ready: bool = False
    beep: bool = False
    at: float = 0.0
    events: tuple[DetectEvent, ...] = ()


class DetectAction(CanGoOn[DetectEvent]):
    """A running detection. ``wait()`` gives its first ``DetectEvent``; ``detection()`` waits for a verdict."""

    _verb = "detect"
    _event_type = "calling.call.detect"
    _terminal_states = frozenset({"finished", "error"})

    def __init__(self, call: Verbs, control_id: str, **handle: Any) -> None:
        super().__init__(call, control_id, **handle)
        # Guarded by the call's condition.
        self._events: list[DetectEvent] = []

    @property
    def events(self) -> tuple[DetectEvent, ...]:
        """Every result so far."""
        with self._condition:
            return tuple(self._events)

    def detection(self, *, wait_for_beep: bool = False, timeout: float | None = None) -> Detection:
        """Wait until it is known who answered.

        A person, or no verdict, is known at once. With ``wait_for_beep`` a machine is waited for until it is ready
        for a message; when it goes on talking, the waiting begins anew.

        Args:
            wait_for_beep: Whether to wait for a machine's greeting to end.
            timeout: Seconds, or None.

        Raises:
            TimeoutError: Not known yet; the detection goes on.
            ActionFailed: The service reported an error.
            CallEnded: The call ended first.
        """
        self._check_process()
        with self._condition:
            self._condition.wait_for(lambda: self._is_over or self._is_decided(wait_for_beep), timeout)
            if self._is_decided(wait_for_beep):
                return self._verdict()
            if not self._is_over:
                raise TimeoutError(f"{self!r} has no verdict after {timeout} s; it goes on")
            if self._failure is not None:
                raise self._failure()
            if self._state == "error":
                raise ActionFailed(-1, "the detection failed", "calling.detect")
            return self._verdict()

    def _is_decided(self, wait_for_beep: bool) -> bool:
        verdict = self._verdict()
        if verdict.answer == "MACHINE":
            return verdict.ready or not wait_for_beep
        return any(event.event in ("HUMAN", "UNKNOWN") for event in self._events)

    def _verdict(self) -> Detection:
        """What the results so far come to; requires _condition."""
        found = Detection(answer="UNKNOWN", events=tuple(self._events))
        for event in self._events:
            if event.event in ("HUMAN", "MACHINE", "UNKNOWN"):
                found = attrs.evolve(found, answer=event.event, at=event.timestamp)
            elif event.event == "READY":
                found = attrs.evolve(found, answer="MACHINE", ready=True, beep=event.beep is not False,
                                     at=event.timestamp)  # fmt: skip
            elif event.event == "NOT_READY":
                found = attrs.evolve(found, answer="MACHINE", ready=False, beep=False)
        return found

    def _observe(self, event: RelayEvent, afterwards: Afterwards) -> bool:
        if isinstance(event, DetectEvent):
            self._events.append(event)
        return super()._observe(event, afterwards)

    def _state_of(self, event: RelayEvent) -> str:
        return str(getattr(event, "event", "") or event.params.get("state") or "")

    def _is_terminal(self, event: RelayEvent, state: str) -> bool:
        return bool(getattr(event, "detect", None)) or state in self._terminal_states

    def _is_last(self, event: RelayEvent, state: str) -> bool:
        self._is_over = self._is_over or state in self._terminal_states
        return self._is_over

    def _finish(self, afterwards: Afterwards, event: RelayEvent | None = None, failure: Any = None) -> None:
        if failure is not None:
            # A first result has settled wait(); what ends the rest is for detection().
            self._failure = self._failure or failure
        super()._finish(afterwards, event, failure)


class DetectVerbs(Verbs):
    """The verbs that detect."""

    def detect(
        self,
        detect: Mapping[str, Any],
        *,
        timeout: float | None = None,
        status_url: str | None = None,
        control_id: str | None = None,
        on_completed: Completed | None = None,
    ) -> DetectAction:
        """Listen for a machine, a fax or digits.

        Args:
            detect: ``{"type": "machine" | "fax" | "digit", "params": {...}}``.
            timeout: Seconds until it gives up; 30.
            status_url: A webhook for its states.
            control_id: A name for the action; made when not given.
            on_completed: Called with its first result.
        """
        return self._begin(DetectAction, "detect", control_id, on_completed,
                           detect=detect, timeout=timeout, status_url=status_url)  # fmt: skip

    def detect_digit(
        self, *, digits: str | None = None, timeout: float | None = None, on_completed: Completed | None = None
    ) -> DetectAction:
        """Listen for digits; ``digits`` are those that count."""
        detect = {"type": "digit", "params": compact({"digits": digits})}
        return self.detect(detect, timeout=timeout, on_completed=on_completed)

    def detect_answering_machine(
        self,
        *,
        initial_timeout: float | None = None,
        end_silence_timeout: float | None = None,
        machine_ready_timeout: float | None = None,
        machine_voice_threshold: float | None = None,
        machine_words_threshold: int | None = None,
        detect_interruptions: bool | None = None,
        detect_message_end: bool | None = None,
        timeout: float | None = None,
        on_completed: Completed | None = None,
    ) -> DetectAction:
        """Find out whether a person or a machine answered; ``action.detection()`` gives the verdict.

        Args:
            initial_timeout: Seconds to wait for a voice; 4.5.
            end_silence_timeout: Seconds of silence that end a greeting; 1.
            machine_ready_timeout: Seconds to wait for a machine to be ready.
            machine_voice_threshold: Seconds of voice that make a machine; 1.25.
            machine_words_threshold: Words that make a machine; 6.
            detect_interruptions: Whether a machine that goes on talking is reported; false.
            detect_message_end: Whether the end of a greeting is reported; true.
            timeout: Seconds until it gives up; 30.
            on_completed: Called with its first result.
        """
        params = {"initial_timeout": initial_timeout, "end_silence_timeout": end_silence_timeout,
                  "machine_ready_timeout": machine_ready_timeout, "machine_voice_threshold": machine_voice_threshold,
                  "machine_words_threshold": machine_words_threshold, "detect_interruptions": detect_interruptions,
                  "detect_message_end": detect_message_end}  # fmt: skip
        return self.detect({"type": "machine", "params": compact(params)}, timeout=timeout, on_completed=on_completed)

    def detect_fax(
        self, *, tone: str | None = None, timeout: float | None = None, on_completed: Completed | None = None
    ) -> DetectAction:
        """Listen for a fax tone; ``tone`` is ``CED`` (a fax that answers) or ``CNG`` (one that calls)."""
        detect = {"type": "fax", "params": compact({"tone": tone})}
        return self.detect(detect, timeout=timeout, on_completed=on_completed)
