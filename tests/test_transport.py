"""Links: the WebSocket on a real loopback server, frame by frame, and the one in memory."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
import trustme
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from swsync.clock import RealClock, VirtualClock
from swsync.errors import ConfigurationError, ConnectionFailed, ConnectionLost, ProtocolError
from swsync.memorytransport import memory_pair
from swsync.protocol import MAX_MESSAGE
from swsync.transport import WebSocketTransport, send_later

WAIT = 60.0

CA = trustme.CA()


@contextmanager
def server(handler: Callable[[ServerConnection], None], **options: Any) -> Iterator[int]:
    """A WebSocket server; gives its port."""
    options = {"compression": None, "ping_interval": None, "max_size": None, **options}
    with serve(handler, "127.0.0.1", 0, **options) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        try:
            yield running.socket.getsockname()[1]
        finally:
            running.shutdown()
            thread.join(WAIT)


@contextmanager
def connected(port: int, url: str = "ws://127.0.0.1:{}", **options: Any) -> Iterator[WebSocketTransport]:
    transport = WebSocketTransport(url.format(port), **options)
    transport.connect(WAIT)
    try:
        yield transport
    finally:
        transport.close()


def echo(connection: ServerConnection) -> None:
    """Send back what comes."""
    try:
        for message in connection:
            connection.send(message)
    except ConnectionClosed:
        pass


def tls(*names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CA.issue_cert(*names).configure_cert(context)
    return context


@pytest.fixture
def ca_file(tmp_path: Path) -> str:
    """The file of the tests' own certificate authority."""
    path = tmp_path / "ca.pem"
    CA.cert_pem.write_to_path(str(path))
    return str(path)


@contextmanager
def raw_peer(script: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that upgrades and then sends exactly the octets of the script."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        sock, _ = listener.accept()
        with sock:
            request = b""
            while b"\r\n\r\n" not in request:
                request += sock.recv(4096)
            key = next(
                line.split(b": ")[1] for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")
            )
            import base64
            import hashlib

            accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
            sock.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
            )
            script(sock)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
        thread.join(WAIT)


def frame(first: int, payload: bytes, mask: bool = False) -> bytes:
    length = len(payload)
    if length < 126:
        head = struct.pack("!BB", first, length | 0x80 * mask)
    elif length < 65536:
        head = struct.pack("!BBH", first, 126, length)
    else:
        head = struct.pack("!BBQ", first, 127, length)
    return head + (b"\0\0\0\0" if mask else b"") + payload


def until_closed(sock: socket.socket) -> bytes:
    """Read what the client sends until it is gone."""
    data = b""
    try:
        while block := sock.recv(65536):
            data += block
    except OSError:
        pass
    return data


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 1_000_000])
def test_messages_of_every_length_come_back(size: int) -> None:
    """Each of the three length forms of a frame works in both directions."""
    text = "x" * size
    with server(echo) as port, connected(port) as transport:
        transport.send(text)
        assert text == transport.receive(WAIT)


def test_text_is_utf_8() -> None:
    """Characters beyond ASCII survive."""
    with server(echo) as port, connected(port) as transport:
        transport.send("zażółć 😀")
        assert "zażółć 😀" == transport.receive(WAIT)


def test_tls_with_a_private_authority(ca_file: str) -> None:
    """The CA file is trusted beside the system's; many messages in one record are all found."""
    with (
        server(echo, ssl=tls("localhost")) as port,
        connected(port, "wss://localhost:{}", ca_file=ca_file) as transport,
    ):
        for number in range(200):
            transport.send(f"{number}" + "x" * 1000)
        got = [transport.receive(WAIT) for _ in range(200)]
        assert [f"{number}" + "x" * 1000 for number in range(200)] == got


def test_an_unknown_authority_is_refused_for_good() -> None:
    """The error names the setting that helps, and says that trying again cannot."""
    refused = pytest.raises(ConnectionFailed, match="SIGNALWIRE_RELAY_CA_FILE")
    with server(echo, ssl=tls("localhost")) as port, refused as caught:
        WebSocketTransport(f"wss://localhost:{port}").connect(WAIT)
    assert caught.value.permanent


