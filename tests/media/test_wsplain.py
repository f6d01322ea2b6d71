"""The two ways of a media message, by C and by websockets and json: equal results, whichever it takes."""

from __future__ import annotations

import base64
import contextlib
import json
import math
import random
import select
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle_stream import ChunkOrder
from swsync._media import ffi, lib
from wsclient import TIMEOUT, RawClient, frame, request

from swsync.clock import RealClock
from swsync.media.codec import decode as media_decode
from swsync.media.streammessages import MediaMessage
from swsync.media.track import Track
from swsync.media.wsconnection import Connection
from swsync.media.wsendpoint import MANY, Endpoint
from swsync.media.wsplain import Octets, Plain, Sweep
from swsync.media.wsreceiver import WebSocketReceiver
from swsync.media.wsstream import StreamReceiver
from swsync.media.wstap import TapReceiver

TEXT, BINARY, CLOSE, PING, CONT = 1, 2, 8, 9, 0


class Ticks(RealClock):
    """A clock that stands still until it is told, so that two runs see the same times."""

    def __init__(self) -> None:
        super().__init__()
        self.time_now = 1000.0

    def now(self) -> float:
        return self.time_now


class Nobody:
    """The socket of a connection whose octets the test feeds."""

    def __init__(self) -> None:
        self.incoming = b""
        self.sent = b""

    def recv_into(self, buffer: Any, size: int) -> int:
        count = min(size, len(self.incoming))
        if not count:
            raise BlockingIOError
        buffer[:count], self.incoming = self.incoming[:count], self.incoming[count:]
        return count

    def send(self, data: bytes) -> int:
        self.sent += bytes(data)
        return len(data)

    def fileno(self) -> int:
        return 0

    def close(self) -> None: ...
    def shutdown(self, how: int) -> None: ...


class Host:
    """An endpoint with one connection and no thread."""

    def __init__(self, route: Any) -> None:
        self.octets = Octets()
        self.counts: dict[str, int] = {}
        self._route = route

    def route(self, connection: Connection, request: Any) -> Any:
        return self._route

    def upgraded(self, connection: Connection) -> None: ...
    def dropped(self, connection: Connection) -> None: ...
    def watch(self, connection: Connection, events: int) -> None: ...
    def now(self) -> float:
        return 1000.0

    def count(self, reason: str) -> None:
        self.counts[reason] = self.counts.get(reason, 0) + 1


def connected(receiver: WebSocketReceiver, route: Any) -> tuple[Connection, Nobody, Host, bytes]:
    """A connection to a receiver that no endpoint reads, and the request to begin with."""
    host, sock = Host(route), Nobody()
    connection = Connection(sock, host, None)  # type: ignore[arg-type]
    path = receiver._url.partition("//")[2].partition("/")[2]
    token = f"Authorization: Bearer {receiver.token}" if isinstance(receiver, StreamReceiver) else "x: y"
    return connection, sock, host, request("/" + path, token)


def received(receiver: WebSocketReceiver, pieces: list[bytes], clock: Ticks, by_c: bool, steps: list[float]) -> Any:
    """What a receiver has of some reads: samples, gaps, counters, events, and what the peer was told."""
    attachment = receiver._attachment
    route = attachment.route  # type: ignore[union-attr]
    route.plain = receiver._plain if by_c else None
    connection, sock, host, opening = connected(receiver, route)
    for piece, step in zip([opening, *pieces], [0.0, *steps], strict=True):
        sock.incoming += piece
        while sock.incoming and not connection.closed:
            before = len(sock.incoming)
            connection._read()
            if len(sock.incoming) == before:
                break
        clock.time_now += step
    tracks = {}
    for name, track in receiver.tracks.items():
        reader, samples, spans = track.reader(), bytearray(), []
        while True:
            track.end()
            block = reader.take(8000)
            if not len(block.samples):
                break
            samples += block.samples
            spans += [(span.position, span.samples, span.is_missing) for span in block.spans]
        tracks[name] = (bytes(samples), spans, track.stats)
    events = (receiver.keys, receiver.marks, receiver.missing_messages) if isinstance(receiver, StreamReceiver) else ()
    taken = int(receiver._plain.report().messages_taken)
    told = sock.sent.partition(b"\r\n\r\n")[2]
    return (tracks, dict(receiver.rejected), events, host.counts, told, connection._reason), taken


