"""The receiver of media streams: JSON messages with labelled tracks, marks and DTMF."""

from __future__ import annotations

import collections
import functools
import hmac
import logging
import secrets
import ssl
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import attrs
from websockets.frames import CloseCode
from websockets.http11 import Request

from swsync.callbacks import check_given
from swsync.clock import REAL
from swsync.errors import CodecError, MediaError, PacketError
from swsync.media.streamevents import CallbackQueue
from swsync.media.streammessages import (
    DtmfMessage,
    MarkMessage,
    MediaMessage,
    StartMessage,
    StopMessage,
    UnknownMessage,
    parse_message,
)
from swsync.media.wsaddress import address
from swsync.media.wsdeframe import Refusal
from swsync.media.wsplain import Plain
from swsync.media.wsreceiver import MAX_MESSAGE, Limits, WebSocketReceiver

if TYPE_CHECKING:
    from swsync.clock import Clock
    from swsync.media.quality import ReceiverStats
    from swsync.media.streammessages import StreamMessage
    from swsync.media.track import Track
    from swsync.media.wsconnection import Connection

__all__ = ["StreamReceiver"]

logger = logging.getLogger(__name__)

TOKEN_OCTETS = 32
LEAST_TOKEN = 16  # characters of a token that the user brings
TOKEN_LIFETIME = 3600.0  # seconds
MAX_EVENTS = 1000  # DTMF and marks that are remembered
LANES = {"inbound": 0, "outbound": 1}  # in C
TRACKS = {"inbound": ("inbound",), "outbound": ("outbound",), "both": ("inbound", "outbound")}


@attrs.define
class _Lane:
    """One track of a stream; written by the endpoint's thread only."""

    number: int  # in C
    track: Track
    plain: Plain
    rejected: dict[str, int] = attrs.field(factory=dict)

    def statistics(self, stats: ReceiverStats) -> ReceiverStats:
        """Chunks counted like packets."""
        state = self.plain.report()
        missing, replayed = state.missing[self.number], state.replayed[self.number]
        return attrs.evolve(
            stats,
            packets_expected=stats.packets + missing,
            packets_lost=missing,
            duplicate=stats.duplicate + replayed,
            rejected=self.rejected.copy(),
        )


