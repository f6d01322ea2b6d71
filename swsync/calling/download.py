"""Fetching a finished recording: https, from hosts that are allowed, and no more than so many bytes."""

from __future__ import annotations

import http.client
import ipaddress
import os
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from swsync.errors import MediaError
from swsync.masking import hidden

__all__ = ["fetch"]

BLOCK = 64 * 1024


def check_url(url: str, allowed_hosts: Sequence[str], is_local_host: bool) -> None:
    """Refuse an address that a recording cannot come from.

    Raises:
        MediaError: Not https, or a host that is not allowed. Plain http is for a local relay on loopback only.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise MediaError(f"{_shown(url)!r} is not an address: {error}") from None
    host = (parts.hostname or "").lower().rstrip(".")
    if parts.username is not None:  # urllib takes it for a part of the host
        raise MediaError(f"a recording is fetched without a user in its address, not from {_shown(url)!r}")
    if is_local_host and parts.scheme in ("http", "https") and _is_loopback(host):
        return
    if parts.scheme != "https":
        raise MediaError(f"a recording is fetched by https only, not from {_shown(url)!r}")
    if not any(host == allowed or host.endswith(f".{allowed}") for allowed in allowed_hosts):
        raise MediaError(
            f"a recording is fetched from {', '.join(allowed_hosts)} only, not from {host}: name it in allowed_hosts="
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _CheckedRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to where a recording may come from."""

    def __init__(self, allowed_hosts: Sequence[str], is_local_host: bool) -> None:
        self._allowed_hosts = allowed_hosts
        self._is_local_host = is_local_host

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:  # noqa: PLR0917 -- urllib's
        check_url(newurl, self._allowed_hosts, self._is_local_host)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(
    url: str,
    path: str | os.PathLike[str],
    *,
    timeout: float,
    max_size: int,
    allowed_hosts: Sequence[str],
    is_local_host: bool,
) -> Path:
    """Fetch a file into ``path.part``, which becomes ``path`` when it is whole.

    Args:
        url: Where it is.
        path: Where it goes; an existing file is replaced.
        timeout: Seconds without a byte.
        max_size: Bytes at most.
        allowed_hosts: Hosts, and those under them, that it may come from.
        is_local_host: Whether the relay is on this machine.

    Raises:
        MediaError: It may not be fetched from there, it is too large, or it could not be fetched or written.
    """
    check_url(url, allowed_hosts, is_local_host)
    target = Path(path)
    if not target.name:
        raise MediaError(f"a recording is fetched into a file, not into {os.fspath(path)!r}")
    part = target.with_name(f"{target.name}.part")
    opener = urllib.request.build_opener(_CheckedRedirects(allowed_hosts, is_local_host))
    try:
        with opener.open(url, timeout=timeout) as answer, open(part, "wb") as file:
            _copy(answer, file, max_size)
        os.replace(part, target)
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: a header that is no number
        _remove(part)
        raise MediaError(f"the recording {_shown(url)} could not be fetched into {target}: {error}") from error
    except BaseException:
        _remove(part)
        raise
    return target


def _shown(url: str) -> str:
    """An address for an error's text: its query may be a signature that lets others in."""
    return str(hidden(url.partition("?")[0]))


def _remove(part: Path) -> None:
    with suppress(OSError, ValueError):  # a name that no file can have
        part.unlink(missing_ok=True)


def _copy(answer: Any, file: IO[bytes], max_size: int) -> None:
    expected = int(answer.headers.get("Content-Length") or 0)
    size = 0
    while block := answer.read(BLOCK):
        size += len(block)
        if max(size, expected) > max_size:
            raise MediaError(f"the recording has more than the {max_size} bytes of max_size=")
        file.write(block)
    if not size:
        raise MediaError("the recording is empty")
    if size < expected:
        raise MediaError(f"the recording broke off after {size} of {expected} bytes")