def both_ways(make: Any, pieces: list[bytes], step: float = 0.02) -> int:
    """Compare; how many messages C took of the run in which it may."""
    return int(compared(make, pieces, [step] * len(pieces))[1])


def compared(make: Any, pieces: list[bytes], steps: list[float]) -> tuple[Any, int]:
    """What both ways come to (``received``), with so many seconds after each piece, and how many messages C took."""
    results = []
    for by_c in (True, False):
        clock = Ticks()
        with make(clock) as receiver:
            results.append(received(receiver, pieces, clock, by_c, steps))
    (ours, taken), (theirs, none_taken) = results
    assert ours == theirs
    assert 0 == none_taken
    return ours, taken


def stream(clock: Ticks) -> StreamReceiver:
    return StreamReceiver(clock=clock, buffer=5.0, token="t" * 32)


def linear_stream(clock: Ticks) -> StreamReceiver:
    return StreamReceiver(clock=clock, buffer=5.0, token="t" * 32, track="inbound")


def start(
    encoding: str = "audio/x-mulaw", rate: int = 8000, sid: str = "S", tracks: Any = ("inbound", "outbound")
) -> str:
    layout = {"encoding": encoding, "sampleRate": rate, "channels": 1}
    return json.dumps({"event": "start", "sequenceNumber": "1",
                       "start": {"streamSid": sid, "tracks": list(tracks), "mediaFormat": layout}})  # fmt: skip


def mostly(rng: random.Random, usual: Any, *others: Any) -> Any:
    """The usual, and now and then something else."""
    return usual if rng.random() < 0.93 else rng.choice(others)


def spelled(rng: random.Random, chunk: int, sequence: int) -> str:
    """A media message in one of very many spellings, most of them right."""
    octets = rng.randbytes(mostly(rng, 160, 0, 1, 2, 3, 159, 320, 1000))
    payload = base64.b64encode(octets).decode()
    payload = mostly(rng, payload, payload[:-1], payload + "=", payload + "\n", "=" + payload, "a===", "AB==", "AAB=",
                     payload[::-1], payload.replace("A", "-"), payload + "\u00e9")  # fmt: skip
    count = mostly(rng, chunk, chunk - 1, chunk + 3, 0, 2**53, 2**53 + 1, -1, 10**17)
    time = mostly(rng, 20 * chunk, 20 * chunk + 7, 20 * chunk + 500, 0, 2**53, 2**60)

    def write(number: int) -> Any:
        return mostly(rng, str, int, float, "0{}".format, " {}".format, "+{}".format, lambda n: None)(number)

    track = mostly(rng, "inbound", "outbound", "outbound_track", "both", 1, None)
    media: dict[str, Any] = {"track": track, "chunk": write(count), "timestamp": write(time), "payload": payload}
    for name in list(media):
        if rng.random() < 0.02:
            del media[name]
    if rng.random() < 0.1:
        media["more"] = rng.choice(["x", 1.5e3, True, None, -0.0, {"a": 1}, [1], "a\\b", "\u00e9", 1e400])
    message: dict[str, Any] = {"event": mostly(rng, "media", "mark", "other", 1), "sequenceNumber": write(sequence),
                               "media": media}  # fmt: skip
    if rng.random() < 0.3:
        message["streamSid"] = mostly(rng, "S", "", "T", None, "S\u00e9")
    for each in (message, media):
        items = list(each.items())
        rng.shuffle(items)
        each.clear()
        each.update(items)
    separators = rng.choice([(",", ":"), (", ", ": "), (" ,\t", "\r\n:\n")])
    text = json.dumps(message, separators=separators, ensure_ascii=rng.random() < 0.9)
    return str(mostly(rng, text, text + " ", "\n" + text, text.replace("/", "\\/"), text[:-1], text + "}",
                      text.replace("chunk", "ch\\u0075nk"), text.replace("{", '{"event":"media",', 1),
                      text.replace('"media":', '"media":{"payload":""},"media":', 1), "", "[]",
                      text.replace("1", "01"), text.replace("0", "NaN", 1), "\ufeff" + text))  # fmt: skip


