"""Two voices that are heard at the same moments, each on a media clock and a path of its own, fed to real receivers."""

from __future__ import annotations

import heapq
import random
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from rtppackets import SAMPLES, packet, sender_report

from swsync import media
from swsync.clock import VirtualClock
from swsync.media.capture import Capture

RATE = 8000
SILENCE = 0xFF  # mu-law
WALL = 1_700_000_000.0  # seconds since 1970 at second 0 of the virtual clock
Octets = Any  # NumPy array of uint8, one code a sample


@attrs.define(slots=False)
class Voice:
    """One sender.

    Attributes:
        bursts: (seconds, length in seconds, seed): what is heard when, by the clock that both voices share.
        seconds: How long it sends.
        start: When it begins.
        ppm: By which its media clock is fast.
        delay: Seconds that a packet of that number is under way.
        report_at: When it tells its wall clock.
        wall: What that is wrong by, in seconds.
    """

    bursts: list[tuple[float, float, int]]
    seconds: float
    start: float = 0.0
    ppm: float = 0.0
    delay: Callable[[int], float] = lambda number: 0.04
    report_at: tuple[float, ...] = ()
    wall: float = 0.0
    ssrc: int = 7

    @property
    def rate(self) -> float:
        return RATE * (1 + self.ppm / 1e6)

    def codes(self) -> Octets:
        """What it sends, a whole number of packets."""
        count = int(self.seconds * self.rate) // SAMPLES * SAMPLES
        out = np.full(count, SILENCE, np.uint8)
        for at, length, seed in self.bursts:
            first = round((at - self.start) * self.rate)
            noise = np.random.default_rng(seed).integers(0, 60, int(length * RATE)).astype(np.uint8)  # loud codes
            noise[1::2] |= 0x80
            if 0 <= first < count:
                out[first : first + len(noise)] = noise[: count - first]
        return out

    def datagrams(self) -> Iterator[tuple[float, bool, bytes]]:
        """When each comes, whether it is RTCP, and what it is."""
        codes, first = self.codes().tobytes(), 1000 * self.ssrc
        for i in range(len(codes) // SAMPLES):
            sent = self.start + (i + 1) * SAMPLES / self.rate
            data = codes[i * SAMPLES : (i + 1) * SAMPLES]
            yield sent + self.delay(i), False, packet(i, first + i * SAMPLES, data, ssrc=self.ssrc)
        for at in self.report_at:
            ts = first + round((at - self.start) * self.rate)
            yield at + self.delay(0), True, sender_report(WALL + self.wall + at, ts, ssrc=self.ssrc)


def jitter(base: float, spread: float, seed: int) -> Callable[[int], float]:
    """A path of ``base`` seconds on which each packet loses up to ``spread`` more."""
    dice = random.Random(seed)
    return lambda number: base + dice.uniform(0.0, spread)


def bursts(seconds: float, talk: float = 1.2, silence: float = 1.3, seed: int = 1) -> list[tuple[float, float, int]]:
    """Talk and silence in turn, of uneven lengths."""
    dice, at, found = random.Random(seed), 0.7, []
    while at < seconds:
        length = talk * dice.uniform(0.6, 1.4)
        found.append((at, length, len(found)))
        at += length + silence * dice.uniform(0.6, 1.4)
    return found


def record(path: Path, said: Voice, heard: Voice, **options: Any) -> Capture:
    """Both voices through two receivers on a virtual clock into one file, drained as the writer's thread does."""
    clock = VirtualClock(start=0.0)
    heard.ssrc = 9
    with media.RtpReceiver(clock=clock) as left, media.RtpReceiver(clock=clock) as right:
        tracks = left.tracks["audio"], right.tracks["audio"]
        capture = Capture(path, *tracks, clock=clock, is_live=False, **options)
        both = ([(at, n, *rest) for at, *rest in sorted(voice.datagrams())] for n, voice in enumerate((said, heard)))
        drained = 0.0
        for at, side, is_rtcp, datagram in heapq.merge(*both):
            while drained + 0.2 < at:
                drained += 0.2
                clock.sleep(max(0.0, drained - clock.now()))
                capture.drain()
            clock.sleep(max(0.0, at - clock.now()))
            (left, right)[side].feed(datagram, int(at * 1e9), is_rtcp=is_rtcp)
        capture.close()
    return capture


def channels(path: Path) -> tuple[Any, Any]:
    """Left and right, as arrays of int16."""
    with wave.open(str(path), "rb") as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return samples[0::2], samples[1::2]


def lag(left: Any, right: Any) -> float:
    """Seconds by which the right channel is behind the left one: where their cross-correlation has its peak."""
    size = 1 << (len(left) + len(right)).bit_length()
    spectrum = np.fft.rfft(right, size) * np.conj(np.fft.rfft(left, size))
    at = int(np.argmax(np.fft.irfft(spectrum, size)))
    return (at if at < size // 2 else at - size) / RATE


def lags(left: Any, right: Any, talk: list[tuple[float, float, int]]) -> list[float]:
    """The lag at the beginning of each burst, over 0.2 s: clocks drift within a long one."""
    found = []
    for at, _, _ in talk:
        first = round(at * RATE)
        window = slice(max(0, first - RATE // 10), first + RATE // 10)
        if first < len(left) - RATE:
            found.append(lag(left[window], right[window]))
    return found


def decoded(voice: Voice) -> Any:
    """What it says, as samples."""
    return np.frombuffer(media.decode(voice.codes().tobytes(), "PCMU"), np.int16)
