"""A raw media WebSocket client for tests: every octet is the test's own."""

from __future__ import annotations

import os
import socket
import ssl
import struct
from types import TracebackType
from urllib.parse import urlsplit

TIMEOUT = 60.0


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, masked: bool = True, reserved: int = 0) -> bytes:
    """One frame as a client sends it."""
    head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    bit = 0x80 if masked else 0
    if len(payload) < 126:
        head += bytes([bit | len(payload)])
    elif len(payload) < 65536:
        head += struct.pack("!BH", bit | 126, len(payload))
    else:
        head += struct.pack("!BQ", bit | 127, len(payload))
    if not masked:
        return head + payload
    key = os.urandom(4)
    return head + key + bytes(octet ^ key[i % 4] for i, octet in enumerate(payload))


def request(path: str, *headers: str, method: str = "GET", key: str = "dGhlIHNhbXBsZSBub25jZQ==") -> bytes:
    """The upgrade request."""
    lines = [
        f"{method} {path} HTTP/1.1", "Host: x", "Upgrade: websocket", "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", *headers, "", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode("latin-1")


class RawClient:
    """A TCP or TLS connection to a media address."""

    def __init__(self, url: str, context: ssl.SSLContext | None = None) -> None:
        self.parts = urlsplit(url)
        assert self.parts.port
        sock = socket.create_connection((self.parts.hostname, self.parts.port), TIMEOUT)
        self.socket = context.wrap_socket(sock, server_hostname=self.parts.hostname) if context else sock
        self._buffer = b""

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def open(self, *headers: str) -> int:
        """Ask for the upgrade; the HTTP status of the answer."""
        self.send(request(self.parts.path, *headers))
        return self.status()

    def status(self) -> int:
        """The HTTP status of the answer to come; 0 if the connection closes without one."""
        while b"\r\n\r\n" not in self._buffer:
            data = self.receive()
            if not data:
                return 0
            self._buffer += data
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        return int(head.split()[1])

    def receive(self) -> bytes:
        """What the socket gives; empty at its end, however it came."""
        try:
            return self.socket.recv(65536)
        except (ConnectionError, ssl.SSLError):
            return b""

    def exactly(self, length: int) -> bytes:
        while len(self._buffer) < length:
            data = self.receive()
            if not data:
                raise EOFError
            self._buffer += data
        data, self._buffer = self._buffer[:length], self._buffer[length:]
        return data

    def frame(self) -> tuple[int, bytes]:
        """The next frame: opcode and payload."""
        first, second = self.exactly(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self.exactly(2))
        return first & 0x0F, self.exactly(length)

    def close_code(self) -> int:
        """The code with which the server closes; 0 for a close without one, -1 if it just goes."""
        try:
            while True:
                opcode, payload = self.frame()
                if opcode == 8:
                    return int(struct.unpack("!H", payload[:2])[0]) if payload else 0
        except EOFError:
            return -1

    def is_closed(self) -> bool:
        """Wait until the server has closed the connection."""
        while True:
            try:
                data = self.receive()
            except TimeoutError:
                return False
            if not data:
                return True
