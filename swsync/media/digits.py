"""Keys as RTP sends them: telephone-events (RFC 4733 section 2), pure arithmetic of payloads and timestamps."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import attrs

from swsync.errors import ConfigurationError

__all__ = ["EVENTS", "EventFrame", "digit_frames"]

# RFC 4733 section 3.2; the letters of the A to D keys may be small.
EVENTS = {**{str(n): n for n in range(10)}, "*": 10, "#": 11, "A": 12, "B": 13, "C": 14, "D": 15}
PAUSES = {"w": 0.5, "W": 1.0}  # seconds, as in ``call.send_digits``
END = 0x80
END_PACKETS = 3  # RFC 4733 section 2.5.1.4: one may get lost
LONGEST = 0xFFFF  # units: the width of the duration field


@attrs.frozen
class EventFrame:
    """One packet of a key, or a pause if there is no payload.

    Attributes:
        payload: Four octets.
        advance: Timestamp units until the next frame.
        back: Units since the key was pressed: the packet has the timestamp of that moment.
        is_first: The packet gets the marker bit.
    """

    payload: bytes
    advance: int
    back: int = 0
    is_first: bool = False


def digit_frames(
    digits: str, clock_rate: int, *, step: int, duration: float, gap: float, volume: int
) -> Iterator[EventFrame]:
    """The frames of some keys, one after the other.

    Args:
        digits: ``0`` to ``9``, ``*``, ``#``, ``A`` to ``D``; ``w`` waits 0.5 s, ``W`` 1 s.
        clock_rate: Timestamp units a second.
        step: Units between two packets of one key.
        duration: Seconds that a key is held.
        gap: Seconds from its end to the next one, at least; the repeated end packets lie in it.
        volume: dBm0 of the tone, 0 to -63.

    Raises:
        ConfigurationError: There is no such key, or a number is out of its range.
    """
    total, pause = round(duration * clock_rate), round(gap * clock_rate)
    if not 0 < total <= LONGEST:
        raise ConfigurationError(f"duration must be above 0 and at most {LONGEST / clock_rate:.1f} s, not {duration!r}")
    if pause < 0 or not -63 <= volume <= 0:
        raise ConfigurationError(f"gap must be 0 or more and volume 0 to -63 dBm0, not {gap!r} and {volume!r}")
    for digit in digits:
        if digit.upper() not in EVENTS and digit not in PAUSES:
            raise ConfigurationError(f"there is no key {digit!r}: 0-9, *, #, A-D are known, and w and W to wait")
    return _frames(digits, clock_rate, step=step, total=total, pause=pause, volume=volume)


def _frames(digits: str, clock_rate: int, *, step: int, total: int, pause: int, volume: int) -> Iterator[EventFrame]:
    for digit in digits:
        if digit in PAUSES:
            yield EventFrame(b"", round(PAUSES[digit] * clock_rate))
            continue
        packets = -(-total // step)
        for k in range(packets + END_PACKETS - 1):
            length = min((k + 1) * step, total)
            flags = (END if length == total else 0) | -volume
            payload = struct.pack("!BBH", EVENTS[digit.upper()], flags, length)
            yield EventFrame(payload, step, k * step, is_first=k == 0)
        # What follows begins anew, with the marker bit, also where the end packets have filled the gap.
        yield EventFrame(b"", max(0, total + pause - (packets + END_PACKETS - 1) * step))
