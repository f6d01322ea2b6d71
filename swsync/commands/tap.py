"""``swsync tap``: one call, its audio into files or live into a pipe."""

from __future__ import annotations

import argparse
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import swsync
from swsync.commands import quality
from swsync.commands.arguments import complete, name, positive, words
from swsync.commands.dialing import add_dialing, dialed, introduce
from swsync.commands.interrupts import gentle
from swsync.commands.output import Output, shown
from swsync.commands.recording import Taken, add_ways, record
from swsync.commands.targets import Targets, add_targets
from swsync.errors import ConfigurationError

if TYPE_CHECKING:
    from swsync.call import Call

__all__ = ["add"]

LOOK = 0.2  # seconds between two looks at a call
TEXT = """Call a number, or wait for one inbound call and answer it, and take its audio:
into files, or live into a pipe. It ends when the other side hangs up, after
--duration, when nobody reads the pipe any more, or with Ctrl-C; then the call is
hung up and the files are whole. Left is what the party says, right what it hears.

Both sides in a pipe are about a second behind the call (they are laid beside each
other first), one side about 60 ms. Credentials come from SIGNALWIRE_*, the address
that SignalWire sends audio to from SWSYNC_* (`swsync doctor` looks at both)."""
EXAMPLES = """
swsync tap +12025550100 --from +12025550199 --out call.wav
swsync tap +12025550100 --from +12025550199 --connect +12025550101
swsync tap --inbound office --out call.wav --out call.flac --duration 600
swsync tap --inbound office --side said --out - | \\
    sox -t raw -r 8000 -e signed -b 16 -c 1 - said.ogg
swsync tap --inbound office --out - --format wav | ffplay -nodisp -
"""


def add(command: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    command.add_argument("to", nargs="?", metavar="NUMBER", help="number to call, such as +12025550100")
    command.add_argument("--inbound", type=name, metavar="CONTEXT", help="wait for a call to this context instead")
    add_dialing(command)
    add_targets(command, "call.wav")
    command.add_argument(
        "--side", choices=("both", "said", "heard"), default="both", help="what is taken (default: both)"
    )
    add_ways(command)
    command.add_argument("--say", type=words, metavar="TEXT", help="say this first")
    command.add_argument("--connect", metavar="NUMBER", help="call this number too, and connect the two")
    command.add_argument("--duration", type=positive, metavar="SECONDS", help="hang up after so much audio")
    command.add_argument("--wait", type=positive, metavar="SECONDS", help="for --inbound: wait so long at most")
    complete(command, run, TEXT, EXAMPLES)
    command.set_defaults(refuse=command.error)


def _check(arguments: argparse.Namespace) -> None:
    """What argparse cannot say; exits with 2."""
    if (arguments.to is None) == (arguments.inbound is None):
        arguments.refuse("name a NUMBER to call, or --inbound CONTEXT")
    if arguments.to is not None and not arguments.from_number:
        arguments.refuse("--from NUMBER is missing: the number that the call comes from")
    if arguments.connect and not arguments.from_number:
        arguments.refuse("--connect needs --from NUMBER, the number that the second call comes from")


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Take one call."""
    _check(arguments)
    targets = Targets(arguments, output, default="call.wav")
    contexts = [arguments.inbound] if arguments.inbound else []
    taken: Taken | None = None
    call: Call | None = None

    def tell() -> None:
        if call is not None and taken is not None:
            _tell(call, taken, targets.files, output)

    with (
        targets.concluded(tell),
        gentle(output),
        swsync.RelayClient(contexts=contexts) as client,
        _call(client, arguments, output) as answered,
    ):
        call = answered
        introduce(call, output)
        with record(call, targets, side=arguments.side, via=arguments.via, codec=arguments.codec) as taken:
            output.event("recording", files=targets.files, via=arguments.via, side=arguments.side)
            _act(call, arguments)
            _follow(call, taken, targets, arguments.duration, output)


def _tell(call: Call, taken: Taken, files: list[str], output: Output) -> None:
    """What was received, and where it is."""
    reason = call.end_reason or "hangup"
    quality.tell(taken.quality, output)
    output.say(f"The call is over ({shown(reason)}). {taken.duration:.1f} s{' in ' if files else ''}{', '.join(files)}")
    output.event("done", call_id=call.call_id, files=files, duration=round(taken.duration, 3), end_reason=reason)


def _call(client: Any, arguments: argparse.Namespace, output: Output) -> Call:
    """The call, dialed or awaited, and answered."""
    if arguments.to is not None:
        return dialed(client, arguments, output)
    output.say(f"Waiting for a call to {arguments.inbound} ...")
    output.event("waiting", context=arguments.inbound)
    try:
        call: Call = client.next_call(arguments.wait)
    except TimeoutError:
        raise ConfigurationError(
            f"no call came to {arguments.inbound} within {arguments.wait:g} s: is a number assigned to this context?"
        ) from None
    call.answer()
    return call


def _act(call: Call, arguments: argparse.Namespace) -> None:
    """What is done on the call once it is heard."""
    said = call.play_tts(arguments.say) if arguments.say else None
    if arguments.connect:
        if said is not None:
            said.wait()
        timeout = max(1, round(arguments.timeout))
        call.connect_phone(arguments.connect, arguments.from_number, timeout=timeout).wait_connected(timeout + 15)


def _follow(call: Call, taken: Taken, targets: Targets, limit: float | None, output: Output) -> None:
    """Wait until there is a reason to hang up, and show how far it is."""
    while not targets.is_unread and (limit is None or taken.duration < limit):
        output.status(f"{taken.duration:7.1f} s   {quality.brief(taken.quality)}")
        with suppress(TimeoutError):
            call.wait_for_ended(LOOK)
            break
    output.status("")
