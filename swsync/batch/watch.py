"""What happens on the leg of one attempt, from its first event to its last, written down as it happens."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from swsync.batch.results import Facts
from swsync.clock import Clock
from swsync.events import RelayEvent

if TYPE_CHECKING:
    from swsync.call import Call

__all__ = ["Watch"]

PATIENCE = 2.0
"""Seconds that a person is left without a sound before the call counts as abandoned (47 CFR 64.1200(a)(7))."""

VERDICTS = ("HUMAN", "MACHINE", "UNKNOWN", "READY", "NOT_READY", "CED", "CNG")


class Watch:
    """The facts of one attempt. Its methods run on callback threads, in the order of the call.

    Args:
        clock: For the moments that no event dates.
        opt_out: The key that ends all calls, or "".
        on_seen: Called once with the first leg, before anything else is done with it.
        on_opt_out: Called when that key is pressed, perhaps more than once; returns when that is committed.
    """

    def __init__(
        self, clock: Clock, opt_out: str, on_seen: Callable[[Call, Facts], None], on_opt_out: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._opt_out = opt_out
        self._on_seen = on_seen
        self._on_opt_out = on_opt_out
        self._lock = threading.Lock()
        self.facts = Facts()  # guarded by _lock while the call goes on
        self.failed = ""  # what first went wrong on the service's side: play, detect ...; guarded by _lock
        self.is_recorded = False  # something was recorded, by whomever; guarded by _lock
        self._was_seen = False  # guarded by _lock

    def listeners(self) -> dict[str, Callable[[Any], Any]]:
        """What ``client.dial(listen=)`` takes."""
        return {"on_state_changed": self._state_changed}

    def _state_changed(self, call: Call) -> None:
        now = self._clock.time()
        with self._lock:
            first, self._was_seen = not self._was_seen, True
            facts = self.facts
            facts.created_at = facts.created_at or now
            if call.state == "ringing":
                facts.ringing_at = facts.ringing_at or now
            if call.state == "answered":
                facts.answered_at = facts.answered_at or now
            if call.state == "ended":
                facts.ended_at = facts.ended_at or now
                facts.end_reason = call.end_reason
        if first:
            for name, take in (
                ("state", self._state), ("play", self._play), ("detect", self._detect),
                ("collect", self._collect), ("record", self._record), ("tap", self._record),
                ("stream", self._record),
            ):  # fmt: skip
                call.on(f"calling.call.{name}", take)
            self._on_seen(call, facts)

    # The events themselves are dated by the server: they say more than the moment at which a thread got to them.

    def _state(self, event: RelayEvent) -> None:
        state, at = str(event.params.get("call_state", "")), event.timestamp
        if at and state in ("ringing", "answered", "ended"):
            with self._lock:
                setattr(self.facts, f"{state}_at", at)

    def _play(self, event: RelayEvent) -> None:
        state = str(event.params.get("state", ""))
        with self._lock:
            if state == "playing" and not self.facts.first_audio_at:
                self.facts.first_audio_at = event.timestamp or self._clock.time()
            if state == "error":
                self.failed = self.failed or "play_failed"

    def _detect(self, event: RelayEvent) -> None:
        word = str(getattr(event, "event", ""))
        with self._lock:
            if word in VERDICTS:
                found = self.facts.detection or {"answer": "UNKNOWN", "ready": False, "beep": False, "evidence": []}
                found["evidence"].append({"event": word, "at": event.timestamp})
                found["at"] = event.timestamp
                if word in ("HUMAN", "MACHINE", "UNKNOWN"):
                    found["answer"] = word
                elif word == "READY":
                    found.update(answer="MACHINE", ready=True, beep=getattr(event, "beep", None) is not False)
                elif word in ("CED", "CNG"):
                    found["answer"] = "FAX"
                self.facts.detection = found
            if word == "error":
                self.failed = self.failed or "detection_failed"
        if self._opt_out and word == self._opt_out:
            self.opted_out()

    def _collect(self, event: RelayEvent) -> None:
        result = getattr(event, "result", None) or {}
        params = result.get("params")
        digits = str(params.get("digits", "")) if isinstance(params, dict) else ""
        if result.get("type") != "digit" or not digits:
            return
        with self._lock:
            self.facts.digits += digits
        if self._opt_out and digits == self._opt_out:
            self.opted_out()

    def _record(self, event: RelayEvent) -> None:
        state = event.params.get("state")
        with self._lock:
            self.is_recorded = self.is_recorded or state in ("recording", "tapping", "streaming")
            if event.event_type == "calling.call.record" and state == "no_input":
                self.failed = self.failed or "media_failed"

    def opted_out(self) -> None:
        """They want no more calls: return when that is committed. Each thread that knows of it sees to it."""
        with self._lock:
            self.facts.opted_out = True
        self._on_opt_out()

    def close(self, cost_per_minute: float | None) -> Facts:
        """Draw the sums at the end of the attempt."""
        with self._lock:
            facts = self.facts
            if facts.answered_at:
                facts.ended_at = facts.ended_at or self._clock.time()
                facts.talk_seconds = round(max(0.0, facts.ended_at - facts.answered_at), 3)
                facts.is_human = facts.detection.get("answer") not in ("MACHINE", "FAX")
                silent = (facts.first_audio_at or facts.ended_at) - facts.answered_at
                facts.is_abandoned = facts.is_human and silent > PATIENCE
            if cost_per_minute is not None:
                # Begun minutes are charged.
                facts.cost = round(-(-facts.talk_seconds // 60) * cost_per_minute, 6)
            return facts
