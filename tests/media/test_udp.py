"""RTP into a track: order, loss, jumps, sources and refusals by literal packets, then by real sockets."""

from __future__ import annotations

import os
import random
import socket
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rtppackets import SAMPLES, TICK, everything, numbered, packet, payload, pcm, stream
from swsync._media import ffi, lib

from swsync import media
from swsync.clock import REAL, RealClock
from swsync.errors import CodecError, ConfigurationError, MediaError
from swsync.media import engine, ports
from swsync.media.rtpstream import RtpStream

SO_TIMESTAMPNS = 35  # of Linux; Python does not name it

A, B = ("192.0.2.1", 4000), ("192.0.2.2", 4000)


def feed(rx: RtpStream, numbers: list[int], source: tuple[str, int] = A, start: float = 0.0, **more: int) -> None:
    """Even packets by number, each at its time."""
    rx.feed([numbered(i, **more) for i in numbers], [start + i * TICK for i in numbers], source)


@pytest.mark.parametrize(("first_seq", "first_ts"), [(0, 0), (65530, 2**32 - 500), (1000, 2**31 - 300)])
def test_an_even_stream_is_bit_equal_over_every_wrap(first_seq: int, first_ts: int) -> None:
    """Sequence numbers and timestamps wrap; the audio does not notice."""
    rx = stream()
    feed(rx, list(range(50)), first_seq=first_seq, first_ts=first_ts)
    stats = rx.track.stats
    assert pcm(*range(50)) == everything(rx.track)
    assert (50, 50, 0, 0, 0) == (stats.packets, stats.packets_expected, stats.packets_lost, stats.rebased, stats.late)
    assert {} == stats.rejected


def test_reordered_and_repeated_packets_are_put_right() -> None:
    """Order is restored, also that of the very first packets; each is counted as what it was."""
    rx = stream()
    order = [1, 0, 2, 5, 3, 4, 4, 6, 5, 7]
    rx.feed([numbered(i, first_seq=65535) for i in order], [n * TICK for n in range(len(order))])
    stats = rx.track.stats
    assert pcm(*range(8)) == everything(rx.track)
    assert (10, 8, 0, 3, 2) == (
        stats.packets, stats.packets_expected, stats.packets_lost, stats.reordered, stats.duplicate,
    )  # fmt: skip


def test_lost_packets_are_silence_of_their_length() -> None:
    """What never came is counted by number and by samples, and told from a pause."""
    rx = stream()
    feed(rx, [0, 1, 2, 3, 4, 7, 8])
    block = rx.track.reader().take(8000)
    assert pcm(0, 1, 2, 3, 4) + bytes(640) + pcm(7, 8) == bytes(block.samples)
    assert [(800, 320, True)] == [(s.position, s.samples, s.is_missing) for s in block.spans]
    assert (2, 9, 320) == (rx.track.stats.packets_lost, rx.track.stats.packets_expected, rx.track.stats.missing)


def test_a_pause_of_the_sender_is_quiet_not_lost() -> None:
    """The clock goes on while no packets are numbered: silence that nobody lost."""
    rx = stream()
    feed(rx, list(range(5)))
    rx.feed([packet(5, 160 * 55, payload(5))], [55 * TICK], A)
    assert (0, 8000, 0) == (rx.track.stats.packets_lost, rx.track.stats.quiet, rx.track.stats.missing)
    assert 56 * 160 / 8000 == rx.track.seconds


def test_a_packet_after_the_window_is_late() -> None:
    """More than a second behind it is received, not lost, and not heard."""
    rx = stream()
    feed(rx, [i for i in range(80) if i != 10])
    feed(rx, [10], start=70 * TICK)
    assert (0, 1) == (rx.track.stats.packets_lost, rx.track.stats.late)
    assert pcm(*range(10)) + bytes(320) + pcm(*range(11, 80)) == everything(rx.track)


