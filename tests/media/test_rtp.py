"""swsync.media.rtp: literal packets, round trips, batches, and RFC 3550's own arithmetic done slowly."""

from __future__ import annotations

import struct
from array import array

import oracle_g711
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swsync import media
from swsync.errors import CodecError, PacketError
from swsync.media.rtp import RtpPacket, RtpSource, RtpStatistics, Validity, packetize, parse_packets

# Two CSRCs, a one-byte header extension (RFC 8285), three octets of payload, padding of two.
FULL = bytes.fromhex("b288fffe80000001deadbeef00000007ffffffffbede000110aa00000102030002")

PACKETS = st.builds(
    RtpPacket,
    payload=st.binary(max_size=400),
    payload_type=st.integers(0, 63) | st.integers(96, 127),
    sequence_number=st.integers(0, 0xFFFF),
    timestamp=st.integers(0, 0xFFFFFFFF),
    ssrc=st.integers(0, 0xFFFFFFFF),
    marker=st.booleans(),
    csrcs=st.lists(st.integers(0, 0xFFFFFFFF), max_size=15).map(tuple),
    extension=st.none() | st.integers(0, 5).flatmap(lambda n: st.binary(min_size=4 * n, max_size=4 * n)),
    padding=st.integers(0, 255),
)


def test_every_field_of_a_literal_packet() -> None:
    """Each field is where RFC 3550 section 5.1 puts it, and building gives the same octets."""
    packet = RtpPacket.parse(FULL)

    assert (
        RtpPacket(
            payload=b"\x01\x02\x03",
            payload_type=8,
            sequence_number=0xFFFE,
            timestamp=0x80000001,
            ssrc=0xDEADBEEF,
            marker=True,
            csrcs=(7, 0xFFFFFFFF),
            extension=b"\x10\xaa\x00\x00",
            extension_profile=0xBEDE,
            padding=2,
        )
        == packet
    )
    assert ((1, b"\xaa"),) == packet.extension_elements()
    assert packet.build() == FULL


def test_the_smallest_packet() -> None:
    """A header alone is a packet; bytearrays and memoryviews are read like bytes."""
    header = bytes.fromhex("800000010000000200000003")

    for datagram in (header, bytearray(header), memoryview(b"?" + header)[1:]):
        assert RtpPacket(sequence_number=1, timestamp=2, ssrc=3) == RtpPacket.parse(datagram)
    assert header == RtpPacket(sequence_number=1, timestamp=2, ssrc=3).build()


