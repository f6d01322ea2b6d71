"""RTP to one address, paced as it would be spoken."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Any

import attrs

from swsync._media import ffi, lib
from swsync.clock import REAL, RealClock, seconds_of
from swsync.errors import ConfigurationError, MediaError
from swsync.media import pacer
from swsync.media.codec import as_octets, codec_number
from swsync.media.datagrams import open_pair
from swsync.media.digits import digit_frames
from swsync.media.engine import pages
from swsync.media.playedout import PlayedOut
from swsync.states import Codec

if TYPE_CHECKING:
    from swsync.clock import Clock

__all__ = ["RtpSender", "SenderStats"]

PAYLOAD_TYPES = {
    "PCMU": 0,
    "PCMA": 8,
    "G722": 9,
    "L16": 96,
    "OPUS": 96,
}  # RFC 3551 section 6; what has no static number takes 96
ENCODED = {"G722": (16000, 8000), "OPUS": (48000, 48000)}  # sampling rate and clock rate of what PyAV encodes
EVENT_PAYLOAD_TYPE = 101
LARGEST = int(lib.SW_TX_LARGEST)  # octets of payload: what passes every network in one piece
LAPSE = 0.5  # seconds that a sender may be late and still catch up; after more of them it starts anew from now
EVENT_OCTETS = 4
RTCP_WAYS = ("next", "mux", "none")

_random = random.SystemRandom()


@attrs.frozen(kw_only=True)
class SenderStats:
    """A snapshot of what one sender has done.

    Attributes:
        packets: RTP packets that have left.
        octets: Octets of payload in them.
        restarts: Times that nothing was queued for more than half a second, after which the next packet left at once.
        cleared: Frames dropped by ``clear``.
        refused: Times that the network said that nobody listens there.
        dropped: Packets that the system did not take.
        reports: RTCP packets sent.
        latest_ms: Milliseconds by which the latest packet left after its time.
    """

    packets: int = 0
    octets: int = 0
    restarts: int = 0
    cleared: int = 0
    refused: int = 0
    dropped: int = 0
    reports: int = 0
    latest_ms: float = 0.0


class RtpSender:
    """Sends int16 samples as RTP, each packet at its time, from a buffer that a thread without the GIL empties.

    ``send(wait=False)``, ``send_digits`` and ``pause`` only fill the buffer; ``drain`` waits until it has been heard,
    and leaving ``with`` does so too. Several threads may use it; what two of them send at the same time is mixed up by
    packets. On a virtual clock there is no thread: whoever sends waits until all has left.

    Args:
        host: The receiver's name or address.
        port: The receiver's port.
        codec: ``PCMU``, ``PCMA`` or ``L16``; with PyAV (extra ``opus``) ``OPUS`` and ``G722`` too.
        ptime: Milliseconds a packet, 10 to 120.
        rate: Samples a second; by default 48,000 for OPUS, 16,000 for G722, and 8,000.
        ssrc: Random by default, as are the first sequence number and timestamp (RFC 3550 section 5.1).
        payload_type: That of RFC 3551 by default, 96 for L16.
        event_payload_type: Of keys (RFC 4733).
        rtcp: Where sender reports and the goodbye go (RFC 3550 section 6): ``next`` is the port after ``port``, ``mux``
            the same port (RFC 5761), ``none`` sends none.
        buffer: Seconds of audio that may wait, at least.
        lead: Seconds from the first ``send``, or the first after a lapse, until the first packet leaves. It makes up
            for samples that come in irregular portions.
        local_host: Address to send from.
        local_port: Port to send from; 0 lets the system choose. Both are in ``local_address``.
        clock: What paces.

    Raises:
        ConfigurationError: The ptime, or the payload that it makes, is out of range.
        CodecError: There is no such codec.
        MediaError: The address cannot be used.
    """

    def __init__(
        self,
        host: str,
        port: int,
        codec: Codec | str = Codec.PCMU,
        ptime: int = 20,
        *,
        rate: int | None = None,
        ssrc: int | None = None,
        payload_type: int | None = None,
        event_payload_type: int = EVENT_PAYLOAD_TYPE,
        rtcp: str = "next",
        buffer: float = 5.0,
        lead: float = 0.0,
        local_host: str = "",
        local_port: int = 0,
        clock: Clock = REAL,
    ) -> None:
        self.codec, self.ptime = str(codec).upper(), ptime
        native, clock_rate = ENCODED.get(self.codec, (8000, 0))
        rate = native if rate is None else rate
        self.rate, self.clock_rate = rate, clock_rate or rate  # of samples, and of timestamps
        self._number = 0 if clock_rate else codec_number(codec, "big")
        if not 10 <= ptime <= 120 or rate * ptime % 1000:
            raise ConfigurationError(f"ptime must be 10 to 120 ms and whole samples at {rate} Hz, not {ptime!r}")
        self.samples = rate * ptime // 1000  # of a packet
        octets = LARGEST if clock_rate else self.samples * (2 if self.codec == "L16" else 1)
        if octets > LARGEST:
            raise ConfigurationError(
                f"{self.codec} at {rate} Hz with ptime {ptime} makes packets over {LARGEST} octets"
            )
        if not 1 <= port <= 65535 or not 0 <= local_port <= 65535:
            raise ConfigurationError(f"ports must be 1 to 65535, local_port may be 0, not {port!r} and {local_port!r}")
        if rtcp not in RTCP_WAYS:
            raise ConfigurationError(f"rtcp must be one of {', '.join(RTCP_WAYS)}, not {rtcp!r}")
        if not 0.1 <= buffer <= 60 or not 0 <= lead <= 60:
            raise ConfigurationError(f"buffer must be 0.1 to 60 s and lead 0 to 60 s, not {buffer!r} and {lead!r}")
        self.payload_type = PAYLOAD_TYPES[self.codec] if payload_type is None else payload_type
        self.event_payload_type = event_payload_type
        for number in (self.payload_type, event_payload_type):
            if not 0 <= number <= 127:
                raise ConfigurationError(f"a payload type must be 0 to 127, not {number!r}")
        self.ssrc = _random.getrandbits(32) if ssrc is None else ssrc
        self._encoder = _encoder(self.codec, rate, ptime) if clock_rate else None
        self._clock = clock
        self._pid = os.getpid()
        self._changed = clock.condition()
        self._closed = False  # guarded by _changed
        self._rest = b""  # guarded by _changed: samples that do not fill a packet yet
        self._tx, self._memory = self._make(buffer, lead, max(octets, EVENT_OCTETS))
        self._socket, self._reports = open_pair(host, port, local_host, local_port, rtcp)
        self.local_address: tuple[str, int] = self._socket.getsockname()[:2]
        self._outlet = self._attach()

    def _make(self, buffer: float, lead: float, payload_octets: int) -> tuple[Any, Any]:
        slots = 1 << max(3, int(buffer * 1000 / self.ptime - 1).bit_length())
        octets = lib.sw_tx_octets(slots, payload_octets)
        memory = pages(octets)
        config = {
            "slots": slots,
            "payload_octets": payload_octets,
            "clock_rate": self.clock_rate,
            "ssrc": self.ssrc,
            "timestamp": _random.getrandbits(32),
            "sequence_number": _random.getrandbits(16),
            "lead": round(lead * 1e9),
            "lapse": round(LAPSE * 1e9),
        }
        try:
            code = lib.sw_tx_init(memory, octets, ffi.new("sw_tx_config *", config))
        except OverflowError as error:
            raise ConfigurationError(f"a field is out of its range: {error}") from None
        if code != lib.SW_OK:
            raise ConfigurationError(f"rate must be 1000 to 192000, not {self.rate!r}")
        return ffi.cast("sw_tx *", memory), memory

    def _attach(self) -> pacer.Outlet | PlayedOut:
        cname = f"{_random.getrandbits(96):024x}".encode()  # RFC 7022 section 4.1: one for each session
        if not isinstance(self._clock, RealClock):
            return PlayedOut(self._tx, self._socket, self._reports, self._clock, cname)
        try:
            rtcp = -1 if self._reports is None else self._reports.fileno()
            outlet = pacer.Outlet(
                self._tx, self._memory, rtp_fd=self._socket.fileno(), rtcp_fd=rtcp, speed=self._clock.speed, cname=cname
            )
            pacer.attach(outlet)
        except BaseException:
            self._close_sockets()
            raise
        return outlet

    # -- what is known

    def _state(self) -> Any:
        state = ffi.new("sw_tx_state *")
        lib.sw_tx_state_at(self._tx, self._now(), state)
        return state

    def _now(self) -> int:
        return round(self._clock.now() * 1e9)

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    @property
    def level(self) -> float:
        """Seconds until all that was sent has left, and its time is over: 0 when the far side hears nothing more."""
        return int(self._state().left) / 1e9

    @property
    def packets(self) -> int:
        """RTP packets that have left."""
        return int(self._state().packets)

    @property
    def sequence_number(self) -> int:
        """Of the next packet."""
        return int(self._state().sequence_number)

    @property
    def timestamp(self) -> int:
        """Of the next packet, if it follows without a lapse."""
        return int(self._state().timestamp)

    @property
    def stats(self) -> SenderStats:
        """What it has done so far."""
        state = self._state()
        own = self._outlet.report()
        return SenderStats(
            packets=state.packets,
            octets=state.octets,
            restarts=state.restarts,
            cleared=state.cleared,
            refused=own.refused,
            dropped=own.dropped,
            reports=own.reports,
            latest_ms=own.latest / 1e6,
        )

    # -- what is sent

    def send(self, pcm: Any, *, flush: bool = True, wait: bool = True) -> None:
        """Send samples; returns when the time has come at which the next ones would be due.

        Args:
            pcm: A buffer of int16, in the machine's order.
            flush: Fill a short last packet with silence; otherwise its samples wait for the next call.
            wait: False returns when the buffer has taken them, which is at once unless it is full.

        Raises:
            CodecError: They are no int16, or there is half a one.
            MediaError: The sender is closed, or the system refuses to send.
        """
        octets = 2 * self.samples
        self._check_process()
        with self._changed:
            self._check()
            data = self._rest + as_octets(pcm)
            short = len(data) % octets
            if flush and short:
                data += bytes(octets - short)
                short = 0
            self._rest = data[len(data) - short :]
        self._put_audio(data[: len(data) - short])
        if wait:
            self.drain()

    def _put_audio(self, data: bytes) -> None:
        """Queue whole packets."""
        octets, whole = 2 * self.samples, len(data)
        if self._encoder is not None:
            for at in range(0, whole, octets):
                payload = self._encoder.encode(data[at : at + octets])
                self._put(payload, self._units, payload_type=self.payload_type)
            return
        source, at = ffi.from_buffer(data), 0
        while at < whole:
            with self._changed:
                self._check()
                samples = (whole - at) // 2
                n = lib.sw_tx_put_audio(self._tx, self._number, self.payload_type, source + at, samples, self.samples)
            at += int(n) * octets
            self._attend(has_room=at >= whole)

    @property
    def _units(self) -> int:
        """Timestamp units of a packet."""
        return self.samples * self.clock_rate // self.rate

    def send_payload(self, payload: bytes, duration: int, *, marker: bool = False) -> None:
        """Send a payload that is encoded already, as one packet.

        Args:
            payload: 1 to as many octets as a packet of this sender's own has, 1,200 at most.
            duration: Timestamp units from it to the next packet.
            marker: Set the marker bit in any case.

        Raises:
            MediaError: The sender is closed, or the payload does not fit.
        """
        if not payload or not 0 < duration < 2**31:
            raise MediaError("a payload has at least one octet and a duration above zero")
        self._flush()
        self._put(payload, duration, payload_type=self.payload_type, marker=marker)

    def send_digits(self, digits: str, *, duration: float = 0.1, gap: float = 0.1, volume: int = -10) -> None:
        """Press keys: telephone-events after what is queued (RFC 4733), each ended by three packets.

        Args:
            digits: ``0`` to ``9``, ``*``, ``#``, ``A`` to ``D``; ``w`` waits half a second, ``W`` a whole one.
            duration: Seconds that each key is held.
            gap: Seconds between two keys; the repeated end packets may make it longer.
            volume: dBm0 of the tone, 0 to -63.

        Raises:
            ConfigurationError: There is no such key, or a number is out of its range.
            MediaError: The sender is closed.
        """
        frames = digit_frames(digits, self.clock_rate, step=self._units, duration=duration, gap=gap, volume=volume)
        self._flush()
        for frame in frames:
            self._put(
                frame.payload, frame.advance, back=frame.back,
                payload_type=self.event_payload_type, marker=frame.is_first,
            )  # fmt: skip

    def pause(self, seconds: float, *, lost: int = 0) -> None:
        """Be silent for so long without sending: the timestamps go on, and the next packet is marked.

        Args:
            seconds: Up to a day.
            lost: Sequence numbers to leave out, if this stands for packets that were lost on their way here.
        """
        if not 0 <= seconds <= 86400 or not 0 <= lost < 2**16:
            raise ConfigurationError(f"a pause has 0 to 86400 s and 0 to 65535 lost packets, not {seconds!r}, {lost!r}")
        self._flush()
        units = round(seconds * self.clock_rate)
        self._put(b"", units % 2**31, skip=lost, payload_type=self.payload_type)

    def _flush(self) -> None:
        self._check_process()
        with self._changed:
            waiting = bool(self._rest)
        if waiting:
            self.send(b"", wait=False)

    def _put(
        self, payload: bytes, advance: int, *, payload_type: int, back: int = 0, skip: int = 0, marker: bool = False
    ) -> None:
        frame = ffi.new("sw_tx_frame *", (advance, back, skip, payload_type, marker))
        while True:
            with self._changed:
                self._check()
                code = lib.sw_tx_put(self._tx, frame, payload, len(payload))
            if code == lib.SW_EINVAL:
                raise MediaError(f"a payload of {len(payload)} octets is more than this sender's packets hold")
            self._attend(has_room=code == lib.SW_OK)
            if code == lib.SW_OK:
                return

    def _check_process(self) -> None:
        """Raise in a forked child; before a lock, which the fork may have stuck."""
        if os.getpid() != self._pid:
            raise MediaError("this sender belongs to the parent process; make one after the fork")

    def _check(self) -> None:
        """Requires _changed."""
        if self._closed:
            raise MediaError("the sender is closed")
        error = self._outlet.report().error
        if error:
            raise MediaError(f"cannot send RTP: {os.strerror(error)}")

    def _attend(self, has_room: bool) -> None:
        """Have what is queued sent; wait for a part of it if there was not enough room."""
        if not self._outlet.attend() and not has_room:
            # The buffer empties at the pace of the clock: when there will be room is known.
            self._wait(max(self.ptime / 1000, self.level / 4))

    def _wait(self, seconds: float) -> None:
        """So long, or until it is closed."""
        with self._changed:
            if not self._closed:
                self._changed.wait(seconds)

    def drain(self, timeout: float | None = None) -> None:
        """Wait until all that was sent has left and its time is over; returns at once when it is closed.

        Raises:
            TimeoutError: It has not, in time.
            MediaError: The system refuses to send.
        """
        self._check_process()
        deadline = None if timeout is None else self._clock.now() + seconds_of(timeout)
        while not self._closed and (left := self.level) > 0:
            with self._changed:
                if not self._closed:
                    self._check()
            if deadline is not None:
                if self._clock.now() >= deadline:
                    raise TimeoutError(f"{left:.2f} s of audio have not left within {timeout} s")
                left = min(left, deadline - self._clock.now())
            self._wait(max(left, 0.001))

    def clear(self) -> None:
        """Drop what is queued. What has left already is heard; the next packet is marked."""
        self._check_process()
        with self._changed:
            self._check()
            self._rest = b""
            lib.sw_tx_clear(self._tx)
        self._outlet.attend(always=True)

    # -- the end

    def close(self) -> None:
        """Say goodbye (RTCP) and close the sockets. Idempotent. What has not left is dropped: ``drain`` first."""
        if os.getpid() != self._pid:
            return  # a forked child touches nothing of its parent's
        with self._changed:
            already, self._closed = self._closed, True
            self._changed.notify_all()
        if already:
            return
        try:
            self._outlet.detach()
        finally:
            self._close_sockets()

    def _close_sockets(self) -> None:
        self._socket.close()
        if self._reports is not None:
            self._reports.close()

    def __enter__(self) -> RtpSender:
        return self

    def __exit__(self, kind: type[BaseException] | None, *args: object) -> None:
        try:
            if kind is None:
                self.drain()
        finally:
            self.close()


def _encoder(codec: str, rate: int, ptime: int) -> Any:
    from swsync.media import g722, opus

    return (opus if codec == "OPUS" else g722).encoder(rate, ptime)