@pytest.mark.parametrize("loss", [0, 1, 3, 5, 10, 20])
@pytest.mark.parametrize("jitter", [0.0, 0.02, 0.06, 0.15])
def test_impairments_are_counted_exactly(loss: int, jitter: float) -> None:
    """Seeded loss, jitter, reordering and duplicates: every count is the one that was dealt out."""
    dice = random.Random(loss * 1000 + int(jitter * 1000))
    lost = {i for i in range(10, 490) if dice.random() * 100 < loss}
    sent = [(i * TICK + dice.random() * jitter, i) for i in range(500) if i not in lost]
    sent += [(at + 0.001, i) for at, i in sent[20:] if dice.random() < 0.02]
    sent.sort()
    swapped = [n for n in range(20, len(sent) - 1, 2) if dice.random() < 0.05]
    for n in swapped:
        (first, i), (second, j) = sent[n], sent[n + 1]
        sent[n], sent[n + 1] = (first, j), (second, i)
    seen: set[int] = set()
    repeated = reordered = 0
    highest = -1
    for _, i in sent:
        repeated += i in seen
        reordered += i not in seen and i < highest
        seen.add(i)
        highest = max(highest, i)
    rx = stream()
    rx.feed([numbered(i, first_seq=65500) for _, i in sent], [at for at, _ in sent])
    stats = rx.track.stats
    assert (len(sent), 500, len(lost), 0, repeated) == (
        stats.packets, stats.packets_expected, stats.packets_lost, stats.late, stats.duplicate,
    )  # fmt: skip
    assert reordered == stats.reordered
    assert b"".join(bytes(320) if i in lost else pcm(i) for i in range(500)) == everything(rx.track)


def test_jitter_is_that_of_the_standard() -> None:
    """Against RFC 3550 A.8 in floating point, over a timestamp wrap."""
    dice, times = random.Random(4), []
    for i in range(300):
        times.append(i * TICK + dice.random() * 0.03)
    rx, estimate = stream(), 0.0
    for i in range(1, 300):
        d = abs((times[i] - times[i - 1]) * 8000 - 160)
        estimate += (d - estimate) / 16
    rx.feed([numbered(i, first_ts=2**32 - 4000) for i in range(300)], times)
    stats = rx.track.stats
    assert estimate / 8 == pytest.approx(stats.jitter_ms, abs=0.3)
    assert stats.jitter_ms == pytest.approx(1000 * stats.jitter)


# -- who is believed


def test_the_first_source_is_believed_after_four_packets_which_are_kept() -> None:
    """Three packets are held, the fourth lets all four through."""
    rx = stream()
    feed(rx, [0, 1, 2])
    assert (None, 0) == (rx.source, rx.track.stats.samples)
    feed(rx, [3])
    assert (A, 7) == (rx.source, rx.ssrc)
    assert pcm(0, 1, 2, 3) == everything(rx.track)


def attend(rx: RtpStream, source: tuple[str, int]) -> None:
    """Say who is expected, as the engine takes it up."""
    rx.expect(source)
    lib.sw_rx_attend(rx.c)


@pytest.mark.parametrize("strangers", [1, 3, 4, 30])
@pytest.mark.parametrize("stranger", [B, ("192.0.2.1", 6000)])
def test_who_is_expected_takes_the_place_of_strangers(stranger: tuple[str, int], strangers: int) -> None:
    """Their audio is gone, whether they had been believed or not; every packet of theirs is counted."""
    rx = stream()
    feed(rx, list(range(strangers)), stranger, ssrc=9, first_ts=10**6)
    attend(rx, A)
    feed(rx, list(range(50)), start=strangers * TICK, first_ts=77)
    feed(rx, list(range(strangers, strangers + 9)), stranger, ssrc=9, first_ts=10**6)
    rx.flush()
    stats = rx.track.stats
    assert pcm(*range(50)) == everything(rx.track)
    assert (A, 7, {"source": strangers + 9}) == (rx.source, rx.ssrc, stats.rejected)
    assert (50, 50, 0, 0) == (stats.packets, stats.packets_expected, stats.packets_lost, stats.rebased)


