"""Measures audio: levels, speech and bursts of loss, of blocks that somebody has (``Meter``) or of a live track."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any

import attrs

from swsync._media import ffi, lib
from swsync.media.quality import Quality, ReceiverStats
from swsync.media.track import WINDOW, Track
from swsync.media.wav import keep_draining, stop_draining

if TYPE_CHECKING:
    from swsync.clock import Clock

__all__ = ["Meter", "TrackMeter"]

SPEECH = -45.0  # dBov: frames above it are speech
FULL_SCALE = 32768.0 * 32768.0  # mean square of 0 dBov (ITU-T G.100.1)


def _dbov(mean_square: float) -> float:
    return 10 * math.log10(mean_square / FULL_SCALE) if mean_square > 0 else -math.inf


class Meter:
    """Adds up what the blocks of one side show. Not for use by two threads at once."""

    def __init__(self) -> None:
        self._level = ffi.new("sw_level *")
        self._rate = 8000
        self._lost = self._bursts = 0  # samples, stretches
        self._lost_to = -1  # where the last stretch ended

    def add(self, samples: Any, rate: int) -> None:
        """Measure a block of int16 samples; all have the same rate."""
        self._rate = rate
        data = ffi.from_buffer(samples)
        lib.sw_level_add(self._level, data, len(data) // 2, rate, int(10 ** (SPEECH / 10) * FULL_SCALE))

    def lose(self, first: int, last: int) -> None:
        """Note that the samples from one position to another never came; stretches come in order."""
        if last <= first:
            return
        self._bursts += first > self._lost_to
        self._lost += last - first
        self._lost_to = last

    def _burst_ratio(self, stats: ReceiverStats) -> float:
        """ITU-T G.107 section 7.5: 1 / (1 - p) is the mean length of random losses."""
        if not self._bursts or not stats.packets or not stats.samples:
            return 1.0
        packet = stats.samples / stats.packets
        length = max(1.0, self._lost / packet / self._bursts)
        loss = min(1.0, self._lost / max(1, int(self._level.samples)))
        return max(1.0, length * (1 - loss))

    def quality(self, stats: ReceiverStats, is_concealed: bool) -> Quality:
        """What has been seen so far, beside what is known of the packets."""
        level, rate = self._level, self._rate
        known = {field.name: getattr(stats, field.name) for field in attrs.fields(ReceiverStats)}
        return Quality(
            **known,
            measured=level.samples / rate,
            rms_dbov=_dbov(level.energy / max(1, level.samples)),
            peak_dbov=_dbov(float(level.peak) ** 2),
            speech_dbov=_dbov(level.active_energy / max(1, level.active)),
            clipped=level.clipped,
            talk_seconds=level.talk / rate,
            silence_seconds=(level.samples - level.talk) / rate,
            bursts=self._bursts,
            burst_ratio=self._burst_ratio(stats),
            concealed=is_concealed,
        )


class TrackMeter:
    """Measures a track from what it holds now until it ends, a second behind, so that late packets are in place.

    The writer's thread reads it before the ring is overwritten.
    """

    def __init__(self, track: Track) -> None:
        self._track = track
        self._lock = threading.Lock()
        self._meter = Meter()  # guarded by _lock, as the next
        self._reader = track.reader()
        if not track.ended:
            keep_draining(self)

    @property
    def clock(self) -> Clock:
        """Of the track."""
        return self._track.clock

    def drain(self) -> None:
        """Measure what has come."""
        track = self._track
        with self._lock:
            state = track.report()
            until = int(state.head) if state.ended else int(state.head) - int(WINDOW * track.rate)
            while state.started and len((block := self._reader.take(track.rate, until)).samples):
                self._meter.add(block.samples, track.rate)
                for span in block.spans:
                    if span.is_missing:
                        self._meter.lose(span.position, span.position + span.samples)
        if state.ended:
            stop_draining(self)

    def close(self) -> None:
        """No more of that. Idempotent."""
        stop_draining(self)
        self.drain()

    def quality(self) -> Quality:
        """What has been measured, up to now."""
        self.drain()
        with self._lock:
            return self._meter.quality(self._track.stats, is_concealed=True)