def cut(rng: random.Random, data: bytes) -> list[bytes]:
    """Octets in reads of any size."""
    pieces, at = [], 0
    while at < len(data):
        size = rng.choice([1, 2, 3, 5, 13, 100, 300, 700, 5000])
        pieces.append(data[at : at + size])
        at += size
    return pieces


@pytest.mark.parametrize("seed", range(40))
def test_a_stream_in_any_spelling(seed: int) -> None:
    """Thousands of messages in all spellings, whole and in fragments, with control frames between, in any reads."""
    rng = random.Random(seed)
    data = frame(TEXT, b'{"event":"connected"}') + frame(TEXT, start().encode())
    for chunk in range(1, 120):
        text = spelled(rng, chunk, chunk + 1).encode("utf-8", "surrogatepass")
        kind = rng.random()
        if kind < 0.04 and len(text) > 3:
            data += frame(TEXT, text[:3], fin=False) + frame(PING, b"p") + frame(CONT, text[3:])
        elif kind < 0.06:
            data += frame(PING, b"") + frame(BINARY, b"x")
        elif kind < 0.08:
            data += frame(TEXT, b'{"event":"dtmf","streamSid":"S","dtmf":{"digit":"5"}}')
        else:
            data += frame(TEXT, text)
    ending = [b"", frame(CLOSE, b"\x03\xe8"), frame(TEXT, b"\xff"), frame(TEXT, b"x", masked=False),
              frame(3, b"x"), frame(TEXT, b"x" * 70000), b"\x81\xff" + b"\xff" * 8]  # fmt: skip
    data += ending[seed % len(ending)]
    taken = both_ways(stream, cut(rng, data))
    assert taken > 20  # else this compares one way with itself


@pytest.mark.parametrize(("encoding", "rate"), [("audio/x-alaw", 8000), ("audio/x-L16", 16000), ("audio/x-L16", 24000)])
def test_other_codecs(encoding: str, rate: int) -> None:
    """Half samples too."""
    rng = random.Random(rate)
    data = frame(TEXT, start(encoding, rate, tracks=["inbound"]).encode())
    for chunk in range(1, 100):
        data += frame(TEXT, spelled(rng, chunk, chunk).encode("utf-8", "surrogatepass"))
    assert both_ways(linear_stream, cut(rng, data)) > 20


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(-1, 300), st.integers(-3, 70)), max_size=40), st.integers())
def test_any_order_of_chunks(told: list[tuple[int, int, int]], seed: int) -> None:
    """Gaps, replays, pauses and clocks that begin again are the same on both ways."""
    data = frame(TEXT, start().encode())
    rng = random.Random(seed)
    for kind, chunk, time in told:
        media = {
            "track": "outbound" if kind == 6 else "inbound",
            "payload": base64.b64encode(rng.randbytes(160)).decode(),
        }
        if kind != 1 and chunk >= 0:
            media["chunk"] = str(chunk)
        if kind != 2 and time >= 0:
            media["timestamp"] = str(20 * time)
        message = {"event": "media", "sequenceNumber": str(chunk + 3), "media": media}
        data += frame(TEXT, json.dumps(message).encode())
    both_ways(stream, cut(rng, data))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400), st.integers(1, 50))
