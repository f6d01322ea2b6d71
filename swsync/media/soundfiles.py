"""Recordings in any format that libsndfile writes: FLAC, Ogg Opus, MP3, AIFF ... (extra ``soundfile``)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from swsync.errors import ConfigurationError, MediaError
from swsync.media.partfile import PartFile
from swsync.media.sink import Sink

__all__ = ["SoundFileSink"]

# Suffix -> libsndfile's format and subtype; None is the format's own default.
FORMATS: dict[str, tuple[str, str | None]] = {
    ".flac": ("FLAC", "PCM_16"),
    ".ogg": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
    ".mp3": ("MP3", None),
    ".aiff": ("AIFF", "PCM_16"),
    ".aif": ("AIFF", "PCM_16"),
    ".au": ("AU", "PCM_16"),
    ".caf": ("CAF", "PCM_16"),
    ".w64": ("W64", "PCM_16"),
    ".rf64": ("RF64", "PCM_16"),
}


def is_for_soundfile(path: str | os.PathLike[str]) -> bool:
    """Whether the name says a format that is not WAV."""
    return Path(path).suffix.lower() in FORMATS


class SoundFileSink(Sink):
    """Writes ``path.part`` through soundfile, which becomes ``path`` when it is closed.

    Until then it holds what its format lets it hold: FLAC, Ogg and MP3 can be played up to what was written.

    Args:
        path: Of the finished file; its suffix says the format (``.flac``, ``.ogg``, ``.opus``, ``.mp3``, ``.aiff``,
            ``.au``, ``.caf``, ``.w64``, ``.rf64``).
        format: libsndfile's name of the format, for another suffix.
        subtype: libsndfile's name of the encoding.

    Raises:
        MediaError: soundfile is not installed, or the file cannot be made.
        ConfigurationError: There is no such format.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        format: str | None = None,  # noqa: A002 -- soundfile's own name of it
        subtype: str | None = None,
    ) -> None:
        known, default = FORMATS.get(Path(path).suffix.lower(), (None, None))
        self._format, self._subtype = format or known, subtype or (default if format is None else None)
        if self._format is None:
            raise ConfigurationError(f"{os.fspath(path)!r}: name the format of the file with format=, such as FLAC")
        self._soundfile = _load()
        try:
            is_possible = self._soundfile.check_format(self._format, self._subtype)
        except ValueError:
            is_possible = False
        if not is_possible:
            raise ConfigurationError(f"libsndfile here does not write {self._format} {self._subtype or ''}".rstrip())
        self._part = PartFile(path)
        self._file: Any = None

    @property
    def path(self) -> Path:
        """Of the finished file."""
        return self._part.path

    def begin(self, rate: int, channels: int) -> None:
        try:
            self._file = self._soundfile.SoundFile(
                os.dup(self._part.fd), "w", rate, channels, self._subtype, format=self._format, closefd=True
            )
        except (OSError, ValueError, RuntimeError, TypeError) as error:
            raise MediaError(f"cannot write the recording {self.path} at {rate} samples a second: {error}") from None

    def write(self, samples: Any) -> None:
        if self._file is None:
            raise MediaError(f"the recording {self.path} is closed")
        try:
            self._file.buffer_write(bytes(memoryview(samples).cast("B")), dtype="int16")
            self._file.flush()
        except (OSError, RuntimeError) as error:
            raise self._part.failure(error) from None

    def _end(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def close(self) -> None:
        try:
            self._end()
        except (OSError, RuntimeError) as error:
            raise self._part.failure(error) from None
        finally:
            self._part.close()

    def discard(self) -> None:
        try:
            self._end()
        except (OSError, RuntimeError):
            pass  # it goes anyway
        finally:
            self._part.discard()


def _load() -> Any:
    try:
        import soundfile
    except (ImportError, OSError):  # OSError: without libsndfile
        raise MediaError("formats other than WAV need soundfile: pip install 'swsync[soundfile]'") from None
    return soundfile
