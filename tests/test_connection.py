"""The I/O thread in virtual time: reconnecting, resuming, keepalive, and what becomes of each request."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from scripted_server import SILENT, Link, Refusal, ScriptedServer

import swsync
from swsync import connection, requesting
from swsync.clock import VirtualClock
from swsync.errors import (
    AuthenticationFailed,
    CallGone,
    ConnectionClosed,
    ConnectionFailed,
    ConnectionLost,
    OutcomeUnknown,
    RelayError,
    RequestTimeout,
)
from swsync.link import GROUP
from swsync.memorytransport import MemoryTransport

OK = {"code": "200", "message": "OK"}


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    """Virtual time that the test's own thread belongs to."""
    clock = VirtualClock()
    with clock.thread():
        yield clock


@pytest.fixture
def server(clock: VirtualClock) -> Iterator[ScriptedServer]:
    """A server that says yes to everything."""
    server = ScriptedServer(clock)
    yield server
    server.close()


@pytest.fixture
def client(server: ScriptedServer) -> Iterator[swsync.RelayClient]:
    """A client connected to it."""
    with swsync.RelayClient(**server.settings, contexts=["office"]) as client:
        yield client


class Background:
    """Calls a function in a thread of the clock, and gives what it returned or raised."""

    def __init__(self, clock: VirtualClock, function: Any, *args: Any, **kwargs: Any) -> None:
        self.result: Any = None
        self.error: BaseException | None = None

        def run() -> None:
            try:
                self.result = function(*args, **kwargs)
            except BaseException as error:
                self.error = error

        self.thread = clock.start(run, "background")

    def outcome(self, timeout: float = 1000.0) -> Any:
        self.thread.join(timeout)
        assert not self.thread.is_alive()
        if self.error is not None:
            raise self.error
        return self.result