def test_what_the_expected_one_sent_before_is_kept() -> None:
    """Believed or in doubt: the reply comes later than the first packets, often."""
    for early in (1, 3, 4, 20):
        rx = stream()
        feed(rx, list(range(early)))
        attend(rx, A)
        feed(rx, list(range(early, 30)))
        assert pcm(*range(30)) == everything(rx.track)
        assert {} == rx.track.stats.rejected


def test_a_forgotten_stranger_leaves_no_start() -> None:
    """Until the expected one sends, nothing has come."""
    rx = stream()
    feed(rx, list(range(30)), B)
    assert rx.track.started
    attend(rx, A)
    assert (False, b"", None, 0) == (rx.track.started, everything(rx.track), rx.source, rx.track.stats.samples)


def test_another_port_of_the_expected_address_is_believed_after_four() -> None:
    """As where a NAT has changed the port: nothing is lost."""
    rx = stream()
    attend(rx, ("192.0.2.1", 9))
    feed(rx, [0, 1, 2])
    assert 0 == rx.track.stats.samples
    feed(rx, list(range(3, 200)))
    assert pcm(*range(200)) == everything(rx.track)
    assert (A, {}) == (rx.source, rx.track.stats.rejected)


def test_the_expected_one_takes_over_late_without_wiping_what_was_heard() -> None:
    """After two seconds another port of the address is no mistake any more: it has to give way, but its audio stays."""
    rx = stream()
    attend(rx, ("192.0.2.1", 9))
    feed(rx, list(range(200)))
    feed(rx, list(range(10)), ("192.0.2.1", 9), start=4.0, ssrc=9)
    assert pcm(*range(200)) == everything(rx.track)[: 200 * 320]
    assert ("192.0.2.1", 9) == rx.source


def test_the_users_source_holds_against_the_expected_one() -> None:
    """And of two expectations the first."""
    rx = stream(source="192.0.2.2")
    attend(rx, A)
    feed(rx, list(range(5)), B)
    assert B == rx.source
    rx = stream()
    attend(rx, A)
    attend(rx, B)
    feed(rx, list(range(5)), A)
    assert A == rx.source


def test_a_receiver_is_told_whom_to_expect() -> None:
    """Through the engine: when expect returns, a stranger's audio is gone; ending and closing go on working."""
    with media.RtpReceiver() as rx, media.RtpSender("127.0.0.1", rx.port) as stranger:
        with media.RtpSender("127.0.0.1", rx.port, codec="PCMU", ssrc=5) as wanted:
            stranger.send(bytes(3200))
            assert rx.wait_audio(60)
            rx.expect("127.0.0.9", 9)
            assert (False, None) == (rx.wait_audio(0), rx.source)
            wanted.send(bytes(3200))
        rx.end()
        rx.expect("127.0.0.8", 9)  # too late: without effect
        assert (20, 0) == (rx.stats.rejected["source"], rx.stats.samples)


def test_a_stranger_is_refused_before_and_after() -> None:
    """One packet of somebody else, first or later, changes nothing."""
    rx = stream()
    feed(rx, [0], B, ssrc=9)
    feed(rx, list(range(10)))
    feed(rx, list(range(10, 20)), B)
    feed(rx, list(range(10, 20)))
    rx.flush()
    assert pcm(*range(20)) == everything(rx.track)
    assert {"source": 11} == rx.track.stats.rejected


@pytest.mark.parametrize(
    "source", ["192.0.2.1", "192.0.2.0/24", ("192.0.2.1", 4000), {"type": "rtp", "params": {"addr": "192.0.2.1"}}]
)
def test_a_named_source_is_believed_at_once(source: object) -> None:
    """Address, network, address and port, or the device of the tap's result; others are refused."""
    rx = stream(source=source)
    feed(rx, [0], ("198.51.100.1", 4000))
    feed(rx, [0])
    assert (pcm(0), {"source": 1}) == (everything(rx.track), rx.track.stats.rejected)


def test_a_named_port_is_held_to() -> None:
    """The right address from another port is somebody else."""
    rx = stream(source=("192.0.2.1", 4000))
    feed(rx, [0, 1], ("192.0.2.1", 4001))
    assert {"source": 2} == rx.track.stats.rejected


