"""A bad network, seeded and in virtual time: every count is exact, and what is heard is what came."""

from __future__ import annotations

import random

import attrs
import pytest
from livereading import Wire, is_packet
from rtppackets import SAMPLES, TICK

from swsync.media.quality import ReceiverStats
from swsync.states import FrameState

PACKETS = 600
REORDER, DUPLICATE, STRAGGLE = 0.05, 0.02, 0.01
WINDOW = 1.0  # seconds: what comes later than that behind the newest is late


@attrs.define
class Truth:
    """What the network did, by a count of its own."""

    lost: int = 0
    duplicate: int = 0
    reordered: int = 0
    late: int = 0
    came: set[int] = attrs.field(factory=set)
    arrivals: list[tuple[float, int]] = attrs.field(factory=list)


def losses(kind: float | str, dice: random.Random) -> list[bool]:
    """Which packets never come: each with that probability, or in bursts (Gilbert-Elliott); not the first nor last."""
    lost, bad = [], False
    for _ in range(PACKETS):
        if kind == "bursts":
            bad = dice.random() < (0.7 if bad else 0.03)
        lost.append(dice.random() < (0.8 if bad else 0.01) if kind == "bursts" else dice.random() < float(kind))
    lost[0] = lost[-1] = False
    return lost


def network(kind: float | str, jitter: float, is_rough: bool, seed: int) -> Truth:
    """Arrival times, and what they come to."""
    dice, truth = random.Random(seed), Truth()
    gone = losses(kind, dice)
    for number in range(PACKETS):
        if gone[number]:
            continue
        at = number * TICK + dice.uniform(0.0, jitter)
        if is_rough and 100 < number < PACKETS - 100:
            at += 0.025 if dice.random() < REORDER else 0.0
            at += 1.3 if dice.random() < STRAGGLE else 0.0
        truth.arrivals.append((at, number))
        if is_rough and dice.random() < DUPLICATE:
            truth.arrivals.append((at + dice.uniform(0.0, 0.05), number))
    truth.arrivals.sort()
    highest = -1
    for _, number in truth.arrivals:
        if number in truth.came:
            truth.duplicate += 1
        elif number < highest:
            if (highest + 1 - number) * TICK > WINDOW:
                truth.late += 1
            else:
                truth.reordered += 1
        truth.came.add(number)
        highest = max(highest, number)
    truth.lost = max(truth.came) - min(truth.came) + 1 - len(truth.came)
    return truth


def listen(wire: Wire, truth: Truth) -> tuple[ReceiverStats, int]:
    """Feed the arrivals, take each frame when it is due; the statistics, and how many frames were made up."""
    made, following, after_loss = 0, None, False

    def take_all() -> None:
        nonlocal made, following, after_loss
        while (frame := wire.reader.take(SAMPLES)) is not None:
            slot = int(wire.slot(frame))
            assert following in (None, slot)
            following = slot + 1
            if frame.state is FrameState.CONCEALED:
                made += 1
            else:
                assert FrameState.AUDIO is frame.state
                assert is_packet(frame, slot, after_loss)
            after_loss = frame.state is FrameState.CONCEALED

    began = wire.clock.now()
    for at, number in truth.arrivals:
        while (left := began + at - wire.clock.now()) > 1e-9:
            wire.clock.sleep(min(left, 0.005))
            take_all()
        wire.put(number)
    wire.stream.track.end()
    take_all()
    assert wire.reader.is_over
    return wire.stream.track.stats, made


@pytest.mark.parametrize("is_rough", [False, True], ids=["", "reordered and repeated"])
@pytest.mark.parametrize("jitter", [0.0, 0.02, 0.06, 0.15])
@pytest.mark.parametrize("kind", [0.0, 0.01, 0.03, 0.05, 0.1, 0.2, "bursts"])
def test_every_count_is_exact(kind: float | str, jitter: float, is_rough: bool) -> None:
    """Lost, late, reordered and duplicate packets; concealed, late and heard frames."""
    truth = network(kind, jitter, is_rough, seed=11)
    wire = Wire(65000, 2**32 - 40_000, min_delay=0.02, max_delay=0.4)
    with wire.clock.thread():
        stats, made = listen(wire, truth)
    counted = stats.packets_lost, stats.late, stats.reordered, stats.duplicate
    assert (truth.lost, truth.late, truth.reordered, truth.duplicate) == counted
    assert (len(truth.arrivals), 0) == (stats.packets, stats.rebased)
    # What never came, or too late to be placed at all, was made up; so was what came too late for this reader.
    never = truth.lost + truth.late
    assert SAMPLES * made == wire.reader.concealed
    assert SAMPLES * never == wire.reader.concealed - wire.reader.late


@pytest.mark.parametrize("jitter", [0.02, 0.06, 0.15])
def test_a_delay_as_long_as_the_jitter_hears_everything(jitter: float) -> None:
    """Nothing is concealed, and not a bit is changed."""
    wire = Wire(min_delay=jitter + TICK, max_delay=jitter + TICK)
    with wire.clock.thread():
        _, made = listen(wire, network(0.0, jitter, False, seed=3))
    assert (0, 0, 0) == (made, wire.reader.stretched, wire.reader.skipped)


@pytest.mark.parametrize("jitter", [0.02, 0.06, 0.15])
def test_the_delay_finds_the_jitter(jitter: float) -> None:
    """Its target is within a packet of the jitter that there is, once a second of it is known."""
    wire = Wire(min_delay=0.0, max_delay=0.4)
    with wire.clock.thread():
        listen(wire, network(0.0, jitter, False, seed=5))
    assert jitter - TICK <= wire.reader.target <= jitter + TICK
    assert wire.reader.delay >= min(wire.reader.target, 0.06)
