"""Runs the Python blocks of one page of the documentation, in one namespace: ``python docs_page.py PAGE``.

A ``LocalRelay`` stands for the service: the variables of a client's settings name it. Relays that the page makes itself
are ten times as fast as life as well. ``client.run()`` gets one call and then comes back, as after Ctrl-C.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
import threading
from pathlib import Path
from typing import Any

import swsync
from swsync.localrelay import LocalRelay

SPEED = 10.0
SKIP = "<!-- not run:"


def code_of(markdown: str) -> str:
    """The Python blocks that run, each line at its own number; all other lines are empty."""
    found: list[str] = []
    inside = runs = skips = False
    for line in markdown.splitlines():
        if line.startswith("```"):
            runs = not inside and line.strip() == "```python" and not skips
            inside = not inside
            found.append("")
            skips = skips and inside
        else:
            found.append(line if inside and runs else "")
            if line.strip() and not inside:
                skips = line.startswith(SKIP)
    return "\n".join(found) + "\n"


def serve_one_call(relay: LocalRelay, client: swsync.RelayClient) -> None:
    """Place a call to a client, wait for its end, and close the client."""
    call = relay.place_call(client.contexts[0], timeout=100)
    call.wait_for_ended(timeout=300)
    client.close()


def main(page: Path) -> None:
    """Run one page."""
    logging.basicConfig(stream=sys.stdout)  # stderr is for what nobody handles
    with LocalRelay(speed=SPEED) as relay:
        settings = relay.settings
        os.environ["SIGNALWIRE_PROJECT_ID"] = settings["project"]
        os.environ["SIGNALWIRE_API_TOKEN"] = settings["token"]
        os.environ["SIGNALWIRE_SPACE"] = settings["host"]
        os.environ["SIGNALWIRE_RELAY_CA_FILE"] = settings["ca_file"]
        run, init = swsync.RelayClient.run, swsync.RelayClient.__init__

        def patient(client: swsync.RelayClient, *args: Any, **settings: Any) -> None:
            # Its seconds pass as fast as its relay's, but this machine may be slow.
            init(client, *args, **{"connect_timeout": 15 * SPEED, "request_timeout": 10 * SPEED, **settings})

        def run_for_one_call(client: swsync.RelayClient) -> None:
            caller = threading.Thread(target=serve_one_call, args=(relay, client))
            caller.start()
            run(client)
            caller.join()

        patched: Any = swsync
        patched.RelayClient.run = run_for_one_call
        patched.RelayClient.__init__ = patient
        patched.LocalRelay = functools.partial(LocalRelay, speed=SPEED)
        exec(compile(code_of(page.read_text()), str(page), "exec"), {"__name__": "__main__"})


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
