"""``python -m tests.leaks``: open and close everything a thousand times, and run the C under LeakSanitizer.

Exits with 1 if a thread or a descriptor is left, if Python's memory grows by more than 150 KiB, or if C leaks.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from .growth import measure
from .lives import LIVES

ROOT = Path(__file__).resolve().parents[2]
DRIVERS = ("media", "sending", "live")
MOST = 150.0  # KiB; caches fill up meanwhile, and an object that is forgotten each time is more


LEAK = (
    "#include <stdlib.h>\nvoid *volatile p;\nint main(void) { for (int i = 0; i < 99; i++) p = malloc(9); return 0; }\n"
)
LEAKS = 23  # the exit code that says so


def check_c() -> bool:
    """Run the C engines' drivers under LeakSanitizer, and a program that leaks to see that it would say so."""
    gcc = ["gcc", "-std=c11", "-pthread", "-O1", "-g", "-fsanitize=address", f"-I{ROOT / 'csrc'}"]
    are_well = True
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "leak.c").write_text(LEAK)
        subprocess.run([*gcc, "-c", *sorted((ROOT / "csrc").glob("*.c"))], cwd=here, check=True)
        objects = sorted(here.glob("*.o"))
        programs = [("a program that leaks", [here / "leak.c"], LEAKS)]
        programs += [(name, [ROOT / "tests" / "c" / f"{name}.c", *objects], 0) for name in DRIVERS]
        for name, files, wanted in programs:
            subprocess.run([*gcc, "-o", here / "program", *files], check=True)
            environment = {"ASAN_OPTIONS": "detect_leaks=1", "LSAN_OPTIONS": f"exitcode={LEAKS}"}
            done = subprocess.run([here / "program"], env=environment, capture_output=True, timeout=300, check=False)
            code = done.returncode
            are_well &= code == wanted
            print(f"C, {name}: {'leaks' if code == LEAKS else 'leaks nothing' if code == 0 else f'ends with {code}'}")
    return are_well


def main() -> int:
    """Each kind of life in a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.leaks", description=__doc__)
    parser.add_argument("life", nargs="*", help=f"of {', '.join(LIVES)}, C; all by default")
    parser.add_argument("--cycles", type=int, default=1000)
    options = parser.parse_args()
    if unknown := set(options.life) - {*LIVES, "C"}:
        parser.error(f"no {', '.join(sorted(unknown))}")
    are_well = True
    print("| | Cycles | Threads left | Descriptors left | Python's memory, KiB more | Resident, KiB more |")
    print("|---|---|---|---|---|---|")
    for name in [name for name in options.life or LIVES if name != "C"]:
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            found = pool.submit(measure, name, options.cycles).result()
        grown = found.octets / 1024
        are_well &= not found.threads and found.descriptors <= 0 and grown <= MOST
        cells = name, options.cycles, len(found.threads), found.descriptors, round(grown), found.resident // 1024
        print(f"| {' | '.join(map(str, cells))} |", *found.threads, flush=True)
    if not options.life or "C" in options.life:
        are_well &= check_c()
    return 0 if are_well else 1


if __name__ == "__main__":
    sys.exit(main())
