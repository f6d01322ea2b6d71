"""Where recordings go: WAV of both kinds, other formats, arrays, functions, pipes, and several at once."""

from __future__ import annotations

import array
import io
import os
import stat
import struct
import sys
import threading
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile
from rtppackets import pcm

from swsync import media
from swsync.clock import VirtualClock
from swsync.errors import CodecError, ConfigurationError, MediaError
from swsync.media.capture import Capture
from swsync.media.sinks import Sinks
from swsync.media.track import Track


def track(sound: bytes, codec: str = "PCMU") -> Track:
    """A track that holds that sound and has ended."""
    made = Track("audio", codec, clock=VirtualClock(), buffer=10.0)
    made.place(0, media.encode(sound, codec), made.clock.now())
    made.end()
    return made


def record(to: object, *sounds: bytes) -> Capture:
    """Record one or two sounds from beginning to end."""
    sides = dict(zip(("said", "heard"), map(track, sounds), strict=False))
    capture = Capture(to, **sides, clock=VirtualClock(), is_live=False)  # type: ignore[arg-type]
    capture.close()
    return capture


SOUND, OTHER = pcm(*range(10)), pcm(*range(10, 20))


def test_what_a_wav_takes(tmp_path: Path) -> None:
    """Samples of two channels in one row or in two columns; floats, as sound files are often read, are refused."""
    with media.WavWriter(tmp_path / "a.wav", channels=2) as writer:
        writer.write(np.array([1, 2, 3, 4], np.int16))
        writer.write(np.array([[5, 6], [7, 8]], np.int16))
        for bad in (np.zeros((2, 2)), np.zeros((2, 2), np.float32), np.zeros((1, 4), np.int16)):
            with pytest.raises(CodecError, match="expected"):
                writer.write(bad)
    got, _ = soundfile.read(tmp_path / "a.wav", dtype="int16")
    assert [[1, 2], [3, 4], [5, 6], [7, 8]] == got.tolist()


@pytest.mark.parametrize(("codec", "format_tag"), [("PCMU", 7), ("PCMA", 6)])
@pytest.mark.parametrize("samples", [1, 1600, 1601])
def test_wav_of_the_codes_themselves(codec: str, format_tag: int, samples: int, tmp_path: Path) -> None:
    """Every octet as it was on the wire, a fact chunk, and an even length; soundfile reads it."""
    path = tmp_path / "a.wav"
    codes = bytes(i % 127 for i in range(samples))  # all but minus zero of mu-law, which is zero
    with media.WavWriter(path, codec=codec) as writer:
        for at in range(0, samples, 7):
            writer.write(media.decode(codes[at : at + 7], codec))
            part = (tmp_path / "a.wav.part").read_bytes()
            assert len(part) == 8 + struct.unpack_from("<I", part, 4)[0]
            soundfile.info(str(writer.part), verbose=False)
    data = path.read_bytes()
    assert data[12:38] == b"fmt " + struct.pack("<IHHIIHHH", 18, format_tag, 1, 8000, 8000, 1, 8, 0)
    assert data[38:50] == b"fact" + struct.pack("<II", 4, samples)
    assert data[50:58] == b"data" + struct.pack("<I", samples)
    assert data[58:] == codes + b"\0" * (samples % 2)
    got, rate = soundfile.read(path, dtype="int16")
    assert (media.decode(codes, codec), 8000) == (got.tobytes(), rate)
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    with pytest.raises(CodecError):
        media.WavWriter(tmp_path / "b.wav", codec="MP3")


@pytest.mark.parametrize("suffix", [".flac", ".aiff", ".au", ".caf", ".w64"])
def test_formats_through_soundfile(suffix: str, tmp_path: Path) -> None:
    """Lossless ones give every sample back; the file is private and has its name only at the end."""
    path = tmp_path / f"call{suffix}"
    capture = record(path, SOUND, OTHER)
    assert path == capture.path
    got, rate = soundfile.read(path, dtype="int16")
    assert (1600, 2, 8000) == (*got.shape, rate)
    assert SOUND == got[:, 0].tobytes()
    assert OTHER == got[:, 1].tobytes()
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert [path] == list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".ogg", ".opus", ".mp3"])
def test_formats_that_lose_something(suffix: str, tmp_path: Path) -> None:
    """They can be read, and are as long as the sound, more or less."""
    path = tmp_path / f"call{suffix}"
    record(path, SOUND * 5)
    got, rate = soundfile.read(path)
    assert len(got) / rate == pytest.approx(1.0, abs=0.2)


