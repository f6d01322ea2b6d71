"""A WAV file as a picture: the waveform of each channel."""

from __future__ import annotations

import array
import wave
from pathlib import Path

from swsync.errors import MediaError
from swsync.views.figures import new_figure, plot_waveform

__all__ = ["draw_waveforms"]


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
    with wave.open(str(wav), "rb") as file:
        channels, rate = file.getnchannels(), file.getframerate()
        if file.getsampwidth() != 2:
            raise MediaError(f"{wav}: only 16-bit WAV files can be drawn")
        samples = array.array("h", file.readframes(file.getnframes()))
    figure = new_figure(10, 1.2 + 1.9 * channels)
    rows = figure.subplots(channels, 1, sharex=True, squeeze=False)[:, 0]
    for channel, axes in enumerate(rows):
        plot_waveform(axes, samples[channel::channels], rate, f"C{channel}")
        axes.set_ylabel(titles[channel] if channel < len(titles) else f"channel {channel + 1}")
    rows[-1].set_xlabel("seconds")
    figure.suptitle(Path(wav).name)
    figure.savefig(str(png), dpi=110)