class StreamReceiver(WebSocketReceiver):
    """Receives one stream: JSON messages with labelled tracks, marks and DTMF.

    The far side shows ``token`` as ``Authorization: Bearer``; an absent, wrong, expired or used one is refused with
    401 before the upgrade. A token is good for one socket. The tracks are there once ``wait_started`` returns.

    Args:
        host: Address to bind. Default ``SWSYNC_BIND_HOST``, else 127.0.0.1.
        port: Port to bind; receivers share it. Default ``SWSYNC_MEDIA_PORT``, else 0: any free one.
        track: ``inbound`` (what the party says), ``outbound`` (what it hears) or ``both``, as asked of ``stream``;
            media of others are refused.
        byteorder: ``little`` or ``big``, of L16.
        public_url: What the far side connects to, such as ``wss://media.example.com/base``; a path is appended.
            Default ``SWSYNC_MEDIA_URL``, else host and port themselves.
        ssl_context: A server's, to speak TLS ourselves.
        token: The bearer token; a new random one if None.
        token_lifetime: Seconds from now within which the stream must begin.
        on_dtmf: Called with each ``DtmfMessage``, in order, on a thread of its own.
        on_mark: Called with each ``MarkMessage``, the same.
        buffer: Seconds of audio kept for readers.
        max_size: Octets of the largest message, up to 1 MiB; a larger one closes the socket with 1009.
        time_limit: Seconds a socket may stay, or None.
        total_limit: Octets a socket may send, or None.
        clock: Of arrival times and waits.

    Raises:
        ConfigurationError: The address cannot be bound or makes no sense.
        MediaError: A limit, the token or the track makes no sense.
    """

    def __init__(
        self,
        host: str | None = None,
        port: int | None = None,
        *,
        track: str = "both",
        byteorder: str = "little",
        public_url: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
        token: str | None = None,
        token_lifetime: float = TOKEN_LIFETIME,
        on_dtmf: Callable[[DtmfMessage], object] | None = None,
        on_mark: Callable[[MarkMessage], object] | None = None,
        buffer: float = 60.0,
        max_size: int = MAX_MESSAGE,
        time_limit: float | None = None,
        total_limit: int | None = None,
        clock: Clock = REAL,
    ) -> None:
        wanted = TRACKS.get(str(track).removesuffix("_track").removesuffix("_tracks"))
        if wanted is None:
            raise MediaError(f"track is inbound, outbound or both, not {track!r}")
        check_given(on_dtmf=on_dtmf, on_mark=on_mark)
        self.on_dtmf = on_dtmf
        self.on_mark = on_mark
        self._wanted = wanted
        self._token = _check_token(token)
        self._token_until = clock.now() + token_lifetime
        self._callbacks = CallbackQueue(clock)
        self._start: StartMessage | None = None  # guarded by _changed
        self._dtmf: collections.deque[DtmfMessage] = collections.deque(maxlen=MAX_EVENTS)  # guarded by _changed
        self._marks: collections.deque[MarkMessage] = collections.deque(maxlen=MAX_EVENTS)  # guarded by _changed
        # The endpoint's thread only:
        self._is_token_used = False
        self._lanes: dict[str, _Lane] = {}
        self._handlers: dict[type, Callable[[Any], None]] = {
            StartMessage: self._on_start,
            MediaMessage: self._on_media,
            DtmfMessage: self._on_dtmf,
            MarkMessage: self._on_mark,
            StopMessage: self._on_stop,
            UnknownMessage: lambda _: self._count("unknown_message"),
        }
        super().__init__(
            address(host, port, public_url),
            f"/stream/{secrets.token_hex(8)}",
            Limits(max_size, time_limit, total_limit),
            ssl_context=ssl_context,
            byteorder=byteorder,
            buffer=buffer,
            clock=clock,
            is_stream=True,
        )

    @property
    def url(self) -> str:
        """Where to stream to; it has no query."""
        self._check()
        return self._url

    @property
    def token(self) -> str:
        """The bearer token, for ``authorization_bearer_token``."""
        self._check()
        return self._token

    @property
    def start(self) -> StartMessage | None:
        """What the far side said at the start: ``call_sid``, ``custom_parameters``, ``media_format`` ..., or None."""
        return self._start

    @property
    def custom_parameters(self) -> Mapping[str, Any]:
        """What was given to the ``stream`` verb; empty before the start."""
        return self._start.custom_parameters if self._start is not None else {}

    @property
    def keys(self) -> tuple[DtmfMessage, ...]:
        """The keys pressed so far, the last thousand."""
        with self._changed:
            return tuple(self._dtmf)

    @property
    def marks(self) -> tuple[MarkMessage, ...]:
        """The marks so far, the last thousand."""
        with self._changed:
            return tuple(self._marks)

    @property
    def missing_messages(self) -> int:
        """Messages that never came, by their sequence numbers."""
        return int(self._plain.report().messages_missing)

    @property
    def rejected(self) -> Mapping[str, int]:
        """Connections, messages and octets that were not used, by reason."""
        repeated = int(self._plain.report().messages_repeated)
        return {**super().rejected, **({"repeated_sequence_number": repeated} if repeated else {})}

    def wait_started(self, timeout: float | None = None) -> bool:
        """Wait for the start message, with which the tracks come; False if it did not come in time."""
        self._check()
        with self._changed:
            self._changed.wait_for(lambda: self._start is not None or self._has_ended, timeout)
            return self._start is not None

    def _sides(self) -> Any:
        sides = {"inbound": "said", "outbound": "heard"}
        return {sides[name]: functools.partial(self._find, name) for name in self._wanted}

    def _find(self, name: str) -> Track | None:
        return self.tracks.get(name)

    # Called on the endpoint's thread.

    def _admit(self, request: Request) -> Refusal | None:
        if self._has_ended:
            return Refusal(HTTPStatus.NOT_FOUND, "not_found")
        fault = self._judge_token(request)
        if fault == "token_expired":
            logger.warning("a media stream came with a token that has expired: see token_lifetime=")
        if fault:
            self._count(fault)
            return Refusal(HTTPStatus.UNAUTHORIZED, "unauthorized", (("WWW-Authenticate", "Bearer"),))
        return None

    def _judge_token(self, request: Request) -> str:
        """What is wrong with the token of a request; "" if nothing is."""
        shown = request.headers.get_all("Authorization")
        scheme, _, token = shown[0].partition(" ") if len(shown) == 1 else ("", "", "")
        # Compared in any case, so that the time tells nothing.
        is_right = hmac.compare_digest(token.strip().encode("utf-8", "replace"), self._token.encode())
        if not shown:
            return "token_absent"
        if not is_right or scheme.lower() != "bearer":
            return "token_wrong"
        if self._is_token_used:
            return "token_reused"
        return "token_expired" if self._clock.now() > self._token_until else ""

    def _opened(self, connection: Connection) -> None:
        self._is_token_used = True
        super()._opened(connection)

    def _binary(self, data: bytes) -> None:
        self._reject("binary")

    def _text(self, text: str) -> None:
        try:
            message = parse_message(text)
        except CodecError as error:
            logger.warning("a media stream cannot be read: %s", error)
            self._count("unsupported_format")
            self._refuse(CloseCode.UNSUPPORTED_DATA, "unsupported_format")
            return
        except PacketError as error:
            logger.debug("a message of a media stream was not used: %s", error)
            self._reject("malformed")
            return
        self._plain.follow(getattr(message, "sequence_number", None))
        handler = self._handlers.get(type(message))
        if handler is not None and self._is_of_this_stream(message):
            handler(message)

    def _is_of_this_stream(self, message: StreamMessage) -> bool:
        if isinstance(message, (StartMessage, UnknownMessage)):
            return True
        if self._start is None:
            self._reject("before_start")
            return False
        named = getattr(message, "stream_sid", "")
        if named and self._start.stream_sid and named != self._start.stream_sid:
            self._reject("wrong_stream")
            return False
        return True

    def _on_start(self, message: StartMessage) -> None:
        if self._start is not None:
            self._reject("second_start")
            return
        clock = object()  # both tracks have the stream's timestamps
        layout = message.media_format
        for name in message.tracks or self._wanted:
            if name in self._wanted:
                lane = _Lane(LANES[name], self._make_track(name, layout, clock), self._plain)
                lane.track._statistics = lane.statistics
                self._lanes[name] = lane
                self._plain.feed(lane.number, lane.track)
        self._add_track(*(lane.track for lane in self._lanes.values()))
        with self._changed:
            self._start = message
            self._changed.notify_all()
        self._plain.start(message.stream_sid)

    def _on_media(self, message: MediaMessage) -> None:
        lanes = self._lanes
        name = message.track or (next(iter(lanes)) if len(lanes) == 1 else "")
        number = LANES.get(name, -1)
        reason = self._plain.place(number, message.chunk, message.timestamp, message.payload)
        if reason:
            self._refused(number, reason)

    def _refused(self, lane: int, reason: str) -> None:
        for each in self._lanes.values():
            if each.number == lane:
                each.rejected[reason] = each.rejected.get(reason, 0) + 1
        super()._refused(lane, reason)

    def _on_dtmf(self, message: DtmfMessage) -> None:
        with self._changed:
            self._dtmf.append(message)
        self._call(self.on_dtmf, message)

    def _on_mark(self, message: MarkMessage) -> None:
        with self._changed:
            self._marks.append(message)
        self._call(self.on_mark, message)

    def _call(self, function: Callable[[Any], object] | None, message: object) -> None:
        if function is not None and not self._callbacks.submit(function, message):
            self._count("callback_overflow")

    def _on_stop(self, message: StopMessage) -> None:
        if self._connection is not None:
            self._connection.close(CloseCode.NORMAL_CLOSURE, "stop")


def _check_token(token: str | None) -> str:
    if token is None:
        return secrets.token_urlsafe(TOKEN_OCTETS)
    if len(token) < LEAST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise MediaError(f"a token has at least {LEAST_TOKEN} printable ASCII characters and no space")
    return token
