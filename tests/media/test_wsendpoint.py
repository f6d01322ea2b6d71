"""The media WebSocket thread with real sockets: who gets in, what ends a connection, what is left."""

from __future__ import annotations

import contextlib
import errno
import gc
import logging
import os
import selectors
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus

import pytest
import trustme
from forked import fails_in_child
from websockets.http11 import Request
from websockets.sync.client import connect
from wsclient import TIMEOUT, RawClient, frame, request

from swsync.errors import ConfigurationError, MediaError
from swsync.media import wsconnection, wsendpoint, wslistener
from swsync.media.wsattach import attach
from swsync.media.wsconnection import Connection
from swsync.media.wsdeframe import Refusal
from swsync.media.wslistener import Attachment

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Guest:
    """A receiver that notes everything."""

    plain = None

    def __init__(self, max_size: int = 65536, time_limit: float | None = None, total_limit: int | None = None) -> None:
        self.max_size, self.time_limit, self.total_limit = max_size, time_limit, total_limit
        self.refusal: Refusal | None = None
        self.on_message: Callable[[], None] = lambda: None
        self.messages: list[str | bytes] = []
        self.reasons: list[str] = []
        self.connection: Connection | None = None
        self.changed = threading.Condition()

    def admit(self, request: Request) -> Refusal | None:
        return self.refusal

    def opened(self, connection: Connection) -> None:
        self.connection = connection

    def text(self, text: str) -> None:
        self.on_message()
        with self.changed:
            self.messages.append(text)
            self.changed.notify_all()

    def binary(self, data: bytes) -> None:
        with self.changed:
            self.messages.append(data)
            self.changed.notify_all()

    def refused(self, lane: int, reason: str) -> None:
        raise AssertionError("nothing is plain here")

    def closed(self, reason: str) -> None:
        with self.changed:
            self.reasons.append(reason)
            self.changed.notify_all()

    def wait(self, predicate: Callable[[], object]) -> bool:
        with self.changed:
            return bool(self.changed.wait_for(predicate, TIMEOUT))


class Place:
    """A guest on the endpoint, and its address."""

    def __init__(self, guest: Guest, path: str = "/secret", context: ssl.SSLContext | None = None) -> None:
        self.guest = guest
        self.attachment: Attachment = attach(guest, (path,), "127.0.0.1", 0, context)
        self.url = f"ws://127.0.0.1:{self.attachment.port}{path}"


@pytest.fixture
def place() -> Iterator[Place]:
    """A guest that is gone after the test."""
    place = Place(Guest())
    yield place
    place.attachment.close()


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """The thread ends with the last receiver."""
    yield
    assert not [t for t in threading.enumerate() if t.name == "swsync-wsmedia"]


def counted(reason: str, before: dict[str, int]) -> int:
    """How often something has happened since."""
    return wsendpoint.counters()[reason] - before[reason]


def wait_counted(reason: str, before: dict[str, int], count: int = 1) -> bool:
    """Wait until something has happened that often."""
    done = threading.Event()
    for _ in range(int(TIMEOUT / 0.01)):
        if counted(reason, before) >= count:
            return True
        done.wait(0.01)
    return False


def test_messages_arrive(place: Place) -> None:
    """Text and binary come as they are, pings are answered, the end is told once."""
    with connect(place.url) as client:
        client.send("text")
        client.send(b"binary")
        assert client.ping().wait(TIMEOUT)
    assert place.guest.wait(lambda: place.guest.reasons)
    assert ["text", b"binary"] == place.guest.messages
    assert ["closed (1000)"] == place.guest.reasons


