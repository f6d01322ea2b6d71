"""Where the sides of a recording lie: each is given a place when it begins, and may be laid anew for two reasons.

Its media clock stood still while the other went on; or it has drifted, and that is to be corrected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swsync.errors import MediaError
from swsync.media.alignment import pair
from swsync.media.drift import Drift, find_silence
from swsync.media.quality import Alignment, Skew
from swsync.media.track import WINDOW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swsync.media.side import Side

__all__ = ["Layout"]

REPORT_WAIT = 3.5  # seconds in which a sender's first RTCP report comes (RFC 3550 section 6.2, at its longest)


class Layout:
    """The places of one or two sides on the recording's timeline. Not for use by two threads at once.

    Args:
        sides: In the order of the channels.
        is_corrected: Whether the second one follows the first where it is silent.
    """

    def __init__(self, sides: Sequence[Side], is_corrected: bool) -> None:
        self.alignment = Alignment()
        self._sides = sides
        self._is_corrected = is_corrected
        self._drift: Drift | None = None  # once both have a place
        self._began: dict[Side, float] = {}  # when they were seen to have begun

    @property
    def skew(self) -> Skew:
        """How the second side drifts against the first."""
        return Skew() if self._drift is None else self._drift.skew()

    def is_early(self, live: Sequence[Side], now: float, first_audio: float) -> bool:
        """Whether it is too early to say where a side that has begun belongs: what says more may be on its way."""
        for side in live:
            self._began.setdefault(side, now)
        if now - first_audio < WINDOW:  # both sides begin within this; then the file's first frame is fixed
            return True
        if len(live) < 2 or all(side.is_placed for side in live) or any(side.has_ended for side in live):
            return False
        tracks = [side.track for side in live if side.track is not None]
        if not all(track.has_reports for track in tracks) or all(track.sender_reports for track in tracks):
            return False
        return now - max(self._began[side] for side in live) < REPORT_WAIT

    def place(self, live: Sequence[Side], now: float, written: int) -> int:
        """Give a place to sides that have begun.

        Args:
            live: The sides that have had audio.
            now: Seconds of the tracks' clock.
            written: Frames that lie behind already.

        Returns:
            Samples a second.

        Raises:
            MediaError: The sides have different rates.
        """
        rates = {side.track.rate for side in live if side.track is not None}
        if len(rates) > 1:
            raise MediaError(f"the two sides have different rates: {' and '.join(map(str, sorted(rates)))} a second")
        reference = next((side for side in live if side.is_placed), live[0])
        if not reference.is_placed:
            assert reference.track is not None
            reference.place(int(reference.track.report().start))
        for side in live:
            if not side.is_placed:
                self._align(side, reference, now, written)
        return rates.pop()

    def _align(self, side: Side, reference: Side, now: float, written: int) -> None:
        """Find the position of one side that belongs to the timeline's first frame."""
        assert side.track is not None
        assert reference.track is not None
        found = pair(side.track, reference.track)
        side.place(round(found.position(reference.first)))
        for each in (side, reference):
            each.compare_from(now)
        early = side.first - side.start  # by how much it began before the timeline does
        if early > 0 and not written:
            side.first -= early
            reference.first -= early
        said, heard = self._sides
        assert said.track is not None
        assert heard.track is not None
        offset = ((heard.start - heard.first) - (said.start - said.first)) / found.rate
        self.alignment = Alignment(source=found.source, offset=offset, error=found.error)
        self._drift = Drift(said.track, heard.track)

    def judge(self, live: Sequence[Side], now: float, written: int, is_final: bool) -> None:
        """See whether a media clock stood still, and how they drift."""
        for side in live:
            side.judge(now, written, is_final)
        said, heard = live
        if self._drift is not None and not said.is_moving and not heard.is_moving:
            self._drift.look(said.first, heard.first, said.estimated_gap + heard.estimated_gap)

    def correct(self, frame: int, frames: int) -> None:
        """Where the second side is silent in what is written next, put right how far it has drifted."""
        side = self._sides[-1]
        if not self._is_corrected or self._drift is None or side.is_moving:
            return
        samples = self._drift.due()
        assert side.track is not None
        at = find_silence(side.peek(frame, frames), side.track.rate, samples) if samples else None
        if at is not None:
            side.shift(frame + at, samples)
            self._drift.note(samples)
