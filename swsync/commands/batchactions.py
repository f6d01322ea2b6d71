"""What the commands below ``swsync batch`` do."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import attrs

from swsync.batch import Batch, Job, Summary, announce, open_ledger, record, survey
from swsync.batch.opening import ADDRESSES
from swsync.clock import REAL
from swsync.commands.output import Output
from swsync.errors import ConfigurationError, shown

__all__ = ["run"]

DAY = 86_400.0
SPANS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": DAY}


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Run one of the batch commands."""
    COMMANDS[arguments.action](arguments, output)


def _seconds(text: str) -> float:
    """Read ``90d``, ``12h`` ..."""
    try:
        value = float(text[:-1]) * SPANS[text[-1:]]
    except (KeyError, ValueError):
        raise ConfigurationError(f"a time is a number and s, m, h or d, such as 90d, not {text!r}") from None
    if not value >= 0:
        raise ConfigurationError(f"a time must not be negative: {text!r}")
    return value


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    """The job's settings: a JSON file, and ``--set name=value`` above it."""
    options: dict[str, Any] = {}
    if arguments.job_file:
        try:
            options = json.loads(Path(arguments.job_file).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"{arguments.job_file} is no JSON file that can be read: {error}") from None
        if not isinstance(options, dict):
            raise ConfigurationError(f"{arguments.job_file} must hold one JSON object, the settings of a job")
    for assignment in arguments.set or ():
        name, found, value = assignment.partition("=")
        if not found:
            raise ConfigurationError(f"--set takes name=value, not {assignment!r}")
        options[name] = _value(name, value)
    known = [field.name for field in attrs.fields(Job)]
    unknown = ", ".join(sorted(set(options) - set(known)))
    if unknown:
        raise ConfigurationError(f"a job has no such setting: {shown(unknown)}; it has {', '.join(known)}")
    return options


def _value(name: str, text: str) -> Any:
    """A setting from the command line: text where the job wants text, else JSON."""
    wanted = {field.name: str(field.type) for field in attrs.fields(Job)}.get(name, "str")
    if wanted.startswith("str"):
        return text
    if wanted.startswith("tuple"):
        return tuple(part for part in text.split(",") if part)
    try:
        return json.loads(text)
    except ValueError:
        raise ConfigurationError(f'{name} takes JSON, such as 2.5 or {{"busy": 600}}, not {text!r}') from None


def _is_there(ledger: str) -> str:
    """Raise if it is the name of no file: a slip of the pen does not make an empty ledger."""
    if not ledger.startswith(ADDRESSES) and not Path(ledger).exists():
        raise ConfigurationError(f"there is no ledger {ledger}: `swsync batch load` makes one")
    return ledger


def _open(arguments: argparse.Namespace, script: Any = None) -> Batch:
    _is_there(arguments.ledger)
    return Batch(arguments.job, arguments.ledger, script)


def _load(arguments: argparse.Namespace, output: Output) -> None:
    options = _options(arguments)
    with open_ledger(arguments.ledger) as ledger:
        known = ledger.jobs().get(arguments.job)
    if known is not None and options and not arguments.job_file:
        options = {**known["settings"], **options}  # what is not named stays as it was
    try:
        batch = Batch(arguments.job, arguments.ledger, **options)
    except TypeError as error:
        raise ConfigurationError(f"a setting that the job needs is missing: {error}") from None
    with batch:
        loaded = batch.load(arguments.file)
        output.say(f"{loaded.added} rows added, {loaded.duplicates} were there already.")
        output.event("loaded", added=loaded.added, duplicates=loaded.duplicates)


def _preflight(arguments: argparse.Namespace, output: Output) -> None:
    with _open(arguments) as batch:
        found = batch.preflight()
    output.say(str(found))
    output.event("preflight", **attrs.asdict(found))


def _script(arguments: argparse.Namespace) -> Any:
    """What ``--say``, ``--ask`` or ``--script module:function`` names."""
    if arguments.script:
        module, _, name = arguments.script.partition(":")
        sys.path.insert(0, "")
        try:
            return getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise ConfigurationError(f"--script takes module:function; {arguments.script}: {error}") from None
    if arguments.ask:
        return survey({f"answer_{n}": text for n, text in enumerate(arguments.ask, 1)}, thanks=arguments.say or "")
    if arguments.listen:
        return record(arguments.say or "", seconds=arguments.listen)
    if arguments.say:
        return announce(arguments.say)
    raise ConfigurationError("say what is done on a call: --say TEXT, --ask TEXT or --script module:function")


