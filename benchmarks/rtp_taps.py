"""500 RTP taps of 50 packets a second, a port each: CPU a packet against two Python receivers; and how even ticks are.

A process sends, paced; another one receives and says how much processor time that took. Every side parses each packet,
keeps its order by sequence number, decodes it and keeps the samples.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from subprocess import Popen

from benchmarks._children import ask, start
from benchmarks._measure import Line, Unequal

TAPS = 500
BEFORE = 110  # packets a tap before the counting begins: once through the two seconds of memory that every side keeps
SECONDS = 3.0  # of sending, counted, a run
PACKETS = int(SECONDS * 50)
BUSY = 4  # Python threads that never rest


def run(rounds: int) -> Iterator[Line]:
    """Our receivers against a selectors loop and asyncio datagrams, in turn; then the engine's ticks."""
    figures = _in_turn(rounds, _cpu, ("swsync", "swsync-live", "selectors", "asyncio"))
    for kind, how in (("swsync", "recorded"), ("swsync-live", "listened to as they come")):
        note = f"{1e6 * sorted(figures[kind])[rounds // 2]:.2f} us a packet"
        for peer, target in (("selectors", 0.40), ("asyncio", 0.09)):
            ratios = tuple(ours / theirs for ours, theirs in zip(figures[kind], figures[peer], strict=True))
            what, name = f"{TAPS} RTP taps, {how}, CPU per packet", f"{peer} + struct + audioop"
            yield Line(what, name, target, ratios, at_most=True, note=note)
    yield from _shared(rounds)
    late = tuple(_lateness() for _ in range(max(2, rounds // 3)))
    yield Line(
        f"media tick with {BUSY} busy Python threads, late by", "milliseconds, median", 1.0, late, at_most=True,
        note="absolute: the GIL of a Python thread takes 5 ms and more",
    )  # fmt: skip


def _shared(rounds: int) -> Iterator[Line]:
    """The same taps on one port, told apart by their source."""
    figures = _in_turn(rounds, _cpu_shared, ("swsync", "selectors", "asyncio"))
    note = f"{1e6 * sorted(figures['swsync'])[rounds // 2]:.2f} us a packet"
    for peer, target in (("selectors", 0.30), ("asyncio", 0.07)):
        ratios = tuple(ours / theirs for ours, theirs in zip(figures["swsync"], figures[peer], strict=True))
        what, name = f"{TAPS} RTP taps on one shared port, CPU per packet", f"{peer} + struct + audioop"
        yield Line(what, name, target, ratios, at_most=True, note=note)


def _in_turn(rounds: int, measure: Callable[[str], float], kinds: tuple[str, ...]) -> dict[str, list[float]]:
    """What each way of receiving takes, one after the other, so often."""
    figures: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind, values in figures.items():
            values.append(measure(kind))
    return figures


def _cpu_shared(kind: str) -> float:
    with start("_taps", "send_shared") as sender, start("_taps", "receive", f"{kind}-shared") as receiver:
        sources = ask(sender, json.dumps({"taps": TAPS}))["sources"]
        ports = ask(receiver, json.dumps({"sources": sources}))["ports"]
        # asyncio takes one datagram a turn of its loop, and on a busy machine it keeps up with no more than a third.
        return _run(f"{kind}, one port", sender, receiver, ports, least=0.2)


def _cpu(kind: str) -> float:
    """Processor seconds a packet of one receiver process."""
    with start("_taps", "receive", kind) as receiver, start("_taps", "send") as sender:
        return _run(kind, sender, receiver, ask(receiver)["ports"], least=0.8)


def _run(kind: str, sender: Popen[str], receiver: Popen[str], ports: list[int], least: float) -> float:
    """A peer that cannot keep up is measured by what it did receive; ours has to receive all of it, and once."""
    ask(sender, json.dumps({"ports": ports, "before": BEFORE, "packets": PACKETS}))
    ask(receiver, "begin")
    ask(sender, "go on")
    result = ask(receiver, "stop")
    sent, got, is_ours = TAPS * PACKETS, int(result["packets"]), kind.startswith("swsync")
    too_many = got > (sent if is_ours else sent + TAPS * BEFORE)  # what waited in front of them when it was begun
    if got * 160 != result["samples"] or too_many or got < (sent if is_ours else least * sent):
        raise Unequal(f"{kind}: {got} of {sent} packets, {result['samples']} samples")
    return float(result["cpu"]) / got


def _lateness() -> float:
    """Median lateness of the engine's ticks in milliseconds, one tap running, beside busy threads."""
    with start("_taps", "ticks") as receiver, start("_taps", "send") as sender:
        ports = ask(receiver)["ports"]
        ask(sender, json.dumps({"ports": ports, "packets": PACKETS}))
        return float(ask(receiver, "stop")["median"]) * 1000