def test_a_certificate_for_another_host_is_refused(ca_file: str) -> None:
    """The name is verified, not only the chain."""
    refused = pytest.raises(ConnectionFailed, match="certificate was refused")
    with server(echo, ssl=tls("elsewhere.example")) as port, refused:
        WebSocketTransport(f"wss://localhost:{port}", ca_file).connect(WAIT)


def test_a_ca_file_that_is_none(tmp_path: Path) -> None:
    """What is wrong with the file is said."""
    path = tmp_path / "ca.pem"
    path.write_text("not a certificate")
    with pytest.raises(ConfigurationError, match=r"ca\.pem"):
        WebSocketTransport("wss://localhost:1", str(path)).connect(1)


def test_nobody_listens() -> None:
    """A refused connection can be tried again."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectionFailed, match="nothing listens") as caught:
        WebSocketTransport(f"ws://127.0.0.1:{port}").connect(1)
    assert not caught.value.permanent


def test_a_proxy_of_the_environment_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its variable: what that holds may be a password."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("https_proxy", f"http://me:secret@127.0.0.1:{port}")
    with pytest.raises(ConnectionFailed, match="through the proxy that https_proxy names") as caught:
        WebSocketTransport("wss://relay.invalid").connect(5)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("number", "permanent"), [(socket.EAI_AGAIN, False), (socket.EAI_NONAME, True)])
def test_a_network_that_is_not_up_yet_is_no_wrong_name(
    number: int, permanent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that starts with its machine waits for the resolver; a name that does not exist is said at once."""

    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(number, "as the resolver says")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(ConnectionFailed, match="cannot be resolved") as caught:
        WebSocketTransport("wss://relay.example.com").connect(1.0)
    assert permanent == caught.value.permanent


def test_accept_and_silence() -> None:
    """A server that never answers the upgrade costs no more than the timeout."""
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(ConnectionFailed, match="in time"):
        WebSocketTransport(f"ws://127.0.0.1:{listener.getsockname()[1]}").connect(0.3)


def test_receive_ends_by_timeout_and_by_wake() -> None:
    """Neither loses anything."""
    with server(echo) as port, connected(port) as transport:
        assert transport.receive(0) is None
        assert transport.receive(0.05) is None
        transport.wake()
        assert transport.receive(WAIT) is None
        transport.send("still here")
        assert "still here" == transport.receive(WAIT)


def test_timeouts_are_the_clocks() -> None:
    """With a fast clock a long timeout is short."""
    clock = RealClock(speed=100)
    with server(echo) as port, connected(port, clock=clock) as transport:
        assert transport.receive(5) is None


@contextmanager
def lending(first: bytes) -> Iterator[tuple[WebSocketTransport, Callable[[Callable[[str], bool]], list[str]]]]:
    """A link whose reading thread waits and lends its place; and how to read for oneself when ``first`` comes.

    That gives what the reading thread had, once the message ``end`` has come.
    """
    begin, received = threading.Event(), list[str]()

    def script(sock: socket.socket) -> None:
        begin.wait(WAIT)
        sock.sendall(first)
        time.sleep(0.05)
        sock.sendall(frame(0x81, b"end"))
        until_closed(sock)

    def read(transport: WebSocketTransport) -> None:
        while not received or received[-1] != "end":
            text = transport.receive(WAIT)
            received.extend([] if text is None else [text])

    with raw_peer(script) as port, connected(port) as transport:
        assert transport._wire is not None
        incoming = transport._wire.incoming
        incoming._was_asked = True
        thread = threading.Thread(target=read, args=(transport,), daemon=True)
        thread.start()
        while not incoming._is_free:
            time.sleep(0.001)

        def read_for(take: Callable[[str], bool]) -> list[str]:
            timer = threading.Timer(0.02, begin.set)
            timer.start()
            transport.read_for(take, WAIT)
            timer.join()
            thread.join(WAIT)
            return received

        yield transport, read_for


@pytest.mark.skipif(sys.platform != "linux", reason="a place is lent with epoll only")
@pytest.mark.parametrize("size", [1, 125, 126, 60000])
def test_who_waits_for_a_message_reads_it(size: int) -> None:
    """And nobody else has it."""
    taken: list[str] = []
    with lending(frame(0x81, b"x" * size)) as (_, read_for):
        assert ["end"] == read_for(lambda text: bool(taken.append(text) or True))
    assert ["x" * size] == taken


