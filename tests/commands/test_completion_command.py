"""The completion scripts name what there is, and no command loads more than it needs."""

from __future__ import annotations

import subprocess
import sys

import pytest
from shell import CLEAN, refused, run

from swsync.cli import COMMANDS, parser
from swsync.commands.completion import levels

HEAVY = ("numpy", "matplotlib", "pandas", "soundfile", "soxr", "tqdm", "trustme", "websockets", "IPython", "av", "attr",
         "swsync.localrelay", "swsync.media", "swsync.call", "swsync.batch")  # fmt: skip


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_command_and_option_is_in_the_script(shell: str) -> None:
    done = run("completion", shell)
    assert (0, "") == (done.returncode, done.stderr)
    for level in levels(parser()):
        for word in level.commands:
            assert word in done.stdout
        for option in level.options:
            for name in option.names:
                assert name.lstrip("-") in done.stdout
    refused(run("completion", "tcsh"), "invalid choice")


@pytest.mark.parametrize("command", [*COMMANDS, "rtp send", "rtp receive", "rtp inspect"])
def test_help_is_quick_to_come(command: str) -> None:
    """It is 80 columns wide at most, has examples, and imports none of what the command will need."""
    code = f"""import sys
from swsync.cli import main
try:
    main([*{command!r}.split(), "--help"])
finally:
    print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"""
    environment = {**CLEAN, "COLUMNS": "80"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60,
                          check=False)  # fmt: skip
    assert (0, "[]\n") == (done.returncode, done.stderr)
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "examples:" in done.stdout
