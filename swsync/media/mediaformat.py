"""The names that WebSocket media give to their audio formats, and which of them swsync can decode."""

from __future__ import annotations

import attrs

from swsync.errors import CodecError
from swsync.states import Codec

__all__ = ["CHANNELS", "RATES", "MediaFormat", "media_format", "media_type"]

RATES = (8000, 16000, 24000, 32000, 48000)
"""Sample rates that are believed, in Hz."""

CHANNELS = 1
"""Both kinds of WebSocket media are mono; two tracks are two labels, not two channels."""

_CODECS = {
    "mulaw": Codec.PCMU,
    "ulaw": Codec.PCMU,
    "basic": Codec.PCMU,
    "pcmu": Codec.PCMU,
    "alaw": Codec.PCMA,
    "pcma": Codec.PCMA,
    "l16": Codec.L16,
}


@attrs.frozen
class MediaFormat:
    """How the audio of a WebSocket is encoded.

    Attributes:
        codec: PCMU, PCMA or L16.
        rate: Samples per second.
    """

    codec: Codec = attrs.field(converter=Codec)
    rate: int = 8000

    @property
    def octets_per_sample(self) -> int:
        return 2 if self.codec is Codec.L16 else 1


def media_type(encoding: str) -> Codec | None:
    """The codec that ``audio/x-mulaw``, ``audio/L16`` and their like mean; None for any other."""
    kind, _, subtype = encoding.strip().lower().partition("/")
    if not subtype:
        kind, subtype = "audio", kind
    return _CODECS.get(subtype.removeprefix("x-")) if kind == "audio" else None


def media_format(encoding: str, rate: int | None, channels: int | None = None) -> MediaFormat:
    """The format that was announced.

    Args:
        encoding: A media type such as ``audio/x-mulaw`` or ``audio/x-L16``.
        rate: Samples per second; None means 8000.
        channels: None means 1.

    Raises:
        CodecError: It is one that swsync cannot decode, or that no call has.
    """
    codec = media_type(encoding)
    if codec is None:
        raise CodecError(f"cannot decode {ascii(encoding)[:60]}: swsync reads mu-law, A-law and L16")
    if rate is not None and rate not in RATES:
        raise CodecError(f"a sample rate of {rate} Hz is not one of {', '.join(map(str, RATES))}")
    if channels is not None and channels != CHANNELS:
        raise CodecError(f"media of a call are mono, not {channels} channels")
    return MediaFormat(codec, rate or 8000)
