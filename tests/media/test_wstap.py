"""The receiver of WebSocket taps, fed by real sockets."""

from __future__ import annotations

import contextlib
import json
import random
import re
import signal
import ssl
import struct
import subprocess
import sys
import threading

import pytest
import trustme
from forked import fails_in_child
from websockets.sync.client import connect
from wsclient import TIMEOUT, RawClient, frame

from swsync import media
from swsync.errors import CodecError, ConfigurationError, MediaError
from swsync.media.receiver import Receiver
from swsync.media.wstap import TapReceiver

TEXT, BINARY = 1, 2
AUDIO = random.Random(7).randbytes(8000)  # every code of both laws, in any order


def uri(rx: TapReceiver) -> str:
    """Where to send."""
    return str(rx.device["params"]["uri"])


def heard(rx: Receiver) -> list[int]:
    """Every sample up to the end."""
    return [sample for each in rx.frames(timeout=TIMEOUT) for sample in each.samples]


def decoded(payload: bytes, codec: str = "PCMU", **options: str) -> list[int]:
    """The same, from the codec."""
    return memoryview(media.decode(payload, codec, **options)).cast("h").tolist()


def send(rx: TapReceiver, *messages: str | bytes) -> None:
    """One whole tap."""
    with connect(uri(rx), compression=None) as client:
        for message in messages:
            client.send(message)


def test_device() -> None:
    """The device is what ``call.tap`` takes; the path is a secret of 128 bits."""
    with TapReceiver() as rx, TapReceiver(codec="PCMA") as other:
        assert re.fullmatch(rf"ws://127\.0\.0\.1:{rx.port}/[0-9a-f]{{32}}", uri(rx))
        assert {"type": "ws", "params": {"uri": uri(rx), "codec": "PCMU", "rate": 8000}} == rx.device
        assert "PCMA" == other.device["params"]["codec"]
        assert uri(rx) != uri(other)
        assert rx.port == other.port


def test_repr_hides_the_secret() -> None:
    """A receiver that is printed does not give its address away."""
    with TapReceiver() as rx:
        assert uri(rx).rpartition("/")[2] not in repr(rx)
        assert f"<TapReceiver ws://127.0.0.1:{rx.port}/****>" == repr(rx)


@pytest.mark.parametrize(
    ("messages", "codec"),
    [
        ([AUDIO], "PCMU"),
        (['{"content-type":"audio/mulaw;rate=8000"}', AUDIO], "PCMU"),
        (["content-type:audio/alaw;rate=8000", AUDIO], "PCMA"),
        (["start", json.dumps({"content-type": "audio/alaw"}), AUDIO], "PCMA"),
        (["content-type:audio/opus;rate=48000", AUDIO], "PCMU"),
        ([AUDIO[:100], "content-type:audio/mulaw;rate=8000", AUDIO[100:]], "PCMU"),
        ([AUDIO[:100], "anything", AUDIO[100:]], "PCMU"),
    ],
)
def test_forms_of_the_wire(messages: list[str | bytes], codec: str) -> None:
    """Text before, between or never; what it announces wins if it can be, else what was asked for."""
    with TapReceiver() as rx:
        send(rx, *messages)
        assert decoded(AUDIO, codec) == heard(rx)
        assert 1 + sum(isinstance(message, bytes) for message in messages[:-1]) == rx.stats.packets
        assert "late_header" not in rx.rejected


def test_a_late_header_that_differs() -> None:
    """What has been heard cannot be changed any more: counted."""
    with TapReceiver() as rx:
        send(rx, AUDIO, "content-type:audio/alaw;rate=8000", AUDIO)
        assert decoded(AUDIO * 2) == heard(rx)
        assert {"late_header": 1} == rx.rejected
        assert 1 == rx.stats.rejected["late_header"]


def test_any_chunk_length() -> None:
    """Messages of one octet, of none and of thousands are the same audio."""
    sizes = [1, 0, 7, 160, 1, 4000]
    pieces, at = [], 0
    for size in sizes:
        pieces.append(AUDIO[at : at + size])
        at += size
    with TapReceiver() as rx:
        send(rx, *pieces)
        assert decoded(AUDIO[:at]) == heard(rx)


@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_linear_samples_split_between_messages(byteorder: str) -> None:
    """An odd octet of L16 waits for its other half; one at the end is counted."""
    with TapReceiver(byteorder=byteorder) as rx:
        send(rx, "content-type:audio/l16;rate=16000", AUDIO[:1], AUDIO[1:322], AUDIO[322:641])
        layout = f"{'<' if byteorder == 'little' else '>'}320h"
        assert list(struct.unpack(layout, AUDIO[:640])) == heard(rx)
        assert 16000 == rx.stats.rate
        assert {"half_sample": 1} == rx.rejected