@pytest.mark.parametrize("bad", ["nobody", "192.0.2.1/33", ("192.0.2.1", 70000), {"params": {}}, ()])
def test_a_source_that_is_none(bad: object) -> None:
    """The error says what a source may be."""
    with pytest.raises(ConfigurationError, match="source must be"):
        stream(source=bad)


def test_another_ssrc_goes_on_after_the_first_has_stopped() -> None:
    """A new SSRC with a clock of its own: nothing is lost, and the timeline goes on by arrival."""
    rx = stream()
    feed(rx, list(range(10)))
    rx.feed(
        [packet(500 + i, 2**31 + 160 * i, payload(10 + i), ssrc=8) for i in range(10)],
        [(10 + i) * TICK for i in range(10)],
        A,
    )
    assert pcm(*range(20)) == everything(rx.track)
    stats = rx.track.stats
    assert (8, 1, 20, 0, 20) == (rx.ssrc, stats.rebased, stats.packets_expected, stats.packets_lost, stats.packets)


def test_another_ssrc_beside_the_current_one_is_refused() -> None:
    """Two streams at once: the one that is believed goes on alone."""
    rx = stream()
    feed(rx, list(range(4)))
    for i in range(4, 60):
        feed(rx, [i])
        rx.feed([packet(i, 160 * i, payload(99), ssrc=8)], [i * TICK + 0.001], A)
    rx.flush()
    assert pcm(*range(60)) == everything(rx.track)
    assert {"ssrc": 56} == rx.track.stats.rejected


def test_a_hundred_thousand_ssrcs_do_nothing() -> None:
    """None of them is believed, memory stays, each is counted, and the stream goes on."""
    rx = stream()
    feed(rx, list(range(10)))
    rx.feed([packet(i, i, b"\0" * 10, ssrc=1000 + i) for i in range(100_000)], [0.2] * 100_000, A)
    feed(rx, list(range(10, 20)))
    rx.flush()
    assert pcm(*range(20)) == everything(rx.track)
    assert {"ssrc": 100_000} == rx.track.stats.rejected


def test_a_port_that_changes_is_followed_an_address_is_not() -> None:
    """The sender's NAT gave it another port; another address needs ``roaming``."""
    for other, roaming, followed in ((("192.0.2.1", 4999), False, True), (B, False, False), (B, True, True)):
        rx = stream(roaming=roaming)
        feed(rx, list(range(10)))
        feed(rx, list(range(10, 20)), other, start=0.1)
        assert (followed, other if followed else A) == (20 == rx.track.stats.packets, rx.source)


def test_sequence_numbers_that_start_anew() -> None:
    """The same SSRC counts from another number: believed after four packets, which are kept."""
    rx = stream()
    feed(rx, list(range(10)))
    rx.feed(
        [packet(30000 + i, 5 * 10**8 + 160 * i, payload(10 + i)) for i in range(10)],
        [0.2 + i * TICK for i in range(10)],
        A,
    )
    assert pcm(*range(20)) == everything(rx.track)
    assert (0, 20) == (rx.track.stats.packets_lost, rx.track.stats.packets_expected)


def test_one_hostile_packet_of_the_right_source_adds_at_most_a_second() -> None:
    """The next number with a timestamp far ahead or behind: no gap, and the stream goes on."""
    for jump in (2**30, -(2**30), 8000 * 3600):
        rx = stream()
        feed(rx, list(range(10)))
        rx.feed([packet(10, 1600 + jump, payload(10))], [0.2], A)
        feed(rx, list(range(11, 20)))
        assert rx.track.seconds <= 20 * TICK + 1.0
        assert rx.track.stats.rebased >= 1


# -- what a packet may hold


def with_parts(seq: int, data: bytes) -> bytes:
    """Two CSRCs, an extension of one word, three octets of padding."""
    head = struct.pack("!BBHII", 0x80 | 0x20 | 0x10 | 2, 0, seq, 160 * seq, 7)
    return head + bytes(8) + struct.pack("!HH", 0xBEDE, 1) + b"abcd" + data + b"\0\0\3"


