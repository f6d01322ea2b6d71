"""How far media may run ahead of its receiver when time passes faster than in life.

At ``speed=20`` a tap is 1,000 packets a second, and a machine that is busy for a moment would lose some. A receiver of
swsync that lives in the same time (it was given the relay's clock) can be asked how many it has taken: the sender keeps
a window ahead of that and sends the rest later. Nobody else can be asked, so to others it is best effort.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from swsync.clock import Clock

__all__ = ["Credit", "credit_to"]

WINDOW = 100  # packets or messages on the way: what the smallest socket buffer holds
PATIENCE = 0.2  # real seconds without progress after which what was on the way counts as lost
LOOKS = 10  # in vain before that: seconds in which the machine held up everybody are not the receiver's


class Credit:
    """What one sender may send to one receiver. It belongs to the relay's thread.

    Args:
        receiver: Its ``taken`` is how many packets or messages it has had.
        patience: Seconds of the clock.
    """

    def __init__(self, receiver: Any, patience: float) -> None:
        self._receiver = receiver
        self._patience = patience
        self._sent = 0
        self._taken = 0  # when it was last asked
        self._forgiven = int(receiver.taken)  # had before, below zero for what was lost
        self._waited = 0.0  # seconds without progress
        self._asked: float | None = None  # when that was found last

    def take(self, count: int, now: float) -> bool:
        """Whether so many may leave now; then they count as sent."""
        if self._sent + count - self._taken > WINDOW and not self._ask(count, now):
            return False
        self._sent += count
        return True

    def _ask(self, count: int, now: float) -> bool:
        taken = int(self._receiver.taken) - self._forgiven
        if taken > self._taken or self._asked is None:
            self._taken, self._waited = taken, 0.0
        else:
            self._waited += min(now - self._asked, self._patience / LOOKS)
        self._asked = now
        if self._sent + count - taken <= WINDOW:
            self._asked = None
            return True
        if self._waited < self._patience:
            return False
        # Something was lost, or refused, and will never be taken: go on as if it had been.
        self._forgiven -= self._sent - taken
        self._taken, self._asked = self._sent, None
        return True


def credit_to(clock: Clock, address: Hashable) -> Credit | None:
    """The credit of the receiver at an address; None where it cannot be asked, or time is as in life."""
    receivers = getattr(clock, "receivers", None)
    receiver = None if receivers is None else receivers.find(address)
    return None if receiver is None else Credit(receiver, PATIENCE * getattr(clock, "speed", 1.0))
