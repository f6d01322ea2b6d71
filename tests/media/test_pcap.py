"""Captures: what is written can be read, by us and by the rules of the formats; what is broken is passed over."""

from __future__ import annotations

import os
import random
import stat
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rtppackets import SAMPLES, numbered, packet, payload, pcm

from swsync import media
from swsync.clock import RealClock
from swsync.errors import MediaError
from swsync.media import follower
from swsync.media.follower import LEAD
from swsync.media.pcap import _checksum
from swsync.media.sender import LAPSE
from swsync.media.track import Track


def write(path: Path, *datagrams: bytes, **ends: tuple[str, int]) -> Path:
    with media.PcapWriter(path) as writer:
        for n, datagram in enumerate(datagrams):
            writer.write(datagram, 1_700_000_000 + n / 50, **ends)
    return path


@pytest.mark.parametrize("ends", [("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")])
def test_what_is_written_is_read(ends: tuple[str, str], tmp_path: Path) -> None:
    """Packets, times and addresses; the file is private, and readable before it is finished."""
    source, destination = (ends[0], 4000), (ends[1], 4002)
    path = tmp_path / "a.pcap"
    with media.PcapWriter(path) as writer:
        for n in range(3):
            writer.write(numbered(n), 1_700_000_000 + n / 50, source, destination)
            assert n + 1 == len(list(media.read_pcap(tmp_path / "a.pcap.part")))
    got = list(media.read_pcap(path))
    assert [numbered(n) for n in range(3)] == [captured.packet.build() for captured in got]
    assert {(source, destination, 7)} == {captured.stream for captured in got}
    assert [0.0, 0.02, 0.04] == pytest.approx([captured.at - 1_700_000_000 for captured in got], abs=1e-6)
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    with pytest.raises(MediaError, match="closed"):
        writer.write(b"", 0)


def test_the_checksums(tmp_path: Path) -> None:
    """The sum over a header, or over pseudo header and datagram, with its checksum in it, is zero (RFC 1071)."""
    data = write(tmp_path / "a.pcap", packet(1, 2, b"odd"), source=("192.0.2.1", 5), destination=("192.0.2.2", 6))
    frame = data.read_bytes()[24 + 16 :]
    ip, udp = frame[14:34], frame[34:]
    assert 0 == _checksum(ip)
    assert 0 == _checksum(ip[12:20] + struct.pack("!HH", 17, len(udp)) + udp)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("link", "before"), [
    (1, bytes(12) + b"\x08\x00"), (1, bytes(12) + b"\x81\x00\x00\x05\x08\x00"), (101, b""), (228, b""),
    (0, b"\x02\0\0\0"), (113, bytes(14) + b"\x08\x00"), (276, b"\x08\x00" + bytes(18)),
])  # fmt: skip
def test_other_writers_files(order: str, link: int, before: bytes, tmp_path: Path) -> None:
    """Both byte orders, microseconds, several link types, as pcap and as pcapng."""
    ours = write(tmp_path / "a.pcap", numbered(1), source=("192.0.2.1", 5)).read_bytes()[24 + 16 + 14 :]
    frame = before + ours
    old = struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    old += struct.pack(order + "IIII", 10, 500_000, len(frame), len(frame)) + frame
    body = struct.pack(order + "IIIII", 0, 0, 10_500_000, len(frame), len(frame)) + frame + bytes(-len(frame) % 4)

    def block(kind: int, content: bytes) -> bytes:
        return (
            struct.pack(order + "II", kind, len(content) + 12) + content + struct.pack(order + "I", len(content) + 12)
        )

    new = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    new += block(1, struct.pack(order + "HHI", link, 0, 65535)) + block(99, b"ours") + block(6, body)
    for data in (old, new):
        (tmp_path / "b.pcap").write_bytes(data)
        (got,) = media.read_pcap(tmp_path / "b.pcap")
        assert (numbered(1), 10.5, ("192.0.2.1", 5)) == (got.packet.build(), got.at, got.source)


