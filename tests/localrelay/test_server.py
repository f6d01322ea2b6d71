"""LocalRelay as a whole: where it listens, what it leaves, and what it says when a setting cannot work."""

from __future__ import annotations

import math
import os
import socket
import ssl
import stat
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

import swsync
from swsync.clock import VirtualClock
from swsync.errors import ConfigurationError, ConnectionClosed
from swsync.localrelay import LocalRelay, listening
from swsync.localrelay.scenario import TIMES

from .wire import over_socket


def test_tls_with_its_own_ca() -> None:
    """The certificate is verified against the CA file, which only its user can reach and which goes with the relay."""
    with LocalRelay(tls=True) as relay:
        assert relay.ca_file is not None
        assert f"wss://localhost:{relay.port}" == relay.url
        assert {"host": f"localhost:{relay.port}", "ca_file": relay.ca_file}.items() <= relay.settings.items()
        assert 0o700 == stat.S_IMODE(os.stat(Path(relay.ca_file).parent).st_mode)
        assert "PRIVATE" not in Path(relay.ca_file).read_text()
        with over_socket(relay) as wire:
            assert wire.connect()["protocol"]
        with pytest.raises(ssl.SSLCertVerificationError), connect(relay.url, ssl=ssl.create_default_context()):
            pass
    assert not Path(relay.ca_file).parent.exists()


def test_without_tls() -> None:
    """ws:// on loopback, where the host setting names the scheme."""
    with LocalRelay(tls=False) as relay:
        assert relay.url == relay.settings["host"] == f"ws://localhost:{relay.port}"
        assert "ca_file" not in relay.settings
        with over_socket(relay) as wire:
            assert wire.connect()["protocol"]


def test_without_trustme(monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS is left out, or if it was asked for, the error says what to install."""
    monkeypatch.setattr(listening.importlib.util, "find_spec", lambda name: None)
    with LocalRelay() as relay:
        assert relay.url.startswith("ws://")
    monkeypatch.setitem(__import__("sys").modules, "trustme", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'swsync.relay.'"):
        LocalRelay(tls=True)


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_a_number_with_colons(host: str) -> None:
    """Its port can be told from it: clients get it in brackets."""
    with LocalRelay(clock=VirtualClock(), host=host) as relay:
        assert "[::1]" == relay.host


def test_a_busy_port() -> None:
    """One sentence that names the port and what to do."""
    with LocalRelay(tls=False) as relay, pytest.raises(ConfigurationError, match=f"port {relay.port}.*choose another"):
        LocalRelay(tls=False, port=relay.port)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"host": "0.0.0.0"}, "token"),
        ({"host": "::"}, "token"),
        ({"host": "0.0.0.0", "token": "t", "tls": False}, "loopback only"),
        ({"speed": 0}, "speed"),
        ({"speed": float("inf")}, "speed"),
        ({"media_ca_file": "/no/such/ca.pem"}, "media_ca_file='/no/such/ca.pem' cannot be used: No such file"),
        ({"media_ca_file": __file__}, "media_ca_file"),
        ({"tap_header": "xml"}, "tap_header"),
        ({"l16_byteorder": "middle"}, "l16_byteorder"),
        ({"host": "no-such-host.invalid", "token": "t"}, "cannot listen"),
        ({"port": 99999}, "99999"),
        ({"port": -1}, "port"),
        ({"port": "8443"}, "port"),
        ({"port": None}, "port"),
    ],
)
def test_settings_that_cannot_work(settings: dict[str, Any], text: str) -> None:
    """ConfigurationError, before anything listens."""
    with pytest.raises(ConfigurationError, match=text):
        LocalRelay(**settings)


def test_unknown_outcome() -> None:
    """A callee does what exists."""
    with LocalRelay(tls=False) as relay, pytest.raises(ConfigurationError, match="outcome"):
        relay.callee("+1", outcome="explodes")


@pytest.mark.parametrize("value", ["2", math.nan, math.inf, -1, True], ids=repr)
@pytest.mark.parametrize("name", TIMES)
def test_times_that_are_none(name: str, value: Any) -> None:
    """Said where they were written: on the relay's thread a NaN would stop the timers of everybody."""
    with LocalRelay(tls=False) as relay:
        with pytest.raises(ConfigurationError, match=f"{name} must be a number of seconds"):
            relay.callee("+12025550123", **{name: value})
        if name == "hangs_up_after":
            with pytest.raises(ConfigurationError, match=name):
                relay.place_call("office", **{name: value})


def test_a_time_that_is_none() -> None:
    """It is refused, and everybody else's time goes on."""
    clock = VirtualClock()
    with clock.thread(), LocalRelay(clock=clock) as relay, swsync.RelayClient(**relay.settings) as client:
        with pytest.raises(ValueError, match="no time"):
            relay._core.loop.ask(relay._core.loop.call_later, math.nan, relay.drop_links)
        client.dial_phone("+12025550145", "+12025550199", timeout=5).hangup()


def test_a_closed_relay_begins_nothing() -> None:
    """A call that is placed there would wait for ever."""
    relay = LocalRelay(clock=VirtualClock())
    assert "<LocalRelay memory://relay>" == repr(relay)
    with relay:
        call = relay.place_call("office")
    assert "<LocalRelay memory://relay closed>" == repr(relay)
    for begin in (
        relay.__enter__,
        lambda: relay.place_call("office"),
        lambda: relay.schedule_call("office", after=1),
        lambda: relay.place_message("office", "Hello"),
        lambda: relay.serve(__file__),
    ):
        with pytest.raises(ConnectionClosed, match="make a new one"):
            begin()
    assert [call] == relay.calls


def test_keys_and_words_that_nobody_has() -> None:
    with LocalRelay(clock=VirtualClock()) as relay:
        call = relay.place_call("office")
        for keys in ("x", 5, None):
            with pytest.raises(ConfigurationError, match="0-9"):
                call.press(keys)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="text"):
            call.say(None)  # type: ignore[arg-type]


