"""The processes of :mod:`benchmarks.ws_media`: a paced sender, and receivers that count their processor time."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import struct
import sys
import threading
import time
import warnings
from contextlib import suppress
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

STREAMS = 100
FRAME = 160
RING = 2 * 16_000  # octets that a stream keeps: two seconds, as ours does when asked for one
PAYLOAD = base64.b64encode(bytes(range(FRAME))).decode()
START = {
    "event": "start", "sequenceNumber": "1",
    "start": {"streamSid": "S", "callSid": "C", "accountSid": "A", "tracks": ["inbound"],
              "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}},
}  # fmt: skip


def say(**values: Any) -> None:
    print(json.dumps(values), flush=True)


def hear() -> Any:
    line = sys.stdin.readline()
    return json.loads(line) if line.strip().startswith("{") else line


def media_text(i: int) -> bytes:
    """The i-th media message, as the service writes it."""
    media = {"track": "inbound", "chunk": str(i + 1), "timestamp": str(20 * i), "payload": PAYLOAD}
    return json.dumps({"event": "media", "sequenceNumber": str(i + 2), "media": media}, separators=(",", ":")).encode()


def masked(text: bytes, key: bytes) -> bytes:
    """A client's text frame."""
    head = b"\x81" + (bytes([0x80 | len(text)]) if len(text) < 126 else struct.pack("!BH", 0xFE, len(text)))
    wide = (key * (len(text) // 4 + 1))[: len(text)]
    body = int.from_bytes(text, "big") ^ int.from_bytes(wide, "big")
    return head + key + body.to_bytes(len(text), "big")


def open_streams(places: list[Any]) -> list[socket.socket]:
    """Connect, ask for the upgrade, and start each stream."""
    sockets = []
    for port, path, token in places:
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines = [
            f"GET {path} HTTP/1.1", "Host: x", "Upgrade: websocket", "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
            f"Authorization: Bearer {token}", "", "",
        ]  # fmt: skip
        sock.sendall("\r\n".join(lines).encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += sock.recv(4096)
        sock.sendall(masked(json.dumps(START).encode(), os.urandom(4)))
        sockets.append(sock)
    return sockets


def send() -> None:
    """Send each stream its messages, each at its own moment of the 20 ms, on absolute time."""
    order = hear()
    sockets = open_streams(order["places"])
    say(open=len(sockets))
    messages = hear()["messages"]
    begin = time.monotonic()
    for i in range(messages):
        text = media_text(i)
        for n, sock in enumerate(sockets):
            wait = begin + 0.02 * (i + n / len(sockets)) - time.monotonic()
            if wait > 0.0005:
                time.sleep(wait)
            sock.sendall(masked(text, os.urandom(4)))
    say(sent=messages * len(sockets))
    hear()
    for sock in sockets:
        sock.close()


class Stream:
    """What the Python receivers do with a message: check, decode, place by timestamp."""

    def __init__(self) -> None:
        self.messages = self.samples = self.chunk = 0
        self.pcm = bytearray(RING)

    def take(self, text: str | bytes) -> None:
        message = json.loads(text)
        if message.get("event") != "media":
            return
        media = message["media"]
        chunk = int(media["chunk"])
        if media["track"] != "inbound" or chunk <= self.chunk:
            return
        self.chunk = chunk
        samples = audioop.ulaw2lin(base64.b64decode(media["payload"], validate=True), 2)
        at = 16 * int(media["timestamp"]) % RING
        self.pcm[at : at + len(samples)] = samples
        self.samples += len(samples) // 2
        self.messages += 1


def report(streams: list[Stream], cpu: float) -> None:
    say(messages=sum(each.messages for each in streams), samples=sum(each.samples for each in streams), cpu=cpu)


def by_websockets() -> None:
    """One thread a connection, as ``websockets.sync`` has it."""
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.server import ServerConnection, serve

    streams: list[Stream] = []

    def handle(connection: ServerConnection) -> None:
        stream = Stream()
        streams.append(stream)
        with suppress(ConnectionClosed):
            for message in connection:
                stream.take(message)

    with serve(handle, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        say(places=[(server.socket.getsockname()[1], "/", "x")] * STREAMS)
        hear()
        begin = time.process_time()
        say(begun=True)
        hear()
        report(streams, time.process_time() - begin)
        hear()
        server.shutdown()


def by_picows() -> None:
    """One asyncio loop, frames by Cython."""
    from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server

    streams: list[Stream] = []

    class Listener(WSListener):  # type: ignore[misc]
        def on_ws_connected(self, transport: WSTransport) -> None:
            self.stream = Stream()
            streams.append(self.stream)

        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            if frame.msg_type == WSMsgType.TEXT:
                self.stream.take(frame.get_payload_as_utf8_text())

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        server = await ws_create_server(lambda _: Listener(), "127.0.0.1", 0)
        say(places=[(server.sockets[0].getsockname()[1], "/", "x")] * STREAMS)
        await loop.run_in_executor(None, hear)
        begin = time.process_time()
        say(begun=True)
        await loop.run_in_executor(None, hear)
        report(streams, time.process_time() - begin)
        await loop.run_in_executor(None, hear)
        server.close()

    asyncio.run(serve())


def by_swsync() -> None:
    from urllib.parse import urlsplit

    from swsync import media

    receivers = [media.StreamReceiver(buffer=1.0) for _ in range(STREAMS)]
    say(places=[(each.port, urlsplit(each.url).path, each.token) for each in receivers])
    hear()
    begin = time.process_time()
    say(begun=True)
    hear()
    cpu = time.process_time() - begin
    stats = [receiver.tracks["inbound"].stats for receiver in receivers]
    say(messages=sum(s.packets for s in stats), samples=sum(s.samples for s in stats), cpu=cpu)
    hear()
    for receiver in receivers:
        receiver.close()


def main() -> None:
    """``send`` or ``receive KIND``."""
    if sys.argv[1] == "send":
        send()
    else:
        {"websockets": by_websockets, "picows": by_picows, "swsync": by_swsync}[sys.argv[2]]()


if __name__ == "__main__":
    main()
