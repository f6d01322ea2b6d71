"""``swsync stream``: a receiver of one media stream on its own, which prints what arrives."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from swsync.commands.arguments import complete, port
from swsync.commands.interrupts import gentle
from swsync.commands.output import Output, shown
from swsync.commands.receiving import add_limits, take, tell
from swsync.commands.targets import Targets, add_targets
from swsync.errors import MediaError

if TYPE_CHECKING:
    from swsync.media import StreamReceiver

__all__ = ["add"]

YEAR = 365 * 86_400.0  # a token is good for as long as this runs
TEXT = """Receive one stream (or with --tap one tap over a WebSocket) and print what
arrives: its start with its custom parameters, keys, marks, levels, its end. It
needs no account and calls nobody: any client may be told its address.

The address and the token are printed first; each run has new ones. Behind a proxy
SWSYNC_MEDIA_URL and SWSYNC_MEDIA_PORT say what they are outside."""
EXAMPLES = """
swsync stream
swsync stream --port 8765 --public-url wss://media.example.com
swsync stream --track inbound --out - | ffplay -nodisp -f s16le -ar 8000 -
swsync stream --json | jq 'select(.event == "dtmf").digit'
swsync stream --tap --codec PCMA
"""


def add(command: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    command.add_argument(
        "--bind", metavar="HOST", help="address to listen on (default: SWSYNC_BIND_HOST, else loopback)"
    )
    command.add_argument("--port", type=port, help="TCP port (default: SWSYNC_MEDIA_PORT, else any free one)")
    command.add_argument(
        "--public-url", metavar="URL", help="what the far side connects to (default: SWSYNC_MEDIA_URL)"
    )
    command.add_argument(
        "--track", choices=("inbound", "outbound", "both"), default="both", help="what is taken (default: both)"
    )
    command.add_argument("--token", help="the bearer token to ask for (default: a new one)")
    command.add_argument("--tap", action="store_true", help="receive a tap: bare audio, one side")
    command.add_argument("--codec", choices=("PCMU", "PCMA", "L16"), default="PCMU", help="of a tap (default: PCMU)")
    add_targets(command)
    add_limits(command)
    complete(command, run, TEXT, EXAMPLES)
    command.set_defaults(refuse=command.error)


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Receive one."""
    from swsync import media

    targets = Targets(arguments, output)
    if arguments.tap:
        _tap(media.TapReceiver(arguments.bind, arguments.port, arguments.codec, public_url=arguments.public_url),
             targets, arguments, output)  # fmt: skip
        return
    receiver = media.StreamReceiver(
        arguments.bind, arguments.port, track=arguments.track, public_url=arguments.public_url,
        token=arguments.token, token_lifetime=YEAR,
        on_dtmf=lambda key: _key(key, output), on_mark=lambda mark: _mark(mark, output),
    )  # fmt: skip
    with targets.concluded(lambda: tell(receiver, targets, output)), gentle(output), receiver:
        output.say(f"Stream to {receiver.url}\nwith   Authorization: Bearer {receiver.token}")
        output.event("listening", url=receiver.url, token=receiver.token)
        if not receiver.wait_started(arguments.wait):
            seconds = f"within {arguments.wait:g} s" if arguments.wait else "before it ended"
            refused = ", ".join(f"{count} {reason}" for reason, count in receiver.rejected.items())
            raise MediaError(f"no stream came {seconds}{f' (refused: {refused})' if refused else ''}")
        _introduce(receiver, output)
        take(receiver, targets, 2 if arguments.track == "both" else 1, arguments, output)


def _tap(receiver: Any, targets: Targets, arguments: argparse.Namespace, output: Output) -> None:
    with targets.concluded(lambda: tell(receiver, targets, output)), gentle(output), receiver:
        url = receiver.device["params"]["uri"]
        output.say(f"Tap to {url}")
        output.event("listening", url=url, device=receiver.device)
        take(receiver, targets, 1, arguments, output)


def _introduce(receiver: StreamReceiver, output: Output) -> None:
    """What the far side said at the start."""
    start = receiver.start
    assert start is not None
    layout = start.media_format
    output.say(
        f"Started: {', '.join(receiver.tracks)} in {layout.codec} at {layout.rate} Hz, call {shown(start.call_sid)}"
    )
    for name, value in start.custom_parameters.items():
        output.say(f"  {shown(name)} = {shown(value)}")
    output.event(
        "start", call_sid=start.call_sid, stream_sid=start.stream_sid, tracks=list(receiver.tracks),
        codec=str(layout.codec), rate=layout.rate, custom_parameters=dict(start.custom_parameters),
    )  # fmt: skip


def _key(key: Any, output: Output) -> None:
    output.say(f"Key {shown(key.digit)}{f' ({key.duration} ms)' if key.duration else ''}")
    output.event("dtmf", digit=key.digit, duration=key.duration, track=key.track)


def _mark(mark: Any, output: Output) -> None:
    output.say(f"Mark {shown(mark.name)}")
    output.event("mark", name=mark.name)
