"""WAV files: valid at every moment, private, and named only when they are done."""

from __future__ import annotations

import array
import os
import stat
import wave
from pathlib import Path

import pytest

from swsync.errors import MediaError
from swsync.media.wav import LARGEST, WavWriter


def read(path: Path) -> tuple[int, int, bytes]:
    """Channels, rate and samples by the standard library's reader."""
    with wave.open(str(path), "rb") as file:
        assert 2 == file.getsampwidth()
        return file.getnchannels(), file.getframerate(), file.readframes(file.getnframes())


def test_valid_after_every_write(tmp_path: Path) -> None:
    """The part file is a whole WAV before, between and after the writes; its name comes at the end."""
    path = tmp_path / "a.wav"
    writer = WavWriter(path, channels=2, rate=16000)
    part = tmp_path / "a.wav.part"
    assert (2, 16000, b"") == read(part)
    for n in range(1, 4):
        writer.write(array.array("h", [n, -n]))
        assert n == writer.frames
        assert (2, 16000, array.array("h", [v for k in range(1, n + 1) for v in (k, -k)]).tobytes()) == read(part)
    assert not path.exists()
    writer.close()
    writer.close()
    assert (4 * 3, False) == (len(read(path)[2]), part.exists())
    assert 44 + 12 == path.stat().st_size


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    """Calls are private."""
    with WavWriter(tmp_path / "a.wav"):
        pass
    assert 0o600 == stat.S_IMODE((tmp_path / "a.wav").stat().st_mode)


def test_an_existing_file_is_replaced_at_the_end(tmp_path: Path) -> None:
    """Until then the old one stays."""
    path = tmp_path / "a.wav"
    path.write_bytes(b"old")
    with WavWriter(path) as writer:
        writer.write(b"\1\0")
        assert b"old" == path.read_bytes()
    assert (1, 8000, b"\1\0") == read(path)


def test_unwritable_places_are_explained(tmp_path: Path) -> None:
    """A missing directory, a directory in its place: a sentence with the path."""
    with pytest.raises(MediaError, match="no-such"):
        WavWriter(tmp_path / "no-such" / "a.wav")
    with pytest.raises(MediaError, match="directory"):
        WavWriter(tmp_path)
    with pytest.raises(MediaError, match="1 or 2 channels"):
        WavWriter(tmp_path / "a.wav", channels=3)


def test_misuse_is_refused(tmp_path: Path) -> None:
    """Half a frame, a closed file, more than the format can hold."""
    writer = WavWriter(tmp_path / "a.wav", channels=2)
    with pytest.raises(MediaError, match="whole frames"):
        writer.write(b"\0\0")
    writer.frames = LARGEST // 4 - 20
    with pytest.raises(MediaError, match="4 GiB"):
        writer.write(bytes(400))
    writer.frames = 0
    writer.close()
    with pytest.raises(MediaError, match="closed"):
        writer.write(bytes(4))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_is_explained(tmp_path: Path) -> None:
    """The header cannot be written: a sentence, no descriptor left."""
    os.symlink("/dev/full", tmp_path / "a.wav.part")
    with pytest.raises(MediaError, match="space"):
        WavWriter(tmp_path / "a.wav")
