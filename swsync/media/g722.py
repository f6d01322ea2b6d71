"""G.722 over RTP: 16 kHz audio on a clock of 8 kHz, by an old mistake that is a standard (RFC 3551 section 4.5.2)."""

from __future__ import annotations

from swsync.errors import ConfigurationError
from swsync.media.avcodec import AvDecoder, AvEncoder

__all__ = ["CLOCK_RATE", "RATE", "decoder", "encoder"]

RATE = 16000
CLOCK_RATE = 8000


def decoder() -> AvDecoder:
    """Decodes to 16 kHz."""
    return AvDecoder("g722", RATE, CLOCK_RATE)


def encoder(rate: int, ptime: int) -> AvEncoder:
    """Encodes 16 kHz audio.

    Raises:
        ConfigurationError: The rate is another one.
    """
    if rate != RATE:
        raise ConfigurationError(f"G722 is audio of {RATE} samples a second: rate={RATE}, not {rate}")
    samples = RATE * ptime // 1000
    return AvEncoder("g722", RATE, samples, options={"frame_size": str(samples)})
