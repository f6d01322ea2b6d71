"""RTCP: sender reports and goodbyes, on the port of the audio and on the one above; and what is none."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rtppackets import TICK, bye, everything, numbered, packet, pcm, sender_report, stream

from swsync import media
from swsync.clock import REAL, VirtualClock
from swsync.errors import MediaError
from swsync.media.rtpstream import RtpStream

A, B = ("192.0.2.1", 4000), ("192.0.2.2", 4000)
SECOND = 10**9


def play(rx: RtpStream, numbers: range, source: tuple[str, int] = A, **more: int) -> None:
    rx.feed([numbered(i, **more) for i in numbers], [i * TICK for i in numbers], source)


def control(rx: RtpStream, datagram: bytes, at: float, source: tuple[str, int] = A) -> None:
    rx.take(datagram, int(at * SECOND), source, is_rtcp=True)


@pytest.mark.parametrize("is_rtcp", [True, False], ids=["port above", "same port"])
def test_sender_reports_lie_on_the_timeline(is_rtcp: bool) -> None:
    """NTP and RTP timestamps as one moment, across a wrap of the media clock; the first and the last are kept."""
    rx = stream()
    play(rx, range(10), first_ts=2**32 - 800)
    for at, seconds in ((0.2, 100.0), (0.21, 101.5), (0.22, 102.25)):
        rtp = int(2**32 - 800 + (seconds - 100) * 8000) % 2**32
        report = sender_report(seconds, rtp, packets=10, octets=1600)
        rx.take(report, int(at * SECOND), A, is_rtcp=is_rtcp)
    reports = rx.sender_reports()
    assert reports is not None
    first, last = reports
    assert (2**32 - 800, 100.0, 0.2) == (first.position, first.time, first.arrival)
    assert (2**32 - 800 + 18000, 102.25, 10, 1600) == (last.position, last.time, last.packets, last.octets)
    assert reports == rx.track.sender_reports
    assert (3, {}) == (rx.track.stats.rtcp, rx.track.stats.rejected)


def test_the_first_report_may_come_before_the_first_packets() -> None:
    """As ffmpeg sends it: it is kept until its stream is believed."""
    rx = stream()
    control(rx, sender_report(50.0, 0), 0.0)
    play(rx, range(3))
    assert rx.sender_reports() is None
    play(rx, range(3, 5))
    reports = rx.sender_reports()
    assert reports is not None
    assert (0, 50.0) == (reports[0].position, reports[0].time)


def test_reports_of_others_do_not_count() -> None:
    """Another host's is refused, one of another SSRC means another stream."""
    rx = stream()
    play(rx, range(10))
    control(rx, sender_report(50.0, 0), 0.2, B)
    control(rx, sender_report(50.0, 0, ssrc=8), 0.2)
    assert rx.sender_reports() is None
    assert (1, {"rtcp": 1}) == (rx.track.stats.rtcp, rx.track.stats.rejected)


def test_a_clock_that_changes_leaves_its_reports_behind() -> None:
    """Pairs of the clock before are of no use for the one that follows."""
    rx = stream()
    play(rx, range(10))
    control(rx, sender_report(50.0, 0), 0.2)
    rx.feed([packet(10 + i, 10**9 + 160 * i) for i in range(5)], [0.2 + i * TICK for i in range(5)], A)
    assert (1, None) == (rx.track.stats.rebased, rx.sender_reports())


def test_a_goodbye_ends_the_track_when_nothing_follows() -> None:
    """Readers get what is buffered, then the end; packets after it are counted."""
    rx = stream(source="192.0.2.1")
    play(rx, range(10))
    control(rx, sender_report(50.0, 0) + bye(), 0.2)
    rx.tick(int(0.6 * SECOND))
    assert not rx.track.ended
    rx.tick(int(0.7 * SECOND))
    assert rx.track.ended
    assert pcm(*range(10)) == everything(rx.track)
    play(rx, range(10, 12))
    assert {"ended": 2} == rx.track.stats.rejected


