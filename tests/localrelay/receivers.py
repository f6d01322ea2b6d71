"""Plain receivers of media, which share nothing with swsync's own."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from swsync.clock import VirtualClock


class Packet:
    """One RTP packet, its header taken apart."""

    def __init__(self, datagram: bytes, source: tuple[str, int]) -> None:
        first, second, self.sequence_number, self.timestamp, self.ssrc = struct.unpack_from("!BBHII", datagram)
        assert 0x80 == first
        self.marker = second >> 7
        self.payload_type = second & 0x7F
        self.payload = datagram[12:]
        self.source = source


@contextmanager
def udp_receiver() -> Iterator[socket.socket]:
    """A UDP socket on loopback with room for some seconds of audio."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(0.2)
        yield sock


def packets_of(sock: socket.socket) -> list[Packet]:
    """Return everything that has arrived."""
    packets = []
    while True:
        try:
            packets.append(Packet(*sock.recvfrom(65536)))
        except TimeoutError:
            return packets


class MediaServer:
    """A WebSocket server that keeps what it is sent.

    Attributes:
        url: Where it listens.
        messages: Every message, in order.
        paths: The path of every request.
        headers: The headers of the last request.
    """

    def __init__(self) -> None:
        self.url = ""
        self.messages: list[str | bytes] = []
        self.paths: list[str] = []
        self.headers: dict[str, str] = {}
        self.hang_up_after = 10**9
        self.ended = threading.Event()

    def handle(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.paths.append(connection.request.path)
        self.headers = dict(connection.request.headers.raw_items())
        try:
            for message in connection:
                self.messages.append(message)
                if len(self.messages) >= self.hang_up_after:
                    break
        except ConnectionClosed:
            pass
        self.ended.set()


@contextmanager
def media_server() -> Iterator[MediaServer]:
    """Run a MediaServer on loopback."""
    media = MediaServer()
    with serve(media.handle, "127.0.0.1", 0, compression=None) as server:
        host, port = server.socket.getsockname()
        media.url = f"ws://{host}:{port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield media
        finally:
            server.shutdown()
            thread.join(5)


def talk(clock: VirtualClock, seconds: float) -> None:
    """Let time pass on a call."""
    clock.sleep(seconds)


def tap(direction: str, device: dict[str, Any], control_id: str = "t") -> dict[str, Any]:
    """Return the params of a tap, without the call's."""
    return {
        "control_id": control_id,
        "tap": {"type": "audio", "params": {"direction": direction}},
        "device": device,
    }


def rtp(sock: socket.socket, codec: str = "PCMU", **params: Any) -> dict[str, Any]:
    """Return the device of a UDP socket."""
    host, port = sock.getsockname()
    return {"type": "rtp", "params": {"addr": host, "port": port, "codec": codec, **params}}
