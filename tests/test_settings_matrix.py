"""Every variable that swsync reads: empty, wrong, with a line break, far too long. It works, or it is named."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import swsync
from swsync import media
from swsync.configuration import read_settings
from swsync.errors import ConfigurationError, MediaError, SwsyncError
from swsync.media.ports import port_range

HERE = Path(__file__).resolve().parent


def client() -> None:
    """What a client reads."""
    read_settings(project=None, token=None, jwt_token=None, host=None, ca_file=None, max_active_calls=None)


def rtp() -> None:
    """What a receiver of RTP reads, and a port that receivers share."""
    with media.RtpReceiver() as receiver:
        assert receiver.device["params"]["addr"].isprintable()
    with media.RtpPort() as port:
        assert port.port


def websocket() -> None:
    """What the receivers of WebSocket media read."""
    with media.TapReceiver() as receiver:
        assert receiver.device["params"]["uri"].isprintable()
    with media.StreamReceiver() as stream:
        assert stream.url.isprintable()


READERS: dict[str, Callable[[], None]] = {"client": client, "rtp": rtp, "websocket": websocket}

# Whoever reads it, what it may hold, and whether it may be empty. A public host is a name that others resolve: whether
# there is one, this machine cannot know.
VARIABLES: dict[str, tuple[tuple[str, ...], str, bool]] = {
    "SIGNALWIRE_PROJECT_ID": (("client",), "a-project", False),
    "SIGNALWIRE_API_TOKEN": (("client",), "PTsecret", False),
    "SIGNALWIRE_JWT_TOKEN": (("client",), "ey.jwt.secret", True),
    "SIGNALWIRE_SPACE": (("client",), "example.signalwire.com", True),
    "SIGNALWIRE_RELAY_CA_FILE": (("client",), "", True),
    "RELAY_MAX_ACTIVE_CALLS": (("client",), "5", True),
    "SWSYNC_PUBLIC_HOST": (("rtp", "websocket"), "media.example.com", True),
    "SWSYNC_BIND_HOST": (("rtp", "websocket"), "127.0.0.1", True),
    "SWSYNC_RTP_PORTS": (("rtp",), "20000-21000", True),
    "SWSYNC_MEDIA_URL": (("websocket",), "wss://media.example.com/base", True),
    "SWSYNC_MEDIA_PORT": (("websocket",), "0", True),
    "SWSYNC_RTP_PLAIN": ((), "1", True),  # "1" or anything else
}
WRONG = [
    "\n", "a\nb", "x\r\nHost: evil", "\x1b[31m", "a b", " ", "-1", "65536", "9" * 5000, "1-" + "9" * 5000, "\u0663",
    "x" * 100_000, "http://a/", "wss://u:p@a", "wss://[::1", "<b>", "'; rm -rf /", "\u202eevil", "%s%n", "../..",
    "256.1.1.1",
]  # fmt: skip


@pytest.fixture(autouse=True)
def only_these(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of the machine's; the credentials are good ones."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("SIGNALWIRE_PROJECT_ID", "a-project")
    monkeypatch.setenv("SIGNALWIRE_API_TOKEN", "PTsecret")


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_good_value_and_none(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty is as if it were not set; what must be there is named."""
    readers, good, may_be_empty = VARIABLES[variable]
    for reader in readers:
        monkeypatch.setenv(variable, good)
        READERS[reader]()
        monkeypatch.setenv(variable, "")
        if may_be_empty:
            READERS[reader]()
        else:
            with pytest.raises(ConfigurationError, match=variable):
                READERS[reader]()


@pytest.mark.parametrize("value", WRONG, ids=lambda value: ascii(value[:8]))
@pytest.mark.parametrize("variable", VARIABLES)
def test_a_wrong_value(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused by an error that names the variable, or used as it is, in one line; a secret is never shown."""
    monkeypatch.setenv(variable, value)
    for reader in VARIABLES[variable][0]:
        try:
            READERS[reader]()
        except (ConfigurationError, MediaError) as error:
            text = str(error)
        else:
            continue
        assert variable in text[:500]
        assert text[:500].isprintable()
        assert len(text) < 500
        assert not variable.endswith("TOKEN") or value.isspace() or (value in text) is False


def test_numbers_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """More digits than Python reads as a number."""
    monkeypatch.setenv("SWSYNC_RTP_PORTS", "1-" + "9" * 5000)
    with pytest.raises(ConfigurationError, match="SWSYNC_RTP_PORTS"):
        port_range()


def test_an_error_of_any_of_them_is_ours() -> None:
    """One ``except`` is enough."""
    assert issubclass(ConfigurationError, SwsyncError)
    assert issubclass(MediaError, SwsyncError)


def test_no_variable_is_missing_here() -> None:
    """Each that the package names is in the table above, and is in the pages."""
    sources = "".join(path.read_text() for path in Path(swsync.__file__).parent.rglob("*.py"))
    named = set(re.findall(r'"((?:SWSYNC|SIGNALWIRE|RELAY)_[A-Z_]+)"', sources))
    assert named == set(VARIABLES)
    pages = "".join(path.read_text() for path in (HERE.parent / "docs").glob("*.md"))
    assert not {name for name in named if name not in pages and name != "SWSYNC_RTP_PLAIN"}
