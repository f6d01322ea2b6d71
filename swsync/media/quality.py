"""What is known about the audio that one receiver, or one track of it, has received."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import attrs

__all__ = ["Alignment", "LostSpan", "Quality", "ReceiverStats", "Skew", "loss_rating", "mos"]

# ITU-T G.107 table 2 and G.113 appendix I: G.711 without loss, and how well it bears it, with and without concealment.
BEST_RATING = 93.2
ROBUSTNESS = {True: 25.1, False: 4.3}


def _frozen(mapping: Mapping[str, int]) -> Mapping[str, int]:
    return MappingProxyType(dict(mapping))


def _made(kind: type[ReceiverStats], fields: dict[str, Any]) -> ReceiverStats:
    return kind(**fields)


@attrs.frozen(kw_only=True)
class ReceiverStats:
    """An immutable snapshot. Names as in RFC 3550 where it has them.

    Attributes:
        packets: Packets (RTP) or media messages (WebSocket) that carried audio of the expected kind.
        octets: Octets of payload in them.
        samples: Samples placed on the timeline.
        rate: Samples a second, the unit of all counts of samples here.
        seconds: Length of the timeline so far: samples plus the gaps between them.
        packets_expected: By the sequence numbers (RFC 3550 A.3); equal to ``packets`` where the wire has none.
        packets_lost: Packets that never came: expected, less each different one received.
        late: Packets that came after the reorder window had passed them. They count as received, but are not heard.
        reordered: Packets that came after a later one, and in time.
        duplicate: Packets that had been received before.
        jitter_ms: Interarrival jitter (RFC 3550 A.8) in milliseconds; 0 for WebSockets.
        rebased: Times that the media clock or the SSRC changed and the timeline went on by arrival.
        quiet: Samples of silence where the sender paused its media clock.
        missing: Samples of silence where packets were missing when later ones came.
        estimated_gap: Samples of silence put in by arrival time, because the wire has no clock.
        muted: Samples of silence in place of what came while a recording was paused (``capture.pause``).
        rejected: Datagrams or messages not used, by reason; never empty reasons, so an empty mapping is a clean stream.
        payload_types: RTP packets of other payload types, by number.
        kernel_drops: Datagrams that the kernel dropped because the socket's buffer was full.
        ptime_ms: Milliseconds of audio in a packet, as learned from RTP timestamps; 0 until then.
        rtcp: RTCP datagrams taken.
        is_rtp: Whether the audio came over RTP, where packets can get lost.
        comfort_noise: RTP packets of comfort noise (RFC 3389): the sender was silent.
        telephone_events: RTP packets of keys (RFC 4733); many make one key.
        events_dropped: Keys that were dropped because 64 waited to be taken.
    """

    packets: int = 0
    octets: int = 0
    samples: int = 0
    rate: int = 8000
    seconds: float = 0.0
    packets_expected: int = 0
    packets_lost: int = 0
    late: int = 0
    reordered: int = 0
    duplicate: int = 0
    jitter_ms: float = 0.0
    rebased: int = 0
    quiet: int = 0
    missing: int = 0
    estimated_gap: int = 0
    muted: int = 0
    rejected: Mapping[str, int] = attrs.field(factory=dict, converter=_frozen)
    payload_types: Mapping[int, int] = attrs.field(factory=dict)
    kernel_drops: int = 0
    ptime_ms: float = 0.0
    rtcp: int = 0
    is_rtp: bool = False
    comfort_noise: int = 0
    telephone_events: int = 0
    events_dropped: int = 0

    def __reduce__(self) -> tuple[object, ...]:
        """Pickled and copied by its fields: a read-only mapping can be neither."""
        fields = {field.name: getattr(self, field.name) for field in attrs.fields(type(self))}
        return _made, (type(self), {**fields, "rejected": dict(self.rejected)})

    @property
    def received(self) -> int:
        """``packets``."""
        return self.packets

    @property
    def lost(self) -> int:
        """``packets_lost``."""
        return self.packets_lost

    @property
    def jitter(self) -> float:
        """``jitter_ms`` in seconds, as ``RtpStatistics.jitter``."""
        return self.jitter_ms / 1000

    @property
    def fraction_lost(self) -> float:
        """Share of the expected packets that never came, 0 to 1."""
        return self.packets_lost / self.packets_expected if self.packets_expected > 0 else 0.0


@attrs.frozen(kw_only=True)
class Quality(ReceiverStats):
    """The statistics of one side, and what its samples say. What came within the last second may not be in it yet.

    Attributes:
        measured: Seconds of audio that levels and times are of.
        rms_dbov: Level against that of a full-scale square wave (ITU-T G.100.1); minus infinity for digital silence.
        peak_dbov: That of the largest sample.
        speech_dbov: Level of the 20 ms frames that are speech.
        clipped: Samples at either end of the range.
        talk_seconds: Speech: frames above -45 dBov, and the 200 ms after them (the hangover of ITU-T P.56).
        silence_seconds: The rest.
        bursts: Stretches in which audio is missing.
        burst_ratio: Their mean length to that which random loss would have; 1 if losses are random or none.
        concealed: Whether whoever listens hears concealment in place of what is missing, or silence.
    """

    measured: float = 0.0
    rms_dbov: float = -math.inf
    peak_dbov: float = -math.inf
    speech_dbov: float = -math.inf
    clipped: int = 0
    talk_seconds: float = 0.0
    silence_seconds: float = 0.0
    bursts: int = 0
    burst_ratio: float = 1.0
    concealed: bool = False

    @property
    def tap_leg_mos(self) -> float | None:
        """Estimated listening quality of this leg alone, 1 to 4.41 (ITU-T G.107): what its loss makes of G.711.

        It knows nothing of what happened before the tap. Late packets count as lost. None where it means nothing:
        WebSockets, wideband, nothing received.
        """
        if not self.is_rtp or self.rate != 8000 or self.packets_expected <= 0:
            return None
        loss = min(1.0, (self.packets_lost + self.late) / self.packets_expected)
        return mos(loss_rating(loss, self.burst_ratio, self.concealed))


def loss_rating(loss: float, burst_ratio: float = 1.0, is_concealed: bool = True) -> float:
    """The transmission rating R of G.711 with packet loss: 93.2 - Ie,eff (ITU-T G.107 section 7.5).

    Args:
        loss: Probability, 0 to 1.
        burst_ratio: Mean length of a loss to that of random loss.
        is_concealed: Whether lost packets are concealed (G.711 Appendix I) or silent.
    """
    percent = 100 * loss
    return BEST_RATING - 95 * percent / (percent / burst_ratio + ROBUSTNESS[is_concealed])


def mos(rating: float) -> float:
    """The mean opinion score that a rating R stands for (ITU-T G.107 Annex B)."""
    if rating <= 0:
        return 1.0
    if rating >= 100:
        return 4.5
    return max(1.0, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6)


@attrs.frozen(kw_only=True)
class Alignment:
    """How the two sides of a recording were laid beside each other.

    Attributes:
        source: ``stream`` (both sides carry timestamps of one clock), ``report`` (RTCP sender reports tell the sender's
            wall clock for both, RFC 3550 section 6.4.1), ``arrival`` (the shortest difference seen between the kernel's
            receive time and the media clock; right if both paths take equally long) or ``none`` (only one side has had
            audio).
        offset: Seconds from the first sample said to the first sample heard; negative if hearing began first.
        error: Estimated error in seconds; by arrival, equal paths assumed.
    """

    source: str = "none"
    offset: float = 0.0
    error: float = 0.0


@attrs.frozen(kw_only=True)
class Skew:
    """How the media clock of what was heard runs against that of what was said, which is the reference.

    Attributes:
        ppm: Parts per million by which it is faster; 60 ppm come to 3.6 ms a minute.
        error: Estimated error of that, in ppm; infinite while nothing is known.
        source: As of an ``Alignment``: of what it was measured.
        inserted: Samples of silence put into what was heard by ``drift="correct"``.
        dropped: Samples of silence taken out of it.
    """

    ppm: float = 0.0
    error: float = math.inf
    source: str = "none"
    inserted: int = 0
    dropped: int = 0


@attrs.frozen(kw_only=True)
class LostSpan:
    """A stretch of a recording that is silent because its audio never came.

    Attributes:
        side: The side's name.
        start: Seconds from the start of the recording.
        end: Seconds from the start of the recording, at which there is audio again.
    """

    side: str
    start: float
    end: float
