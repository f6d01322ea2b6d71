"""The network of a virtual time: addresses, and who has them."""

from __future__ import annotations

import pytest

from swsync import media
from swsync.clock import REAL, VirtualClock
from swsync.errors import MediaError
from swsync.memorynet import MemoryNet, net_of


def test_only_virtual_time_has_one() -> None:
    """Each virtual time has a network of its own."""
    clock = VirtualClock()
    assert net_of(clock) is clock.net
    assert net_of(VirtualClock()) is not clock.net
    assert net_of(REAL) is None


def test_an_address_is_one_receivers() -> None:
    """A second one is refused, until the first has closed."""
    clock = VirtualClock()
    with media.RtpReceiver(port=5004, clock=clock):
        assert clock.net.find(("127.0.0.1", 5004)) is not None
        with pytest.raises(MediaError, match="in use"):
            media.RtpReceiver(port=5004, clock=clock)
        with media.RtpReceiver(port=5004, clock=VirtualClock()):
            pass
    assert clock.net.find(("127.0.0.1", 5004)) is None
    with media.RtpReceiver(port=5004, clock=clock) as rx:
        assert 5004 == rx.device["params"]["port"]


def test_ports_are_even_and_the_same_in_every_run() -> None:
    """As RTP's are (RFC 3550 section 11)."""
    ports = [MemoryNet().free_port() for _ in range(2)]
    assert ports[0] == ports[1]
    net = MemoryNet()
    given = [net.free_port() for _ in range(30_000)]
    assert not any(port % 2 for port in given)
    assert 1024 < min(given)
    assert max(given) < 65536


def test_two_web_sockets_have_two_addresses() -> None:
    """Each has its path; an ended one is not found."""
    clock = VirtualClock()
    with media.TapReceiver(clock=clock) as one, media.StreamReceiver(clock=clock) as other:
        assert clock.net.find(one.device["params"]["uri"]) is not clock.net.find(other.url)
        url = other.url
        other.end()
        assert clock.net.find(url) is None
        assert other.ended
    assert one.closed
