"""RTP over UDP into one track."""

from __future__ import annotations

import logging
import os
import socket
from typing import TYPE_CHECKING, Any

import attrs

from swsync._media import ffi, lib
from swsync.clock import REAL, RealClock
from swsync.errors import ConfigurationError, MediaError
from swsync.media import engine
from swsync.media.memoryplace import MemoryLine
from swsync.media.ports import bind_host, bind_udp, give_back, had, parse_source
from swsync.media.receiver import Receiver
from swsync.media.track import Track, codec_number
from swsync.memorynet import net_of
from swsync.states import Codec

if TYPE_CHECKING:
    from swsync.clock import Clock
    from swsync.media.quality import ReceiverStats

__all__ = ["RtpReceiver"]

logger = logging.getLogger(__name__)

# RFC 3551 section 6; L16 at 8 kHz has no static number.
PAYLOAD_TYPES = {"PCMU": 0, "PCMA": 8, "L16": 96}

_REASONS = {
    "short": lib.SW_RX_SHORT,
    "version": lib.SW_RX_VERSION,
    "malformed": lib.SW_RX_MALFORMED,
    "rtcp": lib.SW_RX_RTCP,
    "source": lib.SW_RX_SOURCE,
    "ssrc": lib.SW_RX_SSRC,
    "sequence": lib.SW_RX_SEQUENCE,
    "payload_type": lib.SW_RX_PAYLOAD_TYPE,
    "size": lib.SW_RX_SIZE,
}