@pytest.mark.skipif(sys.platform != "linux", reason="a place is lent with epoll only")
@pytest.mark.parametrize(
    ("octets", "received"),
    [
        (frame(0x81, b"other"), ["other", "end"]),
        (frame(0x01, b"in ") + frame(0x80, b"parts"), ["in parts", "end"]),
        (frame(0x89, b"ping") + frame(0x81, b"behind"), ["behind", "end"]),
        (frame(0x81, b"x" * 70000), ["x" * 70000, "end"]),
        (frame(0x81, b"x" * 60000), ["x" * 60000, "end"]),
    ],
    ids=["another", "fragments", "control", "long", "torn"],
)
def test_what_is_something_else_is_left_to_the_receiving_thread(octets: bytes, received: list[str]) -> None:
    """All of it, in order. Of a frame of which a part has come nothing is offered."""
    offered: list[str] = []

    def refuse(text: str) -> bool:
        offered.append(text)
        return False

    with lending(octets) as (_, read_for):
        assert received == read_for(refuse)
    assert offered in ([], received[:1])


def test_one_octet_at_a_time() -> None:
    """A frame may arrive in any pieces, with timeouts in between."""

    def script(sock: socket.socket) -> None:
        for octet in frame(0x81, b"slow " * 50):
            sock.sendall(bytes([octet]))
        until_closed(sock)

    with raw_peer(script) as port, connected(port) as transport:
        text = None
        while text is None:
            text = transport.receive(0.01)
        assert "slow " * 50 == text


def test_fragments_with_control_frames_between() -> None:
    """The unusual goes through websocket-client: fragments are joined, pings answered, what follows is intact."""
    answered = []

    def script(sock: socket.socket) -> None:
        sock.sendall(
            frame(0x01, b"one ")
            + frame(0x89, b"are you there")
            + frame(0x00, b"two ")
            + frame(0x80, b"three")
            + frame(0x81, b"whole")
            + frame(0x8A, b"")
            + frame(0x81, b"last")
        )
        answered.append(until_closed(sock))

    with raw_peer(script) as port, connected(port) as transport:
        assert ["one two three", "whole", "last"] == [transport.receive(WAIT) for _ in range(3)]
    assert 0x8A == answered[0][0], "the first thing sent is the pong"


def test_fragments_one_octet_at_a_time() -> None:
    """Half a frame is never taken out of the buffer."""
    data = frame(0x01, b"one ") + frame(0x89, b"ping") + frame(0x80, b"two") + frame(0x81, b"three")

    def script(sock: socket.socket) -> None:
        for octet in data:
            sock.sendall(bytes([octet]))
        until_closed(sock)

    with raw_peer(script) as port, connected(port) as transport:
        got: list[str] = []
        while len(got) < 2:
            text = transport.receive(0.01)
            if text is not None:
                got.append(text)
        assert ["one two", "three"] == got


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        (frame(0x81, b"x", mask=True), "masked"),
        (frame(0xC1, b"x"), "rsv"),
        (frame(0x83, b"x"), "opcode"),
        (frame(0x80, b"x"), "Illegal frame"),
        (struct.pack("!BBQ", 0x81, 127, MAX_MESSAGE + 1), "more than"),
        (struct.pack("!BBQ", 0x81, 127, 2**63), "more than"),
        (frame(0x01, b"x") + struct.pack("!BBQ", 0x80, 127, MAX_MESSAGE), "more than"),
        (frame(0x88, struct.pack("!H", 1001)), "1001"),
        (frame(0x88, b""), "1005"),
        (b"", "ended the link"),
    ],
)
def test_what_ends_a_link(octets: bytes, message: str) -> None:
    """A broken frame, a close or the end of the socket raises ConnectionLost, which says why."""

    def script(sock: socket.socket) -> None:
        sock.sendall(octets)
        if octets:
            until_closed(sock)

    with raw_peer(script) as port, connected(port) as transport, pytest.raises(ConnectionLost, match=message):
        transport.receive(WAIT)


@pytest.mark.parametrize(
    "octets", [frame(0x82, b"binary"), frame(0x81, b"\xff\xfe"), frame(0x01, b"\xff") + frame(0x80, b"")]
)
def test_a_bad_message_does_not_end_the_link(octets: bytes) -> None:
    """Binary messages and text that is not UTF-8 raise ProtocolError; the next message is fine."""

    def script(sock: socket.socket) -> None:
        sock.sendall(octets + frame(0x81, b"good"))
        until_closed(sock)

    with raw_peer(script) as port, connected(port) as transport:
        with pytest.raises(ProtocolError):
            transport.receive(WAIT)
        assert "good" == transport.receive(WAIT)


