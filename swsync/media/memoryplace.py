"""How media reaches a receiver in virtual time: through the same parsers, without sockets, in lock-step.

The sender's thread does the work of the engine and of the endpoint (``media.engine``, ``media.wsendpoint``). It is a
thread of the clock, so no time passes before what was sent has been taken, and what a recording has to write of it has
been written.
"""

from __future__ import annotations

import collections
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from swsync.errors import MediaError
from swsync.media.wav import drain_now
from swsync.memorynet import MemoryNet

if TYPE_CHECKING:
    from swsync.clock import Clock
    from swsync.media.rtpstream import RtpStream
    from swsync.media.track import Track
    from swsync.media.wsconnection import Route

__all__ = ["MemoryAttachment", "MemoryLine"]

logger = logging.getLogger(__name__)

WRITE_EVERY = 1.0  # seconds of virtual time between two looks at what recordings have to write
TICK = 0.1  # seconds of virtual time between two looks at what waits for time to pass
STOP_TIME = 3.0  # seconds that closing waits for another thread that is in the middle of it


class _OneByOne:
    """Runs functions one after the other, on the thread of whoever comes first; no lock is held while one runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: collections.deque[Callable[[], object]] = collections.deque()  # guarded by _lock
        self.runner: int | None = None  # guarded by _lock; the thread that is at it

    def run(self, function: Callable[[], object]) -> None:
        """Run it now, or after what another thread (or this one, further up) is running."""
        with self._lock:
            self._waiting.append(function)
            if self.runner is not None:
                return
            self.runner = threading.get_ident()
        try:
            while (following := self._next()) is not None:
                self._call(following)
        except BaseException:  # Ctrl-C: whoever comes next goes on
            with self._lock:
                self.runner = None
            raise

    def _next(self) -> Callable[[], object] | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self.runner = None
            return None

    @staticmethod
    def _call(function: Callable[[], object]) -> None:
        try:
            function()
        except Exception:
            logger.exception("a media message could not be handled")


def _write(net: MemoryNet, clock: Clock) -> None:
    """Virtual time runs ahead of a thread that looks several times a second: have recordings write here."""
    if net.is_time(clock.now(), WRITE_EVERY):
        drain_now(clock)


class _Reports:
    """The place of a line's RTCP."""

    def __init__(self, line: MemoryLine) -> None:
        self._line = line

    def feed(self, datagrams: Sequence[bytes], arrivals: Sequence[float], source: tuple[str, int]) -> None:
        for datagram, arrival in zip(datagrams, arrivals, strict=True):
            self._line.take(datagram, int(arrival * 1e9), source, is_rtcp=True)


class MemoryLine:
    """What an ``RtpReceiver`` has in virtual time in place of its socket.

    Args:
        net: Of its clock.
        host: The address that it is to be found at.
        port: 0 takes a free one.

    Raises:
        MediaError: The address is in use.
    """

    is_ipv6 = False

    def __init__(self, net: MemoryNet, host: str, port: int) -> None:
        self._net = net
        self.port = port or net.free_port()
        self._address = (host, self.port)
        self._work = _OneByOne()
        self._stream: RtpStream | None = None  # set by attach(), before anybody can find it
        self._has_timer = False  # in its work only
        net.open(self._address, self)
        self.rtcp_port: int | None = self.port + 1
        try:
            net.open((host, self.rtcp_port), _Reports(self))
        except MediaError:  # somebody has it: reports come on the port of the audio, or not at all
            self.rtcp_port = None

    def attach(self, stream: RtpStream, track: Track) -> None:
        """Receive from now on."""
        self._track = track
        self._stream = stream

    def feed(self, datagrams: Sequence[bytes], arrivals: Sequence[float], source: tuple[str, int]) -> None:
        self._work.run(lambda: self._take(datagrams, arrivals, source))

    def _take(self, datagrams: Sequence[bytes], arrivals: Sequence[float], source: tuple[str, int]) -> None:
        if self._stream is None or self._track.ended:
            return
        self._stream.feed(list(datagrams), list(arrivals), source)
        self._after()

    def take(self, datagram: bytes, arrival_ns: int, source: tuple[str, int], *, is_rtcp: bool = False) -> None:
        """One datagram; those of the port above are RTCP."""
        self._work.run(lambda: self._take_one(datagram, arrival_ns, source, is_rtcp))

    def _take_one(self, datagram: bytes, arrival_ns: int, source: tuple[str, int], is_rtcp: bool) -> None:
        if self._stream is None or self._track.ended:
            return
        self._stream.take(datagram, arrival_ns, source, is_rtcp=is_rtcp)
        self._after()

    def _after(self) -> None:
        assert self._stream is not None
        self._stream.fetch()
        _write(self._net, self._track.clock)
        if self._stream.alarm is not None and not self._has_timer:
            self._has_timer = True
            self._track.clock.start(self._let_time_pass, "swsync-media-timer")

    def _let_time_pass(self) -> None:
        """What the engine does for sockets: give the stream the time while something in it waits for that."""
        while self._has_timer:
            self._work.run(self._tick)
            self._track.clock.sleep(TICK)

    def _tick(self) -> None:
        if self._stream is not None:
            self._stream.tick(int(self._track.clock.now() * 1e9))
            self._stream.fetch()
        self._has_timer = self._stream is not None and not self._track.ended and self._stream.alarm is not None

    def attend(self) -> None:
        """Take up what the stream was told to expect."""
        stream = self._stream
        if stream is not None:
            self._work.run(stream.attend)

    def detach(self) -> None:
        """Let nothing more in, and place what was still in doubt."""
        self.close()
        stream = self._stream
        if stream is not None:
            self._work.run(lambda: self._flush(stream))

    @staticmethod
    def _flush(stream: RtpStream) -> None:
        stream.flush()
        stream.fetch()

    def follow(self) -> None:
        """Have the stream's fetchers called: that is done with each datagram."""

    def close(self) -> None:
        self._net.close(self._address)
        if self.rtcp_port is not None:
            self._net.close((self._address[0], self.rtcp_port))


