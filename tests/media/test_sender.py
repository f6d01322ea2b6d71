"""Sending RTP: what leaves, when, and what is refused."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest
from rtppackets import pcm

from swsync import media
from swsync.clock import VirtualClock
from swsync.errors import CodecError, ConfigurationError, MediaError


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A bound UDP socket."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(5)
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
    for bad in ({"ptime": 5}, {"ptime": 121}, {"port": 0}, {"codec": "L16", "rate": 24000, "ptime": 60}):
        with pytest.raises(ConfigurationError):
            media.RtpSender(**({"host": host, "port": port} | bad))  # type: ignore[arg-type]
    with pytest.raises(CodecError):
        media.RtpSender(host, port, codec="OPUS")
    with pytest.raises(MediaError, match="no-such-host"):
        media.RtpSender("no-such-host.invalid", port)
    tx = media.RtpSender(host, port)
    with pytest.raises(CodecError):
        tx.send(b"\0")
    tx.close()
    tx.close()
    with pytest.raises(MediaError, match="closed"):
        tx.send(bytes(320))
