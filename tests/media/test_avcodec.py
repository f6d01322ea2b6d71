"""OPUS and G.722 through PyAV, and other sampling rates through soxr."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from swsync import media
from swsync.errors import CodecError, ConfigurationError, MediaError
from swsync.media import g722, opus
from swsync.media.resampler import Resampler, resample


def tone(rate: int, seconds: float, frequency: float = 440.0) -> np.ndarray:
    return (8000 * np.sin(2 * np.pi * frequency * np.arange(int(rate * seconds)) / rate)).astype(np.int16)


def likeness(one: np.ndarray, two: np.ndarray, most: int) -> float:
    """The largest correlation of two sounds over all delays up to `most` samples."""
    size = len(one) - most
    return max(float(np.corrcoef(one[:size], two[at : at + size])[0, 1]) for at in range(most))


@pytest.mark.parametrize("ptime", [10, 20, 40, 60])
def test_opus_gives_back_what_it_was_given(ptime: int) -> None:
    """A payload a frame, its length in samples, and the same sound after the codec's delay."""
    encoder, decoder = opus.encoder(48000, ptime), opus.decoder()
    sound, size = tone(48000, 1.2), 48 * ptime
    payloads = [encoder.encode(sound[at : at + size].tobytes()) for at in range(0, len(sound), size)]
    assert all(len(payload) <= 1200 for payload in payloads)
    decoded = [decoder.decode(payload) for payload in payloads]
    assert {2 * size} == {len(part) for part in decoded}
    assert likeness(sound, np.frombuffer(b"".join(decoded), np.int16), 500) > 0.98


@pytest.mark.parametrize("ptime", [10, 20, 30, 60])
def test_g722_gives_back_what_it_was_given(ptime: int) -> None:
    """Two samples an octet."""
    encoder, decoder = g722.encoder(16000, ptime), g722.decoder()
    sound, size = tone(16000, 1.2), 16 * ptime
    payloads = [encoder.encode(sound[at : at + size].tobytes()) for at in range(0, len(sound), size)]
    assert {size // 2} == {len(payload) for payload in payloads}
    decoded = b"".join(map(decoder.decode, payloads))
    assert len(decoded) == 2 * len(sound)
    assert likeness(sound, np.frombuffer(decoded, np.int16), 60) > 0.99


def test_what_is_no_payload() -> None:
    """An error of the codec; the next payload is decoded as if nothing had been, and after a reset as the first."""
    encoder, decoder = opus.encoder(48000, 20), opus.decoder()
    good = encoder.encode(bytes(1920))
    for bad in (b"", b"\xff" * 3, b"\x03\x3f"):
        with pytest.raises(CodecError):
            decoder.decode(bad)
    assert 1920 == len(decoder.decode(good))
    decoder.reset()
    assert 1920 == len(decoder.decode(good))
    with pytest.raises(CodecError, match="960 samples"):
        encoder.encode(bytes(10))
    with pytest.raises(ConfigurationError):
        opus.encoder(44100, 20)
    with pytest.raises(ConfigurationError):
        opus.encoder(48000, 30)
    with pytest.raises(ConfigurationError, match="rate=16000"):
        g722.encoder(8000, 20)


@pytest.mark.parametrize(("codec", "rate"), [("OPUS", 48000), ("G722", 16000)])
def test_from_a_sender_to_a_receiver(codec: str, rate: int) -> None:
    """Over a socket, on the codec's own clock, with a key and a pause between."""
    sound = tone(rate, 0.4)
    with media.RtpReceiver(codec=codec) as receiver:
        with media.RtpSender("127.0.0.1", receiver.port, codec=codec) as sender:
            before = sender.timestamp
            sender.send(sound, wait=False)
            sender.send_digits("7", duration=0.06, gap=0.04)
            sender.send(sound)
            assert (rate, round(0.9 * sender.clock_rate)) == (sender.rate, (sender.timestamp - before) % 2**32)
        assert receiver.wait_audio(60)
        receiver.end()
        assert ["7"] == [key.digit for key in receiver.keys]
        got = np.frombuffer(bytes(receiver.read(10 * rate)), np.int16)
        stats = receiver.stats
    assert (40, 0) == (stats.packets, stats.packets_lost)
    assert rate * 0.9 == len(got)
    assert likeness(sound, got[: len(sound)], 500) > 0.95
    assert likeness(sound, got[-len(sound) :], 500) > 0.9


@pytest.mark.parametrize(("source", "target"), [(48000, 8000), (16000, 8000), (8000, 24000), (44100, 8000)])
def test_other_rates(source: int, target: int) -> None:
    """The same tone, as long as it was, in one piece or in blocks of any size."""
    sound, expected = tone(source, 1.0), tone(target, 1.0)
    whole = np.frombuffer(resample(sound, source, target), np.int16)
    assert len(expected) == pytest.approx(len(whole), abs=1)
    size = min(len(whole), len(expected))
    assert np.abs(whole[200 : size - 200].astype(int) - expected[200 : size - 200]).max() < 40
    stream, parts = Resampler(source, target), []
    for at in range(0, len(sound), 777):
        parts.append(stream.feed(sound[at : at + 777]))
    parts.append(stream.feed(b"", is_last=True))
    blocks = np.frombuffer(b"".join(parts), np.int16)
    assert len(expected) == pytest.approx(len(blocks), abs=1)
    assert np.abs(blocks[200 : size - 200].astype(int) - expected[200 : size - 200]).max() < 40
    assert sound.tobytes() == resample(sound, source, source)


def test_missing_libraries_name_their_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyAV and soxr are looked for when they are needed."""
    for name in ("av", "soxr"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MediaError, match=r"swsync\[opus\]"):
        media.RtpReceiver(codec="OPUS")
    with pytest.raises(MediaError, match=r"swsync\[opus\]"):
        media.RtpSender("127.0.0.1", 5004, codec="G722")
    with pytest.raises(MediaError, match=r"swsync\[resample\]"):
        resample(b"", 8000, 16000)
    monkeypatch.undo()
    with pytest.raises(MediaError, match="rates"):
        Resampler(8000, 10)


@pytest.mark.parametrize("to_rate", [8000, 16000])
def test_half_a_sample_is_refused(to_rate: int) -> None:
    """At the same rate too."""
    with pytest.raises(MediaError, match="whole number"):
        resample(bytes(5), 8000, to_rate)
    with pytest.raises(CodecError, match="format 'd'"):
        resample(np.zeros(8), 8000, to_rate)
