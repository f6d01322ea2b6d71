"""The wall clock is set forwards and backwards while things go on: no wait, no call and no sample notices."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from shims import made

import swsync
from swsync.batch import Batch, announce
from swsync.clock import VirtualClock

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
HOUR = 3600.0
NUMBERS = [f"+120255501{number:02d}" for number in range(1, 13)]


class Set(VirtualClock):
    """Virtual time whose wall clock somebody sets: ahead by an hour, back by two, and so on, every 7 s."""

    def time(self) -> float:
        return super().time() + (0, HOUR, -HOUR, 30 * HOUR, -30.0)[int(self.now() // 7) % 5]


@pytest.mark.parametrize("owners", [1, 2])
def test_a_list_of_calls(tmp_path: Path, owners: int) -> None:
    """Nobody rings twice and every row has a result, with one process's worth of leases and with two."""
    clock = Set()
    with clock.thread(), swsync.LocalRelay(clock=clock) as relay:
        batches = [
            Batch(
                "steps", tmp_path / "ledger.db", announce("Hello."), settings=relay.settings,
                from_number="+12025550199", prefixes=["+1202"], consent_waived_by="the tests", default_zone="UTC",
                start="00:00", end="24:00", rate=1.0, concurrency=2,
            )
            for _ in range(owners)
        ]  # fmt: skip
        batches[0].load([{"number": number} for number in NUMBERS])
        threads = [clock.start(batch.run, f"batch {number}") for number, batch in enumerate(batches)]
        for thread in threads:
            thread.join()
        results = {result.number: result.status for result in batches[0].results()}
        for batch in batches:
            batch.close()
        assert {} == relay.referee.report().rung_twice
    assert dict.fromkeys(NUMBERS, "done") == results


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that sets the wall clock of the program it is loaded into."""
    if sys.platform != "linux":
        pytest.skip("needs LD_PRELOAD and recvmmsg")
    return made("wallclock.c", tmp_path_factory.mktemp("shim"))


PROGRAM = """
import time
import swsync
from swsync import media

sound = media.decode(media.encode((bytes(range(256)) * 188)[:48000], "PCMU"), "PCMU")  # 3 s
wall, steady = time.time(), time.monotonic()
with swsync.LocalRelay(tls=False) as relay, swsync.RelayClient(**relay.settings) as client:
    call = client.dial_phone(to="+12025550100", from_number="+12025550199", timeout=20)
    try:
        call.wait_for_ended(1.5)
        print("it ended")
    except TimeoutError:
        pass
    with media.RtpReceiver() as rx, media.RtpSender("127.0.0.1", rx.port) as tx:
        tx.send(sound[:3200])
        while rx.arrival_offset is None:
            time.sleep(0.01)
        first = rx.arrival_offset
        tx.send(sound[3200:])
        rx.end()
        heard = b"".join(bytes(frame.samples) for frame in rx.frames(timeout=60))
        quality, moved = rx.quality, abs(rx.arrival_offset - first)
    call.hangup()
    call.wait_for_ended(60)
print(heard == sound, quality.packets_lost + quality.late + quality.rebased, quality.jitter_ms < 1000, moved < 1)
print(abs(time.time() - wall - (time.monotonic() - steady)) > 1)  # it was set indeed
"""


@pytest.fixture
def steps(shim: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a program whose wall clock is set every 0.3 s."""
    path = tmp_path / "offset"
    path.write_bytes(bytes(8))
    over = threading.Event()

    def step() -> None:
        number = 0
        while not over.wait(0.3):
            number += 1
            seconds = (3600, -3600, 30, -30, 86400)[number % 5] + 7 * number  # never the same again
            with path.open("r+b") as file:
                file.write(struct.pack("q", seconds * 10**9))

    thread = threading.Thread(target=step)
    thread.start()
    yield {**os.environ, "PYTHONPATH": str(ROOT), "LD_PRELOAD": str(shim), "WALLCLOCK": str(path)}
    over.set()
    thread.join()


def test_a_call_and_its_audio(steps: dict[str, str]) -> None:
    """Waits take as long as they should, every sample arrives, and when packets came is known from a steady clock."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM)],
        env=steps, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert (["True 0 True True", "True"], 0) == (done.stdout.splitlines(), done.returncode), done.stderr
