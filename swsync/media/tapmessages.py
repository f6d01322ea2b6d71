"""What a WebSocket tap sends besides audio: at most a line of text that names the format. No socket, thread or clock.

No official page describes it. Two forms are in use, ``{"content-type": "audio/mulaw;rate=8000"}`` and the bare
``content-type:audio/mulaw;rate=8000``; the text may come first, later or never, and any other text means nothing.
"""

from __future__ import annotations

import json
import re

from swsync.errors import CodecError
from swsync.media.mediaformat import MediaFormat, media_format

__all__ = ["SampleJoiner", "parse_header"]

MAX_HEADER = 4096  # characters of a text that is looked at
_LINE = re.compile(r"^[ \t\"']*content-type[ \t\"']*[:=][ \t\"']*([^\r\n\"']*)", re.IGNORECASE | re.MULTILINE)
_PARAMETER = re.compile(r"([a-z-]+)\s*=\s*\"?([0-9]{1,6})(?![0-9])", re.IGNORECASE)


def parse_header(text: str) -> MediaFormat | None:
    """The format that a text message of a tap announces.

    Returns:
        None if the text announces nothing, or only what could not be: the asked format holds then.
    """
    content_type = _content_type(text[:MAX_HEADER])
    if content_type is None:
        return None
    encoding, *parameters = content_type.split(";")
    values = {}
    for parameter in parameters:
        match = _PARAMETER.fullmatch(parameter.strip().strip('"'))
        if match:
            values[match[1].lower()] = int(match[2])
    try:
        return media_format(encoding, values.get("rate"), values.get("channels"))
    except CodecError:
        return None


def _content_type(text: str) -> str | None:
    if text.lstrip().startswith("{"):
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            return None
        for key, value in message.items():
            if key.lower() == "content-type" and isinstance(value, str):
                return value
        return None
    match = _LINE.search(text)
    return match[1] if match else None


class SampleJoiner:
    """Makes whole samples out of chunks of any length: an odd octet waits for its other half.

    Args:
        octets_per_sample: 1 or 2.
    """

    def __init__(self, octets_per_sample: int) -> None:
        self._size = octets_per_sample
        self._rest = b""

    @property
    def pending(self) -> int:
        """Octets that wait for the next chunk."""
        return len(self._rest)

    def join(self, chunk: bytes | bytearray | memoryview) -> bytes | bytearray | memoryview:
        """The whole samples that are complete with this chunk, maybe none."""
        if self._size == 1 or (not self._rest and len(chunk) % self._size == 0):
            return chunk
        joined = self._rest + bytes(chunk)
        whole = len(joined) - len(joined) % self._size
        self._rest = joined[whole:]
        return joined[:whole]
