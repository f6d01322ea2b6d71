"""A web server that keeps what is posted to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Hooks:
    """What came, in order.

    Attributes:
        url: Where it listens.
        posts: The JSON of each POST.
        queries: The path of each GET.
        status: What it answers with.
    """

    def __init__(self) -> None:
        self.url = ""
        self.posts: list[dict[str, Any]] = []
        self.queries: list[str] = []
        self.status = 200
        self.location = ""
        self.answers: list[bytes] = []  # in turn, the last one again and again
        self.headers: dict[str, str] = {}  # of the last POST


@contextmanager
def hooks() -> Iterator[Hooks]:
    """Run a server of webhooks on loopback."""
    kept = Hooks()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.headers = dict(self.headers.items())
            kept.posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self._answer()

        def do_GET(self) -> None:
            kept.queries.append(self.path)
            self._answer()

        def _answer(self) -> None:
            self.send_response(kept.status)
            if kept.location:
                self.send_header("Location", kept.location)
            body = kept.answers.pop(0) if len(kept.answers) > 1 else b"".join(kept.answers)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()
