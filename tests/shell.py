"""Runs ``swsync`` as its user does: a process with its output, its exit code and its signals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from swsync.clock import REAL
from swsync.localrelay import LocalRelay

COMMAND = [sys.executable, "-m", "swsync"]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("SIGNALWIRE_", "SWSYNC_"))}
TO, FROM = "+12025550100", "+12025550199"
PATIENCE = 90  # seconds after which a process that should have ended is a failure


def variables(relay: LocalRelay) -> dict[str, str]:
    """The environment in which ``swsync`` finds a relay."""
    known = relay.settings
    return {
        "SIGNALWIRE_PROJECT_ID": known["project"],
        "SIGNALWIRE_API_TOKEN": known["token"],
        "SIGNALWIRE_SPACE": known["host"],
        "SIGNALWIRE_RELAY_CA_FILE": str(known["ca_file"]),
    }


def run(
    *words: str | Path, relay: LocalRelay | None = None, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    known = variables(relay) if relay is not None else {}
    return subprocess.run(
        [*COMMAND, *map(str, words)], cwd=cwd, env={**CLEAN, **known, **environment},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip


@contextmanager
def started(
    *words: str | Path, relay: LocalRelay | None = None, environment: Mapping[str, str] = CLEAN, **options: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """Start it; whatever happens it has ended afterwards."""
    known = variables(relay) if relay is not None else {}
    files: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen([*COMMAND, *map(str, words)], env={**environment, **known}, **{**files, **options})
    watchdog = threading.Timer(PATIENCE, process.kill)  # whoever reads what it prints would wait for ever
    watchdog.start()
    try:
        yield process
    finally:
        watchdog.cancel()
        watchdog.join()
        if process.poll() is None:
            process.kill()
        process.communicate()


def until(process: subprocess.Popen[bytes], event: str) -> dict[str, Any]:
    """Read its JSON lines up to this event."""
    assert process.stdout is not None
    for line in process.stdout:
        found: dict[str, Any] = json.loads(line)
        if found["event"] == event:
            return found
    assert process.stderr is not None
    raise AssertionError(f"it ended without {event!r}: {process.stderr.read().decode()}")


def eventually(predicate: Callable[[], object]) -> None:
    """Wait until something is so."""
    deadline = REAL.now() + PATIENCE
    while not predicate():
        assert REAL.now() < deadline
        REAL.sleep(0.02)


def events_of(text: str | bytes) -> list[dict[str, Any]]:
    """Its JSON lines; each must be one."""
    return [json.loads(line) for line in text.splitlines()]


def explained(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """One sentence that holds these words, exit code 1, no traceback."""
    sentences = [line for line in done.stderr.splitlines() if line.startswith("swsync: ")]
    assert (1, 1) == (done.returncode, len(sentences)), done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in sentences[0]


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """A usage error that holds these words."""
    assert 2 == done.returncode, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr
