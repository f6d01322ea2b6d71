"""Which ports media takes."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from swsync import media
from swsync.errors import ConfigurationError, MediaError
from swsync.media import ports, sharedport, socketline


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


def test_a_port_given_back_while_another_thread_chooses_rests_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given back and closed between the choice and the bind: it is left alone, and its socket is not left open."""
    monkeypatch.setenv("SWSYNC_RTP_PORTS", "21400-21403")
    monkeypatch.setattr(ports, "_resting", {})
    bind, tried = ports._bind, []

    def late(family: int, address: tuple[Any, ...]) -> socket.socket:
        if not tried:
            ports.give_back(address[1])
        tried.append(address[1])
        return bind(family, address)

    monkeypatch.setattr(ports, "_bind", late)
    with ports.bind_udp("127.0.0.1") as sock:
        assert 2 == len(tried)
        assert tried[1] == sock.getsockname()[1]
        bind(socket.AF_INET, ("127.0.0.1", tried[0])).close()


@pytest.mark.parametrize(("kind", "module"), [(media.RtpReceiver, socketline), (media.RtpPort, sharedport)])
def test_a_port_is_given_back_before_others_can_have_it(
    kind: type[media.RtpReceiver | media.RtpPort], module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who binds it the moment it is closed finds it resting."""
    given: list[int] = []

    def give_back(port: int, *_: Any) -> None:
        with pytest.raises(MediaError, match="in use"):
            ports.bind_udp("127.0.0.1", port)
        given.append(port)

    monkeypatch.setattr(module, "give_back", give_back)
    with kind() as opened:
        port = opened.port
    assert [port] == given


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
