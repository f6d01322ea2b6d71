"""swsync for a long time: ``soak.py PORT CA_FILE CALLS RATE SECONDS EVERY``; a JSON line on stdout for each sample.

So many threads, each blocked on a call of its own, are woken by so many events a second. Once a second, beside them, a
call is dialed, tapped and hung up, so that what a client keeps of calls that are over is in the figures too.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import sys
import threading
import time
from collections import deque
from typing import Any

from swsync import RelayClient
from swsync.errors import CallEnded, RelayError

PHONE = {"type": "phone", "params": {"to_number": "+12025550100", "from_number": "+12025550199"}}
TAP = {"type": "audio", "params": {"direction": "both"}}
DEVICE = {"type": "ws", "params": {"uri": "wss://media.example.com/tap", "codec": "PCMU", "rate": 8000}}

PATIENCE = 30  # samples with no event, after which those that are missing will not come


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


class Soak:
    """The threads, and what they have seen since the last sample."""

    def __init__(self, client: RelayClient) -> None:
        self.client = client
        self.late: deque[float] = deque()  # seconds from event to thread
        self.is_over = threading.Event()
        self.short_calls = 0  # of one thread

    def wait(self, call: Any) -> None:
        """Be woken by each event, for as long as the call lasts: in one wait, or those between two would be missed."""

        def note(event: Any) -> bool:
            self.late.append(time.monotonic() - event.params["sent"])
            return False

        with contextlib.suppress(CallEnded):
            call.wait_for("calling.call.play", note)

    def come_and_go(self) -> None:
        """A short call a second."""
        while not self.is_over.wait(1.0):
            with contextlib.suppress(RelayError, TimeoutError):  # of a machine that has no time for the server
                with self.client.dial([[PHONE]]) as call:
                    call.tap(TAP, DEVICE).wait_started(30)
                self.short_calls += 1

    def sample(self, begin: float) -> dict[str, Any]:
        """What there is at this moment."""
        late = sorted(self.late.popleft() for _ in range(len(self.late)))
        seen = self.client.execute("bench.count", {}, timeout=300)["counts"]
        return {
            "seconds": time.monotonic() - begin,
            "woken": len(late),
            "p50": late[len(late) // 2] if late else 0.0,
            "p99": late[len(late) * 99 // 100] if late else 0.0,
            "most": late[-1] if late else 0.0,
            "acknowledged": seen["acknowledged"],
            "resident": resident(),
            "objects": len(gc.get_objects()),
            "threads": threading.active_count(),
            "descriptors": len(os.listdir("/proc/self/fd")),
            "short_calls": self.short_calls,
            "load": os.getloadavg()[0],
        }


def main() -> None:
    """Go on for so many seconds, a sample every few."""
    port, ca_file = sys.argv[1:3]
    calls, rate, seconds, every = map(int, sys.argv[3:])
    with RelayClient("project", "token", host=f"localhost:{port}", ca_file=ca_file, contexts=["office"]) as client:
        soak = Soak(client)
        blocked = [client.dial([[PHONE]]) for _ in range(calls)]
        threads = [threading.Thread(target=soak.wait, args=(call,)) for call in blocked]
        threads.append(threading.Thread(target=soak.come_and_go))
        for thread in threads:
            thread.start()
        order = {"calls": [call.call_id for call in blocked], "rate": rate, "count": rate * seconds}
        client.execute("bench.pace", order)
        begin, woken, quiet = time.monotonic(), 0, 0
        while woken < rate * seconds and quiet < PATIENCE:
            time.sleep(
                min(every, max(1.0, begin + seconds - time.monotonic()))
            )  # a loaded machine is behind at the end
            sample = soak.sample(begin)
            woken, quiet = woken + sample["woken"], 0 if sample["woken"] else quiet + 1
            print(json.dumps(sample), flush=True)
        soak.is_over.set()
        for call in blocked:
            call.hangup()
        for thread in threads:
            thread.join(30)
        print("null", flush=True)


if __name__ == "__main__":
    main()
