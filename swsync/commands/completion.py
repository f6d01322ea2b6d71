"""``swsync completion``: a script that lets a shell complete commands, options and their values."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from swsync.commands.arguments import complete
from swsync.commands.output import Output

if TYPE_CHECKING:
    from swsync.commands.shells import Level

__all__ = ["add", "levels"]

TEXT = """Print a script that lets a shell complete commands, options and their values.
It is made from the commands as they are: print it anew after an update."""
EXAMPLES = """
swsync completion bash > ~/.local/share/bash-completion/completions/swsync
swsync completion zsh > "${fpath[1]}/_swsync"
swsync completion fish > ~/.config/fish/completions/swsync.fish
source <(swsync completion bash)      only for the shell that runs
"""
FILES = ("FILE", "WAV", "DIR", "PCAP", "HTML", "JSON", "LEDGER")  # what a value that is a path is called


def add(command: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    command.add_argument("shell", choices=("bash", "zsh", "fish"), help="whose script")
    complete(command, run, TEXT, EXAMPLES)


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Print the script."""
    cli = importlib.import_module("swsync.cli")  # it imports this module
    from swsync.commands import shells

    script = shells.SCRIPTS[arguments.shell](list(levels(cli.parser())))
    output.say(script) if not output.as_json else output.event("script", shell=arguments.shell, text=script)


def levels(parser: argparse.ArgumentParser, words: tuple[str, ...] = ()) -> Iterator[Level]:
    """A parser and all below it: what may stand after the words that lead there."""
    from swsync.commands.shells import Level, Option

    commands: dict[str, str] = {}
    below: dict[str, argparse.ArgumentParser] = {}
    options: list[Option] = []
    takes_files = False
    choices: tuple[str, ...] = ()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            commands = {each.dest: each.help or "" for each in action._choices_actions}
            below = dict(action.choices)
        elif action.option_strings:
            has_value = action.nargs != 0
            options.append(
                Option(tuple(action.option_strings), action.help or "", has_value,
                       tuple(map(str, action.choices or ())), has_value and action.metavar in FILES)
            )  # fmt: skip
        else:
            takes_files = takes_files or (action.metavar or action.dest) in FILES
            choices = choices or tuple(map(str, action.choices or ()))
    yield Level(words, commands, tuple(options), choices, takes_files)
    for name, each in below.items():
        yield from levels(each, (*words, name))
