"""Waiting for many actions in one thread, as ``concurrent.futures`` does for futures.

A thread that waits costs more than a call does: with these one thread can wait for any number of plays, taps,
recordings and messages, of any number of calls.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Generic, TypeVar

from swsync.calling._completion import Completion
from swsync.clock import REAL, Clock

__all__ = ["ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION", "as_completed", "wait"]

ALL_COMPLETED = "ALL_COMPLETED"
FIRST_COMPLETED = "FIRST_COMPLETED"
FIRST_EXCEPTION = "FIRST_EXCEPTION"

C = TypeVar("C", bound=Completion[Any])


class _Arrivals(Generic[C]):
    """Takes note of each action as it ends; a context manager, so that none of them keeps a note of us."""

    def __init__(self, actions: Iterable[C]) -> None:
        self.pending = list(dict.fromkeys(actions))
        self.clock: Clock = self.pending[0]._clock if self.pending else REAL
        self.condition = self.clock.condition()
        self.arrived: deque[C] = deque()  # guarded by condition
        for action in self.pending:
            action._check_process()
        self._watchers = [(action, partial(self._arrive, action)) for action in self.pending]

    def __enter__(self) -> _Arrivals[C]:
        for action, watcher in self._watchers:
            action._watch(watcher)
        return self

    def __exit__(self, *_: object) -> None:
        for action, watcher in self._watchers:
            action._unwatch(watcher)

    def _arrive(self, action: C) -> None:
        with self.condition:
            self.arrived.append(action)
            self.condition.notify_all()


def wait(actions: Iterable[C], timeout: float | None = None, return_when: str = ALL_COMPLETED) -> tuple[set[C], set[C]]:
    """Wait for actions, or messages, until all or the first of them are done.

    Args:
        actions: What to wait for.
        timeout: Seconds, or None. When they pass, what is done is returned; nothing is raised.
        return_when: ``ALL_COMPLETED``, ``FIRST_COMPLETED`` or ``FIRST_EXCEPTION`` (the first that failed).

    Returns:
        ``(done, not_done)``, two sets. What is done returns or raises at once from its ``wait()``.
    """
    if return_when not in (ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION):
        raise ValueError(f"return_when must be ALL_COMPLETED, FIRST_COMPLETED or FIRST_EXCEPTION, not {return_when!r}")
    with _Arrivals(actions) as arrivals:
        total = len(arrivals.pending)

        def is_enough() -> bool:
            done = arrivals.arrived
            if len(done) == total or (return_when == FIRST_COMPLETED and done):
                return True
            return return_when == FIRST_EXCEPTION and any(not action.completed for action in done)

        with arrivals.condition:
            arrivals.condition.wait_for(is_enough, timeout)
            done = set(arrivals.arrived)
    return done, set(arrivals.pending) - done


def as_completed(actions: Iterable[C], timeout: float | None = None) -> Iterator[C]:
    """Give actions, or messages, in the order in which they end.

    Args:
        actions: What to wait for.
        timeout: Seconds for all of them together, or None.

    Raises:
        TimeoutError: They passed before all were done.
    """
    with _Arrivals(actions) as arrivals:
        deadline = None if timeout is None else arrivals.clock.now() + timeout
        for given in range(len(arrivals.pending)):
            left = None if deadline is None else max(0.0, deadline - arrivals.clock.now())
            with arrivals.condition:
                if not arrivals.condition.wait_for(lambda: bool(arrivals.arrived), left):
                    raise TimeoutError(f"{len(arrivals.pending) - given} of {len(arrivals.pending)} are not done")
                action = arrivals.arrived.popleft()
            yield action
