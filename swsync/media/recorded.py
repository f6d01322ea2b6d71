"""What can be done with a recording that is in a file, or becomes one: look at it, hear it, take its samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from swsync.errors import ConfigurationError, MediaError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from swsync.media.quality import Alignment, LostSpan, Quality
    from swsync.media.soundreading import Sound

__all__ = ["Recorded"]

SHOWN = 300.0  # seconds that a picture or a player in a notebook has at most


class _Recording(Protocol):
    """What a recording tells of itself."""

    @property
    def path(self) -> Path | None: ...
    @property
    def closed(self) -> bool: ...
    @property
    def duration(self) -> float: ...
    @property
    def quality(self) -> Mapping[str, Quality]: ...
    @property
    def alignment(self) -> Alignment | None: ...
    @property
    def lost_spans(self) -> list[LostSpan]: ...


class Recorded:
    """Gives a recording ``plot``, ``to_numpy`` and its look in a notebook; all read the file as it is then."""

    def to_numpy(self: _Recording) -> Any:
        """All samples: int16 of shape ``(frames,)``, or ``(frames, 2)`` with left said and right heard.

        Frames a second are ``quality["said"].rate``. An hour of two sides is 115 MB.

        Raises:
            MediaError: There is no file, as it records into something else or has not begun.
            ConfigurationError: NumPy is not installed.
        """
        try:
            import numpy as np
        except ImportError:
            raise ConfigurationError("arrays need NumPy: pip install 'swsync[numpy]'") from None
        sound = _sound(self, None)
        flat = np.frombuffer(sound.pcm, dtype=np.int16)
        return flat if sound.channels == 1 else flat.reshape(-1, sound.channels)

    def plot(self: _Recording) -> Any:
        """A ``matplotlib.figure.Figure``: waveform, spectrogram and level of each side; what was lost is marked.

        Of a recording longer than five minutes it has the first five.

        Raises:
            MediaError: There is no file, as it records into something else or has not begun.
            ConfigurationError: matplotlib is not installed.
        """
        from swsync.views.figures import draw_recording

        sound = _sound(self, SHOWN)
        return draw_recording(sound, list(self.quality), self.lost_spans)

    def _repr_html_(self: _Recording) -> str:
        from swsync.views.recordings import recording_card

        try:
            sound = _sound(self, SHOWN)
        except MediaError as error:
            return recording_card(self, None, str(error))
        return recording_card(self, sound)


def _sound(recording: _Recording, most: float | None) -> Sound:
    """What is in the file so far."""
    from swsync.media.soundreading import read_sound

    path = recording.path
    if path is None:
        raise MediaError("this recording has no file to read back: give it a path, or read what its sink has")
    part = path.with_name(path.name + ".part")
    # Until the end a file of that name may be an older one.
    return read_sound(path if recording.closed else part, most)
