"""What the sender of an RTP stream says of itself (RTCP, RFC 3550 section 6); it is read in C (``csrc/rtcp.c``)."""

from __future__ import annotations

from typing import Any

import attrs

__all__ = ["SenderReport"]

UNIX_EPOCH = 2_208_988_800  # seconds from 1900, where NTP counts from, to 1970


@attrs.frozen(kw_only=True)
class SenderReport:
    """One moment on two clocks: the sender's wall clock and the media clock (RFC 3550 section 6.4.1).

    Attributes:
        position: On the track's timeline, in samples.
        time: The sender's wall clock, in seconds since 1970. Many senders have none that is right: what counts is the
            difference between two streams of one sender.
        arrival: When the report came, in seconds of the track's clock.
        packets: Sent so far.
        octets: Of payload in them.
    """

    position: int
    time: float
    arrival: float
    packets: int
    octets: int

    @classmethod
    def from_c(cls, report: Any, scale: float = 1.0) -> SenderReport:
        """From the C core's ``sw_sender_report``; ``scale`` is samples a timestamp unit."""
        return cls(
            position=int(report.position * scale),
            time=report.ntp / 2**32 - UNIX_EPOCH,
            arrival=report.arrival / 1e9,
            packets=report.packets,
            octets=report.octets,
        )
