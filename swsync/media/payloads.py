"""Audio that C cannot decode: its payloads come through a queue of the stream, and are decoded and placed here.

A decoder of such a codec is an object like ``PayloadDecoder``; ``DECODERS`` names the modules that make ours.
"""

from __future__ import annotations

import importlib
import logging
import threading
from typing import TYPE_CHECKING, Protocol

from swsync._media import ffi, lib
from swsync.callbacks import FAILURES
from swsync.errors import CodecError
from swsync.media.codec import as_octets

if TYPE_CHECKING:
    from swsync.media.rtpstream import RtpStream

__all__ = ["DECODERS", "Decoding", "PayloadDecoder", "decoder_for"]

logger = logging.getLogger(__name__)

CAPACITY = 1 << 17  # octets of payloads that wait, with 24 for each of them
BLOCK = 64  # payloads taken at a time
ROOM = 1 << 17  # octets

DECODERS: dict[str, str] = {"G722": "swsync.media.g722", "OPUS": "swsync.media.opus"}
"""Codec in capitals -> module with ``decoder()``, which gives a new ``PayloadDecoder``."""


class PayloadDecoder(Protocol):
    """Decodes the payloads of one stream, one after the other, on one thread."""

    rate: int
    """Samples a second of what it gives."""

    clock_rate: int
    """Timestamp units a second: 48,000 for OPUS (RFC 7587), 8,000 for G.722 (RFC 3551 section 4.5.2)."""

    def decode(self, payload: bytes) -> bytes:
        """Int16 samples, in the machine's order. Raises ``CodecError`` if the payload is none."""
        ...

    def reset(self) -> None:
        """Another stream begins: nothing that was decoded before counts."""
        ...


def decoder_for(codec: str) -> PayloadDecoder | None:
    """A new decoder of a codec, or None if C decodes it or nobody does."""
    module = DECODERS.get(codec.upper())
    if module is None:
        return None
    made: PayloadDecoder = importlib.import_module(module).decoder()
    return made


class Decoding:
    """Takes a stream's payloads, decodes and places them; the one writer of its track."""

    def __init__(self, stream: RtpStream, decoder: PayloadDecoder) -> None:
        self._stream = stream
        self._decoder = decoder
        self._lock = threading.Lock()  # held while decoding, by the pump and, at the end, by who ends
        self._heads = ffi.new("sw_payload[]", BLOCK)  # guarded by _lock, as all below
        self._data = ffi.new("uint8_t[]", ROOM)
        self._has_failed = False  # with anything but CodecError

    def fetch(self) -> None:
        """Decode what waits; and end the track if no more will come."""
        stream = self._stream
        with self._lock:
            has_left = bool(stream.report().counters[lib.SW_RX_LEFT])  # first, so that what came before it is there
            while n := lib.sw_queue_take(stream.queue, self._heads, BLOCK, self._data, ROOM):
                at = 0
                for head in self._heads[0:n]:
                    self._place(head, bytes(ffi.buffer(self._data + at, head.octets)))
                    at += head.octets
            stream.track._wake()
        if has_left:
            stream.track.end()

    def _place(self, head: object, payload: bytes) -> None:
        stream, track, order = self._stream, self._stream.track, head.order  # type: ignore[attr-defined]
        if order == lib.SW_ORDER_FORGET:
            lib.sw_track_forget(track._c)
        if order in (lib.SW_ORDER_FORGET, lib.SW_ORDER_RESTART):
            try:
                self._decoder.reset()
            except FAILURES as error:
                self._failed(error)
        if order == lib.SW_ORDER_FORGET:
            return
        position = head.timestamp * self._decoder.rate // self._decoder.clock_rate  # type: ignore[attr-defined]
        arrival = head.arrival  # type: ignore[attr-defined]
        if head.payload_type in stream.noise_types:  # type: ignore[attr-defined]
            lib.sw_track_quiet(track._c, position, arrival, order)
            return
        try:
            pcm = bytes(as_octets(self._decoder.decode(payload)))
        except FAILURES as error:
            stream.undecodable += 1
            self._failed(error)
            return
        lib.sw_track_put(track._c, pcm, len(pcm), position, arrival, order)

    def _failed(self, error: BaseException) -> None:
        """A decoder may be the user's own: whatever it raises costs one payload, and is told once."""
        is_news = not (self._has_failed or isinstance(error, CodecError))
        self._has_failed = self._has_failed or is_news
        logger.log(
            logging.ERROR if is_news else logging.DEBUG, "a payload could not be decoded: %r", error,
            exc_info=error if is_news else None,
        )  # fmt: skip
