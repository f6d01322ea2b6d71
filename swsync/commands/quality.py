"""What was received of each side, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from swsync.commands.output import Output

if TYPE_CHECKING:
    from swsync.media.quality import Quality

__all__ = ["brief", "fields", "tell"]

COLUMNS = {
    "side": 9,
    "seconds": 7,
    "packets": 7,
    "lost": 5,
    "late": 5,
    "jitter ms": 9,
    "level dB": 8,
    "MOS": 4,
}  # widths


def _level(value: float) -> str:
    return f"{value:.0f}" if value > -200 else "silent"


def _line(cells: Iterable[object]) -> str:
    return "  ".join(f"{cell!s:>{width}}" for cell, width in zip(cells, COLUMNS.values(), strict=True))


def tell(quality: Mapping[str, Quality], output: Output) -> None:
    """Print one line for each side."""
    if quality:
        output.say(_line(COLUMNS))
    for side, q in quality.items():
        mos = q.tap_leg_mos
        row = (side, f"{q.seconds:.2f}", q.packets, q.packets_lost, q.late, f"{q.jitter_ms:.1f}",
               _level(q.rms_dbov), "-" if mos is None else f"{mos:.2f}")  # fmt: skip
        output.say(_line(row))
        output.event("quality", side=side, **fields(q))


def fields(q: Quality) -> dict[str, Any]:
    """The same for programs; a level is null where there is digital silence."""
    mos = q.tap_leg_mos
    return {
        "seconds": q.seconds,
        "packets": q.packets,
        "lost": q.packets_lost,
        "late": q.late,
        "jitter_ms": round(q.jitter_ms, 3),
        "rms_dbov": round(q.rms_dbov, 1),
        "mos": None if mos is None else round(mos, 2),
    }


def brief(quality: Mapping[str, Quality]) -> str:
    """The same in a few words, for a line that is painted again and again."""
    return "   ".join(f"{side} {q.packets} packets, {q.packets_lost} lost" for side, q in quality.items())
