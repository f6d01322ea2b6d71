"""What the capabilities of a call stand on: sending a verb, and starting an action.

A verb is a method that sends one wire command. An action is a verb while it runs.
"""

from __future__ import annotations

import contextlib
import copy
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from swsync.callbacks import check_given
from swsync.calling._action import (
    Action,
    CanGoOn,
    CanPause,
    CanSetVolume,
    CanStartInputTimers,
    CanStop,
    Completed,
    Listener,
)
from swsync.calling._completion import Afterwards, run_afterwards
from swsync.calling._session import Session
from swsync.clock import Condition
from swsync.devices import as_wire
from swsync.errors import ActionFailed, CallGone, OutcomeUnknown, SwsyncError

__all__ = [
    "Action",
    "CanGoOn",
    "CanPause",
    "CanSetVolume",
    "CanStartInputTimers",
    "CanStop",
    "Completed",
    "Listener",
    "Session",
    "Verbs",
]

A = TypeVar("A", bound=Action[Any])


_REACHING = ("begin", "connect", "dial", "refer")  # what names whom to call
_NOBODY: frozenset[str] = frozenset()  # one for all calls


class Verbs:
    """The ground under every capability of a call: sending a verb, and starting an action. ``Call`` is the whole.

    Attributes:
        session: The client, as a call sees it.
        call_id: RELAY's name of the call.
        node_id: The RELAY node that carries it.
    """

    def __init__(self, session: Session, call_id: str, node_id: str) -> None:
        self.session = session
        self.call_id = call_id
        self.node_id = sys.intern(node_id)  # there are few; the JSON of each event has its own
        self._condition: Condition = session.clock.condition()
        # All below belongs to _condition.
        self._actions: tuple[Action[Any], ...] = ()  # those under way; there are few at a time
        self._has_ended = False
        self._end_reason = ""
        self._over: Callable[[], BaseException] | None = None  # set when nothing more will come
        self._handed_to = _NOBODY  # verbs that gave this call to somebody else for now

    def request(self, verb: str, /, **params: Any) -> dict[str, Any]:
        """Send any command about this call: the way to what swsync has no method for.

        Args:
            verb: The wire method, with or without ``calling.``.
            **params: Its parameters; those that are None are left out.

        Returns:
            RELAY's reply.

        Raises:
            CallGone: The call does not exist any more.
            RelayError: RELAY refused, or did not answer.
            ConfigurationError: A call to a destination that this client must not reach.
        """
        if verb.removeprefix("calling.") in _REACHING:
            self.session.check_destinations([params.get("devices"), params.get("device")])
        return self._send(verb, params)

    def _send(self, verb: str, params: Mapping[str, Any], timeout: float | None = None) -> dict[str, Any]:
        """Send a command about this call; ``timeout`` is for its reply, and None the session's own."""
        method = verb if verb.startswith("calling.") else f"calling.{verb}"
        wire: dict[str, Any] = {"node_id": self.node_id, "call_id": self.call_id}
        for name, value in params.items():
            if value is not None:  # None means "not said", everywhere
                wire[name] = as_wire(value)
        # Sending these twice does no harm, so they are sent again when a reply was lost with the link.
        idempotent = method == "calling.end" or method.endswith(".stop")
        return self.session.request(method, wire, timeout=timeout, idempotent=idempotent)

    def _begin(
        self,
        kind: type[A],
        verb: str,
        control_id: str | None,
        on_completed: Completed | None,
        handle: Mapping[str, Any] | None = None,
        **params: Any,
    ) -> A:
        """Register an action, then send its command: an event that overtakes the reply finds it.

        Args:
            kind: The action's class.
            verb: Its command without ``calling.``.
            control_id: Its name, or None for a new one.
            on_completed: The user's callback.
            handle: More arguments for ``kind``: on_started, on_ended, address, receiver.
            **params: The command's parameters.
        """
        listeners = {name: function for name, function in (handle or {}).items() if name.startswith("on_")}
        check_given(on_completed=on_completed, **listeners)
        action = kind(self, control_id or str(uuid.uuid4()), on_completed=on_completed, **(handle or {}))
        self._register(action)
        try:
            if kind._is_named_on_wire:
                params["control_id"] = action.control_id
            action._accept(self._send(verb, params))
        except BaseException as error:
            if isinstance(error, OutcomeUnknown):
                error.control_id = action.control_id
            self._unregister(action, error)
            raise
        return action

    def _register(self, action: Action[Any]) -> None:
        with self._condition:
            if self._has_ended:
                raise CallGone(-1, f"the call has ended ({self._end_reason})", f"calling.{action._verb}")
            if self._over is not None:
                raise self._over()
            if self._action(action.control_id) is not None:
                raise ValueError(f"control_id {action.control_id!r} is in use on this call")
            self._actions += (action,)

    def _action(self, control_id: str) -> Action[Any] | None:
        """The action of that name that is under way; requires _condition."""
        for action in self._actions:
            if action.control_id == control_id:
                return action
        return None

    def _drop_action(self, action: Action[Any]) -> None:
        """Nothing more is expected for it; requires _condition."""
        self._actions = tuple(other for other in self._actions if other is not action)

    def _unregister(self, action: Action[Any], error: BaseException) -> None:
        """The command of an action was refused: whoever holds the action hears why."""
        reason = error if isinstance(error, SwsyncError) else ActionFailed(-1, f"its request failed: {error!r}")
        afterwards: Afterwards = []
        with self._condition:
            self._drop_action(action)
            action._finish(afterwards, failure=lambda: copy.copy(reason))
        run_afterwards(afterwards)

    def _call_back(self, function: Callable[..., Any], *args: Any) -> None:
        """Queue user code in the order of this call."""
        self.session.callbacks.submit(self.call_id, function, *args)

    @contextlib.contextmanager
    def _handing_to(self, verb: str) -> Iterator[None]:
        """Send inside a command that gives the call to somebody else; refused, it stays with whoever had it."""
        with self._condition:
            is_handed_already = verb in self._handed_to
        self._hand_to(verb)
        try:
            yield
        except BaseException:
            if not is_handed_already:
                self._take_back(verb)
            raise

    def _hand_to(self, verb: str) -> None:
        """Note that somebody else carries this call on: ``close()`` does not end it."""
        with self._condition:
            self._handed_to |= {verb}

    def _take_back(self, verb: str) -> None:
        """Note that this client carries the call on again."""
        with self._condition:
            self._handed_to -= {verb}
