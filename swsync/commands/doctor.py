"""``swsync doctor``: what stands between this machine and a recorded call."""

from __future__ import annotations

import argparse
import shutil
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from swsync.commands.arguments import complete, name, positive
from swsync.commands.output import Output, shown

if TYPE_CHECKING:
    from swsync.commands.checks.finding import Finding

__all__ = ["add"]

TEXT = """Look at everything that a call with its audio needs: Python, the C module,
credentials, DNS, TLS, clock, the session with RELAY, contexts, whether audio can
come back to this machine, ports and limits. Each line is ok, a warning, or wrong;
below a warning and what is wrong stands what to do.

Nobody is called unless --call names a number: then audio is taken each way.
The exit code is 1 if something is wrong; with --strict a warning counts too."""
EXAMPLES = """
swsync doctor
swsync doctor --context office --json
swsync doctor --call +12025550100 --from +12025550199
"""
NAME, STATE = 16, 8  # columns


def add(command: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    command.add_argument(
        "--context",
        action="append",
        type=name,
        default=[],
        metavar="NAME",
        help="receive calls to it; may be given again",
    )
    command.add_argument("--call", metavar="NUMBER", help="call it, and take a second of audio each way")
    command.add_argument("--from", dest="from_number", metavar="NUMBER", help="number that --call comes from")
    command.add_argument(
        "--timeout", type=positive, default=10.0, metavar="SECONDS", help="for each step over the network (default: 10)"
    )
    command.add_argument("--strict", action="store_true", help="exit with 1 for warnings too")
    complete(command, run, TEXT, EXAMPLES)
    command.set_defaults(refuse=command.error)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Print each finding as it is made."""
    if arguments.call and not arguments.from_number:
        arguments.refuse("--call needs --from NUMBER")
    counts = {"ok": 0, "warning": 0, "wrong": 0}
    for finding in _findings(arguments):
        counts[finding.state] += 1
        output.status("")
        for line in _lines(finding):
            output.say(line)
        output.event("finding", **finding._asdict())
        output.status("Looking ...")
    output.status("")
    what = {"wrong": "Something is wrong", "warning": "It works, with warnings", "ok": "All is well"}
    worst = next(state for state in ("wrong", "warning", "ok") if counts[state] or state == "ok")
    warnings = "1 warning" if counts["warning"] == 1 else f"{counts['warning']} warnings"
    output.say(f"\n{what[worst]}: {counts['ok']} ok, {warnings}, {counts['wrong']} wrong.")
    output.event("done", **counts)
    return int(worst == "wrong" or (arguments.strict and worst == "warning"))


def _lines(finding: Finding) -> Iterator[str]:
    """A finding for people: one line in a file, folded in a terminal."""
    head = f"{finding.state:<{STATE}} {finding.check:<{NAME}} "
    width = min(100, shutil.get_terminal_size().columns - 1) if sys.stdout.isatty() else 10_000
    for first, text in ((head, finding.text), (f"{'':{STATE}} {'-> ':>{NAME + 1}}", finding.todo)):
        if text:
            yield from textwrap.wrap(
                shown(text), max(width, 50), initial_indent=first, subsequent_indent=" " * len(head),
                break_long_words=False, break_on_hyphens=False,
            )  # fmt: skip


def _findings(arguments: argparse.Namespace) -> Iterator[Finding]:
    from swsync.commands.checks import machine, reach, service

    yield from machine.look()
    found, settings = service.credentials()
    yield from found
    is_whole = all(each.state != "wrong" for each in found)
    for each in service.link(settings, arguments.timeout) if settings is not None else ():
        is_whole = is_whole and each.state != "wrong"
        yield each
    yield from reach.look(settings is not None and settings.is_local, arguments.timeout)
    if is_whole:
        yield from _session(arguments)


def _session(arguments: argparse.Namespace) -> Iterator[Finding]:
    """What only a client that is connected can tell."""
    import swsync
    from swsync.commands.checks import reach, service
    from swsync.commands.checks.finding import ok, wrong
    from swsync.errors import SwsyncError

    client = swsync.RelayClient(connect_timeout=arguments.timeout)
    try:
        client.connect()
    except (SwsyncError, TimeoutError) as error:
        yield wrong("session", str(error), "look at the variables above; `-v` shows what was tried")
        client.close()
        return
    with closing(client):
        yield ok("session", "RELAY has taken the credentials")
        yield from service.session(client, arguments.context)
        if arguments.call:
            yield from reach.trial(client, arguments.call, arguments.from_number)
