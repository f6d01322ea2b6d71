"""Waiting for events and states of a call."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from swsync.calling._base import Verbs
from swsync.calling.listening import Match, match_for
from swsync.errors import CallEnded
from swsync.events import CallStateEvent, RelayEvent
from swsync.eventtext import KeptEvent
from swsync.states import CallState

__all__ = ["RANK", "WaitVerbs", "Waiter", "known_state"]

RANK = {state: rank for rank, state in enumerate(CallState)}
"""The order of the states; a call only ever moves up in it."""


def known_state(word: str) -> CallState | None:
    """The state of that name, or None if this version knows none."""
    try:
        return CallState(word)
    except ValueError:
        return None


class Waiter:
    """One thread in ``wait_for``: the events it may want, in order."""

    def __init__(self, match: Match) -> None:
        self.match = match
        self.events: deque[RelayEvent] = deque()  # guarded by the call's condition


class WaitVerbs(Verbs):
    """The waits of a call. None of them outlives the call or its session."""

    # Belong to _condition; Call sets them.
    _state_event: KeptEvent[CallStateEvent] = KeptEvent()
    _state: CallState
    _reached: CallState
    _waiters: tuple[Waiter, ...]

    def wait_for(
        self,
        event_type: str,
        predicate: Callable[[Any], bool] | None = None,
        timeout: float | None = None,
    ) -> RelayEvent:
        """Wait for the next event of a type.

        Args:
            event_type: RELAY's event type, such as ``calling.call.play``, or a short name such as ``tap.started``.
            predicate: Called in this thread with each such event; the first for which it is true ends the wait.
            timeout: Seconds, or None.

        Raises:
            TimeoutError: It did not come in time.
            CallEnded: The call ended, or the session was lost, without it.
        """
        self.session.check_process()
        waiter = Waiter(match_for(event_type))
        accepts = waiter.match.accepts
        clock = self.session.clock
        deadline = None if timeout is None else clock.now() + timeout
        with self._condition:
            self._waiters += (waiter,)
        try:
            while True:
                left = None if deadline is None else max(0.0, deadline - clock.now())
                event = self._next_event(waiter, left)
                # The user's predicate runs without our lock.
                if (accepts is None or accepts(event)) and (predicate is None or predicate(event)):
                    return event
        finally:
            with self._condition:
                self._waiters = tuple(other for other in self._waiters if other is not waiter)

    def _next_event(self, waiter: Waiter, timeout: float | None) -> RelayEvent:
        with self._condition:
            self._condition.wait_for(lambda: waiter.events or self._over is not None, timeout)
            if waiter.events:
                return waiter.events.popleft()
            if self._over is not None:
                raise self._over()
        raise TimeoutError(f"no {waiter.match.event_type} event came in time on call {self.call_id}")

    def wait_for_ringing(self, timeout: float | None = None) -> CallStateEvent:
        """Wait until it rings, or has gone on from there; see ``wait_for_answered``."""
        return self._wait_for_state(CallState.RINGING, timeout)

    def wait_for_answered(self, timeout: float | None = None) -> CallStateEvent:
        """Wait until it is answered; at once if it is or was.

        Returns:
            The last state event.

        Raises:
            TimeoutError: It is not answered yet.
            CallEnded: It ended without having been answered, or the session was lost.
        """
        return self._wait_for_state(CallState.ANSWERED, timeout)

    def wait_for_ending(self, timeout: float | None = None) -> CallStateEvent:
        """Wait until it is ending or has ended."""
        return self._wait_for_state(CallState.ENDING, timeout)

    def wait_for_ended(self, timeout: float | None = None) -> CallStateEvent:
        """Wait until it has ended.

        Returns:
            The state event; its ``end_reason`` says why.

        Raises:
            TimeoutError: It goes on.
            CallEnded: The session was lost, so the end will not be heard of.
        """
        return self._wait_for_state(CallState.ENDED, timeout)

    def _wait_for_state(self, target: CallState, timeout: float | None) -> CallStateEvent:
        self.session.check_process()
        with self._condition:
            self._condition.wait_for(
                lambda: self._is_past(target) or self._has_ended or self._over is not None, timeout
            )
            if self._is_past(target):
                return self._state_event or self._state_as_event()
            if self._over is not None:
                raise self._over()
            if self._has_ended:
                raise CallEnded(self._end_reason, self._state_event)
        raise TimeoutError(f"call {self.call_id} is {self._state}, not {target}, after {timeout} s")

    def _is_past(self, target: CallState) -> bool:
        """Whether the call is in this state or has come through it; requires _condition."""
        if target in (CallState.ENDING, CallState.ENDED):
            return RANK[self._state] >= RANK[target]
        return RANK[self._reached] >= RANK[target]

    def _state_as_event(self) -> CallStateEvent:
        """The present state in the form of an event, for a state that no event told."""
        params = {"call_id": self.call_id, "node_id": self.node_id, "call_state": str(self._state)}
        return CallStateEvent.from_payload({"event_type": "calling.call.state", "params": params})