class RtpStream:
    """The C receiver of one RTP stream: packets in, a track filled. It has no socket.

    One thread feeds it; any may read its track and statistics.

    Args:
        track: Where the audio goes.
        codec: As the track's.
        payload_type: Of the packets that carry it.
        source: As for ``RtpReceiver``.
        roaming: As for ``RtpReceiver``.
        is_ipv6: Addresses are those of an IPv6 socket, which sees IPv4 ones as mapped.
    """

    def __init__(
        self, track: Track, codec: int, payload_type: int, *, source: Any = None, roaming: bool = False,
        is_ipv6: bool = False,
    ) -> None:  # fmt: skip
        if not 0 <= payload_type <= 127:
            raise ConfigurationError(f"payload_type must be 0 to 127, not {payload_type!r}")
        self.track = track
        octets = lib.sw_rx_octets()
        # The engine's record of the socket lies in front of it, on the same page: each packet touches both.
        self.room = engine.pages(engine.LINK_OCTETS + octets)
        memory = self.room + engine.LINK_OCTETS
        self.c = ffi.cast("sw_rx *", memory)
        code = lib.sw_rx_init(memory, octets, track._c, codec, track.rate, payload_type)
        if code != lib.SW_OK:
            raise MediaError(f"cannot receive RTP: {ffi.string(lib.sw_strerror(code)).decode()}")
        self.pin(source, roaming, is_ipv6)
        track._statistics = self.add_to

    def pin(self, source: Any, roaming: bool, is_ipv6: bool) -> None:
        """Say whom to believe; before the first packet."""
        if source is None:
            lib.sw_rx_pin(self.c, ffi.NULL, 0, roaming)
            return
        packed, family, prefix, port = parse_source(source)
        if is_ipv6 and family == 4:
            packed, family, prefix = b"\0" * 10 + b"\xff\xff" + packed, 6, prefix + 96
        address = ffi.new("sw_address *", {"family": family, "port": port})
        ffi.buffer(address.octets)[0 : len(packed)] = packed
        if lib.sw_rx_pin(self.c, address, prefix, roaming) != lib.SW_OK:
            raise ConfigurationError(f"source {source!r} cannot be used")

    def refuse(self, ssrcs: tuple[int, ...]) -> None:
        """Take nothing of these streams; before the first packet."""
        lib.sw_rx_refuse(self.c, ffi.new("uint32_t[]", ssrcs), len(ssrcs))

    def had(self) -> tuple[int, ...]:
        """The last SSRCs that were believed, eight at most."""
        out = ffi.new("uint32_t[]", lib.SW_RX_SSRCS)
        return tuple(out[0 : lib.sw_rx_had(self.c, out)])

    def expect(self, source: Any, is_ipv6: bool = False) -> None:
        """Say whom to believe at any time, from any thread; ``sw_rx_attend`` takes it up."""
        packed, family, _, port = parse_source(source)
        if is_ipv6 and family == 4:
            packed, family = b"\0" * 10 + b"\xff\xff" + packed, 6
        address = ffi.new("sw_address *", {"family": family, "port": port})
        ffi.buffer(address.octets)[0 : len(packed)] = packed
        lib.sw_rx_expect(self.c, address)

    def feed(
        self, datagrams: list[bytes], arrivals: list[float], source: tuple[str, int] = ("127.0.0.1", 4000)
    ) -> None:
        """Take datagrams as if they had come from ``source`` at these times (seconds of the track's clock)."""
        packed, family, _, _ = parse_source(source[0])
        address = ffi.new("sw_address *", {"family": family, "port": source[1]})
        ffi.buffer(address.octets)[0 : len(packed)] = packed
        data = b"".join(datagrams)
        times = [int(arrival * 1e9) for arrival in arrivals]
        lengths = ffi.new("uint32_t[]", [len(datagram) for datagram in datagrams])
        lib.sw_rx_feed(self.c, data, len(data), 0, lengths, ffi.new("int64_t[]", times), len(lengths), address)
        lib.sw_track_wake(self.track._c)

    def attend(self) -> None:
        """Take up what was expected last; the feeding thread only."""
        lib.sw_rx_attend(self.c)

    def flush(self) -> None:
        """The stream is over: place what was still in doubt."""
        lib.sw_rx_flush(self.c)

    def report(self) -> Any:
        """The C core's snapshot (``sw_rx_state``)."""
        state = ffi.new("sw_rx_state *")
        lib.sw_rx_report(self.c, state)
        return state

    @property
    def source(self) -> tuple[str, int] | None:
        """The address that is believed, once there is one."""
        state = self.report()
        if not state.has_source:
            return None
        octets = bytes(state.source.octets)
        if state.source.family == 4:
            return socket.inet_ntop(socket.AF_INET, octets[:4]), state.source.port
        return socket.inet_ntop(socket.AF_INET6, octets), state.source.port

    @property
    def ssrc(self) -> int | None:
        """The current SSRC, once there is one."""
        state = self.report()
        return int(state.ssrc) if state.has_source else None

    def add_to(self, stats: ReceiverStats) -> ReceiverStats:
        """The track's statistics with what RTP knows beside."""
        state = self.report()
        c = state.counters
        repeated, stale = c[lib.SW_RX_DUPLICATE], c[lib.SW_RX_LATE]
        return attrs.evolve(
            stats,
            packets=stats.packets + repeated + stale,
            packets_expected=c[lib.SW_RX_EXPECTED],
            packets_lost=max(0, c[lib.SW_RX_EXPECTED] - c[lib.SW_RX_UNIQUE]),
            late=stats.late + stale,
            reordered=stats.reordered + c[lib.SW_RX_REORDERED],
            duplicate=stats.duplicate + repeated,
            jitter_ms=c[lib.SW_RX_JITTER16] / 16 / stats.rate * 1000,
            rejected={name: c[number] for name, number in _REASONS.items() if c[number]},
            payload_types={number: n for number, n in enumerate(state.payload_types) if n},
            kernel_drops=c[lib.SW_RX_KERNEL_DROPS],
        )


