"""A client under many threads and a tiny switch interval, on real sockets: nothing hangs, rings twice or is left on."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from scripted_server import SILENT, Link, ScriptedServer, on_socket
from test_dialing import answer
from test_races import tiny_switch_interval, together
from websockets.exceptions import ConnectionClosed as WebSocketClosed

import swsync
from swsync.clock import RealClock
from swsync.errors import ConnectionClosed, ConnectionFailed, DialFailed, DialUnknown, OutcomeUnknown, SwsyncError

__all__ = ["tiny_switch_interval"]  # a fixture that is always on

OK = {"code": "200", "message": "OK"}
ROUNDS = 12
LONG = 60.0


class Exchange(ScriptedServer):
    """Knows who talks, and tells a client that comes back what it may have missed, as the service does."""

    talking: set[str]  # the tags of the calls that go on

    def prepare(self) -> None:
        """Carry calls from now on."""
        self.talking = set()
        self.answers |= {"signalwire.connect": self.resume, "calling.dial": self.dial, "calling.end": self.end}

    def resume(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        link.reply(frame, self.welcome(link, frame))
        for tag in list(self.talking):
            answer(link, tag, f"call-{tag}")
        return SILENT

    def dial(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        tag = frame["params"]["tag"]
        self.talking.add(tag)
        with contextlib.suppress(WebSocketClosed):
            link.reply(frame, OK)
        answer(self.link, tag, f"call-{tag}")
        return SILENT

    def end(self, link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        self.talking.discard(frame["params"]["call_id"].removeprefix("call-"))
        link.reply(frame, OK)
        link.state(frame["params"]["call_id"], "ended", end_reason="hangup")
        return SILENT


@pytest.fixture
def exchange() -> Iterator[tuple[Exchange, dict[str, Any]]]:
    """A server on a socket, and a client's settings for it."""
    with on_socket() as (server, port):
        server.__class__ = Exchange  # its thread serves it already
        server.prepare()
        clock = RealClock(speed=20)  # backing off takes a twentieth of its time
        yield server, {"project": "p", "token": "t", "host": f"ws://127.0.0.1:{port}", "clock": clock}


def outcome(function: Any, *args: Any, **kwargs: Any) -> Any:
    """What a function returns, or the error of swsync's that it raises."""
    try:
        return function(*args, **kwargs)
    except SwsyncError as error:
        return error


def test_connect_races_with_close(exchange: tuple[Exchange, dict[str, Any]]) -> None:
    """Each connect() returns or says that the client is closed; afterwards it is."""
    _, settings = exchange
    for _ in range(ROUNDS):
        client = swsync.RelayClient(**settings)
        results = together(*[lambda c=client: outcome(c.connect)] * 4, *[client.close] * 2)
        for result in results[:4]:
            assert result is client or isinstance(result, (ConnectionClosed, ConnectionFailed))
        client.close()
        assert client.closed
        assert not client.is_connected


def test_requests_race_with_lost_links(exchange: tuple[Exchange, dict[str, Any]]) -> None:
    """A request is answered, or its outcome is unknown; one that may be sent twice is always answered."""
    server, settings = exchange
    with swsync.RelayClient(**settings, request_timeout=200) as client:
        for _ in range(ROUNDS // 2):
            plain = [lambda: outcome(client.execute, "calling.x", {})] * 4
            again = [lambda: outcome(client.execute, "calling.x.stop", {}, idempotent=True)] * 4
            *results, _ = together(*plain, *again, server.link.end)
            assert all(each == OK or isinstance(each, OutcomeUnknown) for each in results[:4])
            assert [OK] * 4 == results[4:]
        assert 0 == len(client._connection.pending)


def test_dials_race_with_close_and_lost_links(exchange: tuple[Exchange, dict[str, Any]]) -> None:
    """No tag is dialed twice, and whatever was answered is ended by the time that close() returns."""
    server, settings = exchange
    rng = random.Random(5)
    for number in range(ROUNDS):
        client = swsync.RelayClient(**settings).connect()
        dials = [
            lambda c=client, tag=f"{number}-{index}": outcome(c.dial_phone, "+12025550100", tag=tag, dial_timeout=60)
            for index in range(4)
        ]
        cut = [server.link.end] if rng.random() < 0.5 else []

        def close(client: swsync.RelayClient = client, delay: float = rng.random() / 50) -> None:
            time.sleep(delay)
            client.close(timeout=20)

        *results, _ = together(*dials, *cut, close)
        for result in results[:4]:
            assert isinstance(result, (swsync.Call, DialFailed, DialUnknown, ConnectionClosed, OutcomeUnknown)), result
    tags = [params["tag"] for params in server.params("calling.dial")]
    assert len(tags) == len(set(tags))
    assert set() == server.talking


def test_actions_race_with_their_events_and_lost_links(exchange: tuple[Exchange, dict[str, Any]]) -> None:
    """Every action that was taken comes to its end; every completion is told once, also when events come twice."""
    server, settings = exchange

    def play(link: Link, frame: dict[str, Any]) -> dict[str, Any]:
        params = frame["params"]
        for state in ("playing", "finished"):  # the events overtake the reply, and come twice
            for _ in range(2):
                link.event("calling.call.play", f"{params['control_id']}-{state}", call_id=params["call_id"],
                           control_id=params["control_id"], state=state)  # fmt: skip
        return OK

    server.answers["calling.play"] = play
    told: list[str] = []
    with swsync.RelayClient(**settings) as client:
        call = client.dial_phone("+12025550100")

        def play_one() -> Any:
            play = outcome(call.play_tts, "x", on_completed=lambda event: told.append(event.control_id))
            return play if isinstance(play, OutcomeUnknown) else play.wait(LONG)

        for number in range(ROUNDS):
            cut = [server.link.end] if number % 3 == 2 else []
            results = together(*[play_one] * 6, *cut)[:6]
            for result in results:
                assert isinstance(result, OutcomeUnknown) or result.state == "finished"
    assert len(told) == len(set(told))


def test_closing_from_everywhere_at_once(exchange: tuple[Exchange, dict[str, Any]]) -> None:
    """From threads, a listener and an on_call handler together: all return, and nothing is left."""
    server, settings = exchange
    for number in range(ROUNDS):
        client = swsync.RelayClient(**settings, contexts=["office"])
        closed = threading.Semaphore(0)

        def close(*_: Any, client: swsync.RelayClient = client, closed: threading.Semaphore = closed) -> None:
            client.close(timeout=40)
            closed.release()

        client.on_call(close)
        client.connect()
        call = client.dial_phone("+12025550100", tag=f"close-{number}")
        call.on("calling.call.play", close)

        def news(call: swsync.Call = call, number: int = number) -> None:
            server.link.offer(f"in-{number}")
            server.link.event("calling.call.play", call_id=call.call_id, state="playing")

        together(news, close, close)
        assert closed.acquire(timeout=LONG)
        assert closed.acquire(timeout=LONG)
        assert client.closed
    assert set() == server.talking