def test_any_octets_after_the_start(data: bytes, size: int) -> None:
    """Whatever comes, both ways come to the same."""
    begin = frame(TEXT, start().encode())
    both_ways(stream, [begin, *(data[at : at + size] for at in range(0, len(data), size))])


@pytest.mark.parametrize("byteorder", ["big", "little"])
@pytest.mark.parametrize("codec", ["PCMU", "L16"])
def test_a_tap(codec: str, byteorder: str) -> None:
    """Binary messages of any length, with odd octets, fragments, texts and pings between."""
    rng = random.Random(codec + byteorder)
    data = b""
    for _ in range(200):
        octets = rng.randbytes(rng.choice([160, 320, 320, 320, 0, 1, 3, 161, 17000]))
        kind = rng.random()
        if kind < 0.05:
            data += frame(BINARY, octets, fin=False) + frame(PING, b"p") + frame(CONT, b"")
        elif kind < 0.1:
            data += frame(TEXT, b"hello")
        else:
            data += frame(BINARY, octets)

    def tap(clock: Ticks) -> TapReceiver:
        return TapReceiver(codec=codec, byteorder=byteorder, clock=clock, buffer=30.0)

    assert both_ways(tap, cut(rng, data), step=0.005) > 20


def tap_with_a_stall(stall: float, catches_up: bool) -> Any:
    """Four seconds of a tap whose sender says nothing for a while and then sends what it owes, or does not."""
    sent, owed = 200, round(stall / 0.02) if catches_up else 0
    pieces = [frame(BINARY, bytes([1 + n % 100]) * 160) for n in range(sent + owed)]
    steps = [0.02] * 49 + [stall] + [0.0] * owed + [0.02] * (sent - 50)

    def tap(clock: Ticks) -> TapReceiver:
        return TapReceiver(clock=clock, buffer=30.0)

    (tracks, rejected, *_), taken = compared(tap, pieces, steps)
    assert {} == rejected
    assert taken == sent + owed - 1  # the first one makes the track
    return tracks["audio"]


@pytest.mark.parametrize("stall", [0.05, 0.5, 1.9])
def test_a_stall_that_catches_up_inserts_nothing(stall: float) -> None:
    """The sample count is the clock of a tap over WebSocket."""
    samples, spans, stats = tap_with_a_stall(stall, catches_up=True)
    assert (0, []) == (stats.estimated_gap, spans)
    assert len(samples) == 2 * stats.samples


@pytest.mark.parametrize("stall", [0.2, 1.0, 3.0])
def test_a_deficit_that_stays_is_filled_once(stall: float) -> None:
    """What is still missing two seconds later was never sent: silence, once, and counted."""
    samples, spans, stats = tap_with_a_stall(stall, catches_up=False)
    assert stall == pytest.approx(stats.estimated_gap / 8000, abs=0.025)
    assert len(samples) == 2 * (stats.samples + stats.estimated_gap)
    assert all(is_missing for _, _, is_missing in spans)
    begin, (last, length, _) = spans[0][0], spans[-1]  # reads of a second cut it
    assert stats.estimated_gap == last + length - begin == sum(length for _, length, _ in spans)