def test_what_is_sent_to_a_peer_leaves_at_once() -> None:
    """Without TCP_NODELAY a second small message waits up to 40 ms, which are two frames of audio."""
    listener = wslistener.Listener((socket.AF_INET, ("127.0.0.1", 0)), None)
    with listener.socket, socket.create_connection(("127.0.0.1", listener.port)):
        listener.socket.setblocking(True)
        accepted, _ = listener.socket.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_other_paths_are_refused(place: Place) -> None:
    """Who does not know the path gets 404, whatever he asks."""
    before = wsendpoint.counters()
    for path in ("/", "/secre", "/secret/", "/secrets", "/SECRET", "//secret", "/%73ecret", "/x?/secret"):
        with RawClient(place.url) as client:
            client.send(request(path))
            assert 404 == client.status()
            assert client.is_closed()
    assert 8 == counted("not_found", before)
    assert [] == place.guest.reasons


def test_a_query_is_ignored(place: Place) -> None:
    """Whether the service keeps query strings is not known; they do no harm."""
    with connect(place.url + "?a=b"):
        pass
    assert place.guest.wait(lambda: place.guest.reasons)


def test_the_receiver_may_refuse(place: Place) -> None:
    """A receiver's refusal is the answer, with its headers."""
    place.guest.refusal = Refusal(HTTPStatus.UNAUTHORIZED, "unauthorized", (("WWW-Authenticate", "Bearer"),))
    before = wsendpoint.counters()
    with RawClient(place.url) as client:
        client.send(request("/secret"))
        assert b"WWW-Authenticate: Bearer\r\n" in client.receive()
    assert wait_counted("unauthorized", before)
    assert [] == place.guest.reasons


@pytest.mark.parametrize(
    ("data", "code", "reason"),
    [
        (frame(TEXT, b"x", masked=False), 1002, "protocol_error"),
        (frame(TEXT, b"\xff"), 1007, "invalid_utf8"),
        (frame(BINARY, b"x" * 65537), 1009, "message_too_big"),
    ],
    ids=["unmasked", "no UTF-8", "too big"],  # the octets are masked at random: they would be no name
)
def test_violations(place: Place, data: bytes, code: int, reason: str) -> None:
    """What RFC 6455 forbids closes with its code, is counted, and is the end of that connection only."""
    before = wsendpoint.counters()
    with RawClient(place.url) as client:
        assert 101 == client.open()
        client.send(data)
        assert code == client.close_code()
    assert place.guest.wait(lambda: place.guest.reasons)
    assert [reason] == place.guest.reasons
    assert 1 == counted(reason, before)


def test_fragments_and_single_octets(place: Place) -> None:
    """A message in fragments, with a ping between them, sent an octet at a time."""
    data = frame(TEXT, b"a", fin=False) + frame(PING, b"p") + frame(0, b"b")
    with RawClient(place.url) as client:
        for octet in request("/secret") + data:
            client.send(bytes([octet]))
        assert 101 == client.status()
        assert (PONG, b"p") == client.frame()
        assert place.guest.wait(lambda: place.guest.messages)
    assert ["ab"] == place.guest.messages


