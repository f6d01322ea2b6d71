"""WAV files that are valid at every moment, and the one thread that drains recordings into them."""

from __future__ import annotations

import array
import atexit
import contextlib
import errno
import fcntl
import logging
import os
import stat
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from swsync.clock import REAL
from swsync.errors import MediaError

if TYPE_CHECKING:
    from swsync.clock import Clock

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
        MediaError: The file cannot be made, or another recording is being written to it.
    """

    def __init__(self, path: str | os.PathLike[str], channels: int = 1, rate: int = 8000) -> None:
        if channels not in (1, 2):
            raise MediaError(f"a WAV has 1 or 2 channels here, not {channels}")
        self.path = Path(path)
        if not self.path.name:
            raise MediaError(f"a recording needs the name of a file, not {os.fspath(path)!r}")
        self.channels = channels
        self.rate = rate
        self.frames = 0  # written so far
        self._closed = False
        try:
            # The process may go to another directory before the end.
            self.path = self.path.absolute()
            self.part = self.path.with_name(self.path.name + ".part")
            if self.path.is_dir():
                raise IsADirectoryError(21, "it is a directory")
            _check_regular(self.path)
            self._fd = _open_alone(self.part)
        except (OSError, ValueError) as error:
            raise self._failure(error) from None
        try:
            self._write_header()
        except BaseException:
            self.discard()
            raise

    def _failure(self, error: OSError | ValueError) -> MediaError:
        return MediaError(f"cannot write the recording {self.path}: {getattr(error, 'strerror', None) or error}")

    @property
    def seconds(self) -> float:
        """Length of what was written so far."""
        return self.frames / self.rate

    @property
    def closed(self) -> bool:
        """Whether the file is finished."""
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
        end = HEADER + self.frames * 2 * self.channels
        if end + len(data) > LARGEST:
            raise MediaError(f"the recording {self.path} has reached the 4 GiB that a WAV can hold")
        try:
            while data:
                written = os.pwrite(self._fd, data, end)
                end, data = end + written, data[written:]
        except OSError as error:
            raise self._failure(error) from None
        finally:
            # What fitted on a full disk counts. The header comes last: one that promises less than there is, is valid.
            self.frames = (end - HEADER) // (2 * self.channels)
            self._write_header()

    def _write_header(self) -> None:
        octets, align = self.frames * 2 * self.channels, 2 * self.channels
        form = struct.pack("<HHIIHH", 1, self.channels, self.rate, self.rate * align, align, 16)
        riff = b"RIFF" + struct.pack("<I", HEADER - 8 + octets) + b"WAVEfmt " + struct.pack("<I", 16) + form
        try:
            if os.pwrite(self._fd, riff + b"data" + struct.pack("<I", octets), 0) < HEADER:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
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
            with contextlib.suppress(OSError):
                # A write that failed half way may have left more than the header tells of.
                os.ftruncate(self._fd, HEADER + self.frames * 2 * self.channels)
            os.close(self._fd)
            os.replace(self.part, self.path)
        except OSError as error:
            raise self._failure(error) from None

    def discard(self) -> None:
        """Close without a recording: ``path.part`` goes, and a file that has the name stays. Idempotent."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(OSError):
            self.part.unlink()
        os.close(self._fd)

    def __enter__(self) -> WavWriter:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()


def _check_regular(file: Path | int) -> None:
    """Raise if there is something else than a file: a pipe cannot hold a recording, /dev/null must not become one."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(os.stat(file).st_mode):
            raise OSError(22, "it is not a regular file")


def _open_alone(part: Path) -> int:
    """Open an empty file that no other recording writes to; what a crash left behind is overwritten.

    Raises:
        OSError: It cannot be opened, or another recording has it.
    """
    # Calls are private: nobody else on the machine may read them, or have them written to a place of his choice.
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    while True:
        fd = os.open(part, flags, 0o600)
        try:
            _check_regular(fd)
            _lock(fd)
            # The other recording may have been finished, and renamed, since it was opened here.
            if part.exists() and os.path.samestat(os.stat(part), os.fstat(fd)):
                os.ftruncate(fd, 0)
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _lock(fd: int) -> None:
    """The lock goes with the descriptor, even by SIGKILL."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OSError(error.errno, "another recording is being written to it") from None
    except OSError:
        pass  # this file system has no locks


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
