"""The receiver of WebSocket taps: bare audio in binary messages."""

from __future__ import annotations

import secrets
import ssl
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from websockets.http11 import Request

from swsync.clock import REAL
from swsync.media.mediaformat import media_format
from swsync.media.quality import ReceiverStats
from swsync.media.tapmessages import SampleJoiner, parse_header
from swsync.media.track import Track
from swsync.media.wsaddress import address
from swsync.media.wsdeframe import Refusal
from swsync.media.wsreceiver import MAX_MESSAGE, Limits, WebSocketReceiver

if TYPE_CHECKING:
    from swsync.clock import Clock

__all__ = ["TapReceiver"]

SECRET_OCTETS = 16  # 128 bits


class TapReceiver(WebSocketReceiver):
    """Receives one tap over a WebSocket: bare audio in binary messages.

    A tap carries nothing that says where it comes from, so its address holds a secret of 128 bits that is valid until
    ``end`` or ``close``; anything else is refused with 404 before the upgrade. One socket at a time; when it
    closes, the tap has ended. The format that the far side announces wins over the one asked for, if it can be.

    Args:
        host: Address to bind. Default ``SWSYNC_BIND_HOST``, else 127.0.0.1.
        port: Port to bind; receivers share it. Default ``SWSYNC_MEDIA_PORT``, else 0: any free one.
        codec: ``PCMU``, ``PCMA`` or ``L16``, to ask for.
        rate: Samples a second, to ask for.
        byteorder: ``little`` or ``big``, of L16.
        public_url: What the far side connects to, such as ``wss://media.example.com/base``; the secret is appended.
            Default ``SWSYNC_MEDIA_URL``, else host and port themselves.
        ssl_context: A server's, to speak TLS ourselves.
        name: Of the track.
        buffer: Seconds of audio kept for readers.
        max_size: Octets of the largest message; a larger one closes the socket with 1009.
        time_limit: Seconds a socket may stay, or None.
        total_limit: Octets a socket may send, or None.
        clock: Of arrival times and waits.

    Raises:
        ConfigurationError: The address cannot be bound or makes no sense.
        CodecError: The codec or the rate is unknown.
        MediaError: A limit makes no sense.
    """

    def __init__(
        self,
        host: str | None = None,
        port: int | None = None,
        codec: str = "PCMU",
        rate: int = 8000,
        *,
        byteorder: str = "little",
        public_url: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
        name: str = "audio",
        buffer: float = 60.0,
        max_size: int = MAX_MESSAGE,
        time_limit: float | None = None,
        total_limit: int | None = None,
        clock: Clock = REAL,
    ) -> None:
        self._asked = media_format(str(codec), rate)
        self._name = name
        # The endpoint's thread only:
        self._layout = self._asked
        self._track: Track | None = None
        self._joiner = SampleJoiner(self._asked.octets_per_sample)
        super().__init__(
            address(host, port, public_url),
            f"/{secrets.token_hex(SECRET_OCTETS)}",
            Limits(max_size, time_limit, total_limit),
            ssl_context=ssl_context,
            byteorder=byteorder,
            buffer=buffer,
            clock=clock,
            is_stream=False,
        )

    @property
    def device(self) -> dict[str, Any]:
        """The device to tap to. Its address is a secret."""
        self._check()
        params = {"uri": self._url, "codec": str(self._asked.codec), "rate": self._asked.rate}
        return {"type": "ws", "params": params}

    @property
    def stats(self) -> ReceiverStats:
        """What has been received; its ``rejected`` counts what was not used, by reason."""
        for track in self.tracks.values():
            return track.stats
        return ReceiverStats(rate=self._asked.rate, rejected=self.rejected)

    def _sides(self) -> Any:
        return {"said": lambda: self.tracks.get(self._name)}

    # Called on the endpoint's thread.

    def _admit(self, request: Request) -> Refusal | None:
        if self._has_ended:
            return Refusal(HTTPStatus.NOT_FOUND, "not_found")
        if self._connection is not None:
            self._count("second_socket")
            return Refusal(HTTPStatus.CONFLICT, "busy")
        return None

    def _text(self, text: str) -> None:
        layout = parse_header(text)
        if layout is None:
            self._count("unknown_text")
        elif self._track is None:
            self._layout = layout
        elif layout != self._layout:
            self._reject("late_header")  # what has been placed cannot be decoded again

    def _binary(self, data: bytes) -> None:
        if self._track is None:
            self._joiner = SampleJoiner(self._layout.octets_per_sample)
            self._track = self._make_track(self._name, self._layout)
            self._add_track(self._track)
            self._plain.feed(0, self._track)
        samples = self._joiner.join(data)
        self._plain.carry(bool(self._joiner.pending))
        if samples:
            self._track.append(samples, self._clock.now())

    def _hung_up(self, reason: str) -> None:
        if self._joiner.pending and not self._has_ended:
            self._count("half_sample")
        super()._hung_up(reason)
