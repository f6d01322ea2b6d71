"""Ctrl-C in every blocking call ends it, and leaves a client that is of use."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import interrupts
import pytest

import swsync
from swsync import localrelay, media

# Its `timeout` is RELAY's or a person's, and it does not wait for that; or another test interrupts it.
NOT_HERE = {
    "Attempt.run": "tests/batch/test_trouble.py",
    "Batch.run": "tests/batch/test_trouble.py",
    "Call.ai_hold": "a parameter of the request",
    "Call.connect_phone": "a parameter of the request",
    "Call.connect_sip": "a parameter of the request",
    "Call.detect": "a parameter of the request",
    "Call.detect_answering_machine": "a parameter of the request",
    "Call.detect_digit": "a parameter of the request",
    "Call.detect_fax": "a parameter of the request",
    "Call.echo": "a parameter of the request",
    "Call.pay": "a parameter of the request",
    "Call.wait_for_ringing": "as wait_for_answered",
    "CallCapture.close": "tests/calling/test_capture.py",
    "ConnectAction.wait": "Action.wait",
    "LocalCall.call_function": "a web hook's answer, on the relay's side",
    "LocalCall.wait_for_answered": "as LocalCall.wait_for",
    "LocalCall.wait_for_ended": "as LocalCall.wait_for",
    "LocalMessage.wait_for": "as LocalCall.wait_for",
    "Capture.wait_duration": "CallCapture.wait_duration waits in it",
    "Track.wait": "Receiver.read waits in it",
}


@pytest.fixture(scope="module")
def results() -> dict[str, dict[str, Any]]:
    """What each wait did."""
    script = Path(interrupts.__file__)
    path = os.pathsep.join([str(script.parents[1]), str(Path(swsync.__file__).parents[1])])
    done = subprocess.run(
        [sys.executable, str(script)], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert (0, "") == (done.returncode, done.stderr), done.stdout
    return {line.pop("wait"): line for line in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("wait", [f"{owner.__name__}.{name}" for owner, name in interrupts.WAITS])
def test_ctrl_c_ends_every_wait(results: dict[str, dict[str, Any]], wait: str) -> None:
    """KeyboardInterrupt comes out of it, at once; ``run`` takes it as the end."""
    assert ("returned" if wait == "RelayClient.run" else "interrupted") == results[wait]["what"]
    assert results[wait]["seconds"] < 20  # less than what any of them waits for by itself


def public_waits() -> dict[str, Callable[..., Any]]:
    """Each public function and method that waits, by its signature and its name."""
    found = {}
    modules = (swsync, media, localrelay)
    owners = [swsync, *(getattr(module, name) for module in modules for name in dir(module) if name[0].isupper())]
    owners = [owner for owner in owners if inspect.isclass(owner) or owner is swsync]
    owners += [owner for owner, _ in interrupts.WAITS]
    for owner in owners:
        for name, function in inspect.getmembers(owner, inspect.isfunction):
            if not name.startswith("_") and (
                name.startswith("wait") or "timeout" in inspect.signature(function).parameters
            ):
                found[f"{owner.__name__}.{name}"] = function
    return found


def test_no_wait_is_missing() -> None:
    """Each one is interrupted above, under this name or that of a class which has it too, or is named with a reason."""
    shown = {getattr(owner, name) for owner, name in interrupts.WAITS}
    shown |= {function for name, function in public_waits().items() if name in NOT_HERE}
    assert not {name for name, function in public_waits().items() if function not in shown}