class _SocketLine:
    """A receiver's socket, and its place in the engine."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = bind_udp(host, port)
        self.port: int = self._socket.getsockname()[1]
        self.is_ipv6 = self._socket.family == socket.AF_INET6
        self._stream: RtpStream | None = None

    def attach(self, stream: RtpStream, track: Track) -> None:
        """Receive from now on."""
        stream.refuse(had(self.port))
        speed = track.clock.speed if isinstance(track.clock, RealClock) else 1.0
        self._link = engine.Link(self._socket.fileno(), stream.room, stream.c, track, speed)
        engine.attach(self._link)
        self._stream = stream

    def attend(self) -> None:
        """Take up what the stream was told to expect."""
        engine.attend(self._link)

    def detach(self) -> None:
        """Take what the socket still holds, and nothing more."""
        engine.detach(self._link)

    def close(self) -> None:
        self._socket.close()
        if self._stream is not None:
            give_back(self.port, self._stream.had())


class RtpReceiver(Receiver):
    """Receives one RTP stream on a port of its own; with a ``VirtualClock`` without a socket, from senders in its time.

    Args:
        host: Address to bind; ``SWSYNC_BIND_HOST`` by default, else all addresses if there is a public host that is
            not this machine to itself, else 127.0.0.1.
        port: 0 takes a random even one of ``SWSYNC_RTP_PORTS`` (``low-high``).
        codec: ``PCMU``, ``PCMA`` or ``L16``.
        ptime: Milliseconds a packet, for the device; what comes may have any length.
        rate: Samples a second.
        public_host: What the sender must use, if it is not ``host``; ``SWSYNC_PUBLIC_HOST`` by default.
        public_port: The same for the port.
        source: Who may send: an address, a network, ``(address, port)`` or a tap's ``source_device``. By default the
            first one that sends four valid packets.
        roaming: Let the stream move to another address.
        payload_type: Of the audio; that of RFC 3551 by default, 96 for L16.
        byteorder: Of L16.
        buffer: Seconds of audio kept.
        clock: The clock of arrival times and waits.

    Raises:
        MediaError: The address cannot be bound.
        CodecError: There is no such codec.
        ConfigurationError: A setting makes no sense.
    """

    TRACK = "audio"

    def __init__(
        self,
        host: str | None = None,
        port: int = 0,
        codec: Codec | str = Codec.PCMU,
        ptime: int = 20,
        *,
        rate: int = 8000,
        public_host: str | None = None,
        public_port: int | None = None,
        source: Any = None,
        roaming: bool = False,
        payload_type: int | None = None,
        byteorder: str = "big",
        buffer: float = 60.0,
        clock: Clock = REAL,
    ) -> None:
        super().__init__(clock=clock)
        track = Track(self.TRACK, codec, rate, byteorder=byteorder, buffer=buffer, clock=clock, snap=0.0)
        self.codec, self.ptime, self.rate = track.codec, ptime, rate
        self._public_host = public_host or os.environ.get("SWSYNC_PUBLIC_HOST", "").strip() or None
        self.host = host or os.environ.get("SWSYNC_BIND_HOST", "").strip() or bind_host(self._public_host)
        self._public_port = public_port
        net = net_of(clock)
        self._line = _SocketLine(self.host, port) if net is None else MemoryLine(net, self.host, port)
        self.port = self._line.port
        try:
            number = PAYLOAD_TYPES[track.codec] if payload_type is None else payload_type
            self._stream = RtpStream(
                track, codec_number(track.codec, byteorder), number, source=source, roaming=roaming,
                is_ipv6=self._line.is_ipv6,
            )  # fmt: skip
            self._line.attach(self._stream, track)
        except BaseException:
            self._line.close()
            raise
        self._track = track
        self._add_track(track)

    @property
    def device(self) -> dict[str, Any]:
        """The device for ``call.tap``.

        Raises:
            ConfigurationError: It is bound to all addresses, and nobody said which one the sender must use.
        """
        host = self._public_host or self.host
        if host in ("0.0.0.0", "::", ""):
            raise ConfigurationError(
                f"the receiver listens on {self.host}, which nobody can send to: set public_host= or SWSYNC_PUBLIC_HOST"
            )
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

    def expect(self, addr: str, port: int) -> None:
        """Believe this sender from now on: a tap's ``source_device``, which its verb tells the receiver given to it.

        What others have sent until now is dropped, and counted as ``rejected["source"]``; so is what they send later.
        Another port of that address is believed after four valid packets, until the named one comes. With ``source=``
        that holds instead, and with ``roaming=True`` the stream may move to another address. Only the first call
        counts.

        Raises:
            ConfigurationError: That is no IP address, or no port.
        """
        self._check()
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