def test_one_socket_at_a_time() -> None:
    """A second socket is refused while the first one is open; when that closes, the tap has ended."""
    with TapReceiver() as rx:
        with connect(uri(rx)) as client:
            client.send(AUDIO)
            assert rx.wait_audio(TIMEOUT)
            with RawClient(uri(rx)) as second:
                assert 409 == second.open()
            client.send(AUDIO)
        assert decoded(AUDIO * 2) == heard(rx)
        assert {"second_socket": 1} == rx.rejected
        with RawClient(uri(rx)) as third:
            assert 404 == third.open()


def test_a_cut_is_the_end() -> None:
    """A connection that breaks ends the tap like one that closes."""
    with TapReceiver() as rx:
        with RawClient(uri(rx)) as client:
            assert 101 == client.open()
            client.send(frame(BINARY, AUDIO) + frame(BINARY, AUDIO)[:100])
        assert decoded(AUDIO) == heard(rx)
        assert "lost" == rx.tracks["audio"].reason


def test_end_makes_the_address_invalid() -> None:
    """After ``end`` nobody gets in, and readers end."""
    with TapReceiver() as rx:
        rx.end()
        with RawClient(uri(rx)) as client:
            assert 404 == client.open()
        assert [] == heard(rx)
        assert 0 == len(rx.read(160, timeout=TIMEOUT))
        assert not rx.wait_audio(TIMEOUT)


def test_end_keeps_what_is_under_way() -> None:
    """The event that a tap has finished may overtake its audio: that is taken still."""
    with TapReceiver() as rx:
        with connect(uri(rx)) as client:
            client.send(AUDIO)
            assert rx.wait_audio(TIMEOUT)
            rx.end()
            client.send(AUDIO)
        assert decoded(AUDIO * 2) == heard(rx)


@pytest.mark.parametrize("has_audio", [False, True])
def test_close_wakes_readers(has_audio: bool) -> None:
    """``close`` from another thread ends every wait, before and after the first audio."""
    rx = TapReceiver()
    results: list[int] = []
    waits = [lambda: results.append(len(heard_for_ever(rx))), lambda: results.append(len(rx.read(9999)))]
    threads = [threading.Thread(target=wait) for wait in waits]
    with connect(uri(rx)) as client:
        if has_audio:
            client.send(AUDIO[:80])
            assert rx.wait_audio(TIMEOUT)
        for thread in threads:
            thread.start()
        rx.close()
    for thread in threads:
        thread.join(TIMEOUT)
        assert not thread.is_alive()
    assert [80 * has_audio] * 2 == results
    assert rx.closed


def heard_for_ever(rx: Receiver) -> list[int]:
    """Every sample, without a time limit."""
    return [sample for each in rx.frames() for sample in each.samples]


def test_what_was_received_stays_readable() -> None:
    """A closed receiver still gives what it has."""
    with TapReceiver() as rx:
        send(rx, AUDIO)
        assert rx.wait_audio(TIMEOUT)
    assert decoded(AUDIO) == heard(rx)
    rx.close()
    rx.end()


def test_a_slow_reader_does_not_hold_the_sender() -> None:
    """Nobody reads, minutes of audio come: memory is bounded, the reader learns how much it missed."""
    with TapReceiver(buffer=0.5) as rx:
        send(rx, *[AUDIO] * 100)
        while not rx.tracks or not rx.tracks["audio"].ended:
            assert rx.wait_audio(TIMEOUT)
        assert 100 * len(AUDIO) == rx.stats.samples
        reader = rx.tracks["audio"].reader()
        assert len(reader.take(100 * len(AUDIO)).samples) < 20_000


