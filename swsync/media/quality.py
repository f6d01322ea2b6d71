"""What is known about the audio that one receiver, or one track of it, has received."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import attrs

__all__ = ["Alignment", "LostSpan", "ReceiverStats"]


def _frozen(mapping: Mapping[str, int]) -> Mapping[str, int]:
    return MappingProxyType(dict(mapping))


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
        rejected: Datagrams or messages not used, by reason; never empty reasons, so an empty mapping is a clean stream.
        payload_types: RTP packets of other payload types, by number.
        kernel_drops: Datagrams that the kernel dropped because the socket's buffer was full.
        ptime_ms: Milliseconds of audio in a packet, as learned from RTP timestamps; 0 until then.
        rtcp: RTCP datagrams taken.
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
    rejected: Mapping[str, int] = attrs.field(factory=dict, converter=_frozen)
    payload_types: Mapping[int, int] = attrs.field(factory=dict)
    kernel_drops: int = 0
    ptime_ms: float = 0.0
    rtcp: int = 0

    @property
    def lost(self) -> int:
        """``packets_lost``."""
        return self.packets_lost

    @property
    def fraction_lost(self) -> float:
        """Share of the expected packets that never came, 0 to 1."""
        return self.packets_lost / self.packets_expected if self.packets_expected > 0 else 0.0


@attrs.frozen(kw_only=True)
class Alignment:
    """How the two sides of a recording were laid beside each other.

    Attributes:
        method: ``media clock`` (both sides carry timestamps of one clock), ``arrival`` (the shortest difference seen
            between the kernel's receive time and the media clock; right if both paths take equally long) or ``none``
            (only one side has had audio).
        offset: Seconds from the first sample said to the first sample heard; negative if hearing began first.
        error: Estimated error in seconds, equal paths assumed.
    """

    method: str = "none"
    offset: float = 0.0
    error: float = 0.0


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
