"""``swsync stream`` as its user meets it: a real call streams and taps to it, and it prints what arrives."""

from __future__ import annotations

import signal
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from shell import FROM, TO, events_of, eventually, explained, refused, run, started, until
from websockets.sync.client import connect

import swsync
from swsync.localrelay import LocalRelay


@pytest.fixture
def call(relay: LocalRelay) -> Iterator[swsync.Call]:
    """A call with somebody who speaks for as long as it takes."""
    relay.callee(TO, greeting=30, speaks_after=0)
    with (
        swsync.RelayClient(**relay.settings) as client,
        client.dial_phone(to=TO, from_number=FROM, timeout=20) as dialed,
    ):
        yield dialed


def test_what_arrives_is_printed(call: swsync.Call, tmp_path: Path) -> None:
    """Its start with the custom parameters, levels each second, and the end with a table; and it is recorded."""
    path = tmp_path / "s.wav"
    with started("stream", "--json", "--out", path) as process:
        listening = until(process, "listening")
        odd = {"session_id": "abc123", "odd\x1b[2J": "\x07 bell\nline"}
        stream = call.stream(listening["url"], track="both_tracks", custom_parameters=odd,
                             authorization_bearer_token=listening["token"])  # fmt: skip
        start = until(process, "start")
        assert (call.call_id, odd) == (start["call_sid"], start["custom_parameters"])
        assert (["inbound", "outbound"], "PCMU", 8000) == (sorted(start["tracks"]), start["codec"], start["rate"])
        audio = until(process, "audio")
        assert audio["packets"] > 10
        stream.stop()
        rest, text = process.communicate(timeout=60)
    assert 0 == process.returncode, text
    events = events_of(rest)
    assert {"inbound", "outbound"} == {each["side"] for each in events if each["event"] == "quality"}
    assert ("done", [str(path)]) == (events[-1]["event"], events[-1]["files"])
    assert b"\x1b" not in text
    assert rb"odd\x1b[2J = \x07 bell\nline" in text
    with wave.open(str(path)) as file:
        assert 2 == file.getnchannels()


def test_one_track_goes_live_into_a_pipe(call: swsync.Call) -> None:
    """The address is on stderr, the audio on stdout; whoever reads it may go."""
    with started("stream", "--track", "inbound", "--out", "-") as process:
        assert process.stderr is not None
        url = process.stderr.readline().split()[-1].decode()
        token = process.stderr.readline().split()[-1].decode()
        call.stream(url, track="inbound_track", authorization_bearer_token=token)
        assert process.stdout is not None
        audio = process.stdout.read(16000)
        assert max(abs(sample) for sample in memoryview(audio).cast("h")) > 1000
        process.stdout.close()
        text = process.stderr.read()
        assert 141 == process.wait(60), text
    assert b"Traceback" not in text
    assert b"inbound" in text


def test_a_tap(call: swsync.Call) -> None:
    """``--tap`` prints an address for a tap over a WebSocket, and the device as a whole."""
    with started("stream", "--tap", "--codec", "PCMA", "--json", "--duration", "1") as process:
        listening = until(process, "listening")
        assert "PCMA" == listening["device"]["params"]["codec"]
        call.tap_audio(direction="speak", device=listening["device"])
        rest, text = process.communicate(timeout=60)
    assert 0 == process.returncode, text
    assert ["quality", "done"] == [each["event"] for each in events_of(rest)][-2:]


def test_who_shows_no_token_is_refused(call: swsync.Call) -> None:
    """It says so when nothing else came; a second Ctrl-C changes nothing."""
    with started("stream", "--json", "--wait", "1") as process:
        url = until(process, "listening")["url"]
        with pytest.raises(Exception, match="401"):
            connect(url)
        rest, _ = process.communicate(timeout=60)
    assert 1 == process.returncode
    assert "token_absent" in events_of(rest)[-1]["message"]


def test_keys_are_printed(relay: LocalRelay, call: swsync.Call) -> None:
    """As they are pressed."""
    with started("stream", "--json") as process:
        listening = until(process, "listening")
        stream = call.stream(listening["url"], track="both_tracks", authorization_bearer_token=listening["token"])
        stream.wait_started(20)
        relay.calls[0].press("7#")
        assert ["7", "#"] == [until(process, "dtmf")["digit"] for _ in range(2)]


@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_finishes_the_file(call: swsync.Call, times: int, tmp_path: Path) -> None:
    path = tmp_path / "s.wav"
    with started("stream", "--json", "--out", path) as process:
        listening = until(process, "listening")
        call.stream(listening["url"], track="both_tracks", authorization_bearer_token=listening["token"])
        until(process, "start")
        eventually(lambda: any(each.stat().st_size > 8000 for each in tmp_path.iterdir()))
        for _ in range(times):
            process.send_signal(signal.SIGINT)
        rest, text = process.communicate(timeout=60)
    assert 130 == process.returncode, text
    assert b"Traceback" not in text
    assert ["done", "interrupted"] == [each["event"] for each in events_of(rest)][-2:]
    with wave.open(str(path)) as file:
        assert file.getnframes() > 1000


def test_an_interrupt_before_anything_came(tmp_path: Path) -> None:
    """There is nothing to finish, and no file."""
    with started("stream", "--json", "--out", tmp_path / "s.wav") as process:
        until(process, "listening")
        process.send_signal(signal.SIGINT)
        _, text = process.communicate(timeout=60)
    assert 130 == process.returncode, text
    assert [] == list(tmp_path.iterdir())


def test_what_it_refuses() -> None:
    refused(run("stream", "--port", "70000"), "--port", "65535")
    refused(run("stream", "--out", "-", "--json"), "--json")
    explained(run("stream", "--token", "short"), "token")
    explained(run("stream", "--bind", "203.0.113.7"), "203.0.113.7")
    explained(run("stream", "--wait", "0.1"), "no stream came")
