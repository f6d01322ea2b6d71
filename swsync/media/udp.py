"""RTP over UDP into one track."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

from swsync.callbacks import check_callback, check_given
from swsync.clock import REAL
from swsync.errors import ConfigurationError, MediaError
from swsync.media.codec import codec_number
from swsync.media.dtmf import KeyReader
from swsync.media.memoryplace import MemoryLine
from swsync.media.payloads import Decoding, decoder_for
from swsync.media.payloadtypes import payload_kinds
from swsync.media.ports import hosts, parse_source
from swsync.media.receiver import Receiver
from swsync.media.rtpstream import RtpStream
from swsync.media.sharedport import MemberLine, RtpPort
from swsync.media.socketline import SocketLine
from swsync.media.track import Track
from swsync.memorynet import net_of
from swsync.states import Codec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from swsync.clock import Clock
    from swsync.media.dtmf import TelephoneEvent
    from swsync.media.payloads import PayloadDecoder
    from swsync.media.quality import ReceiverStats
    from swsync.media.rtcp import SenderReport

__all__ = ["RtpReceiver"]

logger = logging.getLogger(__name__)

# RFC 3551 section 6; L16 at 8 kHz has no static number.
PAYLOAD_TYPES = {"PCMU": 0, "PCMA": 8, "L16": 96, "G722": 9}


class RtpReceiver(Receiver):
    """Receives one RTP stream on a port of its own, and its RTCP there and on the port above.

    A BYE of the sender ends it, once nothing has followed for half a second. With a ``VirtualClock`` it has no socket:
    what comes is from senders in its time, or given to ``feed``.

    Args:
        host: Address to bind; ``SWSYNC_BIND_HOST`` by default, else all addresses if there is a public host that is
            not this machine to itself, else 127.0.0.1.
        port: 0 takes a random even one of ``SWSYNC_RTP_PORTS`` (``low-high``); an ``RtpPort`` is shared with others.
        codec: ``PCMU``, ``PCMA`` or ``L16``, or another one with ``decoder``.
        ptime: Milliseconds a packet, for the device; what comes may have any length.
        rate: Samples a second.
        public_host: What the sender must use, if it is not ``host``; ``SWSYNC_PUBLIC_HOST`` by default.
        public_port: The same for the port.
        source: Who may send: an address, a network, ``(address, port)`` or a tap's ``source_device``. By default the
            first one that sends four valid packets.
        roaming: Let the stream move to another address.
        payload_type: Of the audio; that of RFC 3551 by default, 96 for what has none.
        payload_types: What more payload types hold: ``{101: "telephone-event", 13: "CN", 8: "PCMA", 97: "L16"}``.
            Telephone-events are 101 unless told, comfort noise is 13; others are counted by number.
        decoder: For a codec that C does not decode: an object like ``PayloadDecoder``.
        on_dtmf: Called with each ``TelephoneEvent``, in order, on a thread of its own.
        byteorder: Of L16.
        buffer: Seconds of audio kept.
        clock: The clock of arrival times and waits.

    Raises:
        MediaError: The address cannot be bound.
        CodecError: There is no such codec.
        ConfigurationError: A setting makes no sense.
        TypeError: ``on_dtmf`` or the decoder is an ``async def``, which nobody would await.
    """

    TRACK = "audio"

    def __init__(
        self,
        host: str | None = None,
        port: int | RtpPort = 0,
        codec: Codec | str = Codec.PCMU,
        ptime: int = 20,
        *,
        rate: int = 8000,
        public_host: str | None = None,
        public_port: int | None = None,
        source: Any = None,
        roaming: bool = False,
        payload_type: int | None = None,
        payload_types: Mapping[int, str] | None = None,
        decoder: PayloadDecoder | None = None,
        on_dtmf: Callable[[TelephoneEvent], object] | None = None,
        byteorder: str = "big",
        buffer: float = 60.0,
        clock: Clock = REAL,
    ) -> None:
        check_given(on_dtmf=on_dtmf)
        if decoder is not None:
            check_callback("decoder.decode", decoder.decode)
        if type(ptime) is not int or not 1 <= ptime <= 1000:
            raise ConfigurationError(f"ptime must be a whole number of milliseconds, 1 to 1000, not {ptime!r}")
        if public_port is not None and not 1 <= public_port <= 65535:
            raise ConfigurationError(f"public_port must be 1 to 65535, not {public_port!r}")
        super().__init__(clock=clock)
        name = str(codec).upper()
        decoder = decoder or decoder_for(name)
        if decoder is None:
            track = Track(self.TRACK, codec, rate, byteorder=byteorder, buffer=buffer, clock=clock, snap=0.0)
        else:
            byteorder, rate = sys.byteorder, decoder.rate
            track = Track(self.TRACK, "L16", rate, byteorder=byteorder, buffer=buffer, clock=clock, snap=0.0)
        self.codec, self.ptime, self.rate = name, ptime, track.rate
        self.host, self._public_host = hosts(host, public_host)
        self._public_port = public_port
        if isinstance(port, RtpPort):
            if source is not None and not parse_source(source)[3]:
                raise ConfigurationError(
                    f"on a shared port the source needs its port, as in (address, port): {source!r}"
                )
            self.host, self._public_host, self._public_port = port.host, port.public_host, port.public_port
        self._line = self._open_line(port, clock)
        self.port = self._line.port
        try:
            number = PAYLOAD_TYPES.get(name, 96) if payload_type is None else payload_type
            clock_rate = track.rate if decoder is None else decoder.clock_rate
            kinds = payload_kinds(number, name, clock_rate, byteorder, payload_types, is_queued=decoder is not None)
            own = codec_number(track.codec, byteorder)
            self._stream = RtpStream(
                track, own, number, source=source, roaming=roaming, is_ipv6=self._line.is_ipv6, kinds=kinds,
                clock_rate=clock_rate, is_queued=decoder is not None,
            )  # fmt: skip
            self._keys = KeyReader(self._stream, self._changed, clock, on_dtmf)
            self._stream.fetchers.append(self._keys.fetch)
            if decoder is not None:
                self._stream.fetchers.insert(0, Decoding(self._stream, decoder).fetch)
            self._line.attach(self._stream, track)
            if decoder is not None or on_dtmf is not None:
                self._line.follow()
        except BaseException:
            self._line.close()
            raise
        self._track = track
        self._add_track(track)
        if isinstance(port, int):  # on a shared one nobody could tell whose packets are asked about
            self._announce((self.host, self.port))

    def _open_line(self, port: int | RtpPort, clock: Clock) -> SocketLine | MemoryLine | MemberLine:
        net = net_of(clock)
        if isinstance(port, RtpPort):
            if net is not None:
                raise ConfigurationError(
                    "a shared port has a socket: a receiver on a virtual clock has a port of its own"
                )
            return port.line(self)
        return SocketLine(self.host, port) if net is None else MemoryLine(net, self.host, port)

    @property
    def device(self) -> dict[str, Any]:
        """The device for ``call.tap``.

        Raises:
            ConfigurationError: It is bound to all addresses, and nobody said which one the sender must use.
            MediaError: On a shared port: it belongs to the parent process.
        """
        host = self._public_host or self.host
        if host in ("0.0.0.0", "::", ""):
            raise ConfigurationError(
                f"the receiver listens on {self.host}, which nobody can send to: set public_host= or SWSYNC_PUBLIC_HOST"
            )
        if isinstance(self._line, MemberLine):
            self._check()
            self._line.ask()
        params = {"addr": host, "port": self._public_port or self.port, "codec": self.codec, "ptime": self.ptime}
        if self.rate != 8000:
            params["rate"] = self.rate
        return {"type": "rtp", "params": params}

    @property
    def stats(self) -> ReceiverStats:
        """What has been received so far."""
        return self._track.stats

    @property
    def source(self) -> tuple[str, int] | None:
        """Address and port of the sender, once it is believed."""
        return self._stream.source

    @property
    def ssrc(self) -> int | None:
        """SSRC of the current stream, once there is one."""
        return self._stream.ssrc

    @property
    def ended(self) -> bool:
        """Whether no more audio is expected: a BYE of the sender, the end of its tap, ``end`` or ``close``."""
        return self._has_ended or self._track.ended

    @property
    def rtcp_port(self) -> int | None:
        """The port above, where RTCP is read; None if it was not to be had. RTCP on ``port`` itself is always read."""
        return self._line.rtcp_port

    @property
    def arrival_offset(self) -> float | None:
        """When position 0 of the media clock was sent, plus the shortest transit; see ``Track.arrival_offset``."""
        return self._track.arrival_offset

    @property
    def sender_reports(self) -> tuple[SenderReport, SenderReport] | None:
        """The first and the last RTCP sender report since the media clock last changed; None without any."""
        return self._stream.sender_reports()

    @property
    def keys(self) -> tuple[TelephoneEvent, ...]:
        """The keys that came (RFC 4733), each once; the last thousand."""
        return self._keys.all()

    def digits(self, timeout: float | None = None) -> Iterator[TelephoneEvent]:
        """Each key as it comes, from the first that is kept, until the end.

        Args:
            timeout: Seconds to wait for each.

        Raises:
            TimeoutError: None came in time.
        """
        self._check()
        self._line.follow()

        def wait(predicate: Callable[[], Any]) -> None:
            if not self._changed.wait_for(predicate, timeout):
                raise TimeoutError(f"no key within {timeout} s")

        return self._keys.follow(lambda: self.ended, wait)

    def feed(
        self, datagram: bytes, arrival_ns: int, source: tuple[str, int] = ("127.0.0.1", 4000), *, is_rtcp: bool = False
    ) -> None:
        """Take a datagram that came from ``source`` at ``arrival_ns``, in nanoseconds of this receiver's clock.

        It goes the way of one from a socket. For receivers on a clock that is not the machine's.

        Raises:
            MediaError: This one reads a socket.
        """
        self._check()
        if not isinstance(self._line, MemoryLine):
            raise MediaError("feed() is for receivers on a virtual clock: this one reads its socket")
        self._line.take(datagram, arrival_ns, source, is_rtcp=is_rtcp)

    def expect(self, addr: str, port: int) -> None:
        """Believe this sender from now on: a tap's ``source_device``, which its verb tells the receiver given to it.

        What others have sent until now is dropped, and counted as ``rejected["source"]``; so is what they send later.
        Another port of that address is believed after four valid packets, until the named one comes. With ``source=``
        that holds instead, and with ``roaming=True`` the stream may move to another address. Only the first call
        counts.

        Raises:
            ConfigurationError: That is no IP address, or no port.
            MediaError: On a shared port: nothing tells it from another receiver that expects the same, or there is no
                port.
        """
        self._check()
        if not port and isinstance(self._line, MemberLine):
            raise MediaError(
                f"the source {addr} has no port, so nothing says what of a shared port is its: take a port each"
            )
        self._stream.expect((addr, port), self._line.is_ipv6)
        self._line.attend()

    def _finish(self) -> None:
        self._line.detach()
        refused = self._track.stats.rejected.get("source", 0)
        if refused and not self._track.started:
            logger.warning("%r: %d packets came, none from the address that is believed: see source=", self, refused)

    def _release(self) -> None:
        self._line.close()

    def __repr__(self) -> str:
        return f"<RtpReceiver {self.host}:{self.port} {self.codec}{' closed' if self.closed else ''}>"
