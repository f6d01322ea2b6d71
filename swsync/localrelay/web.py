"""What the relay asks web servers for, with limits: documents, and the answers of functions. It blocks.

Only this machine unless the relay has ``allow_remote``; no proxy, no redirect; so many octets and seconds.
"""

from __future__ import annotations

import base64
import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from swsync.errors import ConfigurationError, ConnectionFailed

from .places import is_loopback
from .playback import SamePlace

__all__ = ["fetch_text", "post_json"]

SECONDS = 10.0
MOST = 1024 * 1024  # octets of an answer


def _parts(url: str) -> urllib.parse.SplitResult:
    try:
        parts = urllib.parse.urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not url.isascii() or any(c.isspace() or ord(c) < 32 for c in url):
        raise ConfigurationError(f"{url!r:.120} is no http or https URL")
    return parts


def _ask(url: str, body: dict[str, Any], allow_remote: bool, timeout: float) -> str:
    parts = _parts(url)
    if not allow_remote and not is_loopback(parts.hostname or ""):
        raise ConfigurationError(
            f"{parts.hostname} is not this machine, and the local relay stays on it unless it has allow_remote=True"
        )
    headers = {"Content-Type": "application/json", "Accept": "application/json, */*", "User-Agent": "swsync-relay"}
    host = parts.netloc.rpartition("@")[2]
    if parts.username is not None:  # user:password@ in the URL is how the service is given them
        words = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(words.encode()).decode()}"
    plain = urllib.parse.urlunsplit((parts.scheme, host, parts.path, parts.query, ""))
    request = urllib.request.Request(plain, json.dumps(body).encode(), headers, method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), SamePlace())
    try:
        with opener.open(request, timeout=timeout) as reply:
            data = reply.read(MOST + 1)
    except urllib.error.HTTPError as error:
        error.close()
        raise ConnectionFailed(f"{plain} answered {error.code} {error.reason}") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise ConnectionFailed(f"{plain} could not be asked: {error}") from error
    if len(data) > MOST:
        raise ConnectionFailed(f"{plain} answered more than {MOST} octets")
    return str(data.decode("utf-8", "replace"))


def fetch_text(url: str, about: dict[str, Any], *, allow_remote: bool) -> str:
    """Return a document from a URL, which is told of the call.

    Raises:
        ConfigurationError: It is no URL, or beyond this machine.
        ConnectionFailed: It cannot be had.
    """
    return _ask(url, about, allow_remote, SECONDS)


def post_json(url: str, body: dict[str, Any], *, allow_remote: bool, timeout: float = SECONDS) -> Any:
    """Post JSON and return the JSON of the answer.

    Raises:
        ConfigurationError: It is no URL, or beyond this machine.
        ConnectionFailed: There is no answer, or it is no JSON.
    """
    text = _ask(url, body, allow_remote, timeout)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ConnectionFailed(f"the answer of {_parts(url).hostname} is not JSON: {text[:200]!r}") from None