def test_abort_from_another_thread_ends_receive() -> None:
    """The reader wakes at once, and senders hear of it."""
    with server(echo) as port, connected(port) as transport:
        timer = threading.Timer(0.05, transport.abort)
        timer.start()
        with pytest.raises(ConnectionLost):
            while True:
                transport.receive(WAIT)
        timer.join(WAIT)
        with pytest.raises(ConnectionLost):
            transport.send("x")


def test_a_peer_that_reads_nothing_breaks_the_link() -> None:
    """No sender waits for it: the reader does, and after so long that is the end for all."""
    release = threading.Event()

    def script(sock: socket.socket) -> None:
        release.wait(WAIT)

    with raw_peer(script) as port, connected(port) as transport:
        assert transport._wire is not None
        transport._wire.outgoing.patience = 0.1
        for _ in range(20):
            transport.send("x" * 1_000_000)
        with pytest.raises(ConnectionLost, match="taken nothing"):
            while True:
                transport.receive(WAIT)
        with pytest.raises(ConnectionLost, match="taken nothing"):
            transport.send("x")
        release.set()


@pytest.mark.parametrize("secure", [False, True])
def test_a_peer_that_reads_late_gets_everything_in_order(secure: bool, ca_file: str) -> None:
    """What its socket does not take at once is written later, by the reading thread, with nothing lost or torn."""
    release = threading.Event()
    messages = [str(number) * 2_000_000 for number in range(10)] + [f"small {number}" for number in range(20)]
    got: list[Any] = []

    def handler(connection: ServerConnection) -> None:
        release.wait(WAIT)
        for _ in messages:
            got.append(connection.recv(WAIT))
        connection.send("done")

    context = tls("localhost") if secure else None
    url = "wss://localhost:{}" if secure else "ws://localhost:{}"
    with server(handler, ssl=context, max_queue=1) as port, connected(port, url, ca_file=ca_file) as transport:
        for message in messages:
            transport.send(message)
        release.set()
        while transport.receive(WAIT) != "done":
            pass
        assert messages == got


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_many_senders_lose_and_mix_nothing(secure: bool, ca_file: str) -> None:
    """Each message of 16 threads arrives whole, once, and in its thread's order, while the reader reads."""
    threads, each = 16, 60
    context = tls("localhost") if secure else None
    url = "wss://localhost:{}" if secure else "ws://127.0.0.1:{}"
    barrier = threading.Barrier(threads)
    before = sys.getswitchinterval()

    with server(echo, ssl=context) as port, connected(port, url, ca_file=ca_file) as transport:

        def send(who: int) -> None:
            barrier.wait(WAIT)
            for number in range(each):
                transport.send(json.dumps([who, number, "x" * (number * 37 % 3000)]))

        sys.setswitchinterval(1e-5)
        try:
            senders = [threading.Thread(target=send, args=(who,)) for who in range(threads)]
            for sender in senders:
                sender.start()
            got: list[Any] = []
            while len(got) < threads * each:
                text = transport.receive(WAIT)
                if text is not None:
                    got.append(json.loads(text))
            for sender in senders:
                sender.join(WAIT)
        finally:
            sys.setswitchinterval(before)
    for who in range(threads):
        assert list(range(each)) == [number for sender, number, _ in got if sender == who]


def test_messages_for_later_leave_before_receive_waits() -> None:
    """What is queued goes in order, together with what is sent at once."""
    with server(echo) as port, connected(port) as transport:
        transport.send_later(["1"])
        transport.send_later(["2"])
        transport.send("3")
        assert ["1", "2", "3"] == [transport.receive(WAIT) for _ in range(3)]


def test_a_transport_that_cannot_put_off_sends_at_once() -> None:
    """A link of somebody's own making need not have send_later."""

    class Plain:
        sent: ClassVar[list[str]] = []

        def send(self, text: str) -> None:
            self.sent.append(text)

    send_later(Plain(), ["1", "2"])  # type: ignore[arg-type]
    assert ["1", "2"] == Plain.sent


