"""``python -m tests.peers.faults.seeded``: one fault in one frame of a whole call, drawn from a seed, to both clients.

The frames are those of a run of swsync's program in which nothing goes wrong; the official SDK's program meets the same
fault in the same frame. ``--seed N`` does one again, with what each step came to.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs

import swsync
from swsync.localrelay import Fault, LocalRelay
from tests.peers.faults.document import replace
from tests.peers.faults.running import settle
from tests.peers.official_sdk import installed_version, official_python

__all__ = ["BEGIN", "CLIENTS", "KINDS", "Frame", "Run", "draw", "frames_of", "run", "table"]

PROGRAMS = Path(__file__).parent.parent / "programs"
BEGIN = "<!-- written by python -m tests.peers.faults.seeded --write -->"
CLIENTS = ("official", "ours")
KINDS = ("drop", "duplicate", "delay", "reorder", "cut_before", "cut_after", "truncate")
WORST = ("did not run", "hangs", "twice", "lost", "says why", "fine")
NUMBER = "+12025550100"
LIMIT = 60.0  # seconds; the limits of all steps together are less
AT_ONCE = 6  # programs; most of the time all of them wait

Frame = tuple[str, str, int]  # side, name, the how manieth


@attrs.frozen
class Run:
    """What one client's program came to.

    Attributes:
        client: ``official`` or ``ours``.
        verdict: One of ``WORST``.
        steps: What each step that failed raised, and what was never left.
        applied: Whether the fault happened.
    """

    client: str
    verdict: str
    steps: list[str]
    applied: bool


def draw(seed: int, frames: dict[str, Sequence[Frame]]) -> tuple[str, Fault]:
    """How the program connects, and what goes wrong: each kind in turn, under ``with`` and under ``run()`` by turns."""
    rng = random.Random(seed)
    way = ("with", "run")[seed // len(KINDS) % 2]
    side, name, n = rng.choice(frames[way])
    return way, Fault(kind=KINDS[seed % len(KINDS)], of=side, name=name, n=n, seconds=round(rng.uniform(0.5, 8), 1))


def frames_of(python: str, client: str, way: str) -> list[Frame]:
    """The frames of a run in which nothing goes wrong, without pings."""
    seen: Counter[tuple[str, str]] = Counter()
    found: list[Frame] = []

    def watch(side: str, name: str, params: Any) -> None:
        seen[side, name] += 1
        if side != "link" and name != "signalwire.ping":
            found.append((side, name, seen[side, name]))

    with LocalRelay() as relay:
        relay.faults.pick = watch  # type: ignore[method-assign, assignment]
        result = _run(relay, python, client, way)
    if result.verdict != "fine":
        raise RuntimeError(f"without a fault, {client} {way}: {result}")
    return found


def run(python: str, client: str, way: str, fault: Fault) -> Run:
    """One program, one fault, a relay of its own."""
    with LocalRelay(faults=[fault]) as relay:
        return _run(relay, python, client, way)


def _run(relay: LocalRelay, python: str, client: str, way: str) -> Run:
    relay.callee(NUMBER, presses=["12#"], speech=b"")
    if way == "run":
        relay.place_call("office", speech=b"")
    settings = relay.settings
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SIGNALWIRE_", "RELAY_"))}
    environment |= {
        "SIGNALWIRE_PROJECT_ID": settings["project"],
        "SIGNALWIRE_API_TOKEN": settings["token"],
        "SIGNALWIRE_SPACE": settings["host"],
        "SIGNALWIRE_RELAY_CA_FILE": settings["ca_file"],
    }
    process = subprocess.Popen(
        [python, str(PROGRAMS / f"seeded_{client}.py"), way],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment,
    )  # fmt: skip
    timer = threading.Timer(LIMIT, process.kill)
    timer.start()
    output = process.communicate()[0]
    was_killed = not timer.is_alive()
    timer.cancel()
    timer.join()
    settle(lambda: sum(call.state != "ended" for call in relay.calls))
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return _judged(relay, client, lines, was_killed)


def _judged(relay: LocalRelay, client: str, lines: list[dict[str, str]], was_killed: bool) -> Run:
    open_steps = [line["begins"] for line in lines if "begins" in line]
    failed = []
    for line in lines:
        if "step" in line:
            open_steps.remove(line["step"])
            failed += [f"{line['step']} raises {line['error']}: {line['text']}"] if "error" in line else []
    report = relay.referee.report()
    left = [call.call_id for call in relay.calls if call.state != "ended"]
    facts = {
        "did not run": not lines,
        "hangs": was_killed,
        "twice": bool(report.rung_twice),
        "lost": bool(left),
        "says why": bool(failed),
        "fine": True,
    }
    if was_killed:
        failed.append(f"ended from outside after {LIMIT:.0f} s; {', '.join(open_steps) or 'no step'} did not return")
    failed += [f"{number} rang {count} times" for number, count in report.rung_twice.items()]
    failed += [f"{len(left)} left on"] if left else []
    return Run(client, next(word for word in WORST if facts[word]), failed, bool(relay.faults.applied))


def table(results: Sequence[tuple[Fault, Run]], version: str) -> str:
    """How often each verdict was, by the kind of the fault, as Markdown."""
    lines = [f"| What goes wrong | signalwire-sdk {version} | swsync {swsync.__version__} |", "|---|---|---|"]
    for kind in (*KINDS, "all"):
        cells = []
        for client in CLIENTS:
            counts = Counter(r.verdict for fault, r in results if r.client == client and kind in ("all", fault.kind))
            cells.append(", ".join(f"{counts[word]} {word}" for word in reversed(WORST) if counts[word]))
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """0: swsync hangs nowhere, rings nobody twice and leaves no call on; 1: it does not."""
    parser = argparse.ArgumentParser(prog="python -m tests.peers.faults.seeded", description=__doc__)
    parser.add_argument("--seeds", type=int, default=60, help="how many")
    parser.add_argument("--seed", type=int, help="only this one, in words")
    parser.add_argument("--write", action="store_true", help="put the table into docs/reliability.md")
    parser.add_argument("--verbose", "-v", action="store_true", help="each run in words")
    options = parser.parse_args(arguments)
    seeds = range(options.seeds) if options.seed is None else [options.seed]
    began = time.monotonic()
    results = run_seeds(seeds, print if options.verbose or options.seed is not None else lambda text: None)
    found = table(results, installed_version(official_python()))
    print(found)
    print(f"{len(seeds)} faults, both clients: {time.monotonic() - began:.0f} s")
    if options.write:
        replace(BEGIN, found)
    wrong = [result for _, result in results if result.client == "ours" and result.verdict not in ("fine", "says why")]
    return 1 if wrong or any(result.verdict == "did not run" for _, result in results) else 0


def run_seeds(seeds: Sequence[int], tell: Callable[[str], object]) -> list[tuple[Fault, Run]]:
    """Both clients through the fault of each seed."""
    pythons = {"official": official_python(), "ours": sys.executable}
    frames = {way: frames_of(pythons["ours"], "ours", way) for way in ("with", "run")}
    results = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        drawn = [(seed, client, *draw(seed, frames)) for seed in seeds for client in CLIENTS]
        jobs = [pool.submit(run, pythons[client], client, way, fault) for _, client, way, fault in drawn]
        for (seed, client, way, fault), job in zip(drawn, jobs, strict=True):
            result = job.result()
            results.append((fault, result))
            where = f"{fault.kind} {fault.of} {fault.name} {fault.n}"
            tell("\n  ".join([f"seed {seed}, {where}, {way}: {client} {result.verdict}", *result.steps]))
    return results


if __name__ == "__main__":
    sys.exit(main())
