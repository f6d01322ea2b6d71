"""Media in virtual time: no sockets, lock-step with the calls, the same in every run."""

from __future__ import annotations

import threading
import wave
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

import swsync
from swsync import media
from swsync.clock import VirtualClock

from .receivers import packets_of, udp_receiver

TO, FROM = "+12025550100", "+12025550199"
MINUTES = 10.0


@pytest.fixture
def client(relay: swsync.LocalRelay) -> Iterator[swsync.RelayClient]:
    """A client in the relay's virtual time."""
    with swsync.RelayClient(**relay.settings) as client:
        yield client


def channels(path: Path) -> tuple[bytes, bytes]:
    """What was said and what was heard, as int16."""
    with wave.open(str(path), "rb") as file:
        assert (2, 2, 8000) == (file.getnchannels(), file.getsampwidth(), file.getframerate())
        samples = array("h", file.readframes(file.getnframes()))
    return samples[0::2].tobytes(), samples[1::2].tobytes()


@pytest.mark.parametrize("via", ["stream", "rtp", "ws"])
def test_a_capture_is_the_call_bit_for_bit(
    relay: swsync.LocalRelay, client: swsync.RelayClient, clock: VirtualClock, tmp_path: Path, via: str
) -> None:
    """Both sides, from the first sample to the last, on one timeline."""
    call = client.dial_phone(to=TO, from_number=FROM)
    with call.capture(tmp_path / "a.wav", via=via) as capture:
        call.play_tts("Hello").wait()
        clock.sleep(8.0)
    said, heard = channels(tmp_path / "a.wav")
    assert len(said) == len(heard) > 2 * 8000 * 8
    local = relay.calls[0]
    at = bytes(local.said).find(said)
    assert at >= 0
    assert bytes(local.heard)[at : at + len(heard)] == heard
    assert any(said)
    assert any(heard)
    assert [] == capture.lost_spans
    for side in capture.quality.values():
        assert (0, 0.0, {}) == (side.packets_lost, side.jitter_ms, dict(side.rejected))
    assert capture.alignment is not None
    assert 0.0 == capture.alignment.offset


def test_no_socket_is_opened(
    relay: swsync.LocalRelay, client: swsync.RelayClient, clock: VirtualClock, tmp_path: Path
) -> None:
    """Neither the engine's thread nor the endpoint's runs, nor the relay's own for sockets."""
    before = {thread.name for thread in threading.enumerate()}
    call = client.dial_phone(to=TO, from_number=FROM)
    with call.capture(tmp_path / "a.wav", via="stream"), call.capture(tmp_path / "b.wav", via="rtp"):
        clock.sleep(1.0)
        names = {thread.name for thread in threading.enumerate()} - before
    assert not {name for name in names if name.startswith(("swsync-media", "swsync-wsmedia", "swsync-relay-net"))}


def run(path: Path) -> tuple[list[object], bytes]:
    """One call with everything that carries audio; its journal and its file."""
    clock = VirtualClock()
    with clock.thread(), swsync.LocalRelay(clock=clock) as relay, swsync.RelayClient(**relay.settings) as client:
        call = client.dial_phone(to=TO, from_number=FROM)
        with call.capture(path, via="rtp"), media.StreamReceiver(clock=clock, track="both") as rx:
            stream = call.stream(rx, track="both_tracks")
            call.play_tts("Hello").wait()
            stream.stop()
            stream.wait()
        call.hangup()
        call.wait_for_ended(timeout=10)
        clock.sleep(1.0)  # acknowledgements are on their way
        relayed = [(e.time, e.direction, e.method, e.event_type) for e in relay.journal]
    return relayed, path.read_bytes()


def test_two_runs_are_one(tmp_path: Path) -> None:
    """The same journal at the same times, and the same file."""
    assert run(tmp_path / "a.wav") == run(tmp_path / "b.wav")


def test_a_reader_that_keeps_up_misses_nothing(
    relay: swsync.LocalRelay, client: swsync.RelayClient, clock: VirtualClock
) -> None:
    """Ten minutes of a tap: time waits for whoever reads, however slow the machine is."""
    relay.callee(TO, speech=b"\1\2" * 8000, greeting=600.0, speaks_after=0.0)
    call = client.dial_phone(to=TO, from_number=FROM)
    began, samples = clock.now(), 0
    with media.RtpReceiver(clock=clock) as rx:
        tap = call.tap_audio(direction="speak", device=rx)
        tap.wait_started(5)
        while clock.now() - began < 60 * MINUTES:
            samples += len(rx.read(8000, timeout=5))
        tap.stop()
        tap.wait()
        assert (0, 0) == (rx.stats.packets_lost, rx.overruns)
    assert 60 * MINUTES - 3 < samples / 8000 <= 60 * MINUTES + 1


