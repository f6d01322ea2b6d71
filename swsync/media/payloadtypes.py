"""What the payload types of an RTP stream mean: there is no SDP that would say so."""

from __future__ import annotations

from collections.abc import Mapping

from swsync._media import lib
from swsync.errors import CodecError, ConfigurationError
from swsync.media.codec import codec_number

__all__ = ["TELEPHONE_EVENT", "payload_kinds"]

TELEPHONE_EVENT = 101  # what everybody takes, though RFC 4733 gives it no number
COMFORT_NOISE = 13  # RFC 3551 section 6

_WORDS = {"TELEPHONE-EVENT": lib.SW_PAYLOAD_EVENT, "CN": lib.SW_PAYLOAD_NOISE}


def payload_kinds(
    own: int, codec: str, rate: int, byteorder: str, payload_types: Mapping[int, str] | None, *, is_queued: bool
) -> dict[int, int]:
    """Payload type -> the C core's word for what it holds.

    Args:
        own: The payload type of the receiver's own codec.
        codec: That codec.
        rate: Its timestamp units a second.
        byteorder: Of L16.
        payload_types: More of them: ``PCMU``, ``PCMA``, ``L16``, ``CN``, ``telephone-event`` or the own codec, each
            with ``/rate`` if wanted. A ``telephone-event`` here takes the place of that of 101.
        is_queued: Whether the own codec is decoded in Python.

    Raises:
        ConfigurationError: A number or a rate that cannot be, or a codec that does not go with the own one.
    """
    given = {number: _split(word, rate) for number, word in (payload_types or {}).items()}
    kinds = {COMFORT_NOISE: lib.SW_PAYLOAD_NOISE}
    if "TELEPHONE-EVENT" not in given.values():
        kinds[TELEPHONE_EVENT] = lib.SW_PAYLOAD_EVENT
    for number, word in {**given, own: codec.upper()}.items():
        if not isinstance(number, int) or not 0 <= number <= 127:
            raise ConfigurationError(f"payload_types: {number!r} must be a number from 0 to 127")
        kinds[number] = _kind(word, codec, byteorder, is_queued)
    return kinds


def _split(word: str, rate: int) -> str:
    name, slash, number = str(word).partition("/")
    if slash and number != str(rate):
        raise ConfigurationError(
            f"payload_types: {word!r} must have the receiver's clock rate {rate}: take a receiver with another rate="
        )
    return name.strip().upper()


def _kind(word: str, codec: str, byteorder: str, is_queued: bool) -> int:
    if word in _WORDS:
        return int(_WORDS[word])
    if is_queued and word == codec.upper():
        return int(lib.SW_PAYLOAD_QUEUED)
    try:
        if is_queued:
            raise CodecError
        return int(lib.SW_PAYLOAD_AUDIO + codec_number(word, byteorder))
    except CodecError:
        raise ConfigurationError(
            f"payload_types: {word!r} cannot be received beside {codec}; there are telephone-event, CN"
            f"{'' if is_queued else ', PCMU, PCMA, L16'}"
        ) from None
