"""Levels, talk time, bursts of loss, and the opinion score that the E-model gives them."""

from __future__ import annotations

import array
import copy
import math
import pickle
import random

import numpy as np
import pytest
from rtppackets import numbered, packet, stream

from swsync import media
from swsync.clock import VirtualClock
from swsync.media.capture import Capture
from swsync.media.meter import Meter, TrackMeter
from swsync.media.track import Track

RATE = 8000


def tone(seconds: float, amplitude: float) -> array.array[int]:
    """A sine of 400 Hz; at that rate a period is a whole number of samples."""
    count = round(seconds * RATE)
    return array.array("h", [round(amplitude * math.sin(2 * math.pi * 400 * n / RATE)) for n in range(count)])


@pytest.mark.parametrize(
    ("loss", "is_concealed", "expected"), [(0, True, 4.41), (0, False, 4.41), (0.05, True, 3.92), (0.05, False, 2.17)]
)
def test_the_figures_of_the_standard(loss: float, is_concealed: bool, expected: float) -> None:
    """R = 93.2 - Ie,eff, and MOS by G.107 Annex B."""
    assert expected == round(media.mos(media.loss_rating(loss, 1.0, is_concealed)), 2)


def test_the_score_at_its_ends() -> None:
    """Never below 1 nor above 4.5; bursts are worse than random loss; more loss is worse."""
    assert (1.0, 1.0, 4.5, 4.5) == (media.mos(-5), media.mos(0), media.mos(100), media.mos(120))
    scores = [media.mos(media.loss_rating(percent / 100)) for percent in range(101)]
    assert scores == sorted(scores, reverse=True)
    assert media.loss_rating(0.05, 2.0) < media.loss_rating(0.05, 1.0)


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_it_goes_to_other_processes(again) -> None:
    """As the result of a task, say; what is read-only stays that."""
    stats = media.ReceiverStats(packets=3, rejected={"short": 2}, payload_types={13: 1})
    meter = Meter()
    meter.add(bytes(1600), 8000)
    for one in (stats, meter.quality(stats, is_concealed=False)):
        got = again(one)
        assert (one, type(one)) == (got, type(got))
        with pytest.raises(TypeError):
            got.rejected["short"] = 0  # type: ignore[index]


def test_levels() -> None:
    """A full-scale square wave is 0 dBov, a sine 3.01 dB less; digital silence has no level."""
    cases = {
        0.0: array.array("h", [-32768] * 1600),
        -3.01: tone(0.5, 32767),
        -26.0: tone(0.5, 32768 * 10 ** (-26 / 20) * math.sqrt(2)),
    }
    for level, samples in cases.items():
        meter = Meter()
        meter.add(samples, RATE)
        quality = meter.quality(media.ReceiverStats(), False)
        assert level == pytest.approx(quality.rms_dbov, abs=0.02)
        assert quality.rms_dbov == pytest.approx(quality.speech_dbov, abs=0.001)
    silent = Meter()
    silent.add(bytes(3200), RATE)
    quality = silent.quality(media.ReceiverStats(), False)
    assert (-math.inf, -math.inf, 0, 0.2) == (quality.rms_dbov, quality.peak_dbov, quality.clipped, quality.measured)


def test_any_blocks_give_the_same_as_numpy() -> None:
    """Whatever the size of the blocks: the sums are whole numbers."""
    rng = random.Random(5)
    samples = np.array([rng.randrange(-32768, 32768) for _ in range(20_011)], np.int16)
    for size in (1, 7, 160, 4096, 20_011):
        meter = Meter()
        for at in range(0, len(samples), size):
            meter.add(samples[at : at + size].tobytes(), RATE)
        quality = meter.quality(media.ReceiverStats(), False)
        wide = samples.astype(np.float64)
        assert 10 * math.log10(np.mean(wide**2) / 32768**2) == pytest.approx(quality.rms_dbov, abs=1e-9)
        assert 20 * math.log10(np.abs(wide).max() / 32768) == pytest.approx(quality.peak_dbov, abs=1e-9)
        assert int(np.sum((samples == 32767) | (samples == -32768))) == quality.clipped


def test_talk_and_silence() -> None:
    """A second of speech, its hangover of 200 ms, and the rest is silence, with noise below the threshold in it."""
    meter = Meter()
    for part in (tone(1.0, 2000), tone(2.0, 20), tone(0.1, 2000), tone(0.1, 0), tone(0.1, 2000)):
        meter.add(part, RATE)
    quality = meter.quality(media.ReceiverStats(), False)
    assert 1.2 + 0.3 == pytest.approx(quality.talk_seconds)
    assert 1.8 == pytest.approx(quality.silence_seconds)
    assert 3.3 == pytest.approx(quality.measured)


