"""Captures of RTP for Wireshark: written as Ethernet frames with right checksums, read from pcap and pcapng."""

from __future__ import annotations

import ipaddress
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import attrs

from swsync.errors import MediaError, PacketError
from swsync.media.partfile import PartFile
from swsync.media.rtp import RtpPacket

if TYPE_CHECKING:
    from typing import TypeAlias

    Address: TypeAlias = "tuple[str, int]"

__all__ = ["CapturedPacket", "PcapWriter", "read_pcap"]

MAGIC, NANO_MAGIC, NG_MAGIC = 0xA1B2C3D4, 0xA1B23C4D, 0x0A0D0D0A
ETHERNET = 1
LATEST = 2.0**33  # seconds since 1970 of a frame that is believed: the year 2242
LONGEST = 262_144  # octets of a frame that is believed
UDP = 17
LOOPBACK = ("127.0.0.1", 5004)


def is_address(host: str) -> bool:
    """Whether it is an IP address, and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    total: int = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _frame(datagram: bytes, source: Address, destination: Address) -> bytes:
    """An Ethernet frame with IP and UDP (RFC 791, 8200, 768)."""
    one, two = ipaddress.ip_address(source[0]), ipaddress.ip_address(destination[0])
    if one.version != two.version:
        raise MediaError(f"{source[0]} and {destination[0]} are addresses of different kinds")
    octets = 8 + len(datagram)
    pseudo = one.packed + two.packed + struct.pack("!HH" if one.version == 4 else "!II", UDP, octets)
    head = struct.pack("!HHH", source[1], destination[1], octets)
    check = _checksum(pseudo + head + b"\0\0" + datagram) or 0xFFFF
    udp = head + struct.pack("!H", check) + datagram
    if one.version == 6:
        ip = struct.pack("!IHBB", 6 << 28, octets, UDP, 64) + one.packed + two.packed
        return bytes(12) + b"\x86\xdd" + ip + udp
    first = struct.pack("!BBHHHBB", 0x45, 0, 20 + octets, 0, 0x4000, 64, UDP)
    ip = first + struct.pack("!H", _checksum(first + b"\0\0" + one.packed + two.packed)) + one.packed + two.packed
    return bytes(12) + b"\x08\x00" + ip + udp


class PcapWriter:
    """Writes datagrams into a pcap: ``path.part``, readable at any moment, which becomes ``path`` when it is closed.

    Raises:
        MediaError: The file cannot be made.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = PartFile(path)
        self._end = 0
        self.packets = 0
        self._put(struct.pack("<IHHiIII", NANO_MAGIC, 2, 4, 0, 0, LONGEST, ETHERNET))

    @property
    def path(self) -> Path:
        """Of the finished file."""
        return self._file.path

    @property
    def closed(self) -> bool:
        """Whether the file is finished."""
        return self._file.closed

    def write(
        self,
        datagram: bytes,
        at: float,
        source: Address = ("127.0.0.1", 5004),
        destination: Address = ("127.0.0.1", 5004),
    ) -> None:
        """Add a datagram.

        Args:
            datagram: RTP, RTCP or any other.
            at: Seconds since 1970.
            source: Address and port that it came from.
            destination: Address and port that it went to.

        Raises:
            MediaError: The disk is full, the file is closed, or an address makes no sense.
        """
        if self.closed:
            raise MediaError(f"the capture {self.path} is closed")
        if len(datagram) > 65_000 or not 0 <= at < 2**32:
            raise MediaError(f"a datagram has at most 65,000 octets and a time after 1970, not {len(datagram)}, {at!r}")
        try:
            frame = _frame(datagram, source, destination)
        except (ValueError, struct.error) as error:
            raise MediaError(f"{source} to {destination} cannot be written: {error}") from None
        seconds, nanoseconds = divmod(round(at * 1e9), 1_000_000_000)
        self._put(struct.pack("<IIII", seconds, nanoseconds, len(frame), len(frame)) + frame)
        self.packets += 1

    def _put(self, data: bytes) -> None:
        """All of it or none: a record that is cut off would spoil the file for strict readers."""
        try:
            if os.pwrite(self._file.fd, data, self._end) < len(data):
                raise OSError(28, os.strerror(28))
        except OSError as error:
            os.ftruncate(self._file.fd, self._end)
            raise self._file.failure(error) from None
        self._end += len(data)

    def close(self) -> None:
        """Give the file its name. Idempotent.

        Raises:
            MediaError: It could not be renamed; ``path.part`` is still there.
        """
        self._file.close(self._end)

    def __enter__(self) -> PcapWriter:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()


@attrs.frozen(kw_only=True)
class CapturedPacket:
    """One RTP packet of a capture.

    Attributes:
        packet: The packet.
        at: Seconds since 1970.
        source: Address and port that it came from.
        destination: Address and port that it went to.
    """

    packet: RtpPacket
    at: float
    source: tuple[str, int]
    destination: tuple[str, int]

    @property
    def stream(self) -> tuple[tuple[str, int], tuple[str, int], int]:
        """What packets of one stream have in common: source, destination and SSRC."""
        return self.source, self.destination, self.packet.ssrc


