"""Local files behind http URLs on loopback, so that they can be played and fetched."""

from __future__ import annotations

import asyncio
import pathlib
import secrets
import threading
import urllib.parse

__all__ = ["Files"]

MOST = 10_000  # files at once; the oldest are forgotten
HEAD = 8192  # octets of a request
TYPES = {".wav": "audio/x-wav", ".json": "application/json", ".pdf": "application/pdf"}
SECONDS = 5.0  # until it must be there


class Files:
    """Answers GET for the files that were given a name, and for nothing else."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: dict[str, pathlib.Path] = {}  # guarded by _lock

    def add(self, path: pathlib.Path) -> str:
        """Give a file a name that cannot be guessed."""
        name = f"{secrets.token_hex(8)}/{urllib.parse.quote(path.name)}"
        with self._lock:
            self._files[urllib.parse.unquote(name)] = path
            while len(self._files) > MOST:
                self._files.pop(next(iter(self._files)))
        return name

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request. No path is ever joined."""
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SECONDS)
            method, _, rest = head.decode("latin-1").partition(" ")
            with self._lock:
                path = self._files.get(urllib.parse.unquote(rest.split(" ")[0].lstrip("/")))
            body = b""
            status = "404 Not Found"
            if path is not None and method == "GET" and path.is_file():
                body = path.read_bytes()
                status = "200 OK"
            kind = TYPES.get(path.suffix.lower(), "application/octet-stream") if path is not None else "text/plain"
            fields = f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close"
            writer.write(f"HTTP/1.1 {status}\r\n{fields}\r\n\r\n".encode() + body)
            await writer.drain()
        except (OSError, ValueError, EOFError, asyncio.LimitOverrunError, asyncio.TimeoutError):
            pass
        finally:
            writer.close()
