"""UDP sockets to send by: that of a stream and that of its RTCP, and many datagrams by few system calls."""

from __future__ import annotations

import socket

from swsync._media import ffi, lib
from swsync.errors import MediaError

__all__ = ["open_pair", "packed_address", "send_many"]


def open_pair(
    host: str, port: int, local_host: str, local_port: int, rtcp: str
) -> tuple[socket.socket, socket.socket | None]:
    """The socket of RTP and that of RTCP: the same one to multiplex, None for no reports."""
    sock = _connect(host, port, local_host, local_port)
    if rtcp == "mux":
        return sock, sock
    if rtcp == "none" or port == 65535:
        return sock, None
    try:
        own, number = sock.getsockname()[:2]
        try:
            return sock, _connect(host, port + 1, own, min(number + 1, 65535))
        except MediaError:
            return sock, _connect(host, port + 1, own, 0)  # the neighbour is taken: any port will do
    except BaseException:
        sock.close()
        raise


def _connect(host: str, port: int, local_host: str, local_port: int) -> socket.socket:
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


def packed_address(host: str, port: int) -> bytes:
    """An IPv4 address and port as ``send_many`` takes them.

    Raises:
        OSError: The host is no IPv4 address.
    """
    address = ffi.new("sw_address *", {"family": 4, "port": port})
    ffi.buffer(address.octets)[0:4] = socket.inet_aton(host)
    return bytes(ffi.buffer(address))


def send_many(sock: socket.socket, datagrams: list[bytes], addresses: list[bytes]) -> int:
    """Send datagrams, each to an address of its own, by few system calls; returns how many the system took.

    It never waits. With a full buffer what is left is dropped, as a network does.

    Args:
        sock: A UDP socket of IPv4.
        datagrams: What to send.
        addresses: Where each goes (``packed_address``).
    """
    lengths = ffi.new("uint32_t[]", [len(datagram) for datagram in datagrams])
    to = ffi.from_buffer("sw_address[]", b"".join(addresses))
    data = b"".join(datagrams)
    taken = int(lib.sw_send_many(sock.fileno(), data, len(data), lengths, to, min(len(datagrams), len(to))))
    if taken < 0:
        raise MediaError(f"cannot send datagrams: {ffi.string(lib.sw_strerror(taken)).decode()}")
    return taken