@given(PACKETS)
def test_what_is_built_is_read_again(packet: RtpPacket) -> None:
    """Every packet survives building and reading; cut short it is refused or a shorter payload, never more."""
    datagram = packet.build()

    assert packet == RtpPacket.parse(datagram)
    for end in {0, 11, len(datagram) // 2, len(datagram) - 1}:
        try:
            assert len(RtpPacket.parse(datagram[:end]).payload) <= end - 12
        except PacketError:
            pass


@given(st.binary(max_size=80))
def test_any_octets(datagram: bytes) -> None:
    """Any octets are a packet that builds to the same octets (but padding is zeroed), or a PacketError."""
    try:
        packet = RtpPacket.parse(datagram)
    except PacketError:
        return
    body = len(datagram) - packet.padding

    assert datagram[:body] == packet.build()[:body]
    assert len(datagram) == len(packet.build())


@pytest.mark.parametrize(
    ("datagram", "words"),
    [
        (b"", "0 octets: shorter than an RTP header"),
        (FULL[:11], "11 octets: shorter"),
        (b"\x40" + FULL[1:], "version is not 2"),
        (bytes.fromhex("80c800060000000200000003"), "RTCP"),
        (FULL[:19], "CSRC"),
        (FULL[:22], "extension"),
        (FULL[:24], "extension"),
        (FULL[:28], "padding"),
        (FULL[:-1] + b"\x00", "padding"),
        (FULL[:-1] + b"\x06", "padding"),
    ],
)
def test_what_is_wrong_with_a_datagram(datagram: bytes, words: str) -> None:
    """A PacketError, which is a ValueError, says what is wrong."""
    with pytest.raises(PacketError) as caught:
        RtpPacket.parse(datagram)

    assert words in str(caught.value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    "fields",
    [
        {"payload_type": 128},
        {"payload_type": -1},
        {"sequence_number": 0x10000},
        {"timestamp": -1},
        {"ssrc": 1 << 32},
        {"csrcs": (1,) * 16},
        {"csrcs": (1 << 32,)},
        {"extension": b"123"},
        {"extension": bytes(4 * 65536)},
        {"padding": 256},
    ],
)
def test_fields_out_of_range(fields: dict[str, object]) -> None:
    """A field that does not fit is refused, not cut to size."""
    with pytest.raises(PacketError, match="out of its range"):
        RtpPacket(**fields).build()  # type: ignore[arg-type]


def test_header_extension_elements() -> None:
    """RFC 8285's one-byte and two-byte forms are taken apart; other profiles have no elements."""
    one = bytes.fromhex("10aa 00 22 010203 00f0ff".replace(" ", ""))
    two = bytes.fromhex("0100 00 0203aabbcc 00".replace(" ", ""))

    assert ((1, b"\xaa"), (2, b"\x01\x02\x03")) == RtpPacket(extension=one).extension_elements()
    assert ((1, b""), (2, b"\xaa\xbb\xcc")) == RtpPacket(extension=two, extension_profile=0x1003).extension_elements()
    assert () == RtpPacket(extension=two, extension_profile=0x1234).extension_elements()
    assert () == RtpPacket().extension_elements()
    for profile, bad in ((0xBEDE, b"\x13\x00\x00\x00"), (0x1000, b"\x01\x09\x00\x00"), (0x1000, b"\x00\x00\x00\x01")):
        with pytest.raises(PacketError, match="header extension"):
            RtpPacket(extension=bad, extension_profile=profile).extension_elements()


def test_a_batch_with_bad_ones_in_it() -> None:
    """A bad datagram spoils nothing but itself."""
    good = RtpPacket(payload=b"abc", sequence_number=5).build()
    batch = parse_packets([good, b"junk", FULL, b""])

    assert 4 == len(batch)
    assert 2 == batch.valid
    assert [RtpPacket.parse(good), RtpPacket.parse(FULL)] == list(batch.packets())
    assert RtpPacket.parse(FULL) == batch[-2]
    assert {1, 3} == set(batch.errors())
    with pytest.raises(PacketError, match="4 octets: shorter"):
        batch[1]
    with pytest.raises(IndexError):
        batch[4]
    assert 0 == len(parse_packets([]))


@pytest.mark.parametrize(("codec", "payload_type"), [("PCMU", 0), ("PCMA", 8), ("L16", 96)])
def test_packetize(codec: str, payload_type: int) -> None:
    """Sequence numbers count packets, timestamps samples, both wrap; the short last frame is filled with silence."""
    pcm = array("h", range(0, 4000, 10))

    datagrams = packetize(pcm, codec, 20, 0xFFFF, 0xFFFFFF60, 0xABCD, marker=True)

    packets = [RtpPacket.parse(datagram) for datagram in datagrams]
    assert [0xFFFF, 0, 1] == [p.sequence_number for p in packets]
    assert [0xFFFFFF60, 0, 160] == [p.timestamp for p in packets]
    assert [True, False, False] == [p.marker for p in packets]
    assert {(payload_type, 0xABCD)} == {(p.payload_type, p.ssrc) for p in packets}
    padded = pcm + array("h", [0] * 80)
    assert media.encode(padded, codec) == b"".join(p.payload for p in packets)


def test_packetize_says_exactly_these_octets() -> None:
    """Literal octets, worked out by hand from RFC 3550 and the slow G.711."""
    pcm = [0, 100, -100, 32767, -32768, 5, -5, 1000]
    payload = bytes(map(oracle_g711.ulaw_encode, pcm))

    assert [bytes.fromhex("800000070000000900000001") + payload] == packetize(
        array("h", pcm), ptime=1, sequence_number=7, timestamp=9
    )
    assert [] == packetize(b"")


def test_a_source_goes_on() -> None:
    """Two calls make the same packets as one; packetize_into writes them back to back."""
    pcm = array("h", range(-400, 400))
    whole = packetize(pcm, "PCMA", ptime=10, ssrc=9)
    source = RtpSource("PCMA", 10, ssrc=9)
    out = bytearray(10 * source.packet_octets)

    first = source.packetize(pcm[:240])
    count = source.packetize_into(pcm[240:], out)

    assert 7 == count == source.packets_for(560)
    assert whole == first + [bytes(out[i : i + 92]) for i in range(0, 7 * 92, 92)]
    assert (10, 800, False) == (source.sequence_number, source.timestamp, source.marker)
    source.marker = True
    assert RtpPacket.parse(source.packetize(bytes(2))[0]).marker


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"codec": "GSM"}, CodecError, "GSM"),
        ({"ptime": 0}, CodecError, "ptime=0"),
        ({"ptime": 20.01}, CodecError, "ptime=20.01"),
        ({"payload_type": 128}, PacketError, "128"),
        ({"ssrc": -1}, PacketError, "range"),
        ({"sequence_number": 1 << 16}, PacketError, "range"),
    ],
)
def test_sources_that_cannot_be(arguments: dict[str, object], error: type[Exception], words: str) -> None:
    """What cannot be put into packets is refused before any is made."""
    with pytest.raises(error, match=words):
        packetize(bytes(320), **arguments)  # type: ignore[arg-type]


def test_too_little_room() -> None:
    """Without room for all packets none is written and the source stays where it was."""
    source = RtpSource()
    out = bytearray(2 * 172 - 1)

    with pytest.raises(PacketError, match="room"):
        source.packetize_into(bytes(640), out)

    assert 0 == source.sequence_number
    assert not any(out)


