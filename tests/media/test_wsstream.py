"""The receiver of media streams, fed by real sockets."""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
import random
import re
import struct
import threading
import types
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedOK
from websockets.sync.client import ClientConnection, connect
from wsclient import TIMEOUT, RawClient, frame

from swsync import media
from swsync.errors import ConfigurationError, MediaError
from swsync.media import wsendpoint, wsreceiver, wsstream
from swsync.media.streammessages import DtmfMessage, MarkMessage
from swsync.media.wsstream import StreamReceiver

TEXT = 1
SAID, HEARD = random.Random(1).randbytes(3200), random.Random(2).randbytes(3200)


class Service:
    """The far side of a stream: SignalWire's messages in their order."""

    def __init__(self, client: ClientConnection) -> None:
        self.client = client
        self.sequence = 0
        self.chunks = {"inbound": 0, "outbound": 0}

    def send(self, event: str, **fields: Any) -> None:
        self.sequence += 1
        self.client.send(json.dumps({"event": event, "sequenceNumber": str(self.sequence), **fields}))

    def start(self, encoding: str = "audio/x-mulaw", rate: int = 8000, **fields: Any) -> None:
        self.client.send('{"event":"connected","protocol":"Call","version":"0.2.0"}')
        layout = {"encoding": encoding, "sampleRate": rate, "channels": 1}
        start = {"streamSid": "S", "callSid": "C", "tracks": ["inbound", "outbound"], "mediaFormat": layout}
        self.send("start", start={**start, **fields})

    def media(self, track: str, payload: bytes, timestamp: int | None = None, **fields: Any) -> None:
        chunk = self.chunks[track] = self.chunks[track] + 1
        told = str(20 * (chunk - 1) if timestamp is None else timestamp)
        text = base64.b64encode(payload).decode()
        self.send("media", media={"track": track, "chunk": str(chunk), "timestamp": told, "payload": text, **fields})


@contextlib.contextmanager
def service(rx: StreamReceiver) -> Iterator[Service]:
    """Connect with the token."""
    with connect(rx.url, additional_headers={"Authorization": f"Bearer {rx.token}"}, compression=None) as client:
        yield Service(client)


def heard(rx: StreamReceiver, track: str | None = None) -> list[int]:
    """Every sample of a track up to the end."""
    return [sample for each in rx.frames(timeout=TIMEOUT, track=track) for sample in each.samples]


def decoded(payload: bytes, codec: str = "PCMU") -> list[int]:
    """The same, from the codec."""
    return memoryview(media.decode(payload, codec)).cast("h").tolist()


def test_address() -> None:
    """The address has no query, and nothing of the token; neither is in a repr."""
    with StreamReceiver() as rx:
        assert re.fullmatch(rf"ws://127\.0\.0\.1:{rx.port}/stream/[0-9a-f]{{16}}", rx.url)
        assert len(rx.token) >= 32
        assert rx.token not in repr(rx)
        assert rx.url not in repr(rx)
        with pytest.raises(MediaError, match="no device of a tap"):
            _ = rx.device


def test_both_tracks() -> None:
    """Both tracks arrive bit for bit, each under its name, on one clock."""
    with StreamReceiver() as rx:
        with service(rx) as far:
            far.start(customParameters={"session_id": "abc123"}, accountSid="A")
            for at in range(0, len(SAID), 160):
                far.media("inbound", SAID[at : at + 160])
                far.media("outbound", HEARD[at : at + 160])
            far.send("stop")
            assert rx.wait_started(TIMEOUT)
            assert {"inbound", "outbound"} == set(rx.tracks)
        assert decoded(SAID) == heard(rx, "inbound")
        assert decoded(HEARD) == heard(rx, "outbound")
        assert rx.start is not None
        assert ("S", "C", "A") == (rx.start.stream_sid, rx.start.call_sid, rx.start.account_sid)
        assert {"session_id": "abc123"} == rx.custom_parameters
        assert {} == rx.rejected
        assert 0 == rx.missing_messages
        assert (20, 0) == (rx.stats["inbound"].packets, rx.stats["inbound"].packets_lost)
        assert rx.tracks["inbound"].media_clock is rx.tracks["outbound"].media_clock


