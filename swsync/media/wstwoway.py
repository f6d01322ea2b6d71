"""A media stream in both directions: what a call says comes in, what it is to hear goes out."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from swsync.clock import REAL, seconds_of
from swsync.errors import MediaError
from swsync.media.codec import encode
from swsync.media.streammessages import DTMF_DIGITS, MAX_NAME
from swsync.media.streamsending import FRAME_SECONDS, Outbox, clear_message, dtmf_message, mark_message, media_message
from swsync.media.wsreceiver import MAX_MESSAGE
from swsync.media.wsstream import TOKEN_LIFETIME, StreamReceiver
from swsync.states import Codec

if TYPE_CHECKING:
    from swsync.clock import Clock
    from swsync.media.streammessages import DtmfMessage, MarkMessage, StartMessage

__all__ = ["Mark", "TwoWayStream"]

MAX_PENDING_MARKS = 1000


class Mark:
    """A place in what was sent.

    Attributes:
        name: As given.
    """

    def __init__(self, stream: TwoWayStream, name: str) -> None:
        self.name = name
        self._stream = stream
        self._is_reached = False  # guarded by the stream's condition

    @property
    def reached(self) -> bool:
        """Whether the far side has heard all before it, or has dropped it at a ``clear``."""
        return self._is_reached

    def wait(self, timeout: float | None = None) -> None:
        """Wait until it is reached.

        Raises:
            TimeoutError: Not in time; it may still be.
            MediaError: The stream ended first.
        """
        stream = self._stream
        with stream._changed:
            stream._changed.wait_for(lambda: self._is_reached or stream._has_ended, timeout)
            if self._is_reached:
                return
            if stream._has_ended:
                raise MediaError(f"the stream ended before the mark {self.name!r}")
        raise TimeoutError(f"the mark {self.name!r} was not reached within {timeout} s")


class TwoWayStream(StreamReceiver):
    """Receives what a call's party says, and sends what it is to hear: the far side of ``call.connect_stream``.

    It is received from as any ``StreamReceiver`` is, under the track ``inbound``; ``keys`` are those that the party
    pressed. Audio that is sent is queued here and leaves at the speed at which it is heard, a tenth of a second ahead,
    so that ``clear`` is heard at once. Methods may be called from any thread.

    Args:
        host: Address to bind. Default ``SWSYNC_BIND_HOST``, else 127.0.0.1.
        port: Port to bind; receivers share it. Default ``SWSYNC_MEDIA_PORT``, else 0: any free one.
        send_buffer: Seconds of audio that may wait to be sent.
        byteorder: ``little`` or ``big``, of L16.
        public_url: What the far side connects to. Default ``SWSYNC_MEDIA_URL``, else host and port themselves.
        ssl_context: A server's, to speak TLS ourselves.
        token: The bearer token; a new random one if None.
        token_lifetime: Seconds from now within which the stream must begin.
        on_dtmf: Called with each ``DtmfMessage``, in order, on a thread of its own.
        on_mark: Called with each ``MarkMessage``, the same.
        buffer: Seconds of received audio kept for readers.
        max_size: Octets of the largest message, up to 1 MiB.
        time_limit: Seconds a socket may stay, or None.
        total_limit: Octets a socket may send, or None.
        clock: Of arrival times, waits and the pace of sending.

    Raises:
        ConfigurationError: The address cannot be bound or makes no sense.
        MediaError: A limit or the token makes no sense.
    """

    def __init__(
        self,
        host: str | None = None,
        port: int | None = None,
        *,
        send_buffer: float = 60.0,
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
        if not 0.02 <= send_buffer <= 3600:
            raise MediaError(f"send_buffer is from 0.02 to 3600 seconds, not {send_buffer!r}")
        self._most = send_buffer
        self._outbox: Outbox | None = None  # guarded by _changed; there from the start on
        self._pending: list[Mark] = []  # guarded by _changed; in the order in which they were sent
        self._is_pacing = False  # guarded by _changed; a thread sends what is queued
        self._clears = 0  # guarded by _changed
        super().__init__(
            host, port, track="inbound", byteorder=byteorder, public_url=public_url, ssl_context=ssl_context,
            token=token, token_lifetime=token_lifetime, on_dtmf=on_dtmf, on_mark=on_mark, buffer=buffer,
            max_size=max_size, time_limit=time_limit, total_limit=total_limit, clock=clock,
        )  # fmt: skip

    @property
    def buffered(self) -> float:
        """Seconds of audio that were sent and not heard yet, as far as this side can tell; none after the end."""
        self._check()
        with self._changed:
            outbox = None if self._has_ended else self._outbox
            return outbox.seconds(self._clock.now()) if outbox is not None else 0.0

    @property
    def rate(self) -> int:
        """Samples a second, of both directions; 8000 before the start."""
        start = self._start
        return start.media_format.rate if start is not None else 8000

    def send(self, samples: Any, timeout: float | None = None) -> None:
        """Have the party hear audio, after what was sent before. Returns when it is queued.

        Args:
            samples: A buffer of int16, native order, ``rate`` a second.
            timeout: Seconds to wait for room, if more than ``send_buffer`` would wait to be heard.

        Raises:
            MediaError: The stream has not begun (``wait_started``), or has ended.
            TimeoutError: There was no room; what had been queued of it stays.
        """
        self._check()
        payload = self._encoded(samples)
        deadline = None if timeout is None else self._clock.now() + seconds_of(timeout)
        with self._changed:
            clears = self._clears
            while payload and clears == self._clears:  # what waits for room when clear() comes is dropped too
                outbox = self._ready()
                room = self._frame_octets * max(1, int(self._most / FRAME_SECONDS)) - outbox.octets
                if room > 0:
                    outbox.put(payload[:room])
                    payload = payload[room:]
                    self._pace()
                    continue
                left = None if deadline is None else deadline - self._clock.now()
                if left is not None and left <= 0:
                    raise TimeoutError(f"no room for more audio within {timeout} s")
                self._changed.wait(left)

    def mark(self, name: str) -> Mark:
        """Mark the place behind what was sent so far; ``wait`` on it to know that it has been heard.

        Raises:
            MediaError: The stream has not begun, or has ended; or 1,000 marks wait already.
            ValueError: The name is empty or longer than 256 characters.
        """
        if not 1 <= len(name) <= MAX_NAME:
            raise ValueError(f"a mark's name has 1 to {MAX_NAME} characters, not {len(name)}")
        self._check()
        mark = Mark(self, name)
        with self._changed:
            outbox = self._ready()
            if len(self._pending) >= MAX_PENDING_MARKS:
                raise MediaError(f"{MAX_PENDING_MARKS} marks wait for their echo already")
            self._pending.append(mark)
            outbox.mark(name)
            self._pace()
        return mark

    def clear(self) -> None:
        """Drop what has not been heard; marks in it are reached at once.

        Raises:
            MediaError: The stream has not begun, or has ended.
        """
        self._check()
        with self._changed:
            marks = self._ready().clear()
            self._clears += 1
            self._changed.notify_all()
        for name in marks:
            self._tell(mark_message(self._sid, name))
        self._tell(clear_message(self._sid))

    def dtmf(self, digit: str) -> None:
        """Have the party hear a key, at once.

        Raises:
            ValueError: It is none of ``0-9 * # A-D``.
            MediaError: The stream has not begun, or has ended.
        """
        if digit not in DTMF_DIGITS:
            raise ValueError(f"a key is one of 0-9 * # A-D, not {digit!r}")
        self._check()
        with self._changed:
            self._ready()
        self._tell(dtmf_message(self._sid, digit.upper()))

    # The pace

    @property
    def _sid(self) -> str:
        start = self._start
        return start.stream_sid if start is not None else ""

    @property
    def _frame_octets(self) -> int:
        start = self._start
        layout = start.media_format if start is not None else None
        return int(self.rate * FRAME_SECONDS) * (layout.octets_per_sample if layout is not None else 1)

    def _encoded(self, samples: Any) -> bytes:
        start = self._start
        layout = start.media_format if start is not None else None
        if layout is None:
            return bytes(memoryview(samples).cast("B"))  # _ready() says why not
        if layout.codec is Codec.L16:
            return encode(samples, layout.codec, byteorder=self._byteorder)
        return encode(samples, layout.codec)

    def _ready(self) -> Outbox:
        """Requires _changed."""
        if self._has_ended:
            raise MediaError("the stream has ended")
        if self._outbox is None:
            raise MediaError("the stream has not begun: call wait_started() first")
        return self._outbox

    def _pace(self) -> None:
        """See to it that a thread sends what is queued; requires _changed."""
        if self._is_pacing:
            self._changed.notify_all()
            return
        self._is_pacing = True
        self._clock.start(self._send_queued, "swsync-stream-sender")

    def _send_queued(self) -> None:
        """On a thread that lives while something is queued."""
        while (message := self._next_message()) is not None:
            self._tell(message)

    def _next_message(self) -> str | None:
        """Wait for the next message's time; None if there is none, and this thread ends."""
        with self._changed:
            while self._outbox is not None and not self._has_ended:
                now = self._clock.now()
                due = self._outbox.due(now)
                if due is None:
                    break
                if due > 0:
                    self._changed.wait(due)
                    continue
                item = self._outbox.take(now)
                self._changed.notify_all()  # there is room
                return mark_message(self._sid, item) if isinstance(item, str) else media_message(self._sid, item)
            self._is_pacing = False
            return None

    def _tell(self, text: str) -> None:
        self._attachment.tell(text)

    # Called on the endpoint's thread.

    def _on_start(self, message: StartMessage) -> None:
        first = self._start is None
        super()._on_start(message)
        if first:
            with self._changed:
                self._outbox = Outbox(self._frame_octets)
                self._changed.notify_all()

    def wait_started(self, timeout: float | None = None) -> bool:
        """Wait for the start message, with which the track comes and sending begins; False if it did not come."""
        self._check()
        with self._changed:
            self._changed.wait_for(lambda: self._outbox is not None or self._has_ended, timeout)
            return self._outbox is not None

    def _on_mark(self, message: MarkMessage) -> None:
        with self._changed:
            for index, mark in enumerate(self._pending):
                if mark.name == message.name:
                    mark._is_reached = True
                    del self._pending[index]
                    self._changed.notify_all()
                    break
        super()._on_mark(message)