@pytest.mark.parametrize("sweeps", [True, False])
def test_many_sockets(sweeps: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve streams at once, read by C where the system lets it, else by Python: every sample, and every event."""
    monkeypatch.setattr(Sweep, "possible", sweeps and Sweep.possible)
    audio = random.Random(1).randbytes(160)
    keys = frame(TEXT, b'{"event":"dtmf","dtmf":{"digit":"5"}}')
    marks = frame(TEXT, b'{"event":"mark","mark":{"name":"m"}}')
    with contextlib.ExitStack() as stack:
        receivers = [stack.enter_context(StreamReceiver(track="inbound")) for _ in range(12)]
        clients = [stack.enter_context(RawClient(receiver.url)) for receiver in receivers]
        for receiver, client in zip(receivers, clients, strict=True):
            assert 101 == client.open(f"Authorization: Bearer {receiver.token}")
            client.send(frame(TEXT, start().encode()))
        for chunk in range(1, 51):
            media = {"track": "inbound", "chunk": str(chunk), "payload": base64.b64encode(audio).decode()}
            message = frame(TEXT, json.dumps({"event": "media", "media": media}).encode())
            for number, client in enumerate(clients):
                half = len(message) * number // 12
                client.send(message[:half])
                client.send(message[half:] + (keys + frame(PING, b"p") + marks if chunk % 10 == 0 else b""))
        for receiver, client in zip(receivers, clients, strict=True):
            client.send(frame(TEXT, b'{"event":"stop"}') + frame(CLOSE, b"\x03\xe8"))
            heard = b"".join(bytes(each.samples) for each in receiver.frames(timeout=TIMEOUT))
            assert media_decode(audio * 50, "PCMU") == heard
            assert (5, 5) == (len(receiver.keys), len(receiver.marks))
            assert {} == receiver.rejected
            assert receiver._plain.report().messages_taken > 0


class Insatiable:
    """In place of a connection: it leaves what has come where it is, so there is always something."""

    closed = False

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self.near, self.far = map(stack.enter_context, socket.socketpair())
        self.turns = 0

    def swept(self, stop: Any) -> None:
        self.turns += 1


@pytest.mark.skipif(not Sweep.possible, reason="C reads sockets on Linux")
def test_who_always_has_more_keeps_nobody_waiting() -> None:
    """Each socket with something that is not plain has its turn, and then the round is over: others have theirs."""
    with contextlib.ExitStack() as stack:
        sweep = Sweep()
        stack.callback(sweep.close)
        endpoint: Any = object.__new__(Endpoint)  # without its thread
        each = [Insatiable(stack) for _ in range(MANY - 1)]
        endpoint.octets, endpoint._connections = Octets(), dict.fromkeys(each)
        endpoint._swept = {one.near.fileno(): one for one in each}
        for number in endpoint._swept:
            sweep.add(number, ffi.new("sw_ws_socket *", {"fd": number, "speed": 1.0}))
        for one in each[:2]:
            one.far.send(b"x")
        endpoint._read_many(sweep)
        assert [2, 1, 0, 0, 0, 0, 0] == [one.turns for one in each]


def test_c_takes_nothing_for_a_receiver_that_was_told_of_the_end() -> None:
    """From our close on, what still comes is no audio; nor is the receiver's memory touched any more."""
    with StreamReceiver(track="inbound", clock=Ticks()) as receiver:
        connection, sock, _, opening = connected(receiver, receiver._attachment.route)  # type: ignore[union-attr]
        for piece in (opening, frame(TEXT, start().encode())):
            sock.incoming = piece
            connection._read()
        assert connection.sweep.ws == receiver._plain.c
        connection.close(1001, "ended")
        assert connection.sweep.ws == ffi.NULL


MEDIA = frame(
    TEXT, json.dumps({"event": "media", "media": {"payload": base64.b64encode(bytes(160)).decode()}}).encode()
)


@contextlib.contextmanager
def many_that_send() -> Iterator[None]:
    """Ten streams that never pause: they keep the thread in C."""
    stopped = threading.Event()

    def talk() -> None:
        while not stopped.wait(0.002):
            for client in clients:
                client.send(MEDIA)

    with contextlib.ExitStack() as stack:
        receivers = [stack.enter_context(StreamReceiver(track="inbound")) for _ in range(10)]
        clients = [stack.enter_context(RawClient(receiver.url)) for receiver in receivers]
        for receiver, client in zip(receivers, clients, strict=True):
            assert 101 == client.open(f"Authorization: Bearer {receiver.token}")
            client.send(frame(TEXT, start(tracks=["inbound"]).encode()))
        talking = threading.Thread(target=talk)
        talking.start()
        try:
            assert all(receiver.wait_audio(TIMEOUT) for receiver in receivers)
            yield
        finally:
            stopped.set()
            talking.join()


def test_others_come_and_go_while_many_send(monkeypatch: pytest.MonkeyPatch) -> None:
    """A newcomer is served all the same, and let go when it ends; and C comes back when a deadline has come."""
    keep_reading = Sweep.keep_reading
    ends: list[float] = []  # of each stay in C

    def noted(*args: Any) -> Any:
        ends.append(args[-1])
        return keep_reading(*args)

    monkeypatch.setattr(Sweep, "keep_reading", noted)
    with many_that_send():
        for _ in range(2):
            with StreamReceiver(track="inbound") as guest, RawClient(guest.url) as client:
                assert 101 == client.open(f"Authorization: Bearer {guest.token}")
                client.send(frame(TEXT, start(tracks=["inbound"]).encode()) + MEDIA)
                assert guest.wait_audio(TIMEOUT)
                guest.close()
                assert 1001 == client.close_code()
    assert not hasattr(select, "epoll") or min(ends) < math.inf


# Where messages belong: C against the same rules in Python.


def place(messages: list[tuple[int | None, int | None]], samples: int, rate: int) -> None:
    order, clock = ChunkOrder(rate), Ticks()
    track, plain = Track("inbound", "PCMU", rate, clock=clock, buffer=1.0, snap=0), Plain(True, 1000, clock)
    plain.feed(0, track)
    for chunk, timestamp in messages:
        clock.time_now += 2.0**40 / rate  # any gap is believed after so long a time
        before = track.report()
        expected = order.place(MediaMessage(chunk=chunk, timestamp=timestamp, payload=b""), samples)
        refused = plain.place(0, chunk, timestamp, bytes(samples))
        after = track.report()
        assert ("replayed" if expected is None else "") == refused
        moved = after.counters[lib.SW_TRACK_REBASED] + after.counters[lib.SW_TRACK_LATE]
        if expected is not None and not moved + after.counters[lib.SW_TRACK_REORDERED]:
            assert (expected + samples == after.head) or after.counters[lib.SW_TRACK_DUPLICATE]
        if before.started and moved:
            break  # the ring's positions are its own from here on
    state = plain.report()
    assert (order.missing, order.replayed, order.restarted) == (state.missing[0], state.replayed[0], state.restarted[0])


count = st.one_of(st.none(), st.integers(0, 200))


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(count, st.one_of(st.none(), st.integers(0, 4000))), max_size=30), st.integers(1, 2000),
       st.sampled_from([8000, 16000, 24000, 44100, 48000]))  # fmt: skip
