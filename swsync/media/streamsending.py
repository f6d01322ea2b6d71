"""What a two-way stream sends: messages made, and audio that waits for its time. No socket or thread."""

from __future__ import annotations

import base64
import collections
import json

__all__ = ["FRAME_SECONDS", "Outbox", "clear_message", "dtmf_message", "mark_message", "media_message"]

FRAME_SECONDS = 0.02
LEAD = 0.1  # seconds of audio that the far side is given before their time, so that no pause of ours is heard


def _message(event: str, stream_sid: str, **fields: object) -> str:
    return json.dumps({"event": event, "streamSid": stream_sid, **fields}, separators=(",", ":"))


def media_message(stream_sid: str, payload: bytes) -> str:
    """Audio, encoded and without a file header."""
    return _message("media", stream_sid, media={"payload": base64.b64encode(payload).decode()})


def mark_message(stream_sid: str, name: str) -> str:
    """A mark, which comes back when what was sent before it has been heard."""
    return _message("mark", stream_sid, mark={"name": name})


def clear_message(stream_sid: str) -> str:
    """Drop what has not been heard."""
    return _message("clear", stream_sid)


def dtmf_message(stream_sid: str, digit: str) -> str:
    """A key for the party to hear."""
    return _message("dtmf", stream_sid, dtmf={"digit": digit})


class Outbox:
    """Audio and marks in their order, given out at the speed at which they are heard.

    Args:
        frame_octets: Of 20 ms of audio.
    """

    def __init__(self, frame_octets: int) -> None:
        self._frame_octets = frame_octets
        self._queue: collections.deque[bytes | str] = collections.deque()  # frames (the last maybe short), mark names
        self._octets = 0
        self._heard_until = 0.0  # when the far side has heard all that it was given

    @property
    def octets(self) -> int:
        """Of audio that waits."""
        return self._octets

    def seconds(self, now: float) -> float:
        """Of audio that has not been heard, here and at the far side."""
        return self._octets / self._frame_octets * FRAME_SECONDS + max(0.0, self._heard_until - now)

    def put(self, payload: bytes) -> None:
        """Queue encoded audio, a whole number of samples."""
        self._octets += len(payload)
        if self._queue and isinstance(self._queue[-1], bytes) and len(self._queue[-1]) < self._frame_octets:
            payload = bytes(self._queue.pop()) + payload  # type: ignore[arg-type]
        for at in range(0, len(payload), self._frame_octets):
            self._queue.append(payload[at : at + self._frame_octets])

    def mark(self, name: str) -> None:
        """Queue a mark."""
        self._queue.append(name)

    def clear(self) -> list[str]:
        """Drop the audio; the marks that were among it."""
        marks = [each for each in self._queue if isinstance(each, str)]
        self._queue.clear()
        self._octets = 0
        self._heard_until = 0.0
        return marks

    def due(self, now: float) -> float | None:
        """Seconds until the next message may go; None if there is none."""
        if not self._queue:
            return None
        return 0.0 if isinstance(self._queue[0], str) else max(0.0, self._heard_until - LEAD - now)

    def take(self, now: float) -> bytes | str:
        """The next message: a frame, or a mark's name."""
        item = self._queue.popleft()
        if isinstance(item, bytes):
            self._octets -= len(item)
            length = len(item) / self._frame_octets * FRAME_SECONDS
            self._heard_until = max(self._heard_until, now) + length
        return item
