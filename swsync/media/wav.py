"""WAV files that are valid at every moment, and the one thread that drains recordings."""

from __future__ import annotations

import array
import atexit
import errno
import logging
import os
import struct
import sys
from typing import TYPE_CHECKING, Any, Protocol

from swsync.clock import REAL
from swsync.errors import MediaError
from swsync.media.codec import as_octets, codec_number, encode
from swsync.media.partfile import PartFile
from swsync.media.sink import Sink

if TYPE_CHECKING:
    from pathlib import Path

    from swsync.clock import Clock
    from swsync.states import Codec

__all__ = ["WavWriter", "keep_draining", "stop_draining", "wav_header"]

logger = logging.getLogger(__name__)

FORMATS = {"L16": 1, "PCMA": 6, "PCMU": 7}  # WAVE_FORMAT_PCM, _ALAW, _MULAW
LARGEST = 2**32 - 1 - 60  # octets that the format's 32 bit sizes can state, less the longest header
EVERY = 0.2  # seconds between two drains
THREAD_NAME = "swsync-writer"


class WavWriter(Sink):
    """Writes a WAV to ``path.part``, which becomes ``path`` when it is closed.

    What is on disk is a valid WAV after every call. Not for use by two threads at once.

    Args:
        path: Of the finished file; an existing one is replaced at the end.
        channels: 1 or 2.
        rate: Samples a second; both may be set until the first samples are written.
        codec: ``L16`` for 16 bit PCM, or ``PCMU`` or ``PCMA`` (WAVE formats 7 and 6, half as long): what was received
            as that is written as the same values, without loss.

    Raises:
        MediaError: The file cannot be made, or another recording is being written to it.
        CodecError: There is no such codec.
    """

    def __init__(
        self, path: str | os.PathLike[str], channels: int = 1, rate: int = 8000, codec: Codec | str = "L16"
    ) -> None:
        _check_channels(channels)
        codec_number(codec)
        self.codec = str(codec).upper()
        self.channels = channels
        self.rate = rate
        self.frames = 0  # written so far
        self._file = PartFile(path)
        try:
            self._write_header()
        except BaseException:
            self.discard()
            raise

    @property
    def path(self) -> Path:
        """Of the finished file."""
        return self._file.path

    @property
    def part(self) -> Path:
        """Where it is until then."""
        return self._file.part

    @property
    def seconds(self) -> float:
        """Length of what was written so far."""
        return self.frames / self.rate

    @property
    def closed(self) -> bool:
        """Whether the file is finished."""
        return self._file.closed

    @property
    def _frame_octets(self) -> int:
        return self.channels * (2 if self.codec == "L16" else 1)

    def begin(self, rate: int, channels: int) -> None:
        """Say what will come, before the first samples.

        Raises:
            MediaError: That many channels do not fit.
        """
        _check_channels(channels)
        self.rate, self.channels = rate, channels
        self._write_header()

    def write(self, samples: Any) -> None:
        """Append samples (a buffer of int16, interleaved if stereo).

        Raises:
            CodecError: They are no int16, or there is half a one.
            MediaError: The disk is full or fails, the file has reached 4 GiB, or it is closed.
        """
        if self.closed:
            raise MediaError(f"the recording {self.path} is closed")
        data = as_octets(samples, self.channels)
        if len(data) % (2 * self.channels):
            raise MediaError("samples must be whole frames of int16")
        if self.codec != "L16":
            data = memoryview(encode(data, self.codec))
        elif sys.byteorder == "big":
            swapped = array.array("h", data.tobytes())
            swapped.byteswap()
            data = memoryview(swapped).cast("B")
        header = len(self._header())
        end = header + self.frames * self._frame_octets
        if end + len(data) > LARGEST:
            raise MediaError(f"the recording {self.path} has reached the 4 GiB that a WAV can hold")
        try:
            while data:
                written = os.pwrite(self._file.fd, data, end)
                end, data = end + written, data[written:]
        except OSError as error:
            raise self._file.failure(error) from None
        finally:
            # What fitted on a full disk counts. The header comes last: one that promises less than there is, is valid.
            self.frames = (end - header) // self._frame_octets
            self._write_header()

    def _header(self) -> bytes:
        return wav_header(self.codec, self.rate, self.channels, self.frames)

    def _write_header(self) -> None:
        header, octets = self._header(), self.frames * self._frame_octets
        try:
            if octets % 2 and os.pwrite(self._file.fd, b"\0", len(header) + octets) < 1:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if os.pwrite(self._file.fd, header, 0) < len(header):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise self._file.failure(error) from None

    def close(self) -> None:
        """Give the file its name. Idempotent.

        Raises:
            MediaError: It could not be renamed; ``path.part`` is still there.
        """
        octets = self.frames * self._frame_octets
        # A write that failed half way may have left more than the header tells of.
        self._file.close(len(self._header()) + octets + octets % 2)

    def discard(self) -> None:
        """Close without a recording: ``path.part`` goes, and a file that has the name stays. Idempotent."""
        self._file.discard()

    def __enter__(self) -> WavWriter:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()


def _check_channels(channels: int) -> None:
    if channels not in (1, 2):
        raise MediaError(f"a WAV has 1 or 2 channels here, not {channels}")


def wav_header(codec: str, rate: int, channels: int, frames: int | None) -> bytes:
    """The 44 octets before 16 bit PCM, or the 58 before G.711 (with a ``fact`` chunk, as formats other than PCM have).

    Args:
        codec: ``L16``, ``PCMU`` or ``PCMA``.
        rate: Samples a second.
        channels: 1 or 2.
        frames: How many there are; None where that is never known (a pipe): the sizes are as large as can be then.
    """
    width = 2 if codec == "L16" else 1
    align = width * channels
    form = struct.pack("<HHIIHH", FORMATS[codec], channels, rate, rate * align, align, 8 * width)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form
    if codec != "L16":
        chunks = b"fmt " + struct.pack("<I", len(form) + 2) + form + b"\0\0"  # the size of an extension: none
        chunks += b"fact" + struct.pack("<II", 4, 2**32 - 1 if frames is None else frames)
    octets = 0 if frames is None else frames * align
    riff = 2**32 - 1 if frames is None else 4 + len(chunks) + 8 + octets + octets % 2
    size = 2**32 - 1 if frames is None else octets
    return b"RIFF" + struct.pack("<I", riff) + b"WAVE" + chunks + b"data" + struct.pack("<I", size)


class Drained(Protocol):
    """What the writer's thread serves."""

    @property
    def clock(self) -> Clock: ...
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
        try:
            REAL.start(_run, THREAD_NAME)
        except RuntimeError as error:
            with _wake:
                _is_running = False
                _drained.discard(recording)
            raise MediaError(f"cannot record: {error}") from None


def stop_draining(recording: Drained) -> None:
    """No more of that; a drain that runs now may still finish. The thread ends with the last recording."""
    with _wake:
        _drained.discard(recording)
        _wake.notify_all()


def drain_now(clock: Clock) -> None:
    """Drain the recordings of a clock here: one that is virtual does not wait for the writer's thread."""
    with _wake:
        recordings = [recording for recording in _drained if recording.clock is clock]
    for recording in recordings:
        recording.drain()


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