def test_what_soundfile_cannot_do_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown format, a place that cannot be written, no soundfile: before any audio, and nothing is left."""
    with pytest.raises(ConfigurationError, match="format="):
        media.SoundFileSink(tmp_path / "a.xyz")
    with pytest.raises(ConfigurationError, match="does not write"):
        media.SoundFileSink(tmp_path / "a.xyz", format="FLAC", subtype="ULAW")
    with pytest.raises(MediaError, match="no-such"):
        media.SoundFileSink(tmp_path / "no-such" / "a.flac")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(MediaError, match=r"swsync\[soundfile\]"):
        Sinks([tmp_path / "a.wav", tmp_path / "a.flac"], 1)
    assert [] == list(tmp_path.iterdir())


def test_an_empty_recording_replaces_nothing(tmp_path: Path) -> None:
    """Without audio the older file stays, whatever the format."""
    path = tmp_path / "a.flac"
    path.write_bytes(b"older")
    capture = Capture(path, Track("audio", clock=VirtualClock()), clock=VirtualClock(), is_live=False)
    with pytest.raises(MediaError, match="no audio"):
        capture.close()
    assert (b"older", [path]) == (path.read_bytes(), list(tmp_path.iterdir()))


def test_arrays() -> None:
    """One track is a row of int16, two are columns; more than the limit is refused."""
    one, two = media.ArraySink(), media.ArraySink()
    record(one, SOUND)
    record(two, SOUND, OTHER)
    assert (np.int16, (1600,), (1600, 2)) == (one.samples.dtype, one.samples.shape, two.samples.shape)
    assert SOUND == one.samples.tobytes() == two.samples[:, 0].tobytes()
    assert OTHER == two.samples[:, 1].tobytes()
    assert None is Capture(media.ArraySink(), track(SOUND), clock=VirtualClock(), is_live=False).path
    with pytest.raises(MediaError, match="max_seconds"):
        record(media.ArraySink(max_seconds=0.1), SOUND)


def test_a_function_gets_every_block() -> None:
    """On a thread of its own, in order, all of it before the end."""
    blocks, threads = [], set()

    def take(samples: memoryview) -> None:
        assert "h" == samples.format
        blocks.append(bytes(samples))
        threads.add(threading.current_thread().name)

    record(take, SOUND * 20)
    assert SOUND * 20 == b"".join(blocks)
    assert {"swsync-sink"} == threads


def test_a_function_that_raises_or_is_slow(tmp_path: Path) -> None:
    """What it raises is told at the end, and the file beside it is whole; what it is too slow for is counted."""

    def fail(samples: memoryview) -> None:
        raise ValueError("no more")

    def leave(samples: memoryview) -> None:
        raise SystemExit("no more")

    for function in (leave, fail):
        with pytest.raises(MediaError, match="no more"):
            record([function, tmp_path / "a.wav"], SOUND * 20)
    assert SOUND * 20 == soundfile.read(tmp_path / "a.wav", dtype="int16")[0].tobytes()

    gate, taken = threading.Event(), []

    def wait(samples: memoryview) -> None:
        gate.wait(30)
        taken.append(len(samples))

    sink = media.CallbackSink(wait, buffer=0.5)
    sink.begin(8000, 1)
    for _ in range(10):
        sink.write(bytes(1600))
    gate.set()
    sink.close()
    assert sink.dropped >= 4000
    assert 8000 == sum(taken) + sink.dropped


def test_a_function_may_end_its_recording() -> None:
    """Closing from inside waits for nobody, itself least of all; what is queued is given to it after that."""
    gate, over = threading.Event(), threading.Event()
    taken: list[bytes] = []

    def take(block: memoryview) -> None:
        gate.wait(60)
        if not taken:
            sink.close()
        taken.append(bytes(block))
        if len(taken) == 2:
            over.set()

    sink = media.CallbackSink(take)
    sink.begin(8000, 1)
    sink.write(SOUND)
    sink.write(OTHER)
    gate.set()

    assert over.wait(60)
    assert [SOUND, OTHER] == taken
    sink.close()


@pytest.mark.parametrize("container", ["raw", "wav"])
def test_a_pipe(container: str) -> None:
    """The other end reads what comes, with or without a header."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as far, os.fdopen(writing, "wb", buffering=0) as near:
        got: list[bytes] = []
        reader = threading.Thread(target=lambda: got.append(far.read()))
        reader.start()
        record(media.FileSink(near, container), SOUND, SOUND)
        near.close()
        reader.join(10)
    both = array.array("h", [sample for sample in array.array("h", SOUND) for _ in range(2)]).tobytes()
    assert both == got[0][44 if container == "wav" else 0 :]
    if container == "wav":
        with wave.open(io.BytesIO(got[0])) as file:
            assert (2, 8000) == (file.getnchannels(), file.getframerate())


