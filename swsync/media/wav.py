"""WAV files that are valid at every moment, and the one thread that drains recordings into them."""

from __future__ import annotations

import array
import atexit
import logging
import os
import struct
import sys
from pathlib import Path
from typing import Any, Protocol

from swsync.clock import REAL
from swsync.errors import MediaError

__all__ = ["WavWriter", "keep_draining", "stop_draining"]

logger = logging.getLogger(__name__)

HEADER = 44
LARGEST = 2**32 - 1 - HEADER  # octets of samples that the format's 32 bit sizes can state
EVERY = 0.2  # seconds between two drains
THREAD_NAME = "swsync-writer"


class WavWriter:
    """Writes 16 bit PCM to ``path.part``, which becomes ``path`` when it is closed.

    What is on disk is a valid WAV after every call. Not for use by two threads at once.

    Args:
        path: Of the finished file; an existing one is replaced at the end.
        channels: 1 or 2.
        rate: Samples a second; may be set until the first samples are written.

    Raises:
        MediaError: The file cannot be made.
    """

    def __init__(self, path: str | os.PathLike[str], channels: int = 1, rate: int = 8000) -> None:
        if channels not in (1, 2):
            raise MediaError(f"a WAV has 1 or 2 channels here, not {channels}")
        self.path = Path(path)
        self.part = self.path.with_name(self.path.name + ".part")
        self.channels = channels
        self.rate = rate
        self.frames = 0  # written so far
        self._closed = False
        try:
            if self.path.is_dir():
                raise IsADirectoryError(21, "it is a directory")
            # Calls are private: nobody else on the machine may read them.
            self._fd = os.open(self.part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._failure(error) from None
        try:
            self._write_header()
        except BaseException:
            os.close(self._fd)
            raise

    def _failure(self, error: OSError) -> MediaError:
        return MediaError(f"cannot write the recording {self.path}: {error.strerror or error}")

    @property
    def seconds(self) -> float:
        return self.frames / self.rate

    @property
    def closed(self) -> bool:
        return self._closed

    def write(self, samples: Any) -> None:
        """Append samples (a buffer of int16, interleaved if stereo).

        Raises:
            MediaError: The disk is full or fails, the file has reached 4 GiB, or it is closed.
        """
        if self._closed:
            raise MediaError(f"the recording {self.path} is closed")
        data = memoryview(samples).cast("B")
        if len(data) % (2 * self.channels):
            raise MediaError("samples must be whole frames of int16")
        if sys.byteorder == "big":
            swapped = array.array("h", data.tobytes())
            swapped.byteswap()
            data = memoryview(swapped).cast("B")
        at = HEADER + self.frames * 2 * self.channels
        if at + len(data) > LARGEST:
            raise MediaError(f"the recording {self.path} has reached the 4 GiB that a WAV can hold")
        try:
            while data:
                written = os.pwrite(self._fd, data, at)
                at, data = at + written, data[written:]
        except OSError as error:
            raise self._failure(error) from None
        # The samples first: a header that promises less than there is, is valid.
        self.frames = (at - HEADER) // (2 * self.channels)
        self._write_header()

    def _write_header(self) -> None:
        octets, align = self.frames * 2 * self.channels, 2 * self.channels
        form = struct.pack("<HHIIHH", 1, self.channels, self.rate, self.rate * align, align, 16)
        riff = b"RIFF" + struct.pack("<I", HEADER - 8 + octets) + b"WAVEfmt " + struct.pack("<I", 16) + form
        try:
            os.pwrite(self._fd, riff + b"data" + struct.pack("<I", octets), 0)
        except OSError as error:
            raise self._failure(error) from None

    def close(self) -> None:
        """Give the file its name. Idempotent.

        Raises:
            MediaError: It could not be renamed; ``path.part`` is still there.
        """
        if self._closed:
            return
        self._closed = True
        try:
            os.close(self._fd)
            os.replace(self.part, self.path)
        except OSError as error:
            raise self._failure(error) from None

    def __enter__(self) -> WavWriter:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()


class Drained(Protocol):
    """What the writer's thread serves."""

    def drain(self) -> None: ...
    def close(self) -> None: ...


_wake = REAL.condition()
_drained: set[Drained] = set()  # guarded by _wake
_is_running = False  # guarded by _wake
_will_stop_at_exit = False  # guarded by _wake


def keep_draining(recording: Drained) -> None:
    """Have the writer's thread call ``recording.drain()`` several times a second."""
    global _is_running, _will_stop_at_exit
    with _wake:
        _drained.add(recording)
        must_start, _is_running = not _is_running, True
        must_register, _will_stop_at_exit = not _will_stop_at_exit, True
    if must_register:
        atexit.register(_close_all)
    if must_start:
        REAL.start(_run, THREAD_NAME)


def stop_draining(recording: Drained) -> None:
    """No more of that; a drain that runs now may still finish. The thread ends with the last recording."""
    with _wake:
        _drained.discard(recording)
        _wake.notify_all()


def _run() -> None:
    global _is_running
    while True:
        with _wake:
            if not _drained:
                _is_running = False
                return
            now = list(_drained)
        for recording in now:
            try:
                recording.drain()
            except Exception:
                logger.exception("a recording has failed")
                stop_draining(recording)
        with _wake:
            _wake.wait_for(lambda: not _drained, EVERY)


def _close_all() -> None:
    """At exit: files get what has come, and their names."""
    with _wake:
        recordings = list(_drained)
    for recording in recordings:
        try:
            recording.close()
        except MediaError as error:
            logger.warning("%s", error)


def _forget_parent() -> None:
    """In a forked child: the recordings are the parent's, and so is its thread."""
    global _wake, _is_running
    _wake = REAL.condition()
    _drained.clear()
    _is_running = False


os.register_at_fork(after_in_child=_forget_parent)
