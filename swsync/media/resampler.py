"""Other sampling rates, by libsoxr (extra ``resample``)."""

from __future__ import annotations

from typing import Any

from swsync.errors import MediaError
from swsync.media.codec import as_octets

__all__ = ["Resampler", "resample"]


def _load() -> Any:
    try:
        import numpy
        import soxr
    except ImportError:
        raise MediaError("resampling needs soxr: pip install 'swsync[resample]'") from None
    return numpy, soxr


class Resampler:
    """Resamples a stream of blocks, one channel. Not for use by two threads at once.

    Args:
        from_rate: Samples a second that come.
        to_rate: Samples a second that are wanted.

    Raises:
        MediaError: soxr is not installed, or a rate makes no sense.
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self._numpy, soxr = _load()
        if not 1000 <= from_rate <= 192_000 or not 1000 <= to_rate <= 192_000:
            raise MediaError(f"rates must be 1000 to 192000, not {from_rate} and {to_rate}")
        self._stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="int16")

    def feed(self, pcm: Any, *, is_last: bool = False) -> bytes:
        """Take int16 samples, and give those that are ready; with ``is_last`` the rest too.

        All together they are as long as what came: the filter's delay is taken off.

        Raises:
            CodecError: They are no int16, or there is half a one.
        """
        samples = self._numpy.frombuffer(as_octets(pcm), dtype=self._numpy.int16)
        resampled: bytes = self._stream.resample_chunk(samples, last=is_last).tobytes()
        return resampled


def resample(pcm: Any, from_rate: int, to_rate: int) -> bytes:
    """A whole sound of int16 samples at another rate.

    Raises:
        MediaError: soxr is not installed, or a rate makes no sense.
        CodecError: They are no int16, or there is half a one.
    """
    if from_rate == to_rate:
        return bytes(as_octets(pcm))
    return Resampler(from_rate, to_rate).feed(pcm, is_last=True)
