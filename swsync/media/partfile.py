"""Files that get their name when they are done: written as ``path.part``, private, by one recording at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from pathlib import Path

from swsync.errors import MediaError

__all__ = ["PartFile"]


class PartFile:
    """``path.part``, which becomes ``path`` when it is closed. Not for use by two threads at once.

    Args:
        path: Of the finished file; an existing one is replaced at the end.

    Raises:
        MediaError: The file cannot be made, or another recording is being written to it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if not self.path.name:
            raise MediaError(f"a recording needs the name of a file, not {os.fspath(path)!r}")
        self._closed = False
        try:
            # The process may go to another directory before the end.
            self.path = self.path.absolute()
            self.part = self.path.with_name(self.path.name + ".part")
            if self.path.is_dir():
                raise IsADirectoryError(21, "it is a directory")
            _check_regular(self.path)
            self.fd = _open_alone(self.part)
        except (OSError, ValueError) as error:
            raise self.failure(error) from None

    def failure(self, error: OSError | ValueError | RuntimeError) -> MediaError:
        """What to raise for what the system said."""
        return MediaError(f"cannot write the recording {self.path}: {getattr(error, 'strerror', None) or error}")

    @property
    def closed(self) -> bool:
        """Whether the file is finished."""
        return self._closed

    def close(self, octets: int | None = None) -> None:
        """Give the file its name. Idempotent.

        Args:
            octets: Its length, if more than that may have been written.

        Raises:
            MediaError: It could not be renamed; ``path.part`` is still there.
        """
        if self._closed:
            return
        self._closed = True
        try:
            with contextlib.suppress(OSError):
                if octets is not None:
                    os.ftruncate(self.fd, octets)
            os.close(self.fd)
            os.replace(self.part, self.path)
        except OSError as error:
            raise self.failure(error) from None

    def discard(self) -> None:
        """Close without a recording: ``path.part`` goes, and a file that has the name stays. Idempotent."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(OSError):
            self.part.unlink()
        os.close(self.fd)


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
