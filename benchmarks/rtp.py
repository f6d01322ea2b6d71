"""RTP in batches against aiortc's packets and jitter buffer with audioop. PCMA, in which audioop and ITU-T agree."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtp import RtpPacket as TheirPacket
from swsync._media import ffi, lib

from benchmarks._measure import Line, Unequal, check_equal, faster, interleave
from benchmarks.codec import FRAME, speech_like
from swsync.media.rtp import RtpSource

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

PACKETS = 2000
BATCH = 500  # packets a call on our side: ten seconds of one stream, or one tick of 500 streams
SSRC = 0x5157C0DE
PREFETCH = 4  # what aiortc's audio receiver uses, as is the capacity
CAPACITY = 16
RING = 1 << 19  # samples, more than are sent
PTIME = 20_000_000  # nanoseconds


def run(rounds: int) -> Iterator[Line]:
    """Both directions."""
    pcm = speech_like(FRAME * PACKETS, seed=3).tobytes()
    yield _send(pcm, rounds)
    yield _receive(pcm, rounds)


def _their_packets(pcm: bytes) -> list[bytes]:
    datagrams = []
    for i in range(PACKETS):
        payload = audioop.lin2alaw(pcm[2 * FRAME * i : 2 * FRAME * (i + 1)], 2)
        packet = TheirPacket(payload_type=8, sequence_number=i, timestamp=FRAME * i, ssrc=SSRC, payload=payload)
        datagrams.append(packet.serialize())
    return datagrams


def _send(pcm: bytes, rounds: int) -> Line:
    out = bytearray(PACKETS * (12 + FRAME))

    def ours() -> bytearray:
        RtpSource("PCMA", ssrc=SSRC).packetize_into(pcm, out)
        return out

    def theirs() -> list[bytes]:
        return _their_packets(pcm)

    check_equal(bytes(ours()), b"".join(theirs()), "RTP build")
    times = interleave(rounds, {"ours": ours, "aiortc + audioop": theirs})
    return faster("RTP build + encode, batch", times, "ours", "aiortc + audioop", 60)


class _Receiver:
    """The C receiver and ring of :mod:`swsync.media` without a socket. Each run is the stream's next 40 seconds."""

    def __init__(self, datagrams: list[bytes]) -> None:
        octets = 12 + FRAME
        self.count = len(datagrams)
        self.joined = bytearray(b"".join(datagrams))
        self.input = ffi.from_buffer(self.joined)
        self.sequence_numbers = np.ndarray(self.count, ">u2", self.joined, 2, (octets,))
        self.timestamps = np.ndarray(self.count, ">u4", self.joined, 4, (octets,))
        self.arrivals = np.arange(1, self.count + 1, dtype=np.int64) * PTIME
        self.lengths = ffi.new("uint32_t[]", [octets] * self.count)
        self.sender = ffi.new("sw_address *", {"octets": [127, 0, 0, 1], "family": 4, "port": 5004})
        self.ring, self.track = _aligned("sw_track *", lib.sw_track_octets(RING))
        self.memory, self.rx = _aligned("sw_rx *", lib.sw_rx_octets())
        lib.sw_track_init(self.track, lib.sw_track_octets(RING), RING, 8000, lib.SW_CODEC_PCMA, 8000, 16)
        lib.sw_rx_init(self.rx, lib.sw_rx_octets(), self.track, lib.SW_CODEC_PCMA, 8000, 8)
        self.reader, self.used, self.spans = ffi.new("sw_reader *"), ffi.new("int32_t *"), ffi.new("sw_span[]", 4)
        self.reader.position = FRAME * self.count  # go_on() comes before the first run
        self.pcm = bytearray(2 * FRAME * self.count)
        self.output = ffi.from_buffer(self.pcm)

    def run(self) -> bytearray:
        """Parse, order, decode and place all datagrams, and read every sample, a batch after the other."""
        arrivals = ffi.from_buffer("int64_t[]", self.arrivals)
        for first in range(0, self.count, BATCH):
            count = min(BATCH, self.count - first)
            start, rest = self.input + (12 + FRAME) * first, (12 + FRAME) * count
            lengths, times = self.lengths + first, arrivals + first
            lib.sw_rx_feed(self.rx, start, rest, 0, lengths, times, count, self.sender)
            self._read(FRAME * first, FRAME * (first + count))
        return self.pcm

    def _read(self, done: int, end: int) -> None:
        """Read the samples between these places of the output."""
        until = self.reader.position + end - done
        while done < end:
            room = self.output + 2 * done
            got = lib.sw_track_read(self.track, self.reader, end - done, until, room, self.spans, 4, self.used)
            if got <= 0:
                raise Unequal("RTP receive: samples are missing")
            done += got

    def go_on(self) -> None:
        """Make the datagrams the stream's next ones."""
        self.sequence_numbers += self.count % 65536
        self.timestamps += FRAME * self.count
        self.arrivals += PTIME * self.count


def _aligned(kind: str, octets: int) -> tuple[Any, Any]:
    """Zeroed memory, and a pointer to the first multiple of 64 in it."""
    memory = ffi.new("uint8_t[]", octets + 63)
    return memory, ffi.cast(kind, (int(ffi.cast("uintptr_t", memory)) + 63) & ~63)


def _receive(pcm: bytes, rounds: int) -> Line:
    datagrams = _their_packets(pcm)
    for i in range(100, PACKETS - 100, 40):  # one in twenty out of order
        datagrams[i], datagrams[i + 1] = datagrams[i + 1], datagrams[i]
    flush = [
        TheirPacket(payload_type=8, sequence_number=PACKETS + i, timestamp=FRAME * (PACKETS + i), ssrc=SSRC)
        for i in range(PREFETCH + 2)
    ]
    receiver = _Receiver(datagrams)

    def theirs() -> list[bytes]:
        buffer, decoded = JitterBuffer(CAPACITY, PREFETCH), []
        for packet in (*map(TheirPacket.parse, datagrams), *flush):
            packet._data = packet.payload  # type: ignore[attr-defined] # as its receiver does
            _, frame = buffer.add(packet)
            if frame is not None:
                decoded.append(audioop.alaw2lin(frame.data, 2))
        return decoded

    for _ in range(3):
        receiver.go_on()
        check_equal(bytes(receiver.run()), b"".join(theirs()), "RTP receive")
    times = interleave(rounds, {"ours": receiver.run, "aiortc + audioop": theirs}, {"ours": receiver.go_on})
    what, note = "RTP parse + jitter buffer + decode, batch", f"{BATCH} packets a call, a ring of {RING:,} samples"
    return faster(what, times, "ours", "aiortc + audioop", 80, note=note)