@pytest.mark.parametrize("track", ["inbound", "outbound_track"])
def test_one_track(track: str) -> None:
    """A receiver of one track takes only that one."""
    name = track.removesuffix("_track")
    other = "outbound" if name == "inbound" else "inbound"
    with StreamReceiver(track=track) as rx:
        with service(rx) as far:
            far.start()
            far.media(name, SAID)
            far.media(other, HEARD)
        assert decoded(SAID) == heard(rx)
        assert {"unexpected_track": 1} == rx.rejected
        assert 1 == rx.stats.packets


@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_linear_audio(byteorder: str) -> None:
    """16 kHz linear audio in either byte order; half a sample is refused."""
    with StreamReceiver(byteorder=byteorder) as rx:
        with service(rx) as far:
            far.start("audio/x-L16", 16000, tracks=["inbound"])
            far.media("inbound", SAID[:640])
            far.media("inbound", SAID[640:1279])
            far.media("inbound", SAID[640:1280], 20, chunk="2")
        layout = f"{'<' if byteorder == 'little' else '>'}640h"
        assert list(struct.unpack(layout, SAID[:1280])) == heard(rx)
        assert {"half_sample": 1} == rx.rejected
        assert {"half_sample": 1} == dict(rx.stats.rejected)
        assert 16000 == rx.stats.rate


def test_wait_started_in_vain() -> None:
    """Without a start there are no tracks; the wait ends in time, and at the end."""
    with StreamReceiver() as rx:
        assert not rx.wait_started(0.01)
        rx.end()
        assert not rx.wait_started(TIMEOUT)
        assert [] == heard(rx)
        assert ({}, {}, None) == (rx.stats, rx.custom_parameters, rx.start)


# Who gets in


def bearer(token: str) -> str:
    return f"Authorization: Bearer {token}"


def test_tokens() -> None:
    """Without exactly the token there is no upgrade, and a failed try does not use it up."""
    with StreamReceiver() as rx:
        before = wsendpoint.counters()["unauthorized"]
        right = rx.token
        tries = [
            [], [bearer("")], [bearer("x")], [bearer(right[:-1])], [bearer(right + "x")], [bearer(right.swapcase())],
            [f"Authorization: {right}"], [f"Authorization: Basic {right}"], [bearer(right), bearer(right)],
            [bearer("\xff" * 40)], [bearer("x" * 4000)],
        ]  # fmt: skip
        for headers in tries:
            with RawClient(rx.url) as client:
                assert 401 == client.open(*headers)
        assert len(tries) == wsendpoint.counters()["unauthorized"] - before
        assert {"token_absent": 1, "token_wrong": len(tries) - 1} == rx.rejected
        with RawClient(rx.url) as client:
            assert 101 == client.open(f"authorization:  bearer  {right}")
            with RawClient(rx.url) as second:
                assert 401 == second.open(bearer(right))
        assert 1 == rx.rejected["token_reused"]


def test_tokens_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is shown, or nothing, goes through one comparison whose time tells nothing."""
    compared: list[tuple[bytes, bytes]] = []

    def compare(shown: bytes, token: bytes) -> bool:
        compared.append((shown, token))
        return hmac.compare_digest(shown, token)

    monkeypatch.setattr(wsstream, "hmac", types.SimpleNamespace(compare_digest=compare))
    with StreamReceiver() as rx:
        right = rx.token
        for headers, status in (([], 401), ([bearer("wrong")], 401), ([bearer(right)], 101)):
            with RawClient(rx.url) as client:
                assert status == client.open(*headers)
        assert [b"", b"wrong", right.encode()] == [shown for shown, _ in compared]
        assert {right.encode()} == {token for _, token in compared}


def test_a_token_is_good_for_one_stream() -> None:
    """After the stream has ended nobody gets in, with the token or without."""
    with StreamReceiver() as rx:
        with service(rx) as far:
            far.start()
            far.send("stop")
        assert [] == heard(rx)
        with RawClient(rx.url) as client:
            assert client.open(bearer(rx.token)) in (401, 404)


def test_a_token_expires(caplog: pytest.LogCaptureFixture) -> None:
    """A stream must begin within the token's lifetime; that it came too late is in the log."""
    with StreamReceiver(token_lifetime=-1) as rx, RawClient(rx.url) as client:
        assert 401 == client.open(bearer(rx.token))
        assert "token_lifetime" in caplog.text
        assert {"token_expired": 1} == rx.rejected


