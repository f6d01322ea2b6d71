"""The words of RELAY and of its media as enumerations. Each member is also its own wire string."""

from __future__ import annotations

from enum import Enum

__all__ = [
    "CallState",
    "Codec",
    "ConnectState",
    "DetectType",
    "DialState",
    "Direction",
    "EndReason",
    "FrameState",
    "MessageState",
    "PlayState",
    "RecordState",
    "RoomState",
    "StreamState",
    "TapDirection",
    "TapState",
]


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


class DialState(Word):
    """How a dial goes."""

    DIALING = "dialing"
    ANSWERED = "answered"
    FAILED = "failed"


class ConnectState(Word):
    """How a call stands to the one it was connected to."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    FAILED = "failed"


class MessageState(Word):
    """The life of a text message."""

    QUEUED = "queued"
    INITIATED = "initiated"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    RECEIVED = "received"


class PlayState(Word):
    """How a play goes."""

    PLAYING = "playing"
    PAUSED = "paused"
    FINISHED = "finished"
    ERROR = "error"


class RecordState(Word):
    """How a recording goes."""

    RECORDING = "recording"
    PAUSED = "paused"
    FINISHED = "finished"
    NO_INPUT = "no_input"


class TapState(Word):
    """How a tap goes."""

    TAPPING = "tapping"
    FINISHED = "finished"


class StreamState(Word):
    """How a stream goes."""

    STREAMING = "streaming"
    FINISHED = "finished"


class DetectType(Word):
    """What a detection listens for."""

    MACHINE = "machine"
    FAX = "fax"
    DIGIT = "digit"


class RoomState(Word):
    """How a call stands to a room."""

    JOINING = "joining"
    JOIN = "join"
    LEAVING = "leaving"
    LEAVE = "leave"


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
