"""``swsync relay``: the local RELAY server, on its own."""

from __future__ import annotations

import swsync
from swsync.clock import REAL
from swsync.commands.output import Output

__all__ = ["run"]


def run(
    *,
    output: Output,
    host: str,
    port: int,
    project: str | None,
    token: str | None,
    inbound: str | None,
    speed: float,
) -> None:
    """Serve until interrupted.

    Args:
        output: What to print to.
        host: Name or address to listen on.
        port: Port to listen on; 0 picks a free one.
        project: The only project that is let in, or any.
        token: The only token that is let in, or any.
        inbound: Place a call to this context as soon as a client listens on it.
        speed: How many times as fast as life.
    """
    with swsync.LocalRelay(host=host, port=port, project=project, token=token, speed=speed) as relay:
        settings = relay.settings
        output.say(f"RELAY listens on {relay.url}")
        if relay.ca_file:
            output.say(f"export SIGNALWIRE_RELAY_CA_FILE={relay.ca_file}")
        output.say(f"export SIGNALWIRE_SPACE={settings['host']}")
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
        if inbound is not None:
            relay.place_call(context=inbound)
        while True:
            REAL.sleep(3600.0)
