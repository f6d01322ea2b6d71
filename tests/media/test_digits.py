"""Keys as telephone-events: payloads, durations and the times of their packets."""

from __future__ import annotations

import pytest

from swsync.errors import ConfigurationError
from swsync.media.digits import digit_frames


def frames(digits: str, **options: float) -> list[tuple[str, int, int, bool]]:
    """Payload, time to the next frame, distance from the key's start and marker of each frame."""
    given = {"step": 160, "duration": 0.1, "gap": 0.1, "volume": -10} | options
    return [(f.payload.hex(), f.advance, f.back, f.is_first) for f in digit_frames(digits, 8000, **given)]  # type: ignore[arg-type]


def test_one_key() -> None:
    """Growing durations, the end bit, and two more end packets with the same duration (RFC 4733 section 2.5.1.4)."""
    assert [
        ("0b0a00a0", 160, 0, True),
        ("0b0a0140", 160, 160, False),
        ("0b0a01e0", 160, 320, False),
        ("0b0a0280", 160, 480, False),
        ("0b8a0320", 160, 640, False),
        ("0b8a0320", 160, 800, False),
        ("0b8a0320", 160, 960, False),
        ("", 1600 - 7 * 160, 0, False),
    ] == frames("#")


def test_every_key_has_its_event() -> None:
    """RFC 4733 section 3.2; a key shorter than a packet is one packet, and w and W are pauses."""
    got = frames("0123456789*#ABCDabcd", duration=0.01)
    first = [payload for payload, _, _, is_first in got if is_first]
    assert [*range(16), 12, 13, 14, 15] == [int(payload[:2], 16) for payload in first]
    assert {"8a0050"} == {payload[2:] for payload in first}
    assert [("", 4000, 0, False), ("", 8000, 0, False)] == frames("wW")


def test_what_makes_no_sense_is_refused() -> None:
    """Unknown keys, and numbers that the four octets cannot hold."""
    with pytest.raises(ConfigurationError, match="no key 'x'"):
        frames("12x")
    for bad in ({"duration": 0}, {"duration": 9}, {"gap": -1}, {"volume": 1}, {"volume": -64}):
        with pytest.raises(ConfigurationError):
            frames("1", **bad)