def test_a_token_used_by_an_invalid_request_is_not_used() -> None:
    """A request that is no upgrade does not spend the token."""
    with StreamReceiver() as rx:
        with RawClient(rx.url) as client:
            client.send(f"GET {client.parts.path} HTTP/1.1\r\n{bearer(rx.token)}\r\n\r\n".encode())
            assert 426 == client.status()
        with RawClient(rx.url) as client:
            assert 101 == client.open(bearer(rx.token))


def test_racing_for_one_token() -> None:
    """Of many sockets that show the token at once, one gets in."""
    with StreamReceiver() as rx:
        barrier = threading.Barrier(10)
        statuses: list[int] = []
        clients: list[RawClient] = []

        def race() -> None:
            client = RawClient(rx.url)
            clients.append(client)
            barrier.wait(TIMEOUT)
            statuses.append(client.open(bearer(rx.token)))

        threads = [threading.Thread(target=race) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(TIMEOUT)
        for client in clients:
            client.socket.close()
        assert [101, *[401] * 9] == sorted(statuses)


def test_own_token() -> None:
    """A token of the user's own is taken if it is long enough to be one."""
    with StreamReceiver(token="a-token-of-my-own") as rx, service(rx) as far:
        assert "a-token-of-my-own" == rx.token
        far.start()
        assert rx.wait_started(TIMEOUT)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"token": "short"}, MediaError),
        ({"token": "with a space in the middle"}, MediaError),
        ({"token": "with-ü-in-the-middle"}, MediaError),
        ({"track": "left"}, MediaError),
        ({"byteorder": ""}, MediaError),
        ({"max_size": 2**20 + 1}, MediaError),
        ({"host": "0.0.0.0"}, ConfigurationError),
    ],
)
def test_wrong_settings(options: dict[str, Any], error: type[Exception]) -> None:
    """What makes no sense is refused where it is given."""
    with pytest.raises(error):
        StreamReceiver(**options)


# What it says


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"event": "media", "media": {"track": "inbound", "payload": "*"}}, "malformed"),
        ({"event": "media", "media": {"track": "left", "payload": ""}}, "malformed"),
        ({"event": "media", "media": {"track": "inbound", "payload": ""}}, "no_audio"),
        ({"event": "media", "media": {"payload": "AAAA"}}, "unexpected_track"),
        ({"event": "media", "streamSid": "T", "media": {"track": "inbound", "payload": "AAAA"}}, "wrong_stream"),
        ({"event": "stop", "streamSid": "T"}, "wrong_stream"),
        ({"event": "dtmf", "streamSid": "T", "dtmf": {"digit": "1"}}, "wrong_stream"),
        ({"event": "start", "start": {"mediaFormat": {"encoding": "audio/x-mulaw"}}}, "second_start"),
        ({"event": "weather"}, "unknown_message"),
        ([], "malformed"),
        (b"binary", "binary"),
    ],
)
def test_what_is_not_used(message: Any, reason: str) -> None:
    """A message that makes no sense is counted by its reason; the audio around it is not touched."""
    with StreamReceiver() as rx:
        with service(rx) as far:
            far.start()
            far.media("inbound", SAID[:160])
            far.client.send(message if isinstance(message, bytes) else json.dumps(message))
            far.media("inbound", SAID[160:320])
        assert decoded(SAID[:320]) == heard(rx, "inbound")
        assert {reason: 1} == rx.rejected


def test_before_the_start() -> None:
    """Nothing but ``connected`` is believed before the start."""
    with StreamReceiver() as rx:
        with service(rx) as far:
            far.media("inbound", SAID)
            far.send("dtmf", dtmf={"digit": "1"})
            far.send("stop")
            far.start()
            far.media("inbound", SAID[:160], 20)
        assert decoded(SAID[:160]) == heard(rx, "inbound")
        assert {"before_start": 3} == rx.rejected
        assert () == rx.keys