def read_pcap(path: str | os.PathLike[str]) -> Iterator[CapturedPacket]:
    """Go through the RTP packets of a capture (pcap or pcapng, of Ethernet, Linux "any" or raw IP) in its order.

    A UDP datagram that parses as RTP is taken for it. Whatever else there is, fragments and cut off frames, is passed
    over.

    Raises:
        MediaError: The file cannot be read, or is no capture.
    """
    try:
        with open(path, "rb") as file:
            for at, link, frame in _frames(file):
                found = _datagram(link, frame)
                if found is None:
                    continue
                source, destination, datagram = found
                try:
                    packet = RtpPacket.parse(datagram)
                except PacketError:
                    continue
                yield CapturedPacket(packet=packet, at=at, source=source, destination=destination)
    except OSError as error:
        raise MediaError(f"cannot read the capture {os.fspath(path)}: {error.strerror or error}") from None


def _frames(file: BinaryIO) -> Iterator[tuple[float, int, bytes]]:
    """Time, link type and octets of each frame."""
    head = file.read(24)
    for order in "<>":
        magic = int.from_bytes(head[:4], "little" if order == "<" else "big")
        if magic in (MAGIC, NANO_MAGIC) and len(head) == 24:
            link = struct.unpack_from(order + "I", head, 20)[0] & 0xFFFF
            yield from _classic(file, order, 1e-6 if magic == MAGIC else 1e-9, link)
            return
    if head[:4] != b"\x0a\x0d\x0d\x0a":
        raise MediaError(f"{getattr(file, 'name', 'the file')} is neither pcap nor pcapng")
    file.seek(0)
    yield from _next_generation(file)


def _classic(file: BinaryIO, order: str, unit: float, link: int) -> Iterator[tuple[float, int, bytes]]:
    while len(head := file.read(16)) == 16:
        seconds, part, length, _ = struct.unpack(order + "IIII", head)
        frame = file.read(min(length, LONGEST))
        if length > LONGEST or len(frame) < length:
            return
        yield seconds + part * unit, link, frame


def _next_generation(file: BinaryIO) -> Iterator[tuple[float, int, bytes]]:
    """Section headers, interfaces and enhanced packets of pcapng; other blocks are passed over."""
    order, interfaces = "<", list[tuple[int, float]]()
    while len(head := file.read(8)) == 8:
        if head[:4] == b"\x0a\x0d\x0d\x0a":
            mark = file.read(4)
            order = "<" if mark == b"\x4d\x3c\x2b\x1a" else ">"
            interfaces = []
            body = mark + file.read(max(0, min(struct.unpack_from(order + "I", head, 4)[0], LONGEST) - 12))
            continue
        kind, length = struct.unpack(order + "II", head)
        if not 12 <= length <= LONGEST + 64:
            return
        body = file.read(length - 8)
        if len(body) < length - 8:
            return
        if kind == 1 and len(body) >= 8:
            interfaces.append((struct.unpack_from(order + "H", body)[0], _resolution(body[8:-4], order)))
        elif kind == 6 and len(body) >= 20:
            number, high, low, octets = struct.unpack_from(order + "IIII", body)
            if number < len(interfaces):
                link, unit = interfaces[number]
                at = (high << 32 | low) * unit
                if at <= LATEST:
                    yield at, link, body[20 : 20 + octets]


def _resolution(options: bytes, order: str) -> float:
    """The unit of an interface's times in seconds: option if_tsresol, by default a microsecond."""
    at = 0
    while at + 4 <= len(options):
        code, length = struct.unpack_from(order + "HH", options, at)
        if code == 9 and length == 1 and at + 4 < len(options):
            value = options[at + 4]
            return 2.0 ** -(value & 127) if value & 128 else 10.0**-value
        at += 4 + (length + 3) // 4 * 4
    return 1e-6


# Link type -> octets before the network layer, and where in them its EtherType lies (None: look at the IP version).
LINKS = {0: (4, None), 1: (14, 12), 101: (0, None), 113: (16, 14), 228: (0, None), 229: (0, None), 276: (20, 0)}


def _datagram(link: int, frame: bytes) -> tuple[Address, Address, bytes] | None:
    """Source, destination and payload of a whole UDP datagram; None if it is none."""
    if link not in LINKS:
        return None
    skip, at = LINKS[link]
    if at is not None:
        kind = frame[at : at + 2]
        while kind in (b"\x81\x00", b"\x88\xa8"):  # VLAN tags
            kind, skip = frame[skip + 2 : skip + 4], skip + 4
        if kind not in (b"\x08\x00", b"\x86\xdd"):
            return None
    packet = frame[skip:]
    version = packet[0] >> 4 if packet else 0
    if version == 4 and len(packet) >= 20:
        octets = (packet[0] & 15) * 4
        is_whole = not struct.unpack_from("!H", packet, 6)[0] & 0x3FFF
        protocol, addresses = packet[9], (packet[12:16], packet[16:20])
    elif version == 6 and len(packet) >= 40:
        octets, is_whole, protocol, addresses = 40, True, packet[6], (packet[8:24], packet[24:40])
    else:
        return None
    udp = packet[octets:]
    if protocol != UDP or not is_whole or octets < 20 or len(udp) < 8:
        return None
    one, two, length = struct.unpack_from("!HHH", udp)
    if not 8 <= length <= len(udp):
        return None
    names = [str(ipaddress.ip_address(address)) for address in addresses]
    return (names[0], one), (names[1], two), udp[8:length]
