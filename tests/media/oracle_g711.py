"""G.711 and RTP, slow and plain, to check the C core against. Written from the standards, not from our C.

G.711 as ITU-T G.191 (the ITU's software tool library) computes it: one sample at a time, segments found by counting.
A negative sample's magnitude is its one's complement. This is also what made ``tests/data/g711``, see
``test_the_tables_are_the_oracle``.
"""

from __future__ import annotations

ULAW_CLIP = 0x1FFF
ALAW_INVERTED = 0x55  # every other bit is inverted on the wire


def ulaw_encode(sample: int) -> int:
    """Compress one int16."""
    magnitude = (~sample if sample < 0 else sample) >> 2
    magnitude = min(magnitude + 33, ULAW_CLIP)
    segment = 0
    while magnitude >> (segment + 6):
        segment += 1
    code = (segment << 4) | ((magnitude >> (segment + 1)) & 15)
    return (0xFF if sample >= 0 else 0x7F) ^ code


def ulaw_decode(code: int) -> int:
    """Expand one octet to the middle of its interval."""
    inverted = ~code & 0xFF
    segment, interval = (inverted >> 4) & 7, inverted & 15
    magnitude = 4 * (((2 * interval + 33) << segment) - 33)
    return -magnitude if inverted & 0x80 else magnitude


def alaw_encode(sample: int) -> int:
    """Compress one int16."""
    magnitude = (~sample if sample < 0 else sample) >> 4
    segment = 0
    while magnitude > 31:
        magnitude >>= 1
        segment += 1
    code = magnitude + 16 * segment
    return (code | (0x80 if sample >= 0 else 0)) ^ ALAW_INVERTED


def alaw_decode(code: int) -> int:
    """Expand one octet to the middle of its interval."""
    plain = code ^ ALAW_INVERTED
    segment, interval = (plain >> 4) & 7, plain & 15
    magnitude = 16 * interval + 8
    for _ in range(max(segment - 1, 0)):
        magnitude *= 2
    if segment > 0:
        magnitude += 256 << (segment - 1)
    return magnitude if plain & 0x80 else -magnitude


ENCODE = {"PCMU": ulaw_encode, "PCMA": alaw_encode}
DECODE = {"PCMU": ulaw_decode, "PCMA": alaw_decode}