def lossy(lost: set[int], packets: int = 1000) -> Track:
    """A track of an RTP stream without some of its packets."""
    received = stream(source="127.0.0.1")
    kept = [n for n in range(packets) if n not in lost]
    for n in kept:
        received.feed([numbered(n)], [100 + 0.02 * n])
    received.flush()
    received.track.end()
    return received.track


def both(track: Track) -> tuple[media.Quality, media.Quality]:
    """Of somebody who listens, and of a recording."""
    sink = media.ArraySink()
    with Capture(sink, track, clock=VirtualClock(), is_live=False) as capture:
        pass
    return TrackMeter(track).quality(), capture.quality["said"]


def test_no_loss() -> None:
    """4.41, both ways."""
    for quality in both(lossy(set(), 400)):
        assert (400, 400, 0, 0, 1.0) == (
            quality.received, quality.packets_expected, quality.lost, quality.bursts, quality.burst_ratio,
        )  # fmt: skip
        assert 4.41 == round(quality.tap_leg_mos or 0, 2)
        assert 8.0 == quality.measured == quality.talk_seconds + quality.silence_seconds


def test_single_losses_and_bursts() -> None:
    """20 of 400 packets one by one: the figures of 5 % random loss; in two bursts it is worse."""
    live, recorded = both(lossy({20 * n + 10 for n in range(20)}, 400))
    assert (20, 20, 0.05) == (live.lost, live.bursts, live.fraction_lost)
    assert (3.92, 2.17) == (round(live.tap_leg_mos or 0, 2), round(recorded.tap_leg_mos or 0, 2))
    burst, in_file = both(lossy({*range(100, 110), *range(200, 210)}, 400))
    assert (20, 2, 2) == (burst.lost, burst.bursts, in_file.bursts)
    assert 10 * 0.95 == pytest.approx(burst.burst_ratio) == pytest.approx(in_file.burst_ratio)
    assert (burst.tap_leg_mos or 5) < (live.tap_leg_mos or 0)


def test_late_packets_count_as_lost() -> None:
    """They were received, and nobody heard them."""
    stats = media.Quality(is_rtp=True, packets=100, packets_expected=100, late=5)
    assert 2.17 == round(stats.tap_leg_mos or 0, 2)


def test_where_a_score_means_nothing() -> None:
    """WebSockets lose nothing, wideband has another model, and silence has no quality."""
    assert None is media.Quality(packets_expected=100).tap_leg_mos
    assert None is media.Quality(is_rtp=True, packets_expected=100, rate=16000).tap_leg_mos
    assert None is media.Quality(is_rtp=True).tap_leg_mos


def test_a_receiver_tells_while_it_runs() -> None:
    """From what the buffer holds, a second behind; all of it at the end. The meters leave no work behind."""
    with media.RtpReceiver() as receiver, media.RtpSender("127.0.0.1", receiver.port, ptime=20, rtcp="none") as sender:
        sender.send(tone(0.2, 10000))
        assert receiver.wait_audio(60)
        first = receiver.quality
        assert 0.0 == first.measured
        receiver.end()
        quality = receiver.quality
    assert (0.2, 10) == (quality.measured, quality.received)
    assert -13.3 == pytest.approx(quality.rms_dbov, abs=0.1)
    assert quality.concealed


def test_two_sides_of_a_recording() -> None:
    """Each has its own levels and times."""
    clock = VirtualClock()
    sides = {}
    for name, amplitude in (("said", 8000.0), ("heard", 0.0)):
        track = sides[name] = Track(name, "L16", clock=clock, buffer=10.0)
        track.place(0, media.encode(tone(1.0, amplitude), "L16"), clock.now())
        track.end()
    with Capture(media.ArraySink(), **sides, clock=clock, is_live=False) as capture:
        pass
    said, heard = capture.quality["said"], capture.quality["heard"]
    assert (1.0, 0.0, 0.0, 1.0) == (said.talk_seconds, said.silence_seconds, heard.talk_seconds, heard.silence_seconds)
    assert -15.25 == pytest.approx(said.rms_dbov, abs=0.05)
    assert None is said.tap_leg_mos


def test_a_burst_over_two_looks_is_one() -> None:
    """A stretch that two blocks divide between them counts once."""
    received = stream(source="127.0.0.1")
    received.feed([packet(n, 160 * n) for n in (0, 1, 2, 3, 100)], [100.0] * 4 + [102.0])
    received.track.end()
    quality = TrackMeter(received.track).quality()
    assert (1, 96) == (quality.bursts, quality.lost)