def test_a_time_that_cannot_be_is_passed_over(tmp_path: Path) -> None:
    """A pcapng whose interface counts in years, or whose packet has the last of all times."""
    frame = write(tmp_path / "a.pcap", numbered(1)).read_bytes()[24 + 16 :]
    new = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
    new += struct.pack("<IIHHIHHBxxxI", 1, 28, 1, 0, 65535, 9, 1, 0, 28)  # if_tsresol: whole seconds
    for high in (0, 0xFFFF_FFFF):
        body = struct.pack("<IIIII", 0, high, 5, len(frame), len(frame)) + frame + bytes(-len(frame) % 4)
        new += struct.pack("<II", 6, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
    (tmp_path / "b.pcapng").write_bytes(new)
    assert [5.0] == [got.at for got in media.read_pcap(tmp_path / "b.pcapng")]


def test_what_is_no_rtp_is_passed_over(tmp_path: Path) -> None:
    """Other datagrams, RTCP, and what a capture may hold beside."""
    rtcp = b"\x80\xc9\x00\x01\x00\x00\x00\x07"
    path = write(tmp_path / "a.pcap", b"hello", rtcp, numbered(1), b"")
    assert [numbered(1)] == [captured.packet.build() for captured in media.read_pcap(path)]


def test_damaged_files_end_early(tmp_path: Path) -> None:
    """Whatever octets are wrong: packets, or nothing, never an error but for what is no capture at all."""
    whole = write(tmp_path / "a.pcap", *map(numbered, range(5))).read_bytes()
    rng = random.Random(1)
    path = tmp_path / "b.pcap"
    for n in range(300):
        data = bytearray(whole[: rng.randrange(24, len(whole))])
        for _ in range(n % 5):
            data[rng.randrange(24, len(data)) if len(data) > 24 else 8] = rng.randrange(256)
        path.write_bytes(data)
        assert len(list(media.read_pcap(path))) <= 5
    path.write_bytes(b"RIFF" + bytes(100))
    with pytest.raises(MediaError, match="neither pcap"):
        list(media.read_pcap(path))
    with pytest.raises(MediaError, match="no-such"):
        list(media.read_pcap(tmp_path / "no-such"))


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """Addresses of two kinds, names, ports and times out of range: nothing of it is in the file."""
    with media.PcapWriter(tmp_path / "a.pcap") as writer:
        for bad in (
            {"source": ("::1", 1)}, {"source": ("localhost", 1)}, {"source": ("127.0.0.1", 70000)},
            {"at": -1.0}, {"datagram": bytes(66000)},
        ):  # fmt: skip
            with pytest.raises(MediaError):
                writer.write(**({"datagram": b"", "at": 0.0} | bad))  # type: ignore[arg-type]
    assert 24 == os.path.getsize(tmp_path / "a.pcap")


def test_a_forward_sends_what_came(tmp_path: Path) -> None:
    """The far side gets the same samples; lost packets are missing there too; the pcap has the same."""
    sound = pcm(*range(25))
    with media.RtpReceiver() as receiver, media.RtpReceiver() as far:
        forward = receiver.forward("127.0.0.1", far.port)
        recording = receiver.record_pcap(tmp_path / "a.pcap")
        with media.RtpSender("127.0.0.1", receiver.port) as tx:
            tx.send(sound[: 320 * 10], wait=False)
            tx.pause(0.06, lost=3)
            tx.send(sound[320 * 13 :])
        receiver.end()
        assert far.wait_audio(60)
        forward.close()
        recording.close()
        far.end()
        got, stats = bytes(far.read(100_000)), far.stats
        assert forward.closed
        assert forward.overruns == recording.overruns == 0
    heard = np.frombuffer(got, np.int16)
    expected = np.frombuffer(sound, np.int16).copy()
    assert len(expected) == len(heard)
    assert (heard[:1600] == expected[:1600]).all()
    assert (heard[2080 + 80 :] == expected[2080 + 80 :]).all()  # after the seam of the concealment
    assert (22, 3, 0) == (stats.packets, stats.packets_lost, stats.reordered)
    captured = list(media.read_pcap(tmp_path / "a.pcap"))
    first = captured[0].packet
    numbers = [*range(10), *range(13, 25)]
    assert numbers == [(each.packet.sequence_number - first.sequence_number) % 2**16 for each in captured]
    assert [160 * n for n in numbers] == [(each.packet.timestamp - first.timestamp) % 2**32 for each in captured]
    assert [media.encode(sound[320 * n : 320 * n + 320], "PCMU") for n in numbers] == [
        each.packet.payload for each in captured
    ]


class Stepped(RealClock):
    """The machine's clock, as far as it is asked, which moves when the test says so."""

    at = 100.0

    def now(self) -> float:
        return self.at


class Outlet:
    """In place of the ``RtpSender``: when each packet leaves, as that says it does, and with which timestamp."""

    def __init__(self, clock: Stepped, **_: Any) -> None:
        self.clock, self.packets = clock, []  # (samples of the timestamp, octets of the packet)
        self._ends = 0.0
        self._timestamp = 0

    @property
    def level(self) -> float:
        return max(0.0, self._ends - self.clock.at)

    def _begin(self) -> None:
        late = self.clock.at - self._ends
        if not self._ends or late > LAPSE:
            self._timestamp += round((late + LEAD) * 8000) if self._ends else 0
            self._ends = self.clock.at + LEAD

    def send(self, samples: memoryview, **_: Any) -> None:
        self._begin()
        for at in range(0, len(samples), SAMPLES):
            self.packets.append((self._timestamp, bytes(samples[at : at + SAMPLES])))
            self._timestamp += SAMPLES
        self._ends += len(samples) / 8000

    def pause(self, seconds: float, **_: Any) -> None:
        self._begin()
        self._timestamp += round(seconds * 8000)
        self._ends += seconds

    def drain(self, _: float) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize("pause", [0.4, 1.5, 3.0])
def test_a_forward_of_a_sender_that_pauses(pause: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last of each row goes on before the pause is over, and the pause is as long as it was."""
    clock = Stepped()
    monkeypatch.setattr(follower, "RtpSender", lambda *_, clock, **more: Outlet(clock, **more))
    monkeypatch.setattr(follower, "keep_draining", lambda _: None)
    monkeypatch.setattr(follower, "stop_draining", lambda _: None)
    track = Track("audio", "PCMU", snap=0.0, clock=clock)
    forward = media.Forward(track, "127.0.0.1", 5004)
    outlet, expected = forward.sender, []
    for row in range(4):
        first = clock.at
        for i in range(25):
            clock.at = first + 0.02 * i
            position = round((clock.at - 100.0) * 8000)
            track.place(position, payload(25 * row + i), clock.at)
            expected.append((position, pcm(25 * row + i)))
            if i % 10 == 0:
                forward.drain()
        while clock.at < first + 0.5 + pause:
            clock.at += 0.1
            forward.drain()
            if clock.at > first + 0.5 + 0.3:
                assert len(expected) == len(outlet.packets)
    begin = outlet.packets[0][0]
    assert [data for _, data in expected] == [data for _, data in outlet.packets]
    assert [at for at, _ in expected] == pytest.approx([at - begin for at, _ in outlet.packets], abs=2)
    forward.close()


def test_a_forward_of_a_codec_with_a_high_rate() -> None:
    """Its packets are shorter, so that they pass the network in one piece."""
    track = Track("audio", "L16", 48000, snap=0.0)
    forward = media.Forward(track, "127.0.0.1", 5004)
    assert 10 == forward.sender.ptime
    forward.close()


def test_a_forward_of_nothing_is_refused() -> None:
    """A receiver without tracks, a name that is none, a host that is none."""
    with media.StreamReceiver() as receiver, pytest.raises(MediaError, match="no track yet"):
        receiver.forward("127.0.0.1", 5004)
    with media.RtpReceiver() as receiver:
        with pytest.raises(MediaError, match="no-such-host"):
            receiver.forward("no-such-host.invalid", 5004)
        with pytest.raises(MediaError, match="no track 'x'"):
            receiver.record_pcap("never.pcap", track="x")