class _MemoryConnection:
    """One WebSocket in virtual time: for the sender a ``Link``, for the receiver what it refuses and closes."""

    def __init__(
        self, attachment: MemoryAttachment, lost: Callable[[], object], received: Callable[[str], object] | None
    ) -> None:
        self._attachment = attachment
        self._received = received
        self._lost = lost
        self._octets = 0
        self.is_open = True  # changed in the attachment's work only

    # The sender's.

    def send(self, message: str | bytes) -> None:
        self._attachment.work.run(lambda: self._take(message))

    def _take(self, message: str | bytes) -> None:
        route = self._attachment.route
        if not self.is_open:
            return
        size = len(message.encode() if isinstance(message, str) else message)
        self._octets += size
        if size > route.max_size:
            self.refuse(1009, "message_too_big")
        elif route.total_limit is not None and self._octets > route.total_limit:
            self.refuse(1008, "total_limit")
        elif isinstance(message, str):
            route.text(message)
        else:
            route.binary(message)
        self._attachment.write()

    def hang_up(self) -> None:
        self._attachment.work.run(lambda: self._end("closed (1000)"))

    # The receiver's.

    def tell(self, text: str) -> None:
        if self.is_open and self._received is not None:
            self._received(text)

    def close(self, code: int, reason: str) -> None:
        self._end(reason)
        self._lost()

    def refuse(self, code: int, reason: str) -> None:
        if self.is_open:
            logger.debug("a media WebSocket was refused or failed: %s", reason)
            self.close(code, reason)

    def _end(self, reason: str) -> None:
        if self.is_open:
            self.is_open = False
            self._attachment.route.closed(reason)


class _SenderEnd:
    """The same connection with the methods of the side that opened it."""

    def __init__(self, connection: _MemoryConnection) -> None:
        self.send = connection.send
        self.close = connection.hang_up


class MemoryAttachment:
    """What a WebSocket receiver has in virtual time in place of a listening socket (``wslistener.Attachment``).

    Args:
        net: Of its clock.
        route: What is called for each request and message.
        clock: The receiver's.
        port: 0 takes a free one.
    """

    def __init__(self, net: MemoryNet, route: Route, clock: Clock, port: int) -> None:
        self.route = route
        self.port = port or net.free_port()
        self.work = _OneByOne()
        self._net = net
        self._clock = clock
        self._url = ""
        self._connection: _MemoryConnection | None = None  # in its work only, as the next
        self._has_ended = False
        self._gone = clock.condition()
        self._is_gone = False  # guarded by _gone

    def open(self, url: str) -> None:
        """Let connections in. Raises MediaError if the address is in use."""
        self._net.open(url, self)
        self._url = url

    def write(self) -> None:
        _write(self._net, self._clock)

    def connect(
        self,
        headers: Mapping[str, str],
        opened: Callable[[Any], object],
        failed: Callable[[str], object],
        lost: Callable[[], object],
        received: Callable[[str], object] | None = None,
    ) -> None:
        self.work.run(lambda: self._connect(headers, opened, failed, lost, received))

    def tell(self, text: str) -> None:
        """Send a text message to whoever has connected."""
        connection = self._connection
        if connection is not None:
            self.work.run(lambda: connection.tell(text))

    def _connect(
        self,
        headers: Mapping[str, str],
        opened: Callable[[Any], object],
        failed: Callable[[str], object],
        lost: Callable[[], object],
        received: Callable[[str], object] | None,
    ) -> None:
        from websockets.datastructures import Headers
        from websockets.http11 import Request

        refusal = self.route.admit(Request(urlsplit(self._url).path, Headers(headers)))
        if refusal is not None:
            failed(f"server rejected WebSocket connection: HTTP {int(refusal.status)}")
            return
        self._connection = _MemoryConnection(self, lost, received)
        self.route.opened(self._connection)  # type: ignore[arg-type]  # it has what a receiver uses of a Connection
        opened(_SenderEnd(self._connection))

    def end(self) -> None:
        """Refuse new connections, and close the one under way."""
        self._net.close(self._url)
        self.work.run(self._end)

    def _end(self) -> None:
        connection, already, self._has_ended = self._connection, self._has_ended, True
        if already:
            return
        if connection is not None and connection.is_open:
            connection.close(1001, "ended")
        else:
            self.route.closed("ended")

    def close(self) -> None:
        """The same; returns when it is done."""
        self.end()
        self.work.run(self._mark_gone)
        if self.work.runner != threading.get_ident():
            with self._gone:
                self._gone.wait_for(lambda: self._is_gone, STOP_TIME)

    def _mark_gone(self) -> None:
        with self._gone:
            self._is_gone = True
            self._gone.notify_all()
