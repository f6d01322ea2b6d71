"""The official SDK's side: the same orders as ``ours.py``, with the SDK's own means. Its loop rests between orders."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import threading
import time
from typing import Any

os.environ["SIGNALWIRE_RELAY_CA_FILE"] = sys.argv[2]
from signalwire.relay import RelayClient

PHONE = {"type": "phone", "params": {"to_number": "+12025550100", "from_number": "+12025550199"}}
TAP = {"type": "audio", "params": {"direction": "both"}}
DEVICE = {"type": "ws", "params": {"uri": "wss://media.example.com/tap", "codec": "PCMU", "rate": 8000}}


def percentile(values: list[float], percent: int) -> float:
    """Of so many that neither side imports a module for it, which would be measured too."""
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


def resident() -> int:
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def traced() -> int:
    """Octets that Python has allocated since this was called first."""
    import tracemalloc

    tracemalloc.start()  # does nothing the second time
    return tracemalloc.get_traced_memory()[0]


class Side:
    """See ``ours.py``."""

    def __init__(self, client: RelayClient) -> None:
        self.client = client
        self.calls: list[Any] = []
        self.taps: list[Any] = []

    async def count(self) -> Any:
        return (await self.client.execute("bench.count", {}))["counts"]

    async def memory(self) -> Any:
        return {"resident": resident()}

    async def dial(self, number: int) -> Any:
        cpu = time.process_time()
        self.calls += [await self.client.dial([[PHONE]]) for _ in range(number)]
        return {"cpu": (time.process_time() - cpu) / number}

    async def requests(self, number: int) -> Any:
        call, times = self.calls[0], []
        cpu = time.process_time()
        for _ in range(number):
            begin = time.perf_counter()
            await call.denoise()
            times.append(time.perf_counter() - begin)
        cpu = (time.process_time() - cpu) / number
        return {"p50": percentile(times, 50), "cpu": cpu, "seen": await self.count()}

    async def in_flight(self, callers: int, number: int) -> Any:
        async def work(call: Any) -> None:
            for _ in range(number):
                await call.denoise()

        begin = time.perf_counter()
        await asyncio.gather(*[work(self.calls[i % len(self.calls)]) for i in range(callers)])
        rate = callers * number / (time.perf_counter() - begin)
        return {"rate": rate, "seen": await self.count()}

    async def burst(self, calls: int, number: int) -> Any:
        got: list[int] = []
        done = asyncio.Event()

        def handle(event: Any) -> None:
            got.append(event.params["n"])
            if len(got) == number:
                done.set()

        chosen = self.calls[:calls]
        for call in chosen:
            call.on("calling.call.play", handle)
        await self.client.execute("bench.prepare", {"count": number, "calls": [call.call_id for call in chosen]})
        begin, cpu = time.perf_counter(), time.process_time()
        await self.client.execute("bench.burst", {})
        await asyncio.wait_for(done.wait(), 20)
        seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
        for call in chosen:
            call._listeners.clear()  # it has no way to take a listener back
        seen = await self.count()
        return {"rate": number / seconds, "cpu": cpu / number, "handled": [len(got), sum(got)], "seen": seen}

    async def population(self, number: int, at_once: bool) -> Any:
        measure, callers = (resident, number) if at_once else (traced, 1)
        threads, begin = threading.active_count(), measure()

        async def dial() -> None:
            for _ in range(number // callers):
                call = await self.client.dial([[PHONE]])
                self.calls.append(call)
                self.taps.append(await call.tap(TAP, DEVICE))

        await asyncio.gather(*[dial() for _ in range(callers)])
        gc.collect()
        octets, threads = measure() - begin, threading.active_count() - threads
        return {"octets": octets / number, "threads": threads, "seen": await self.count()}


async def main() -> None:
    client = RelayClient(project="project", token="token", host=f"localhost:{sys.argv[1]}", contexts=["office"])
    await client.connect()
    side = Side(client)
    for line in sys.stdin:
        name, *numbers = json.loads(line)
        print(json.dumps(await getattr(side, name)(*numbers)), flush=True)
    await client.disconnect()


if __name__ == "__main__":
    asyncio.run(main())
