"""Turns that are taken and not used in time: nobody crowds those who come after."""

from __future__ import annotations

from typing import Any

import pytest

from swsync.batch import open_ledger
from swsync.batch.ledger import Ledger
from swsync.batch.pacer import Pacer
from swsync.clock import VirtualClock

RATE = 20.0
GAP = 1 / RATE


def test_a_missed_turn_is_moved_if_nobody_came_after(ledger: Ledger, clock: VirtualClock) -> None:
    """Its place is free still: it is now, and the next one is a whole gap later."""
    missed = ledger.take_token(RATE)
    clock.sleep(0.030)
    again = ledger.take_token(RATE, 1, missed)

    assert 0.0 == again.wait
    assert again.next == pytest.approx(clock.time() + GAP, abs=0.0051)
    assert ledger.take_token(RATE).wait > 0.040


def test_a_missed_turn_is_lost_if_somebody_came_after(ledger: Ledger, clock: VirtualClock) -> None:
    """Whoever was late waits like everybody."""
    missed = ledger.take_token(RATE)
    clock.sleep(0.060)
    assert 0.0 == ledger.take_token(RATE).wait  # another owner
    clock.sleep(0.010)
    assert ledger.take_token(RATE, 1, missed).wait > 0.030


def test_who_is_kept_from_its_turn_takes_another(place: str, clock: VirtualClock, monkeypatch: Any) -> None:
    """As on a busy machine, between the commit and the dial: the start is a gap before the next one all the same."""
    with open_ledger(place, clock=clock) as ledger:
        lease = ledger.join(clock)
        pacer = Pacer(ledger, clock, RATE)
        assert pacer.wait_turn(lease)  # how long a commit takes at best is known from now on
        take, asked = ledger.take_token, []

        def slow(*args: Any) -> Any:
            turn = take(*args)
            if turn.wait == 0:
                asked.append(turn)
                clock.sleep(0.040 if len(asked) == 1 else 0.0)
            return turn

        monkeypatch.setattr(ledger, "take_token", slow)
        assert pacer.wait_turn(lease)

        assert 2 == len(asked)
        assert asked[1].next - clock.time() == pytest.approx(GAP, abs=0.0051)
