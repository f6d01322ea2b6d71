"""RFC 6455 by its cases: the media endpoint and the local relay as servers, RELAY's transport as a client.

Where a role does otherwise, that is in its table of exceptions here, and in docs/security.md.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.http11 import Request
from wscases import BINARY, CASES, CLOSE, NO_CODE, PING, PONG, TEXT, TOO_BIG, VIOLATION, Case, Frame, masked_with

from swsync.errors import ConnectionLost, ProtocolError
from swsync.localrelay import LocalRelay
from swsync.media.wsattach import attach
from swsync.media.wsconnection import Connection
from swsync.media.wsdeframe import Refusal
from swsync.transport import WebSocketTransport

WAIT = 20.0
LARGEST = 2 << 20  # octets of a message to the media endpoint here
LAST = b"that was all"  # of a ping: its pong says that everything before it has been seen to

# Both servers stand on websockets, which takes a close in the middle of a message for a violation: the message is lost.
OF_SERVERS = {"5 close within a message": VIOLATION}


class Peer:
    """A socket after the upgrade, on which every octet is the test's own."""

    def __init__(self, sock: socket.socket, sends_masked: bool) -> None:
        self.socket, self.masked = sock, sends_masked
        sock.settimeout(WAIT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def head(self) -> bytes:
        """What comes until an empty line."""
        while b"\r\n\r\n" not in self.buffer:
            data = self.socket.recv(4096)
            assert data, "the connection ended in its head"
            self.buffer += data
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        return head

    def send(self, case: Case) -> None:
        """Write it as the case says; the other side may be gone before its end."""
        data = b"".join(frame.wire(self.masked) for frame in case.frames)
        if case.close is None:
            data += Frame(PING, LAST).wire(self.masked)
        try:
            for at in range(0, len(data), case.step or len(data)):
                self.socket.sendall(data[at : at + (case.step or len(data))])
        except ConnectionError:
            assert case.close is not None

    def exactly(self, count: int) -> bytes:
        while len(self.buffer) < count:
            try:
                data = self.socket.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                raise EOFError
            self.buffer += data
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """What the other side sends, until its last pong or its end. Its own frames keep to the RFC."""
        while True:
            try:
                first, second = self.exactly(2)
            except EOFError:
                return
            assert first & 0xF0 == 0x80
            assert bool(second & 0x80) is not self.masked, "a client masks, a server does not"
            length = second & 0x7F
            if length > 125:
                assert first & 0x0F < 8
                length = int.from_bytes(self.exactly(2 if length == 126 else 8), "big")
            key = b"" if self.masked else self.exactly(4)
            payload = self.exactly(length)
            if key:
                payload = masked_with(key, payload)
            if (first & 0x0F, payload) == (PONG, LAST):
                return
            yield first & 0x0F, payload


def upgraded(url: str) -> Peer:
    """A client that has been let in."""
    parts = urlsplit(url)
    peer = Peer(socket.create_connection((parts.hostname, parts.port or 80), WAIT), sends_masked=True)
    peer.socket.sendall(
        f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n".encode()
    )
    head = peer.head()
    assert b" 101 " in head.split(b"\r\n")[0]
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
    assert b"permessage-deflate" not in head, "compression is off"
    return peer


def outcome(peer: Peer) -> tuple[list[bytes], int | None, int]:
    """The pongs, the code of the close (None: open), and how many other messages came."""
    pongs, code, messages = [], None, 0
    for opcode, payload in peer.frames():
        if opcode == PONG:
            pongs.append(payload)
        elif opcode == CLOSE:
            assert code is None, "one close is enough"
            code = struct.unpack("!H", payload[:2])[0] if payload else NO_CODE
        else:
            messages += 1
    return pongs, code, messages


class Guest:
    """What the media endpoint hands on."""

    plain = None
    max_size, time_limit, total_limit = LARGEST, None, None

    def __init__(self) -> None:
        self.messages: list[str | bytes] = []
        self.is_over = threading.Event()

    def admit(self, request: Request) -> Refusal | None:
        return None

    def opened(self, connection: Connection) -> None:
        pass

    def text(self, text: str) -> None:
        self.messages.append(text)

    def binary(self, data: bytes) -> None:
        self.messages.append(data)

    def refused(self, lane: int, reason: str) -> None:
        raise AssertionError("nothing is plain here")

    def closed(self, reason: str) -> None:
        self.is_over.set()


@contextlib.contextmanager
def endpoint() -> Iterator[tuple[Guest, str]]:
    """A place at our media endpoint, and its URL."""
    guest = Guest()
    attachment = attach(guest, ("/secret",), "127.0.0.1", 0, None)
    try:
        yield guest, f"ws://127.0.0.1:{attachment.port}/secret"
    finally:
        attachment.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_media_endpoint(case: Case) -> None:
    """As a server: what it takes, answers and closes with, without an exception."""
    with endpoint() as (guest, url):
        peer = upgraded(url)
        with peer.socket:
            peer.send(case)
            pongs, code, messages = outcome(peer)
        assert guest.is_over.wait(WAIT)
    close = OF_SERVERS.get(case.name, case.close)
    assert ([*case.messages], [*case.pongs], close, 0) == (guest.messages, pongs, code, messages)


@pytest.fixture(scope="module")
def relay() -> Iterator[LocalRelay]:
    """One for all cases: none of them may disturb the next."""
    with LocalRelay(tls=False) as relay:
        yield relay


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_local_relay(case: Case, relay: LocalRelay) -> None:
    """As a server: one answer to each message, and to what is none the close that the RFC names."""
    peer = upgraded(relay.url)
    with peer.socket:
        peer.send(case)
        pongs, code, messages = outcome(peer)
        if case.close is None:  # the answers may come behind the pong
            messages += sum(1 for _ in zip(range(len(case.messages) - messages), peer.frames(), strict=False))
    assert ([*case.pongs], OF_SERVERS.get(case.name, case.close)) == (pongs, code)
    # Those to what came before a close may not have left.
    assert messages == len(case.messages) or (case.close is not None and messages < len(case.messages))


@contextlib.contextmanager
def a_server(serve: Callable[[Peer], object]) -> Iterator[WebSocketTransport]:
    """A transport that has connected to a server of ours, which does as it is told on a thread of its own."""

    def run(listener: socket.socket) -> None:
        sock, _ = listener.accept()
        with sock:
            peer = Peer(sock, sends_masked=False)
            key = next(line for line in peer.head().split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
            digest = hashlib.sha1(key.split(b": ")[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
            sock.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
            )
            serve(peer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=run, args=(listener,), daemon=True)
        thread.start()
        transport = WebSocketTransport(f"ws://127.0.0.1:{listener.getsockname()[1]}")
        try:
            transport.connect(WAIT)
            yield transport
        finally:
            transport.close()
            thread.join(WAIT)
    assert not thread.is_alive()


# The transport as a client. It ends the link for what the RFC forbids, without a close frame (section 7.1.7 allows
# it: the peer is broken), and takes a message that is not UTF-8 for an error of RELAY's, not of the link.
KEEPS_THE_LINK = {case.name for case in CASES if case.family == "6" and case.close is not None}


def expected_of_the_transport(case: Case) -> list[str]:
    """Texts; "!" for what is no text; "." at an end."""
    got = [message if isinstance(message, str) else "!" for message in case.messages]
    if case.name in KEEPS_THE_LINK:
        return [*got, "!"]
    return got if case.close is None else [*got, "."]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_transport(case: Case) -> None:
    """As a client: texts are handed on, what is none raises ``ProtocolError``, what is forbidden ends the link."""
    answers: list[Any] = []
    may_look, has_looked = threading.Event(), threading.Event()
    keeps = case.close is None or case.name in KEEPS_THE_LINK

    def serve(peer: Peer) -> None:
        peer.send(case._replace(close=None) if keeps else case)
        answers.append(outcome(peer))
        may_look.set()
        has_looked.wait(WAIT)

    got: list[str] = []
    with a_server(serve) as transport:
        while "." not in got and not (keeps and may_look.is_set()):
            try:
                text = transport.receive(0.05)
            except ProtocolError:
                got.append("!")
            except ConnectionLost:
                got.append(".")
            else:
                got += [text] if text is not None else []
        transport.close()
        has_looked.set()
    pongs, code, messages = answers[0]
    assert (expected_of_the_transport(case), [*case.pongs], 0) == (got, pongs, messages)
    assert code in (None, case.close, 1000)


def test_a_mask_where_none_belongs(relay: LocalRelay) -> None:
    """RFC 6455 section 5.1: a client that does not mask is closed with 1002; a server that does is left."""
    with endpoint() as (guest, url):
        for place in (url, relay.url):
            peer = upgraded(place)
            with peer.socket:
                peer.socket.sendall(Frame(TEXT, b"bare").wire(masked=False))
                assert ([], VIOLATION, 0) == outcome(peer)
        assert [] == guest.messages
    masked = Frame(TEXT, b"masked").wire(masked=True)
    with a_server(lambda peer: peer.socket.sendall(masked)) as transport, pytest.raises(ConnectionLost, match="masked"):
        transport.receive(WAIT)


@pytest.mark.parametrize("wide", [2, 8])
def test_a_length_in_more_octets_than_it_needs(wide: int) -> None:
    """RFC 6455 section 5.2 asks senders for the shortest form; receivers here take the others too."""
    with endpoint() as (guest, url):
        peer = upgraded(url)
        with peer.socket:
            peer.socket.sendall(Frame(TEXT, b"wide", wide=wide).wire(True) + Frame(PING, LAST).wire(True))
            assert ([], None, 0) == outcome(peer)
    assert ["wide"] == guest.messages


def test_the_sum_of_fragments_is_limited(relay: LocalRelay) -> None:
    """What is too large as one message is too large in pieces."""
    pieces = [Frame(BINARY, b"x" * (1 << 20), fin=False)] + [Frame(0, b"x" * (1 << 20), fin=False)] * 10
    with endpoint() as (guest, url):
        for place in (url, relay.url):
            peer = upgraded(place)
            with peer.socket:
                peer.send(Case("pieces", pieces, close=TOO_BIG))
                assert outcome(peer)[1] in (TOO_BIG, None)  # None: reset, because there was more to read
        assert [] == guest.messages


def test_the_families_are_all_here() -> None:
    """A family without cases would be a gap that nobody sees."""
    assert {"1", "2", "3", "4", "5", "6", "7", "9", "10"} == {case.family for case in CASES}
    assert len({case.name for case in CASES}) == len(CASES) >= 250
    text = (Path(__file__).parents[2] / "docs" / "security.md").read_text()
    assert f"{len(CASES)} cases" in text
