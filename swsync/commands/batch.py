"""``swsync batch``: load, preflight, run, status, resume, retry, export, cancel, purge, do-not-call."""

from __future__ import annotations

import argparse
from typing import Any

from swsync.commands.arguments import complete, examples, filled, positive
from swsync.commands.output import Output

__all__ = ["add"]

TEXT = """Dial lists of numbers from a ledger (a file, or PostgreSQL), nobody twice, whatever
is killed in between: load a list, look at the preflight, run it, export the results.
Credentials come from SIGNALWIRE_*."""
EXAMPLES = """
swsync batch load calls.db reminders people.csv --set from_number=+12025550199
swsync batch preflight calls.db reminders
swsync batch run calls.db reminders --say "Hello {name}, this is a reminder."
swsync batch status calls.db
swsync batch export calls.db reminders results.csv --report report.html
"""
# What the help pages of the commands below it show besides those of theirs above.
MORE = """
swsync batch load calls.db survey people.parquet --job-file survey.json --set rate=2
swsync batch run calls.db survey --ask "Press one for yes, two for no." --say "Thank you."
swsync batch run calls.db reminders --script mycalls:remind
swsync batch resume calls.db reminders --say "Hello {name}, this is a reminder."
swsync batch status postgresql://calls@db.example.com/calls reminders --json
swsync batch retry calls.db reminders --outcome busy --outcome noAnswer
swsync batch cancel calls.db reminders
swsync batch do-not-call calls.db reminders +12025550123
swsync batch purge calls.db --older-than 90d
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the commands below it and their arguments."""
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, dest="action")

    def action(name: str, text: str, job: str | None = None) -> Any:
        command = actions.add_parser(
            name, help=text, description=text, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        own = [line for line in (EXAMPLES + MORE).splitlines() if line.startswith(f"swsync batch {name} ")]
        complete(command, run, text, "\n".join(own))
        command.add_argument("ledger", metavar="LEDGER", help="a file, or postgresql://user@host/database")
        if name != "purge":
            command.add_argument("job", metavar="JOB", nargs=job, help="the job's name")
        return command

    load = action("load", "Make a job, or change it, and add the rows of a CSV or Parquet file.")
    load.add_argument("file", metavar="FILE", help="a list with a head: number, consent, zone ...")
    load.add_argument("--job-file", metavar="JSON", help="the job's settings, an object")
    load.add_argument(
        "--set",
        action="append",
        metavar="NAME=VALUE",
        help="one setting, such as rate=2; may be given again (a wrong one lists them all)",
    )
    action("preflight", "Say what a run would dial, skip and cost. Nobody is called.")
    for name, text in (("run", "Dial what is due."), ("resume", "Let a paused job go on, and dial what is due.")):
        command = action(name, f"{text} Credentials come from SIGNALWIRE_*.")
        command.add_argument(
            "--say", metavar="TEXT", help="what is said, with columns as {name}; or an address of audio"
        )
        command.add_argument("--ask", action="append", metavar="TEXT", help="a question that is answered by a key")
        command.add_argument("--listen", type=positive, metavar="SECONDS", help="let them speak after --say")
        command.add_argument("--script", metavar="MODULE:NAME", help="a function script(call, row) of your own")
    action("status", "Say where a job stands, or all.", "?")
    retry = action("retry", "Dial rows with these outcomes once more.")
    retry.add_argument("--outcome", action="append", metavar="NAME", help="such as busy; may be given again")
    retry.add_argument("--unknown", action="store_true", help="also what was in flight at a crash: they may have rung")
    export = action("export", "Write rows and results.")
    export.add_argument("file", metavar="FILE", help="a CSV, or with .parquet a Parquet file")
    export.add_argument("--report", metavar="HTML", help="a page with pictures")
    action("cancel", "Dial nothing more of a job, for good.")
    action("do-not-call", "Never call these numbers again, in any job.").add_argument(
        "number", metavar="NUMBER", nargs="+", help="such as +12025550123"
    )
    purge = action("purge", "Remove the personal data of rows that ended long ago, and their recordings.")
    purge.add_argument("--older-than", required=True, metavar="TIME", help="such as 90d or 12h")
    parser.description, parser.epilog = filled(TEXT), examples(EXAMPLES)


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Run one of them."""
    from swsync.commands import batchactions

    batchactions.run(arguments, output)
