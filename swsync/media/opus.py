"""OPUS over RTP (RFC 7587): its clock is 48 kHz, whatever the audio was sampled at."""

from __future__ import annotations

from swsync.errors import ConfigurationError
from swsync.media.avcodec import AvDecoder, AvEncoder

__all__ = ["CLOCK_RATE", "RATES", "decoder", "encoder"]

CLOCK_RATE = 48000
RATES = (8000, 12000, 16000, 24000, 48000)
PTIMES = (10, 20, 40, 60)
BIT_RATE = 32_000  # speech at full band (RFC 7587 section 3.1.1 recommends 28 to 40 kbit/s)


def decoder() -> AvDecoder:
    """Decodes to 48 kHz."""
    return AvDecoder("libopus", CLOCK_RATE, CLOCK_RATE)


def encoder(rate: int, ptime: int) -> AvEncoder:
    """Encodes speech.

    Raises:
        ConfigurationError: OPUS has no such rate or packet.
    """
    if rate not in RATES or ptime not in PTIMES:
        raise ConfigurationError(f"OPUS takes rates of {RATES} and a ptime of {PTIMES} ms, not {rate} and {ptime}")
    options = {"application": "voip", "frame_duration": str(ptime)}
    return AvEncoder("libopus", rate, rate * ptime // 1000, options=options, bit_rate=BIT_RATE)
