"""``python -m benchmarks [section ...] [--rounds N] [--json] [--write]``: run sections and print the table."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pkgutil
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import benchmarks
from benchmarks._measure import Line, Unequal

HEAD = f"{'line':58} {'against':26} {'target':>8} {'ratio':>8} {'quartiles':>15}"


def sections() -> list[str]:
    """The modules beside this one that can be run."""
    return [m.name for m in pkgutil.iter_modules(benchmarks.__path__) if not m.name.startswith("_")]


def measure(section: str) -> tuple[str, float]:
    """What a section is measured by, rounds unless it says otherwise, and how much of it a published figure takes."""
    module = importlib.import_module(f"benchmarks.{section}")
    return getattr(module, "MEASURE", "rounds"), getattr(module, "LEAST", 0)


def lines(section: str, amount: float) -> Iterator[Line]:
    """Run one section."""
    run: Callable[[Any], Iterator[Line]] = importlib.import_module(f"benchmarks.{section}").run
    yield from run(amount)


def row(line: Line) -> str:
    """One line of the table."""
    low, high = line.spread
    sign = "<=" if line.at_most else ">="
    verdict = "met" if line.is_met else "MISSED"
    note = f"  {line.note}" if line.note else ""
    return (
        f"{line.what:58} {line.peer:26} {sign}{line.target:6g} {line.ratio:8.2f} "
        f"{low:7.2f}-{high:<7.2f} {verdict}{note}"
    )


def run_section(section: str, options: argparse.Namespace) -> None:
    """Measure, print, and publish if that was asked for."""
    before, found = os.getloadavg()[0], []
    name, least = measure(section)
    amount = getattr(options, name)
    for line in lines(section, amount):
        values = {"section": section, **asdict(line), "ratio": line.ratio, "met": line.is_met}
        print(json.dumps(values) if options.json else row(line), flush=True)
        found.append(line)
    if options.write and amount < least:
        print(f"{section}: not written, that takes --{name} {least:g}", file=sys.stderr)
    elif options.write:
        from benchmarks._report import write

        write(section, found, f"--{name} {amount:g}", (before, os.getloadavg()[0]))


def main(arguments: list[str] | None = None) -> int:
    """Run what is asked for. 0: it ran (met or missed); 1: unequal work, or a peer is missing; 2: usage."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("section", nargs="*", metavar="section", help=f"of {', '.join(sections())}; all by default")
    parser.add_argument("--rounds", type=int, default=9, help="interleaved rounds, 9 or more for figures to quote")
    parser.add_argument("--minutes", type=float, default=1.0, help="how long soak goes on; 60 for a figure to quote")
    parser.add_argument("--json", action="store_true", help="one JSON object a line on stdout")
    parser.add_argument("--write", action="store_true", help="write the tables and pictures into docs/benchmarks.md")
    options = parser.parse_args(arguments)
    unknown = set(options.section) - set(sections())
    if unknown or options.rounds < 2:
        parser.error(f"no section {', '.join(sorted(unknown))}" if unknown else "--rounds must be 2 or more")
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}", file=sys.stderr)
    if not options.json:
        print(HEAD)
    try:
        for section in options.section or sections():
            run_section(section, options)
    except Unequal as error:
        print(f"not the same work: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(f"{error.name} is not installed: pip install 'swsync[bench,test]'", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
