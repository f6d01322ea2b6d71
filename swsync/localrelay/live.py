"""What one party hears of another: live sources between the calls of a bridge, a conference, a room, an echo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swsync.media.codec import decode

from .audio import RATE, SILENT

if TYPE_CHECKING:
    from .call import LocalCall

__all__ = ["Bridge", "Live", "Mix"]

BLOCK = RATE  # samples that are taken at once


class Live:
    """What one party says, as another hears it at the same instant. It belongs to the relay's thread.

    Both calls keep their own media clock; the difference of their answers, in whole samples, joins the two.

    Args:
        source: Whose voice.
        listener: Who hears it; the same call for an echo.
    """

    start = 0

    def __init__(self, source: LocalCall, listener: LocalCall) -> None:
        assert source.answered_at is not None
        assert listener.answered_at is not None
        self.source = source
        self.listener = listener
        self.is_over = False
        self._offset = round((listener.answered_at - source.answered_at) * RATE)
        listener.settle()
        listener.hears(self)
        source.lives.append(self)
        if listener is not source:
            listener.lives.append(self)

    @property
    def is_paused(self) -> bool:
        """Whether one of the two is on hold."""
        return self.source.is_held or self.listener.is_held

    def in_one_piece(self) -> int:
        return BLOCK

    def take(self, count: int, at: int = 0) -> bytes | None:
        """Return what was said at the samples of the listener's clock; None where it was silent."""
        begin = at + self._offset
        if begin < 0:  # before the source was there
            return None if begin + count <= 0 else bytes(-2 * begin) + (self.take(count + begin, at - begin) or b"")
        frame = self.source.frame("said", begin, begin + count)
        return None if frame.count(SILENT) == count else decode(frame, "PCMU")

    def stop(self) -> None:
        """Be heard no longer, from now on."""
        if self.is_over:
            return
        self.listener.settle()
        self.is_over = True
        for call in {id(self.source): self.source, id(self.listener): self.listener}.values():
            call.lives.remove(self)


class Mix:
    """Parties that hear each other: each hears the sum of what all the others say."""

    def __init__(self) -> None:
        self.members: list[LocalCall] = []
        self._lives: list[Live] = []

    def add(self, call: LocalCall, *, is_muted: bool = False) -> None:
        """Let a party in; a muted one hears, and is not heard."""
        for other in self.members:
            self._lives.append(Live(other, call))
            if not is_muted:
                self._lives.append(Live(call, other))
        self.members.append(call)

    def remove(self, call: LocalCall) -> None:
        """Let a party out."""
        if call in self.members:
            self.members.remove(call)
        for live in [live for live in self._lives if call in (live.source, live.listener)]:
            live.stop()
            self._lives.remove(live)


class Bridge(Mix):
    """Two parties that hear each other."""

    def __init__(self, one: LocalCall, other: LocalCall) -> None:
        super().__init__()
        self.add(one)
        self.add(other)

    def stop(self) -> None:
        """Take them apart."""
        for call in list(self.members):
            self.remove(call)
