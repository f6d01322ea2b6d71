"""The words of RELAY and of its media as enumerations. Each member is also its own wire string."""

from __future__ import annotations

from enum import Enum

__all__ = ["CallState", "Codec", "Direction", "EndReason", "FrameState", "TapDirection"]


class Word(str, Enum):
    """A string that the wire knows, as a member of an enumeration."""

    def __str__(self) -> str:
        return str(self.value)


class CallState(Word):
    """The life of a call; it only ever moves downward."""

    CREATED = "created"
    RINGING = "ringing"
    ANSWERED = "answered"
    ENDING = "ending"
    ENDED = "ended"


class Direction(Word):
    """Who placed the call."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class EndReason(Word):
    """Why a call ended."""

    HANGUP = "hangup"
    CANCEL = "cancel"
    BUSY = "busy"
    NO_ANSWER = "noAnswer"
    DECLINE = "decline"
    ERROR = "error"
    ABANDONED = "abandoned"
    MAX_DURATION = "max_duration"
    NOT_FOUND = "not_found"


class TapDirection(Word):
    """Which side of a party a tap, play or record takes: what it hears, what it says, or both mixed."""

    LISTEN = "listen"
    SPEAK = "speak"
    BOTH = "both"


class Codec(Word):
    """Audio encodings of the media wire."""

    PCMU = "PCMU"
    PCMA = "PCMA"
    L16 = "L16"


class FrameState(Word):
    """Where a frame of live audio came from."""

    AUDIO = "audio"
    CONCEALED = "concealed"
    SILENCE = "silence"
