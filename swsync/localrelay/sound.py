"""Where samples come from: WAV files of any common kind, ringing tones, and a voice for text.

Everything here is plain Python and takes its time: it runs off the relay's thread.
"""

from __future__ import annotations

import math
import os
import shutil
import struct
import subprocess
from array import array
from functools import lru_cache
from importlib import resources
from operator import mul
from typing import Any

import attrs

from swsync.errors import MediaError
from swsync.media.codec import decode

from .audio import RATE, Segment
from .tables import read_octets

__all__ = [
    "RINGTONES",
    "Spoken",
    "default_speech",
    "load_speech",
    "read_wav",
    "ringtone",
    "shipped_speech",
    "speak",
    "tone",
]

MAX_FILE = 128 * 1024 * 1024  # octets of a WAV: more than two hours of 8 kHz PCM
MAX_TEXT = 4000  # characters of one tts item
ESPEAK_SECONDS = 20.0
# fmt: off
RINGTONES = (
    "at", "au", "bg", "br", "be", "ch", "cl", "cn", "cz", "de", "dk", "ee", "es", "fi", "fr", "gr", "hu", "il", "in",
    "it", "lt", "jp", "mx", "my", "nl", "no", "nz", "ph", "pl", "pt", "ru", "se", "sg", "th", "uk", "us", "tw", "ve",
    "za",
)
# fmt: on
# Two frequencies, then seconds on and off (ITU-T E.180 supplement 2); the rest of the world is close to one of these.
CADENCES: dict[str, tuple[float, float, tuple[float, ...]]] = {
    "us": (440.0, 480.0, (2.0, 4.0)),
    "uk": (400.0, 450.0, (0.4, 0.2, 0.4, 2.0)),
    "au": (400.0, 425.0, (0.4, 0.2, 0.4, 2.0)),
    "nz": (400.0, 450.0, (0.4, 0.2, 0.4, 2.0)),
    "jp": (384.0, 416.0, (1.0, 2.0)),
}
ELSEWHERE = (425.0, 425.0, (1.0, 4.0))


@attrs.frozen
class Spoken:
    """A text with its sound.

    Attributes:
        text: What recognition makes of it.
        pcm: int16 samples at 8 kHz.
    """

    text: str
    pcm: bytes = attrs.field(repr=False)


def _chunks(data: bytes) -> dict[bytes, bytes]:
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise MediaError("not a WAV file: it does not begin with RIFF and WAVE")
    found: dict[bytes, bytes] = {}
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        # A size that passes the end is what a program writes that cannot seek (espeak-ng to a pipe): take it all.
        found.setdefault(name, data[at + 8 : at + 8 + size])
        at += 8 + size + (size & 1)
    return found


def _to_int16(form: int, bits: int, data: bytes) -> array[int]:
    if form == 7:
        return array("h", decode(data, "PCMU"))
    if form == 6:
        return array("h", decode(data, "PCMA"))
    if form == 1 and bits == 8:
        return array("h", [(octet - 128) << 8 for octet in data])
    if form == 1 and bits == 16:
        samples = array("h", data[: len(data) & ~1])
        if struct.pack("=h", 1) != struct.pack("<h", 1):
            samples.byteswap()
        return samples
    raise MediaError(f"a WAV of format {form} with {bits} bits; use 8 or 16 bit PCM, mu-law or A-law")