def test_a_lone_goodbye_may_come_to_the_port_of_the_audio() -> None:
    """Eight octets: shorter than any RTP packet, and still RTCP."""
    rx = stream(source="192.0.2.1")
    play(rx, range(10))
    rx.take(bye(), SECOND // 5, A)
    assert (int(0.7 * SECOND), {}) == (rx.alarm, rx.track.stats.rejected)


def test_a_goodbye_of_a_stream_that_goes_on_is_none() -> None:
    """A spoofed one does nothing as long as audio comes; packets that it has overtaken do not undo it."""
    rx = stream(source="192.0.2.1")
    play(rx, range(10))
    control(rx, bye(), 0.19)
    play(rx, range(10, 14))
    assert rx.alarm is not None
    play(rx, range(14, 60))
    assert rx.alarm is None
    rx.tick(10 * SECOND)
    assert not rx.track.ended


def test_after_a_goodbye_another_stream_may_begin() -> None:
    """The sender changes its SSRC and says so: nothing is lost."""
    rx = stream(source="192.0.2.1")
    play(rx, range(10))
    control(rx, bye(), 0.2)
    rx.feed([packet(i, 160 * i, ssrc=9) for i in range(10, 20)], [i * TICK for i in range(10, 20)], A)
    rx.tick(10 * SECOND)
    assert (9, False) == (rx.ssrc, rx.track.ended)
    assert pcm(*range(20)) == everything(rx.track)


@pytest.mark.parametrize(
    ("datagram", "source"),
    [(bye(8), A), (bye(), B), (bye()[:-4] + bytes(4), A)],
    ids=["other stream", "other host", "no stream"],
)
def test_goodbyes_of_others_are_ignored(datagram: bytes, source: tuple[str, int]) -> None:
    """Only the current stream's own counts."""
    rx = stream(source="192.0.2.0/24")
    play(rx, range(10))
    control(rx, datagram, 0.2, source)
    assert rx.alarm is None


def test_who_is_believed_by_chance_cannot_leave_at_once() -> None:
    """Nobody named the source: a stranger with four packets and a goodbye must not end the tap for good."""
    rx = stream()
    play(rx, range(10))
    control(rx, bye(), 0.2)
    assert rx.alarm is None
    play(rx, range(10, 120))
    control(rx, bye(), 2.4)
    assert rx.alarm is not None


MALFORMED = [
    b"\x80\xc8\x00",
    b"\x40\xc9\x00\x01" + bytes(4),
    b"\x80\xc8\x00\x06" + bytes(20),  # longer than the datagram
    b"\x80\xc8\x00\x00",  # a report without its parts
    b"\x81\xc8\x00\x06" + bytes(24),  # a report block that is not there
    b"\x9f\xcb\x00\x01" + bytes(4),  # thirty-one sources in one word
    b"\x82\xca\x00\x02" + bytes(8),  # chunks
    b"\xa0\xc9\x00\x01" + bytes(4),  # padding of nothing
    b"\xa0\xc9\x00\x01" + bytes(3) + b"\x08",  # more padding than packet
    b"\xa0\xc9\x00\x01" + bytes(3) + b"\x03",
    b"\xa0\xc9\x00\x02" + bytes(7) + b"\x04" + b"\x80\xc9\x00\x01" + bytes(4),  # padding before the last
    sender_report(1.0, 0) + b"\x80\xc9\x00",  # a good one with a tail
    sender_report(1.0, 0) + b"\x80\x00\x00\x00",  # RTP behind it
]


@pytest.mark.parametrize("datagram", MALFORMED)
@pytest.mark.parametrize("is_rtcp", [True, False])
def test_what_is_malformed_counts_as_that_and_does_nothing(datagram: bytes, is_rtcp: bool) -> None:
    """A compound packet is taken as a whole, or not at all."""
    rx = stream()
    play(rx, range(10))
    rx.take(datagram, SECOND // 5, A, is_rtcp=is_rtcp)
    stats = rx.track.stats
    assert (0, 1, None) == (stats.rtcp, sum(stats.rejected.values()), rx.sender_reports())


def test_padding_and_unknown_types_are_passed_over() -> None:
    """The last packet may be padded; extended reports, feedback and APP mean nothing to us."""
    rx = stream(source="192.0.2.1")
    play(rx, range(10))
    extended = struct.pack("!BBHI", 0x80, 207, 1, 7)
    control(rx, extended + sender_report(5.0, 0) + struct.pack("!BBHII", 0xA1, 203, 2, 7, 4), 0.2)
    assert rx.sender_reports() is not None
    assert rx.alarm is not None


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=80)), max_size=20))
def test_any_octets_at_all(datagrams: list[tuple[bool, bytes]]) -> None:
    """Whatever comes to either port, each datagram is counted once and the audio stays."""
    rx = stream()
    play(rx, range(10))
    for is_rtcp, datagram in datagrams:
        head = b"\x81\xcb" if is_rtcp else b""
        rx.take(head + datagram, SECOND // 5, A, is_rtcp=is_rtcp)
    rx.flush()
    stats = rx.track.stats
    assert len(datagrams) + 10 == stats.rtcp + stats.packets + sum(stats.rejected.values())
    assert pcm(*range(10)) == everything(rx.track)[:3200]


@pytest.fixture(params=["batches", "plain"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to receive."""
    monkeypatch.setenv("SWSYNC_RTP_PLAIN", "1" if request.param == "plain" else "")
    return str(request.param)


@pytest.mark.parametrize("above", [0, 1], ids=["same port", "port above"])
def test_reports_and_goodbyes_on_sockets(path: str, above: int) -> None:
    """Through the kernel, to the audio's port or to the one above: readers see the end without anybody ending it."""
    with (
        media.RtpReceiver(source="127.0.0.1") as rx,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as audio,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as reports,
    ):
        assert rx.rtcp_port == rx.port + 1
        for i in range(50):
            audio.sendto(numbered(i), ("127.0.0.1", rx.port))
        reports.sendto(sender_report(9.0, 0), ("127.0.0.1", rx.port + above))
        assert rx.wait_audio(60)
        reports.sendto(sender_report(10.0, 8000) + bye(), ("127.0.0.1", rx.port + above))
        assert pcm(*range(50)) == b"".join(bytes(frame.samples) for frame in rx.frames(timeout=60))
        assert rx.ended
        reached = rx.sender_reports
    assert reached is not None
    assert (0, 9.0, 8000, 10.0) == (reached[0].position, reached[0].time, reached[1].position, reached[1].time)
    assert (2, 50, {}) == (rx.stats.rtcp, rx.stats.packets, rx.stats.rejected)


def test_without_the_port_above_there_is_audio() -> None:
    """Somebody else has it: reports are read on the port of the audio alone."""
    with media.RtpReceiver() as probe:
        port = probe.port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", port + 1))
        with media.RtpReceiver(port=port) as rx, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            assert rx.rtcp_port is None
            for i in range(5):
                sock.sendto(numbered(i, ssrc=33), ("127.0.0.1", rx.port))
            rx.end()
            assert 5 == rx.stats.packets


def test_arrival_offset_is_the_shortest_way() -> None:
    """The smallest difference of arrival and media clock, whatever the jitter of the others."""
    rx = stream()
    late = [0.07, 0.0, 0.05, 0.03, 0.09, 0.02]
    rx.feed([numbered(i, first_ts=8000) for i in range(6)], [5 + i * TICK + late[i] for i in range(6)], A)
    # Packet 1 was spoken from 8160 to 8320 of the media clock and came at 5.02 s.
    assert 5.02 - 8320 / 8000 == pytest.approx(rx.track.arrival_offset, abs=1e-6)
    assert stream().track.arrival_offset is None


@pytest.mark.parametrize("samples", [80, 160, 240, 480])
def test_ptime_is_learned_from_timestamps(samples: int) -> None:
    """Whatever the device asked for."""
    rx = stream()
    rx.feed([packet(i, samples * i, bytes(samples)) for i in range(6)], [i * samples / 8000 for i in range(6)], A)
    assert samples / 8 == rx.track.stats.ptime_ms


def test_on_a_virtual_clock_datagrams_are_fed() -> None:
    """The same receiver, in lock-step: audio, a report, a goodbye and the end, without a socket being read."""
    clock = VirtualClock()
    with clock.thread(), media.RtpReceiver(clock=clock, source="127.0.0.1") as rx:

        def talk() -> None:
            for i in range(50):
                rx.feed(numbered(i), int(clock.now() * SECOND))
                clock.sleep(TICK)
            rx.feed(sender_report(10.0, 0) + bye(), int(clock.now() * SECOND))

        clock.start(talk, "sender")
        assert pcm(*range(50)) == b"".join(bytes(frame.samples) for frame in rx.frames(timeout=60))
        assert rx.ended
        assert rx.sender_reports is not None
        assert rx.arrival_offset is not None
    with media.RtpReceiver() as real, pytest.raises(MediaError, match="virtual clock"):
        real.feed(b"", int(REAL.now() * SECOND))
