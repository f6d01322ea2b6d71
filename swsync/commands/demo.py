"""``swsync demo``: a whole call on this machine, with audio on disk at the end of it."""

from __future__ import annotations

import argparse
import importlib.util
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import swsync
from swsync.commands.arguments import complete, positive
from swsync.commands.output import Output
from swsync.commands.targets import directory
from swsync.errors import ConfigurationError
from swsync.picture import draw_waveforms

if TYPE_CHECKING:
    from swsync.calling._base import Action
    from swsync.calling.capture import CallCapture

__all__ = ["add"]

TO, FROM = "+12025550100", "+12025550199"
REMINDER = "Hello, this is a reminder of your appointment tomorrow at ten."
TEXT = """Dial a simulated person over a RELAY server on this machine, play a sentence to
her, and record both sides. Needs no account, and nothing leaves this machine.
Leaves call.wav (left: said, right: heard) and call.png."""
EXAMPLES = """
swsync demo                     a call of a few seconds, its audio over RTP
swsync demo --via stream        the same over a WebSocket
swsync demo --speed 4 --json    quicker, for a program
"""
STEP = 0.1  # seconds between two looks at a recording that runs


def _check_extra() -> None:
    """Say before anybody is called that a package is missing, not after."""
    missing = [name for name in ("matplotlib", "tqdm", "trustme") if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigurationError(f"the demo needs {', '.join(missing)}: pip install 'swsync[demo]'")


def _progress(action: Action[Any], capture: CallCapture, seconds: float, output: Output) -> None:
    """Show how the recording grows until the words are played and the other side has finished too."""
    from tqdm.auto import tqdm

    total = round(seconds, 1)
    form = "{desc}: {bar} {n:.1f}/{total:.1f} s"
    width = min(100, shutil.get_terminal_size().columns)
    with tqdm(total=total, desc="recording", bar_format=form, ncols=width, disable=output.as_json or None) as bar:
        while not action.is_done or capture.duration < seconds:
            with suppress(TimeoutError):
                capture.wait_duration(min(capture.duration + STEP, seconds), timeout=STEP)
            if capture.duration >= seconds:
                with suppress(TimeoutError):
                    action.wait(timeout=STEP)
            bar.update(min(capture.duration, total) - bar.n)


def _table(capture: CallCapture, output: Output) -> None:
    """Print what was received of each side."""
    columns = ("side", "seconds", "packets", "lost", "late", "jitter ms")
    output.say("  ".join(f"{text:>9}" for text in columns))
    for side, q in capture.quality.items():
        row = (side, f"{q.seconds:.2f}", q.packets, q.packets_lost, q.late, f"{q.jitter_ms:.1f}")
        output.say("  ".join(f"{value!s:>9}" for value in row))
        output.event(
            "quality",
            side=side,
            seconds=q.seconds,
            packets=q.packets,
            lost=q.packets_lost,
            late=q.late,
            jitter_ms=round(q.jitter_ms, 3),
        )


def add(command: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    command.add_argument(
        "--via", choices=("rtp", "ws", "stream"), default="rtp", help="how the audio comes (default: rtp)"
    )
    command.add_argument("--out", metavar="DIR", default=".", help="where call.wav and call.png go (default: here)")
    command.add_argument(
        "--speed", type=positive, default=1.0, metavar="N", help="N times as fast as life (default: 1)"
    )
    complete(command, run, TEXT, EXAMPLES)


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Dial a simulated person over a local relay, play to her, record both sides, draw them."""
    via, speed = arguments.via, arguments.speed
    _check_extra()
    out = directory(arguments.out)
    wav, png = out / "call.wav", out / "call.png"
    output.say("Starting a RELAY server on this machine ...")
    with swsync.LocalRelay(speed=speed) as relay, swsync.RelayClient(**relay.settings) as client:
        output.say(f"Connected to {relay.url}. Dialing {TO} ...")
        call = client.dial_phone(to=TO, from_number=FROM, timeout=30)
        output.say(f"Answered (call {call.call_id}). Recording both sides over {via} ...")
        output.event("answered", call_id=call.call_id)
        try:
            with call.capture(wav, via=via) as capture:
                action = call.play_tts(REMINDER)
                _progress(action, capture, relay.callees[TO].speaks_until, output)
            call.hangup()
        except KeyboardInterrupt:
            output.say(f"Interrupted. What was recorded is in {wav}")
            raise
    output.say("Hung up.\n")
    _table(capture, output)
    draw_waveforms(wav, png, titles=("left: said", "right: heard"))
    output.say(f"\n{wav}\n{png}")
    output.event("done", wav=str(wav), png=str(png), duration=capture.duration)
