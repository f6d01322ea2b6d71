"""``swsync dial``: call a number, say something, hang up."""

from __future__ import annotations

import argparse
from contextlib import nullcontext

import swsync
from swsync.commands.arguments import complete, positive
from swsync.commands.output import Output

__all__ = ["add"]

TEXT = "Call a number, say a text, hang up. Credentials come from SIGNALWIRE_*."
EXAMPLES = """
swsync dial +12025550100 --from +12025550199 --say "Your table is ready."
swsync dial +12025550100 --from +12025550199 --record call.wav
"""


def add(command: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    command.add_argument("to", help="number to call, such as +12025550100")
    command.add_argument("--from", dest="from_number", required=True, help="number that the call comes from")
    command.add_argument("--say", metavar="TEXT", default="This is a call from s w sync.", help="text to speak")
    command.add_argument("--timeout", type=positive, default=30.0, help="seconds to let it ring (default: 30)")
    command.add_argument("--record", metavar="WAV", help="record both sides into this file")
    command.add_argument("--via", choices=("rtp", "ws", "stream"), default="stream", help="how recorded audio comes")
    complete(command, run, TEXT, EXAMPLES)


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Dial with the credentials of the environment."""
    record = arguments.record
    with swsync.RelayClient() as client:
        output.say(f"Dialing {arguments.to} ...")
        with client.dial_phone(
            to=arguments.to, from_number=arguments.from_number, timeout=int(arguments.timeout)
        ) as call:
            output.say(f"Answered (call {call.call_id}).")
            output.event("answered", call_id=call.call_id)
            with call.capture(record, via=arguments.via) if record else nullcontext():
                call.play_tts(arguments.say).wait()
    output.say(f"Hung up.{f' Both sides are in {record}' if record else ''}")
    output.event("done", call_id=call.call_id, wav=record)
