"""A bad network for RTP, as data: which packets of a tap are lost, late, doubled or overtaken. Seeded."""

from __future__ import annotations

import random
import threading
from collections import Counter

import attrs

from swsync.errors import ConfigurationError

__all__ = ["Impaired", "Network", "Packets"]

HEAD_START = 0.2  # seconds by which the packets of a fast clock are late at first, so that it can gain on them
OVERTAKEN = 1.5  # packet times that a packet is held which the next one overtakes


@attrs.frozen(kw_only=True)
class Network:
    """A path with its faults. Probabilities are per packet.

    Attributes:
        loss: Of a packet to be lost, each on its own.
        burst: Of a bad time to begin (Gilbert-Elliott); ``burst_end``: of it to end; ``burst_loss``: of a packet in it
            to be lost.
        jitter: Seconds: each packet is late by up to so many, equally likely.
        drift: Parts per million by which the sender's clock is slow; below zero it is fast.
        duplicates: Of a packet to arrive twice.
        reorder: Of a packet to be overtaken by the next one.
    """

    loss: float = 0.0
    burst: float = 0.0
    burst_end: float = 0.25
    burst_loss: float = 1.0
    jitter: float = 0.0
    drift: float = 0.0
    duplicates: float = 0.0
    reorder: float = 0.0

    def __attrs_post_init__(self) -> None:
        for field in attrs.fields(type(self)):
            value = getattr(self, field.name)
            low, high = {"jitter": (0, 10), "drift": (-1000, 1000)}.get(field.name, (0, 1))
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
                raise ConfigurationError(f"{field.name} of a network must be from {low} to {high}, not {value!r}")


class Packets:
    """What became of the packets on bad networks; any thread may read it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()  # guarded by _lock

    def add(self, *names: str) -> None:
        with self._lock:
            self._counts.update(names)

    def _count(self, name: str) -> int:
        with self._lock:
            return self._counts[name]

    @property
    def sent(self) -> int:
        """How many the relay had to send."""
        return self._count("sent")

    @property
    def lost(self) -> int:
        """How many of them never left."""
        return self._count("lost")

    @property
    def duplicated(self) -> int:
        """How many left twice."""
        return self._count("duplicated")

    @property
    def reordered(self) -> int:
        """How many were held until the next one had left."""
        return self._count("reordered")


class Impaired:
    """One tap's way over a bad network.

    Args:
        network: What it does.
        seed: Of its chances.
        packets: Where they are counted.
    """

    def __init__(self, network: Network, seed: int | str, packets: Packets) -> None:
        self._network = network
        self._random = random.Random(seed)
        self._packets = packets
        self._is_bad = False

    def delays(self, elapsed: float, ptime: float) -> list[float]:
        """Return by how many seconds each copy of the next packet is late; nothing for one that is lost.

        Args:
            elapsed: Seconds since the first packet.
            ptime: Seconds of audio in a packet.
        """
        network, chance = self._network, self._random.random
        self._packets.add("sent")
        # Every packet draws the same number of chances, so that one setting does not shift the others' outcomes.
        lost, in_burst, turn, late, twice, held = (chance() for _ in range(6))
        self._is_bad = turn >= network.burst_end if self._is_bad else turn < network.burst
        if lost < network.loss or (self._is_bad and in_burst < network.burst_loss):
            self._packets.add("lost")
            return []
        delay = network.jitter * late + elapsed * network.drift * 1e-6 + (HEAD_START if network.drift < 0 else 0.0)
        if held < network.reorder:
            self._packets.add("reordered")
            delay += OVERTAKEN * ptime
        if twice < network.duplicates:
            self._packets.add("duplicated")
            return [max(0.0, delay)] * 2
        return [max(0.0, delay)]
