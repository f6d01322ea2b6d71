"""``swsync dial``: call a number, say something, hang up."""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from typing import TYPE_CHECKING

import swsync
from swsync.commands import quality
from swsync.commands.arguments import complete, positive, web, words
from swsync.commands.dialing import add_dialing, dialed, introduce, spoken
from swsync.commands.interrupts import gentle
from swsync.commands.output import Output, shown
from swsync.commands.recording import add_ways

if TYPE_CHECKING:
    from swsync.call import Call

__all__ = ["add"]

TEXT = """Call a number, say a text, hang up. Credentials come from SIGNALWIRE_*.

With --wait-for-machine it is found out first who answered: a person is spoken to
at once, an answering machine after its greeting."""
EXAMPLES = """
swsync dial +12025550100 --from +12025550199 --say "Your table is ready."
swsync dial +12025550100 --from +12025550199 --record call.wav
swsync dial +12025550100 --from +12025550199 --wait-for-machine --json
swsync dial +12025550100 --from +12025550199 \\
    --play https://example.com/notice.mp3
"""


def add(command: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    command.add_argument("to", metavar="NUMBER", help="number to call, such as +12025550100")
    add_dialing(command, is_required=True)
    what = command.add_mutually_exclusive_group()
    what.add_argument(
        "--say", type=words, metavar="TEXT", default="This is a call from s w sync.", help="text to speak"
    )
    what.add_argument("--play", type=web, metavar="URL", help="address of audio to play instead")
    command.add_argument(
        "--wait-for-machine", action="store_true", help="leave the message on a machine after its greeting"
    )
    command.add_argument(
        "--detect-timeout", type=positive, default=30.0, metavar="SECONDS",
        help="how long to find out who answered (default: 30)",
    )  # fmt: skip
    command.add_argument("--record", metavar="WAV", help="record both sides into this file")
    add_ways(command)
    complete(command, run, TEXT, EXAMPLES)


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Dial with the credentials of the environment."""
    path = arguments.record
    with gentle(output), swsync.RelayClient() as client, dialed(client, arguments, output) as call:
        introduce(call, output)
        recording = call.capture(path, via=arguments.via, codec=arguments.codec) if path else None
        with recording or nullcontext():
            if arguments.wait_for_machine:
                _detect(call, arguments.detect_timeout, output)
            spoken(call, arguments.play or arguments.say)
    if recording is not None:
        quality.tell(recording.quality, output)
    output.say(f"Hung up.{f' Both sides are in {path}' if path else ''}")
    output.event("done", call_id=call.call_id, wav=path)


def _detect(call: Call, seconds: float, output: Output) -> None:
    """Wait until it is known who answered, and until a machine is ready for a message."""
    found = call.detect_answering_machine(timeout=seconds).detection(wait_for_beep=True, timeout=seconds + 10)
    output.say(f"Answered by: {shown(found.answer)}{', after its beep' if found.beep else ''}")
    output.event("detected", answer=found.answer, ready=found.ready, beep=found.beep)
