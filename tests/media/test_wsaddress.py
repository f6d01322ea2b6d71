"""Where a media WebSocket listens and what the far side is told."""

from __future__ import annotations

import ssl

import pytest

from swsync.errors import ConfigurationError
from swsync.media.wsaddress import address, masked


def test_defaults() -> None:
    """Without settings it is loopback and any free port."""
    where = address(None, None, None, {})
    assert ("127.0.0.1", 0, "") == (where.host, where.port, where.public_url)
    assert "ws://127.0.0.1:4000/x" == where.url("/x", 4000, None, {})
    assert "wss://127.0.0.1:4000/x" == where.url("/x", 4000, ssl.create_default_context(), {})


def test_environment() -> None:
    """The variables are read; arguments win over them; spaces and line ends around them do not matter."""
    environment = {
        "SWSYNC_BIND_HOST": " 0.0.0.0\n",
        "SWSYNC_MEDIA_PORT": "8443\n",
        "SWSYNC_MEDIA_URL": "wss://media.example.com/base/ ",
    }
    where = address(None, None, None, environment)
    assert ("0.0.0.0", 8443) == (where.host, where.port)
    assert "/base" == where.base_path
    assert "wss://media.example.com/base/x" == where.url("/x", 8443, None, {})
    where = address("127.0.0.1", 0, "", environment)
    assert ("127.0.0.1", 0, "") == (where.host, where.port, where.public_url)


def test_bound_to_all() -> None:
    """Nobody can connect to 0.0.0.0: the public host is told, and must be known."""
    where = address("0.0.0.0", 0, None, {})
    assert "ws://203.0.113.7:1/x" == where.url("/x", 1, None, {"SWSYNC_PUBLIC_HOST": "203.0.113.7"})
    with pytest.raises(ConfigurationError, match="SWSYNC_MEDIA_URL"):
        where.url("/x", 1, None, {"SWSYNC_PUBLIC_HOST": " "})
    assert "ws://[2001:db8::1]:1/x" == address("2001:db8::1", 0, None, {}).url("/x", 1, None, {})
    assert "ws://localhost:1/x" == address("localhost", 0, None, {}).url("/x", 1, None, {})


@pytest.mark.parametrize("value", ["x", "-1", "65536", "1.5", "\u0668\u0664\u0664\u0663", "80 80", "1" * 50])
def test_wrong_port(value: str) -> None:
    """A port that is none is named with its variable."""
    with pytest.raises(ConfigurationError, match="SWSYNC_MEDIA_PORT"):
        address(None, None, None, {"SWSYNC_MEDIA_PORT": value})


@pytest.mark.parametrize("value", [-1, 65536])
def test_wrong_port_argument(value: int) -> None:
    """The same for the argument."""
    with pytest.raises(ConfigurationError, match="port="):
        address(None, value, None, {})


@pytest.mark.parametrize(
    "value",
    [
        "media.example.com", "https://media.example.com", "wss://", "wss://a/?b=c", "wss://a/#b", "wss://u:p@a/",
        "wss://a:99999/", "wss://[::1", "wss://a/ü", "wss://a/b c", "wss://a\n.example.com/",
    ],
)  # fmt: skip
def test_wrong_url(value: str) -> None:
    """A public address that cannot be one is named with its variable."""
    with pytest.raises(ConfigurationError, match="SWSYNC_MEDIA_URL"):
        address(None, None, None, {"SWSYNC_MEDIA_URL": value})


@pytest.mark.parametrize("value", ["a b", "http://a", "a@b", "a\0b"])
def test_wrong_host(value: str) -> None:
    """The same for the address to bind."""
    with pytest.raises(ConfigurationError, match="SWSYNC_BIND_HOST"):
        address(value, None, None, {})


def test_masked() -> None:
    """The last segment is hidden."""
    assert "wss://media.example.com/base/****" == masked("wss://media.example.com/base/0123456789abcdef")


def test_a_public_url_alone_stays_on_loopback() -> None:
    """What it leads to is usually a proxy on this machine."""
    assert "127.0.0.1" == address(None, None, None, {"SWSYNC_MEDIA_URL": "wss://media.example.com/x"}).host
