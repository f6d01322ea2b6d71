"""A WAV file as a picture: the waveform of each channel."""

from __future__ import annotations

import array
import wave
from pathlib import Path

from swsync.errors import ConfigurationError, MediaError

__all__ = ["draw_waveforms"]

COLUMNS = 1600  # pairs of (lowest, highest) sample that are drawn across the picture


def _envelope(samples: array.array[int], columns: int) -> tuple[list[int], list[int]]:
    """The lowest and the highest sample of each column: what the eye sees of a waveform at that width."""
    width = max(1, -(-len(samples) // columns))
    blocks = [samples[i : i + width] for i in range(0, len(samples), width)]
    return [min(block) for block in blocks], [max(block) for block in blocks]


def draw_waveforms(wav: str | Path, png: str | Path, titles: tuple[str, ...] = ("said", "heard")) -> None:
    """Draw one row for each channel of a 16-bit WAV file.

    Args:
        wav: The file to read.
        png: The picture to write.
        titles: What the channels are called, from left.

    Raises:
        ConfigurationError: matplotlib is not installed.
        MediaError: The file is not 16-bit PCM.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ConfigurationError("pictures need matplotlib: pip install 'swsync[plot]'") from None
    with wave.open(str(wav), "rb") as file:
        channels, rate = file.getnchannels(), file.getframerate()
        if file.getsampwidth() != 2:
            raise MediaError(f"{wav}: only 16-bit WAV files can be drawn")
        samples = array.array("h", file.readframes(file.getnframes()))
    # Without pyplot there is no global state: this is safe in any thread and needs no screen.
    figure = Figure(figsize=(10, 1.2 + 1.9 * channels), layout="constrained")
    FigureCanvasAgg(figure)
    rows = figure.subplots(channels, 1, sharex=True, squeeze=False)[:, 0]
    for channel, axes in enumerate(rows):
        lowest, highest = _envelope(samples[channel::channels], COLUMNS)
        seconds = len(samples) / channels / rate
        times = [i * seconds / max(1, len(lowest)) for i in range(len(lowest))]
        axes.fill_between(times, lowest, highest, linewidth=0.4, color=f"C{channel}")
        axes.set_ylim(-32768, 32767)
        axes.set_yticks([-32768, 0, 32767], ["-1", "0", "1"])
        axes.set_ylabel(titles[channel] if channel < len(titles) else f"channel {channel + 1}")
        axes.grid(alpha=0.3)
    rows[-1].set_xlabel("seconds")
    figure.suptitle(Path(wav).name)
    figure.savefig(str(png), dpi=110)
