"""What commands that dial have in common: whom, from which number, for how long."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from swsync.commands.arguments import positive
from swsync.commands.output import Output, shown
from swsync.errors import ActionFailed

if TYPE_CHECKING:
    from swsync.call import Call
    from swsync.client import RelayClient

__all__ = ["add_dialing", "dialed", "introduce", "spoken"]


def add_dialing(command: argparse.ArgumentParser, *, is_required: bool = False) -> None:
    """Who calls, and for how long it rings."""
    command.add_argument(
        "--from", dest="from_number", metavar="NUMBER", required=is_required, help="number that the call comes from"
    )
    command.add_argument(
        "--timeout", type=positive, default=30.0, metavar="SECONDS", help="how long it may ring (default: 30)"
    )


def dialed(client: RelayClient, arguments: argparse.Namespace, output: Output) -> Call:
    """Dial, and say so."""
    output.say(f"Dialing {arguments.to} ...")
    output.event("dialing", to=arguments.to, from_number=arguments.from_number)
    timeout = max(1, round(arguments.timeout))
    return client.dial_phone(to=arguments.to, from_number=arguments.from_number, timeout=timeout)


def spoken(call: Call, words: str) -> None:
    """Play a text, or the audio of an http(s) address, to its end.

    Raises:
        ActionFailed: It was not played, or not to its end.
        CallEnded: The call was over before that.
    """
    action = call.play_audio(words) if words.startswith(("http://", "https://")) else call.play_tts(words)
    if action.wait().state != "finished":
        raise ActionFailed(message=f"{words!r} could not be played", method="calling.play")


def introduce(call: Call, output: Output) -> None:
    """Say that a call is on, and with whom."""
    output.say(f"Answered (call {shown(call.call_id)}).")
    output.event("answered", call_id=call.call_id, direction=call.direction, to=call.to, from_number=call.from_)
