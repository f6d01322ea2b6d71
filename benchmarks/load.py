"""Many at once: threads blocked in a client, and calls and taps in a local relay."""

from __future__ import annotations

import contextlib
import resource
import statistics
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks._measure import Line, check_equal
from benchmarks._sides import Bench
from swsync import RelayClient
from swsync.call import Call
from swsync.media import RtpReceiver

BLOCKED, RATE, WOKEN = 500, 2000, 6000
CALLS, TAPS = 2000, 500
DIALERS = 50
SECONDS = 2.0  # of one measurement of the relay


def run(rounds: int) -> Iterator[Line]:
    """All lines."""
    with contextlib.ExitStack() as stack:
        bench = Bench(stack, rounds)
        yield blocked(bench)
        yield from local_relay(bench)


def blocked(bench: Bench) -> Line:
    """Many threads, each blocked on its call."""
    with bench.side("ours.py") as side:
        side("dial", BLOCKED)
        results = [side("blocked", BLOCKED, RATE, WOKEN) for _ in range(bench.rounds + 1)][1:]
    for result in results:
        check_equal(result["woken"], WOKEN, "blocked: events that woke a thread")
    late = tuple(1000 * result["p99"] for result in results)
    note = f"absolute; p50 {1000 * statistics.median(result['p50'] for result in results):.2f} ms"
    what = f"{BLOCKED} blocked calls, {RATE:,} events/s: event to wake-up, p99"
    return Line(what, "milliseconds", 20, late, at_most=True, note=note)


def local_relay(bench: Bench) -> Iterator[Line]:
    """A relay in a process of its own, and a client and receivers here that count what arrives."""
    with contextlib.ExitStack() as stack:
        _allow_descriptors(stack)
        relay = stack.enter_context(bench.server("relay.py"))
        settings = relay.answer()
        client = stack.enter_context(RelayClient(**settings))
        dial = {"to": "+12025550100", "from_number": "+12025550199"}
        client.dial_phone(**dial)
        begin = relay("used")
        with ThreadPoolExecutor(DIALERS) as pool:
            calls = list(pool.map(lambda _: client.dial_phone(**dial), range(CALLS - 1)))
        with_calls = relay("used")
        idle = [_cores(relay) for _ in range(bench.rounds)]
        receivers = [stack.enter_context(RtpReceiver(buffer=2.0)) for _ in range(TAPS)]
        with ThreadPoolExecutor(DIALERS) as pool:
            list(pool.map(_tap, calls[:TAPS], receivers))
        for receiver in receivers:
            receiver.wait_audio(30)
        first = relay("used")
        tapped = [_cores(relay) for _ in range(bench.rounds)]
        with_taps = relay("used")
        check_equal({"answered": CALLS}, with_taps["states"], "calls of the local relay that are up")
        lost = sum(receiver.stats.packets_lost for receiver in receivers)
        for call in calls[:TAPS]:
            call.hangup()  # or each receiver would wait for what is still to come
        client.close(timeout=30, calls="leave")
    what = f"LocalRelay, {CALLS:,} calls"
    note = f"absolute; {1e6 * statistics.median(idle) / CALLS:.1f} us of CPU a call and second"
    yield Line(f"{what}: CPU", "cores", 0.1, tuple(idle), at_most=True, note=note)
    each = 1e6 * (statistics.median(tapped) - statistics.median(idle)) / (TAPS * 50)
    note = f"absolute; {each:.1f} us a packet, {lost} of some {TAPS * 50 * SECONDS * bench.rounds:,.0f} lost on the way"
    yield Line(f"{what}, {TAPS} of them tapped: CPU", "cores", 1.0, tuple(tapped), at_most=True, note=note)
    call_octets = (with_calls["resident"] - begin["resident"]) / CALLS
    kept = (with_taps["resident"] - first["resident"]) / TAPS / (with_taps["at"] - first["at"])
    note = f"absolute; and {kept / 1024:.1f} KiB a second while it is tapped: both sides, for who looks at them later"
    yield Line(f"{what}: memory a call", "KiB", 32.0, (call_octets / 1024,) * 2, at_most=True, note=note)


def _allow_descriptors(stack: contextlib.ExitStack) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 4 * TAPS), hard), hard))
    stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))


def _tap(call: Call, receiver: RtpReceiver) -> None:
    call.tap_audio(direction="both", device=receiver)


def _cores(relay: Any) -> float:
    """Processor seconds a second of the relay's process."""
    before: Mapping[str, Any] = relay("used")
    time.sleep(SECONDS)
    after: Mapping[str, Any] = relay("used")
    return float((after["cpu"] - before["cpu"]) / (after["at"] - before["at"]))
