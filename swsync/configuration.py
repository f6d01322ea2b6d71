"""Settings of a client: from its arguments, else from the official environment variables, checked before anything else.

A wrong setting is named, with the variable that supplies it, and never echoed when it is a secret.
"""

from __future__ import annotations

import ipaddress
import os
import re
from typing import NamedTuple
from urllib.parse import urlsplit

from swsync.errors import ConfigurationError, shown

__all__ = ["DEFAULT_HOST", "Settings", "is_loopback", "read_settings"]

DEFAULT_HOST = "relay.signalwire.com"
DEFAULT_MAX_ACTIVE_CALLS = 1000

_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?\.?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


class Settings(NamedTuple):
    """What a client needs to know to connect.

    Attributes:
        project: The project id; "" with a JWT.
        token: The API token; "" with a JWT.
        jwt_token: The JWT, or "".
        url: ``wss://host[:port]``, or ``ws://`` on this machine.
        is_local: Whether the host is this machine.
        ca_file: One more certificate authority to trust, or "".
        max_active_calls: Calls at once; further inbound ones are passed on.
    """

    project: str
    token: str
    jwt_token: str
    url: str
    is_local: bool
    ca_file: str
    max_active_calls: int

    def __repr__(self) -> str:
        return f"Settings(project={self.project!r}, url={self.url!r})"  # no secret in a log


def read_settings(
    *,
    project: str | None,
    token: str | None,
    jwt_token: str | None,
    host: str | None,
    ca_file: str | None,
    max_active_calls: int | None,
) -> Settings:
    """Take each setting from its argument, or from its variable.

    Raises:
        ConfigurationError: One is missing or cannot work.
    """
    jwt_token = _secret("jwt_token", jwt_token, "SIGNALWIRE_JWT_TOKEN")
    project = _secret("project", project, "SIGNALWIRE_PROJECT_ID")
    token = _secret("token", token, "SIGNALWIRE_API_TOKEN")
    if not jwt_token:
        if not project:
            raise ConfigurationError("project is missing: pass project= or set SIGNALWIRE_PROJECT_ID")
        if not token:
            raise ConfigurationError("token is missing: pass token= or set SIGNALWIRE_API_TOKEN")
    url, is_local = _read_host(host if host is not None else os.environ.get("SIGNALWIRE_SPACE") or DEFAULT_HOST)
    return Settings(
        project=project,
        token=token,
        jwt_token=jwt_token,
        url=url,
        is_local=is_local,
        ca_file=_read_ca_file(ca_file if ca_file is not None else os.environ.get("SIGNALWIRE_RELAY_CA_FILE", "")),
        max_active_calls=_read_max_active_calls(max_active_calls),
    )


def _secret(name: str, value: str | None, variable: str) -> str:
    if value is None:
        value = os.environ.get(variable, "")
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} ({variable}) must be text, not {type(value).__name__}")
    if value and (value != value.strip() or not value.isprintable()):
        raise ConfigurationError(f"{name} ({variable}) holds a line break, a blank at an end or a control character")
    return value


def _read_host(host: str) -> tuple[str, bool]:
    """Return the URL of a host, and whether it is this machine."""
    if not isinstance(host, str) or not host:
        raise ConfigurationError("host is empty: pass host= or set SIGNALWIRE_SPACE, such as example.signalwire.com")
    scheme, separator, rest = host.partition("://")
    if not separator:
        scheme, rest = "wss", host
    rest = rest.removesuffix("/")
    if scheme not in ("ws", "wss") or not _HOST.fullmatch(rest):
        given = shown(re.sub("[^/@]*@", "***@", host))  # who is named there has a password too
        raise ConfigurationError(
            f"host (SIGNALWIRE_SPACE) must be a name such as example.signalwire.com, or with :port, not {given}"
        )
    try:
        parts = urlsplit(f"{scheme}://{rest}")
        name, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ConfigurationError(f"host (SIGNALWIRE_SPACE) {shown(host)} cannot be used: {shown(str(error))}") from None
    if port == 0 or not name or ".." in name:
        raise ConfigurationError(f"host (SIGNALWIRE_SPACE) {shown(host)} cannot be used: no such name or port")
    is_local = is_loopback(name)
    if scheme == "ws" and not is_local:
        raise ConfigurationError(
            f"host (SIGNALWIRE_SPACE) {shown(host)}: ws:// would send the token in the clear; "
            "it is for this machine only, use wss://"
        )
    return f"{scheme}://{rest}", is_local


def is_loopback(name: str) -> bool:
    """Whether a host name or address means this machine."""
    if name.lower().rstrip(".") in ("localhost", "localhost.localdomain", "ip6-localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _read_ca_file(path: str) -> str:
    path = os.fspath(path)
    if path and not os.access(path, os.R_OK):
        raise ConfigurationError(f"the file {shown(path)} of ca_file (SIGNALWIRE_RELAY_CA_FILE) cannot be read")
    return path


def check_numbers(request_timeout: float, connect_timeout: float, call_grace: float, max_callback_threads: int) -> None:
    """Refuse what would only fail, or wait for nothing, on another thread later.

    Raises:
        ConfigurationError: One is no number of seconds or of threads.
    """
    seconds = {"request_timeout": request_timeout, "connect_timeout": connect_timeout, "call_grace": call_grace}
    for name, value in seconds.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:  # NaN is not
            raise ConfigurationError(f"{name} must be a number of seconds above zero, not {shown(value)}")
    if isinstance(max_callback_threads, bool) or not isinstance(max_callback_threads, int) or max_callback_threads < 1:
        raise ConfigurationError(f"max_callback_threads must be 1 or more, not {shown(max_callback_threads)}")


def _read_max_active_calls(value: int | None) -> int:
    if value is None:
        text = os.environ.get("RELAY_MAX_ACTIVE_CALLS", "")
        if not text:
            return DEFAULT_MAX_ACTIVE_CALLS
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise ConfigurationError(f"RELAY_MAX_ACTIVE_CALLS must be a whole number, not {shown(text)}")
        value = int(text)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"max_active_calls (RELAY_MAX_ACTIVE_CALLS) must be 1 or more, not {shown(value)}")
    return value
