"""RTP to one address, paced as it would be spoken."""

from __future__ import annotations

import random
import socket
from typing import TYPE_CHECKING, Any

from swsync.clock import REAL
from swsync.errors import CodecError, ConfigurationError, MediaError
from swsync.media.rtp import packetize
from swsync.media.track import codec_number
from swsync.states import Codec

if TYPE_CHECKING:
    from swsync.clock import Clock

__all__ = ["RtpSender"]

PAYLOAD_TYPES = {"PCMU": 0, "PCMA": 8, "L16": 96}
LARGEST = 1200  # octets of payload: what passes every network in one piece
BEHIND = 0.5  # seconds that a sender may be late and still catch up; after more of them it starts anew from now

_random = random.SystemRandom()


class RtpSender:
    """Sends int16 samples as RTP, each packet at its time.

    Not for use by two threads at once.

    Args:
        host: The receiver's name or address.
        port: The receiver's port.
        codec: ``PCMU``, ``PCMA`` or ``L16``.
        ptime: Milliseconds a packet, 10 to 120.
        rate: Samples a second.
        ssrc: Random by default, as are the first sequence number and timestamp (RFC 3550 section 5.1).
        payload_type: That of RFC 3551 by default, 96 for L16.
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
        rate: int = 8000,
        ssrc: int | None = None,
        payload_type: int | None = None,
        local_host: str = "",
        local_port: int = 0,
        clock: Clock = REAL,
    ) -> None:
        self.codec, self.ptime, self.rate = str(codec).upper(), ptime, rate
        codec_number(codec, "big")
        if not 10 <= ptime <= 120 or rate * ptime % 1000:
            raise ConfigurationError(f"ptime must be 10 to 120 ms and whole samples at {rate} Hz, not {ptime!r}")
        self.samples = rate * ptime // 1000  # of a packet
        if self.samples * (2 if self.codec == "L16" else 1) > LARGEST:
            raise ConfigurationError(
                f"{self.codec} at {rate} Hz with ptime {ptime} makes packets over {LARGEST} octets"
            )
        if not 1 <= port <= 65535:
            raise ConfigurationError(f"port must be 1 to 65535, not {port!r}")
        self.payload_type = PAYLOAD_TYPES[self.codec] if payload_type is None else payload_type
        self.ssrc = _random.getrandbits(32) if ssrc is None else ssrc
        self.sequence_number = _random.getrandbits(16)  # of the next packet, as is `timestamp`
        self.timestamp = _random.getrandbits(32)
        self.packets = 0
        self._clock = clock
        self._due: float | None = None  # when the next packet is to leave; None before the first
        self._talks = False  # whether the next packet follows another without a pause
        self._rest = b""  # samples that do not fill a packet yet
        self._socket = self._open(host, port, local_host, local_port)
        self.local_address: tuple[str, int] = self._socket.getsockname()[:2]

    @staticmethod
    def _open(host: str, port: int, local_host: str, local_port: int) -> socket.socket:
        try:
            family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
            sock = socket.socket(family, socket.SOCK_DGRAM)
        except (OSError, UnicodeError) as error:
            raise MediaError(f"cannot send RTP to {host!r} port {port}: {error}") from None
        try:
            if local_host or local_port:
                sock.bind((local_host, local_port))
            sock.connect(address)
        except OSError as error:
            sock.close()
            raise MediaError(f"cannot send RTP to {host} port {port}: {error.strerror or error}") from None
        return sock

    @property
    def closed(self) -> bool:
        """Whether the socket was closed."""
        return self._socket.fileno() < 0

    def send(self, pcm: Any, *, flush: bool = True) -> None:
        """Send samples; returns when the time has come at which the next ones would be due.

        Args:
            pcm: A buffer of int16, in the machine's order.
            flush: Fill a short last packet with silence; otherwise its samples wait for the next call.

        Raises:
            CodecError: Half a sample.
            MediaError: The socket is closed, or the system refuses to send.
        """
        if self.closed:
            raise MediaError("the sender is closed")
        data = self._rest + bytes(memoryview(pcm).cast("B"))
        if len(data) % 2:
            raise CodecError(f"{len(data)} octets are no whole number of int16 samples")
        octets = 2 * self.samples
        whole = len(data) if flush else len(data) - len(data) % octets
        self._rest = data[whole:]
        for at in range(0, whole, octets):
            self._send_one(data[at : min(at + octets, whole)])
        if self._due is not None:
            self._clock.sleep(self._due - self._clock.now())

    def pause(self, seconds: float) -> None:
        """Be silent for so long without sending: the timestamps go on, and the next packet is marked."""
        self.timestamp = (self.timestamp + round(seconds * self.rate)) % 2**32
        self._talks = False
        if self._due is not None:
            self._due += seconds
            self._clock.sleep(self._due - self._clock.now())

    def _send_one(self, pcm: bytes) -> None:
        """Wait for its time, then send one packet. The marker bit begins a talkspurt (RFC 3551 section 4.1)."""
        now = self._clock.now()
        if self._due is None or now - self._due > BEHIND:
            self._due = now
        elif self._due > now:
            self._clock.sleep(self._due - now)
        (datagram,) = packetize(
            pcm, self.codec, self.ptime, self.sequence_number, self.timestamp, self.ssrc,
            marker=not self._talks, payload_type=self.payload_type, rate=self.rate,
        )  # fmt: skip
        try:
            self._socket.send(datagram)
        except ConnectionRefusedError:
            pass  # an ICMP message about an earlier packet: nobody listened then, somebody may now
        except OSError as error:
            raise MediaError(f"cannot send RTP: {error.strerror or error}") from None
        self._talks = True
        self.packets += 1
        self.sequence_number = (self.sequence_number + 1) % 2**16
        self.timestamp = (self.timestamp + self.samples) % 2**32
        self._due += self.ptime / 1000

    def close(self) -> None:
        """Close the socket. Idempotent. Samples kept back by ``flush=False`` are dropped."""
        self._socket.close()

    def __enter__(self) -> RtpSender:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()