def test_limits() -> None:
    """A message too large ends the tap with 1009; so does too much in all, with 1008."""
    with TapReceiver(max_size=100) as rx, RawClient(uri(rx)) as client:
        assert 101 == client.open()
        client.send(frame(BINARY, AUDIO[:100]) + frame(BINARY, AUDIO[:101]))
        assert 1009 == client.close_code()
        assert decoded(AUDIO[:100]) == heard(rx)
    with TapReceiver(total_limit=5000) as rx, RawClient(uri(rx)) as client:
        assert 101 == client.open()
        client.send(frame(BINARY, AUDIO))
        assert 1008 == client.close_code()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"codec": "OPUS"}, CodecError),
        ({"rate": 11025}, CodecError),
        ({"byteorder": "middle"}, MediaError),
        ({"max_size": 0}, MediaError),
        ({"max_size": 2**21}, MediaError),
        ({"time_limit": 0}, MediaError),
        ({"total_limit": -1}, MediaError),
        ({"port": 70000}, ConfigurationError),
        ({"public_url": "http://a"}, ConfigurationError),
    ],
)
def test_wrong_settings(options: dict[str, object], error: type[Exception]) -> None:
    """What makes no sense is refused where it is given."""
    with pytest.raises(error):
        TapReceiver(**options)  # type: ignore[arg-type]


def test_public_url() -> None:
    """What is advertised is the public address; a proxy may strip its path or not."""
    with TapReceiver(public_url="wss://media.example.com/base") as rx:
        base, _, secret = uri(rx).rpartition("/")
        assert "wss://media.example.com/base" == base
        with RawClient(f"ws://127.0.0.1:{rx.port}/other/{secret}") as client:
            assert 404 == client.open()
        with connect(f"ws://127.0.0.1:{rx.port}/base/{secret}") as sender:
            sender.send(AUDIO)
        assert decoded(AUDIO) == heard(rx)
    with TapReceiver(public_url="wss://media.example.com/base") as rx:
        with connect(f"ws://127.0.0.1:{rx.port}/{uri(rx).rpartition('/')[2]}") as sender:
            sender.send(AUDIO)
        assert decoded(AUDIO) == heard(rx)


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address comes from the environment."""
    monkeypatch.setenv("SWSYNC_BIND_HOST", "localhost")
    monkeypatch.setenv("SWSYNC_MEDIA_URL", "wss://media.example.com")
    with TapReceiver() as rx:
        assert uri(rx).startswith("wss://media.example.com/")
        assert isinstance(rx.port, int)


def test_tls() -> None:
    """With a context of its own a receiver speaks wss."""
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(server)
    server.num_tickets = 0  # websockets' client reads a ticket while it writes its request, and OpenSSL may lose that
    authority.configure_trust(client)
    with TapReceiver(host="localhost", ssl_context=server) as rx:
        assert uri(rx).startswith(f"wss://localhost:{rx.port}/")
        with connect(uri(rx).replace("localhost", "127.0.0.1"), ssl=client, server_hostname="localhost") as sender:
            sender.send(AUDIO)
        assert decoded(AUDIO) == heard(rx)


def test_many_taps_at_once() -> None:
    """Fifty taps on one thread: every one gets its own audio."""
    audio = [random.Random(n).randbytes(3200) for n in range(50)]
    receivers = [TapReceiver() for _ in audio]
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(uri(rx), compression=None)) for rx in receivers]
        for at in range(0, 3200, 160):
            for client, payload in zip(clients, audio, strict=True):
                client.send(payload[at : at + 160])
    for rx, payload in zip(receivers, audio, strict=True):
        assert decoded(payload) == heard(rx)
        rx.close()


def test_nothing_came() -> None:
    """Waiting for audio that does not come ends in time."""
    with TapReceiver() as rx:
        assert not rx.wait_audio(0.01)
        assert 0 == rx.stats.packets
        with pytest.raises(TimeoutError):
            next(iter(rx.frames(timeout=0.01)))
        with connect(uri(rx)):
            pass
        assert [] == heard(rx)


def test_a_forked_child() -> None:
    """In a child the receiver says whose it is; closing it there does nothing to the parent's."""
    with TapReceiver() as rx:

        def in_child() -> None:
            rx.end()
            rx.close()
            with pytest.raises(MediaError):
                _ = rx.device

        assert not fails_in_child(in_child)
        send(rx, AUDIO)
        assert decoded(AUDIO) == heard(rx)


@pytest.mark.parametrize("wait", ["next(rx.frames())", "rx.read(10)", "rx.wait_audio()"])
def test_interrupt_while_blocked(wait: str) -> None:
    """Ctrl-C ends every wait, and the program."""
    script = f"""
from swsync.media import TapReceiver
with TapReceiver() as rx:
    try:
        print("ready", flush=True)
        {wait}
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "ready\n" == process.stdout.readline()
        threading.Event().wait(0.2)  # let it block; interrupting earlier would pass as well
        process.send_signal(signal.SIGINT)
        assert ("interrupted\n", "", 0) == (process.stdout.read(), process.stderr.read(), process.wait(TIMEOUT))
