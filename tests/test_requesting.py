"""Requests on a real link: who reads their replies, and that each wait ends whoever does."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

import swsync

needs_epoll = pytest.mark.skipif(sys.platform != "linux", reason="a place is lent with epoll only")


class Slow:
    """A server that answers ``test.slow`` after a third of a second, ``test.never`` never, all others at once."""

    def __init__(self) -> None:
        self.port = 0
        self._timers: list[threading.Timer] = []

    def serve(self, connection: ServerConnection) -> None:
        try:
            for text in connection:
                self._answer(connection, json.loads(text))
        except ConnectionClosed:
            pass

    def _answer(self, connection: ServerConnection, message: dict[str, Any]) -> None:
        method = message.get("method")
        if method in (None, "test.never"):
            return
        reply = {"jsonrpc": "2.0", "id": message["id"], "result": {"code": "200", "protocol": "p", "method": method}}
        if method == "test.eventful":
            params = {"event_type": "test.event", "params": {"n": message["params"]["n"]}}
            event = {"jsonrpc": "2.0", "id": message["id"] + "e", "method": "signalwire.event", "params": params}
            connection.send(json.dumps(event))
        if method == "test.slow":
            timer = threading.Timer(0.3, connection.send, [json.dumps(reply)])
            self._timers.append(timer)
            timer.start()
        else:
            connection.send(json.dumps(reply))

    def end(self) -> None:
        for timer in self._timers:
            timer.join()


@pytest.fixture
def client() -> Iterator[swsync.RelayClient]:
    """A client whose reading thread lends its place."""
    slow = Slow()
    with serve(slow.serve, "127.0.0.1", 0, compression=None, ping_interval=None) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        host = f"ws://127.0.0.1:{running.socket.getsockname()[1]}"
        with swsync.RelayClient("project", "token", host=host) as client:
            wait_for(lambda: client.execute("test.fast", {}) and (incoming(client)._is_free or sys.platform != "linux"))
            yield client
        slow.end()
        running.shutdown()
        thread.join(10)


def incoming(client: swsync.RelayClient) -> Any:
    transport: Any = client._connection._transport
    return transport._wire.incoming


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@needs_epoll
def test_a_thread_reads_the_replies_that_it_waits_for(client: swsync.RelayClient) -> None:
    """All but one now and then that meets the reading thread awake: more of them where the machine is busy."""
    for _ in range(1000):
        assert "test.fast" == client.execute("test.fast", {})["method"]
        if incoming(client)._visits == 40:
            break
    assert 40 == incoming(client)._visits
    assert 0 == client._connection.counters["late_replies"]


def test_events_before_a_reply_are_handled_too(client: swsync.RelayClient) -> None:
    got: list[int] = []
    client._router._route = lambda event: got.append(event.params["n"])  # type: ignore[method-assign]
    for n in range(50):
        assert "test.eventful" == client.execute("test.eventful", {"n": n})["method"]
    wait_for(lambda: len(got) == 50)
    assert list(range(50)) == got


def test_threads_at_once_all_have_their_replies(client: swsync.RelayClient) -> None:
    wrong: list[object] = []

    def work(number: int) -> None:
        for k in range(100):
            method = ("test.fast", "test.eventful", "test.fast", "test.slow")[(number + k) % 4 if k % 50 == 0 else 0]
            reply = client.execute(method, {"n": k}, timeout=30)
            if reply["method"] != method:
                wrong.append(reply)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        sys.setswitchinterval(before)
    assert [] == wrong
    assert not any(thread.is_alive() for thread in threads)


def test_a_signal_handler_may_ask_in_the_midst_of_a_wait(client: swsync.RelayClient) -> None:
    """The reply of the one below it comes meanwhile, and is not lost."""
    replies: list[Any] = []
    before = signal.signal(signal.SIGALRM, lambda *_: replies.append(client.execute("test.slow", {}, timeout=5)))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        replies.append(client.execute("test.slow", {}, timeout=5))
    finally:
        signal.signal(signal.SIGALRM, before)
    assert ["test.slow"] * 2 == [reply["method"] for reply in replies]


def test_a_wait_ends_in_time(client: swsync.RelayClient) -> None:
    begin = time.monotonic()
    with pytest.raises(swsync.RelayError):
        client.execute("test.never", {}, timeout=0.2)
    assert 0.2 <= time.monotonic() - begin < 10


def test_close_ends_a_wait(client: swsync.RelayClient) -> None:
    timer = threading.Timer(0.1, client.close)
    timer.start()
    begin = time.monotonic()
    with pytest.raises((swsync.RelayError, swsync.ConnectionClosed)):
        client.execute("test.never", {}, timeout=30)
    assert time.monotonic() - begin < 10
    timer.join()
