"""One program against one fault: the server in this process, the client in one of its own."""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme

from tests.peers.faults.services import Outcome, Service, Step
from tests.scripted_server import on_socket

__all__ = ["Result", "authority", "run", "settle"]

PROGRAMS = Path(__file__).parent.parent / "programs"
TAG = re.compile(r" \(tag=[-0-9a-f]+\)")  # differs from run to run
SETTLE = 0.5  # seconds in which the last frames of a program that has ended arrive
LATE = 10.0  # seconds in which a busy machine has heard of the end of each call that is ended
PATIENCE = 3  # times the limit that our own programs may take, which hang nowhere, only are slow on a busy machine


@dataclass(frozen=True)
class Result:
    """What one client did in one fault.

    Attributes:
        fault: Its number.
        client: ``ours`` or ``official``.
        verdict: In one word.
        words: What was observed.
        left: Calls that the program left on at the service.
        ran: Whether the program got as far as any step.
        log: The end of what it wrote on stderr.
    """

    fault: str
    client: str
    verdict: str
    words: str
    left: int
    ran: bool
    log: str


def authority(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A certificate for localhost, and the file of who has signed it."""
    signer = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    signer.issue_cert("localhost").configure_cert(context)
    path = folder / "ca.pem"
    signer.cert_pem.write_to_path(str(path))
    return context, path


def run(fault: type[Service], client: str, python: str, tls: tuple[ssl.SSLContext, Path]) -> Result:
    """Run one program to its end, or to the fault's limit."""
    service = fault()
    with on_socket(tls[0], service) as (_, port):
        lines, log = _run_program(client, python, fault, f"localhost:{port}", tls[1])
        settle(lambda: service.left)
        outcome = _outcome(lines, service.left)
        service.finish()
        for link in service.links:
            link.end()
    ran = bool(outcome.steps) or outcome.handlers != (0, 0)
    verdict = "hangs" if outcome.hangs else service.judge(outcome) if ran else "did not run"
    return Result(fault.number, client, verdict, _words(service, outcome), outcome.left, ran, log[-2000:])


def settle(left: Callable[[], int]) -> None:
    """Let what a program has sent arrive, and the ends of its calls; those that it left on are waited for in vain."""
    deadline = time.monotonic() + LATE
    time.sleep(SETTLE)
    while left() and time.monotonic() < deadline:
        time.sleep(0.05)


def _run_program(
    client: str, python: str, fault: type[Service], host: str, ca_file: Path
) -> tuple[list[dict[str, Any]], str]:
    """Run it; returns the lines it reported, and its log."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SIGNALWIRE_", "RELAY_"))}
    environment |= {
        "SIGNALWIRE_PROJECT_ID": "project",
        "SIGNALWIRE_API_TOKEN": "token",
        "SIGNALWIRE_SPACE": host,
        "SIGNALWIRE_RELAY_CA_FILE": str(ca_file),
    }
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [python, str(PROGRAMS / f"faults_{client}.py"), fault.number.lower().replace("-", "_")],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, env=environment,
        )  # fmt: skip
        timer = threading.Timer(fault.limit * (PATIENCE if client == "ours" else 1), process.kill)
        timer.start()
        output = process.communicate()[0]
        timer.cancel()
        timer.join()
        log.seek(0)
        text = log.read()
    # The official SDK logs to stdout.
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return lines, text


def _outcome(lines: list[dict[str, Any]], left: int) -> Outcome:
    steps: list[Step] = []
    blocked: list[str] = []
    for line in lines:
        if "begins" in line:
            blocked.append(line["begins"])
        elif "step" in line:
            blocked.remove(line["step"])
            text = TAG.sub("", line.get("text", "")).rstrip(".")
            steps.append(Step(line["step"], line.get("result", ""), line.get("error", ""), text))
    steps += [Step(name, hangs=True) for name in blocked]
    handlers = [line["handler"] for line in lines if "handler" in line]
    return Outcome(steps, (handlers.count("begins"), handlers.count("ends")), left)


def _words(service: Service, outcome: Outcome) -> str:
    """What was observed, as a sentence; the same for every run that came to the same."""
    parts = list(dict.fromkeys(str(step) for step in outcome.steps)) + service.remarks(outcome)
    if outcome.hangs:
        parts.append(f"ended from outside after {service.limit:.0f} s")
    elif outcome.left:
        parts.append(f"{outcome.left} call{'s are' if outcome.left > 1 else ' is'} left on")
    return "; ".join(part for part in parts if part)