def silent(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
    return SILENT


def test_what_comes_with_the_reply_to_connect_is_of_the_new_session(
    server: ScriptedServer, clock: VirtualClock
) -> None:
    """Its state is kept, and an event is not acted on a second time, though all of it is there in one read."""

    def welcome(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        link.reply(frame, server.welcome(link, frame))
        link.event("signalwire.authorization.state", "first", authorization_state="a secret")
        link.event("signalwire.authorization.state", "first", authorization_state="a secret")
        return SILENT

    server.answers["signalwire.connect"] = welcome
    with swsync.RelayClient(**server.settings) as client:
        clock.sleep(1)
        assert {"protocol": "protocol-1", "authorization_state": "a secret"} == client.session_state
        assert 1 == client.counters["duplicates"]


def test_a_request_gets_its_reply(client: swsync.RelayClient, server: ScriptedServer) -> None:
    """The result comes back, the params went out as they are."""
    server.answers["calling.x"] = lambda link, frame: {**OK, "echo": frame["params"]}
    assert {"a": 1} == client.execute("calling.x", {"a": 1})["echo"]


def test_replies_find_their_requests_in_any_order(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """Answers come back reversed; each thread gets its own."""
    waiting: list[dict[str, Any]] = []

    def answer(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        waiting.append(frame)
        if len(waiting) == 20:
            for held in reversed(waiting):
                link.reply(held, {**OK, "n": held["params"]["n"]})
        return SILENT

    server.answers["calling.x"] = answer
    threads = [Background(clock, client.execute, "calling.x", {"n": n}) for n in range(20)]
    assert list(range(20)) == [thread.outcome()["n"] for thread in threads]


def test_an_error_reply_raises(client: swsync.RelayClient, server: ScriptedServer) -> None:
    """RELAY's no is RelayError, its 404 is CallGone."""

    def refuse(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        raise Refusal(-32602, "bad")

    server.answers["calling.x"] = refuse
    server.answers["calling.y"] = lambda link, frame: {"code": "404", "message": "no call"}
    with pytest.raises(RelayError, match="bad"):
        client.execute("calling.x", {})
    with pytest.raises(CallGone):
        client.execute("calling.y", {})


def test_a_request_without_reply_fails_alone(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """Its outcome is unknown after its timeout; the link goes on, and a late reply disturbs nobody."""
    server.answers["calling.x"] = silent
    before = clock.now()
    with pytest.raises(OutcomeUnknown) as caught:
        client.execute("calling.x", {})
    assert isinstance(caught.value, TimeoutError)
    assert 10 == pytest.approx(clock.now() - before)
    server.link.reply(server.frames[-1], OK)
    assert OK == client.execute("calling.y", {})
    assert 1 == len(server.links)
    assert 1 == client.counters["late_replies"]
    assert 0 == len(client._connection.pending)


def test_an_idempotent_request_without_reply_is_a_request_timeout(
    client: swsync.RelayClient, server: ScriptedServer
) -> None:
    """Nothing is in doubt: it may be sent again."""
    server.answers["calling.end"] = silent
    with pytest.raises(RequestTimeout):
        client.execute("calling.end", {}, idempotent=True)


def test_a_lost_link_resumes_with_protocol_and_state(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """It reconnects with what the server gave, in 1 to 4 seconds, and tells the listeners."""
    told: list[str] = []
    client.on_connection(told.append)
    server.link.event("signalwire.authorization.state", authorization_state="AS")
    clock.sleep(1)
    before = clock.now()
    server.link.end()
    params = server.wait_for("signalwire.connect", 2)
    assert 1 <= clock.now() - before <= 4
    assert ("protocol-1", "AS", ["office"]) == (params["protocol"], params["authorization_state"], params["contexts"])
    clock.sleep(1)
    assert ["lost", "resumed"] == told
    assert OK == client.execute("calling.x", {})


@pytest.mark.parametrize(("restart", "told"), [(False, ["lost", "resumed"]), (True, ["lost", "new_session"])])
def test_the_server_asks_to_connect_again(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock, restart: bool, told: list[str]
) -> None:
    """signalwire.disconnect is answered; with restart a new session begins."""
    heard: list[str] = []
    client.on_connection(heard.append)
    server.link.request("signalwire.disconnect", {"restart": restart}, "bye")
    server.wait_for_reply("bye")
    params = server.wait_for("signalwire.connect", 2)
    assert (not restart) == ("protocol" in params)
    clock.sleep(1)
    assert told == heard


def test_backing_off_grows_to_thirty_seconds_with_jitter(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each wait is drawn between a second and a bound that doubles from 4 to 30; after a success it begins anew."""
    drawn: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        drawn.append((low, high))
        return high

    monkeypatch.setattr(connection.random, "uniform", uniform)
    server.refuse = 5
    server.link.end()
    server.wait_for("signalwire.connect", 2, timeout=1000)
    assert [(1.0, bound) for bound in (4.0, 8.0, 16.0, 30.0, 30.0, 30.0)] == drawn
    clock.sleep(1)
    server.link.end()
    server.wait_for("signalwire.connect", 3, timeout=1000)
    assert (1.0, 4.0) == drawn[-1]


def test_fifty_clients_do_not_come_back_in_one_second(clock: VirtualClock) -> None:
    """After the same loss their attempts are spread."""
    server = ScriptedServer(clock)
    arrivals: list[float] = []
    clients = [swsync.RelayClient(**server.settings).connect() for _ in range(50)]
    server.answers["signalwire.connect"] = lambda link, frame: (
        arrivals.append(clock.now()),
        server.welcome(link, frame),
    )[1]
    for link in list(server.links):
        link.end()
    clock.sleep(10)
    arrivals.sort()
    assert 50 == len(arrivals)
    assert 50 > max(sum(start <= t < start + 1 for t in arrivals) for start in arrivals)
    for client in clients:
        client.close()
    server.close()


def test_pings_keep_the_link_and_three_misses_end_it(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """One every 30 s; with no sign of life for three of them it reconnects."""
    clock.sleep(95)
    assert 3 == len(server.params("signalwire.ping"))
    assert 1 == len(server.links)
    server.answers["signalwire.ping"] = silent
    before = clock.now()
    server.wait_for("signalwire.connect", 2, timeout=1000)
    assert 90 <= clock.now() - before <= 130


def test_any_frame_is_a_sign_of_life(client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock) -> None:
    """A server that answers no ping but sends events is alive."""
    server.answers["signalwire.ping"] = silent
    for _ in range(20):
        clock.sleep(20)
        server.link.event("calling.call.play", call_id="nobody")
    assert 1 == len(server.links)


def test_a_reply_that_another_thread_has_read_is_a_sign_of_life(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """The reading thread sees nothing of it."""
    server.answers["signalwire.ping"] = silent
    for _ in range(20):
        clock.sleep(20)
        client._connection.pending.remove("whichever")
    assert 1 == len(server.links)


def test_a_server_ping_is_answered(client: swsync.RelayClient, server: ScriptedServer) -> None:
    """At once, with its id."""
    server.link.request("signalwire.ping", {}, "their-ping")
    server.wait_for_reply("their-ping")


def test_a_request_while_disconnected_waits_for_the_link(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """It is sent after the resume."""
    server.link.end()
    clock.sleep(0.1)
    assert not client.is_connected
    assert OK == client.execute("calling.x", {"a": 1})
    assert [{"a": 1}] == server.params("calling.x")


def test_a_request_waits_for_the_next_link_if_this_one_has_broken_unseen(
    client: swsync.RelayClient, server: ScriptedServer
) -> None:
    """Nothing of it can have left, so that it is sent; its outcome is not unknown."""
    server.link.end()  # virtual time stands still: the thread that reads has seen nothing of it
    assert client.is_connected
    assert OK == client.execute("calling.x", {"a": 1})
    assert [{"a": 1}] == server.params("calling.x")


def test_a_request_that_is_stopped_as_it_is_sent_is_kept_by_nobody(
    client: swsync.RelayClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for its reply any more."""

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(MemoryTransport, "send", stop)
        with pytest.raises(KeyboardInterrupt):
            client.execute("calling.x", {})
    assert 0 == len(client._connection.pending)


def test_a_request_that_was_never_written_times_out_and_never_is(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """RequestTimeout within its own timeout; the next link does not see it."""
    server.refuse = 4
    server.link.end()
    clock.sleep(0.1)
    before = clock.now()
    with pytest.raises(RequestTimeout, match="never sent"):
        client.execute("calling.x", {}, timeout=3)
    assert 3 == pytest.approx(clock.now() - before)
    server.wait_for("signalwire.connect", 2, timeout=1000)
    clock.sleep(1)
    assert [] == server.params("calling.x")


def test_a_verb_whose_reply_is_lost_is_never_sent_twice(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """Its outcome is unknown as soon as the link is lost."""

    def cut(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        link.end()
        return SILENT

    server.answers["calling.play"] = cut
    before = clock.now()
    with pytest.raises(OutcomeUnknown):
        client.execute("calling.play", {})
    assert clock.now() - before < 1
    server.wait_for("signalwire.connect", 2)
    clock.sleep(5)
    assert 1 == len(server.params("calling.play"))


@pytest.mark.parametrize("second", [OK, {"code": "404", "message": "gone"}, {"code": "410", "message": "gone"}])
def test_an_idempotent_request_is_sent_again_until_answered(
    client: swsync.RelayClient, server: ScriptedServer, second: dict[str, Any]
) -> None:
    """After the resume it goes out once more; that the call is gone by then is success."""

    def cut_once(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        if link is server.links[0]:
            link.end()
            return SILENT
        return second

    server.answers["calling.end"] = cut_once
    assert client.execute("calling.end", {"call_id": "c"}, idempotent=True) in (OK, {})
    assert [{"call_id": "c"}] * 2 == server.params("calling.end")


def test_an_idempotent_request_survives_its_caller(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """Its timeout passes while the link is down; it is sent after the resume all the same."""
    server.answers["calling.end"] = silent
    server.refuse = 2
    waiting = Background(clock, client.execute, "calling.end", {"call_id": "c"}, timeout=2, idempotent=True)
    server.wait_for("calling.end")
    server.link.end()
    with pytest.raises(RequestTimeout):
        waiting.outcome()
    server.answers["calling.end"] = lambda link, frame: OK
    server.wait_for("calling.end", 2, timeout=100)
    clock.sleep(1)
    assert 0 == len(client._connection.pending)


def test_credentials_refused_three_times(server: ScriptedServer, clock: VirtualClock) -> None:
    """connect() raises AuthenticationFailed, which names the settings, and leaves nothing."""

    def refuse(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        raise Refusal(-32002, "Authentication failed")

    server.answers["signalwire.connect"] = refuse
    client = swsync.RelayClient(**server.settings, connect_timeout=60)
    began = clock.now()
    with pytest.raises(AuthenticationFailed, match="SIGNALWIRE_API_TOKEN"):
        client.connect()
    assert 3 == len(server.params("signalwire.connect"))
    assert clock.now() - began <= 3.0  # somebody sits there and waits
    assert client.closed
    with pytest.raises(AuthenticationFailed):
        client.execute("calling.x", {})


def test_whoever_waits_hears_that_the_credentials_are_refused(server: ScriptedServer, clock: VirtualClock) -> None:
    """run() in one thread, requests, dials and next_call in others: each raises AuthenticationFailed."""

    def refuse(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        raise Refusal(-32002, "Authentication failed")

    server.answers["signalwire.connect"] = refuse
    client = swsync.RelayClient(**server.settings)
    running = Background(clock, client.run)
    clock.sleep(0.1)
    waiting = [
        Background(clock, client.execute, "calling.x", {}, timeout=100),
        Background(clock, client.dial_phone, "+12025550100"),
        Background(clock, client.next_call),
    ]
    for each in (running, *waiting):
        with pytest.raises(AuthenticationFailed):
            each.outcome()


def test_refused_credentials_after_a_success_are_retried_for_ever(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """A refused resume drops the saved session; the client goes on."""
    refusals = 6

    def refuse(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        if len(server.params("signalwire.connect")) <= refusals + 1:
            raise Refusal(-32003, "Requester validation failed")
        return server.welcome(link, frame)

    server.answers["signalwire.connect"] = refuse
    server.link.end()
    server.wait_for("signalwire.connect", refusals + 2, timeout=1000)
    assert "protocol" in server.params("signalwire.connect")[1]
    assert "protocol" not in server.params("signalwire.connect")[2]
    clock.sleep(1)
    assert client.is_connected


def test_an_internal_error_on_connect_is_retried(server: ScriptedServer, clock: VirtualClock) -> None:
    """It is not a refusal of the credentials."""
    seen = []

    def fail(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        seen.append(frame)
        if len(seen) < 4:
            raise Refusal(-32603, "internal")
        return server.welcome(link, frame)

    server.answers["signalwire.connect"] = fail
    with swsync.RelayClient(**server.settings, connect_timeout=200) as client:
        assert client.is_connected


def test_a_first_connection_that_does_not_last(server: ScriptedServer, clock: VirtualClock) -> None:
    """Up for less than the waiting thread needs to see it, again and again: refused, and closed in the background."""

    def welcome(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        link.reply(frame, server.welcome(link, frame))
        link.request("signalwire.disconnect", {}, "d")
        return SILENT

    server.answers["signalwire.connect"] = welcome
    client = swsync.RelayClient(**server.settings)
    client._connection._changed.notify_all = lambda: None  # type: ignore[method-assign]
    with pytest.raises(ConnectionFailed), client:
        pass
    assert client.closed


def test_no_first_connection_in_time(server: ScriptedServer, clock: VirtualClock) -> None:
    """ConnectionFailed says what the last attempt met, after connect_timeout."""
    server.refuse = 1000
    before = clock.now()
    with pytest.raises(ConnectionFailed, match="nothing listens"):
        swsync.RelayClient(**server.settings).connect()
    assert 15 == pytest.approx(clock.now() - before, abs=2)


def test_a_server_that_never_answers_connect(server: ScriptedServer, clock: VirtualClock) -> None:
    """The attempt ends after ten seconds, and the next one begins."""
    server.answers["signalwire.connect"] = silent
    client = swsync.RelayClient(**server.settings)
    with pytest.raises(ConnectionFailed, match="no connection within 40 s"):
        client.connect(timeout=40)
    assert 2 <= len(server.links) <= 4


def test_nonsense_from_the_server_is_counted_and_nothing_is_lost(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """The link goes on."""
    for text in ("nonsense", "[]", '{"method":"signalwire.event","params":3}', "[" * 50_000, '{"id":1,"result":{}}'):
        server.link.send_text(text)
    server.link.event("calling.call.state", call_id=["not", "a", "string"], call_state=7)
    server.link.event("calling.call.receive", call_id={}, device="x", context=5)
    server.link.event("calling.call.dial", tag=[1], call="x", dial_state={})
    server.link.event("messaging.state", message_id=[])
    server.link.event("messaging.receive", message_id=[])
    server.link.event("something.new", x=1)
    assert OK == client.execute("calling.x", {})
    assert 4 == client.counters["protocol_errors"]


def test_a_link_that_breaks_while_what_has_waited_is_sent(server: ScriptedServer, clock: VirtualClock) -> None:
    """It was up, so its loss is told; what was half sent has an unknown outcome at once, not after its timeout."""
    opened: list[Any] = []

    def open_transport() -> Any:
        end = server.open()
        opened.append(end)
        if len(opened) == 2:
            link, send = server.link, end.send

            def break_off(text: str) -> None:
                if "calling.x" in text:
                    link.end()
                    raise ConnectionLost("broken")
                send(text)

            end.send = break_off  # type: ignore[method-assign]
        return end

    told: list[str] = []
    with swsync.RelayClient(**{**server.settings, "transport": open_transport}) as client:
        clock.sleep(0.01)
        client.on_connection(told.append)
        server.link.end()
        clock.sleep(0.01)
        before = clock.now()
        with pytest.raises(OutcomeUnknown):
            Background(clock, client.execute, "calling.x", {}, timeout=50).outcome()
        assert clock.now() - before < 10
        clock.sleep(20)
        assert ["lost", "resumed", "lost", "resumed"] == told


def test_close_fails_whoever_waits(client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock) -> None:
    """A request in flight is in doubt, one that was not sent is not."""
    server.answers["calling.x"] = silent
    flying = Background(clock, client.execute, "calling.x", {}, timeout=500)
    server.wait_for("calling.x")
    server.refuse = 1000
    client.close()
    with pytest.raises(OutcomeUnknown):
        flying.outcome()
    with pytest.raises(ConnectionClosed):
        client.execute("calling.y", {})


def test_close_fails_a_request_that_waits_for_a_link(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """It was never sent: ConnectionClosed."""
    server.refuse = 1000
    server.link.end()
    clock.sleep(0.5)
    waiting = Background(clock, client.execute, "calling.x", {}, timeout=500)
    clock.sleep(1)
    before = clock.now()
    client.close()
    assert clock.now() - before <= 2
    with pytest.raises(ConnectionClosed):
        waiting.outcome()


def test_timers_run_on_time_in_order_and_can_be_cancelled(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """Whoever sets them, connected or not."""
    ran: list[tuple[str, float]] = []
    start = clock.now()

    def note(name: str) -> None:
        ran.append((name, clock.now() - start))

    later = client._connection.call_later
    later(5, note, "b")
    later(0.5, note, "a")
    later(6, note, "cancelled").cancel()
    later(1, lambda: 1 / 0)
    clock.sleep(5.5)
    server.refuse = 1000
    server.link.end()
    clock.sleep(1)
    later(100, note, "c")
    clock.sleep(110)
    assert [("a", 0.5), ("b", 5.0), ("c", 106.5)] == [(name, pytest.approx(at)) for name, at in ran]


def test_a_blocking_request_on_the_io_thread_is_an_error_not_a_hang(
    client: swsync.RelayClient, clock: VirtualClock
) -> None:
    """It says what is wrong."""
    raised: list[BaseException] = []

    def ask() -> None:
        try:
            client.execute("calling.x", {})
        except RuntimeError as error:
            raised.append(error)

    client._connection.call_later(0, ask)
    clock.sleep(1)
    assert "I/O thread" in str(raised[0])


def test_a_thread_may_have_the_identity_of_an_io_thread_that_has_ended(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system gives them out again: whoever comes after a close hears of the close."""
    client = swsync.RelayClient(**server.settings).connect()
    client.close()
    thread = client._connection._thread
    assert thread is not None
    ident = thread.ident
    monkeypatch.setattr(requesting, "threading", SimpleNamespace(get_ident=lambda: ident))
    with pytest.raises(ConnectionClosed):
        client._connection.request("calling.x", {})  # as a verb of a call does, which does not ask the client first


def test_posts_that_nobody_answers_are_dropped(
    client: swsync.RelayClient, server: ScriptedServer, clock: VirtualClock
) -> None:
    """Memory is bounded."""
    server.answers["calling.end"] = silent
    for _ in range(10):
        client._connection.post("calling.end", {})
    assert 10 == len(client._connection.pending)
    clock.sleep(100)
    assert 0 == len(client._connection.pending)


def test_many_threads_through_many_lost_links(server: ScriptedServer, clock: VirtualClock) -> None:
    """Each request comes back with its own reply or a typed error, whenever the link is cut; none hangs."""
    server.answers["calling.x"] = lambda link, frame: {**OK, "n": frame["params"]["n"]}
    wrong: list[Any] = []
    done: list[int] = []

    def work(client: swsync.RelayClient, who: int) -> None:
        for number in range(20):
            try:
                reply = client.execute("calling.x", {"n": [who, number]}, timeout=5)
                if [who, number] != reply["n"]:
                    wrong.append(reply)
            except (OutcomeUnknown, RequestTimeout):
                pass
            done.append(1)
            clock.sleep(0.7)

    with swsync.RelayClient(**server.settings) as client:
        threads = [clock.start(work, f"w{who}", (client, who)) for who in range(10)]
        for _ in range(6):
            clock.sleep(4)
            server.link.end()
        for thread in threads:
            thread.join(1000)
            assert not thread.is_alive()
    assert [] == wrong
    assert 200 == len(done)


def test_two_threads_connect_and_close_at_once(clock: VirtualClock, server: ScriptedServer) -> None:
    """connect() and close() may race; afterwards nothing is left."""
    for _ in range(30):
        client = swsync.RelayClient(**server.settings)
        barrier = threading.Barrier(2)

        def connect(client: swsync.RelayClient = client, barrier: threading.Barrier = barrier) -> None:
            barrier.wait(10)
            try:
                client.connect()
            except (ConnectionClosed, ConnectionFailed):
                pass

        def close(client: swsync.RelayClient = client, barrier: threading.Barrier = barrier) -> None:
            barrier.wait(10)
            client.close()

        threads = [Background(clock, connect), Background(clock, close)]
        for thread in threads:
            thread.outcome()
        client.close()
        assert client.closed


def test_an_event_is_acknowledged_before_it_is_handled(server: ScriptedServer) -> None:
    """What its handling sends on the I/O thread comes after the acknowledgement: RELAY repeats what it thinks lost."""
    acknowledged: list[Any] = []

    def passed(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        acknowledged.extend(server.replies)
        return OK

    server.answers["calling.pass"] = passed
    with swsync.RelayClient(**server.settings, contexts=["office"], max_active_calls=1):
        taken, refused = server.link.offer("c1"), server.link.offer("c2")
        assert "c2" == server.wait_for("calling.pass")["call_id"]
    assert [taken, refused] == acknowledged[:2]


def test_an_event_that_cannot_be_acknowledged_is_handled_all_the_same(
    server: ScriptedServer, clock: VirtualClock
) -> None:
    """It comes again on the next link, where it is a duplicate: acted on once, neither lost nor acted on twice."""
    opened: list[Any] = []

    def open_transport() -> Any:
        end = server.open()
        opened.append(end)
        if len(opened) == 1:

            def break_off(texts: Any) -> None:
                server.link.end()
                raise ConnectionLost("broken")

            end.send_later = break_off  # type: ignore[method-assign]
        return end

    with swsync.RelayClient(**{**server.settings, "transport": open_transport}, contexts=["office"]) as client:
        clock.sleep(0.01)
        first = server.link.offer("c1")
        assert "c1" == client.next_call(10).call_id
        server.wait_for("signalwire.connect", 2)
        clock.sleep(0.01)
        server.link.event("calling.call.receive", first, call_id="c1", node_id="n", context="office")
        server.wait_for_reply(first)
        assert [first] == server.replies
        assert 1 == client.counters["duplicates"]


def test_events_that_come_together_are_handled_in_order(client: swsync.RelayClient, server: ScriptedServer) -> None:
    """More of them than are read at a time, with nonsense among them."""
    server.link.offer("c1")
    call = client.next_call(10)
    got: list[int] = []
    call.on("calling.call.play", lambda event: got.append(event.params["n"]))
    texts: list[str] = []
    together, count = Link(server, texts.append, server.link.end), 3 * GROUP + 1
    numbers = [together.event("calling.call.play", call_id="c1", n=n) for n in range(count)]
    texts.append("nonsense")
    numbers.append(together.event("calling.call.play", call_id="c1", n=count))
    end = server._ends[-1]._peer
    assert end is not None
    with end._changed:
        end._arrived.extend(texts)
        end._changed.notify_all()
    server.wait_for_reply(numbers[-1])
    assert numbers == server.replies[-len(numbers) :]
    client.close()
    assert list(range(count + 1)) == got
    assert 1 == client.counters["protocol_errors"]
