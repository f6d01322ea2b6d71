"""Where the audio of a stream's messages belongs, in Python: what ``csrc/wsmedia.c`` is compared with."""

from __future__ import annotations

from swsync.media.streammessages import MediaMessage

__all__ = ["ChunkOrder"]

LEAST_TOLERANCE = 0.002  # seconds: timestamps are whole milliseconds
MOST_TOLERANCE = 0.020
MOST_REPLAYS = 50  # in a row; more of them are a clock that began again, after one wrong message set it far ahead


class ChunkOrder:
    """The media clock of one track, from ``timestamp`` (milliseconds of the stream) and ``chunk`` (a count).

    Chunks that follow each other are joined without a seam as long as the timestamp agrees within half a chunk (2 to
    20 ms), so that its rounding makes neither gaps nor overlaps. Where a chunk is missing, or the timestamp disagrees
    by more, the timestamp holds.

    Args:
        rate: Samples a second.

    Attributes:
        missing: Chunks that never came, by their count.
        replayed: Chunks that had been there before.
        restarted: Times that the count began again with new audio.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._chunk: int | None = None
        self._next: int | None = None
        self._replays = 0  # in a row
        self.missing = 0
        self.replayed = 0
        self.restarted = 0

    def place(self, message: MediaMessage, samples: int) -> int | None:
        """The position of the first sample of a message, in samples of the stream; None for a replay."""
        told = None if message.timestamp is None else message.timestamp * self._rate // 1000
        expected = self._next
        skipped = 0
        if expected is not None and message.chunk is not None and self._chunk is not None:
            if message.chunk <= self._chunk:
                self._replays += 1
                is_old = told is None or told < expected - self._tolerance(samples)
                if is_old and self._replays <= MOST_REPLAYS:
                    self.replayed += 1
                    return None
                self.restarted += 1
            else:
                skipped = message.chunk - self._chunk - 1
                self.missing += skipped
        self._replays = 0
        position = self._choose(told, expected, skipped, samples)
        if message.chunk is not None:
            self._chunk = message.chunk
        self._next = position + samples
        return position

    def _choose(self, told: int | None, expected: int | None, skipped: int, samples: int) -> int:
        if expected is None:
            return told or 0
        if told is None:
            return expected + skipped * samples
        if not skipped and abs(told - expected) <= self._tolerance(samples):
            return expected
        return told

    def _tolerance(self, samples: int) -> float:
        return min(max(samples / 2, LEAST_TOLERANCE * self._rate), MOST_TOLERANCE * self._rate)