def test_a_slow_handshake_is_cut_off(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline is for the whole handshake: an octet now and then does not prolong it."""
    monkeypatch.setattr(wsconnection, "HANDSHAKE_TIME", 0.3)
    before = wsendpoint.counters()
    with RawClient(place.url) as client:
        client.socket.settimeout(0.05)
        for octet in request("/secret") * 10:
            try:
                client.send(bytes([octet]))
            except ConnectionError:
                break
            try:
                if not client.receive():
                    break
            except TimeoutError:
                pass
        else:
            pytest.fail("the handshake went on for ever")
    assert 1 == counted("handshake_timeout", before)


def test_idle_sockets_do_not_starve_others(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sockets that send nothing are pushed out by newer ones, oldest first; a real one gets in."""
    monkeypatch.setattr(wsendpoint, "MAX_PENDING", 20)
    before = wsendpoint.counters()
    idle = [RawClient(place.url) for _ in range(100)]
    try:
        assert wait_counted("accepted", before, 100)
        with RawClient(place.url) as client:
            assert 101 == client.open()
        assert counted("pending_pushed_out", before) >= 80
        assert idle[0].is_closed()
    finally:
        for each in idle:
            each.socket.close()


def test_a_thousand_strangers(place: Place) -> None:
    """Half of them idle, half with an octet now and then: whoever has an address is let in, and all of his arrives."""
    before = wsendpoint.counters()
    strangers = [RawClient(place.url) for _ in range(1000)]
    try:
        assert wait_counted("accepted", before, 1000)
        with connect(place.url) as client:
            for number in range(200):
                for stranger in strangers[number % 2 :: 200]:
                    with contextlib.suppress(ConnectionError):
                        stranger.send(request("/secret")[number : number + 1] or b"x")
                client.send(bytes([number]))
            assert place.guest.wait(lambda: len(place.guest.messages) == 200)
        assert [bytes([number]) for number in range(200)] == place.guest.messages
        assert counted("pending_pushed_out", before) >= 1000 - wsendpoint.MAX_PENDING
    finally:
        for stranger in strangers:
            stranger.socket.close()


def test_no_descriptors_left(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the process has no descriptor left, the oldest stranger goes, and accepting goes on."""
    before = wsendpoint.counters()

    class Full:
        """A listening socket that fails the first times."""

        def __init__(self, real: socket.socket) -> None:
            self.real = real
            self.failures = 3

        def accept(self) -> tuple[socket.socket, object]:
            if self.failures:
                self.failures -= 1
                raise OSError(errno.EMFILE, "Too many open files")
            return self.real.accept()

        def __getattr__(self, name: str) -> object:
            return getattr(self.real, name)

    monkeypatch.setattr(place.attachment.listener, "socket", Full(place.attachment.listener.socket))
    with RawClient(place.url) as client:
        assert 101 == client.open()
    assert 3 == counted("accept_failed", before)


def test_time_limit() -> None:
    """A socket may stay no longer than allowed."""
    place = Place(Guest(time_limit=0.1))
    before = wsendpoint.counters()
    with RawClient(place.url) as client:
        assert 101 == client.open()
        assert 1008 == client.close_code()
    place.attachment.close()
    assert ["time_limit"] == place.guest.reasons[:1]
    assert 1 == counted("time_limit", before)


def test_total_limit() -> None:
    """A socket may send no more than allowed."""
    place = Place(Guest(total_limit=5000))
    with RawClient(place.url) as client:
        assert 101 == client.open()
        client.send(frame(BINARY, b"x" * 3000) * 2)
        assert 1008 == client.close_code()
    place.attachment.close()
    assert ["total_limit"] == place.guest.reasons[:1]


def test_silent_peers_are_asked_then_dropped(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that says nothing gets a ping; one that does not answer it is gone."""
    monkeypatch.setattr(wsconnection, "PING_AFTER", 0.1)
    monkeypatch.setattr(wsconnection, "IDLE_TIME", 2.0)
    before = wsendpoint.counters()
    with RawClient(place.url) as client:
        assert 101 == client.open()
        assert (PING, b"swsync") == client.frame()
        assert client.is_closed()
    assert place.guest.wait(lambda: place.guest.reasons)
    assert ["idle_timeout"] == place.guest.reasons
    assert 1 == counted("idle_timeout", before)


def test_a_peer_that_answers_pings_stays(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A silent peer that answers pings is not dropped."""
    monkeypatch.setattr(wsconnection, "PING_AFTER", 0.1)
    monkeypatch.setattr(wsconnection, "IDLE_TIME", 3.0)
    with RawClient(place.url) as client:
        assert 101 == client.open()
        for _ in range(35):
            assert PING == client.frame()[0]
            client.send(frame(PONG, b"swsync"))
        client.send(frame(TEXT, b"still here"))
        assert place.guest.wait(lambda: place.guest.messages)


def test_a_peer_that_does_not_read(place: Place) -> None:
    """Pongs to a peer that does not read them do not pile up: it is not read either, and others are."""
    with RawClient(place.url) as deaf:
        assert 101 == deaf.open()
        deaf.socket.setblocking(False)
        pings, rest = frame(PING, b"x" * 125) * 2000, b""
        pause = threading.Event()
        connection = place.guest.connection
        assert connection is not None
        for _ in range(2000):
            try:
                rest = (rest or pings)[deaf.socket.send(rest or pings) :]
            except BlockingIOError:
                pause.wait(0.005)
                if not connection.watched & selectors.EVENT_READ:
                    break
        else:
            pytest.fail("everything was read")
        assert len(connection._unsent) < 2**20
        other = Place(Guest(), "/other")
        with connect(other.url) as client:
            client.send("heard")
            assert other.guest.wait(lambda: other.guest.messages)
        other.attachment.close()


def test_a_receiver_that_raises(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """A mistake of ours closes that connection with 1011 and nothing else."""

    def fail() -> None:
        raise RuntimeError("a mistake")

    place.guest.on_message = fail
    with RawClient(place.url) as client:
        assert 101 == client.open()
        client.send(frame(TEXT, b"x") * 3)
        assert 1011 == client.close_code()
    assert "a mistake" in caplog.text
    place.guest.on_message = lambda: None
    with connect(place.url) as client:
        client.send("fine")
        assert place.guest.wait(lambda: place.guest.messages)


def test_the_thread_fails(place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """If the thread itself breaks, its receivers end, nobody waits for ever, and the next receiver gets a new one."""
    endpoint = place.attachment.endpoint
    with RawClient(place.url) as client:
        assert 101 == client.open()

        def fail() -> None:
            raise RuntimeError("a mistake")

        monkeypatch.setattr(endpoint, "_expire", fail)
        endpoint.wake()
        assert place.guest.wait(lambda: place.guest.reasons)
        assert client.is_closed()
    assert "a mistake" in caplog.text
    place.attachment.end()
    place.attachment.close()
    assert not endpoint.thread.is_alive()
    other = Place(Guest(), "/other")
    with connect(other.url) as sender:
        sender.send("x")
        assert other.guest.wait(lambda: other.guest.messages)
    other.attachment.close()


def test_nothing_secret_is_logged(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """Neither paths nor tokens are in any log, at any level."""
    caplog.set_level(logging.DEBUG)
    with RawClient(place.url) as client:
        assert 101 == client.open("Authorization: Bearer hush")
        client.send(frame(TEXT, b"x"))
        assert place.guest.wait(lambda: place.guest.messages)
    place.attachment.close()
    assert "secret" not in caplog.text
    assert "hush" not in caplog.text


def test_end_refuses_newcomers_and_reads_what_is_under_way(place: Place) -> None:
    """After the end nobody gets in, but what the far side still sends is taken until it closes."""
    with connect(place.url) as client:
        client.send("one")
        place.attachment.end()
        with RawClient(place.url) as late:
            assert 404 == late.open()
        client.send("two")
        assert place.guest.wait(lambda: len(place.guest.messages) == 2)
    assert place.guest.wait(lambda: place.guest.reasons)
    assert ["closed (1000)"] == place.guest.reasons


def test_end_does_not_wait_for_ever(place: Place) -> None:
    """A far side that does not close is closed, half a second after the end."""
    with RawClient(place.url) as client:
        assert 101 == client.open()
        place.attachment.end()
        assert 1000 == client.close_code()
    assert place.guest.wait(lambda: place.guest.reasons)
    assert ["ended"] == place.guest.reasons


def test_end_without_a_connection(place: Place) -> None:
    """The end is told where nobody has ever come; twice is once."""
    place.attachment.end()
    place.attachment.end()
    assert place.guest.wait(lambda: place.guest.reasons)


def test_close_takes_what_has_arrived(place: Place) -> None:
    """What is in the socket when the receiver closes is not lost."""
    gate = threading.Event()
    place.guest.on_message = lambda: (gate.wait(TIMEOUT), None)[1]
    with RawClient(place.url) as client:
        assert 101 == client.open()
        client.send(frame(TEXT, b"first"))
        client.send(frame(BINARY, b"x" * 60_000) * 5)
        closing = threading.Thread(target=place.attachment.close)
        closing.start()
        gate.set()
        assert client.close_code() in (1001, -1)
        closing.join(TIMEOUT)
    assert ["first", *[b"x" * 60_000] * 5] == place.guest.messages


def test_close_with_a_peer_that_does_not_answer(place: Place) -> None:
    """A peer that ignores our close does not hold the thread."""
    with RawClient(place.url) as client:
        assert 101 == client.open()
        place.attachment.close()
        assert not place.attachment.endpoint.thread.is_alive()
        assert 1001 == client.close_code()


def test_receivers_share_a_socket() -> None:
    """Receivers with the same address and TLS share a listening socket; each has its own path."""
    one, two = Place(Guest(), "/one"), Place(Guest(), "/two")
    named = attach(three := Guest(), ("/three",), "127.0.0.1", one.attachment.port)
    assert one.attachment.listener is two.attachment.listener is named.listener
    for place, text in ((one, "1"), (two, "2")):
        with connect(place.url) as client:
            client.send(text)
        assert place.guest.wait(lambda place=place: place.guest.reasons)
        assert [text] == place.guest.messages
    one.attachment.close()
    with RawClient(one.url) as client:
        assert 404 == client.open()
    with connect(f"ws://127.0.0.1:{named.port}/three") as client:
        client.send("3")
    assert three.wait(lambda: three.reasons)
    two.attachment.close()
    named.close()
    with pytest.raises(ConnectionError):
        RawClient(one.url)


def test_a_port_is_free_again() -> None:
    """The same port can be bound again at once, many times."""
    port = 0
    for _ in range(20):
        guest = Guest()
        attachment = attach(guest, ("/x",), "127.0.0.1", port)
        port = attachment.port
        with connect(f"ws://127.0.0.1:{port}/x") as client:
            client.send("x")
        assert guest.wait(lambda guest=guest: guest.reasons)
        attachment.close()


def test_a_busy_port() -> None:
    """A port that somebody else has is a sentence that says what to do."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(ConfigurationError, match="SWSYNC_MEDIA_PORT"),
    ):
        attach(Guest(), ("/x",), "127.0.0.1", taken.getsockname()[1])
    with pytest.raises(ConfigurationError, match="SWSYNC_BIND_HOST"):
        attach(Guest(), ("/x",), "192.0.2.1", 0)
    with pytest.raises(ConfigurationError, match="SWSYNC_BIND_HOST"):
        attach(Guest(), ("/x",), "no such host.invalid", 0)
    for thread in threading.enumerate():
        if thread.name == "swsync-wsmedia":
            thread.join(TIMEOUT)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority for this module."""
    return trustme.CA()


@pytest.fixture
def contexts(authority: trustme.CA) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS for a server at 127.0.0.1 and for a client that trusts it."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    server.num_tickets = 0  # websockets' client reads a ticket while it writes its request, and OpenSSL may lose that
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls(contexts: tuple[ssl.SSLContext, ssl.SSLContext], version: ssl.TLSVersion) -> None:
    """The same over TLS, with large and small messages, to a clean end."""
    server, trusting = contexts
    trusting.minimum_version = trusting.maximum_version = version
    place = Place(Guest(), context=server)
    with connect(place.url.replace("ws:", "wss:"), ssl=trusting) as client:
        for _ in range(20):
            client.send(b"x" * 60_000)
            client.send("small")
        assert client.ping().wait(TIMEOUT)
    assert place.guest.wait(lambda: place.guest.reasons)
    assert ["closed (1000)"] == place.guest.reasons
    assert [b"x" * 60_000, "small"] * 20 == place.guest.messages
    place.attachment.close()


def test_tls_and_strangers(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    """Plain HTTP, half a handshake, an octet at a time and a sudden end: counted, and others are served."""
    server, trusting = contexts
    place = Place(Guest(), context=server)
    before = wsendpoint.counters()
    with RawClient(place.url) as plain:
        plain.send(request("/secret"))
        assert plain.is_closed()
    assert wait_counted("tls_failed", before)
    with RawClient(place.url) as half:
        half.send(b"\x16\x03\x01\x02\x00\x01\x00\x01")
        with RawClient(place.url, trusting) as wrong:
            wrong.send(request("/other"))
            assert 404 == wrong.status()
        with RawClient(place.url, trusting) as client:
            assert 101 == client.open()
            client.send(frame(TEXT, b"x"))
            assert place.guest.wait(lambda: place.guest.messages)
            client.socket.shutdown(socket.SHUT_RDWR)  # no farewell of TLS or WebSocket
            assert place.guest.wait(lambda: place.guest.reasons)
    assert ["lost"] == place.guest.reasons
    place.attachment.close()


def test_a_client_context_cannot_serve() -> None:
    """A context for clients is refused where it is given."""
    with pytest.raises(ConfigurationError, match="PROTOCOL_TLS_SERVER"):
        attach(Guest(), ("/x",), "127.0.0.1", 0, ssl.create_default_context())


def test_many_threads_come_and_go() -> None:
    """Receivers made, used and closed by many threads at once leave nothing and lose nothing."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    barrier = threading.Barrier(8)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            barrier.wait(TIMEOUT)
            for turn in range(4):
                place = Place(Guest(), f"/{number}-{turn}")
                with RawClient(place.url) as client:
                    assert 101 == client.open()
                    client.send(frame(TEXT, b"x"))
                    assert place.guest.wait(lambda place=place: place.guest.messages)
                    if turn % 2:
                        place.attachment.end()
                    place.attachment.close()
                assert place.guest.reasons
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        sys.setswitchinterval(interval)
    assert [] == failures


def test_a_forked_child(place: Place) -> None:
    """A child touches nothing of its parent's: its sockets are closed there, and the parent goes on."""
    with connect(place.url) as client:
        client.send("before")
        assert place.guest.wait(lambda: place.guest.messages)

        def in_child() -> None:
            place.attachment.end()
            place.attachment.close()
            with pytest.raises(MediaError):
                place.attachment.endpoint.post(lambda: None)
            own = Place(Guest())
            with RawClient(own.url) as inner:
                assert 101 == inner.open()
            own.attachment.close()

        assert not fails_in_child(in_child)
        client.send("after")
        assert place.guest.wait(lambda: len(place.guest.messages) == 2)
    assert place.guest.wait(lambda: place.guest.reasons)
    assert ["closed (1000)"] == place.guest.reasons


def test_the_interpreter_exits_with_connections_open() -> None:
    """A script that forgets to close still ends, and says good-bye to its peer."""
    script = """
import sys
from swsync.media.wsattach import attach
sys.path.insert(0, "tests/media")
from test_wsendpoint import Guest, RawClient
attachment = attach(Guest(), ("/x",), "127.0.0.1", 0)
client = RawClient(f"ws://127.0.0.1:{attachment.port}/x")
print(client.open())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert ("101\n", "", 0) == (done.stdout, done.stderr, done.returncode)


def test_descriptors_do_not_grow(place: Place) -> None:
    """Hundreds of connections leave nothing open."""
    gc.collect()
    before = wsendpoint.counters()
    descriptors = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for number in range(300):
        with RawClient(place.url) as client:
            if number % 3:
                client.send(request("/secret" if number % 2 else "/no"))
            if number % 5 == 0:
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert wait_counted("accepted", before, 300)
    if descriptors:
        for _ in range(3000):
            if len(os.listdir("/proc/self/fd")) <= descriptors:
                break
            threading.Event().wait(0.01)
        assert len(os.listdir("/proc/self/fd")) <= descriptors
