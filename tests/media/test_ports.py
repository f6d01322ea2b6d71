"""Which ports media takes."""

from __future__ import annotations

import pytest

from swsync.errors import ConfigurationError, MediaError
from swsync.media import ports


def test_random_even_ports_of_the_range(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is even, inside, and another one."""
    monkeypatch.setenv("SWSYNC_RTP_PORTS", " 21001-21101 ")
    sockets = [ports.bind_udp("127.0.0.1") for _ in range(20)]
    numbers = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    assert 20 == len(set(numbers))
    assert all(21001 <= number <= 21101 and number % 2 == 0 for number in numbers)


def test_a_port_rests_before_it_is_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """For ten seconds a port that was given back is not taken; a range without others is used up."""
    monkeypatch.setenv("SWSYNC_RTP_PORTS", "21200-21201")
    monkeypatch.setattr(ports, "_resting", {})
    ports.bind_udp("127.0.0.1").close()
    ports.give_back(21200)
    with pytest.raises(MediaError, match="SWSYNC_RTP_PORTS"):
        ports.bind_udp("127.0.0.1")
    ports._resting[21200] -= ports.REST
    ports.bind_udp("127.0.0.1").close()


def test_a_range_that_is_used_up_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the variable."""
    monkeypatch.setenv("SWSYNC_RTP_PORTS", "21300-21301")
    sock = ports.bind_udp("127.0.0.1")
    with pytest.raises(MediaError, match="SWSYNC_RTP_PORTS"):
        ports.bind_udp("127.0.0.1")
    sock.close()


@pytest.mark.parametrize("host", ["nonsense.invalid", "192.0.2.1", "a\0b"])
def test_a_host_that_is_not_ours(host: str) -> None:
    """The sentence names the variable that may have brought it."""
    with pytest.raises(MediaError, match="SWSYNC_BIND_HOST"):
        ports.bind_udp(host)


@pytest.mark.parametrize("port", [-1, 65536, 70000])
def test_a_port_that_is_none(port: int) -> None:
    """A sentence with the number, as for every other address that cannot be bound."""
    with pytest.raises(MediaError, match=str(port)):
        ports.bind_udp("127.0.0.1", port)


@pytest.mark.parametrize("text", ["x", "1-2", "30000", "30000-20000", "20000-70000", "-", "2\n0-30", "٣٠٠٠٠-٣٠٠٠٢"])
def test_a_range_that_is_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Anything else is refused with the form it should have."""
    monkeypatch.setenv("SWSYNC_RTP_PORTS", text)
    with pytest.raises(ConfigurationError, match="LOW-HIGH"):
        ports.port_range()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("192.0.2.7", (bytes([192, 0, 2, 7]), 4, 32, 0)),
        ("192.0.2.7/24", (bytes([192, 0, 2, 0]), 4, 24, 0)),
        (("192.0.2.7", 4000), (bytes([192, 0, 2, 7]), 4, 32, 4000)),
        ({"type": "rtp", "params": {"addr": "192.0.2.7", "port": 9}}, (bytes([192, 0, 2, 7]), 4, 32, 9)),
        ("::1", (bytes(15) + b"\1", 6, 128, 0)),
    ],
)
def test_forms_of_a_source(source: object, expected: tuple[bytes, int, int, int]) -> None:
    """Address, network, pair, device."""
    assert expected == ports.parse_source(source)
