"""How commands take the audio of a call: both sides or one, into files, or live into a pipe."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from swsync.clock import REAL
from swsync.errors import ConfigurationError, MediaError, SwsyncError

if TYPE_CHECKING:
    from pathlib import Path

    from swsync.call import Call
    from swsync.media.quality import Quality
    from swsync.media.receiver import Receiver
    from swsync.media.sinks import FileSink

__all__ = ["Pipe", "Taken", "add_ways", "directory", "record"]

TRACKS = {"said": "inbound", "heard": "outbound"}
DIRECTIONS = {"said": "speak", "heard": "listen"}
WAIT = 10.0  # seconds for audio to be announced, and for it to end


class Taken(Protocol):
    """What is known of a recording while it runs, and after it."""

    @property
    def duration(self) -> float: ...
    @property
    def quality(self) -> Mapping[str, Quality]: ...


def add_ways(command: argparse.ArgumentParser) -> None:
    """How audio comes here."""
    command.add_argument(
        "--via", choices=("stream", "ws", "rtp"), default="stream",
        help="how the audio comes: one stream, two taps over WebSockets, or two over RTP (default: stream)",
    )  # fmt: skip
    command.add_argument("--codec", choices=("PCMU", "PCMA"), default="PCMU", help="of the audio (default: PCMU)")


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

    def __init__(self) -> None:
        if sys.stdout.isatty():
            raise ConfigurationError("audio would fill this terminal: put a program behind it, as in `| play -t wav -`")
        self._file = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
        self.name = "the pipe"
        self.is_broken = False  # set once, by the sink's thread

    def write(self, data: Any) -> int:
        try:
            return self._file.write(data) or 0
        except OSError:
            self.is_broken = True
            raise


def record(call: Call, files: list[Any], live: FileSink | None, *, side: str, via: str, codec: str) -> Any:
    """A context manager that gives a ``Taken``: the audio of a call until the block is left.

    Args:
        call: The call.
        files: Paths.
        live: What gets it as it comes: one side with a playout delay, both sides as they are recorded.
        side: ``both``, ``said`` or ``heard``.
        via: ``stream``, ``ws`` or ``rtp``.
        codec: ``PCMU`` or ``PCMA``.
    """
    if side == "both":
        return call.capture([*files, *([live] if live else [])], via=via, codec=codec)
    return _one_side(call, files, live, side=side, via=via, codec=codec)


class _OneSide:
    """What is known of one side."""

    def __init__(self, side: str, receiver: Receiver) -> None:
        self._side, self._receiver = side, receiver

    @property
    def duration(self) -> float:
        return max((track.stats.seconds for track in self._receiver.tracks.values()), default=0.0)

    @property
    def quality(self) -> Mapping[str, Quality]:
        return {self._side: self._receiver.quality} if self._receiver.tracks else {}


@contextlib.contextmanager
def _one_side(
    call: Call, files: list[Any], live: FileSink | None, *, side: str, via: str, codec: str
) -> Iterator[_OneSide]:
    with contextlib.ExitStack() as end:
        receiver, begin = _receiver(call, side, via, codec)
        end.enter_context(receiver)
        recording = receiver.record(files) if files else None
        if live is not None:
            end.enter_context(_playing(receiver, live))
        action = begin()
        try:
            action.wait_started(WAIT)
            yield _OneSide(side, receiver)
        finally:
            with contextlib.suppress(SwsyncError):  # it may have ended with the call
                if not action.is_done:
                    action.stop()
                    action.wait(WAIT)
            receiver.end()
            if recording is not None:
                recording.close()


def _receiver(call: Call, side: str, via: str, codec: str) -> tuple[Any, Any]:
    """A receiver, and what begins the action that fills it."""
    from swsync import media

    clock = call.session.clock
    if via == "stream":
        track = TRACKS[side]
        stream = media.StreamReceiver(track=track, clock=clock)
        return stream, lambda: call.stream(stream, track=track, codec=codec)
    kind = media.TapReceiver if via == "ws" else media.RtpReceiver
    receiver = kind(codec=codec, clock=clock)
    return receiver, lambda: call.tap_audio(direction=DIRECTIONS[side], device=receiver)


@contextlib.contextmanager
def _playing(receiver: Receiver, live: FileSink) -> Iterator[None]:
    """Hand frames on as they come, on a thread of their own, until the receiver ends."""

    def play() -> None:
        has_begun = False
        with contextlib.suppress(MediaError):  # the pipe is broken: who asked sees that
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
        with contextlib.suppress(MediaError):
            live.close()