def test_a_format_that_cannot_be_decoded() -> None:
    """OPUS and the like end the stream with 1003, and say so."""
    with StreamReceiver() as rx, RawClient(rx.url) as client:
        assert 101 == client.open(bearer(rx.token))
        start = {"event": "start", "start": {"mediaFormat": {"encoding": "audio/opus", "sampleRate": 48000}}}
        client.send(frame(TEXT, json.dumps(start).encode()))
        assert 1003 == client.close_code()
        assert [] == heard(rx)
        assert {"unsupported_format": 1} == rx.rejected
        assert not rx.wait_started(TIMEOUT)


def test_gaps_and_replays() -> None:
    """Missing chunks are silence and counted as lost; replays are counted and not heard."""
    with StreamReceiver() as rx:
        with service(rx) as far:
            far.start(tracks=["inbound"])
            far.media("inbound", SAID[:160])
            far.chunks["inbound"] += 2
            far.sequence += 2
            far.media("inbound", SAID[480:640])
            far.media("inbound", SAID[:160], 0, chunk="1")
            far.media("inbound", SAID[640:800], 80, chunk="5")
            far.sequence -= 1
            far.send("mark", mark={"name": "again"})
        assert decoded(SAID[:160]) + [0] * 320 + decoded(SAID[480:800]) == heard(rx)
        stats = rx.stats
        assert (3, 2, 5, 1) == (stats.packets, stats.packets_lost, stats.packets_expected, stats.duplicate)
        assert {"replayed": 1, "repeated_sequence_number": 1} == rx.rejected
        assert {"replayed": 1} == dict(stats.rejected)
        assert 2 == rx.missing_messages


def test_sizes() -> None:
    """A payload of one octet and one of a mebibyte's message; above the limit it is 1009."""
    largest = 750_000  # octets of audio that make just less than 1 MiB of base64
    audio = random.Random(3).randbytes(largest)
    with StreamReceiver(max_size=2**20, buffer=120) as rx:
        with service(rx) as far:
            far.start(tracks=["inbound"])
            far.media("inbound", audio[:1])
            far.media("inbound", audio[1:], 0)
        assert decoded(audio) == heard(rx)
    with StreamReceiver() as rx, RawClient(rx.url) as client:
        assert 101 == client.open(bearer(rx.token))
        client.send(frame(TEXT, b" " * 65537))
        assert 1009 == client.close_code()