def test_frames_come_as_time_passes(relay: swsync.LocalRelay, client: swsync.RelayClient, clock: VirtualClock) -> None:
    """A reader hears what is said 60 ms after it was said, not before."""
    call = client.dial_phone(to=TO, from_number=FROM)
    with media.TapReceiver(clock=clock) as rx:
        tap = call.tap(audio={"direction": "speak"}, device=rx)
        tap.wait_started(5)
        first = clock.now()
        late = []
        for number, _ in zip(range(100), rx.frames(timeout=5), strict=False):
            late.append(clock.now() - first - 0.02 * number)
        tap.stop()
        tap.wait()
        assert max(late) - min(late) < 0.05
        assert clock.now() - first > 1.9


def test_keys_reach_a_stream(relay: swsync.LocalRelay, client: swsync.RelayClient, clock: VirtualClock) -> None:
    """DTMF messages, and callbacks in the same time."""
    heard: list[str] = []
    call = client.dial_phone(to=TO, from_number=FROM)
    with media.StreamReceiver(clock=clock, on_dtmf=lambda message: heard.append(message.digit)) as rx:
        stream = call.stream(rx, track="both_tracks", custom_parameters={"a": "b"})
        stream.wait_started(5)
        assert rx.wait_started(5)
        relay.calls[0].press("12#")
        clock.sleep(0.1)
        stream.stop()
        stream.wait()
        assert {"a": "b"} == dict(rx.custom_parameters)
        assert ["1", "2", "#"] == [message.digit for message in rx.keys] == heard
        assert rx.ended


def test_a_wrong_token_is_refused(relay: swsync.LocalRelay, client: swsync.RelayClient, clock: VirtualClock) -> None:
    """As on a socket: the stream finishes without having started, and the refusal is counted."""
    call = client.dial_phone(to=TO, from_number=FROM)
    with media.StreamReceiver(clock=clock) as rx:
        stream = call.stream(rx.url, authorization_bearer_token="wrong" * 8)
        with pytest.raises(swsync.ActionFailed):
            stream.wait_started(5)
        assert {"token_wrong": 1} == dict(rx.rejected)
        assert any("HTTP 401" in note for note in relay.journal.notes())


def test_a_receiver_that_closes_ends_its_tap(
    relay: swsync.LocalRelay, client: swsync.RelayClient, clock: VirtualClock
) -> None:
    """The far side of a WebSocket hears that it was closed; RTP goes on into nothing."""
    call = client.dial_phone(to=TO, from_number=FROM)
    with media.TapReceiver(clock=clock) as rx:
        tap = call.tap_audio(direction="both", device=rx.device)
        tap.wait_started(5)
    assert "finished" == tap.wait(5).state
    with media.RtpReceiver(clock=clock) as rtp:
        tap = call.tap_audio(direction="both", device=rtp.device)
        tap.wait_started(5)
    clock.sleep(1.0)
    assert not tap.is_done
    call.hangup()


def test_a_message_that_is_too_large(relay: swsync.LocalRelay, client: swsync.RelayClient, clock: VirtualClock) -> None:
    """The limits of a socket hold without one."""
    call = client.dial_phone(to=TO, from_number=FROM)
    with media.TapReceiver(clock=clock, max_size=100) as rx:
        tap = call.tap_audio(direction="both", device=rx.device)
        tap.wait(5)
        assert rx.ended
        assert not rx.tracks
    with media.TapReceiver(clock=clock, total_limit=1600) as rx:
        tap = call.tap_audio(direction="both", device=rx.device)
        tap.wait(5)
        assert 1440 == rx.stats.samples
    call.hangup()


def test_others_still_have_their_sockets(relay: swsync.LocalRelay, client: swsync.RelayClient) -> None:
    """An address that nobody in this time has leads to a socket, as before."""
    call = client.dial_phone(to=TO, from_number=FROM)
    with udp_receiver() as sock:
        host, port = sock.getsockname()
        tap = call.tap_audio(direction="both", device={"type": "rtp", "params": {"addr": host, "port": port}})
        tap.wait_started(5)
        call.session.clock.sleep(0.5)
        call.hangup()
        assert len(packets_of(sock)) > 20


def test_many_calls_at_once(relay: swsync.LocalRelay, client: swsync.RelayClient, clock: VirtualClock) -> None:
    """Fifty receivers of fifty calls, each with the audio of its own."""
    receivers, calls = [], []
    for number in range(50):
        to = f"+120255502{number:02d}"
        relay.callee(to, speech=array("h", [100 * number + 50] * 8000), greeting=60.0, speaks_after=0.0)
        call = client.dial_phone(to=to, from_number=FROM)
        rx = media.RtpReceiver(clock=clock)
        call.tap_audio(direction="speak", device=rx)
        receivers.append(rx)
        calls.append(call)
    clock.sleep(5.0)
    for number, rx in enumerate(receivers):
        block = rx.read(8000, timeout=5)
        (value,) = set(block)
        assert abs(value - (100 * number + 50)) <= 128
    for call, rx in zip(calls, receivers, strict=True):
        call.hangup()
        rx.close()
        assert 0 == rx.stats.packets_lost
