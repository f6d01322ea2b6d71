"""What commands that run a receiver on its own have in common: wait for audio, show it, and say what came."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from swsync.clock import REAL
from swsync.commands import quality
from swsync.commands.arguments import positive
from swsync.commands.output import Output
from swsync.commands.targets import Targets, playing, recorded
from swsync.errors import MediaError

if TYPE_CHECKING:
    from swsync.media.quality import Quality
    from swsync.media.receiver import Receiver

__all__ = ["add_limits", "by_track", "take", "tell"]

LOOK = 0.2  # seconds between two looks
EVERY = 1.0  # seconds between two events of audio, for programs


def add_limits(command: argparse.ArgumentParser) -> None:
    """How long it waits and receives."""
    command.add_argument("--wait", type=positive, metavar="SECONDS", help="for the first audio (default: for ever)")
    command.add_argument("--duration", type=positive, metavar="SECONDS", help="end after so much audio")
    command.add_argument("--idle", type=positive, metavar="SECONDS", help="end when nothing came for so long")


def by_track(receiver: Receiver) -> Mapping[str, Quality]:
    """What is known of each track, by its name."""
    names = list(receiver.tracks)
    found: Any = receiver.quality if names else {}
    return {names[0]: found} if len(names) == 1 else found


def take(
    receiver: Receiver, targets: Targets, sides: int, arguments: argparse.Namespace, output: Output, *,
    begun: Callable[[], object] = int,
) -> None:  # fmt: skip
    """Receive until the far side ends, a limit is reached, or nobody reads any more.

    Args:
        receiver: It has ended afterwards, and what it got is in the targets.
        targets: Where the audio goes.
        sides: 1, which goes live with a playout delay; or 2, which go as they are recorded.
        arguments: Those of ``add_limits``.
        output: Where it says how far it is.
        begun: Called when the first audio has come.

    Raises:
        MediaError: Nothing came in time, or nothing could be written.
    """
    with ExitStack() as end:
        if sides == 1 and targets.live is not None:
            end.enter_context(recorded(receiver, targets.files))
            end.enter_context(playing(receiver, targets.live))
        else:
            end.enter_context(recorded(receiver, targets.sinks))
        if not receiver.wait_audio(arguments.wait):
            raise MediaError(_nothing(receiver, arguments.wait))
        begun()
        _follow(receiver, targets, arguments, output)


def _nothing(receiver: Receiver, seconds: float | None) -> str:
    """Why there is no audio, as far as it is known."""
    rejected = getattr(receiver, "rejected", None) or getattr(receiver.stats, "rejected", {})
    reasons = ", ".join(f"{count} {reason}" for reason, count in rejected.items())
    text = "it ended without audio" if receiver.ended else f"no audio came within {seconds:g} s"
    return f"{text}{f' (refused: {reasons})' if reasons else ''}"


def _follow(receiver: Receiver, targets: Targets, arguments: argparse.Namespace, output: Output) -> None:
    began = told = heard = REAL.now()
    packets = 0
    while not targets.is_unread and not receiver.ended:
        now, found = REAL.now(), by_track(receiver)
        seconds = max(each.seconds for each in found.values())
        if arguments.duration is not None and seconds >= arguments.duration:
            break
        if (count := sum(each.packets for each in found.values())) > packets:
            packets, heard = count, now
        if arguments.idle is not None and now - heard >= arguments.idle:
            break
        output.status(f"{now - began:7.1f} s   {quality.brief(found)}")
        if now - told >= EVERY:
            told += EVERY
            for track, each in found.items():
                output.event("audio", track=track, **quality.fields(each))
        REAL.sleep(LOOK)
    output.status("")


def tell(receiver: Receiver, targets: Targets, output: Output, **fields: object) -> None:
    """Say what came, and where it is."""
    found = by_track(receiver)
    quality.tell(found, output)
    seconds = max((each.seconds for each in found.values()), default=0.0)
    if found:
        output.say(f"{seconds:.1f} s{' in ' if targets.files else ''}{', '.join(targets.files)}")
    output.event("done", duration=round(seconds, 3), files=targets.files, **fields)
