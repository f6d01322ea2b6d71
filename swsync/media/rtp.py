"""RTP packets and what a receiver knows of their source (RFC 3550); the octets are handled in C (``csrc/rtp.c``).

Many packets a call is the fast way: ``RtpSource.packetize_into`` and ``parse_packets``. No sockets here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import attrs

from swsync._media import ffi, lib
from swsync.errors import CodecError, PacketError
from swsync.media.codec import _pcm, codec_number

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

    from swsync.states import Codec

__all__ = ["RtpBatch", "RtpPacket", "RtpSource", "RtpStatistics", "Validity", "packetize", "parse_packets"]

ONE_BYTE_PROFILE = 0xBEDE  # RFC 8285 section 4.2
TWO_BYTE_PROFILE = 0x1000  # RFC 8285 section 4.3; its low 4 bits are free
DYNAMIC_PAYLOAD_TYPE = 96  # RFC 3551: what has no number of its own
STATIC_PAYLOAD_TYPES = {("PCMU", 8000): 0, ("PCMA", 8000): 8, ("L16", 44100): 11}


def _text(code: int) -> str:
    words: bytes = ffi.string(lib.sw_strerror(code))
    return words.decode()


def _failed(code: int, octets: int) -> PacketError:
    return PacketError(f"datagram of {octets} octets: {_text(code)}")


@attrs.frozen(kw_only=True)
class RtpPacket:
    """One RTP packet (RFC 3550 section 5.1).

    Attributes:
        payload: The payload, without padding.
        payload_type: 0 to 127.
        sequence_number: 16 bits.
        timestamp: 32 bits, in units of the clock rate.
        ssrc: 32 bits.
        marker: A talkspurt begins here (RFC 3551 section 4.1).
        csrcs: Up to 15 contributing sources.
        extension: The header extension's data, a multiple of 4 octets; None if there is no extension.
        extension_profile: Its first 16 bits; 0xBEDE is RFC 8285's one-byte form.
        padding: Octets of padding behind the payload, 0 to 255, with the one that counts them.
    """

    payload: bytes = b""
    payload_type: int = 0
    sequence_number: int = 0
    timestamp: int = 0
    ssrc: int = 0
    marker: bool = False
    csrcs: tuple[int, ...] = ()
    extension: bytes | None = None
    extension_profile: int = ONE_BYTE_PROFILE
    padding: int = 0

    @classmethod
    def parse(cls, datagram: ReadableBuffer) -> RtpPacket:
        """Read a datagram.

        Raises:
            PacketError: It is no RTP packet; the text says what is wrong.
        """
        octets = datagram if type(datagram) is bytes else bytes(memoryview(datagram))
        packet = ffi.new("sw_rtp_packet *")
        code = lib.sw_rtp_parse(octets, len(octets), packet)
        if code < 0:
            raise _failed(code, len(octets))
        return _from_c(packet, octets)

    def build(self) -> bytes:
        """Return the packet's octets.

        Raises:
            PacketError: A field is out of its range.
        """
        extension = self.extension or b""
        try:
            packet = ffi.new(
                "sw_rtp_packet *",
                {
                    "marker": bool(self.marker),
                    "payload_type": self.payload_type,
                    "has_extension": self.extension is not None,
                    "csrc_count": len(self.csrcs),
                    "sequence_number": self.sequence_number,
                    "extension_profile": self.extension_profile,
                    "timestamp": self.timestamp,
                    "ssrc": self.ssrc,
                    "csrcs": self.csrcs,
                    "extension_octets": len(extension),
                    "payload_octets": len(self.payload),
                    "padding_octets": self.padding,
                },
            )
        except (OverflowError, IndexError) as error:
            raise PacketError(f"a field is out of its range: {error}") from None
        size = lib.sw_rtp_size(packet)
        if size < 0:
            raise PacketError(
                f"payload type {self.payload_type} (0..127), padding of {self.padding} octets (0..255) or extension of "
                f"{len(extension)} octets (a multiple of 4) is out of its range"
            )
        out = bytearray(size)
        lib.sw_rtp_write(packet, extension, self.payload, ffi.from_buffer(out), size)
        return bytes(out)

    def extension_elements(self) -> tuple[tuple[int, bytes], ...]:
        """Return the (id, data) pairs of an RFC 8285 header extension, in either form.

        Raises:
            PacketError: An element passes the end of the extension.
        """
        data = self.extension or b""
        if self.extension_profile == ONE_BYTE_PROFILE:
            return tuple(_elements(data, 1))
        if self.extension_profile & 0xFFF0 == TWO_BYTE_PROFILE:
            return tuple(_elements(data, 2))
        return ()


def _elements(data: bytes, form: int) -> Iterator[tuple[int, bytes]]:
    """Walk through the elements of an extension; a zero octet is padding (RFC 8285 section 4.1.1)."""
    at = 0
    while at < len(data):
        if data[at] == 0:
            at += 1
            continue
        if form == 1:
            number, length = data[at] >> 4, (data[at] & 15) + 1
            if number == 15:  # reserved: what follows is not looked at
                return
        elif at + 1 < len(data):
            number, length = data[at], data[at + 1]
        else:
            raise PacketError("the last header extension element has no length")
        at += form
        if at + length > len(data):
            raise PacketError(f"header extension element {number} passes the end of the extension")
        yield number, data[at : at + length]
        at += length


def _from_c(packet: Any, datagram: bytes) -> RtpPacket:
    extension = None
    if packet.has_extension:
        extension = datagram[packet.extension_offset : packet.extension_offset + packet.extension_octets]
    return RtpPacket(
        payload=datagram[packet.payload_offset : packet.payload_offset + packet.payload_octets],
        payload_type=packet.payload_type,
        sequence_number=packet.sequence_number,
        timestamp=packet.timestamp,
        ssrc=packet.ssrc,
        marker=bool(packet.marker),
        csrcs=tuple(packet.csrcs[0 : packet.csrc_count]) if packet.csrc_count else (),
        extension=extension,
        extension_profile=packet.extension_profile if packet.has_extension else ONE_BYTE_PROFILE,
        padding=packet.padding_octets,
    )


class RtpBatch:
    """Datagrams read together. ``batch[i]`` is the packet of datagram i, or raises its ``PacketError``.

    Attributes:
        valid: How many of them are RTP packets.
    """

    def __init__(self, datagrams: Sequence[bytes]) -> None:
        self._datagrams = datagrams
        count = len(datagrams)
        joined = b"".join(datagrams)
        lengths = ffi.new("uint32_t[]", [len(datagram) for datagram in datagrams])
        self._packets = ffi.new("sw_rtp_packet[]", count)
        self._codes = ffi.new("int32_t[]", count)
        self.valid: int = lib.sw_rtp_parse_many(joined, len(joined), 0, lengths, count, self._packets, self._codes)

    def __len__(self) -> int:
        return len(self._datagrams)

    def __getitem__(self, index: int) -> RtpPacket:
        datagram = self._datagrams[index]
        index = range(len(self._datagrams))[index]
        if self._codes[index] < 0:
            raise _failed(self._codes[index], len(datagram))
        return _from_c(self._packets[index], datagram)

    def packets(self) -> Iterator[RtpPacket]:
        """Go through the valid ones."""
        return (self[i] for i in range(len(self)) if self._codes[i] == 0)

    def errors(self) -> dict[int, str]:
        """What is wrong with the others, by their index."""
        return {i: _text(self._codes[i]) for i in range(len(self)) if self._codes[i] < 0}


def parse_packets(datagrams: Sequence[bytes]) -> RtpBatch:
    """Read many datagrams in one call into C. Those that are no RTP packets spoil nothing but themselves."""
    return RtpBatch(datagrams)


class RtpSource:
    """What a sender keeps: makes packets out of samples, one frame each. For one thread at a time.

    Args:
        codec: ``PCMU``, ``PCMA`` or ``L16``.
        ptime: Milliseconds of audio in a packet.
        sequence_number: Of the first packet.
        timestamp: Of the first packet.
        ssrc: Of all.
        marker: Whether the first packet begins a talkspurt.
        payload_type: By default RFC 3551's for the codec and rate, or 96 where it has none.
        rate: Samples a second; the timestamp's clock rate too.
        byteorder: Of L16.

    Raises:
        CodecError: The codec is unknown, or a packet would hold no whole number of samples.
        PacketError: A field is out of its range.
    """

    def __init__(
        self,
        codec: Codec | str = "PCMU",
        ptime: float = 20,
        sequence_number: int = 0,
        timestamp: int = 0,
        ssrc: int = 1,
        *,
        marker: bool = False,
        payload_type: int | None = None,
        rate: int = 8000,
        byteorder: str = "big",
    ) -> None:
        frame_samples, rest = divmod(rate * ptime, 1000)
        if rest or not 0 < frame_samples <= 32000:
            raise CodecError(f"ptime={ptime} at {rate} samples a second is no usable number of samples")
        if payload_type is None:
            payload_type = STATIC_PAYLOAD_TYPES.get((str(codec).upper(), rate), DYNAMIC_PAYLOAD_TYPE)
        fields = {
            "codec": codec_number(codec, byteorder),
            "frame_samples": int(frame_samples),
            "ssrc": ssrc,
            "timestamp": timestamp,
            "sequence_number": sequence_number,
            "payload_type": payload_type,
            "marker": bool(marker),
        }
        try:
            self._source = ffi.new("sw_rtp_source *", fields)
        except OverflowError as error:
            raise PacketError(f"a field is out of its range: {error}") from None
        octets: int = lib.sw_rtp_packet_octets(self._source)
        if octets < 0:
            raise PacketError(f"payload type {payload_type} is not in 0..127")
        self.packet_octets = octets
        self.frame_samples = int(frame_samples)

    @property
    def sequence_number(self) -> int:
        """Of the next packet."""
        return int(self._source.sequence_number)

    @property
    def timestamp(self) -> int:
        """Of the next packet."""
        return int(self._source.timestamp)

    @property
    def marker(self) -> bool:
        """Whether the next packet begins a talkspurt. May be set."""
        return bool(self._source.marker)

    @marker.setter
    def marker(self, value: bool) -> None:
        self._source.marker = bool(value)

    def packets_for(self, samples: int) -> int:
        """How many packets this many samples fill; the last one may be filled up with silence."""
        return -(-samples // self.frame_samples)

    def packetize_into(self, pcm: ReadableBuffer, out: WriteableBuffer) -> int:
        """Write packets back to back, ``packet_octets`` each, into the caller's buffer.

        Returns:
            The number of packets.

        Raises:
            CodecError: ``pcm`` holds something else than int16.
            PacketError: ``out`` has too little room; nothing was written.
        """
        source, samples = _pcm(pcm)
        target = ffi.from_buffer(out, require_writable=True)
        count: int = lib.sw_rtp_packetize(self._source, source, samples, target, len(target))
        if count < 0:
            raise PacketError(_text(count))
        return count

    def packetize(self, pcm: ReadableBuffer) -> list[bytes]:
        """Return the packets of these samples."""
        size = self.packet_octets
        out = bytearray(self.packets_for(_pcm(pcm)[1]) * size)
        self.packetize_into(pcm, out)
        whole = bytes(out)
        return [whole[at : at + size] for at in range(0, len(whole), size)]


def packetize(  # noqa: PLR0917
    pcm: ReadableBuffer,
    codec: Codec | str = "PCMU",
    ptime: float = 20,
    sequence_number: int = 0,
    timestamp: int = 0,
    ssrc: int = 1,
    *,
    marker: bool = False,
    payload_type: int | None = None,
    rate: int = 8000,
    byteorder: str = "big",
) -> list[bytes]:
    """Encode samples and return them as RTP packets; a short last frame is filled up with silence.

    Takes and raises what ``RtpSource`` does, which goes on where the last packet ended.
    """
    source = RtpSource(
        codec,
        ptime,
        sequence_number,
        timestamp,
        ssrc,
        marker=marker,
        payload_type=payload_type,
        rate=rate,
        byteorder=byteorder,
    )
    return source.packetize(pcm)


class Validity(IntEnum):
    """What RFC 3550 A.1 says of a packet's sequence number."""

    PROBATION = lib.SW_RTP_PROBATION
    VALID = lib.SW_RTP_VALID
    REORDERED = lib.SW_RTP_REORDERED
    JUMP = lib.SW_RTP_JUMP
    RESTART = lib.SW_RTP_RESTART


