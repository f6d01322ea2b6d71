"""RTP packets for tests, built with ``struct`` alone, and a stream to feed them to."""

from __future__ import annotations

import struct

from swsync import media
from swsync.media.codec import codec_number
from swsync.media.rtpstream import RtpStream
from swsync.media.track import Track

SAMPLES = 160  # of a packet
TICK = 0.02  # seconds of a packet


def payload(i: int, samples: int = SAMPLES) -> bytes:
    """Octets that tell packets apart; mu-law and A-law decode all of them to something else than zero."""
    return bytes((i * 7 + k * 3) % 100 + 1 for k in range(samples))


def packet(
    seq: int, ts: int, data: bytes | None = None, *, ssrc: int = 7, payload_type: int = 0, marker: bool = False
) -> bytes:
    """One datagram with the plain header of twelve octets."""
    head = struct.pack(
        "!BBHII", 0x80, payload_type | marker << 7, seq % 2**16, ts % 2**32, ssrc
    )  # V=2, no padding, extension or CSRC
    return head + (payload(seq) if data is None else data)


def numbered(i: int, first_seq: int = 0, first_ts: int = 0, **more: int) -> bytes:
    """The i-th packet of an even stream."""
    return packet(first_seq + i, first_ts + SAMPLES * i, payload(i), **more)


def pcm(*numbers: int) -> bytes:
    """What these packets of an even stream decode to."""
    return b"".join(media.decode(payload(i), "PCMU") for i in numbers)


def stream(codec: str = "PCMU", payload_type: int = 0, **more: object) -> RtpStream:
    """A receiver without a socket."""
    track = Track("audio", codec, snap=0.0, buffer=10.0)
    return RtpStream(track, codec_number(codec, "big"), payload_type, **more)  # type: ignore[arg-type]


def everything(track: Track) -> bytes:
    """All samples that a track holds, silence where there are none."""
    reader, parts = track.reader(), []
    while len((block := reader.take(8000)).samples):
        parts.append(bytes(block.samples))
    return b"".join(parts)


def sender_report(seconds: float, timestamp: int, *, ssrc: int = 7, packets: int = 0, octets: int = 0) -> bytes:
    """A sender report without blocks (RFC 3550 section 6.4.1); the time is in seconds since 1970."""
    ntp = int((seconds + 2_208_988_800) * 2**32)
    return struct.pack("!BBHIQIII", 0x80, 200, 6, ssrc, ntp, timestamp, packets, octets)


def bye(*ssrcs: int) -> bytes:
    """A goodbye of these streams, by default of the usual one."""
    ssrcs = ssrcs or (7,)
    return struct.pack(f"!BBH{len(ssrcs)}I", 0x80 | len(ssrcs), 203, len(ssrcs), *ssrcs)
