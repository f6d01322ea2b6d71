"""Both sides of one call as samples on the call's media clock, which starts at the answer.

A side is rendered only when somebody looks (a tap, a stream, a test), so a quiet call costs nothing. The codec of
every call is PCMU: what is kept is what it left over, and all that is sent or shown comes from that.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable
from typing import Protocol

from swsync.media.codec import decode, encode

__all__ = ["LOUDNESS", "RATE", "SILENT", "Segment", "Side", "Sound", "Source", "amplify", "both", "mix", "payload"]

RATE = 8000  # samples in a second of a call
SILENT = b"\xff"  # mu-law for 0
# How loud each mu-law code is, 0 to 127: its bits are inverted and the highest is the sign.
LOUDNESS = bytes(~code & 0x7F for code in range(256))

Segment = bytes | int
"""int16 samples in native order, or a number of silent samples."""


def amplify(pcm: bytes, decibels: float) -> bytes:
    """Return int16 samples made louder, clipped at full scale."""
    if not decibels:
        return pcm
    factor = 10 ** (decibels / 20)
    return array("h", [max(-32768, min(32767, round(s * factor))) for s in memoryview(pcm).cast("h")]).tobytes()


def mix(one: bytes, other: bytes) -> bytes:
    """Return the sum of two blocks of int16 samples of the same size, clipped at full scale."""
    pairs = zip(memoryview(one).cast("h"), memoryview(other).cast("h"), strict=True)
    return array("h", [max(-32768, min(32767, a + b)) for a, b in pairs]).tobytes()


class Source(Protocol):
    """What can sound on a side: something of its own, or another party."""

    start: int

    @property
    def is_over(self) -> bool: ...
    @property
    def is_paused(self) -> bool: ...
    def in_one_piece(self) -> int: ...
    def take(self, count: int, at: int = 0) -> bytes | None: ...


def _size(segment: Segment) -> int:
    return segment if isinstance(segment, int) else len(segment) // 2


class Sound:
    """Something that sounds on one or both sides of a call. It belongs to the loop's thread.

    Args:
        segments: What sounds, one after the other.
        start: The sample of the call at which it begins.
        loops: How often; 0 means until it is stopped.
        volume: Decibels.
    """

    def __init__(self, segments: list[Segment], start: int = 0, loops: int = 1, volume: float = 0.0) -> None:
        self.segments = [s for s in segments if _size(s)]
        self.start = start
        self.volume = volume
        self.is_paused: bool = False
        self.duration = sum(map(_size, self.segments))
        self._rounds_left: int | None = None if loops == 0 else loops
        self._segment = 0
        self._offset = 0
        if not self.segments:
            self._rounds_left = 0

    @property
    def is_over(self) -> bool:
        return self._rounds_left is not None and self._rounds_left <= 0

    @property
    def remaining(self) -> int | None:
        """Samples left to sound; None if it goes on until it is stopped."""
        if self._rounds_left is None:
            return None
        if self.is_over:
            return 0
        played = sum(map(_size, self.segments[: self._segment])) + self._offset
        return self._rounds_left * self.duration - played

    def stop(self) -> None:
        self._rounds_left = 0

    def in_one_piece(self) -> int:
        """Return how many samples ``take`` can give at once."""
        return _size(self.segments[self._segment]) - self._offset

    def take(self, count: int, at: int = 0) -> bytes | None:
        """Return the next ``count`` samples, None where they are silent; a sound does not care when that is."""
        segment = self.segments[self._segment]
        begin = self._offset
        self._offset += count
        if self._offset >= _size(segment):
            self._offset = 0
            self._segment += 1
            if self._segment == len(self.segments):
                self._segment = 0
                if self._rounds_left is not None:
                    self._rounds_left -= 1
        if isinstance(segment, int):
            return None
        return amplify(segment[2 * begin : 2 * (begin + count)], self.volume)


class Side:
    """What one party of a call says, or what it hears, from the answer on.

    What taps and streams copy is kept as mu-law, from the sample ``begin`` on; the rest was forgotten.

    Args:
        kept: Told of every octet that is kept or forgotten.
    """

    def __init__(self, kept: Callable[[int], object] = lambda count: None) -> None:
        self.begin = 0
        self._encoded = bytearray()
        self._kept = kept
        self._sounds: list[Source] = []

    def add(self, sound: Source) -> None:
        self._sounds.append(sound)

    def render(self, until: int) -> None:
        """Extend the timeline to the sample ``until``."""
        first = at = self.begin + len(self._encoded)
        while at < until:
            step = until - at
            sounding: list[Source] = []
            for sound in self._sounds:
                if sound.is_over or sound.is_paused:
                    continue
                if sound.start > at:
                    step = min(step, sound.start - at)
                else:
                    step = min(step, sound.in_one_piece())
                    sounding.append(sound)
            self._encoded += self._block(sounding, step, at)
            at += step
        self._sounds = [sound for sound in self._sounds if not sound.is_over]
        if at > first:
            self._kept(at - first)

    def forget(self, keep: int) -> None:
        """Keep the newest samples, so many, and forget all before."""
        count = len(self._encoded) - keep
        if count > 0:
            del self._encoded[:count]
            self.begin += count
            self._kept(-count)

    def between(self, begin: int, end: int) -> bytes:
        """Return samples as mu-law; silence where they were forgotten."""
        if begin < self.begin:
            return SILENT * (min(end, self.begin) - begin) + bytes(self._encoded[: max(0, end - self.begin)])
        return bytes(self._encoded[begin - self.begin : end - self.begin])

    @staticmethod
    def _block(sounding: list[Source], step: int, at: int) -> bytes:
        total: bytes | None = None
        for sound in sounding:
            pcm = sound.take(step, at)
            if pcm is not None:
                total = pcm if total is None else mix(total, pcm)
        return SILENT * step if total is None else encode(total, "PCMU")

    def samples(self) -> memoryview:
        """Return what is kept as int16 samples (format ``h``)."""
        return memoryview(decode(bytes(self._encoded), "PCMU")).cast("h")


def both(said: bytes, heard: bytes) -> bytes:
    """Return both sides of a frame mixed into one, mu-law."""
    silence = SILENT * len(said)
    if heard == silence:
        return said
    if said == silence:
        return heard
    return encode(mix(decode(said, "PCMU"), decode(heard, "PCMU")), "PCMU")


def payload(frame: bytes, codec: str, rate: int = RATE, byteorder: str = "big") -> bytes:
    """Return a mu-law frame of the call in another codec; L16 may have a multiple of the call's rate."""
    if codec == "PCMU":
        return frame
    pcm = decode(frame, "PCMU")
    if codec == "PCMA":
        return encode(pcm, "PCMA")
    samples = _upsampled(array("h", pcm), rate // RATE)
    if byteorder != sys.byteorder:
        samples.byteswap()
    return samples.tobytes()


def _upsampled(samples: array[int], factor: int) -> array[int]:
    """Repeat and smooth: linear interpolation is enough for speech that has no more than 4 kHz to begin with."""
    if factor == 1:
        return samples
    out = array("h")
    for index, sample in enumerate(samples):
        following = samples[index + 1] if index + 1 < len(samples) else sample
        out.extend(sample + (following - sample) * k // factor for k in range(factor))
    return out
