"""The completion scripts of bash, zsh and fish, made from what each command takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

__all__ = ["SCRIPTS", "Level", "Option"]


class Option(NamedTuple):
    """One option."""

    names: tuple[str, ...]
    text: str
    has_value: bool
    choices: tuple[str, ...]
    is_file: bool


class Level(NamedTuple):
    """What may stand after the words that lead to it: commands with their texts, options, one of some words, files."""

    words: tuple[str, ...]
    commands: dict[str, str]
    options: tuple[Option, ...]
    choices: tuple[str, ...]
    takes_files: bool

    @property
    def place(self) -> str:
        """`` batch load``: the words, each after a blank."""
        return "".join(f" {word}" for word in self.words)


def _places(levels: Sequence[Level]) -> str:
    """All that lead somewhere, as the pattern of a ``case``."""
    return "|".join(f'"{level.place}"' for level in levels if level.words)


def _value(option: Option, choice: str, file: str, any_other: str) -> str:
    """What a shell is told of an option's value; "" if it takes none."""
    if not option.has_value:
        return ""
    return choice.format(" ".join(option.choices)) if option.choices else file if option.is_file else any_other


def bash(levels: Sequence[Level]) -> str:
    values, words = [], []
    for level in levels:
        for option in level.options:
            if not option.has_value:
                continue
            names = "|".join(f'"{level.place} {name}"' for name in option.names)
            found = _value(option, "-W '{}'", "-f", "-W ''")
            values.append(f'    {names}) COMPREPLY=($(compgen {found} -- "$cur")); return ;;')
        known = [*level.commands, *level.choices, *(name for option in level.options for name in option.names)]
        files = ' COMPREPLY+=($(compgen -f -- "$cur"));' if level.takes_files else ""
        words.append(f'    "{level.place}") COMPREPLY=($(compgen -W "{" ".join(known)}" -- "$cur"));{files} ;;')
    lines = "\n".join
    return f"""# bash completion of swsync; made by `swsync completion bash`
_swsync() {{
  local cur="${{COMP_WORDS[COMP_CWORD]}}" prev="${{COMP_WORDS[COMP_CWORD-1]}}" place="" word
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$place $word" in {_places(levels)}) place="$place $word" ;; esac
  done
  case "$place $prev" in
{lines(values)}
  esac
  case "$place" in
{lines(words)}
  esac
}}
complete -o filenames -F _swsync swsync"""


def _zsh_text(text: str) -> str:
    escaped = "".join(f"\\{c}" if c in "\\[]:" else c for c in text)
    return escaped.replace("'", "'\\''")


def zsh(levels: Sequence[Level]) -> str:
    cases = []
    for level in levels:
        parts = []
        for option in level.options:
            value = _value(option, ":value:({})", ":file:_files", ":value:")
            parts += [f"'*{name}[{_zsh_text(option.text)}]{value}'" for name in option.names]
        if level.commands:
            named = " ".join(f"'{name}:{_zsh_text(text)}'" for name, text in level.commands.items())
            parts.append("'*: :_swsync_commands'")
            cases.append(f'    "{level.place}") below=({named}); _arguments {" ".join(parts)} ;;')
            continue
        rest = "'*:file:_files'" if level.takes_files else f"'*:value:({' '.join(level.choices)})'"
        cases.append(f'    "{level.place}") _arguments {" ".join([*parts, rest])} ;;')
    lines = "\n".join(cases)
    return f"""#compdef swsync
# zsh completion of swsync; made by `swsync completion zsh`
_swsync_commands() {{ _describe command below }}
_swsync() {{
  local place="" word; local -a below
  for word in "${{(@)words[2,CURRENT-1]}}"; do
    case "$place $word" in {_places(levels)}) place="$place $word" ;; esac
  done
  case "$place" in
{lines}
  esac
}}
if [ "$funcstack[1]" = "_swsync" ]; then _swsync "$@"; else compdef _swsync swsync; fi"""


def _fish_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def fish(levels: Sequence[Level]) -> str:
    lines = ["# fish completion of swsync; made by `swsync completion fish`", "complete -c swsync -f"]
    for level in levels:
        seen = [f"__fish_seen_subcommand_from {word}" for word in level.words]
        if level.commands:
            seen.append(f"not __fish_seen_subcommand_from {' '.join(level.commands)}")
        where = f"-n {_fish_text('; and '.join(seen))} " if seen else ""
        for name, text in level.commands.items():
            lines.append(f"complete -c swsync {where}-a {name} -d {_fish_text(text)}")
        if level.takes_files:
            lines.append(f"complete -c swsync {where}-F")
        if level.choices:
            lines.append(f"complete -c swsync {where}-a {_fish_text(' '.join(level.choices))}")
        for option in level.options:
            names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
            value = _value(option, " -x -a '{}'", " -r -F", " -x")
            lines.append(f"complete -c swsync {where}{names}{value} -d {_fish_text(option.text)}")
    return "\n".join(lines)


SCRIPTS: dict[str, Callable[[Sequence[Level]], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
