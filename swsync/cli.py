"""The ``swsync`` command: arguments in, exit code out.

Exit codes: 0 done, 1 an error that was explained, 2 usage, 130 interrupted. With ``--json`` stdout carries one JSON
object a line, and text for people goes to stderr.
"""

from __future__ import annotations

import argparse
import logging
import math
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import swsync
from swsync.commands.output import Output, printable
from swsync.errors import SwsyncError

__all__ = ["main", "parser"]

DONE, EXPLAINED, USAGE, INTERRUPTED = 0, 1, 2, 130


def _positive(text: str) -> float:
    value = float(text)
    if not (value > 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError("must be a number above zero")
    return value


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError("must be a port, 0 to 65535")
    return value


def _command(commands: Any, run: Callable[[argparse.Namespace, Output], int], name: str, text: str) -> Any:
    command = commands.add_parser(name, help=text, description=text)
    command.set_defaults(run=run)
    command.add_argument("--json", action="store_true", help="one JSON object a line on stdout")
    return command


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    top = argparse.ArgumentParser(
        prog="swsync",
        description="Calls over SignalWire RELAY by plain blocking code, with their audio on this machine.",
        epilog="`swsync demo` needs no account: it brings its own RELAY server and a caller who speaks.",
    )
    top.add_argument("--version", action="version", version=f"swsync {swsync.__version__}")
    top.add_argument("-v", "--verbose", action="store_true", help="log what happens to stderr")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    demo = _command(commands, _demo, "demo", "Dial a simulated person, play to her, record both sides.")
    demo.add_argument(
        "--via", choices=("rtp", "ws", "stream"), default="rtp", help="how the audio comes (default: rtp)"
    )
    demo.add_argument("--out", metavar="DIR", default=".", help="where call.wav and call.png go (default: here)")
    demo.add_argument("--speed", type=_positive, default=1.0, metavar="N", help="N times as fast as life (default: 1)")

    relay = _command(commands, _relay, "relay", "Run a local RELAY server with simulated people.")
    relay.add_argument(
        "--bind", "--host", dest="host", default="localhost", metavar="HOST",
        help="name or address to listen on (default: localhost); beyond this machine a --token is required",
    )  # fmt: skip
    relay.add_argument("--port", type=_port, default=8443, help="0 picks a free one (default: 8443)")
    relay.add_argument("--project", help="the only project that is let in (default: any)")
    relay.add_argument("--token", help="the only token that is let in (default: any)")
    relay.add_argument("--inbound", metavar="CONTEXT", help="place a call to CONTEXT once a client listens on it")
    relay.add_argument("--callees", metavar="FILE", help="who is called and who calls in, as TOML or JSON")
    relay.add_argument("--faults", metavar="FILE", help="what goes wrong, as TOML or JSON")
    relay.add_argument("--no-tls", dest="tls", action="store_false", help="ws:// on loopback, without a CA")
    relay.add_argument("--allow-remote", action="store_true", help="let media and webhooks leave this machine")
    relay.add_argument("--speed", type=_positive, default=1.0, metavar="N", help="N times as fast as life (default: 1)")

    dial = _command(commands, _dial, "dial", "Call a number, say a text, hang up. Credentials come from SIGNALWIRE_*.")
    dial.add_argument("to", help="number to call, such as +12025550100")
    dial.add_argument("--from", dest="from_number", required=True, help="number that the call comes from")
    dial.add_argument("--say", metavar="TEXT", default="This is a call from s w sync.", help="text to speak")
    dial.add_argument("--timeout", type=_positive, default=30.0, help="seconds to let it ring (default: 30)")
    dial.add_argument("--record", metavar="WAV", help="record both sides into this file")
    dial.add_argument("--via", choices=("rtp", "ws", "stream"), default="stream", help="how recorded audio comes")
    _add_batch(commands)
    return top


def _add_batch(commands: Any) -> None:
    """The commands below ``swsync batch``."""
    batch = commands.add_parser("batch", help="Dial lists of numbers from a ledger, nobody twice.")
    actions = batch.add_subparsers(title="commands", metavar="COMMAND", required=True, dest="action")

    def action(name: str, text: str, job: str | None = None) -> Any:
        command = _command(actions, _batch, name, text)
        command.add_argument("ledger", help="the ledger's file")
        if name != "purge":
            command.add_argument("job", nargs=job, help="the job's name")
        return command

    load = action("load", "Make a job, or change it, and add the rows of a CSV or Parquet file.")
    load.add_argument("file", help="a list with a head: number, consent, zone ...")
    load.add_argument("--job-file", metavar="JSON", help="the job's settings")
    load.add_argument("--set", action="append", metavar="NAME=VALUE", help="one setting, such as rate=2")
    action("preflight", "Say what a run would dial, skip and cost. Nobody is called.")
    for name, text in (("run", "Dial what is due."), ("resume", "Let a paused job go on, and dial what is due.")):
        run = action(name, f"{text} Credentials come from SIGNALWIRE_*.")
        run.add_argument("--say", metavar="TEXT", help="what is said, with columns as {name}; or an address of audio")
        run.add_argument("--ask", action="append", metavar="TEXT", help="a question that is answered by a key")
        run.add_argument("--listen", type=_positive, metavar="SECONDS", help="let them speak after --say")
        run.add_argument("--script", metavar="MODULE:NAME", help="a function script(call, row) of your own")
    action("status", "Say where a job stands, or all.", "?")
    retry = action("retry", "Dial rows with these outcomes once more.")
    retry.add_argument("--outcome", action="append", metavar="NAME", help="such as busy; may be given again")
    retry.add_argument("--unknown", action="store_true", help="also what was in flight at a crash: they may have rung")
    export = action("export", "Write rows and results.")
    export.add_argument("file", help="a CSV, or with .parquet a Parquet file")
    export.add_argument("--report", metavar="HTML", help="a page with pictures")
    action("cancel", "Dial nothing more of a job, for good.")
    action("do-not-call", "Never call these numbers again, in any job.").add_argument("number", nargs="+")
    purge = action("purge", "Remove the personal data of rows that ended long ago, and their recordings.")
    purge.add_argument("--older-than", required=True, metavar="TIME", help="such as 90d or 12h")


def _batch(arguments: argparse.Namespace, output: Output) -> int:
    from swsync.commands.batch import run

    run(arguments, output)
    return DONE


def _demo(arguments: argparse.Namespace, output: Output) -> int:
    from swsync.commands.demo import run

    run(via=arguments.via, directory=arguments.out, speed=arguments.speed, output=output)
    return DONE


def _relay(arguments: argparse.Namespace, output: Output) -> int:
    from swsync.commands.relay import run

    run(
        output=output,
        inbound=arguments.inbound,
        callees=arguments.callees,
        faults=arguments.faults,
        tls=arguments.tls,
        allow_remote=arguments.allow_remote,
        host=arguments.host,
        port=arguments.port,
        project=arguments.project,
        token=arguments.token,
        speed=arguments.speed,
    )
    return DONE


def _dial(arguments: argparse.Namespace, output: Output) -> int:
    from swsync.commands.dial import run

    run(
        to=arguments.to,
        from_number=arguments.from_number,
        say=arguments.say,
        timeout=arguments.timeout,
        record=arguments.record,
        via=arguments.via,
        output=output,
    )
    return DONE


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: The words after ``swsync``; the process's own without it.

    Returns:
        The exit code.
    """
    arguments = parser().parse_args(argv)
    if arguments.verbose:
        logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s: %(message)s")
    output = Output(arguments.json)
    try:
        return int(arguments.run(arguments, output))
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone (`swsync ... | head`): the interpreter must not stumble over it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXPLAINED
    except (SwsyncError, OSError) as error:
        sentence = printable(str(error) or type(error).__name__)
        output.event("error", type=type(error).__name__, message=sentence)
        print(f"swsync: {sentence}", file=sys.stderr)
        return EXPLAINED
