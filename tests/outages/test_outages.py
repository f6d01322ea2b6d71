"""Every way that a network fails, through a proxy: the client survives, or says in the stated time what is wrong.

The clients and the relay live ten times as fast as the machine, and in the same time as each other.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tcpproxy import TcpProxy, proxy_to

import swsync
from swsync.errors import AuthenticationFailed, CallEnded, ConnectionFailed, DialUnknown, OutcomeUnknown
from swsync.localrelay import LocalRelay

SPEED = 10
WAIT = 1000.0  # seconds of the relay's time
PATIENCE = 60.0 * 40  # the same; in the fastest relay here a minute of a busy machine
ANSWERS = "+12025550100"


@pytest.fixture
def relay() -> Iterator[LocalRelay]:
    """A relay that lives ten times as fast."""
    with LocalRelay(speed=SPEED) as relay:
        yield relay


@pytest.fixture
def proxy(relay: LocalRelay) -> Iterator[TcpProxy]:
    """What stands between it and its clients."""
    with proxy_to(relay.port) as proxy:
        yield proxy


def client_through(proxy: TcpProxy, relay: LocalRelay, **settings: object) -> swsync.RelayClient:
    host = f"{relay.url.partition(':')[0]}://localhost:{proxy.port}"
    patience = {"connect_timeout": PATIENCE, "request_timeout": PATIENCE}
    return swsync.RelayClient(**{**relay.settings, "host": host, **patience, **settings})  # type: ignore[arg-type]


class Ups:
    """Counts what a client says of its link, and waits for it."""

    def __init__(self, client: swsync.RelayClient) -> None:
        self.states: list[str] = []
        self._changed = threading.Condition()
        client.on_connection(self._add)

    def _add(self, state: str) -> None:
        with self._changed:
            self.states.append(state)
            self._changed.notify_all()

    def wait_for(self, state: str, count: int = 1) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.states.count(state) >= count, 60), self.states


@pytest.mark.parametrize("how", ["FIN", "RST", "black hole"])
def test_a_link_that_breaks_in_a_call(how: str, relay: LocalRelay, proxy: TcpProxy) -> None:
    """However the link ends, the session resumes, and the call that was up is played to and ended."""
    with client_through(proxy, relay) as client:
        ups = Ups(client)
        call = client.dial_phone(to=ANSWERS, from_number="+12025550199")
        if how == "black hole":
            proxy.black_hole()  # three pings that are missed, 30 s apart, tell it
        else:
            proxy.cut(reset=how == "RST")
        ups.wait_for("lost")
        if how == "black hole":
            proxy.heal()
        ups.wait_for("resumed")
        call.play_tts("We are back.").wait(WAIT)
        call.hangup()
        call.wait_for_ended(WAIT)
        assert [] == client.calls


def test_a_long_outage_fails_the_waits_and_ends_the_calls(relay: LocalRelay, proxy: TcpProxy) -> None:
    """After 60 s without a link every wait of its calls fails; when there is one, the calls are ended."""
    with client_through(proxy, relay) as client:
        ups = Ups(client)
        call = client.dial_phone(to=ANSWERS, from_number="+12025550199")
        action = call.play_silence(300)
        proxy.accepting = "close"
        proxy.cut()
        with pytest.raises(CallEnded, match="session_lost"):
            action.wait(2 * WAIT)
        proxy.accepting = "pass"
        ups.wait_for("lost")
        deadline = time.monotonic() + 60
        while not relay.journal.requests("calling.end", call_id=call.call_id):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_a_black_hole_in_a_request(relay: LocalRelay, proxy: TcpProxy) -> None:
    """A verb that was sent into it comes back as unknown within its own timeout; nothing waits for the link."""
    with client_through(proxy, relay, request_timeout=5.0) as client:
        call = client.dial_phone(to=ANSWERS, from_number="+12025550199")
        proxy.black_hole()
        with pytest.raises(OutcomeUnknown, match="no reply came in time"):
            call.play_tts("Is anybody there?")
        proxy.heal()


def test_a_black_hole_in_a_dial(relay: LocalRelay, proxy: TcpProxy) -> None:
    """A dial that nothing is heard of is unknown, by its tag; its leg is ended when there is a link."""
    with client_through(proxy, relay) as client:
        ups = Ups(client)
        proxy.black_hole()
        with pytest.raises(DialUnknown) as caught:
            client.dial_phone(to=ANSWERS, from_number="+12025550199", timeout=15)
        assert caught.value.tag
        proxy.heal()
        ups.wait_for("lost")


def test_a_server_that_accepts_and_says_nothing(relay: LocalRelay, proxy: TcpProxy) -> None:
    """The first connection fails by its deadline, with what to look at."""
    proxy.accepting = "silent"
    with pytest.raises(ConnectionFailed, match="no connection within 12 s"):
        client_through(proxy, relay, connect_timeout=12.0).connect()


def test_one_octet_a_second(relay: LocalRelay, proxy: TcpProxy) -> None:
    """A handshake that drips is given up by the same deadline, and does not hold what comes after it."""
    proxy.rate = SPEED  # octets a second of the machine: one a second of the relay's
    with pytest.raises(ConnectionFailed):
        client_through(proxy, relay, connect_timeout=12.0).connect()
    proxy.heal()
    with client_through(proxy, relay) as client:
        assert client.is_connected


def test_a_first_connection_through_trouble(relay: LocalRelay, proxy: TcpProxy) -> None:
    """A server that resets at first is tried again within the timeout of the first connection."""
    proxy.accepting = "reset"
    timer = threading.Timer(3 / SPEED, setattr, (proxy, "accepting", "pass"))
    timer.start()
    with client_through(proxy, relay) as client:
        assert client.is_connected
    timer.join()


def test_a_hundred_flaps() -> None:
    """A link that comes and goes a hundred times leaves one session, one thread and a client that works."""
    with (
        LocalRelay(speed=40, tls=False) as relay,
        proxy_to(relay.port) as proxy,
        client_through(proxy, relay) as client,
    ):
        threads = threading.active_count()
        for flap in range(100):
            proxy.cut()
            deadline = time.monotonic() + 60
            while client.counters["connects"] < flap + 2 and time.monotonic() < deadline:
                time.sleep(0.001)
        assert 101 <= client.counters["connects"]
        while threading.active_count() > threads + 2 and time.monotonic() < deadline:  # the proxy's two for the link
            time.sleep(0.01)
        assert threading.active_count() <= threads + 2
        assert client.execute("signalwire.ping", {"timestamp": 1.0})


@pytest.mark.parametrize(("restart", "state"), [(True, "new_session"), (False, "resumed")])
def test_the_service_says_goodbye(restart: bool, state: str, relay: LocalRelay, proxy: TcpProxy) -> None:
    """``signalwire.disconnect`` both ways: a new session after a restart, else the same one."""
    with client_through(proxy, relay) as client:
        ups = Ups(client)
        relay.disconnect_clients(restart=restart)
        ups.wait_for(state)
        call = client.dial_phone(to=ANSWERS, from_number="+12025550199")
        call.hangup()


def test_credentials_refused_three_times() -> None:
    """Three tries, then the reason; nothing goes on in the background."""
    with LocalRelay(speed=SPEED, project="p", token="right") as relay, proxy_to(relay.port) as proxy:
        with pytest.raises(AuthenticationFailed):
            client_through(proxy, relay, token="wrong", connect_timeout=WAIT).connect()
        tries = len(proxy.accepted)
        assert 3 == tries
        time.sleep(0.5)
        assert tries == len(proxy.accepted)


def test_fifty_clients_lose_their_server_at_once() -> None:
    """They come back spread over seconds of real time, not as one wave."""
    with LocalRelay(tls=False) as relay, proxy_to(relay.port) as proxy:
        clients = [client_through(proxy, relay) for _ in range(50)]
        try:
            for client in clients:
                client.connect()
            ups = [Ups(client) for client in clients]
            waves = []
            for number in range(1, 4):  # a machine that is held up makes a wave itself, but not each time
                del proxy.accepted[:]
                proxy.cut()
                for one in ups:
                    one.wait_for("resumed", number)
                times = sorted(proxy.accepted)
                waves.append(max(sum(1 for moment in times if start <= moment < start + 1) for start in times))
                if waves[-1] < 40:
                    break
            assert min(waves) < 40, waves  # drawn evenly between 1 and 4 s, some 17 fall into a second
        finally:
            closers = [threading.Thread(target=client.close) for client in clients]
            for thread in closers:
                thread.start()
            for thread in closers:
                thread.join(30)


PAUSED = """
    import sys, swsync
    from swsync.clock import RealClock
    host, ca_file = sys.argv[1:]
    client = swsync.RelayClient(project="p", token="t", host=host, ca_file=ca_file or None, clock=RealClock(speed=10))
    with client:
        call = client.dial_phone(to="+12025550100", from_number="+12025550199")
        print("up", flush=True)
        sys.stdin.readline()
        call.play_tts("Awake again.").wait(100)
        call.hangup()
        call.wait_for_ended(100)
        print("done", client.counters["connects"], flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="there is no SIGSTOP on this system")
def test_a_process_that_is_paused(relay: LocalRelay, tmp_path: Path) -> None:
    """A client that was stopped for longer than a ping interval, as by a laptop's lid, goes on with its call."""
    program = tmp_path / "paused.py"
    program.write_text(textwrap.dedent(PAUSED))
    host = relay.settings["host"]
    process = subprocess.Popen(
        [sys.executable, "-W", "error", str(program), host, relay.ca_file or ""],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert "up\n" == process.stdout.readline()
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(4)  # 40 s of its time, more than a ping interval
        os.kill(process.pid, signal.SIGCONT)
        out, err = process.communicate("go\n", timeout=60)
        assert out.startswith("done"), err
    finally:
        process.kill()
        process.communicate()
