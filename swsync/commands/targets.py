"""Where commands put audio: files, and live into the pipe that stdout is."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from swsync.clock import REAL
from swsync.commands.output import Output
from swsync.errors import ConfigurationError, MediaError

if TYPE_CHECKING:
    from pathlib import Path

    from swsync.media.receiver import Receiver
    from swsync.media.sinks import FileSink

__all__ = ["Pipe", "Targets", "add_targets", "directory", "playing", "recorded"]

WAIT = 10.0  # seconds for a pipe to take what is left
LAST = 1.0  # seconds for audio that is under way at the end


def add_targets(command: argparse.ArgumentParser, default: str = "") -> None:
    """``--out`` and ``--format``."""
    usual = f" (default: {default})" if default else ""
    command.add_argument(
        "--out", action="append", metavar="FILE",
        help=f"a WAV, or what its suffix says; - is stdout; may be given again{usual}",
    )  # fmt: skip
    command.add_argument(
        "--format", choices=("raw", "wav"), default="raw", help="of stdout; raw is int16, little-endian (default: raw)"
    )


def directory(name: str) -> Path:
    """The directory to write to, made if need be, before anybody is called.

    Raises:
        ConfigurationError: Nothing can be written there.
    """
    from pathlib import Path

    made = Path(name)
    try:
        made.mkdir(parents=True, exist_ok=True)
        probe = made / ".swsync-probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigurationError(
            f"cannot write to {made}: {error.strerror or error}; name another with --out DIR"
        ) from None
    return made


class Pipe:
    """Standard output, for audio. It says when nobody reads it any more."""

    name = "the pipe"

    def __init__(self) -> None:
        if sys.stdout.isatty():
            raise ConfigurationError("audio would fill this terminal: pipe it into a program, or name a file")
        self._file = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
        self.is_broken = False  # set once, by the sink's thread

    def write(self, data: Any) -> int:
        try:
            return self._file.write(data) or 0
        except OSError:
            self.is_broken = True
            raise


class Targets:
    """What ``--out`` named.

    Args:
        arguments: With ``out``, ``format`` and ``json``; exits with 2 if they do not go together.
        output: Leaves stdout to the audio if a pipe is among them.
        default: The file if nothing was named; "" for none.

    Attributes:
        files: The paths.
        live: The pipe as a sink, or None.
    """

    def __init__(self, arguments: argparse.Namespace, output: Output, default: str = "") -> None:
        names = arguments.out or [default] * bool(default)
        self.files = [name for name in names if name != "-"]
        self.live: FileSink | None = None
        self._pipe: Pipe | None = None
        self._output = output
        if "-" in names:
            if arguments.json:
                arguments.refuse("--out - gives stdout to the audio: leave --json out")
            from swsync.media import FileSink

            output.leave_stdout()
            self._pipe = Pipe()
            self.live = FileSink(self._pipe, container=arguments.format)

    @property
    def sinks(self) -> list[Any]:
        """All of them, for one recording."""
        return [*self.files, *([self.live] if self.live else [])]

    @property
    def is_unread(self) -> bool:
        """Whether whoever read the pipe, or our text, has gone."""
        return self._output.is_unread or (self._pipe is not None and self._pipe.is_broken)

    @contextmanager
    def concluded(self, tell: Callable[[], None]) -> Iterator[None]:
        """Have it told what was received, however the block ends short of an error.

        Raises:
            KeyboardInterrupt: The user ended it, after that.
            BrokenPipeError: Whoever read has gone, after that.
        """
        interrupt: KeyboardInterrupt | None = None
        try:
            yield
        except KeyboardInterrupt as error:
            interrupt = error
            self._output.status("")  # the terminal has shown ^C in that line
        except MediaError:
            if not self.is_unread:  # that is why the sink failed
                raise
        tell()
        if self.live is not None and self.live.dropped:
            seconds = self.live.dropped / self.live.rate
            self._output.say(f"{seconds:.1f} s were lost: whoever reads the pipe was too slow.")
        if interrupt is not None:
            raise interrupt
        if self.is_unread:
            raise BrokenPipeError


@contextmanager
def recorded(receiver: Receiver, sinks: Sequence[Any]) -> Iterator[None]:
    """Record what a receiver gets; after the block it has ended, and the files are finished.

    Raises:
        MediaError: One could not be written. What the block raises says more.
    """
    recording = receiver.record(sinks) if sinks else None
    try:
        yield
    except BaseException:
        receiver.end()
        if recording is not None:
            with suppress(MediaError):
                recording.close()
        raise
    receiver.end()
    deadline = REAL.now() + LAST
    while REAL.now() < deadline and not all(track.ended for track in receiver.tracks.values()):
        REAL.sleep(0.01)
    if recording is not None:
        recording.close()


@contextmanager
def playing(receiver: Receiver, live: FileSink) -> Iterator[None]:
    """Hand frames on as they come, on a thread of their own, until the receiver ends."""

    def play() -> None:
        has_begun = False
        with suppress(MediaError):  # the pipe is broken: who asked sees that
            for frame in receiver.frames():
                if not has_begun:
                    has_begun = True
                    live.begin(receiver.tracks[frame.track].rate, 1)
                live.write(frame.samples)

    thread = REAL.start(play, "swsync-live")
    try:
        yield
    finally:
        receiver.end()
        thread.join(WAIT)
        with suppress(MediaError):
            live.close()