def test_what_it_accepts_answers_at_once() -> None:
    """Without TCP_NODELAY each of two replies in a row would wait for an acknowledgement, which takes 40 ms."""
    with listening.bind("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()) as client:
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert client.getpeername() == accepted.getsockname()


def test_close_is_idempotent_and_leaves_nothing() -> None:
    """With clients, a call and a half-open socket; no thread is left, and what was recorded can still be read."""
    relay = LocalRelay(speed=10)
    with socket.create_connection(("127.0.0.1", relay.port)), over_socket(relay) as wire:
        wire.connect()
        wire.dial()
        relay.close()
    relay.close()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("swsync-relay")]
    assert "ended" == relay.calls[0].state
    assert len(relay.calls[0].said) == len(relay.callees["+12025550100"].heard)
    assert relay.journal.requests("calling.dial")


def test_close_in_virtual_time_by_a_thread_of_no_clock() -> None:
    """A thread that is not registered with the clock can open and close a relay."""
    with LocalRelay(clock=VirtualClock()) as relay:
        assert "memory://relay" == relay.url
        assert [] == relay.calls


def test_serve(tmp_path: Path) -> None:
    """A file has a URL on loopback; other paths have none."""
    (tmp_path / "a b.wav").write_bytes(b"12345")
    with LocalRelay(tls=False) as relay:
        url = relay.serve(tmp_path / "a b.wav")
        with urllib.request.urlopen(url, timeout=5) as reply:
            assert b"12345" == reply.read()
        for wrong in (url + "x", url.rsplit("/", 1)[0] + "/../../etc/passwd"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(wrong, timeout=5)
        with pytest.raises(ConfigurationError, match="no file"):
            relay.serve(tmp_path / "none.wav")


def test_speed() -> None:
    """The relay's seconds pass N times as fast."""
    with LocalRelay(speed=50, tls=False) as relay, over_socket(relay) as wire:
        wire.connect()
        begin = relay.clock.now()
        wire.dial()
        assert 0.5 <= relay.clock.now() - begin
        relay.calls[0].wait_for_answered(timeout=3000)
        callee = relay.callees["+12025550100"]
        assert 4.0 == callee.speaks_until - callee.speech_seconds  # before detection gives up


def test_waiting_while_clients_come_and_go() -> None:
    """Threads that wait for subscribers and read calls do not hold up the relay that tells them."""
    with LocalRelay(speed=50, tls=False) as relay:

        def look() -> None:
            for number in range(50):
                relay.wait_for_subscriber(f"c{number}", timeout=5000)
                assert isinstance(relay.calls, list)

        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        with over_socket(relay) as wire:
            wire.connect()
            for number in range(50):
                wire.result("signalwire.receive", contexts=[f"c{number}"])
        for thread in threads:
            thread.join(10)
        assert not any(thread.is_alive() for thread in threads)


def test_close_while_text_is_made_into_speech() -> None:
    """The thread that prepares a play ends before close returns."""
    with LocalRelay(tls=False) as relay, over_socket(relay) as wire:
        wire.connect()
        text = {"type": "tts", "params": {"text": "This takes a moment, since it is long. " * 4}}
        wire.result("calling.play", **wire.dial(), control_id="p", play=[text])
        relay.close()
        assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("swsync-relay")]
