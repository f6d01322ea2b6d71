"""The ``swsync`` command: arguments in, exit code out.

Exit codes: 0 done, 1 an error that was explained, 2 usage, 130 interrupted (Ctrl-C, SIGTERM, the end of the terminal),
141 whoever read stdout has gone. With ``--json`` stdout carries one JSON object a line, and text for people goes to
stderr.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from types import ModuleType

import swsync
from swsync.commands.interrupts import alike
from swsync.commands.output import Output
from swsync.errors import SwsyncError

__all__ = ["main", "parser"]

DONE, EXPLAINED, USAGE, INTERRUPTED, UNREAD = 0, 1, 2, 130, 141

# Each has a module in swsync.commands with ``add(parser)``, which declares its arguments, and says what runs it.
COMMANDS = {
    "demo": "Dial a simulated person, play to her, record both sides.",
    "dial": "Call a number, say a text, hang up.",
    "tap": "Take the audio of one call, into files or live into a pipe.",
    "listen": "Answer every inbound call and record it, after a notice.",
    "batch": "Dial lists of numbers from a ledger, nobody twice.",
    "stream": "Receive one media stream, and print what arrives.",
    "rtp": "Send, receive and inspect RTP, without a call.",
    "relay": "Run a local RELAY server with simulated people.",
    "doctor": "Look at everything that a call with its audio needs.",
    "completion": "Print the completion script of a shell.",
}

EPILOG = """`swsync demo` needs no account: it brings its own RELAY server and somebody who
speaks. `swsync COMMAND --help` has each command's options and examples.

exit codes:
  0    done
  1    an error, which was explained in a sentence on stderr
  2    the command line is wrong
  130  interrupted: Ctrl-C, SIGTERM, the end of the terminal
  141  whoever read stdout has gone (| head)"""


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"swsync.commands.{name}")


def parser(chosen: str | None = None) -> argparse.ArgumentParser:
    """Build the command line.

    Args:
        chosen: The only command whose arguments are wanted, so that no other one is imported; None for all.
    """
    top = argparse.ArgumentParser(
        prog="swsync",
        description="Calls over SignalWire RELAY by plain blocking code, with their audio on this machine.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"swsync {swsync.__version__}")
    top.add_argument("-v", "--verbose", action="store_true", help="log what happens to stderr")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        command = commands.add_parser(
            name, help=text, description=text, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if chosen in (None, name):
            _module(name).add(command)
    return top


def _occupy_standard_files() -> None:
    """Give standard files that were closed (``>&-``) to nobody: else the next socket would get what we print."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 -- until the process ends


def _abandon_stdout() -> None:
    """Nobody takes what is left: the interpreter must not stumble over it at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: The words after ``swsync``; the process's own without it.

    Returns:
        The exit code.
    """
    _occupy_standard_files()
    words = sys.argv[1:] if argv is None else argv
    if not words:  # somebody who wants to know what there is
        parser("").print_help(sys.stderr)
        return USAGE
    arguments = parser(next((word for word in words if not word.startswith("-")), "")).parse_args(words)
    if arguments.verbose:
        logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s: %(message)s")
    output = Output(arguments.json)
    try:
        with alike():
            return int(arguments.run(arguments, output) or DONE)
    except KeyboardInterrupt:
        output.interrupted()
        return INTERRUPTED
    except BrokenPipeError:
        output.status("")
        return UNREAD
    except (SwsyncError, OSError, TimeoutError) as error:
        output.explain(error)
        return EXPLAINED
    finally:
        _abandon_stdout()
