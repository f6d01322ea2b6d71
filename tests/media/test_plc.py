"""Concealment after ITU-T G.711 Appendix I: what goes on, for how long, and how it meets what came."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable

import pytest
from swsync._media import ffi, lib

RATES = (8000, 16000, 24000, 48000)


class Concealer:
    """``sw_plc`` over lists of samples."""

    def __init__(self, rate: int = 8000) -> None:
        self.c = ffi.new("sw_plc *")
        assert lib.SW_OK == lib.sw_plc_init(self.c, rate)

    def good(self, samples: Iterable[int]) -> list[int]:
        block = ffi.new("int16_t[]", list(samples))
        lib.sw_plc_good(self.c, block, len(block))
        return list(block)

    def conceal(self, samples: int) -> list[int]:
        block = ffi.new("int16_t[]", samples)
        lib.sw_plc_conceal(self.c, block, samples)
        return list(block)


def voiced(seconds: float, rate: int = 8000, pitch: float = 110.0, at: float = 0.0) -> list[int]:
    """A vowel, as it were: five harmonics."""
    return [
        round(sum(6000 / k * math.sin(2 * math.pi * k * pitch * (at + i / rate)) for k in range(1, 6)))
        for i in range(round(seconds * rate))
    ]


def steepest(samples: list[int]) -> int:
    return max(abs(b - a) for a, b in itertools.pairwise(samples))


def power(samples: list[int]) -> float:
    return sum(x * x for x in samples) / max(1, len(samples))


@pytest.mark.parametrize("rate", [0, 7999, 48001])
def test_rates_it_cannot_do(rate: int) -> None:
    """Pitch and history have room for 8 to 48 kHz."""
    assert lib.SW_EINVAL == lib.sw_plc_init(ffi.new("sw_plc *"), rate)


@pytest.mark.parametrize("rate", RATES)
def test_what_comes_stays_as_it_is(rate: int) -> None:
    """Without loss every bit, in blocks of any length."""
    plc, dice = Concealer(rate), random.Random(1)
    for _ in range(200):
        block = [dice.randint(-32768, 32767) for _ in range(dice.randrange(1, rate // 20))]
        assert block == plc.good(block)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("pitch", [70.0, 110.0, 190.0])
def test_a_voice_goes_on_with_its_pitch(rate: int, pitch: float) -> None:
    """The first 10 ms are nearly what was lost."""
    plc, block = Concealer(rate), rate // 100
    plc.good(voiced(0.2, rate, pitch))
    lost = voiced(0.01, rate, pitch, at=0.2)
    made = plc.conceal(block)
    assert power([a - b for a, b in zip(made, lost, strict=True)]) < 0.03 * power(lost)


@pytest.mark.parametrize("rate", RATES)
def test_it_fades_and_ends_after_60_ms(rate: int) -> None:
    """Full for 10 ms, 20 % less with each 10 ms, then nothing but zeros."""
    plc, block = Concealer(rate), rate // 100
    plc.good(voiced(0.2, rate, 200.0))
    blocks = [plc.conceal(block) for _ in range(10)]
    loud = [math.sqrt(power(b)) / math.sqrt(power(blocks[0])) for b in blocks]
    assert [1.0, 0.9, 0.7, 0.5, 0.3, 0.11] == pytest.approx(loud[:6], abs=0.03)
    assert all(b == [0] * block for b in blocks[6:])


def test_more_periods_are_repeated_after_10_and_20_ms() -> None:
    """One, two, three of the last: what marks the second and third from the end is heard from then on only."""
    plain, marked = Concealer(), Concealer()
    samples = voiced(0.2, pitch=100.0)  # periods of 80 samples
    plain.good(samples)
    samples[-120] += 1500
    samples[-200] -= 1500
    marked.good(samples)
    found = []
    for _ in range(3):
        difference = [a - b for a, b in zip(marked.conceal(80), plain.conceal(80), strict=True)]
        found.append((max(difference) > 900, min(difference) < -900))
    assert [(False, False), (True, False), (False, True)] == found


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("lost_ms", [10, 20, 30, 50, 100, 200])
@pytest.mark.parametrize("pitch", [80.0, 137.0])
def test_no_click_at_a_seam(rate: int, lost_ms: int, pitch: float) -> None:
    """Nowhere is the signal much steeper than the voice itself, whatever was lost and wherever it goes on."""
    plc = Concealer(rate)
    before = voiced(0.25, rate, pitch)
    plc.good(before)
    # What follows has another phase than the concealment ends with.
    after = voiced(0.05, rate, pitch, at=0.25 + lost_ms / 1000 + 0.0023)
    heard = before + plc.conceal(rate * lost_ms // 1000) + plc.good(after)
    assert steepest(heard) <= 1.25 * steepest(before)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("growth", [-0.8, 4.0])
def test_no_click_where_the_voice_was_changing(rate: int, growth: float) -> None:
    """The last period is not like the one before it, and the loss begins at the peak: the step between fades away."""
    plc, period = Concealer(rate), rate // 100
    before = [
        round(6000 * (1 + growth * i / (5 * period)) * math.sin(2 * math.pi * i / period))
        for i in range(5 * period + period // 4 + 1)
    ]
    plc.good(before)
    assert abs(before[-1] - before[-1 - period]) > 2 * steepest(before)
    assert steepest(before[-1:] + plc.conceal(period)) <= 1.6 * steepest(before)


@pytest.mark.parametrize(("lost_ms", "merged_ms"), [(10, 3.0), (20, 7.0), (30, 10.0), (200, 10.0)])
def test_what_follows_fades_in(lost_ms: int, merged_ms: float) -> None:
    """Over a quarter period and 4 ms for each further 10 ms lost, 10 ms at most; then every bit is as it came."""
    plc = Concealer()
    plc.good(voiced(0.2, pitch=8000 / 96))  # a quarter of its period is 3 ms
    plc.conceal(8 * lost_ms)
    after = [20_000] * 160
    heard = plc.good(after)
    merged = round(8 * merged_ms)
    assert all(x < 20_000 for x in heard[:merged])
    assert after[merged:] == heard[merged:]


def test_a_loss_after_silence_is_silence() -> None:
    """Nothing is made of nothing: neither before the first sample nor from zeros."""
    plc = Concealer()
    assert [0] * 400 == plc.conceal(400)
    plc.good([0] * 800)
    assert [0] * 400 == plc.conceal(400)


def test_the_next_loss_begins_anew() -> None:
    """Good audio in between, however short: what follows is not faded by what was before it."""
    plc = Concealer()
    plc.good(voiced(0.2))
    for _ in range(3):
        plc.conceal(480)
        plc.good(voiced(0.06))
    assert power(plc.conceal(80)) > 0.8 * power(voiced(0.06)[-80:])


def test_pieces_of_any_length_make_the_same() -> None:
    """How a loss and the audio around it is cut into calls changes no bit."""
    dice = random.Random(7)
    whole, pieces = Concealer(), Concealer()
    for n in range(30):
        samples = [dice.randint(-9000, 9000) for _ in range(700)] if n % 2 else None
        length = dice.randrange(1, 700)
        expected = whole.conceal(length) if samples is None else whole.good(samples[:length])
        got: list[int] = []
        while len(got) < length:
            part = min(length - len(got), dice.randrange(1, 90))
            got += pieces.conceal(part) if samples is None else pieces.good(samples[len(got) : len(got) + part])
        assert expected == got


def test_reset_forgets() -> None:
    """After a jump the audio before it is not continued."""
    plc = Concealer(16000)
    plc.good(voiced(0.2, 16000))
    lib.sw_plc_reset(plc.c)
    assert [0] * 160 == plc.conceal(160)


@pytest.mark.parametrize("rate", RATES)
def test_the_loudest_is_not_wrapped(rate: int) -> None:
    """Full scale of both signs goes on as full scale."""
    plc, square = Concealer(rate), [32767 if i // (rate // 200) % 2 else -32768 for i in range(rate // 5)]
    plc.good(square)
    made = plc.conceal(rate // 100)
    assert max(made) <= 32767
    assert min(made) >= -32768
    assert power(made) > 0.8 * power(square)
