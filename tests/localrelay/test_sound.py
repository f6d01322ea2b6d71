"""Where samples come from: WAV files of every common kind, tones, and voices."""

from __future__ import annotations

import io
import math
import shutil
import struct
import wave
from array import array
from pathlib import Path

import pytest

from swsync.errors import MediaError
from swsync.localrelay import sound
from swsync.media.codec import decode, encode


def wav(samples: array[int], rate: int = 8000, channels: int = 1) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return out.getvalue()


def riff(form: int, bits: int, data: bytes, rate: int = 8000) -> bytes:
    header = struct.pack("<HHIIHH", form, 1, rate, rate * bits // 8, bits // 8, bits)
    body = b"WAVEfmt " + struct.pack("<I", 16) + header + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def sine(hertz: float, rate: int, seconds: float) -> array[int]:
    return array("h", [round(10000 * math.sin(2 * math.pi * hertz * n / rate)) for n in range(round(rate * seconds))])


def test_8_khz_mono_is_unchanged() -> None:
    """Every sample, bit for bit."""
    samples = array("h", range(-5000, 5000, 7))
    assert samples.tobytes() == sound.read_wav(wav(samples))


def test_other_kinds() -> None:
    """8 bit, G.711, several channels."""
    assert [0, 256, -32768] == list(memoryview(sound.read_wav(riff(1, 8, bytes([128, 129, 0])))).cast("h"))
    codes = bytes(range(256))
    assert decode(codes, "PCMU") == sound.read_wav(riff(7, 8, codes))
    assert decode(codes, "PCMA") == sound.read_wav(riff(6, 8, codes))
    assert [150, -5] == list(memoryview(sound.read_wav(wav(array("h", [100, 200, -20, 10]), channels=2))).cast("h"))


@pytest.mark.parametrize("rate", [11025, 16000, 22050, 44100, 48000])
def test_resampling_keeps_a_tone(rate: int) -> None:
    """A 1 kHz tone stays within 40 dB of itself; a tone above 4 kHz is gone instead of folded."""
    got = memoryview(sound.read_wav(wav(sine(1000, rate, 0.25), rate))).cast("h")
    want = sine(1000, 8000, 0.25)
    assert len(want) == pytest.approx(len(got), abs=1)
    middle = range(200, 1800)
    error = sum((got[n] - want[n]) ** 2 for n in middle) / sum(want[n] ** 2 for n in middle)
    assert error < 1e-4
    if rate >= 16000:
        folded = memoryview(sound.read_wav(wav(sine(5500, rate, 0.25), rate))).cast("h")
        assert max(abs(folded[n]) for n in middle) < 300


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIFF",
        b"RIFF\0\0\0\0WAVE",
        b"ID3" + bytes(50),
        riff(2, 4, b"xx"),
        riff(1, 24, b"xxx"),
        riff(1, 16, b"", 100),
    ],
)
def test_what_is_no_wav_is_refused(data: bytes) -> None:
    """With a sentence, not with a crash."""
    with pytest.raises(MediaError, match="WAV"):
        sound.read_wav(data)


def test_the_shipped_speech() -> None:
    """A few seconds, small, not silent, and the codec has nothing to clip."""
    pcm = memoryview(sound.default_speech()).cast("h")
    assert 3 * 8000 < len(pcm) < 7 * 8000
    assert 10000 < max(pcm) < 32000
    assert Path(sound.__file__).with_name("speech.wav").stat().st_size < 120 * 1024


def test_ringtones() -> None:
    """One cadence without a duration, and exactly as long as asked with one; every country has one."""
    size = sum(part if isinstance(part, int) else len(part) // 2 for part in sound.ringtone("us", None))
    assert 6 * 8000 == size
    for name in sound.RINGTONES:
        parts = sound.ringtone(name, 2.5)
        assert 20000 == sum(part if isinstance(part, int) else len(part) // 2 for part in parts)


def test_the_voice_of_tones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without espeak-ng a text is tones and pauses, and another text other tones."""
    monkeypatch.setattr(shutil, "which", lambda name: None)
    sound.speak.cache_clear()
    one, other = sound.speak("no one"), sound.speak("no two")
    sound.speak.cache_clear()
    assert 6 * 480 * 2 == len(one) == len(other)
    assert one[: 3 * 960] == other[: 3 * 960]
    assert one != other


@pytest.mark.parametrize("speech", [b"abc", "/nowhere/x.wav", Path("/dev/null")])
def test_speech_that_cannot_be_used(speech: object) -> None:
    """An odd buffer, a missing file, a file that is no WAV."""
    with pytest.raises(MediaError):
        sound.load_speech(speech)


def test_speech_of_any_kind(tmp_path: Path) -> None:
    """A path, a buffer of samples, nothing at all."""
    samples = array("h", range(800))
    (tmp_path / "x.wav").write_bytes(wav(samples))
    assert samples.tobytes() == sound.load_speech(tmp_path / "x.wav") == sound.load_speech(samples)
    assert b"" == sound.load_speech(b"")
    assert sound.default_speech() == sound.load_speech(None)
    assert encode(b"", "PCMU") == b""
