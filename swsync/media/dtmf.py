"""Keys that came over RTP (RFC 4733), each once; C puts them together (``csrc/dtmf.c``)."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import attrs

from swsync._media import ffi, lib
from swsync.media.digits import EVENTS
from swsync.media.streamevents import CallbackQueue

if TYPE_CHECKING:
    from swsync.clock import Clock
    from swsync.media.rtpstream import RtpStream

__all__ = ["KeyReader", "TelephoneEvent"]

KEPT = 1000  # keys
BLOCK = 64  # taken from C at a time

_KEYS = {number: key for key, number in EVENTS.items()}


@attrs.frozen(kw_only=True)
class TelephoneEvent:
    """A key that was pressed.

    Attributes:
        digit: ``0`` to ``9``, ``*``, ``#``, ``A`` to ``D``.
        duration: Seconds that it was held, as far as is known: its end may have got lost.
        volume: dBm0 of its tone, 0 to -63.
        position: Where on the track's timeline it began, in samples.
        arrival: When its first packet came, in seconds of the track's clock.
    """

    digit: str
    duration: float
    volume: int
    position: int
    arrival: float


class KeyReader:
    """The keys of one stream.

    Args:
        stream: Where they come from.
        changed: A condition of the receiver's, notified with each key.
        clock: The receiver's.
        on_dtmf: Called with each.
    """

    def __init__(
        self, stream: RtpStream, changed: Any, clock: Clock, on_dtmf: Callable[[TelephoneEvent], object] | None
    ) -> None:
        self._stream = stream
        self._changed = changed
        self._on_dtmf = on_dtmf
        self._callbacks = CallbackQueue(clock)
        self._out = ffi.new("sw_telephone_event[]", BLOCK)  # guarded by _changed, as all below
        self._kept: collections.deque[TelephoneEvent] = collections.deque(maxlen=KEPT)
        self._count = 0  # of all keys
        self._untold: collections.deque[TelephoneEvent] = collections.deque(maxlen=KEPT)

    def fetch(self) -> None:
        """Take what C has, wake who waits for it, and have the callback called."""
        with self._changed:
            self._take()
            self._changed.notify_all()
            untold, self._untold = self._untold, collections.deque(maxlen=KEPT)
        for event in untold:
            assert self._on_dtmf is not None
            self._callbacks.submit(self._on_dtmf, event)

    def _take(self) -> None:
        """Requires _changed."""
        while n := lib.sw_rx_events(self._stream.c, self._out, BLOCK):
            for raw in self._out[0:n]:
                if raw.event not in _KEYS:
                    continue
                event = TelephoneEvent(
                    digit=_KEYS[raw.event],
                    duration=raw.duration / self._stream.clock_rate,
                    volume=-raw.volume,
                    position=raw.position,
                    arrival=raw.arrival / 1e9,
                )
                self._kept.append(event)
                self._count += 1
                if self._on_dtmf is not None:
                    self._untold.append(event)

    def all(self) -> tuple[TelephoneEvent, ...]:
        """The last thousand."""
        with self._changed:
            self._take()
            return tuple(self._kept)

    def _has_after(self, number: int) -> bool:
        """Whether there are more than so many; requires _changed."""
        self._take()
        return self._count > number

    def _after(self, number: int) -> list[TelephoneEvent]:
        """Those behind the first so many of all, as far as they are kept; requires _changed."""
        return list(itertools.islice(self._kept, max(0, len(self._kept) - (self._count - number)), None))

    def follow(
        self, has_ended: Callable[[], bool], wait: Callable[[Callable[[], Any]], object]
    ) -> Iterator[TelephoneEvent]:
        """Each key from the first that is kept, until the end.

        Args:
            has_ended: Whether no more will come.
            wait: Waits in the condition until what it is given is true; raises if that takes too long.
        """
        number = 0
        while True:
            with self._changed:
                wait(lambda: self._has_after(number) or has_ended())  # noqa: B023 -- called before it changes
                found, number = self._after(number), self._count
            if not found:
                return
            yield from found