class RtpStatistics:
    """Sequence validity, loss and jitter of one source (RFC 3550 A.1, A.3, A.8). For one thread at a time.

    The first packet of a source, and one that jumps by 3,000 or more, are not counted; a second one that follows them
    is. Arrival times are seconds of any clock that does not jump; only their differences matter.
    """

    def __init__(self, clock_rate: int = 8000) -> None:
        self._stats = ffi.new("sw_rtp_stats *")
        self._clock_rate = clock_rate
        if clock_rate <= 0 or lib.sw_rtp_stats_init(self._stats, clock_rate) < 0:
            raise ValueError(f"clock_rate is timestamp units a second, not {clock_rate}")

    def _arrival(self, seconds: float) -> int:
        return int(lib.sw_rtp_clock(round(seconds * 1e9), self._clock_rate))

    def update(self, packet: RtpPacket, arrival: float) -> Validity:
        """Count a packet."""
        stats, at = self._stats, self._arrival(arrival)
        return Validity(lib.sw_rtp_stats_update(stats, packet.sequence_number, packet.timestamp, at))

    def update_many(self, batch: RtpBatch, arrivals: Sequence[float]) -> int:
        """Count the valid packets of a batch; ``arrivals`` has one time for each datagram. Returns how many counted."""
        if len(arrivals) != len(batch):
            raise ValueError(f"{len(arrivals)} arrival times for {len(batch)} datagrams")
        times = ffi.new("uint32_t[]", [self._arrival(at) for at in arrivals])
        return int(lib.sw_rtp_stats_update_many(self._stats, batch._packets, batch._codes, times, len(batch)))

    @property
    def packets_expected(self) -> int:
        """From the first counted sequence number to the highest, over all restarts."""
        return int(lib.sw_rtp_stats_expected(self._stats))

    @property
    def packets_received(self) -> int:
        """Counted ones, duplicates included."""
        return int(lib.sw_rtp_stats_received(self._stats))

    @property
    def packets_lost(self) -> int:
        """Expected less received: below 0 if packets came twice."""
        return int(lib.sw_rtp_stats_lost(self._stats))

    @property
    def packets_reordered(self) -> int:
        """Counted ones that were behind the highest."""
        return int(self._stats.reordered)

    @property
    def packets_invalid(self) -> int:
        """Those of probation, and jumps."""
        return int(self._stats.invalid)

    @property
    def restarts(self) -> int:
        """How often the sequence began anew."""
        return int(self._stats.restarts)

    @property
    def extended_sequence_number(self) -> int:
        """The highest one of this round, with its wraps."""
        return int(lib.sw_rtp_stats_highest(self._stats))

    @property
    def jitter(self) -> float:
        """Interarrival jitter in seconds."""
        return float(self._stats.jitter) / 16 / self._clock_rate

    def take_fraction_lost(self) -> float:
        """The fraction lost since this was last asked, 0 to 1 in steps of 1/256, as receiver reports carry it."""
        return int(lib.sw_rtp_stats_fraction(self._stats)) / 256
