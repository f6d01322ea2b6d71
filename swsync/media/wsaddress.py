"""Where a media WebSocket listens, and the address that the far side is told: they differ behind a proxy."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

import attrs

from swsync.errors import ConfigurationError, shown
from swsync.media.ports import check_host

__all__ = ["Address", "address", "masked"]

LOOPBACK = "127.0.0.1"
ANY = ("", "0.0.0.0", "::")  # addresses to bind, but nobody can connect to them


@attrs.frozen
class Address:
    """The settings of one receiver.

    Attributes:
        host: Address to bind.
        port: Port to bind; 0 for one that is free.
        public_url: What the far side connects to, without the receiver's own path; "" for host and port themselves.
    """

    host: str
    port: int
    public_url: str = ""

    @property
    def base_path(self) -> str:
        """The path of ``public_url``, without a slash at its end. A proxy may strip it or not."""
        return urlsplit(self.public_url).path.rstrip("/")

    def url(self, path: str, port: int, context: ssl.SSLContext | None, environment: Mapping[str, str]) -> str:
        """The advertised address of a path.

        Args:
            path: Begins with a slash.
            port: The one that was bound.
            context: TLS of our own, or None.
            environment: Where ``SWSYNC_PUBLIC_HOST`` is looked up if ``host`` is no address to connect to.

        Raises:
            ConfigurationError: Nobody said where the far side must connect to.
        """
        if self.public_url:
            return self.public_url.rstrip("/") + path
        host = self.host
        if host in ANY:
            host = check_host(environment.get("SWSYNC_PUBLIC_HOST", "").strip(), "SWSYNC_PUBLIC_HOST")
            if not host:
                raise ConfigurationError(
                    f"bound to {self.host or 'all addresses'}, which nobody can connect to; set SWSYNC_MEDIA_URL or "
                    "public_url= (wss://...), or SWSYNC_PUBLIC_HOST, to what the far side must use"
                )
        scheme = "ws" if context is None else "wss"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{path}"


def address(
    host: str | None, port: int | None, public_url: str | None, environment: Mapping[str, str] = os.environ
) -> Address:
    """The settings as given, else by ``SWSYNC_BIND_HOST``, ``SWSYNC_MEDIA_PORT``, ``SWSYNC_MEDIA_URL``, else loopback.

    Raises:
        ConfigurationError: One of them cannot work; the text names it.
    """
    if host is None:
        host = environment.get("SWSYNC_BIND_HOST", "").strip() or LOOPBACK
    if public_url is None:
        public_url = environment.get("SWSYNC_MEDIA_URL", "").strip()
    return Address(
        check_host(host, "SWSYNC_BIND_HOST or host=").strip("[]"), _port(port, environment), _check_url(public_url)
    )


def masked(url: str) -> str:
    """A media address for logs: its last path segment may be a secret."""
    return url.rpartition("/")[0] + "/****"


def _port(port: int | None, environment: Mapping[str, str]) -> int:
    if port is None:
        text = environment.get("SWSYNC_MEDIA_PORT", "").strip() or "0"
        port = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else -1
        if not 0 <= port <= 65535:
            raise ConfigurationError(f"SWSYNC_MEDIA_PORT is a port from 0 (any free one) to 65535, not {shown(text)}")
    if not 0 <= port <= 65535:
        raise ConfigurationError(f"port= is from 0 (any free one) to 65535, not {shown(port)}")
    return port


def _check_url(url: str) -> str:
    if not url:
        return ""
    wanted = "set SWSYNC_MEDIA_URL or public_url= to an address such as wss://media.example.com/base"
    try:
        parts = urlsplit(url)
        hostname, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigurationError(
            f"the public media address {shown(url)} is wrong: {shown(str(error))}; {wanted}"
        ) from None
    if parts.scheme not in ("ws", "wss") or not hostname:
        raise ConfigurationError(f"the public media address {shown(url)} is no ws:// or wss:// address; {wanted}")
    if parts.query or parts.fragment or parts.username or parts.password:
        raise ConfigurationError(
            f"the public media address of {shown(hostname)} has a query, fragment or user; {wanted}"
        )
    if not url.isascii() or any(character.isspace() or not character.isprintable() for character in url):
        raise ConfigurationError(f"the public media address {shown(url)} has characters that no address has; {wanted}")
    return url
