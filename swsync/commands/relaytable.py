"""The live table of ``swsync relay``: sessions and calls as lines, and how they are painted again in place."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, TextIO

from swsync.commands.output import printable

if TYPE_CHECKING:
    from swsync.localrelay.status import CallStatus, Status

__all__ = ["Painter", "lines_of"]

CALLS = ("CALL", 8), ("WAY", 4), ("NUMBER", 18), ("STATE", 10), ("TIME", 7), ("DOING", 0)
SESSIONS = ("PROJECT", 24), ("LINK", 5), ("CALLS", 6), ("CONTEXTS", 0)
AROUND = 5  # lines that are neither a session nor a call


def _cell(text: str, width: int) -> str:
    shown = printable(text).replace("\n", "\\n")
    if not width:
        return shown
    return f"{shown[: width - 1] + '~' if len(shown) > width else shown:<{width}}"


def _row(columns: tuple[tuple[str, int], ...], *cells: str) -> str:
    return " ".join(_cell(cell, width) for (_, width), cell in zip(columns, cells, strict=True)).rstrip()


def _time(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _call(call: CallStatus) -> str:
    doing = call.end_reason or " ".join(call.doing)
    if not call.has_client and call.state not in ("ended", "created"):
        doing = f"NO CLIENT {doing}"
    way = "in" if call.direction == "inbound" else "out"
    return _row(CALLS, call.call_id[:8], way, call.number, call.state, _time(call.seconds), doing)


def lines_of(status: Status, width: int, height: int) -> list[str]:
    """Return the table: no line longer than ``width``, at most ``height`` lines, the newest calls first."""
    room = max(2, height - AROUND)
    sessions = status.sessions[-max(1, room // 3) :]
    calls = status.calls[: max(1, room - len(sessions))]
    counts = f"sessions {len(status.sessions)}   calls {status.total}   of them now {status.up}"
    lines = [
        f"up {_time(status.seconds)}   {counts}",
        _row(SESSIONS, *(name for name, _ in SESSIONS)),
        *(
            _row(SESSIONS, s.project, "up" if s.is_connected else "lost", str(s.calls), " ".join(s.contexts))
            for s in sessions
        ),
        _row(CALLS, *(name for name, _ in CALLS)),
        *map(_call, calls),
    ]
    return [line[:width] for line in lines][: max(height, 1)]


class Painter:
    """Paints lines on a terminal, each time over those before.

    Args:
        stream: The terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._painted = 0

    def paint(self, status: Status) -> None:
        """Show what a relay does."""
        columns, rows = shutil.get_terminal_size()
        lines = lines_of(status, columns - 1, rows - 1)
        back = f"\x1b[{self._painted}A\r" if self._painted else ""  # up, to the first of our lines
        self._stream.write(f"{back}\x1b[J" + "".join(f"{line}\n" for line in lines))  # clear to the end, write again
        self._stream.flush()
        self._painted = len(lines)
