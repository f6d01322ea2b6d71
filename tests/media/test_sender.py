"""Sending RTP: what leaves, when, and what is refused."""

from __future__ import annotations

import gc
import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from rtppackets import pcm

from swsync import media
from swsync.clock import RealClock, VirtualClock
from swsync.errors import CodecError, ConfigurationError, MediaError


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A bound UDP socket."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(60)
        yield sock


def fields(datagram: bytes) -> tuple[int, int, int, int, int, bytes]:
    """Marker, payload type, sequence number, timestamp, SSRC, payload."""
    first, second, seq, ts, ssrc = struct.unpack("!BBHII", datagram[:12])
    assert first == 0x80
    return second >> 7, second & 127, seq, ts, ssrc, datagram[12:]


@pytest.mark.parametrize(("codec", "payload_type"), [("PCMU", 0), ("PCMA", 8), ("L16", 96)])
@pytest.mark.parametrize("ptime", [10, 20, 30, 60])
def test_the_packets_of_a_sound(listener: socket.socket, codec: str, payload_type: int, ptime: int) -> None:
    """Marked at the start, numbered, stamped in samples; the last one is filled with silence."""
    samples = 8 * ptime
    sound = pcm(1, 2, 3, 4)[: samples * 2 * 2 + 20]
    with media.RtpSender(*listener.getsockname(), codec=codec, ptime=ptime, clock=VirtualClock()) as tx:
        seq, ts = tx.sequence_number, tx.timestamp
        tx.send(sound)
        source = tx.local_address
    whole = sound + bytes(-len(sound) % (2 * samples))
    for n in range(len(whole) // (2 * samples)):
        datagram, sender = listener.recvfrom(2000)
        data = media.encode(whole[2 * samples * n : 2 * samples * (n + 1)], codec)
        assert source == sender
        expected = (int(n == 0), payload_type, (seq + n) % 2**16, (ts + samples * n) % 2**32, tx.ssrc, data)
        assert expected == fields(datagram)


def test_it_is_paced(listener: socket.socket) -> None:
    """A second of sound takes a second of the clock, also in many calls, and no time is lost between them."""
    clock = VirtualClock()
    with media.RtpSender(*listener.getsockname(), clock=clock) as tx:
        began = clock.now()
        for _ in range(10):
            tx.send(bytes(1600))
        assert 1.0 == pytest.approx(clock.now() - began)
        clock.sleep(0.1)
        tx.send(bytes(1600))  # 0.1 s late: it catches up
        assert 1.1 == pytest.approx(clock.now() - began)
        clock.sleep(5)
        tx.send(bytes(1600))  # too late for that: it starts anew
        assert 6.2 == pytest.approx(clock.now() - began)


def test_samples_may_wait_for_the_next_call(listener: socket.socket) -> None:
    """With ``flush=False`` nothing is padded between two calls."""
    with media.RtpSender(*listener.getsockname(), clock=VirtualClock()) as tx:
        sound = pcm(1)
        tx.send(sound[:100], flush=False)
        assert 0 == tx.packets
        tx.send(sound[100:], flush=False)
        assert 1 == tx.packets
    assert media.encode(sound, "PCMU") == listener.recv(2000)[12:]


def test_a_pause_moves_the_clock_and_marks_what_follows(listener: socket.socket) -> None:
    """The next talkspurt begins with the marker bit, its timestamp later by the pause."""
    clock = VirtualClock()
    with media.RtpSender(*listener.getsockname(), clock=clock) as tx:
        tx.send(bytes(640))
        tx.pause(0.5)
        tx.send(bytes(640))
    got = [fields(listener.recv(2000)) for _ in range(4)]
    assert [1, 0, 1, 0] == [marker for marker, *_ in got]
    assert [0, 160, 320 + 4000, 480 + 4000] == [(g[3] - got[0][3]) % 2**32 for g in got]
    assert [0, 1, 2, 3] == [(g[2] - got[0][2]) % 2**16 for g in got]


def test_nobody_listening_is_no_error() -> None:
    """The kernel reports refused packets; the sender goes on, for a listener may come."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    with media.RtpSender("127.0.0.1", port, clock=VirtualClock()) as tx:
        tx.send(bytes(3200))
        assert 10 == tx.packets


def test_what_makes_no_sense_is_refused(listener: socket.socket) -> None:
    """ptime, port, codec, packet size, half a sample, an unknown host, a closed sender."""
    host, port = listener.getsockname()
    for bad in (
        {"ptime": 5},
        {"ptime": 121},
        {"port": 0},
        {"local_port": 70_000},
        {"codec": "L16", "rate": 24000, "ptime": 60},
    ):
        with pytest.raises(ConfigurationError):
            media.RtpSender(**({"host": host, "port": port} | bad))  # type: ignore[arg-type]
    with pytest.raises(CodecError):
        media.RtpSender(host, port, codec="GSM")
    with pytest.raises(MediaError, match="no-such-host"):
        media.RtpSender("no-such-host.invalid", port)
    tx = media.RtpSender(host, port)
    for bad_samples, words in (
        (b"\0", "whole number"), (np.zeros(160), "format 'd'"), (np.zeros(160, np.int32), "format 'i'"),
        (np.zeros(160, ">i2"), "format '>h'"), (np.zeros((160, 2), np.int16), "1 channel"),
        (np.zeros(320, np.int16)[::2], "contiguous"),
    ):  # fmt: skip
        with pytest.raises(CodecError, match=words):  # sent as they are in memory they would be noise
            tx.send(bad_samples)
    tx.close()
    tx.close()
    with pytest.raises(MediaError, match="closed"):
        tx.send(bytes(320))


def received(listener: socket.socket) -> list[bytes]:
    """What has come by now."""
    listener.setblocking(False)
    got = []
    while True:
        try:
            got.append(listener.recv(2000))
        except BlockingIOError:
            listener.settimeout(60)
            return got


def test_the_thread_that_paces_sends_the_same(listener: socket.socket) -> None:
    """On the machine's clock (here a fast one) a thread in C sends what a virtual clock's user sends."""
    sound = pcm(*range(100))
    with media.RtpSender(*listener.getsockname(), clock=RealClock(speed=50), rtcp="none") as tx:
        seq, ts = tx.sequence_number, tx.timestamp
        tx.send(sound)
        assert 100 == tx.packets
        assert tx.stats.dropped == tx.stats.refused == tx.stats.restarts == 0
    got = [fields(datagram) for datagram in received(listener)]
    for n, datagram in enumerate(got):
        data = media.encode(sound[320 * n : 320 * (n + 1)], "PCMU")
        assert (int(n == 0), 0, (seq + n) % 2**16, (ts + 160 * n) % 2**32, tx.ssrc, data) == datagram
    assert 100 == len(got)


def test_the_buffer_has_a_level(listener: socket.socket) -> None:
    """It takes seconds of audio at once, tells how many are left, and leaving ``with`` waits for them."""
    with media.RtpSender(*listener.getsockname(), clock=RealClock(speed=20), buffer=1.0) as tx:
        assert 0 == tx.level
        tx.send(bytes(32000), wait=False)  # two seconds: more than it holds, so this waits for a part of it
        assert 0 < tx.level <= 1.3
        with pytest.raises(TimeoutError):
            tx.drain(timeout=0.001)
        tx.drain(timeout=60)
        assert (0, 100) == (tx.level, tx.packets)
        tx.send(bytes(16000), wait=False)
    assert 150 == tx.packets
    assert 150 == len(received(listener))


def test_clearing_the_buffer(listener: socket.socket) -> None:
    """What is queued is dropped and counted; the next packet follows by number and is marked."""
    with media.RtpSender(*listener.getsockname(), lead=30.0, rtcp="none") as tx:
        tx.send(pcm(1, 2, 3), wait=False)
        tx.clear()
        tx.send(pcm(4), wait=False)
        deadline = 3000
        while not tx.stats.cleared and deadline:
            threading.Event().wait(0.001)
            deadline -= 1
        assert (3, 0) == (tx.stats.cleared, tx.packets)
        assert 29 < tx.level <= 30.03
        tx.close()
        tx.drain()  # a closed one has nothing left to wait for


def test_keys_among_the_sound(listener: socket.socket) -> None:
    """Telephone-events have their own type, the timestamp of their start, and the same sequence numbers."""
    with media.RtpSender(*listener.getsockname(), clock=VirtualClock(), event_payload_type=97, rtcp="none") as tx:
        ts = tx.timestamp
        tx.send(pcm(1))
        tx.send_digits("5", duration=0.04, gap=0.1)
        tx.send(pcm(2))
    got = [fields(datagram) for datagram in received(listener)]
    assert [0, 97, 97, 97, 97, 0] == [g[1] for g in got]
    assert [1, 1, 0, 0, 0, 1] == [g[0] for g in got]
    assert [0, 160, 160, 160, 160, 160 + 1120] == [(g[3] - ts) % 2**32 for g in got]
    assert ["050a00a0", "058a0140", "058a0140", "058a0140"] == [g[5].hex() for g in got[1:5]]
    assert list(range(6)) == [(g[2] - got[0][2]) % 2**16 for g in got]


def test_ready_payloads_and_lost_packets(listener: socket.socket) -> None:
    """A payload of another encoder goes out as it is; a pause may stand for packets that were lost before."""
    with media.RtpSender(*listener.getsockname(), clock=VirtualClock(), rtcp="none") as tx:
        tx.send_payload(b"one", 160)
        tx.pause(0.04, lost=2)
        tx.send_payload(b"two", 160, marker=True)
        with pytest.raises(MediaError, match="161 octets"):
            tx.send_payload(bytes(161), 160)
        with pytest.raises(MediaError):
            tx.send_payload(b"", 160)
    one, two = (fields(datagram) for datagram in received(listener))
    assert (b"one", b"two", 480, 3) == (one[5], two[5], (two[3] - one[3]) % 2**32, (two[2] - one[2]) % 2**16)


def test_payloads_of_1200_octets(listener: socket.socket) -> None:
    """The largest one fits: 50 ms of L16 at 12 kHz."""
    sound = os.urandom(1200)
    with media.RtpSender(*listener.getsockname(), codec="L16", rate=12000, ptime=50, clock=VirtualClock()) as tx:
        tx.send(sound)
    assert media.encode(sound, "L16") == received(listener)[0][12:]


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "L16"])
@pytest.mark.parametrize("ptime", range(10, 121, 10))
def test_every_ptime(listener: socket.socket, codec: str, ptime: int) -> None:
    """10 to 120 ms, where the payload stays within 1,200 octets."""
    if codec == "L16" and ptime > 70:
        with pytest.raises(ConfigurationError, match="1200 octets"):
            media.RtpSender(*listener.getsockname(), codec=codec, ptime=ptime)
        return
    with media.RtpSender(*listener.getsockname(), codec=codec, ptime=ptime, clock=VirtualClock()) as tx:
        tx.send(bytes(16 * ptime * 3))
    assert [8 * ptime * n for n in range(3)] == [
        (fields(datagram)[3] - tx.timestamp) % 2**32 - 2**32 + 24 * ptime for datagram in received(listener)
    ]


def report(datagram: bytes) -> tuple[list[int], tuple[int, ...]]:
    """Packet types of an RTCP compound, and the sender report's fields, if it begins with one."""
    types, at = [], 0
    while at < len(datagram):
        first, kind, words = struct.unpack_from("!BBH", datagram, at)
        assert first >> 6 == 2
        types.append(kind)
        at += 4 * (words + 1)
    assert at == len(datagram)
    return types, struct.unpack_from("!IIIIII", datagram, 4) if types[0] == 200 else ()


@pytest.mark.parametrize("is_virtual", [True, False])
def test_sender_reports_and_the_goodbye(is_virtual: bool) -> None:
    """On the next port: a report with the first packet, every few seconds, and with BYE at the end."""
    clock = VirtualClock() if is_virtual else RealClock()
    with neighbours() as (rtp, rtcp), media.RtpSender(*rtp.getsockname(), clock=clock) as tx:
        ts = tx.timestamp
        tx.send(bytes(320 * 5))
        tx.close()
        types, first = report(rtcp.recv(2000))
        assert [200, 202] == types
        assert (tx.ssrc, 1, 160) == (first[0], first[4], first[5])
        assert (first[3] - ts) % 2**32 <= 4000  # of the moment, which is no more than half a second after the packet
        types, last = report(rtcp.recv(2000))
        assert [200, 202, 203] == types
        assert (5, 800) == last[4:]
        # NTP and RTP time have gone on by as much.
        seconds = (last[1] - first[1]) + (last[2] - first[2]) / 2**32
        assert seconds == pytest.approx(((last[3] - first[3]) % 2**32) / 8000, abs=0.001)
        assert 2 == tx.stats.reports


@contextmanager
def neighbours() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two sockets on ports that follow each other."""
    for _ in range(100):
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two,
        ):
            one.bind(("127.0.0.1", 0))
            try:
                two.bind(("127.0.0.1", one.getsockname()[1] + 1))
            except (OSError, OverflowError):
                continue
            one.settimeout(60)
            two.settimeout(60)
            yield one, two
            return
    pytest.fail("no two free ports beside each other")


def test_reports_on_the_same_port(listener: socket.socket) -> None:
    """RFC 5761; and none at all, if so wished. Who has sent nothing says no goodbye."""
    for way, count in (("mux", 2), ("none", 0)):
        with media.RtpSender(*listener.getsockname(), clock=VirtualClock(), rtcp=way) as tx:
            tx.send(bytes(320))
        got = received(listener)
        assert 1 == sum(datagram[1] & 127 == 0 for datagram in got)
        assert count == sum(200 <= datagram[1] <= 203 for datagram in got)
    with media.RtpSender(*listener.getsockname(), rtcp="mux"):
        pass
    assert [] == received(listener)


def test_a_long_silence_moves_the_media_clock(listener: socket.socket) -> None:
    """Nothing was sent for a while: the timestamps went on (RFC 3550 section 5.1), and a talkspurt begins."""
    clock = VirtualClock()
    with media.RtpSender(*listener.getsockname(), clock=clock, rtcp="none") as tx:
        tx.send(bytes(320))
        clock.sleep(2.0)
        tx.send(bytes(320))
        assert 1 == tx.stats.restarts
    one, two = (fields(datagram) for datagram in received(listener))
    assert (1, 1, 160 + 16000) == (one[0], two[0], (two[3] - one[3]) % 2**32)


def test_closing_ends_a_wait(listener: socket.socket) -> None:
    """Another thread closes: whoever waits for room is told, whoever drains returns."""
    tx = media.RtpSender(*listener.getsockname(), buffer=0.1)
    caught: list[BaseException] = []

    def send() -> None:
        try:
            tx.send(bytes(16000 * 60))
        except MediaError as error:
            caught.append(error)

    thread = threading.Thread(target=send)
    thread.start()
    listener.recv(2000)
    tx.close()
    thread.join(60)
    assert not thread.is_alive()
    assert ["the sender is closed"] == [str(error) for error in caught]


def test_the_thread_ends_with_the_last_sender(listener: socket.socket) -> None:
    """No thread and no descriptor is left."""
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    senders = [media.RtpSender(*listener.getsockname(), clock=RealClock(speed=100)) for _ in range(20)]
    for tx in senders:
        tx.send(bytes(320), wait=False)
    assert "swsync-mediasend" in {thread.name for thread in threading.enumerate()}
    for tx in senders:
        tx.drain(10)
        tx.close()
    assert "swsync-mediasend" not in {thread.name for thread in threading.enumerate()}
    gc.collect()
    assert before == len(os.listdir("/proc/self/fd"))
