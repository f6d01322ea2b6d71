"""The completion scripts in the shells that they are for."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from shell import run

from swsync.clock import REAL

pytestmark = pytest.mark.peers

# What is typed, and some of what must be offered; "" is a place where nobody can guess.
CASES = [
    ("swsync ", {"demo", "tap", "listen", "rtp", "doctor", "completion"}),
    ("swsync ta", {"tap"}),
    ("swsync tap --via ", {"stream", "ws", "rtp"}),
    ("swsync rtp ", {"send", "receive", "inspect"}),
    ("swsync rtp send --cod", {"--codec"}),
    ("swsync batch load --s", {"--set"}),
    ("swsync tap --out notes", {"notes.wav"}),
    ("swsync completion ", {"bash", "zsh", "fish"}),
]
BASH = 'source ./script; read -ra COMP_WORDS <<< "$LINE"; [[ $LINE == *" " ]] && COMP_WORDS+=(""); \
COMP_CWORD=$((${#COMP_WORDS[@]}-1)); COMPREPLY=(); _swsync; printf "%s\\n" "${COMPREPLY[@]}"'

ZSH = "PS1='$ '; autoload -U compinit; compinit -u -D; source ./script; print rea''dy\n"


@pytest.fixture(params=["bash", "zsh", "fish"])
def shell(request: pytest.FixtureRequest, tool: Callable[[str], str], tmp_path: Path) -> str:
    """A shell, and its script beside a file in the working directory."""
    name: str = request.param
    tool(name)
    (tmp_path / "script").write_text(run("completion", name).stdout)
    (tmp_path / "notes.wav").touch()
    return name


@contextmanager
def terminal(directory: Path) -> Iterator[Callable[[str, str], str]]:
    """A zsh in a terminal: type something, and read until a pattern shows."""
    ours, theirs = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "HOME": str(directory), "TERM": "dumb", "COLUMNS": "200", "LINES": "60"}
    process = subprocess.Popen(
        ["zsh", "-f", "-i"], cwd=directory, env=environment, stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True,
    )  # fmt: skip
    os.close(theirs)

    def say(text: str, pattern: str) -> str:
        os.write(ours, text.encode())
        seen, deadline = "", REAL.now() + 40
        while not re.search(pattern, seen):
            assert REAL.now() < deadline, seen
            if select.select([ours], [], [], 0.5)[0]:
                seen += os.read(ours, 65536).decode()
        return seen

    try:
        yield say
    finally:
        process.kill()
        process.wait()
        os.close(ours)


@pytest.fixture
def offered(shell: str, tmp_path: Path) -> Iterator[Callable[[str], set[str]]]:
    """What the shell offers after a line."""
    if shell != "zsh":
        script = BASH if shell == "bash" else "source ./script; complete -C $LINE"
        words = [shell, "--norc" if shell == "bash" else "-N", "-c", script]

        def ask(line: str) -> set[str]:
            done = subprocess.run(words, cwd=tmp_path, env={**os.environ, "LINE": line}, capture_output=True, text=True,
                                  timeout=30, check=True)  # fmt: skip
            assert "" == done.stderr
            return {each.split("\t")[0] for each in done.stdout.splitlines()} - {""}

        yield ask
        return
    with terminal(tmp_path) as say:
        say(ZSH, "ready[^$]*[$] ")
        yield lambda line: set(re.findall(r"[\w.-]+", say(f"{line}\t\x15print do''ne\n", "done[^$]*[$] ")))


def test_what_is_offered(offered: Callable[[str], set[str]]) -> None:
    """Commands, those below them, options, the words an option takes, files."""
    for line, wanted in CASES:
        assert wanted <= offered(line), line


def test_nothing_is_made_up(shell: str, offered: Callable[[str], set[str]]) -> None:
    """A number is the user's to type; commands are not offered where there are none."""
    if shell != "zsh":  # it says what is wanted instead
        assert set() == offered("swsync tap --from ")
        assert not {"demo", "tap"} & offered("swsync rtp ")
