"""The C receiver of one RTP stream, seen from Python: whom it believes, what it has received."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import attrs

from swsync._media import ffi, lib
from swsync.errors import ConfigurationError, MediaError
from swsync.media import engine
from swsync.media.ports import parse_source
from swsync.media.rtcp import SenderReport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from swsync.media.quality import ReceiverStats
    from swsync.media.track import Track

__all__ = ["RtpStream"]

NEVER = 2**63 - 1
QUEUE = 1 << 17  # octets of payloads that wait to be decoded in Python, with 24 for each: some seconds

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
    "ended": lib.SW_RX_ENDED,
    "queue": lib.SW_RX_QUEUE,
}


def _address(source: Any, is_ipv6: bool = False) -> tuple[Any, int]:
    """A source as C has it, and how many bits of it count; on an IPv6 socket IPv4 addresses are mapped ones."""
    packed, family, prefix, port = parse_source(source)
    if is_ipv6 and family == 4:
        packed, family, prefix = b"\0" * 10 + b"\xff\xff" + packed, 6, prefix + 96
    address = ffi.new("sw_address *", {"family": family, "port": port})
    ffi.buffer(address.octets)[0 : len(packed)] = packed
    return address, prefix


class RtpStream:
    """The C receiver of one RTP stream: packets in, a track filled. It has no socket.

    One thread feeds it; any may read its track and statistics.

    Args:
        track: Where the audio goes.
        codec: As the track's.
        payload_type: Of the packets that carry it.
        kinds: What more payload types hold, as C says it (``payload_kinds``).
        clock_rate: Timestamp units a second; the track's rate by default.
        is_queued: What is not for C is put into ``queue``; whoever takes it writes the track.
        source: As for ``RtpReceiver``.
        roaming: As for ``RtpReceiver``.
        is_ipv6: Addresses are those of an IPv6 socket, which sees IPv4 ones as mapped.
    """

    def __init__(
        self, track: Track, codec: int, payload_type: int, *, source: Any = None, roaming: bool = False,
        is_ipv6: bool = False, kinds: Mapping[int, int] | None = None, clock_rate: int | None = None,
        is_queued: bool = False,
    ) -> None:  # fmt: skip
        if not 0 <= payload_type <= 127:
            raise ConfigurationError(f"payload_type must be 0 to 127, not {payload_type!r}")
        self.track = track
        octets = lib.sw_rx_octets()
        # The engine's record of the socket lies in front of it, on the same page: each packet touches both.
        self.room = engine.pages(engine.LINK_OCTETS + octets)
        memory = self.room + engine.LINK_OCTETS
        self.c = ffi.cast("sw_rx *", memory)
        self.clock_rate = clock_rate or track.rate
        code = lib.sw_rx_init(memory, octets, track._c, codec, self.clock_rate, payload_type)
        if code != lib.SW_OK:
            raise MediaError(f"cannot receive RTP: {ffi.string(lib.sw_strerror(code)).decode()}")
        self.pin(source, roaming, is_ipv6)
        self._map(kinds or {}, is_queued)
        # What handles what C has for Python, on the thread that finds out; set before the first packet.
        self.undecodable = 0  # payloads that a decoder in Python refused; belongs to who decodes
        self.fetchers: list[Callable[[], object]] = []
        track._statistics = self.add_to
        track._reports = self.sender_reports

    def _map(self, kinds: Mapping[int, int], is_queued: bool) -> None:
        self.noise_types = {number for number, kind in kinds.items() if kind == lib.SW_PAYLOAD_NOISE}
        self.queue: Any = None
        if is_queued:
            octets = lib.sw_queue_octets(QUEUE)
            self._queue_memory = engine.pages(octets)
            lib.sw_queue_init(self._queue_memory, octets, QUEUE)
            self.queue = ffi.cast("sw_queue *", self._queue_memory)
            lib.sw_rx_hand_on(self.c, self.queue)
        for number, kind in kinds.items():
            if lib.sw_rx_map(self.c, number, kind) != lib.SW_OK:
                raise ConfigurationError(f"payload type {number} cannot be received")

    def fetch(self) -> None:
        """Handle what C has for Python."""
        for fetch in self.fetchers:
            fetch()

    def pin(self, source: Any, roaming: bool, is_ipv6: bool) -> None:
        """Say whom to believe; before the first packet."""
        self.is_pinned = source is not None
        if source is None:
            lib.sw_rx_pin(self.c, ffi.NULL, 0, roaming)
            return
        address, prefix = _address(source, is_ipv6)
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
        lib.sw_rx_expect(self.c, _address(source, is_ipv6)[0])

    def attend(self) -> None:
        """Take up what ``expect`` was told; for the thread that feeds."""
        lib.sw_rx_attend(self.c)

    def feed(
        self, datagrams: list[bytes], arrivals: list[float], source: tuple[str, int] = ("127.0.0.1", 4000)
    ) -> None:
        """Take datagrams as if they had come from ``source`` at these times (seconds of the track's clock)."""
        data = b"".join(datagrams)
        times = ffi.new("int64_t[]", [int(arrival * 1e9) for arrival in arrivals])
        lengths = ffi.new("uint32_t[]", [len(datagram) for datagram in datagrams])
        lib.sw_rx_feed(self.c, data, len(data), 0, lengths, times, len(lengths), _address(source)[0])
        self.track._wake()

    def take(self, datagram: bytes, arrival: int, source: tuple[str, int], *, is_rtcp: bool = False) -> None:
        """Take one datagram that came at ``arrival``, in nanoseconds of the track's clock; the same."""
        lib.sw_rx_tick(self.c, arrival)
        take = lib.sw_rx_rtcp if is_rtcp else lib.sw_rx_datagram
        take(self.c, datagram, len(datagram), arrival, _address(source)[0])
        self.track._wake()

    @property
    def alarm(self) -> int | None:
        """When ``tick`` has something to do, in nanoseconds; None while nothing waits for time to pass."""
        at = int(lib.sw_rx_alarm(self.c))
        return at if at < NEVER else None

    def tick(self, now: int) -> None:
        """Let time pass, in nanoseconds; for the thread that feeds."""
        if lib.sw_rx_tick(self.c, now):
            self.track._wake()

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

    def sender_reports(self) -> tuple[SenderReport, SenderReport] | None:
        """The first and the last since the media clock last changed."""
        state = self.report()
        if not state.counters[lib.SW_RX_REPORTS]:
            return None
        scale = self.track.rate / self.clock_rate if self.queue else 1.0
        return SenderReport.from_c(state.first_report, scale), SenderReport.from_c(state.last_report, scale)

    def add_to(self, stats: ReceiverStats) -> ReceiverStats:
        """The track's statistics with what RTP knows beside."""
        state = self.report()
        c = state.counters
        rejected = {name: c[number] for name, number in _REASONS.items() if c[number]}
        if self.undecodable:
            rejected["undecodable"] = self.undecodable
        repeated, stale = c[lib.SW_RX_DUPLICATE], c[lib.SW_RX_LATE]
        return attrs.evolve(
            stats,
            packets=stats.packets + repeated + stale,
            packets_expected=c[lib.SW_RX_EXPECTED],
            packets_lost=max(0, c[lib.SW_RX_EXPECTED] - c[lib.SW_RX_UNIQUE]),
            late=stats.late + stale,
            reordered=stats.reordered + c[lib.SW_RX_REORDERED],
            duplicate=stats.duplicate + repeated,
            jitter_ms=c[lib.SW_RX_JITTER16] / 16 / self.clock_rate * 1000,
            rejected=rejected,
            payload_types={number: n for number, n in enumerate(state.payload_types) if n},
            kernel_drops=c[lib.SW_RX_KERNEL_DROPS],
            is_rtp=True,
            ptime_ms=c[lib.SW_RX_FRAME] / self.clock_rate * 1000,
            rtcp=c[lib.SW_RX_RTCP_TAKEN],
            comfort_noise=c[lib.SW_RX_NOISE],
            telephone_events=c[lib.SW_RX_EVENTS],
            events_dropped=c[lib.SW_RX_EVENTS_DROPPED],
        )
