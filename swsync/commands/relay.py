"""``swsync relay``: the local RELAY server, on its own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import swsync
from swsync.clock import REAL
from swsync.commands.output import Output
from swsync.commands.relaytable import Painter

if TYPE_CHECKING:
    from swsync.localrelay import LocalRelay

__all__ = ["run"]

LOOK = 0.25  # real seconds between two looks
MOST = 200  # calls that are looked at


def run(
    *,
    output: Output,
    host: str,
    port: int,
    tls: bool,
    project: str | None,
    token: str | None,
    inbound: str | None,
    callees: str | None,
    faults: str | None,
    speed: float,
    allow_remote: bool,
) -> None:
    """Serve until interrupted.

    Args:
        output: What to print to.
        host: Name or address to listen on; beyond loopback a token is required.
        port: Port to listen on; 0 picks a free one.
        tls: Whether to speak TLS, with a CA of its own.
        project: The only project that is let in, or any.
        token: The only token that is let in, or any.
        inbound: Place a call to this context as soon as a client listens on it.
        callees: A file of people and calls.
        faults: A file of faults.
        speed: How many times as fast as life.
        allow_remote: Let media, downloads and webhooks leave this machine.
    """
    with swsync.LocalRelay(
        host=host, port=port, tls=tls, project=project, token=token, speed=speed, allow_remote=allow_remote
    ) as relay:
        if callees is not None:
            relay.load(callees)
        if faults is not None:
            relay.faults.load(faults)
        _introduce(relay, output)
        if inbound is not None:
            relay.place_call(context=inbound)
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
    known: dict[str, str] = {}
    while True:
        calls = relay.status(MOST).calls
        for call in reversed(calls):
            if known.get(call.call_id) == call.state:
                continue
            reason = f" ({call.end_reason})" if call.end_reason else ""
            if not output.as_json:
                output.say(f"{call.call_id[:8]} {call.direction} {call.number} {call.state}{reason}")
            output.event(
                "call", call_id=call.call_id, direction=call.direction, number=call.number, state=call.state,
                end_reason=call.end_reason,
            )  # fmt: skip
        known = {call.call_id: call.state for call in calls}
        REAL.sleep(LOOK)
