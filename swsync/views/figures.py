"""Pictures of recordings, on matplotlib."""

from __future__ import annotations

import io
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from swsync.errors import ConfigurationError

if TYPE_CHECKING:
    from swsync.media.quality import LostSpan
    from swsync.media.soundreading import Sound

__all__ = ["as_png", "draw_recording", "envelope", "new_figure", "plot_waveform"]

COLUMNS = 1600  # pairs of (lowest, highest) sample that are drawn across the picture
COLOURS = ("C0", "C1")
LEVEL_STEP = 0.1  # seconds
FLOOR = -80.0  # dBov, the lowest that is drawn
LOST = "#c0392b"
WINDOW = 256  # samples of one column of a spectrogram: 32 ms at 8 kHz


def new_figure(width: float, height: float) -> Any:
    """An empty figure, which a notebook shows as a PNG.

    Raises:
        ConfigurationError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ConfigurationError("pictures need matplotlib: pip install 'swsync[plot]'") from None

    class Picture(Figure):
        """A figure that shows itself, though pyplot was never imported."""

        def _repr_png_(self) -> bytes:
            return as_png(self)

    # Without pyplot there is no global state: this is safe in any thread and needs no screen.
    figure = Picture(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def as_png(figure: Any) -> bytes:
    """The figure as a file, without a word about what made it."""
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=100, metadata={"Software": None})
    return data.getvalue()


def envelope(samples: array[int], columns: int) -> tuple[list[int], list[int]]:
    """The lowest and the highest sample of each column: what the eye sees of a waveform at that width."""
    width = max(1, -(-len(samples) // columns))
    blocks = [samples[i : i + width] for i in range(0, len(samples), width)]
    return [min(block) for block in blocks], [max(block) for block in blocks]


def plot_waveform(axes: Any, samples: array[int], rate: int, colour: str) -> None:
    """Fill axes with a waveform over seconds."""
    lowest, highest = envelope(samples, COLUMNS)
    seconds = len(samples) / rate
    times = [i * seconds / max(1, len(lowest)) for i in range(len(lowest))]
    axes.fill_between(times, lowest, highest, linewidth=0.4, color=colour)
    axes.set_ylim(-32768, 32767)
    axes.set_yticks([-32768, 0, 32767], ["-1", "0", "1"])
    axes.grid(alpha=0.3)


def draw_recording(sound: Sound, sides: Sequence[str], lost: Sequence[LostSpan] = ()) -> Any:
    """Each channel's waveform and spectrogram, and the levels of all below.

    Args:
        sound: The samples.
        sides: What the channels are called, from left.
        lost: Stretches that never came; drawn red.
    """
    count = sound.channels
    figure = new_figure(10, 0.8 + 2.4 * count + 1.3)
    rows = figure.subplots(2 * count + 1, 1, sharex=True, height_ratios=[1.1, 1.1] * count + [1.1])
    samples = array("h", sound.pcm)
    for channel in range(count):
        name = sides[channel] if channel < len(sides) else f"channel {channel + 1}"
        one = samples[channel::count]
        wave, spectrum = rows[2 * channel], rows[2 * channel + 1]
        plot_waveform(wave, one, sound.rate, COLOURS[channel])
        wave.set_ylabel(name)
        _mark_lost(wave, [span for span in lost if span.side == name], sound.seconds)
        _plot_spectrum(spectrum, one, sound.rate)
        _plot_level(rows[-1], one, sound.rate, name, COLOURS[channel])
    rows[-1].set_ylim(FLOOR, 0)
    rows[-1].set_ylabel("dBov")
    rows[-1].grid(alpha=0.3)
    if sound.seconds:
        rows[-1].set_xlim(0, sound.seconds)
        rows[-1].legend(loc="upper right", frameon=False, ncols=count)
    rows[-1].set_xlabel("seconds" + (" (the first of more)" if sound.is_cut else ""))
    return figure


def _mark_lost(axes: Any, spans: Sequence[LostSpan], seconds: float) -> None:
    for span in spans[:COLUMNS]:
        if span.start < seconds:
            axes.axvspan(span.start, span.end, color=LOST, alpha=0.35, linewidth=0)


def _plot_spectrum(axes: Any, samples: array[int], rate: int) -> None:
    import numpy as np

    axes.set_ylabel("kHz")
    axes.set_ylim(0, rate / 2000)
    count = len(samples) // WINDOW
    if not count:
        return
    step = max(1, count // COLUMNS)  # as many columns as can be seen
    blocks = np.frombuffer(samples, dtype=np.int16)[: count * WINDOW].reshape(count, WINDOW)[::step]
    power = np.abs(np.fft.rfft(blocks * np.hanning(WINDOW), axis=1)) ** 2
    shown = 10 * np.log10(power.T + 1.0)
    extent = (0, count * WINDOW / rate, 0, rate / 2000)
    top = max(40.0, float(shown.max()))
    axes.imshow(shown, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=top - 70, vmax=top)


def _plot_level(axes: Any, samples: array[int], rate: int, name: str, colour: str) -> None:
    """RMS of each tenth of a second against a full-scale square wave (ITU-T G.100.1)."""
    import numpy as np

    width = max(1, int(LEVEL_STEP * rate))
    count = len(samples) // width
    blocks = np.frombuffer(samples, dtype=np.int16)[: count * width].reshape(count, width).astype(float)
    level = 10 * np.log10(np.maximum((blocks**2).mean(axis=1) / 32768.0**2, 10 ** (FLOOR / 10)))
    axes.plot((np.arange(count) + 0.5) * width / rate, level, color=colour, label=name, linewidth=1.0)
