"""Settings: arguments, variables, and every way they can be wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from swsync import RelayClient
from swsync.configuration import read_settings
from swsync.errors import ConfigurationError

VARIABLES = {
    "project": "SIGNALWIRE_PROJECT_ID",
    "token": "SIGNALWIRE_API_TOKEN",
    "jwt_token": "SIGNALWIRE_JWT_TOKEN",
    "host": "SIGNALWIRE_SPACE",
    "ca_file": "SIGNALWIRE_RELAY_CA_FILE",
    "max_active_calls": "RELAY_MAX_ACTIVE_CALLS",
}


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the machine does not count."""
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.parametrize("value", ["5", float("nan"), 0, -1, True, None], ids=repr)
@pytest.mark.parametrize("name", ["request_timeout", "connect_timeout", "call_grace", "max_callback_threads"])
def test_numbers_that_are_none(name: str, value: Any) -> None:
    """Said by the constructor, and not by a thread that nobody hears."""
    with pytest.raises(ConfigurationError, match=f"{name} must be"):
        RelayClient("p", "t", host="h.example.com", **{name: value})


def test_times_may_be_without_end() -> None:
    RelayClient("p", "t", host="h.example.com", request_timeout=float("inf"), call_grace=10**9)


def read(**given: Any) -> Any:
    return read_settings(**{**dict.fromkeys(VARIABLES), **given})


def test_arguments_win_over_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each setting has its official variable."""
    monkeypatch.setenv("SIGNALWIRE_PROJECT_ID", "env-project")
    monkeypatch.setenv("SIGNALWIRE_API_TOKEN", "env-token")
    monkeypatch.setenv("SIGNALWIRE_SPACE", "env.example.com")
    monkeypatch.setenv("RELAY_MAX_ACTIVE_CALLS", "7")
    settings = read()
    assert ("env-project", "env-token", "wss://env.example.com", 7) == (
        settings.project, settings.token, settings.url, settings.max_active_calls,
    )  # fmt: skip
    settings = read(project="p", token="t", host="h.example.com", max_active_calls=3)
    assert ("p", "t", "wss://h.example.com", 3) == (
        settings.project, settings.token, settings.url, settings.max_active_calls,
    )  # fmt: skip


@pytest.mark.parametrize(("given", "variable"), [({"token": "t"}, "PROJECT_ID"), ({"project": "p"}, "API_TOKEN")])
def test_what_is_missing_is_named(given: dict[str, str], variable: str) -> None:
    """So is the variable that supplies it; the error is a ValueError, as the official SDK's."""
    with pytest.raises(ConfigurationError, match=variable) as caught:
        RelayClient(**given)  # type: ignore[arg-type]
    assert isinstance(caught.value, ValueError)


def test_an_empty_variable_is_a_missing_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent without credentials."""
    monkeypatch.setenv("SIGNALWIRE_PROJECT_ID", "")
    with pytest.raises(ConfigurationError, match="PROJECT_ID"):
        read(token="t")


def test_a_jwt_is_enough() -> None:
    """Project and token are not needed then."""
    assert "jwt" == read(jwt_token="jwt").jwt_token


def test_the_default_host_is_signalwires() -> None:
    """As in the official SDK."""
    assert ("wss://relay.signalwire.com", False) == (read(jwt_token="j").url, read(jwt_token="j").is_local)


@pytest.mark.parametrize(
    ("host", "url", "is_local"),
    [
        ("example.signalwire.com", "wss://example.signalwire.com", False),
        ("wss://example.signalwire.com/", "wss://example.signalwire.com", False),
        ("localhost:8443", "wss://localhost:8443", True),
        ("ws://127.0.0.1:9", "ws://127.0.0.1:9", True),
        ("ws://[::1]:9", "ws://[::1]:9", True),
        ("ws://localhost", "ws://localhost", True),
        ("10.0.0.1", "wss://10.0.0.1", False),
    ],
)
def test_hosts(host: str, url: str, is_local: bool) -> None:
    """A name, with a port or a scheme if need be."""
    settings = read(jwt_token="j", host=host)
    assert (url, is_local) == (settings.url, settings.is_local)


@pytest.mark.parametrize(
    "host",
    [
        "", " ", "a b", "a\n", "\na", "a\r\nX: y", "http://a", "https://a.com", "a/b", "a?b", "a#b", "u@a", "u:p@a",
        "a:0", "a:99999", "a:", ":1", "-a", "a..b", "ws://example.com", "ws://10.0.0.1", "ws://", "[::1", "ä.com",
        "a\0b", "ws://localhost.evil.com",
    ],
)  # fmt: skip
def test_odd_hosts_are_refused(host: str) -> None:
    """No URL, no user, no line break, and plain text on this machine only."""
    with pytest.raises(ConfigurationError, match="SIGNALWIRE_SPACE"):
        read(jwt_token="j", host=host)


@pytest.mark.parametrize("name", ["project", "token", "jwt_token"])
@pytest.mark.parametrize("value", ["secret\n", " secret", "sec\nret", "sec\0ret", "secret\t"])
def test_credentials_with_blanks_or_line_breaks(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are refused by name, and never shown."""
    given = {"project": "p", "token": "t", name: value}
    with pytest.raises(ConfigurationError, match=VARIABLES[name]) as caught:
        read(**given)
    assert "secret" not in str(caught.value)
    monkeypatch.setenv(VARIABLES[name], value.replace("\0", "\x01"))
    with pytest.raises(ConfigurationError, match=VARIABLES[name]):
        read(**{**given, name: None})


def test_the_ca_file_must_be_readable(tmp_path: Path) -> None:
    """The variable is named."""
    with pytest.raises(ConfigurationError, match="SIGNALWIRE_RELAY_CA_FILE"):
        read(jwt_token="j", ca_file=str(tmp_path / "none.pem"))


@pytest.mark.parametrize("text", ["0", "-1", "x", "1.5", "1e3", "\n", "٣"])
def test_max_active_calls_must_be_a_number(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One or more."""
    monkeypatch.setenv("RELAY_MAX_ACTIVE_CALLS", text)
    with pytest.raises(ConfigurationError, match="RELAY_MAX_ACTIVE_CALLS"):
        read(jwt_token="j")


def test_secrets_do_not_show() -> None:
    """Neither settings nor a client print them."""
    settings = read(project="p", token="very-secret", jwt_token="hidden")
    assert "very-secret" not in repr(settings)
    assert "hidden" not in repr(settings)
    assert "very-secret" not in repr(RelayClient("p", "very-secret", host="localhost"))


@pytest.mark.parametrize("host", ["ann:very-secret@127.0.0.1:1", "wss://ann:very-secret@example.com/x"])
def test_who_is_named_in_a_host_is_in_no_error(host: str) -> None:
    """A proxy's or a web server's address, put there by mistake."""
    with pytest.raises(ConfigurationError, match=r"\*\*\*@") as told:
        read(project="p", token="t", host=host)
    assert "very-secret" not in str(told.value)
