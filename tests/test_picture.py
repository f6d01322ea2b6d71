"""Pictures of WAV files."""

from __future__ import annotations

import array
import math
import wave
from pathlib import Path

import pytest

from swsync.errors import MediaError
from swsync.picture import draw_waveforms
from swsync.views.figures import envelope


def _wav(path: Path, channels: int, width: int = 2) -> Path:
    tone = array.array("h", (int(9000 * math.sin(i / 5)) for i in range(8000 * channels)))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(8000)
        file.writeframes(tone.tobytes()[: 8000 * channels * width])
    return path


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_each_channel_is_drawn(channels: int, tmp_path: Path) -> None:
    """The picture is a PNG, larger with each channel."""
    png = tmp_path / "x.png"
    draw_waveforms(_wav(tmp_path / "x.wav", channels), png)
    data = png.read_bytes()
    assert b"\x89PNG\r\n\x1a\n" == data[:8]
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    assert (1100, round((1.2 + 1.9 * channels) * 110)) == (width, pytest.approx(height, abs=1))


def test_an_empty_file_is_drawn(tmp_path: Path) -> None:
    """No samples make an empty picture, not an error."""
    path = tmp_path / "x.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
    draw_waveforms(path, tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size > 1000


def test_other_widths_are_refused(tmp_path: Path) -> None:
    """Eight-bit files are not what swsync writes."""
    with pytest.raises(MediaError, match="16-bit"):
        draw_waveforms(_wav(tmp_path / "x.wav", 1, width=1), tmp_path / "x.png")


def test_the_envelope_keeps_the_extremes() -> None:
    """A single loud sample is seen at any width."""
    samples = array.array("h", [0] * 1000 + [30000] + [0] * 500 + [-31000] + [0] * 998)
    lowest, highest = envelope(samples, 50)
    assert (30000, -31000, 50) == (max(highest), min(lowest), len(lowest))
