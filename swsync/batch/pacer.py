"""Calls a second: GCRA, the generic cell rate algorithm (ITU-T I.371), on one row that all owners share.

``next_slot`` is the rule itself. ``Pacer`` waits for its turn, and halts while the service queues.
"""

from __future__ import annotations

from collections import deque

from swsync.batch.ledger import Lease, Ledger, Turn
from swsync.clock import Clock

__all__ = ["Pacer", "next_slot"]

QUEUEING = 2.0
"""Seconds from a dial to its first leg beyond which the service is queueing."""

STEPPED = 3600.0  # a slot farther ahead than that means that the clock was set back
SOON = 0.0005  # seconds that are not worth another wait
MADE_GOOD = 0.005  # seconds of lateness, at most
LATE = 0.0025  # seconds from a turn to its use after which it is taken again
LOOK = 0.5  # seconds between two looks while halted


def next_slot(now: float, next_free: float, held_until: float, rate: float, tokens: int) -> tuple[float, float]:
    """Take room for ``tokens`` starts, if it is time; nothing is saved up while nobody calls, so there is no burst.

    The turn is taken at the moment of the start, not in advance: whoever wakes late shifts those behind, and never
    crowds them. Up to 5 ms of lateness, or a quarter of 1/rate, are made good, so that the rate is kept.

    Args:
        now: Seconds.
        next_free: When the next start may be, from the last call.
        held_until: Nothing starts before.
        rate: Starts a second.
        tokens: Starts that happen together.

    Returns:
        The seconds to wait before asking again, 0 if it was taken; and the new ``next_free``.
    """
    if next_free > now + STEPPED:
        next_free = now + tokens / rate
    wait = max(next_free, held_until) - now
    if wait > SOON:
        return wait, next_free
    return 0.0, max(next_free, now - min(MADE_GOOD, 0.25 / rate)) + tokens / rate


class Pacer:
    """The pace of one process.

    Args:
        ledger: Whose row counts.
        clock: To wait on.
        rate: Starts a second, over all owners of the ledger.
    """

    def __init__(self, ledger: Ledger, clock: Clock, rate: float) -> None:
        self._ledger = ledger
        self._clock = clock
        self.rate = rate
        self._changed = clock.condition()
        self._unseen: dict[str, float] = {}  # tag -> when it was sent; guarded by _changed
        self._latest: deque[float] = deque(maxlen=20)  # seconds from turns to their use; guarded by _changed
        self._stopped = False  # guarded by _changed
        self.slowest = 0.0  # longest delay from dial to first leg, in seconds; guarded by _changed
        self.halts = 0  # guarded by _changed

    def wait_turn(self, lease: Lease, tokens: int = 1) -> bool:
        """Wait until the next start may be; False if stopped. The caller sends at once."""
        turn: Turn | None = None
        while not self._stopped:
            if not self._wait_drained():
                return False
            turn = self._ledger.take_token(self.rate, tokens, turn)
            if turn.wait > 0:
                if not self._sleep(min(turn.wait, 2 * LOOK)):
                    return False
            elif self._is_in_time(turn):
                lease.check()
                return True
        return False

    def _is_in_time(self, turn: Turn) -> bool:
        """Whether a turn is still worth using, or this thread was kept from it so long that it would crowd the next.

        How long a commit takes at best, to a server far away, is no lateness.
        """
        late = self._ledger.lease_now() - turn.at
        with self._changed:
            self._latest.append(late)
            return late <= min(self._latest) + LATE

    def _wait_drained(self) -> bool:
        """Wait while the service queues what was dialed before; False if stopped."""
        halted = False
        while not self._stopped and self.is_queueing():
            if not halted:
                halted = True
                with self._changed:
                    self.halts += 1
            self._ledger.hold(2 * LOOK)
            self._sleep(LOOK)
        return not self._stopped

    def _sleep(self, seconds: float) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped, seconds)
            return not self._stopped

    def stop(self) -> None:
        """Let nobody wait any longer."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def sent(self, tag: str) -> None:
        """A dial is about to be sent."""
        with self._changed:
            self._unseen[tag] = self._clock.now()

    def shown(self, tag: str) -> float | None:
        """Its first leg has shown itself, or it is over; returns the delay in seconds, None if that was known."""
        with self._changed:
            sent = self._unseen.pop(tag, None)
            if sent is None:
                return None
            delay = self._clock.now() - sent
            self.slowest = max(self.slowest, delay)
            return delay

    def is_queueing(self) -> bool:
        """Whether a dial has waited longer than ``QUEUEING`` seconds for its first leg."""
        with self._changed:
            oldest = next(iter(self._unseen.values()), None)
            return oldest is not None and self._clock.now() - oldest > QUEUEING
