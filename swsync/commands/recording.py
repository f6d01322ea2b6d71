"""How commands take the audio of a call: both sides or one, into files, or live into a pipe."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from swsync.commands.targets import Targets, playing, recorded
from swsync.errors import SwsyncError

if TYPE_CHECKING:
    from swsync.call import Call
    from swsync.media.quality import Quality
    from swsync.media.receiver import Receiver

__all__ = ["Taken", "add_ways", "record"]

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


def record(call: Call, targets: Targets, *, side: str, via: str, codec: str) -> Any:
    """A context manager that gives a ``Taken``: the audio of a call until the block is left.

    Args:
        call: The call.
        targets: Where it goes. Live into a pipe one side has a playout delay, both sides come as they are recorded.
        side: ``both``, ``said`` or ``heard``.
        via: ``stream``, ``ws`` or ``rtp``.
        codec: ``PCMU`` or ``PCMA``.
    """
    if side == "both":
        return call.capture(targets.sinks, via=via, codec=codec)
    return _one_side(call, targets, side=side, via=via, codec=codec)


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
def _one_side(call: Call, targets: Targets, *, side: str, via: str, codec: str) -> Iterator[_OneSide]:
    receiver, begin = _receiver(call, side, via, codec)
    with contextlib.ExitStack() as end:
        end.enter_context(receiver)
        end.enter_context(recorded(receiver, targets.files))
        if targets.live is not None:
            end.enter_context(playing(receiver, targets.live))
        action = begin()
        try:
            action.wait_started(WAIT)
            yield _OneSide(side, receiver)
        finally:
            with contextlib.suppress(SwsyncError, TimeoutError):  # it may have ended with the call
                if not action.is_done:
                    action.stop()
                    action.wait(WAIT)


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
