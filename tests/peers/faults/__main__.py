"""``python -m tests.peers.faults [A1 ...] [--write]``: do every fault to both clients, and print the table."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.peers.faults.document import table, write
from tests.peers.faults.running import Result, authority, run
from tests.peers.faults.services import FAULTS
from tests.peers.official_sdk import VARIABLE, installed_version, official_python

AT_ONCE = 4  # programs; most of the time all of them wait


def main(arguments: list[str] | None = None) -> int:
    """0: swsync hangs nowhere, loses nothing, and every program ran; 1: it does not."""
    parser = argparse.ArgumentParser(prog="python -m tests.peers.faults", description=__doc__)
    parser.add_argument("fault", nargs="*", help=f"of {', '.join(f.number for f in FAULTS)}; all by default")
    parser.add_argument("--write", action="store_true", help="put the table into docs/reliability.md")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, with the programs' logs")
    parser.add_argument(
        "--sdk", metavar="PYTHON", help=f"the official SDK's Python; by default {VARIABLE}, or one is made"
    )
    options = parser.parse_args(arguments)
    faults = [fault for fault in FAULTS if not options.fault or fault.number in options.fault]
    if unknown := set(options.fault) - {fault.number for fault in faults}:
        parser.error(f"no fault {', '.join(sorted(unknown))}")
    if options.write and options.fault:
        parser.error("--write needs all faults")
    pythons = {"official": options.sdk or official_python(), "ours": sys.executable}
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        tls = authority(Path(folder))
        jobs = [pool.submit(run, fault, name, pythons[name], tls) for fault in faults for name in ("official", "ours")]
        results = [job.result() for job in jobs]
    if options.json:
        for result in results:
            print(json.dumps(dataclasses.asdict(result)))
    else:
        print(table(faults, results, installed_version(pythons["official"])))
    if options.write:
        write(table(faults, results, installed_version(pythons["official"])))
    return 0 if all(_is_well(result) for result in results) else 1


def _is_well(result: Result) -> bool:
    return result.ran and (result.client == "official" or (result.verdict in ("fine", "says why") and not result.left))


if __name__ == "__main__":
    sys.exit(main())