def test_csrcs_extension_and_padding_are_not_audio() -> None:
    """Only the payload is."""
    rx = stream()
    rx.feed([with_parts(i, payload(i)) for i in range(5)], [i * TICK for i in range(5)])
    assert pcm(*range(5)) == everything(rx.track)


@pytest.mark.parametrize(
    ("datagram", "reason"),
    [
        (b"", "short"),
        (b"\x80" * 11, "short"),
        (b"\x40" + bytes(171), "version"),
        (b"\x8f" + bytes(60), "malformed"),
        (b"\x90" + bytes(13), "malformed"),
        (b"\xa0" + bytes(170) + b"\xff", "malformed"),
        (b"\x80\xc8" + bytes(26), "rtcp"),
        (b"\x80\x00" + bytes(65000), "size"),
    ],
)
def test_what_is_no_rtp_is_counted_by_reason(datagram: bytes, reason: str) -> None:
    """Bad datagrams do nothing but count."""
    rx = stream()
    feed(rx, list(range(5)))
    rx.feed([datagram], [0.1], A)
    feed(rx, list(range(5, 10)))
    assert pcm(*range(10)) == everything(rx.track)
    assert {reason: 1} == rx.track.stats.rejected


def test_other_payload_types_are_counted_by_number_and_are_not_lost() -> None:
    """Comfort noise and telephone-events take sequence numbers of the stream; the audio between them is quiet."""
    rx = stream()
    feed(rx, list(range(5)))
    rx.feed([packet(5, 800, b"\x10", payload_type=13), packet(6, 960, b"\1\0\0\0", payload_type=101)], [0.1, 0.12], A)
    feed(rx, list(range(7, 10)))
    stats = rx.track.stats
    assert ({13: 1, 101: 1}, {"payload_type": 2}, 0) == (stats.payload_types, stats.rejected, stats.packets_lost)
    assert (320, 0) == (stats.quiet, stats.missing)


def test_l16_in_network_order() -> None:
    """Sixteen bit samples, big-endian; half a sample is refused."""
    rx = stream("L16", 96)
    data = struct.pack("!160h", *range(-80, 80))
    rx.feed([packet(i, 160 * i, data, payload_type=96) for i in range(4)], [i * TICK for i in range(4)])
    rx.feed([packet(4, 640, data[:-1], payload_type=96)], [0.08])
    assert media.decode(data * 4, "L16") == everything(rx.track)
    assert {"malformed": 1} == rx.track.stats.rejected


@pytest.mark.parametrize(("options", "order"), [({}, "!"), ({"byteorder": "little"}, "<")])
def test_l16_on_a_socket_is_in_network_order_unless_it_is_said_otherwise(options: dict[str, str], order: str) -> None:
    """RFC 3551 has it big-endian; the samples are the numbers that were sent, however the machine keeps them."""
    sound = list(range(-80, 80))
    data = struct.pack(f"{order}160h", *sound)
    with media.RtpReceiver(codec="L16", payload_type=96, **options) as rx:
        send(rx.port, [packet(i, 160 * i, data, payload_type=96) for i in range(4)])
        assert sound * 4 == rx.read(640, timeout=60).tolist()


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=64),
            st.builds(
                packet, st.integers(0, 65535), st.integers(0, 2**32 - 1), st.binary(max_size=40),
                ssrc=st.integers(1, 3), payload_type=st.sampled_from([0, 8, 13, 72, 101]),
            ),
        ),
        max_size=80,
    )
)  # fmt: skip
def test_anything_at_all_is_counted_somewhere(datagrams: list[bytes]) -> None:
    """Whatever comes, nothing breaks, each datagram ends in exactly one place, and the timeline stays bounded."""
    rx = stream()
    rx.feed(datagrams, [i * TICK for i in range(len(datagrams))])
    rx.flush()
    stats = rx.track.stats
    assert len(datagrams) == stats.packets + sum(stats.rejected.values())
    assert rx.track.seconds <= len(datagrams) * (TICK + 1.0 + 0.005)


# -- sockets


