"""How the two sides of a recording lie to each other: one moment of each media clock, on a clock that both share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from swsync.media.track import Track

__all__ = ["Mark", "Pairing", "pair"]

RESOLUTION = 0.001  # seconds: what timestamps of the wire leave open
APART = 0.25  # seconds: where reports and arrival differ by more, the reports are of two wall clocks


@attrs.frozen
class Mark:
    """At ``position`` of a media clock (samples) the shared clock said ``time`` (seconds)."""

    position: int
    time: float


@attrs.frozen
class Pairing:
    """A mark for each of two tracks of one rate.

    Attributes:
        source: ``stream``, ``report`` or ``arrival``, as in ``Alignment``.
        ours: Of one track.
        theirs: Of the other one.
        rate: Samples a second of both.
        error: Estimated, in seconds.
        at: When it was so, in seconds of the tracks' clock.
    """

    source: str
    ours: Mark
    theirs: Mark
    rate: int
    error: float
    at: float

    def position(self, theirs: int) -> float:
        """Our position that belongs to a position of theirs."""
        moved = (self.theirs.time - self.ours.time) * self.rate  # first: the times are near, the positions may be far
        return self.ours.position - self.theirs.position + moved + theirs


def pair(ours: Track, theirs: Track) -> Pairing:
    """The best that two tracks have in common: timestamps of one stream, sender reports, or else arrival."""
    if ours.media_clock is not None and ours.media_clock is theirs.media_clock:
        at = min(ours.report().last_arrival, theirs.report().last_arrival) / 1e9
        return Pairing("stream", Mark(0, 0.0), Mark(0, 0.0), ours.rate, RESOLUTION, at)
    by_arrival = _by_arrival(ours, theirs)
    by_report = _by_report(ours, theirs)
    if by_report is None or abs(by_report.position(0) - by_arrival.position(0)) > APART * ours.rate:
        return by_arrival
    return by_report


def _by_report(ours: Track, theirs: Track) -> Pairing | None:
    """What both senders said last of their wall clock (RFC 3550 section 6.4.1)."""
    a, b = ours.sender_reports, theirs.sender_reports
    if a is None or b is None:
        return None
    marks = [Mark(last.position, last.time) for _, last in (a, b)]
    return Pairing("report", marks[0], marks[1], ours.rate, RESOLUTION, min(a[1].arrival, b[1].arrival))


def _by_arrival(ours: Track, theirs: Track) -> Pairing:
    """The shortest difference of late between arrival and media clock: right if both paths take equally long."""
    states = ours.report(), theirs.report()
    marks = [Mark(int(state.origin), state.anchor / 1e9) for state in states]
    jitter = (ours.stats.jitter_ms + theirs.stats.jitter_ms) / 1000
    at = min(state.last_arrival for state in states) / 1e9
    return Pairing("arrival", marks[0], marks[1], ours.rate, max(RESOLUTION, jitter), at)
