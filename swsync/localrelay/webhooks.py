"""Webhooks: what a client asked to be posted to its ``status_url``, sent for real and off the relay's thread."""

from __future__ import annotations

import http.client
import json
import threading
import urllib.parse
import urllib.request
from collections import deque
from typing import TYPE_CHECKING, Any

from . import schema
from .places import is_loopback
from .playback import SamePlace

if TYPE_CHECKING:
    from .core import Core

__all__ = ["FIELDS", "Webhooks", "check_webhooks"]

FIELDS = ("status_url", "status_callback", "recording_status_callback", "call_state_url")
WAITING = 1000  # posts that wait; more are dropped and counted
SECONDS = 5.0  # for one post
READ = 1024  # octets of an answer that are looked at


def check_webhooks(params: dict[str, Any], path: str = "") -> None:
    """Refuse a webhook's address that is no http or https URL."""
    for field in FIELDS:
        url = schema.need(params, field, "string", path, "")
        if not url:
            continue
        name = f"{path}.{field}" if path else field
        try:
            parts = urllib.parse.urlsplit(url)
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            good = False
        if not good or not url.isascii() or any(c.isspace() or ord(c) < 32 for c in url):
            raise schema.refuse(name, "must be an http or https URL")


class Webhooks:
    """Posts in order, one at a time, on a thread that lives while there is something to post.

    Addresses beyond this machine get nothing unless the relay has ``allow_remote``; the journal says so.

    Attributes:
        sent: How many were taken by the far side (a 2xx).
        failed: How many were not.
        dropped: How many were given up because too many waited.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._lock = threading.Lock()
        self._waiting: deque[tuple[str, str, dict[str, Any]]] = deque()  # guarded by _lock
        self._is_running = False  # guarded by _lock
        self._is_closed = False  # guarded by _lock
        self.sent = 0  # these three are guarded by _lock
        self.failed = 0
        self.dropped = 0

    def post(self, url: str, payload: dict[str, Any], method: str = "POST") -> None:
        """Send a webhook soon; the relay's thread."""
        host = urllib.parse.urlsplit(url).hostname or ""
        if not self._core.allow_remote and not is_loopback(host):
            self._core.note(f"webhook: nothing sent to {host}: it is not this machine (allow_remote)")
            return
        with self._lock:
            if self._is_closed:
                return
            if len(self._waiting) >= WAITING:
                self.dropped += 1
                return
            self._waiting.append((method, url, payload))
            start, self._is_running = not self._is_running, True
        if start:
            self._core.start_worker(self._run, "swsync-relay-webhooks", ())

    def close(self) -> None:
        """Forget what waits; what is being sent ends by itself."""
        with self._lock:
            self._is_closed = True
            self._waiting.clear()

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._is_running = False
                    return
                method, url, payload = self._waiting.popleft()
            why = _send(method, url, payload)
            with self._lock:
                self.sent += not why
                self.failed += bool(why)
            if why:
                self._core.note(f"webhook {payload.get('event_type', '')} failed: {why}")


def _send(method: str, url: str, payload: dict[str, Any]) -> str:
    """Send one; return "" or why it failed. A GET carries the plain fields of the event as its query."""
    data: bytes | None = json.dumps(payload, separators=(",", ":")).encode()
    if method == "GET":
        plain = {k: v for k, v in payload.get("params", {}).items() if isinstance(v, (str, int, float))}
        query = urllib.parse.urlencode({"event_type": payload.get("event_type", ""), **plain})
        url, data = f"{url}{'&' if '?' in url else '?'}{query}", None
    headers = {"Content-Type": "application/json", "User-Agent": "swsync-local-relay"}
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    # No proxy of the environment and no redirect: either could lead off this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), SamePlace())
    try:
        with opener.open(request, timeout=SECONDS) as reply:
            reply.read(READ)
    except (OSError, ValueError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    return ""
