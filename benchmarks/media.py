"""How many RTP taps one core holds without loss of our own, every sample read and its checksum compared.

They are really sent, at their pace, and held, in steps; what one core would have time for beyond that is extrapolated
from the receiver's CPU, and labelled so. The sender has the other core, and a step that it cannot pace does not count.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from benchmarks._children import ask, start
from benchmarks._measure import Line, Unequal

STEPS = (4000, 3000, 2000, 1000)  # taps, from what is wanted downwards
SECONDS = 4.0


def run(rounds: int) -> Iterator[Line]:
    """A port each, and one shared port."""
    for kind, words in (("each", "a port each"), ("shared", "one shared port")):
        found = [_most(kind) for _ in range(max(2, rounds // 3))]
        taps, capacity = sorted(found)[len(found) // 2]
        yield Line(
            f"RTP taps held without loss, {words}: of {STEPS[0]}", "one core", 1.0,
            tuple(taps / STEPS[0] for taps, _ in found),
            note=f"{taps} held; one core has time for {capacity:.0f}, extrapolated from their CPU",
        )  # fmt: skip


def _most(kind: str) -> tuple[int, float]:
    """The most taps that lost nothing, and how many their CPU would be enough for."""
    for taps in STEPS:
        sent, result = _hold(kind, taps)
        if result["wrong"] and result["packets"] == sent["sent"]:
            raise Unequal(f"{kind}: {result['wrong']} blocks of other samples than were sent")
        is_paced = sent["took"] < 1.05 * SECONDS
        if is_paced and result["packets"] == sent["sent"] and result["samples"] == 160 * sent["sent"]:
            return taps, sent["sent"] / 50 / result["cpu"]
    raise Unequal(f"{kind}: {result} of {sent}; the sender was late by up to {sent['late']:.3f} s")


def _hold(kind: str, taps: int) -> tuple[dict[str, Any], dict[str, Any]]:
    with (
        start("_taps", "send_batches" if kind == "each" else "send_shared") as sender,
        start("_taps", "hold", kind) as receiver,
    ):
        sources = ask(sender, json.dumps({"taps": taps}))["sources"]
        ports = ask(receiver, json.dumps({"sources": sources}))["ports"]
        sent = ask(sender, json.dumps({"ports": ports, "packets": int(SECONDS * 50)}))
        return sent, ask(receiver, "stop")