def test_a_broken_pipe_is_told() -> None:
    """The reader has gone away."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb", buffering=0) as near, pytest.raises(MediaError, match="Broken pipe"):
        record(near, SOUND)


def test_several_at_once(tmp_path: Path) -> None:
    """All get the same; what is nothing to write to is refused, and nothing is left of the others."""
    file, kept = io.BytesIO(), media.ArraySink()
    capture = record([tmp_path / "a.wav", media.WavWriter(tmp_path / "b.wav", codec="PCMU"), kept, file], SOUND)
    assert tmp_path / "a.wav" == capture.path
    assert SOUND == kept.samples.tobytes() == file.getvalue()
    for name in ("a.wav", "b.wav"):
        assert SOUND == soundfile.read(tmp_path / name, dtype="int16")[0].tobytes()
    for nothing in ([], [tmp_path / "c.wav", 7]):
        with pytest.raises(ConfigurationError):
            record(nothing, SOUND)
    assert not list(tmp_path.glob("c.wav*"))


class Broken(media.Sink):
    """A sink of the user's that fails in one of its methods."""

    def __init__(self, method: str, error: BaseException) -> None:
        def fail(*_: object) -> None:
            raise error

        setattr(self, method, fail)

    def write(self, samples: object) -> None:
        """Take them."""


@pytest.mark.parametrize("error", [ValueError("mine"), SystemExit("mine")])
@pytest.mark.parametrize("method", ["begin", "write", "close"])
def test_a_sink_that_raises_anything_spoils_no_other(method: str, error: BaseException, tmp_path: Path) -> None:
    """The file beside it is whole and has its name, and what happened is told as MediaError."""
    with pytest.raises(MediaError, match=r"Broken.*mine"):
        record([Broken(method, error), tmp_path / "a.wav"], SOUND * 20)

    assert SOUND * 20 == soundfile.read(tmp_path / "a.wav", dtype="int16")[0].tobytes()
    assert ["a.wav"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize("error", [ValueError("mine"), SystemExit("mine")])
def test_a_sink_that_fails_and_cannot_be_closed_spoils_no_other(error: BaseException, tmp_path: Path) -> None:
    """Nor one that cannot be discarded: what is told is the first that happened."""

    class Worse(Broken):
        def close(self) -> None:
            raise error

        def discard(self) -> None:
            raise error

    with pytest.raises(MediaError, match=r"Worse.*first"):
        record([Worse("write", ValueError("first")), tmp_path / "a.wav"], SOUND * 20)
    assert SOUND * 20 == soundfile.read(tmp_path / "a.wav", dtype="int16")[0].tobytes()
    sinks = Sinks([Worse("begin", error), tmp_path / "b.wav"], 1)
    sinks.discard()
    assert ["a.wav"] == [path.name for path in tmp_path.iterdir()]


def test_a_sink_that_cannot_say_who_it_is_spoils_no_other(tmp_path: Path) -> None:
    """Nor an error that cannot say what it is: their kinds are told."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError("no words")

    class Nameless(Broken):
        def __repr__(self) -> str:
            raise ValueError("no name")

    with pytest.raises(MediaError, match=r"a Nameless has failed: Mute$"):
        record([Nameless("write", Mute()), tmp_path / "a.wav"], SOUND * 20)
    assert SOUND * 20 == soundfile.read(tmp_path / "a.wav", dtype="int16")[0].tobytes()