LONG = b"m" * 70_000


@pytest.mark.parametrize(
    ("octets", "most", "more", "then"),
    [
        (frame(0x81, b"a") + frame(0x81, b"b" * 200) + frame(0x81, b""), 9, ["a", "b" * 200], ""),
        (frame(0x81, b"a") + frame(0x81, b"b") + frame(0x81, b"c"), 2, ["a", "b"], "c"),
        (frame(0x81, b"a") + frame(0x89, b"ping") + frame(0x81, b"c"), 9, ["a"], "c"),
        (frame(0x81, b"a") + frame(0x01, b"c") + frame(0x80, b"d"), 9, ["a"], "cd"),
        (frame(0x81, b"a") + frame(0x81, LONG), 9, ["a"], LONG.decode()),
        (frame(0x81, b"a") + frame(0x81, b"\xff") + frame(0x81, b"c"), 9, ["a"], ProtocolError),
        (frame(0x81, b"a") + frame(0x81, b"c", mask=True), 9, ["a"], ConnectionLost),
        (frame(0x81, b"\xc3\xa4") + frame(0x81, b"c" * 125)[:100], 9, ["\u00e4"], None),
        (frame(0x81, b"\xc3\xa4") + b"\x81", 9, ["\u00e4"], None),
    ],
)
def test_more_messages_are_cut_out_up_to_what_is_unusual(octets: bytes, most: int, more: list[str], then: Any) -> None:
    """That is left to receive, which says what it is."""
    done = threading.Event()

    def script(sock: socket.socket) -> None:
        sock.sendall(frame(0x81, b"first") + octets)
        done.wait(WAIT)

    with raw_peer(script) as port, connected(port) as transport:
        assert transport._wire is not None
        assert "first" == transport.receive(WAIT)
        while len(transport._wire.incoming.buffer) < len(octets):
            transport._wire.fill(WAIT)
        assert more == transport.receive_more(most)
        if isinstance(then, type):
            with pytest.raises(then):
                transport.receive(0)
        else:
            assert then == transport.receive(0)
        done.set()


def test_no_more_messages_in_the_midst_of_a_fragmented_one() -> None:
    """Between its fragments only control frames may come."""
    done = threading.Event()

    def script(sock: socket.socket) -> None:
        sock.sendall(frame(0x81, b"first") + frame(0x01, b"a"))
        done.wait(WAIT)

    with raw_peer(script) as port, connected(port) as transport:
        assert transport._wire is not None
        assert "first" == transport.receive(WAIT)
        while not transport._in_fragments:
            transport.receive(0.05)
        transport._wire.incoming.buffer += frame(0x81, b"b")
        assert [] == transport.receive_more(9)
        done.set()


def test_close_sends_what_is_queued_and_a_close_frame() -> None:
    """The last acknowledgement is not lost."""
    got: list[Any] = []
    done = threading.Event()

    def handler(connection: ServerConnection) -> None:
        try:
            for message in connection:
                got.append(message)
        finally:
            done.set()

    with server(handler) as port:
        with connected(port) as transport:
            transport.send_later(["last words"])
        assert done.wait(WAIT)
    assert ["last words"] == got


def test_a_memory_link_carries_both_ways_and_ends_for_both() -> None:
    """What was sent before the end still arrives."""
    client, server_end = memory_pair()
    client.send("a")
    server_end.send("b")
    server_end.close()
    assert ("a", "b") == (server_end.receive(1), client.receive(1))
    with pytest.raises(ConnectionLost):
        client.receive(1)
    with pytest.raises(ConnectionLost):
        client.send("c")


def test_a_broken_memory_link_loses_what_was_on_its_way() -> None:
    """As a cut cable does."""
    client, server_end = memory_pair()
    server_end.send("b")
    server_end.abort()
    with pytest.raises(ConnectionLost):
        client.receive(1)


def test_a_memory_link_lives_in_its_clocks_time() -> None:
    """An hour's timeout passes at once, and wake ends it early."""
    clock = VirtualClock()
    client, _ = memory_pair(clock)
    with clock.thread():
        before = clock.now()
        assert client.receive(3600) is None
        assert 3600 == clock.now() - before
        client.wake()
        assert client.receive(3600) is None
        assert 3600 == clock.now() - before
