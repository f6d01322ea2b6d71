"""A live reader and the RTP stream that it reads, in virtual time: what tests of live reading put in and get out."""

from __future__ import annotations

from rtppackets import SAMPLES, packet, payload, pcm, stream

from swsync.clock import VirtualClock
from swsync.media.playout import Frame, LiveReader
from swsync.states import FrameState

LETTERS = {FrameState.AUDIO: "A", FrameState.CONCEALED: "C", FrameState.SILENCE: "S"}
FADE_IN = 80  # samples at most that fade in after a loss


class Wire:
    """A stream of numbered packets of 20 ms, a reader, and the time of both.

    For use within ``clock.thread()``. Sequence numbers and timestamps begin at the given ones, and may wrap.
    """

    def __init__(self, first_seq: int = 0, first_ts: int = 0, min_delay: float = 0.06, max_delay: float = 0.06) -> None:
        self.clock = VirtualClock()
        self.stream = stream(source="127.0.0.1")
        self.stream.track.clock = self.clock
        self.reader = LiveReader(self.stream.track, min_delay, max_delay)
        self.base = first_seq, first_ts

    def put(self, number: int, slot: int | None = None, *, ssrc: int = 7) -> None:
        """Packet ``number`` arrives now; its timestamp is that of ``slot``, by default the same number."""
        seq, ts = self.base
        slot = number if slot is None else slot
        datagram = packet(seq + number, ts + SAMPLES * slot, payload(number), ssrc=ssrc)
        self.stream.feed([datagram], [self.clock.now()])

    def slot(self, frame: Frame) -> float:
        """Which packet's time this is."""
        return (frame.timestamp - self.base[1]) / SAMPLES

    def get(self) -> str:
        """What is due now, such as ``A3``; ``-`` if nothing is, and ``.`` at the end."""
        frame = self.reader.take(SAMPLES)
        if frame is None:
            return "." if self.reader.is_over else "-"
        return f"{LETTERS[frame.state]}{self.slot(frame):g}"

    def drain(self) -> list[str]:
        """Everything that is due now."""
        got = []
        while (one := self.get()) not in "-.":
            got.append(one)
        return got


def is_packet(frame: Frame, number: int, after_loss: bool = False) -> bool:
    """Whether a frame is that packet, bit for bit; after a loss from where it has faded in."""
    skip = FADE_IN if after_loss else 0
    return bytes(frame.samples)[2 * skip :] == pcm(number)[2 * skip :]
