"""What the receivers of WebSocket media have in common: their address, their place on the endpoint, their end."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs
from websockets.frames import CloseCode

from swsync.errors import MediaError
from swsync.media.memoryplace import MemoryAttachment
from swsync.media.receiver import Receiver
from swsync.media.track import Track
from swsync.media.wsaddress import Address, masked
from swsync.media.wsattach import attach
from swsync.media.wsplain import Plain
from swsync.memorynet import net_of

if TYPE_CHECKING:
    from websockets.http11 import Request

    from swsync.clock import Clock
    from swsync.media.mediaformat import MediaFormat
    from swsync.media.quality import ReceiverStats
    from swsync.media.wsconnection import Connection
    from swsync.media.wsdeframe import Refusal
    from swsync.media.wslistener import Attachment

__all__ = ["MAX_MESSAGE", "WebSocketReceiver"]

MAX_MESSAGE = 64 * 1024  # octets of a message, unless max_size= says otherwise
LARGEST_MESSAGE = 1024 * 1024
MAX_INVALID = 1000  # messages that make no sense, after which the connection ends


@attrs.define
class Limits:
    """How much one socket may send."""

    max_size: int
    time_limit: float | None
    total_limit: int | None

    def __attrs_post_init__(self) -> None:
        if not 1 <= self.max_size <= LARGEST_MESSAGE:
            raise MediaError(f"max_size is from 1 to {LARGEST_MESSAGE} octets, not {self.max_size!r}")
        for name in ("time_limit", "total_limit"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise MediaError(f"{name} is above zero or None, not {value!r}")


class WebSocketReceiver(Receiver):
    """A receiver whose audio comes over a WebSocket, which the far side opens to us.

    Everything with an underscore that the endpoint calls runs on its thread; in virtual time there is none, and it runs
    on the sender's.
    """

    _has_shortcut = True  # C takes plain messages; False: websockets and json read all of them, to the same end

    def __init__(
        self,
        where: Address,
        path: str,
        limits: Limits,
        *,
        ssl_context: ssl.SSLContext | None,
        byteorder: str,
        buffer: float,
        clock: Clock,
        is_stream: bool,
    ) -> None:
        super().__init__(clock=clock)
        if byteorder not in ("little", "big"):
            raise MediaError(f"byteorder is little or big, not {byteorder!r}")
        self.max_size = limits.max_size
        self.time_limit = limits.time_limit
        self.total_limit = limits.total_limit
        self._byteorder = byteorder
        self._buffer = buffer
        self._connection: Connection | None = None  # the endpoint's thread only
        self._rejected: dict[str, int] = {}  # written by the endpoint's thread only
        self._invalid = 0  # messages; the endpoint's thread only
        self._plain = Plain(is_stream, limits.max_size, clock)
        self._attachment: Attachment | MemoryAttachment
        where.url(path, 0, ssl_context, os.environ)  # raises before anything is bound
        paths = tuple({path, where.base_path + path})
        net = net_of(clock)
        if net is None:
            self._attachment = attach(_Guest(self), paths, where.host, where.port, ssl_context)
            self._url = where.url(path, self._attachment.port, ssl_context, os.environ)
            self._announce(self._url)
        else:
            nearby = self._attachment = MemoryAttachment(net, _Guest(self), clock, where.port)
            self._url = where.url(path, nearby.port, ssl_context, os.environ)
            nearby.open(self._url)

    @property
    def rejected(self) -> Mapping[str, int]:
        """Connections, messages and octets that were not used, by reason."""
        return self._rejected.copy()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._attachment.port

    def end(self, reason: str = "") -> None:
        """No more audio is expected: nobody else may connect from now on.

        What is under way is read still: ``frames`` and ``read`` end when the far side closes its socket, or half a
        second from now. Does not wait. Idempotent.
        """
        self._attachment.end()

    def _release(self) -> None:
        self._attachment.close()
        super().end("closed")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {masked(self._url)}{' closed' if self.closed else ''}>"

    # Called on the endpoint's thread.

    def _admit(self, request: Request) -> Refusal | None:
        raise NotImplementedError

    def _text(self, text: str) -> None:
        raise NotImplementedError

    def _binary(self, data: bytes) -> None:
        raise NotImplementedError

    def _refused(self, lane: int, reason: str) -> None:
        self._reject(reason)

    def _opened(self, connection: Connection) -> None:
        self._connection = connection

    def _hung_up(self, reason: str) -> None:
        """The socket has closed, or there will never be one."""
        self._connection = None
        super().end(reason)
        self._attachment.end()

    def _count(self, reason: str, count: int = 1) -> None:
        self._rejected[reason] = self._rejected.get(reason, 0) + count

    def _reject(self, reason: str) -> None:
        """Count a message that is not used; too many of them end the connection."""
        self._count(reason)
        self._invalid += 1
        if self._invalid > MAX_INVALID:
            self._refuse(CloseCode.POLICY_VIOLATION, "invalid_messages")

    def _refuse(self, code: int, reason: str) -> None:
        if self._connection is not None:
            self._connection.refuse(code, reason)

    def _make_track(self, name: str, layout: MediaFormat, media_clock: object = None) -> Track:
        track = Track(
            name,
            layout.codec,
            layout.rate,
            byteorder=self._byteorder if layout.octets_per_sample > 1 else "big",
            buffer=self._buffer,
            clock=self._clock,
            media_clock=media_clock,
        )
        track._statistics = self._statistics
        return track

    def _statistics(self, stats: ReceiverStats) -> ReceiverStats:
        return attrs.evolve(stats, rejected=self.rejected)


class _Guest:
    """A receiver as the endpoint sees it (``wsconnection.Route``)."""

    def __init__(self, receiver: WebSocketReceiver) -> None:
        self.max_size = receiver.max_size
        self.time_limit = receiver.time_limit
        self.total_limit = receiver.total_limit
        self.plain = receiver._plain if receiver._has_shortcut else None
        self.admit = receiver._admit
        self.opened = receiver._opened
        self.text = receiver._text
        self.binary = receiver._binary
        self.refused = receiver._refused
        self.closed = receiver._hung_up
