"""swsync's side: ``ours.py PORT CA_FILE``; an order a line on stdin, a JSON result a line on stdout."""

from __future__ import annotations

import gc
import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from swsync import RelayClient

PHONE = {"type": "phone", "params": {"to_number": "+12025550100", "from_number": "+12025550199"}}
TAP = {"type": "audio", "params": {"direction": "both"}}
DEVICE = {"type": "ws", "params": {"uri": "wss://media.example.com/tap", "codec": "PCMU", "rate": 8000}}


def percentile(values: list[float], percent: int) -> float:
    """Of so many that neither side imports a module for it, which would be measured too."""
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


def resident() -> int:
    """Octets of memory in use, as the kernel counts them."""
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def traced() -> int:
    """Octets that Python has allocated since this was called first."""
    import tracemalloc

    tracemalloc.start()  # does nothing the second time
    return tracemalloc.get_traced_memory()[0]


class Side:
    """What can be ordered; ``official.py`` has the same."""

    def __init__(self, client: RelayClient) -> None:
        self.client = client
        self.calls: list[Any] = []
        self.taps: list[Any] = []

    def count(self) -> Any:
        """What the server has seen since it was asked last."""
        return self.client.execute("bench.count", {})["counts"]

    def memory(self) -> Any:
        return {"resident": resident()}

    def dial(self, number: int) -> Any:
        """Dial so many calls, one after the other."""
        cpu = time.process_time()
        self.calls += [self.client.dial([[PHONE]]) for _ in range(number)]
        return {"cpu": (time.process_time() - cpu) / number}

    def requests(self, number: int) -> Any:
        """One request after the other."""
        call, times = self.calls[0], []
        cpu = time.process_time()
        for _ in range(number):
            begin = time.perf_counter()
            call.denoise()
            times.append(time.perf_counter() - begin)
        return {"p50": percentile(times, 50), "cpu": (time.process_time() - cpu) / number, "seen": self.count()}

    def in_flight(self, callers: int, number: int) -> Any:
        """So many requests under way at once, so many from each caller."""
        gate = threading.Barrier(callers + 1)

        def work(call: Any) -> None:
            gate.wait()
            for _ in range(number):
                call.denoise()

        threads = [threading.Thread(target=work, args=(self.calls[i % len(self.calls)],)) for i in range(callers)]
        for thread in threads:
            thread.start()
        gate.wait()
        begin = time.perf_counter()
        for thread in threads:
            thread.join()
        return {"rate": callers * number / (time.perf_counter() - begin), "seen": self.count()}

    def burst(self, calls: int, number: int) -> Any:
        """Events as fast as they can be acknowledged, and handled in callbacks."""
        got: list[int] = []
        done = threading.Event()

        def handle(event: Any) -> None:
            got.append(event.params["n"])
            if len(got) == number:
                done.set()

        chosen = self.calls[:calls]
        removers: list[Callable[[], object]] = [call.on("calling.call.play", handle) for call in chosen]
        self.client.execute("bench.prepare", {"count": number, "calls": [call.call_id for call in chosen]})
        begin, cpu = time.perf_counter(), time.process_time()
        self.client.execute("bench.burst", {})
        done.wait(20)
        seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
        for remove in removers:
            remove()
        return {"rate": number / seconds, "cpu": cpu / number, "handled": [len(got), sum(got)], "seen": self.count()}

    def population(self, number: int, at_once: bool) -> Any:
        """Memory and threads of so many calls, each with a tap that goes on and that nobody waits for.

        One after the other, what Python has allocated counts; at once (here from 100 threads), what the kernel gave.
        """
        measure, callers = (resident, 100) if at_once else (traced, 1)
        threads, begin = threading.active_count(), measure()

        def dial() -> None:
            for _ in range(number // callers):
                call = self.client.dial([[PHONE]])
                self.calls.append(call)
                self.taps.append(call.tap(TAP, DEVICE))

        workers = [threading.Thread(target=dial) for _ in range(callers)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        for tap in self.taps:
            tap.wait_started(10)
        gc.collect()
        octets, threads = measure() - begin, threading.active_count() - threads
        return {"octets": octets / number, "threads": threads, "seen": self.count()}

    def blocked(self, calls: int, rate: int, number: int) -> Any:
        """So many threads, each blocked on its call, woken by so many events a second: seconds from event to thread."""
        late: list[float] = []
        chosen = self.calls[:calls]
        ready = threading.Barrier(calls + 1)

        def wait(call: Any) -> None:
            left = number // calls

            def note(event: Any) -> bool:
                nonlocal left
                late.append(time.monotonic() - event.params["sent"])
                left -= 1
                return not left

            ready.wait()
            call.wait_for("calling.call.play", note, timeout=120)  # in one wait: those between two would be missed

        threads = [threading.Thread(target=wait, args=(call,)) for call in chosen]
        for thread in threads:
            thread.start()
        ready.wait()
        time.sleep(0.2)
        order = {"calls": [call.call_id for call in chosen], "rate": rate, "count": number}
        self.client.execute("bench.pace", order)
        for thread in threads:
            thread.join(130)
        return {"p50": percentile(late, 50), "p99": percentile(late, 99), "woken": len(late)}

    def fill(self, number: int) -> Any:
        """So many calls, each with a tap that goes on."""
        for _ in range(number):
            call = self.client.dial([[PHONE]])
            self.calls.append(call)
            self.taps.append(call.tap(TAP, DEVICE))
        return self.memory()

    def marginal(self, number: int) -> Any:
        """Processor seconds of one more dial, tap and event with the calls and taps there are."""
        cpu = time.process_time()
        extra = [self.client.dial([[PHONE]]) for _ in range(number)]
        dialed = time.process_time()
        taps = [call.tap(TAP, DEVICE) for call in extra]
        tapped = time.process_time()
        self.burst(10, 10 * number)
        handled = time.process_time()
        for tap in taps:
            tap.stop()
        for call in extra:
            call.hangup()
            call.wait_for_ended(5)
        return {
            "call": (dialed - cpu) / number, "tap": (tapped - dialed) / number,
            "event": (handled - tapped) / (10 * number),
        }  # fmt: skip


def main() -> None:
    """Connect, then do what is ordered until stdin ends."""
    port, ca_file = sys.argv[1:]
    with RelayClient("project", "token", host=f"localhost:{port}", ca_file=ca_file, contexts=["office"]) as client:
        side = Side(client)
        for line in sys.stdin:
            name, *numbers = json.loads(line)
            print(json.dumps(getattr(side, name)(*numbers)), flush=True)
        client.close(calls="leave")


if __name__ == "__main__":
    main()
