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


def test_a_full_disk_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The header cannot be written: a sentence, and neither a descriptor nor a file is left."""
    monkeypatch.setattr(os, "pwrite", lambda *args: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(MediaError, match="space"):
        WavWriter(tmp_path / "a.wav")
    assert [] == list(tmp_path.iterdir())


def test_a_disk_that_fills_up_keeps_what_fitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole frames of it, and nothing behind them; a header that does not fit is no recording at all."""
    real, room = os.pwrite, 44 + 30

    def pwrite(fd: int, data: bytes, at: int) -> int:
        if at >= room:
            raise OSError(28, "No space left on device")
        return real(fd, memoryview(data)[: room - at], at)

    monkeypatch.setattr(os, "pwrite", pwrite)
    path = tmp_path / "a.wav"
    writer = WavWriter(path, channels=2)
    writer.write(bytes(16))
    with pytest.raises(MediaError, match="space"):
        writer.write(b"\1" * 16)
    writer.close()
    assert (2, 8000, bytes(16) + b"\1" * 12) == read(path)
    assert 44 + 28 == path.stat().st_size
    room = 10
    with pytest.raises(MediaError, match="space"):
        WavWriter(tmp_path / "b.wav")
    assert [path] == list(tmp_path.iterdir())


def test_a_relative_path_is_of_the_directory_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process may change it while it records."""
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    with WavWriter("a.wav"):
        monkeypatch.chdir(tmp_path / "other")
    assert (1, 8000, b"") == read(tmp_path / "a.wav")


def test_names_that_no_file_can_have(tmp_path: Path) -> None:
    """Empty, with a NUL, not encodable: the same error as for any other place that cannot be written."""
    for name in ("", "/", "a\0b", "a\ud800"):
        with pytest.raises(MediaError, match="recording"):
            WavWriter(name if name in ("", "/") else tmp_path / name)


def test_what_is_no_file_is_left_alone(tmp_path: Path) -> None:
    """A pipe or a device keeps its name; a link in the place of the part file is not followed."""
    os.mkfifo(tmp_path / "a.wav")
    os.mkfifo(tmp_path / "b.wav.part")
    (tmp_path / "victim").write_bytes(b"theirs")
    os.symlink(tmp_path / "victim", tmp_path / "c.wav.part")
    for name in ("a.wav", "b.wav", "c.wav"):
        with pytest.raises(MediaError, match=name):
            WavWriter(tmp_path / name)
    assert stat.S_ISFIFO((tmp_path / "a.wav").stat().st_mode)
    assert b"theirs" == (tmp_path / "victim").read_bytes()


def test_two_recordings_do_not_write_into_one_file(tmp_path: Path) -> None:
    """The second is refused while the first goes on; what a crash left behind is no obstacle."""
    path = tmp_path / "a.wav"
    (tmp_path / "a.wav.part").write_bytes(b"left behind by a crash" * 100)
    with WavWriter(path) as first:
        with pytest.raises(MediaError, match="another recording"):
            WavWriter(path)
        first.write(b"\1\0")
    assert (1, 8000, b"\1\0") == read(path)
    with WavWriter(path):
        pass
    assert (1, 8000, b"") == read(path)


def test_discarding_leaves_the_old_file(tmp_path: Path) -> None:
    """And nothing else."""
    path = tmp_path / "a.wav"
    path.write_bytes(b"old")
    writer = WavWriter(path)
    writer.write(b"\1\0")
    writer.discard()
    writer.discard()
    writer.close()
    assert ([path], b"old") == (list(tmp_path.iterdir()), path.read_bytes())
