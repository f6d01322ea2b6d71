"""How many RTP taps one core holds without loss of our own, every sample read and its checksum compared.

A process sends for as many taps as it can pace; beyond that, capacity is extrapolated from the receiver's CPU and
labelled so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from benchmarks._measure import Line, Unequal
from benchmarks.rtp_taps import _ask, _start

TAPS = 2000  # sent: a Python sender cannot pace many more
SECONDS = 4.0
WANTED = 4000


def run(rounds: int) -> Iterator[Line]:
    """A port each, and one shared port."""
    for kind, words in (("each", "a port each"), ("shared", "one shared port")):
        held = tuple(_held(kind) for _ in range(max(2, rounds // 3)))
        taps = int(sorted(held)[len(held) // 2] * WANTED)
        yield Line(
            f"RTP taps held without loss, {words}, in units of {WANTED}", "one core", 1.0, held,
            note=f"{taps} taps, extrapolated from the CPU of {TAPS} that were held",
        )  # fmt: skip


def _held(kind: str) -> float:
    """Taps that one core has time for, in units of what is wanted."""
    packets = int(SECONDS * 50)
    with _start("send_shared") as sender, _start("hold", kind) as receiver:
        sources = _ask(sender, json.dumps({"taps": TAPS}))["sources"]
        ports = _ask(receiver, json.dumps({"sources": sources}))["ports"]
        sent = _ask(sender, json.dumps({"ports": ports, "packets": packets}))
        result = _ask(receiver, "stop")
    if result["packets"] != sent["sent"] or result["samples"] != 160 * sent["sent"] or result["wrong"]:
        raise Unequal(f"{kind}: {result} of {sent}")
    return float(sent["sent"] / 50 / result["cpu"]) / WANTED
