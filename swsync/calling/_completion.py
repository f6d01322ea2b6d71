"""The end of something, for which any number of threads may wait."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

from swsync.clock import Clock, Condition
from swsync.events import RelayEvent

__all__ = ["Afterwards", "Completion", "run_afterwards"]

E_co = TypeVar("E_co", bound=RelayEvent, covariant=True)

logger = logging.getLogger(__name__)

Afterwards = list[Callable[[], Any]]
"""What is to be done once the lock is free again: callbacks to queue, receivers to end, other threads to wake."""


def run_afterwards(jobs: Afterwards) -> None:
    """Do what was put off while a lock was held. One failing job does not stop the others."""
    for job in jobs:
        try:
            job()
        except Exception:
            logger.exception("could not pass on an event")


class Completion(Generic[E_co]):
    """A result or a failure that comes once, and that any number of threads may wait for."""

    # It may live under the condition of its owner (a call has one for all its actions): a thread of ours, or a lock,
    # for each would cost more than the call.

    def __init__(self, clock: Clock, condition: Condition | None = None) -> None:
        self._clock = clock
        self._condition = condition or clock.condition()
        # All below belongs to _condition.
        self._is_settled = False
        self._event: E_co | None = None
        self._failure: Callable[[], BaseException] | None = None
        self._watchers: tuple[Callable[[], None], ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether ``wait()`` would return, or raise, at once."""
        return self._is_settled

    @property
    def completed(self) -> bool:
        """Whether it came to its own end, as against having failed with its call or its request."""
        return self._event is not None

    @property
    def result(self) -> E_co | None:
        """The event that ended it, or None so far."""
        return self._event

    def wait(self, timeout: float | None = None) -> E_co:
        """Wait for the end.

        Args:
            timeout: Seconds; None waits until the end comes, or until the call or the session ends.

        Returns:
            The event that ended it.

        Raises:
            TimeoutError: It goes on; nothing about it has changed.
            CallEnded: The call ended, or the session was lost, without it.
        """
        self._check_process()
        with self._condition:
            self._condition.wait_for(lambda: self._is_settled, timeout)
            return self._outcome(timeout)

    def _check_process(self) -> None:
        """Raise in a forked child, where nothing can end a wait; before a lock, which the fork may have stuck."""

    def _outcome(self, timeout: float | None) -> E_co:
        """The result, or raise; requires _condition."""
        if self._event is not None:
            return self._event
        if self._failure is not None:
            # Made anew for each waiter: one instance raised in many threads would collect all their tracebacks.
            raise self._failure()
        raise TimeoutError(f"{self!r} has not got there within {timeout} s; it goes on")

    def _settle(
        self,
        afterwards: Afterwards,
        event: RelayEvent | None = None,
        failure: Callable[[], BaseException] | None = None,
    ) -> bool:
        """Record the end, once; requires _condition, and the caller notifies. False if it had ended already."""
        if self._is_settled:
            return False
        self._is_settled = True
        self._event = cast("E_co | None", event)  # its owner knows which events end it
        self._failure = failure
        afterwards.extend(self._watchers)
        self._watchers = ()
        return True

    def _watch(self, watcher: Callable[[], None]) -> None:
        """Have a quick function called, in no particular thread, when this ends; at once if it has."""
        with self._condition:
            if not self._is_settled:
                self._watchers += (watcher,)
                return
        watcher()

    def _unwatch(self, watcher: Callable[[], None]) -> None:
        """Take a watcher back."""
        with self._condition:
            self._watchers = tuple(other for other in self._watchers if other != watcher)