def test_places(messages: list[tuple[int | None, int | None]], samples: int, rate: int) -> None:
    """The rules of chunk and timestamp, in C as in Python."""
    place(messages, samples, rate)


def test_regular_places() -> None:
    """Chunks that follow each other, with clocks that are rounded or jitter, are joined without a seam."""
    place([(n + 1, n * 441 * 1000 // 16000) for n in range(100)], 441, 16000)
    place([(1, 0), (2, 27), (3, 33), (4, 60)], 160, 8000)
    place([(1, 0), (2, 20), (2, 20), (1, 0), (3, 40), (7, 120), (8, 900)], 160, 8000)


def test_one_wrong_message_does_not_end_the_audio() -> None:
    """After one absurd message what follows looks like replays, for a second at most."""
    clock = Ticks()
    track, plain = Track("inbound", clock=clock, buffer=1.0), Plain(True, 1000, clock)
    plain.feed(0, track)
    told = [(1, 0), (2**50, 2**50), *((n, n * 20) for n in range(2, 102))]
    refused = [plain.place(0, chunk, timestamp, bytes(160)) for chunk, timestamp in told]
    assert 50 == refused.count("replayed")
    assert [""] * 50 == refused[-50:]


def test_absurd_numbers() -> None:
    """Absurd counts give absurd places, not errors."""
    clock = Ticks()
    track, plain = Track("inbound", rate=48000, clock=clock, buffer=1.0), Plain(True, 1000, clock)
    plain.feed(0, track)
    for chunk, timestamp in ((1, None), (2**53, None), (2**53, 2**53), (0, None), (2**53, None), (None, 2**53)):
        assert plain.place(0, chunk, timestamp, bytes(1000)) in ("", "replayed")
    assert "malformed" == plain.place(0, 1, 2**54, bytes(160))
    assert "unexpected_track" == plain.place(1, 1, 0, bytes(160))
    assert "unexpected_track" == plain.place(7, 1, 0, bytes(160))


# Base64


def decode(text: bytes) -> bytes | None:
    out = ffi.new("uint8_t[]", 3 * len(text) // 4 + 3)
    size = lib.sw_base64_decode(text, len(text), out, len(out))
    return None if size < 0 else bytes(ffi.buffer(out, size))


@given(st.binary(max_size=300))
def test_base64(data: bytes) -> None:
    """What is encoded is decoded, and into no more room than that."""
    text = base64.b64encode(data)
    assert data == decode(text)
    if data:
        room = ffi.new("uint8_t[]", len(data))
        assert lib.SW_EROOM == lib.sw_base64_decode(text, len(text), room, len(data) - 1)


@pytest.mark.parametrize("text", [b"AB==", b"AAB=", b"A===", b"AA=A", b"=AAA", b"AAA", b"AA==AAAA", b"AA-_", b"AA A"])
def test_base64_that_is_none(text: bytes) -> None:
    """Bits to spare that are not zero, padding where none belongs, other alphabets."""
    assert decode(text) is None


@given(st.one_of(st.binary(max_size=12), st.text("AB+/=Zz0 9", max_size=12).map(str.encode)))
def test_base64_garbage(text: bytes) -> None:
    """Only canonical text is taken (RFC 4648 sections 3.1 to 3.5)."""
    try:
        data = base64.b64decode(text, validate=True)
        expected = data if base64.b64encode(data) == text else None
    except ValueError:
        expected = None
    assert expected == decode(text)


@pytest.mark.parametrize("path", [lib.SW_CPU_PLAIN, lib.SW_CPU_AUTO])
def test_base64_of_every_octet_at_every_place(path: int) -> None:
    """All 256, in the blocks that are decoded at once and in what is left of them, plainly and by the best way here."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    text = bytearray(alphabet * 2 + alphabet[:24])
    lib.sw_cpu_select(path)
    try:
        for place in range(len(text)):
            before = text[place]
            for octet in range(256):
                text[place] = octet
                is_end = octet == ord("=") and place == len(text) - 1
                is_right = octet in alphabet or (is_end and not alphabet.index(text[-2]) & 3)
                assert decode(bytes(text)) == (base64.b64decode(text) if is_right else None), (place, octet)
            text[place] = before
    finally:
        lib.sw_cpu_select(lib.SW_CPU_AUTO)


def test_frames_of_each_length() -> None:
    """The three forms of a length, up to the longest that is taken, and one octet more."""
    for size in (0, 1, 125, 126, 127, 16383, 16384, 16385):
        data = frame(BINARY, bytes(size))
        plain, octets = Plain(False, 65536, Ticks()), Octets()
        plain.feed(0, Track("audio", buffer=5.0))
        octets.view[: len(data)] = data
        done = plain.take(octets, 0, len(data))
        assert (len(data) if size <= 16384 else 0) == done
        assert (0 if size <= 16384 else len(data)) == octets.taken.foreign


def test_a_frame_of_2_to_the_64() -> None:
    """A length that would wrap is not added to anything."""
    plain, octets = Plain(False, 65536, Ticks()), Octets()
    plain.feed(0, Track("audio", buffer=5.0))
    data = b"\x82\xff" + struct.pack("!Q", 2**64 - 1) + b"mask"
    octets.view[: len(data)] = data
    assert 0 == plain.take(octets, 0, len(data))
    assert 2**64 - 1 == octets.taken.foreign
