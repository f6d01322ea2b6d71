"""How much audio all calls of a relay keep, so that an hour's soak does not take the machine's memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .audio import Side
    from .call import LocalCall
    from .core import Core

__all__ = ["Shelf"]

ROOM = 512 * 1024 * 1024  # octets, which are samples in mu-law: nine hours of both sides of a call
SHORTEST = 80_000  # samples that a side keeps while its call goes on, ten seconds: no tap is that late


class Shelf:
    """Counts what the calls of a relay keep, and has the oldest forgotten. It belongs to the loop's thread."""

    def __init__(self, core: Core, room: int = ROOM) -> None:
        self._core = core
        self.room = room
        self.taken = 0

    def add(self, count: int) -> None:
        """So many octets more were kept, or with a negative count were forgotten."""
        self.taken += count
        if count > 0 and self.taken > self.room:
            self._make_room()

    def part_with(self, call: LocalCall) -> None:
        """A call is remembered no longer: what it keeps would never be found again, and be counted for ever."""
        if call.ended_at is not None:
            for side in call.sides:
                side.forget(0)

    def _make_room(self) -> None:
        """Forget a quarter: of calls that are over first, the oldest before the others; then of those that go on."""
        wanted = self.room - self.room // 4
        room = self.room >> 20
        over, live = self._sides()
        for side in over:
            if self.taken > wanted:
                side.forget(0)
        for side in live if self.taken > wanted else ():
            side.forget(max(SHORTEST, wanted // len(live)))
        if self.taken > wanted:  # thousands of calls at once: better large than slow
            self.room = 2 * self.taken
        self._core.note(f"the audio of old calls was forgotten: all of it would be more than {room} MiB")

    def _sides(self) -> tuple[list[Side], list[Side]]:
        """The sides of calls that are over, and of those that go on, oldest first."""
        over: list[Side] = []
        live: list[Side] = []
        for call in {id(c): c for c in (*self._core.history, *self._core.calls.values())}.values():
            (over if call.ended_at is not None else live).extend(call.sides)
        return over, live
