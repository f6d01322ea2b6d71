"""A RELAY server with nothing behind it, the same for both sides and cheap enough not to be what is measured.

Raw sockets, TLS, a thread for each connection. What a client does is counted: each request by its method, each
acknowledgement by its id. ``bench.*`` requests ask for work: ``bench.burst`` sends the events that ``bench.prepare``
made and is answered when all of them have been acknowledged; ``bench.pace`` sends events at a rate; ``bench.count``
gives the counts and clears them.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import os
import select
import socket
import ssl
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import trustme

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE = 1, 8
AT_ONCE = 100  # paced events without a look at what came


def frame(message: dict[str, Any]) -> bytes:
    """One unmasked text frame, as a server sends it (RFC 6455 5.2)."""
    data = json.dumps(message).encode()
    if len(data) < 126:
        return struct.pack("!BB", 0x81, len(data)) + data
    return struct.pack("!BBH", 0x81, 126, len(data)) + data


def event(number: str, event_type: str, params: dict[str, Any]) -> bytes:
    outer = {"event_type": event_type, "event_channel": "signalwire_calling", "timestamp": 1767225600.5}
    return frame({"jsonrpc": "2.0", "id": number, "method": "signalwire.event", "params": {**outer, "params": params}})


def whole(data: bytes, start: int) -> tuple[int, int]:
    """Where the body of the masked frame at ``start`` begins and ends; (0, 0) if it is not all there."""
    length, body = data[start + 1] & 127 if len(data) > start + 1 else 127, start + 6
    size = {126: 2, 127: 8}.get(length, 0)
    if len(data) < body + size:
        return 0, 0
    if size:
        length, body = int.from_bytes(data[start + 2 : start + 2 + size], "big"), body + size
    return (body, body + length) if len(data) >= body + length else (0, 0)


def unmasked(key: bytes, data: bytes) -> bytes:
    length = len(data)
    number = int.from_bytes(data, "big") ^ int.from_bytes((key * (length // 4 + 1))[:length], "big")
    return number.to_bytes(length, "big")


class Peer:
    """One client."""

    numbers = itertools.count(1)

    def __init__(self, sock: ssl.SSLSocket) -> None:
        self.sock = sock
        self.arrived = b""
        self.leaving = bytearray()
        self.requests: Counter[str] = Counter()
        self.acknowledged: set[str] = set()
        self.repeated = 0
        self.prepared: list[bytes] = []
        self.burst: tuple[str, int] | None = None  # the id to answer, and the acknowledgements to see first
        self.paced: Iterator[float] = iter(())  # yields when to go on
        self.due = 0.0

    def serve(self) -> None:
        self.upgrade()
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while self.read():
            self.write()
            wait = None
            if self.due:
                wait = max(0.0, self.due - time.monotonic())
            poll = select.poll()
            poll.register(self.sock, select.POLLIN | (select.POLLOUT if self.leaving else 0))
            poll.poll(None if wait is None else wait * 1000)
            if self.due and time.monotonic() >= self.due:
                self.due = next(self.paced, 0.0)

    def upgrade(self) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.sock.recv(4096)
        lines = {}
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            lines[name.strip().lower()] = value.strip()
        accept = base64.b64encode(hashlib.sha1(lines[b"sec-websocket-key"] + GUID).digest())
        self.sock.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )

    def write(self) -> None:
        try:
            while self.leaving:
                sent = self.sock.send(memoryview(self.leaving)[:262144])
                del self.leaving[:sent]
        except OSError:
            pass  # it is full, or it has ended, which the next read will find

    def read(self) -> bool:
        """Handle what is there; False at the end."""
        blocks = [self.arrived]
        try:
            while True:
                block = self.sock.recv(262144)
                if not block:
                    return False
                blocks.append(block)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError:
            return False
        data, start = b"".join(blocks), 0
        while True:
            body, end = whole(data, start)
            if not end:
                break
            opcode = data[start] & 15
            if opcode == CLOSE:
                return False
            if opcode == TEXT:
                self.take(json.loads(unmasked(data[body - 4 : body], data[body:end])))
            start = end
        self.arrived = data[start:]
        return True

    def take(self, message: dict[str, Any]) -> None:
        method = message.get("method")
        if method is None:
            self.repeated += message["id"] in self.acknowledged
            self.acknowledged.add(message["id"])
            if self.burst is not None and len(self.acknowledged) >= self.burst[1]:
                self.reply(self.burst[0])
                self.burst = None
            return
        handler = getattr(self, "on_" + method.replace(".", "_"), None)
        if not method.startswith(("bench.", "signalwire.ping")):  # pings come with time, not with work
            self.requests[method] += 1
        if handler is None:
            self.reply(message["id"])
        else:
            handler(message["id"], message["params"])

    def reply(self, number: str, **more: Any) -> None:
        result = {"code": "200", "message": "OK", **more}
        self.leaving += frame({"jsonrpc": "2.0", "id": number, "result": result})

    def tell(self, event_type: str, **params: Any) -> None:
        self.leaving += event(f"event-{next(self.numbers)}", event_type, params)

    # RELAY.

    def on_signalwire_connect(self, number: str, _: dict[str, Any]) -> None:
        self.leaving += frame({"jsonrpc": "2.0", "id": number, "result": {"identity": "i", "protocol": "p"}})

    def on_calling_dial(self, number: str, params: dict[str, Any]) -> None:
        call_id, tag, device = f"call-{next(self.numbers)}", params["tag"], params["devices"][0][0]
        leg = {"call_id": call_id, "node_id": "node-1", "tag": tag, "device": device}
        self.reply(number)
        for state in ("created", "ringing", "answered"):
            self.tell("calling.call.state", **leg, call_state=state, direction="outbound")
        self.tell(
            "calling.call.dial", tag=tag, dial_state="answered", node_id="node-1",
            call={**leg, "dial_winner": True},
        )  # fmt: skip

    def on_calling_end(self, number: str, params: dict[str, Any]) -> None:
        self.reply(number)
        names = {"call_id": params["call_id"], "node_id": "node-1"}
        self.tell("calling.call.state", **names, call_state="ended", end_reason="hangup", direction="outbound")

    def on_calling_tap(self, number: str, params: dict[str, Any]) -> None:
        names = {name: params[name] for name in ("call_id", "node_id", "control_id")}
        self.reply(number, **names)
        self.tell("calling.call.tap", **names, state="tapping", tap=params["tap"], device=params["device"])

    def on_calling_tap_stop(self, number: str, params: dict[str, Any]) -> None:
        names = {name: params[name] for name in ("call_id", "node_id", "control_id")}
        self.reply(number, **names)
        self.tell("calling.call.tap", **names, state="finished")

    # The benchmark.

    def on_bench_prepare(self, number: str, params: dict[str, Any]) -> None:
        calls, count = params["calls"], params["count"]
        self.prepared = [
            event(
                f"event-{next(self.numbers)}", "calling.call.play",
                {"call_id": calls[i % len(calls)], "node_id": "node-1", "control_id": "other", "state": "playing",
                 "n": i},
            )
            for i in range(count)
        ]  # fmt: skip
        self.reply(number)

    def on_bench_burst(self, number: str, _: dict[str, Any]) -> None:
        self.burst = (number, len(self.acknowledged) + len(self.prepared))
        self.leaving += b"".join(self.prepared)

    def on_bench_pace(self, number: str, params: dict[str, Any]) -> None:
        self.reply(number)
        self.paced = self.pace(params["calls"], params["rate"], params["count"])
        self.due = next(self.paced, 0.0)

    def pace(self, calls: list[str], rate: int, count: int) -> Iterator[float]:
        begin = time.monotonic()
        for i in range(count):
            due = begin + i / rate
            if due > time.monotonic() or i % AT_ONCE == 0:  # who is behind has to read, too
                self.write()
                yield due
            self.tell(
                "calling.call.play", call_id=calls[i % len(calls)], node_id="node-1", control_id="other",
                state="playing", sent=time.monotonic(),
            )  # fmt: skip
            self.write()

    def on_bench_count(self, number: str, _: dict[str, Any]) -> None:
        counts = {**self.requests, "acknowledged": len(self.acknowledged), "repeated": self.repeated}
        self.requests.clear()
        self.acknowledged.clear()
        self.reply(number, counts=counts, cpu=time.process_time())


def main() -> None:
    """Print the port, serve until stdin ends. The argument is where to write the certificate authority."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(sys.argv[1])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    listener = socket.create_server(("localhost", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # for what it accepts, as any server of RELAY

    def handle(sock: socket.socket) -> None:
        with context.wrap_socket(sock, server_side=True) as secured:
            Peer(secured).serve()

    def accept() -> None:
        while True:
            threading.Thread(target=handle, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
