"""Actions: verbs while they run, and what they can be told.

What an action can be told (stop, pause, volume) are independent mixins, so that each action class has exactly the
controls that the wire has for it.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

import attrs

from swsync.calling._completion import Afterwards, Completion, E_co, run_afterwards
from swsync.errors import ActionFailed, CallEnded, CallGone
from swsync.events import RelayEvent, parse_event
from swsync.eventtext import KeptEvent, as_text, from_text

if TYPE_CHECKING:
    from swsync.calling._base import Verbs

__all__ = ["Action", "CanGoOn", "CanPause", "CanSetVolume", "CanStartInputTimers", "CanStop", "Completed", "Listener"]

Completed = Callable[[Any], Any]
"""A callback that is given the event that ended an action."""

Listener = Callable[[Any], Any]
"""A callback that is given the action it was registered for."""

A = TypeVar("A", bound="Action[Any]")


class Action(Completion[E_co]):
    """A command that runs on a call: made by the call's verbs, never by hand.

    Attributes:
        call: The call it runs on.
        control_id: Its name on the wire.
    """

    _verb: ClassVar[str] = ""
    _event_type: ClassVar[str] = ""
    # States that show it at work. Without any, the reply is the start.
    _started_states: ClassVar[frozenset[str]] = frozenset()
    _terminal_states: ClassVar[frozenset[str]] = frozenset({"finished"})
    # Whether the end of the call is a good end (tap) or cuts it short (play).
    _ends_with_call: ClassVar[bool] = False
    # Whether the wire knows it by its control_id; a connect is known by its call alone.
    _is_named_on_wire: ClassVar[bool] = True
    # Whether an end before the start is a failure by itself: nothing else on the wire says that a tap failed.
    _must_start: ClassVar[bool] = False

    _last_event: KeptEvent[E_co] = KeptEvent()

    def __init__(
        self,
        call: Verbs,
        control_id: str,
        *,
        on_completed: Completed | None = None,
        on_started: Listener | None = None,
        on_ended: Listener | None = None,
        address: str = "",
        receiver: Any = None,
    ) -> None:
        super().__init__(call.session.clock, call._condition)
        self.call = call
        self.control_id = control_id
        self._on_completed = on_completed
        self._on_started = on_started
        self._on_ended = on_ended
        self._address = sys.intern(address)  # taps of many calls go to one place
        self._receiver = receiver
        # Guarded by _condition, as what Completion has.
        self._state = ""
        self._last_event = None
        self._reply: Any = None
        self._is_started = False
        self._is_accepted = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.control_id} {self._state or 'sent'}>"

    def _repr_html_(self) -> str:
        from swsync.views.calls import action_card

        return action_card(self)

    @property
    def id(self) -> str:
        """The same as ``control_id``."""
        return self.control_id

    @property
    def reply(self) -> dict[str, Any]:
        """What RELAY answered to the command; empty until then."""
        return from_text(self._reply) or {}

    @property
    def state(self) -> str:
        """The last state that an event gave, such as ``playing``; "" before the first."""
        return self._state

    @property
    def last_event(self) -> E_co | None:
        """The last event that came for it."""
        return self._last_event

    @property
    def has_started(self) -> bool:
        """Whether the service said that it is at work."""
        return self._is_started

    def wait_started(self: A, timeout: float | None = None) -> A:
        """Wait until the service says that it has begun.

        Returns:
            The action itself.

        Raises:
            TimeoutError: Not yet; it goes on.
            ActionFailed: It ended before it began.
            CallEnded: The call ended before it began.
        """
        self._check_process()
        with self._condition:
            self._condition.wait_for(lambda: self._is_started or self._is_settled, timeout)
            if self._is_started:
                return self
            event = self._outcome(timeout)
            if event.synthetic:
                raise CallEnded(self.call._end_reason, self._last_event)
            if self._must_start or self._state == "error":
                raise ActionFailed(-1, self._never_began(), f"calling.{self._verb}")
            return self

    def _check_process(self) -> None:
        self.call.session.check_process()

    def _never_began(self) -> str:
        if self._address:
            return f"it ended before it began: SignalWire could not reach {self._address}, or the call ended"
        return "it ended before it began"

    def _command(self, command: str, **params: Any) -> dict[str, Any]:
        """Send a command about this action."""
        return self.call.request(command, control_id=self.control_id, **params)

    # What follows runs under the call's condition, on the I/O thread unless said otherwise.

    def _observe(self, news: RelayEvent, afterwards: Afterwards) -> bool:
        """Take an event in. True if it was the last that this action wants."""
        if news.event_type != self._event_type:
            return False
        event = cast(E_co, news)  # an event type has one class
        self._last_event = event
        state = self._state_of(event)
        if state:
            self._state = state
        if state in self._started_states:
            self._start(afterwards)
        if self._is_terminal(event, state):
            self._finish(afterwards, event)
        return self._is_last(event, state)

    def _state_of(self, event: RelayEvent) -> str:
        return str(getattr(event, "state", ""))

    def _is_terminal(self, event: RelayEvent, state: str) -> bool:
        """Whether ``wait()`` returns with this event."""
        return state in self._terminal_states

    def _is_last(self, event: RelayEvent, state: str) -> bool:
        """Whether nothing more comes after this event."""
        return self._is_settled

    def _start(self, afterwards: Afterwards) -> None:
        if self._is_started:
            return
        self._is_started = True
        self._condition.notify_all()
        if self._on_started is not None:
            afterwards.append(partial(self.call._call_back, self._on_started, self))

    def _finish(
        self,
        afterwards: Afterwards,
        event: RelayEvent | None = None,
        failure: Callable[[], BaseException] | None = None,
    ) -> None:
        if not self._settle(afterwards, event, failure):
            return
        self._condition.notify_all()
        if self._receiver is not None:
            afterwards.append(self._receiver.end)
        if event is not None and self._on_completed is not None:
            afterwards.append(partial(self.call._call_back, self._on_completed, event))
        if self._on_ended is not None:
            afterwards.append(partial(self.call._call_back, self._on_ended, self))

    def _end_with_call(self, afterwards: Afterwards, failure: Callable[[], BaseException] | None = None) -> None:
        """The call, or with ``failure`` the session, is over and this action has had no end of its own."""
        if failure is None and self._ends_with_call:
            self._state = "finished"
            self._finish(afterwards, self._synthetic_end())
            return
        end_reason, last_event = self.call._end_reason, self._last_event
        self._finish(afterwards, failure=failure or (lambda: CallEnded(end_reason, last_event)))

    def _synthetic_end(self) -> E_co:
        call = self.call
        params = {"call_id": call.call_id, "node_id": call.node_id, "control_id": self.control_id, "state": "finished"}
        payload = {"event_type": self._event_type, "timestamp": call.session.clock.time(), "params": params}
        return cast(E_co, attrs.evolve(parse_event(payload), synthetic=True))

    def _accept(self, reply: dict[str, Any]) -> None:
        """RELAY took the command; called by the thread that sent it."""
        afterwards: Afterwards = []
        with self._condition:
            self._reply = as_text(reply)
            self._is_accepted = True
            if not self._started_states and not self._is_settled:
                self._start(afterwards)
        run_afterwards(afterwards)


class CanStop(Action[E_co]):
    """Has ``stop``."""

    def stop(self) -> dict[str, Any]:
        """Ask the service to end it; the end itself is what ``wait()`` waits for.

        Returns:
            RELAY's reply; ``{}`` if it had ended already.
        """
        return self._stop()

    def _stop(self, timeout: float | None = None) -> dict[str, Any]:
        if self._has_no_more():
            return {}
        with contextlib.suppress(CallGone):
            return self.call._send(f"{self._verb}.stop", {"control_id": self.control_id}, timeout)
        return {}

    def _has_no_more(self) -> bool:
        return self._is_settled


class CanGoOn(CanStop[E_co]):
    """May go on after the event with which ``wait()`` returns; ``stop`` ends what is left of it."""

    _is_over = False  # guarded by the call's condition: nothing more comes, which may be long after wait() returned

    def _finish(
        self,
        afterwards: Afterwards,
        event: RelayEvent | None = None,
        failure: Callable[[], BaseException] | None = None,
    ) -> None:
        self._is_over = self._is_over or failure is not None
        super()._finish(afterwards, event, failure)

    def _has_no_more(self) -> bool:
        return self._is_over


class CanPause(Action[E_co]):
    """Has ``pause`` and ``resume``."""

    def pause(self) -> dict[str, Any]:
        """Hold it where it is, until ``resume()``."""
        return self._command(f"{self._verb}.pause")

    def resume(self) -> dict[str, Any]:
        """Go on after ``pause()``."""
        return self._command(f"{self._verb}.resume")


class CanSetVolume(Action[E_co]):
    """Has ``volume``."""

    def volume(self, volume: float) -> dict[str, Any]:
        """Change the loudness by so many decibels, -40 to 40."""
        return self._command(f"{self._verb}.volume", volume=volume)


class CanStartInputTimers(Action[E_co]):
    """Has ``start_input_timers``."""

    def start_input_timers(self) -> dict[str, Any]:
        """Start the timers that ``start_input_timers=False`` held back."""
        return self._command("collect.start_input_timers")
