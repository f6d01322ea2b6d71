"""The recipes in examples/ as whole programs against LocalRelay: who hears what, and that no call is left on."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_examples import EXAMPLES, run, settings

import swsync
from swsync.localrelay import LocalCall

AGENT, TO, CALLER = "+12025550100", "+12025550100", "+12025550123"
LONG = 240.0  # a minute of a busy machine, whose calls go four times as fast
PATIENT = 40.0  # after which an agent hangs up who is to be told something first: ten seconds of the machine


@pytest.fixture
def relay() -> Iterator[swsync.LocalRelay]:
    """A relay whose calls go four times as fast. When a test is over, so is every call."""
    with swsync.LocalRelay(speed=4) as relay:
        yield relay
        for callee in relay.callees.values():
            for call in callee.calls:
                call.wait_for_ended(LONG)


@contextlib.contextmanager
def program(name: str, relay: swsync.LocalRelay, directory: Path, **more: str) -> Iterator[list[str]]:
    """Run an example that serves until Ctrl-C; gives the list that fills with the lines that it prints."""
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLES / name)], env=settings(relay, **more), cwd=directory, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    kill = threading.Timer(120, process.kill)
    kill.start()
    lines: list[str] = []
    try:
        yield lines
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate(timeout=60)
        lines += printed.splitlines()
        assert ("", 0) == (errors, process.returncode)
    finally:
        kill.cancel()
        kill.join()
        process.kill()
        print(*process.communicate())  # of a test that failed


def agent_call(relay: swsync.LocalRelay) -> LocalCall:
    """The agent's only call."""
    (call,) = relay.callees[AGENT].calls
    return call


def test_warm_transfer(relay: swsync.LocalRelay, tmp_path: Path) -> None:
    """The agent is told first; then each hears the other; when the agent leaves, the caller's call is over too."""
    relay.callee(AGENT, hangs_up_after=PATIENT)
    with program("warm_transfer.py", relay, tmp_path) as lines:
        caller = relay.place_call(from_=CALLER, timeout=LONG)
        caller.wait_for_ended(LONG)
    assert ["joined", "over"] == lines
    methods = [(entry.method, entry.params.get("call_id")) for entry in relay.journal.requests()]
    agent = agent_call(relay).call_id
    told, joined = methods.index(("calling.play", agent)), methods.index(("calling.connect", caller.call_id))
    assert told < joined
    assert max(agent_call(relay).heard) > 1000


def test_warm_transfer_without_an_agent(relay: swsync.LocalRelay, tmp_path: Path) -> None:
    """The caller is told, and let go."""
    relay.callee(AGENT, outcome="busy")
    with program("warm_transfer.py", relay, tmp_path) as lines:
        relay.place_call(from_=CALLER, timeout=LONG).wait_for_ended(LONG)
    assert ["no agent: busy"] == lines


def test_whisper(relay: swsync.LocalRelay, tmp_path: Path) -> None:
    """What is whispered is played to the agent's leg, and to no other."""
    relay.callee(AGENT, speech=b"", hangs_up_after=PATIENT)
    with program("whisper.py", relay, tmp_path) as lines:
        caller = relay.place_call(from_=CALLER, speech=b"", timeout=LONG)
        caller.wait_for_ended(LONG)
    assert ["whispered", "over"] == lines
    assert [agent_call(relay).call_id] == [entry.params["call_id"] for entry in relay.journal.requests("calling.play")]
    assert max(agent_call(relay).heard) > 1000
    assert max(caller.heard, default=0) < 100


@pytest.mark.parametrize("kind", ["human", "machine"])
def test_voicemail_drop(relay: swsync.LocalRelay, tmp_path: Path, kind: str) -> None:
    """A machine is left its message after the greeting and the beep; a person is talked to."""
    relay.callee(TO, kind=kind)
    printed = run("voicemail_drop.py", settings(relay), tmp_path)
    assert f"answered by {kind.upper()}\n" == printed
    (play,) = relay.journal.requests("calling.play")
    assert ("parcel is ready to be fetched" in str(play.params)) == (kind == "machine")


QUEUED = [CALLER, "+12025550124"]


def queue_calls(relay: swsync.LocalRelay, directory: Path) -> list[str]:
    """Two people call and wait until their calls are over; gives the numbers of those who were served, in order."""
    with program("call_queue.py", relay, directory, AGAIN="0.2") as lines:
        for call in [relay.place_call(from_=number, timeout=LONG) for number in QUEUED]:
            call.wait_for_ended(LONG)
    return [line.split()[1] for line in lines if line.startswith("serving")]


def test_call_queue(relay: swsync.LocalRelay, tmp_path: Path) -> None:
    """Two callers are served one after the other, in their order, by an agent who does not answer at first."""
    relay.callee(AGENT, outcomes=["busy", "answers"], hangs_up_after=8)
    served = queue_calls(relay, tmp_path)
    numbers = {
        call.call_id: call.device["params"]["from_number"] for call in relay.calls if call.direction == "inbound"
    }
    assert served == [numbers[entry.params["call_id"]] for entry in relay.journal.requests("calling.queue.enter")]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "refuse", "name": "calling.connect", "code": 500},
        {"kind": "delay", "name": "calling.queue.enter", "of": "reply", "seconds": 2.0},
    ],
    ids=["not joined", "told late that it is in line"],
)
def test_call_queue_forgets_nobody(relay: swsync.LocalRelay, tmp_path: Path, fault: dict[str, Any]) -> None:
    """Not who cannot be joined to the agent at first, nor who is ahead of one that the program heard of before."""
    relay.callee(AGENT, hangs_up_after=8)
    relay.faults.add(fault)
    assert sorted(QUEUED) == sorted(queue_calls(relay, tmp_path))
    assert [fault["name"]] == [applied.name for applied in relay.faults.applied]
