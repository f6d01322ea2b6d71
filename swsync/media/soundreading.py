"""Reads back what recordings wrote, finished or not: WAV here, any other format through soundfile."""

from __future__ import annotations

import os
import struct
import sys
from array import array
from pathlib import Path
from typing import BinaryIO

import attrs

from swsync.errors import MediaError
from swsync.media import codec
from swsync.media.soundfiles import _load, is_for_soundfile
from swsync.media.wav import FORMATS, wav_header

__all__ = ["Sound", "read_sound"]

CODECS = {number: name for name, number in FORMATS.items()}
LARGEST_CHUNK = 65536  # octets of a chunk before the samples


@attrs.frozen(kw_only=True)
class Sound:
    """Samples in memory.

    Attributes:
        pcm: int16 in the machine's order, interleaved if there are several channels.
        rate: Frames a second.
        channels: Samples in a frame.
        is_cut: Whether the file has more.
    """

    pcm: bytes
    rate: int
    channels: int
    is_cut: bool = False

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.pcm) / 2 / self.channels / self.rate

    def wav(self) -> bytes:
        """The same as a whole WAV file of 16 bit PCM."""
        samples = array("h", self.pcm)
        if sys.byteorder == "big":
            samples.byteswap()
        frames = len(samples) // self.channels
        return wav_header("L16", self.rate, self.channels, frames) + samples.tobytes()


def read_sound(path: str | os.PathLike[str], most: float | None = None) -> Sound:
    """Read a file that a recording wrote, or is still writing.

    Args:
        path: A WAV of 16 bit PCM, mu-law or A-law, or a file that soundfile reads.
        most: Seconds to read at most; None reads all of it.

    Raises:
        MediaError: It cannot be read, or is no such file.
    """
    try:
        # A recording that goes on has the name with .part.
        name = Path(path).with_suffix("") if Path(path).suffix == ".part" else Path(path)
        if is_for_soundfile(name):
            return _read_with_soundfile(path, most)
        with open(path, "rb") as file:
            return _read_wav(file, path, most)
    except OSError as error:
        raise MediaError(f"cannot read {os.fspath(path)}: {error.strerror or error}") from None


def _read_with_soundfile(path: str | os.PathLike[str], most: float | None) -> Sound:
    soundfile = _load()
    try:
        with soundfile.SoundFile(os.fspath(path)) as file:
            frames = file.frames if most is None else min(file.frames, int(most * file.samplerate))
            pcm = bytes(file.buffer_read(frames, dtype="int16"))
            return Sound(pcm=pcm, rate=file.samplerate, channels=file.channels, is_cut=frames < file.frames)
    except RuntimeError as error:
        raise MediaError(f"cannot read {os.fspath(path)}: {error}") from None


def _read_wav(file: BinaryIO, path: str | os.PathLike[str], most: float | None) -> Sound:
    """The ``fmt`` chunk says what the ``data`` chunk holds (RIFF, 1991); others are passed over."""
    riff = file.read(12)
    if riff[:4] != b"RIFF" or riff[8:] != b"WAVE":
        raise MediaError(f"{os.fspath(path)} is no WAV file")
    form = b""
    while len(head := file.read(8)) == 8:
        name, size = head[:4], struct.unpack("<I", head[4:])[0]
        if name == b"data":
            return _read_data(file, path, form, size, most)
        if size > LARGEST_CHUNK:
            break
        chunk = file.read(size + size % 2)
        form = chunk if name == b"fmt " else form
    raise MediaError(f"{os.fspath(path)} is a WAV file without samples")


def _read_data(file: BinaryIO, path: str | os.PathLike[str], form: bytes, size: int, most: float | None) -> Sound:
    """The samples; their number is what the file has, where its head does not know yet."""
    number, channels, rate, _, align, bits = struct.unpack("<HHIIHH", form[:16].ljust(16, b"\0"))
    if number not in CODECS or not 1 <= channels <= 2 or not 1 <= rate <= 384_000 or align * 8 != channels * bits:
        raise MediaError(f"{os.fspath(path)}: only WAVs of 16 bit PCM, mu-law and A-law with 1 or 2 channels are read")
    if bits != (16 if CODECS[number] == "L16" else 8):
        raise MediaError(f"{os.fspath(path)}: only 16 bit PCM is read, this has {bits} bits")
    there = min(size, os.fstat(file.fileno()).st_size - file.tell())
    frames = max(0, there) // align
    wanted = frames if most is None else min(frames, int(most * rate))
    data = file.read(wanted * align)
    if CODECS[number] != "L16":
        pcm = codec.decode(data, CODECS[number])
    else:
        samples = array("h", data)
        if sys.byteorder == "big":
            samples.byteswap()
        pcm = samples.tobytes()
    return Sound(pcm=pcm, rate=rate, channels=channels, is_cut=wanted < frames)
