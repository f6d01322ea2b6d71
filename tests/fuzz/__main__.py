"""``python -m tests.fuzz --seconds 300``: each target for that long, and how many inputs it has seen.

Names choose targets. What breaks one is kept in ``corpus/<target>``, and the command ends with 1.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.fuzz import ctargets, pytargets


def main() -> int:
    """Run them one after the other."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", nargs="*", help="by default all")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target (60)")
    asked = parser.parse_args()
    names = [*ctargets.C_TARGETS, *pytargets.TARGETS]
    unknown = set(asked.target) - set(names)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    total, broken = 0, 0
    print("| Target | Seconds | Executions | |\n|---|---|---|---|", flush=True)
    for name in asked.target or names:
        try:
            with tempfile.TemporaryDirectory() as place:
                if name in pytargets.TARGETS:
                    count = pytargets.run(name, asked.seconds)
                else:
                    program = ctargets.build(name, Path(place))
                    ctargets.replay(program)
                    count = ctargets.fuzz(
                        program, f"-max_total_time={max(1, round(asked.seconds))}", Path(place) / "new"
                    )
        except (Exception, AssertionError) as error:
            broken += 1
            print(f"| {name} | | | **broken** |\n{error!r}\n{error}", flush=True)
        else:
            total += count
            print(f"| {name} | {asked.seconds:g} | {count:,} | nothing found |", flush=True)
    print(f"| all | | {total:,} | |")
    return 1 if broken else 0


raise SystemExit(main())
