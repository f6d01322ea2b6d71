"""The way to RELAY: credentials, name, certificate, clock, session, contexts."""

from __future__ import annotations

import contextlib
import datetime
import email.utils
import os
import socket
import ssl
import statistics
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from swsync.clock import REAL
from swsync.commands.checks.finding import Finding, ok, warning, wrong
from swsync.configuration import Settings, read_settings
from swsync.errors import ConfigurationError, SwsyncError

__all__ = ["credentials", "link", "session"]

DAY = 86_400.0
SOON = 14 * DAY  # a certificate that expires within
SKEW = 5.0  # seconds by which clocks may differ
SLOW = 0.5  # seconds of a ping
PINGS = 5


def credentials() -> tuple[list[Finding], Settings | None]:
    """Which variables are set, and the settings, if they can be read."""
    is_jwt = bool(os.environ.get("SIGNALWIRE_JWT_TOKEN"))
    wanted = [] if is_jwt else ["SIGNALWIRE_PROJECT_ID", "SIGNALWIRE_API_TOKEN"]
    missing = [name for name in wanted if not os.environ.get(name)]
    found = [
        wrong("credentials", f"{name} is not set", f"export {name}=... (from the API page of the space's dashboard)")
        for name in missing
    ]
    try:
        # What is missing has been told: the rest can be looked at without it.
        settings = read_settings(
            project="missing" if "SIGNALWIRE_PROJECT_ID" in missing else None,
            token="missing" if "SIGNALWIRE_API_TOKEN" in missing else None,
            jwt_token=None, host=None, ca_file=None, max_active_calls=None,
        )  # fmt: skip
    except ConfigurationError as error:
        return [*found, wrong("credentials", str(error), "set that variable anew")], None
    if not missing:
        found.append(ok("credentials", f"{' and '.join(wanted) or 'SIGNALWIRE_JWT_TOKEN'} set"))
    why = "SIGNALWIRE_SPACE" if os.environ.get("SIGNALWIRE_SPACE") else "SIGNALWIRE_SPACE is not set"
    found.append(ok("host", f"{settings.url}{', this machine' if settings.is_local else ''} ({why})"))
    if settings.ca_file:
        found.append(ok("authority", f"{settings.ca_file} is trusted too (SIGNALWIRE_RELAY_CA_FILE)"))
    return found, settings


def link(settings: Settings, timeout: float) -> Iterator[Finding]:
    """Name, connection, certificate, clock. What follows from a failure is left out."""
    parts = urlsplit(settings.url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "wss" else 80)
    proxy = _proxy(host, parts.scheme)
    if proxy:
        yield ok("DNS", f"{proxy} is a proxy, which looks {host} up and connects to it")
        return
    began = REAL.now()
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        yield wrong("DNS", f"{host} has no address: {error}", "look at SIGNALWIRE_SPACE and at this machine's resolver")
        return
    addresses = ", ".join(dict.fromkeys(str(each[4][0]) for each in found))
    yield ok("DNS", f"{host} is {addresses} ({_ms(REAL.now() - began)})")
    try:
        sock = socket.create_connection((host, port), timeout)
    except OSError as error:
        yield wrong("connection", f"{host} port {port}: {error}", "look at SIGNALWIRE_SPACE, and at firewalls between")
        return
    with contextlib.closing(sock):
        yield from _encrypted(settings, sock, host, parts.scheme == "wss")


def _proxy(host: str, scheme: str) -> str:
    """The proxy that websocket-client takes from the environment, without what may be secret in it."""
    from websocket._url import get_proxy_info  # the one that decides

    name, port, _ = get_proxy_info(host, scheme == "wss")
    return f"{name}:{port or 80}" if name else ""


def _encrypted(settings: Settings, sock: socket.socket, host: str, is_tls: bool) -> Iterator[Finding]:
    if not is_tls:
        yield ok("TLS", "none: ws:// on this machine")
        yield from _clock(settings, sock)
        return
    context = ssl.create_default_context()
    began = REAL.now()
    try:
        if settings.ca_file:
            context.load_verify_locations(cafile=settings.ca_file)
        wrapped = context.wrap_socket(sock, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        yield wrong(
            "TLS",
            f"the certificate of {host} is refused: {error.verify_message}",
            "for a relay of your own: export SIGNALWIRE_RELAY_CA_FILE=its CA; else look at this machine's date and at "
            "its authorities (Debian: apt-get install ca-certificates)",
        )
        return
    except (OSError, ValueError) as error:
        yield wrong("TLS", f"{host}: {error}", "look at SIGNALWIRE_SPACE (another port?), and at proxies between")
        return
    with contextlib.closing(wrapped):
        yield _certificate(wrapped, REAL.now() - began)
        yield from _clock(settings, wrapped)


def _certificate(wrapped: ssl.SSLSocket, seconds: float) -> Finding:
    certificate: Any = wrapped.getpeercert() or {}
    issuer = dict(pair for group in certificate.get("issuer", ()) for pair in group)
    by = issuer.get("organizationName") or issuer.get("commonName") or "an unnamed authority"
    end = ssl.cert_time_to_seconds(certificate["notAfter"])
    until = datetime.datetime.fromtimestamp(end, datetime.timezone.utc).date()
    text = f"{wrapped.version()} ({_ms(seconds)}); certificate by {by}, good until {until}"
    if end - REAL.time() < SOON:
        return warning("TLS", text, "it has to be renewed soon, by whoever runs that host")
    return ok("TLS", text)


def _clock(settings: Settings, sock: socket.socket) -> Iterator[Finding]:
    """Compare with the time that the service tells in its answer to the upgrade."""
    import websocket

    try:
        ws: Any = websocket.create_connection(settings.url, socket=sock, suppress_origin=True, redirect_limit=0)
        told = (ws.getheaders() or {}).get("date", "")
        ws.shutdown()
    except Exception as error:  # websocket-client lets OSError, value and its own errors through
        yield wrong("WebSocket", f"the host does not speak it: {error}", "look at SIGNALWIRE_SPACE: is this the space?")
        return
    try:
        there = email.utils.parsedate_to_datetime(told).timestamp() + 0.5  # it is in whole seconds
    except (TypeError, ValueError):
        yield ok("clock", "the service tells no time to compare with")
        return
    skew = REAL.time() - there
    if abs(skew) > SKEW:
        text = f"this machine is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the service"
        yield warning("clock", text, "turn time synchronisation on (timedatectl set-ntp true)")
    else:
        yield ok("clock", "agrees with the service's")


def session(client: Any, contexts: Sequence[str]) -> Iterator[Finding]:
    """What a connected client can do: pings, contexts."""
    times = []
    try:
        for _ in range(PINGS):
            began = REAL.now()
            client.execute("signalwire.ping", {})
            times.append(REAL.now() - began)
    except (SwsyncError, TimeoutError) as error:
        yield wrong("ping", f"no answer: {error}", "look at the network between")
        return
    text = f"{_ms(statistics.median(times))} ({PINGS} pings, {_ms(min(times))} to {_ms(max(times))})"
    if statistics.median(times) > SLOW:
        yield warning("ping", text, "the network between is slow: each command takes that long")
    else:
        yield ok("ping", text)
    if not contexts:
        yield ok("contexts", "none asked for (--context NAME tries one)")
    for context in contexts:
        try:
            client.receive([context])
            yield ok("contexts", f"calls to {context!r} come to this project's clients")
        except (SwsyncError, TimeoutError) as error:
            yield wrong("contexts", f"{context!r} is refused: {error}", "look at the context's name and the project's")


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms"
