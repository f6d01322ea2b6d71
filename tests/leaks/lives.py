"""What is opened, used for a moment and closed."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import swsync
from swsync import media
from swsync.batch import SqliteLedger
from swsync.clock import REAL, RealClock
from swsync.localrelay import LocalRelay

__all__ = ["LIVES", "Life"]

Life = Callable[[], object]
SOUND = bytes(1600)  # 0.1 s
SPEED = 4.0
RELAY = f"""
import json, sys
from swsync.localrelay import LocalRelay
with LocalRelay(speed={SPEED}, tls=False) as relay:
    relay.callee("+12025550100", answers_after=0.01, speech=b"")
    print(json.dumps(dict(relay.settings, clock=None)), flush=True)
    sys.stdin.read()
"""


@contextmanager
def relay_elsewhere() -> Iterator[dict[str, Any]]:
    """The settings of a LocalRelay in a process of its own, because it remembers all that it has seen."""
    process = subprocess.Popen([sys.executable, "-c", RELAY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        yield {**json.loads(process.stdout.readline()), "clock": RealClock(SPEED)}
        process.stdin.close()


@contextmanager
def clients() -> Iterator[Life]:
    """A client connects, asks for something, and is closed."""
    with relay_elsewhere() as settings:

        def life() -> None:
            with swsync.RelayClient(**settings) as client:
                client.receive(["office"])

        yield life


@contextmanager
def calls() -> Iterator[Life]:
    """A client with a call that it dials, plays to, and ends."""
    with relay_elsewhere() as settings:

        def life() -> None:
            with swsync.RelayClient(**settings) as client:
                call = client.dial_phone(to="+12025550100", from_number="+12025550199", timeout=20)
                call.play_silence(0.1).wait(30)
                call.hangup()

        yield life


@contextmanager
def captures(via: str) -> Iterator[Life]:
    """A call that is recorded, both sides."""
    with relay_elsewhere() as settings, tempfile.TemporaryDirectory() as folder:

        def life() -> None:
            with swsync.RelayClient(**settings) as client:
                call = client.dial_phone(to="+12025550100", from_number="+12025550199", timeout=20)
                with call.capture(Path(folder) / "call.wav", via=via, timeout=60):
                    call.play_silence(0.3).wait(30)
                call.hangup()

        yield life


@contextmanager
def rtp() -> Iterator[Life]:
    """A receiver that hears a sender."""

    def life() -> None:
        with media.RtpReceiver() as receiver, media.RtpSender("127.0.0.1", receiver.port) as sender:
            sender.send(SOUND)
            next(iter(receiver.frames(timeout=10)))

    yield life


@contextmanager
def websockets(kind: type[media.TapReceiver] | type[media.StreamReceiver]) -> Iterator[Life]:
    """A receiver that waits on an address of its own."""

    def life() -> None:
        with kind():
            pass

    yield life


@contextmanager
def relays() -> Iterator[Life]:
    """A LocalRelay to which a client comes."""

    def life() -> None:
        with LocalRelay(tls=False) as relay, swsync.RelayClient(**relay.settings):
            pass

    yield life


@contextmanager
def ledgers() -> Iterator[Life]:
    """A ledger that is made anew, joined and left."""
    with tempfile.TemporaryDirectory() as folder:
        numbers = itertools.count()

        def life() -> None:
            with SqliteLedger(Path(folder) / f"{next(numbers) % 3}.db") as ledger:
                ledger.leave(ledger.join(REAL))

        yield life


LIVES: dict[str, Callable[[], AbstractContextManager[Life]]] = {
    "client": clients,
    "call": calls,
    "capture by rtp": lambda: captures("rtp"),
    "capture by ws": lambda: captures("ws"),
    "capture by stream": lambda: captures("stream"),
    "rtp receiver and sender": rtp,
    "tap receiver": lambda: websockets(media.TapReceiver),
    "stream receiver": lambda: websockets(media.StreamReceiver),
    "local relay": relays,
    "ledger": ledgers,
}