def read_wav(data: bytes) -> bytes:
    """Return a WAV file as int16 samples, 8 kHz mono, native order.

    8 kHz mono PCM and G.711 come out unchanged; other rates are resampled, several channels averaged.

    Raises:
        MediaError: The file is not a WAV, or of a kind that is not read.
    """
    chunks = _chunks(data)
    header = chunks.get(b"fmt ", b"")
    if len(header) < 16 or b"data" not in chunks:
        raise MediaError("not a WAV file: it has no format or no data")
    form, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", header)
    if form == 0xFFFE and len(header) >= 26:
        form = struct.unpack_from("<H", header, 24)[0]
    if not 1 <= channels <= 8 or not 4000 <= rate <= 192_000:
        raise MediaError(f"a WAV with {channels} channels at {rate} Hz; 1 to 8 at 4000 to 192000 are read")
    samples = _to_int16(form, bits, chunks[b"data"])
    if channels > 1:
        tracks = [samples[c::channels] for c in range(channels)]
        samples = array("h", [sum(column) // channels for column in zip(*tracks, strict=False)])
    return resampled(samples, rate).tobytes()


@lru_cache(maxsize=8)
def _phases(up: int, down: int) -> tuple[tuple[float, ...], ...]:
    """Windowed-sinc taps for each of ``up`` positions between two samples, low-passed below both rates."""
    half = 12 * max(1, math.ceil(down / up))
    cutoff = min(1.0, up / down) * 0.94
    phases = []
    for phase in range(up):
        shift = phase / up
        taps = []
        for k in range(-half + 1, half + 1):
            x = k - shift
            sinc = cutoff if not x else math.sin(math.pi * x * cutoff) / (math.pi * x)
            taps.append(sinc * (0.5 + 0.5 * math.cos(math.pi * x / (half + 1))))
        total = sum(taps)
        phases.append(tuple(tap / total for tap in taps))
    return tuple(phases)


def resampled(samples: array[int], rate: int) -> array[int]:
    """Return samples at 8 kHz."""
    if rate == RATE:
        return samples
    common = math.gcd(rate, RATE)
    up, down = RATE // common, rate // common
    if up > 1000:
        raise MediaError(f"a sample rate of {rate} Hz has no simple ratio to 8000; resample the file first")
    phases = _phases(up, down)
    half = len(phases[0]) // 2
    padded = array("h", bytes(2 * (half - 1))) + samples + array("h", bytes(2 * (half + 1)))
    out = array("h")
    for n in range(len(samples) * up // down):
        at, phase = divmod(n * down, up)
        value = sum(map(mul, padded[at : at + 2 * half], phases[phase]))
        out.append(max(-32768, min(32767, round(value))))
    return out


def tone(first: float, second: float, seconds: float, level: float = 4000.0) -> bytes:
    """Return two frequencies at once, int16 at 8 kHz."""
    one, two = 2 * math.pi * first / RATE, 2 * math.pi * second / RATE
    count = round(seconds * RATE)
    return array("h", [round(level * (math.sin(one * n) + math.sin(two * n))) for n in range(count)]).tobytes()


@lru_cache(maxsize=8)
def _ring_cycle(name: str) -> tuple[Segment, ...]:
    first, second, cadence = CADENCES.get(name, ELSEWHERE)
    parts: list[Segment] = []
    for index, seconds in enumerate(cadence):
        parts.append(round(seconds * RATE) if index % 2 else tone(first, second, seconds))
    return tuple(parts)


def ringtone(name: str, seconds: float | None) -> list[Segment]:
    """Return a country's ringing tone; one cadence of it unless a duration is named."""
    cycle = _ring_cycle(name)
    if seconds is None:
        return list(cycle)
    left = round(seconds * RATE)
    parts: list[Segment] = []
    while left > 0:
        for part in cycle:
            count = min(left, part if isinstance(part, int) else len(part) // 2)
            parts.append(count if isinstance(part, int) else part[: 2 * count])
            left -= count
            if left <= 0:
                break
    return parts


@lru_cache(maxsize=64)
def speak(text: str, language: str = "en-US", gender: str = "") -> bytes:
    """Return text as speech, int16 at 8 kHz: by espeak-ng where it is installed, else by a voice of tones."""
    program = shutil.which("espeak-ng")
    if program is not None:
        voice = language.lower() + ("+f3" if gender.lower() == "female" else "")
        for name in (voice, "en-us"):
            wav = _espeak(program, name, text[:MAX_TEXT])
            if wav:
                return read_wav(wav)
    return _tone_voice(text[:MAX_TEXT])


def _espeak(program: str, voice: str, text: str) -> bytes:
    """Run espeak-ng once; empty if it does not know the voice or takes too long. The text goes through a pipe."""
    if not all(c.isalnum() or c in "-+_" for c in voice) or voice.startswith("-"):
        return b""
    try:
        done = subprocess.run(
            [program, "-v", voice, "--stdin", "--stdout"],
            input=text.encode("utf-8", "replace"),
            capture_output=True,
            timeout=ESPEAK_SECONDS,
            check=False,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return done.stdout if done.returncode == 0 and len(done.stdout) > 44 else b""


def _tone_voice(text: str) -> bytes:
    """A tone for each letter and a pause for each space: not speech, but not to be taken for silence either."""
    parts = []
    for letter in text:
        if letter.isalnum():
            pitch = 200.0 + 25.0 * (ord(letter.lower()) % 32)
            parts.append(tone(pitch, 2 * pitch, 0.06))
        else:
            parts.append(bytes(2 * RATE * 6 // 100))
    return b"".join(parts)


@lru_cache(maxsize=4)
def shipped_speech(name: str) -> bytes:
    """Return a speech that ships with the package, int16 at 8 kHz: ``speech``, ``machine`` or ``wrong``.

    They were made with espeak-ng, then brought to 8 kHz by sox, the last two as mu-law (``-e u-law`` for ``-b 16``)::

        espeak-ng -v en-us -s 155 --stdout "Hello. This is the local relay. I am a simulated person, but my voice is \\
            real audio." | sox -D - -r 8000 -c 1 -b 16 speech.wav gain -n -3
    """
    return read_wav(resources.files("swsync.localrelay").joinpath(f"{name}.wav").read_bytes())


def default_speech() -> bytes:
    """Return what everybody says who was not given anything to say."""
    return shipped_speech("speech")


def load_speech(speech: Any) -> bytes:
    """Return what a callee is to say: None is the speech that ships, a path a WAV file, a buffer int16 at 8 kHz.

    Raises:
        MediaError: The file cannot be read.
    """
    if speech is None:
        return default_speech()
    if isinstance(speech, (str, os.PathLike)):
        try:
            return read_wav(read_octets(speech, MAX_FILE))
        except MediaError as error:
            raise MediaError(f"cannot use {os.fspath(speech)} as speech: {error}") from error
        except (OSError, ValueError) as error:  # ValueError: a name that no file can have
            why = getattr(error, "strerror", None) or error
            raise MediaError(f"cannot read the speech {os.fspath(speech)!r}: {why}") from error
    pcm = bytes(memoryview(speech).cast("B"))
    if len(pcm) % 2:
        raise MediaError("speech as a buffer must be int16 samples, an even number of bytes")
    return pcm