def test_too_much_nonsense(monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that sends only what makes no sense is told to go."""
    monkeypatch.setattr(wsreceiver, "MAX_INVALID", 10)
    with StreamReceiver() as rx, RawClient(rx.url) as client:
        assert 101 == client.open(bearer(rx.token))
        client.send(frame(TEXT, b"{}") * 50)
        assert 1008 == client.close_code()
        assert {"malformed": 11} == rx.rejected


def test_stop_closes() -> None:
    """After the stop message the socket is closed by us, with 1000."""
    with StreamReceiver() as rx:
        with service(rx) as far:
            far.start()
            far.media("inbound", SAID)
            far.send("stop")
            with pytest.raises(ConnectionClosedOK):
                far.client.recv(TIMEOUT)
        assert decoded(SAID) == heard(rx, "inbound")
        assert "stop" == rx.tracks["inbound"].reason


# DTMF and marks


def test_dtmf_and_marks() -> None:
    """Keys and marks are called back in order, off the media thread, and remembered."""
    got: list[Any] = []
    names: set[str] = set()
    done = threading.Event()

    def note(message: Any) -> None:
        got.append(message)
        names.add(threading.current_thread().name)
        if len(got) == 41:
            done.set()

    with StreamReceiver(on_dtmf=note, on_mark=note) as rx:
        with service(rx) as far:
            far.start()
            for n in range(40):
                far.send("dtmf", dtmf={"digit": str(n % 10), "duration": 100})
            far.send("mark", streamSid="S", mark={"name": "m"})
            assert done.wait(TIMEOUT)
        assert [str(n % 10) for n in range(40)] == [key.digit for key in rx.keys]
        assert [*rx.keys, *rx.marks] == got
        assert DtmfMessage(sequence_number=2, digit="0", duration=100) == got[0]
        assert MarkMessage(sequence_number=42, stream_sid="S", name="m") == got[-1]
        assert {"swsync-callback-media"} == names


def test_a_slow_callback_holds_nothing_up(caplog: pytest.LogCaptureFixture) -> None:
    """Audio goes on while a callback blocks; one that raises is logged, and the next one runs."""
    release = threading.Event()
    got: list[str] = []

    def slow(message: DtmfMessage) -> None:
        assert release.wait(TIMEOUT)
        got.append(message.digit)
        raise RuntimeError("a mistake")

    with StreamReceiver(on_dtmf=slow) as rx:
        with service(rx) as far:
            far.start()
            far.send("dtmf", dtmf={"digit": "1"})
            far.send("dtmf", dtmf={"digit": "2"})
            far.media("inbound", SAID)
        assert decoded(SAID) == heard(rx, "inbound")
        assert [] == got
        release.set()
        for _ in range(1000):
            if caplog.text.count("RuntimeError: a mistake") == 2:
                break
            threading.Event().wait(0.01)
        assert ["1", "2"] == got
        assert 2 == caplog.text.count("RuntimeError: a mistake")


def test_memory_of_keys_is_bounded() -> None:
    """The last thousand keys are remembered."""
    with StreamReceiver() as rx:
        with service(rx) as far:
            far.start()
            for n in range(1100):
                far.send("dtmf", dtmf={"digit": str(n % 10)})
        assert [] == heard(rx)
        assert 1000 == len(rx.keys)
        assert "0" == rx.keys[0].digit


def test_close_in_every_state() -> None:
    """A receiver can be closed before, during and after its stream; readers end."""
    for stage in range(4):
        with contextlib.ExitStack() as stack:
            rx = StreamReceiver()
            far = stack.enter_context(service(rx)) if stage else None
            if far and stage > 1:
                far.start()
                assert rx.wait_started(TIMEOUT)
            if far and stage > 2:
                far.media("inbound", SAID)
                assert rx.wait_audio(TIMEOUT)
            rx.close()
            assert rx.closed
            assert decoded(SAID if stage > 2 else b"") == heard(rx)
            rx.close()


def test_recordings(tmp_path: Path) -> None:
    """A stream is saved and recorded in stereo: left is what the party said, right what it heard."""
    with StreamReceiver() as rx:
        with service(rx) as far:
            recording = rx.record(tmp_path / "recorded.wav")
            far.start()
            for at in range(0, len(SAID), 160):
                far.media("inbound", SAID[at : at + 160], 1000 + at // 8)
                far.media("outbound", HEARD[at : at + 160], 1100 + at // 8)
            far.send("stop")
        assert len(SAID) == len(heard(rx, "outbound"))
        rx.save(tmp_path / "saved.wav")
        recording.close()
    expected = list(zip(decoded(SAID) + [0] * 800, [0] * 800 + decoded(HEARD), strict=True))
    for name in ("recorded.wav", "saved.wav"):
        with wave.open(str(tmp_path / name)) as file:
            assert (2, 8000) == (file.getnchannels(), file.getframerate())
            samples = memoryview(file.readframes(9999)).cast("h").tolist()
        assert expected == list(zip(samples[::2], samples[1::2], strict=True))
    assert ("stream", 0.1) == (recording.alignment.source, recording.alignment.offset)


def test_a_callback_that_calls_sys_exit_ends_nothing_but_itself(caplog: pytest.LogCaptureFixture) -> None:
    """The next key is told."""
    got: list[str] = []
    done = threading.Event()

    def note(message: DtmfMessage) -> None:
        got.append(message.digit)
        if message.digit == "1":
            raise SystemExit(1)
        done.set()

    with StreamReceiver(on_dtmf=note) as rx, service(rx) as far:
        far.start()
        for digit in "12":
            far.send("dtmf", dtmf={"digit": digit, "duration": 100})
        assert done.wait(TIMEOUT)
    assert ["1", "2"] == got
    assert "a callback of a media stream has raised" in caplog.text