class SlowStatistics:
    """RFC 3550 A.1 and A.8 line by line, with Python's integers."""

    def __init__(self) -> None:
        self.max_seq: int | None = None
        self.probation = 1
        self.cycles = self.base = self.received = 0
        self.bad: int | None = None
        self.transit: float | None = None
        self.jitter = 0
        self.before = (0, 0)

    def begin(self, seq: int) -> None:
        self.base = self.max_seq = seq
        self.cycles = self.received = self.jitter = 0
        self.bad = self.transit = None

    @property
    def expected(self) -> int:
        return 0 if self.max_seq is None or self.probation else self.cycles + self.max_seq - self.base + 1

    def update(self, seq: int, timestamp: int, arrival: int) -> Validity:
        verdict = self.sequence(seq)
        if verdict in (Validity.PROBATION, Validity.JUMP):
            return verdict
        self.received += 1
        transit = (arrival - timestamp) % 2**32
        if self.transit is not None:
            distance = (transit - int(self.transit)) % 2**32
            distance = min(distance, 2**32 - distance)
            self.jitter += distance - ((self.jitter + 8) >> 4)
        self.transit = transit
        return verdict

    def sequence(self, seq: int) -> Validity:
        if self.max_seq is None or self.probation:
            if self.max_seq is not None and seq == (self.max_seq + 1) % 65536:
                self.probation = 0
                self.begin(seq)
                return Validity.VALID
            self.max_seq = seq
            return Validity.PROBATION
        ahead = (seq - self.max_seq) % 65536
        if ahead < 3000:
            self.cycles += 65536 if seq < self.max_seq else 0
            self.max_seq = seq
            return Validity.VALID
        if ahead <= 65536 - 100:
            if seq == self.bad:
                self.before = (self.before[0] + self.expected, self.before[1] + self.received)
                self.begin(seq)
                return Validity.RESTART
            self.bad = (seq + 1) % 65536
            return Validity.JUMP
        return Validity.REORDERED


STEPS = st.sampled_from([1, 1, 1, 1, 2, 3, 0, -1, -5, -99, -100, 2999, 3000, 30000])


@given(
    start=st.integers(0, 0xFFFF),
    steps=st.lists(st.tuples(STEPS, st.integers(-1000, 1000), st.integers(-400, 400)), max_size=120),
)
def test_statistics_are_those_of_the_rfc(start: int, steps: list[tuple[int, int, int]]) -> None:
    """Verdicts, loss and jitter are those of the RFC's own code, over wraps, jumps and restarts."""
    slow, one, datagrams, arrivals, verdicts = SlowStatistics(), RtpStatistics(), [], [], []
    seq, timestamp, clock = start, 0xFFFFF000, 0xFFFFFF00
    for step, drift, lateness in steps:
        seq, timestamp, clock = (seq + step) % 65536, (timestamp + 160 + drift) % 2**32, clock + 160
        packet = RtpPacket(sequence_number=seq, timestamp=timestamp)
        arrivals.append((clock + lateness) / 8000)
        datagrams.append(packet.build())
        verdicts.append(slow.update(seq, timestamp, clock + lateness))
        assert verdicts[-1] == one.update(packet, arrivals[-1])
    together = RtpStatistics()
    counted = together.update_many(parse_packets([*datagrams, b"junk"]), [*arrivals, 0.0])

    for statistics in (one, together):
        assert slow.before[0] + slow.expected == statistics.packets_expected
        assert slow.before[1] + slow.received == statistics.packets_received == counted
        assert statistics.packets_expected - statistics.packets_received == statistics.packets_lost
        assert slow.jitter / 16 / 8000 == statistics.jitter
        assert verdicts.count(Validity.REORDERED) == statistics.packets_reordered
        assert verdicts.count(Validity.RESTART) == statistics.restarts
        assert verdicts.count(Validity.PROBATION) + verdicts.count(Validity.JUMP) == statistics.packets_invalid


def test_fraction_lost_since_the_last_question() -> None:
    """A quarter lost is 64/256; asked again without news it is 0; the extended number has the wraps."""
    statistics = RtpStatistics()
    for i in range(65534, 65536 + 40):
        if i % 4 or i < 65536:
            statistics.update(RtpPacket(sequence_number=i % 65536), 0.0)

    assert 65536 + 39 == statistics.extended_sequence_number
    assert int(10 / 41 * 256) / 256 == statistics.take_fraction_lost()
    assert 0.0 == statistics.take_fraction_lost()


def test_statistics_misused() -> None:
    """A clock that stands still and a missing arrival time are refused."""
    with pytest.raises(ValueError, match="clock_rate"):
        RtpStatistics(0)
    with pytest.raises(ValueError, match="1 arrival times for 2 datagrams"):
        RtpStatistics().update_many(parse_packets([FULL, FULL]), [0.0])


def test_header_is_big_endian() -> None:
    """The header is what struct packs in network order."""
    packet = RtpPacket(sequence_number=0x0102, timestamp=0x03040506, ssrc=0x0708090A, payload_type=101, marker=True)

    assert struct.pack("!BBHII", 0x80, 0x80 | 101, 0x0102, 0x03040506, 0x0708090A) == packet.build()
