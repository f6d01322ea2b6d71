"""``swsync relay``: the local RELAY server, on its own."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

import swsync
from swsync.clock import REAL
from swsync.commands.arguments import complete, port, positive
from swsync.commands.output import Output
from swsync.commands.relaytable import Painter

if TYPE_CHECKING:
    from swsync.localrelay import LocalRelay

__all__ = ["add"]

TEXT = """Run a RELAY server on this machine, with simulated people who answer, speak and
press keys. It prints the variables that point a client of any language at it.
In a terminal it shows its sessions and calls. Ctrl-C ends it."""
EXAMPLES = """
swsync relay                     a server on port 8443
swsync relay --port 0 --json     for a program: it is told where it listens
swsync relay --inbound office    somebody calls that context
swsync relay --callees people.toml --faults faults.toml
"""
LOOK = 0.25  # real seconds between two looks
MOST = 200  # calls that are looked at


def add(command: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    command.add_argument(
        "--bind", "--host", dest="host", default="localhost", metavar="HOST",
        help="name or address to listen on (default: localhost); beyond this machine a --token is required",
    )  # fmt: skip
    command.add_argument("--port", type=port, default=8443, help="0 picks a free one (default: 8443)")
    command.add_argument("--project", help="the only project that is let in (default: any)")
    command.add_argument("--token", help="the only token that is let in (default: any)")
    command.add_argument("--inbound", metavar="CONTEXT", help="place a call to CONTEXT once a client listens on it")
    command.add_argument("--callees", metavar="FILE", help="who is called and who calls in, as TOML or JSON")
    command.add_argument("--faults", metavar="FILE", help="what goes wrong, as TOML or JSON")
    command.add_argument("--no-tls", dest="tls", action="store_false", help="ws:// on loopback, without a CA")
    command.add_argument("--allow-remote", action="store_true", help="let media and webhooks leave this machine")
    command.add_argument(
        "--speed", type=positive, default=1.0, metavar="N", help="N times as fast as life (default: 1)"
    )
    complete(command, run, TEXT, EXAMPLES)


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Serve until interrupted."""
    with swsync.LocalRelay(
        host=arguments.host,
        port=arguments.port,
        tls=arguments.tls,
        project=arguments.project,
        token=arguments.token,
        speed=arguments.speed,
        allow_remote=arguments.allow_remote,
    ) as relay:
        if arguments.callees is not None:
            relay.load(arguments.callees)
        if arguments.faults is not None:
            relay.faults.load(arguments.faults)
        _introduce(relay, output)
        if arguments.inbound is not None:
            relay.place_call(context=arguments.inbound)
        if not output.as_json and sys.stdout.isatty():
            painter = Painter(sys.stdout)
            while True:
                painter.paint(relay.status(MOST))
                REAL.sleep(LOOK)
        _tell(relay, output)


def _introduce(relay: LocalRelay, output: Output) -> None:
    """Say where it listens, and what programs in other languages need."""
    settings = relay.settings
    output.say(f"RELAY listens on {relay.url}")
    if relay.ca_file:
        output.say(f"Its CA, for clients in any language: {relay.ca_file}")
        output.say(f"export SIGNALWIRE_RELAY_CA_FILE={relay.ca_file}   # swsync and the official Python SDK")
        output.say(f"export NODE_EXTRA_CA_CERTS={relay.ca_file}   # Node")
        output.say(f"export SSL_CERT_FILE={relay.ca_file}   # Go, Ruby, PHP, curl and all that use OpenSSL")
    output.say(f"export SIGNALWIRE_SPACE={relay.host}:{relay.port}")
    output.say(f"export SIGNALWIRE_PROJECT_ID={settings['project']} SIGNALWIRE_API_TOKEN={settings['token']}")
    output.say("Ctrl-C ends it.")
    output.event(
        "ready",
        host=relay.host,
        port=relay.port,
        url=relay.url,
        ca_file=str(relay.ca_file or ""),
        project=settings["project"],
        token=settings["token"],
    )


def _tell(relay: LocalRelay, output: Output) -> None:
    """Tell of each call's states, for ever; without a terminal, or in JSON."""
    seen = 0
    while True:
        seen, calls = relay.changes(seen)
        for call in calls:
            reason = f" ({call.end_reason})" if call.end_reason else ""
            if not output.as_json:
                output.say(f"{call.call_id[:8]} {call.direction} {call.number} {call.state}{reason}")
            output.event(
                "call", call_id=call.call_id, direction=call.direction, number=call.number, state=call.state,
                end_reason=call.end_reason,
            )  # fmt: skip
        REAL.sleep(LOOK)
