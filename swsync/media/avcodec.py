"""Codecs that FFmpeg's libraries know, through PyAV (extra ``opus``), for the payloads of one stream."""

from __future__ import annotations

from typing import Any

from swsync.errors import CodecError, ConfigurationError, MediaError

__all__ = ["AvDecoder", "AvEncoder"]


def _load() -> Any:
    try:
        import av
    except ImportError:
        raise MediaError("OPUS and G.722 need PyAV: pip install 'swsync[opus]'") from None
    return av


class AvDecoder:
    """Decodes payloads one after the other; mono. It is a ``PayloadDecoder``.

    Args:
        name: FFmpeg's name of the decoder.
        rate: Samples a second of what it gives.
        clock_rate: Timestamp units a second.

    Raises:
        MediaError: PyAV is not installed, or has no such decoder.
    """

    def __init__(self, name: str, rate: int, clock_rate: int) -> None:
        self._av = _load()
        self.rate, self.clock_rate = rate, clock_rate
        self._name = name
        self.reset()

    def reset(self) -> None:
        """Another stream begins."""
        try:
            self._context = self._av.CodecContext.create(self._name, "r")
        except (self._av.FFmpegError, ValueError) as error:
            raise MediaError(f"PyAV here has no decoder {self._name}: {error}") from None
        self._context.sample_rate = self.rate
        self._context.layout = "mono"

    def decode(self, payload: bytes) -> bytes:
        """Int16 samples, in the machine's order.

        Raises:
            CodecError: The payload is none of this codec.
        """
        if not payload:
            raise CodecError("an empty payload")
        try:
            frames = self._context.decode(self._av.Packet(payload))
        except (self._av.FFmpegError, ValueError) as error:
            raise CodecError(f"{len(payload)} octets are no {self._name}: {error}") from None
        parts = []
        for frame in frames:
            if frame.format.name not in ("s16", "s16p") or frame.layout.nb_channels != 1:
                raise CodecError(f"{self._name} gave {frame.format.name} of {frame.layout.name}")
            parts.append(bytes(frame.planes[0])[: 2 * frame.samples])
        return b"".join(parts)


class AvEncoder:
    """Encodes frames of one length, one payload each; mono.

    Args:
        name: FFmpeg's name of the encoder.
        rate: Samples a second.
        samples: Of a frame.
        options: FFmpeg's options of the encoder.
        bit_rate: Bits a second, where the encoder has a choice.

    Raises:
        MediaError: PyAV is not installed, or has no such encoder.
        ConfigurationError: The encoder takes no such rate or frame.
    """

    def __init__(
        self, name: str, rate: int, samples: int, *, options: dict[str, str] | None = None, bit_rate: int | None = None
    ) -> None:
        self._av = _load()
        self._name, self._rate, self._samples, self._sent = name, rate, samples, 0
        try:
            self._context = self._av.CodecContext.create(name, "w")
            self._context.sample_rate = rate
            self._context.layout = "mono"
            self._context.format = "s16"
            if bit_rate is not None:
                self._context.bit_rate = bit_rate
            self._context.options = options or {}
            self._context.open()
        except (self._av.FFmpegError, ValueError) as error:
            raise ConfigurationError(f"{name} cannot be encoded at {rate} samples a second: {error}") from None

    def encode(self, pcm: bytes) -> bytes:
        """The payload of one frame of int16 in the machine's order.

        Raises:
            CodecError: It has another length, or makes no payload.
        """
        if len(pcm) != 2 * self._samples:
            raise CodecError(f"a frame has {self._samples} samples, not {len(pcm) / 2:g}")
        frame = self._av.AudioFrame(format="s16", layout="mono", samples=self._samples)
        frame.planes[0].update(pcm + bytes(frame.planes[0].buffer_size - len(pcm)))
        frame.sample_rate, frame.pts = self._rate, self._sent
        self._sent += self._samples
        payload = b"".join(bytes(packet) for packet in self._context.encode(frame))
        if not payload:
            raise CodecError(f"{self._name} gave nothing for a frame of {self._samples} samples")
        return payload
