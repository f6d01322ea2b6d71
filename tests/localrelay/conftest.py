"""A relay, and a client that speaks plain frames to it: in virtual time, and over sockets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from swsync.clock import VirtualClock
from swsync.localrelay import LocalRelay

from .wire import Wire, in_memory, over_socket


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    """A virtual clock to which the test's thread belongs."""
    clock = VirtualClock()
    with clock.thread():
        yield clock


@pytest.fixture
def relay(clock: VirtualClock) -> Iterator[LocalRelay]:
    """A relay in virtual time."""
    with LocalRelay(clock=clock) as relay:
        yield relay


@pytest.fixture
def wire(relay: LocalRelay) -> Iterator[Wire]:
    """A connected client of ``relay``."""
    with in_memory(relay) as wire:
        wire.connect()
        yield wire


@pytest.fixture
def real_relay() -> Iterator[LocalRelay]:
    """A relay on a socket, ten times as fast as life."""
    with LocalRelay(speed=10, tls=False) as relay:
        yield relay


@pytest.fixture
def real_wire(real_relay: LocalRelay) -> Iterator[Wire]:
    """A connected client of ``real_relay``."""
    with over_socket(real_relay) as wire:
        wire.connect()
        yield wire