def _run(arguments: argparse.Namespace, output: Output) -> None:
    with _open(arguments, _script(arguments)) as batch:
        if arguments.action == "resume":
            batch.resume()
        summary = batch.run(progress=not output.as_json)
    _tell(summary, output)
    if summary.interrupted:
        raise KeyboardInterrupt  # whoever started it must not take it for the job's end


def _status(arguments: argparse.Namespace, output: Output) -> None:
    with open_ledger(_is_there(arguments.ledger)) as ledger:
        names = [arguments.job] if arguments.job else list(ledger.jobs())
        if not names:
            output.say("There is no job in it.")
        for name in names:
            _tell(Batch(name, ledger).status(), output)


def _tell(summary: Summary, output: Output) -> None:
    state = summary.standing + (f": {summary.reason}" if summary.reason else "")
    cost = f", cost {summary.cost:.2f}" if summary.cost else ""  # nothing, or nobody said what a minute costs
    output.say(f"{summary.job} ({state}), {summary.calls} dials, {summary.minutes:.1f} min{cost}")
    for name, count in summary.statuses.items():
        output.say(f"  {count:8}  {name}")
    for name, count in sorted(summary.outcomes.items(), key=lambda item: -item[1]):
        output.say(f"  {count:8}    {name}")
    if summary.state == "ready" and summary.next_due is not None and summary.next_due > REAL.time():
        due = datetime.fromtimestamp(summary.next_due, timezone.utc)
        output.say(f"  the next is due at {due:%Y-%m-%d %H:%M:%S} UTC")
    fields = attrs.asdict(summary)
    fields.pop("progress")
    output.event("status", **fields)


def _retry(arguments: argparse.Namespace, output: Output) -> None:
    if not arguments.outcome and not arguments.unknown:
        raise ConfigurationError("say which rows: --outcome busy, or --unknown for those that may have been rung")
    with _open(arguments) as batch:
        again, held = batch.retry(*(arguments.outcome or ()), unknown=arguments.unknown)
    output.say(f"{again} rows will be dialed once more.")
    if held:
        output.say(
            f"{held} unknown ones not: the process that may have dialed them is stopped, not dead. End it first."
        )
    output.event("retry", rows=again, held=held)


def _export(arguments: argparse.Namespace, output: Output) -> None:
    with _open(arguments) as batch:
        count = batch.export(arguments.file)
        if arguments.report:
            batch.report(arguments.report)
    output.say(f"{count} rows in {arguments.file}.")
    output.event("exported", rows=count, file=arguments.file, report=arguments.report)


def _cancel(arguments: argparse.Namespace, output: Output) -> None:
    with _open(arguments) as batch:
        count = batch.cancel()
    output.say(f"{count} rows will not be dialed.")
    output.event("cancelled", rows=count)


def _purge(arguments: argparse.Namespace, output: Output) -> None:
    span = _seconds(arguments.older_than)
    with open_ledger(_is_there(arguments.ledger)) as ledger:
        count, recordings = ledger.purge(span)
    left = []
    for path in map(Path, recordings):
        try:
            path.unlink(missing_ok=True)
        except OSError:
            left.append(str(path))
    output.say(f"The personal data of {count} rows is gone, and {len(recordings) - len(left)} recordings.")
    output.event("purged", rows=count, recordings=len(recordings) - len(left), left=left)
    if left:
        raise ConfigurationError(f"these recordings could not be deleted: {', '.join(left)}")


def _do_not_call(arguments: argparse.Namespace, output: Output) -> None:
    with _open(arguments) as batch:
        count = batch.do_not_call(arguments.number)
    output.say(f"{count} numbers will never be called from this ledger again.")
    output.event("do_not_call", added=count)


COMMANDS: dict[str, Callable[[argparse.Namespace, Output], None]] = {
    "load": _load,
    "preflight": _preflight,
    "run": _run,
    "resume": _run,
    "status": _status,
    "retry": _retry,
    "export": _export,
    "cancel": _cancel,
    "purge": _purge,
    "do-not-call": _do_not_call,
}