@pytest.fixture(params=["batches", "plain"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to receive: recvmmsg with epoll, and recvmsg with poll, as on other systems."""
    monkeypatch.setenv("SWSYNC_RTP_PLAIN", "1" if request.param == "plain" else "")
    return str(request.param)


def send(port: int, datagrams: list[bytes], sock: socket.socket | None = None) -> None:
    own = sock or socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for datagram in datagrams:
        own.sendto(datagram, ("127.0.0.1", port))
    if sock is None:
        own.close()


def test_what_is_sent_to_the_socket_is_read(path: str) -> None:
    """All that the kernel holds when the receiver ends is taken in, on both paths."""
    with media.RtpReceiver() as rx:
        send(rx.port, [numbered(i) for i in range(100)])
        rx.end()
        assert pcm(*range(100)) == bytes(rx.read(100_000))
        assert (100, {}, 0) == (rx.stats.packets, rx.stats.rejected, rx.stats.kernel_drops)
        assert 0 == len(rx.read(10))


def test_frames_come_while_it_is_sent(path: str) -> None:
    """Frames of 20 ms, with the wire's timestamps, until the end."""
    with media.RtpReceiver() as rx:

        def talk() -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                for i in range(25):
                    send(rx.port, [numbered(i, first_ts=2**32 - 800)], sock)
                    REAL.sleep(TICK)
            rx.end()

        thread = REAL.start(talk, "sender")
        frames = list(rx.frames(timeout=60))
        thread.join(60)
    assert [2**32 - 800 + 160 * i for i in range(25)] == [frame.timestamp for frame in frames]
    assert pcm(*range(25)) == b"".join(bytes(frame.samples) for frame in frames)
    assert {("audio", "audio")} == {(frame.track, str(frame.state)) for frame in frames}


def test_many_sockets_at_once(path: str) -> None:
    """A hundred receivers share one thread; each gets its own."""
    receivers = [media.RtpReceiver(buffer=1.0) for _ in range(100)]
    try:
        assert 100 == len({rx.port for rx in receivers})
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for i in range(8):
                for n, rx in enumerate(receivers):
                    send(rx.port, [packet(i, 160 * i, payload(n + i))], sock)
        for n, rx in enumerate(receivers):
            rx.end()
            assert b"".join(pcm(n + i) for i in range(8)) == bytes(rx.read(10_000))
    finally:
        for rx in receivers:
            rx.close()


def test_a_flood_on_one_port_takes_nothing_from_another() -> None:
    """One tap is flooded with as much as this machine can send, in bursts from C; the other one loses nothing."""
    with media.RtpReceiver() as quiet, media.RtpReceiver() as flooded:
        stop, sent = [False], [0]

        def flood() -> None:
            burst = b"".join(numbered(i) for i in range(256))
            lengths = ffi.new("uint32_t[]", [len(burst) // 256] * 256)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                to = ffi.new("sw_address[256]", [{"octets": b"\x7f\0\0\1", "family": 4, "port": flooded.port}] * 256)
                while not stop[0]:
                    sent[0] += lib.sw_send_many(sock.fileno(), burst, len(burst), lengths, to, 256)

        thread = REAL.start(flood, "flood")
        with media.RtpSender("127.0.0.1", quiet.port) as tx:
            sound = pcm(*range(25))
            began = REAL.now()
            tx.send(sound)
            seconds = REAL.now() - began
        stop[0] = True
        print(f"{sent[0] / seconds:,.0f} datagrams a second")
        thread.join(60)
        quiet.end()
        heard = bytes(quiet.read(10_000))
    assert media.decode(media.encode(sound, "PCMU"), "PCMU") == heard
    assert flooded.stats.packets + sum(flooded.stats.rejected.values()) > 0


def test_the_kernels_receive_time_counts_not_the_ticks() -> None:
    """Packets that wait for the engine keep the time at which they came: there is almost no jitter."""
    jitters = []
    for _ in range(10):  # a busy machine may come between what a packet says of its time and its leaving
        with media.RtpReceiver() as rx, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for i in range(50):
                REAL.sleep(0.007)
                moment = int(REAL.now() * 8000) % 2**32
                sock.sendto(packet(i, moment, payload(i)[:8]), ("127.0.0.1", rx.port))
            rx.end()
            assert 50 == rx.stats.packets
            jitters.append(rx.stats.jitter_ms)
        if jitters[-1] < 1:
            break
    assert min(jitters) < 1, jitters  # by ticks of 5 ms it is more than 2


def test_without_the_kernels_time_packets_are_not_left_to_wait() -> None:
    """Nobody listens, and there is no telling later when they came: they are taken every tick, not every twelfth."""
    jitters = []
    for _ in range(10):  # as above
        with media.RtpReceiver() as rx, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            rx._line._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 0)
            for i in range(120):
                moment = int(REAL.now() * 8000) % 2**32
                sock.sendto(packet(i, moment, payload(i)), ("127.0.0.1", rx.port))
                REAL.sleep(0.02)
            rx.end()
            assert 120 == rx.stats.packets
            jitters.append(rx.stats.jitter_ms)
        if jitters[-1] < 12:
            break
    assert min(jitters) < 12, jitters  # left to wait it is more than 20


def test_speed_of_the_clock_scales_arrival() -> None:
    """On a clock twenty times as fast a pause of 50 ms is one of a second."""
    clock = RealClock(speed=20.0)
    with media.RtpReceiver(clock=clock) as rx, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        send(rx.port, [numbered(i) for i in range(4)], sock)
        REAL.sleep(0.2)
        send(rx.port, [numbered(i) for i in range(150, 154)], sock)  # 2.9 s of clock later, 4 s by this clock
        rx.end()
        assert (0, 154 * 160 / 8000) == (rx.stats.rebased, rx.stats.seconds)


@pytest.mark.parametrize(
    "wrong", [{"ptime": 0}, {"ptime": -20}, {"ptime": 20.0}, {"ptime": float("nan")}, {"public_port": 70_000}], ids=repr
)
def test_a_device_that_no_service_would_take(wrong: dict[str, Any]) -> None:
    """It is said here, and not by a tap that is refused."""
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        media.RtpReceiver(**wrong)


def test_the_device_names_what_the_sender_must_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bind address, public host and public port are three settings."""
    with media.RtpReceiver(codec="PCMA", ptime=30) as rx:
        expected = {"addr": "127.0.0.1", "port": rx.port, "codec": "PCMA", "ptime": 30}
        assert {"type": "rtp", "params": expected} == rx.device
    monkeypatch.setenv("SWSYNC_BIND_HOST", "0.0.0.0")
    monkeypatch.setenv("SWSYNC_PUBLIC_HOST", "203.0.113.5")
    with media.RtpReceiver(public_port=5004, rate=16000) as rx:
        assert ("203.0.113.5", 5004, 16000) == tuple(rx.device["params"][k] for k in ("addr", "port", "rate"))
    monkeypatch.delenv("SWSYNC_PUBLIC_HOST")
    with media.RtpReceiver() as rx, pytest.raises(ConfigurationError, match="SWSYNC_PUBLIC_HOST"):
        _ = rx.device


def test_a_busy_port_and_a_foreign_address_are_explained() -> None:
    """The error names address and port."""
    with media.RtpReceiver() as rx, pytest.raises(MediaError, match=f"port {rx.port}"):
        media.RtpReceiver(port=rx.port)
    with pytest.raises(MediaError, match=r"192\.0\.2\.77"):
        media.RtpReceiver(host="192.0.2.77")
    with pytest.raises(CodecError):
        media.RtpReceiver(codec="GSM")


def test_ipv6() -> None:
    """A receiver on ::1 believes an IPv6 source."""
    try:
        rx = media.RtpReceiver(host="::1", source="::1")
    except MediaError:
        pytest.skip("this machine has no IPv6")
    with rx, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        for i in range(3):
            sock.sendto(numbered(i), ("::1", rx.port))
        rx.end()
        assert (3, "::1") == (rx.stats.packets, (rx.source or ("", 0))[0])


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_a_forked_child_touches_nothing() -> None:
    """The parent's receiver raises in the child and goes on in the parent; the child may make its own."""
    with media.RtpReceiver() as rx:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            said = b"nothing"
            try:
                try:
                    next(rx.frames(timeout=1))
                except MediaError:
                    said = b"refused"
                rx.close()
                with media.RtpReceiver() as own:
                    send(own.port, [numbered(i) for i in range(5)])
                    own.end()
                    said += b" %d" % own.stats.packets
            finally:
                os.write(writing, said)
                os._exit(0)
        os.waitpid(child, 0)
        os.close(writing)
        assert b"refused 5" == os.read(reading, 100)
        os.close(reading)
        send(rx.port, [numbered(i) for i in range(5)])
        rx.end()
        assert 5 == rx.stats.packets


def test_receivers_come_and_go_from_many_threads() -> None:
    """Opened, fed and closed by eight threads at once; the engine ends with the last of them."""
    wrong: list[object] = []

    def work(n: int) -> None:
        for k in range(10):
            with media.RtpReceiver(buffer=0.5) as rx:
                send(rx.port, [packet(i, 160 * i, payload(n + k)) for i in range(5)])
                rx.end()
                if pcm(n + k) * 5 != bytes(rx.read(10_000)):
                    wrong.append((n, k, rx.stats))

    threads = [REAL.start(work, f"user-{n}", (n,)) for n in range(8)]
    for thread in threads:
        thread.join(30)
    assert [] == wrong
    assert [] == engine.tick_lateness()  # no engine runs


def test_samples_of_a_packet_is_what_tests_assume() -> None:
    """Packets in these tests carry 20 ms."""
    assert TICK * 8000 == SAMPLES


@pytest.mark.parametrize(
    ("public", "bound"),
    [
        ("203.0.113.5", "0.0.0.0"), ("rtp.example.com", "0.0.0.0"), ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.2", "127.0.0.2"), ("localhost", "127.0.0.1"), ("", "127.0.0.1"), (" ", "127.0.0.1"),
    ],
)  # fmt: skip
def test_a_public_host_alone_opens_all_addresses(monkeypatch: pytest.MonkeyPatch, public: str, bound: str) -> None:
    """What others are told must be able to arrive; who binds something else says so, and loopback stays loopback."""
    monkeypatch.delenv("SWSYNC_BIND_HOST", raising=False)
    monkeypatch.setenv("SWSYNC_PUBLIC_HOST", public)
    with media.RtpReceiver() as rx:
        assert (bound, public.strip() or "127.0.0.1") == (rx.host, rx.device["params"]["addr"])
    with media.RtpReceiver("127.0.0.1") as rx:
        assert "127.0.0.1" == rx.host
    monkeypatch.delenv("SWSYNC_PUBLIC_HOST")
    with media.RtpReceiver(public_host=public.strip() or None) as rx:
        assert bound == rx.host
    monkeypatch.setenv("SWSYNC_BIND_HOST", "127.0.0.3")
    with media.RtpReceiver(public_host="203.0.113.5") as rx:
        assert "127.0.0.3" == rx.host


def test_a_port_refuses_the_streams_it_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bound again at once, it takes a new stream and none of the last one's; later, everything."""
    monkeypatch.setattr(ports, "_had", {})

    def receive(port: int, ssrc: int) -> tuple[int, dict[str, int], int]:
        with media.RtpReceiver(port=port) as rx, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for i in range(10):
                sock.sendto(numbered(i, ssrc=ssrc), ("127.0.0.1", rx.port))
            rx.end()
            return rx.stats.samples, dict(rx.stats.rejected), rx.port

    samples, rejected, port = receive(0, 7)
    assert (1600, {}) == (samples, rejected)
    assert (0, {"ssrc": 10}, port) == receive(port, 7)
    assert (0, {"ssrc": 10}, port) == receive(port, 7)
    assert (1600, {}, port) == receive(port, 8)
    ports._had[port] = (REAL.now() - ports.MEMORY - 1, (8,))
    assert (1600, {}, port) == receive(port, 8)
