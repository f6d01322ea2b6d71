"""The processes of :mod:`benchmarks.rtp_taps`: a paced sender, and receivers that count their processor time."""

from __future__ import annotations

import asyncio
import json
import resource
import selectors
import socket
import statistics
import struct
import sys
import threading
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

TAPS = 500
BUSY = 4
HEADER = struct.Struct("!BBHII")
PAYLOAD = bytes(range(160))
SLICES = 8  # of the 20 ms, in each of which an eighth of the taps is sent
RING = 2 * 16_000  # octets that a tap keeps: two seconds, as ours does when asked for one


def say(**values: Any) -> None:
    print(json.dumps(values), flush=True)


def parts(order: Any) -> Iterator[range]:
    """The numbers of the packets that come before the counting, if there are any, and of those that are counted."""
    before = order.get("before", 0)
    if before:
        yield range(before)
        time.sleep(0.1)
        say(begun=True)
        sys.stdin.readline()
    yield range(before, before + order["packets"])


def send() -> None:
    """Send each port its packets, each port at its own moment of the 20 ms, on absolute time."""
    order = json.loads(sys.stdin.readline())
    ports = order["ports"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for numbers in parts(order):
            begin = time.monotonic() - 0.02 * numbers[0]
            for i in numbers:
                for n, port in enumerate(ports):
                    wait = begin + 0.02 * (i + n / len(ports)) - time.monotonic()
                    if wait > 0.0005:
                        time.sleep(wait)
                    sock.sendto(HEADER.pack(0x80, 0, i, 160 * i, 1000 + n) + PAYLOAD, ("127.0.0.1", port))
    time.sleep(0.1)
    say(sent=order["packets"] * len(ports))


def send_shared() -> None:
    """The same to one port, from a socket for each tap."""
    taps = json.loads(sys.stdin.readline())["taps"]
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(taps)]
    for sock in sockets:
        sock.bind(("127.0.0.1", 0))
    say(sources=[sock.getsockname()[1] for sock in sockets])
    order = json.loads(sys.stdin.readline())
    ports = order["ports"]
    for n, sock in enumerate(sockets):
        sock.connect(("127.0.0.1", ports[n % len(ports)]))  # else each datagram looks for its way
    sends = [sock.send for sock in sockets]
    for numbers in parts(order):
        began, late = time.monotonic(), 0.0
        begin = began - 0.02 * numbers[0]
        for i in numbers:
            for part in range(SLICES):
                late = max(late, _wait_until(begin + 0.02 * (i + part / SLICES)))
                for n in range(part, taps, SLICES):
                    sends[n](HEADER.pack(0x80, 0, i, 160 * i, 1000 + n) + PAYLOAD)
        took = time.monotonic() - began
    time.sleep(0.2)
    say(sent=order["packets"] * taps, took=took, late=late)


def send_batches() -> None:
    """To a port each from one socket, as many datagrams a system call as there are due: for thousands of taps."""
    from swsync.media.datagrams import packed_address, send_many

    taps = json.loads(sys.stdin.readline())["taps"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 << 20)
        say(sources=[sock.getsockname()[1]] * taps)
        order = json.loads(sys.stdin.readline())
        ports, packets = order["ports"], order["packets"]
        addresses = [packed_address("127.0.0.1", port) for port in ports]
        begin, late, sent = time.monotonic(), 0.0, 0
        for i in range(packets):
            for part in range(SLICES):
                late = max(late, _wait_until(begin + 0.02 * (i + part / SLICES)))
                numbers = range(part, len(ports), SLICES)
                datagrams = [HEADER.pack(0x80, 0, i, 160 * i, 1000 + n) + PAYLOAD for n in numbers]
                sent += send_many(sock, datagrams, addresses[part::SLICES])
        took = time.monotonic() - begin
    time.sleep(0.2)
    say(sent=sent, took=took, late=late)


def _wait_until(moment: float) -> float:
    """Sleep until then; returns how late it is."""
    wait = moment - time.monotonic()
    if wait > 0.0002:
        time.sleep(wait)
    return -wait


class Tap:
    """What the two Python receivers do with a packet: check, pin the source, order, decode, place by timestamp."""

    __slots__ = ("first", "packets", "pcm", "samples", "seen", "source", "ssrc")

    def __init__(self) -> None:
        self.source: object = None
        self.ssrc = self.first = self.packets = self.samples = 0
        self.seen: set[int] = set()
        self.pcm = bytearray(RING)

    def take(self, datagram: bytes, source: object) -> None:
        if len(datagram) < 12:
            return
        first, second, sequence_number, timestamp, ssrc = HEADER.unpack_from(datagram)
        if first != 0x80 or second & 0x7F:
            return
        if self.source is None:
            self.source, self.ssrc, self.first = source, ssrc, timestamp
        if source != self.source or ssrc != self.ssrc or sequence_number in self.seen:
            return
        self.seen.add(sequence_number)
        samples = audioop.ulaw2lin(datagram[12:], 2)
        at = 2 * (timestamp - self.first) % RING
        self.pcm[at : at + len(samples)] = samples
        self.samples += len(samples) // 2
        self.packets += 1


def open_sockets() -> list[socket.socket]:
    found = []
    for _ in range(TAPS):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 256 * 1024)  # as ours
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        found.append(sock)
    return found


class Count:
    """What is received, and the processor time of that, since the last ``begin``."""

    def __init__(self, totals: Callable[[], tuple[int, int]]) -> None:
        self._totals = totals  # packets and samples so far
        self.begin()

    def begin(self) -> None:
        self._packets, self._samples = self._totals()
        self._cpu = time.process_time()

    def hear(self) -> bool:
        """Do what a line of standard input says; False: it ends."""
        if sys.stdin.readline().strip() != "begin":
            return False
        self.begin()
        say(begun=True)
        return True

    def report(self, cpu: float | None = None) -> None:
        cpu = (time.process_time() if cpu is None else cpu) - self._cpu
        packets, samples = self._totals()
        say(packets=packets - self._packets, samples=samples - self._samples, cpu=cpu)


def count(taps: list[Tap]) -> Count:
    return Count(lambda: (sum(tap.packets for tap in taps), sum(tap.samples for tap in taps)))


def by_selectors() -> None:
    sockets, chooser, taps = open_sockets(), selectors.DefaultSelector(), []
    for sock in sockets:
        taps.append(Tap())
        chooser.register(sock, selectors.EVENT_READ, taps[-1])
    chooser.register(sys.stdin, selectors.EVENT_READ, None)
    counted = count(taps)
    say(ports=[sock.getsockname()[1] for sock in sockets])
    timeout = None
    while ready := chooser.select(timeout):
        for key, _ in ready:
            if key.data is not None:
                key.data.take(*key.fileobj.recvfrom(2048))  # type: ignore[union-attr]
            elif not counted.hear():
                chooser.unregister(sys.stdin)
                timeout = 0.2
    counted.report()


class Protocol(asyncio.DatagramProtocol):
    def __init__(self, tap: Tap) -> None:
        self.tap = tap

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.tap.take(data, addr)


async def by_asyncio() -> None:
    loop, taps = asyncio.get_running_loop(), [Tap() for _ in range(TAPS)]
    sockets = open_sockets()
    for sock, tap in zip(sockets, taps, strict=True):
        await loop.create_datagram_endpoint(lambda tap=tap: Protocol(tap), sock=sock)  # type: ignore[misc]
    await serve(taps, [sock.getsockname()[1] for sock in sockets])


async def serve(taps: list[Tap], ports: list[int]) -> None:
    loop, stopped, counted = asyncio.get_running_loop(), asyncio.Event(), count(taps)
    loop.add_reader(sys.stdin, lambda: counted.hear() or stopped.set())
    say(ports=ports)
    await stopped.wait()
    loop.remove_reader(sys.stdin)
    before = -1
    while before != (before := sum(tap.packets for tap in taps)):  # what it still has to catch up with
        await asyncio.sleep(0.2)
    counted.report()


def one_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)  # as ours
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


def by_selectors_shared() -> None:
    sources = json.loads(sys.stdin.readline())["sources"]
    taps = {("127.0.0.1", port): Tap() for port in sources}
    sock, chooser = one_socket(), selectors.DefaultSelector()
    chooser.register(sock, selectors.EVENT_READ, True)
    chooser.register(sys.stdin, selectors.EVENT_READ, None)
    counted = count(list(taps.values()))
    say(ports=[sock.getsockname()[1]])
    timeout = None
    while ready := chooser.select(timeout):
        for key, _ in ready:
            if key.data is not None:
                datagram, source = sock.recvfrom(2048)
                taps[source].take(datagram, source)
            elif not counted.hear():
                chooser.unregister(sys.stdin)
                timeout = 0.2
    counted.report()


class SharedProtocol(asyncio.DatagramProtocol):
    def __init__(self, taps: dict[object, Tap]) -> None:
        self.taps = taps

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.taps[addr].take(data, addr)


async def by_asyncio_shared() -> None:
    sources = json.loads(sys.stdin.readline())["sources"]
    taps: dict[object, Tap] = {("127.0.0.1", port): Tap() for port in sources}
    sock = one_socket()
    await asyncio.get_running_loop().create_datagram_endpoint(lambda: SharedProtocol(taps), sock=sock)
    await serve(list(taps.values()), [sock.getsockname()[1]])


def by_swsync_shared() -> None:
    from swsync import media

    sources = json.loads(sys.stdin.readline())["sources"]
    with media.RtpPort(receivers=2 * len(sources)) as port:
        receivers = [media.RtpReceiver(port=port, buffer=1.0, source=("127.0.0.1", n)) for n in sources]
        receive(receivers, [port.port])


def receive(receivers: list[Any], ports: list[int]) -> None:
    """What ours receive, until they are told to stop."""

    def totals() -> tuple[int, int]:
        stats = [receiver.stats for receiver in receivers]
        return sum(s.packets for s in stats), sum(s.samples for s in stats)

    counted = Count(totals)
    say(ports=ports)
    while counted.hear():
        pass
    counted.report(time.process_time())  # read before the statistics, which are not of receiving


def hold(kind: str) -> None:
    """Receivers whose every sample is read and summed up, once a second; what all of that costs."""
    from swsync import media
    from swsync.media.codec import decode

    sources = json.loads(sys.stdin.readline())["sources"]
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    shared = media.RtpPort(receivers=2 * len(sources)) if kind == "shared" else None
    receivers = [media.RtpReceiver(port=shared or 0, buffer=3.0, source=("127.0.0.1", n)) for n in sources]
    readers = [receiver.tracks["audio"].reader() for receiver in receivers]
    expected = [zlib.crc32(decode(PAYLOAD, "PCMU") * n) for n in range(51)]
    wrong, samples, stopped = 0, 0, threading.Event()
    begin = time.process_time()
    say(ports=[receiver.port for receiver in receivers] if shared is None else [shared.port])
    threading.Thread(target=lambda: (sys.stdin.readline(), stopped.set()), daemon=True).start()
    while True:
        is_last = stopped.wait(1.0)
        for reader in readers:
            while len(pcm := reader.take(8000).samples) >= 160:
                frames = len(pcm) // 160
                wrong += zlib.crc32(pcm[: 160 * frames]) != expected[frames]
                samples += 160 * frames
        if is_last:
            break
    cpu = time.process_time() - begin
    stats = [receiver.stats for receiver in receivers]
    drops = shared.kernel_drops if shared else sum(s.kernel_drops for s in stats)
    say(packets=sum(s.packets for s in stats), samples=samples, cpu=cpu, wrong=wrong, kernel_drops=drops)
    for receiver in receivers:
        receiver.close()


def by_swsync(*, is_live: bool = False) -> None:
    """Nobody waits for the audio as it comes, as with a capture; or somebody does, for each tap's."""
    from swsync import media

    receivers = [media.RtpReceiver(buffer=1.0) for _ in range(TAPS)]
    for receiver in receivers if is_live else ():
        for track in receiver.tracks.values():
            track.hurry()
    receive(receivers, [receiver.port for receiver in receivers])
    for receiver in receivers:
        receiver.close()


def ticks() -> None:
    """One tap beside threads that never rest."""
    from swsync import media
    from swsync.media.engine import tick_lateness

    stop: list[bool] = []

    def busy() -> None:
        while not stop:
            sum(range(1000))

    threads = [threading.Thread(target=busy, daemon=True) for _ in range(BUSY)]
    with media.RtpReceiver() as receiver:
        for thread in threads:
            thread.start()
        say(ports=[receiver.port])
        sys.stdin.readline()
        late = tick_lateness()
        stop.append(True)
        for thread in threads:
            thread.join()
    say(median=statistics.median(late), ticks=len(late))


def main() -> None:
    """``send``, ``send_shared``, ``send_batches``, ``receive KIND``, ``hold each|shared`` or ``ticks``."""
    if sys.argv[1] == "send":
        send()
    elif sys.argv[1] == "send_shared":
        send_shared()
    elif sys.argv[1] == "send_batches":
        send_batches()
    elif sys.argv[1] == "hold":
        hold(sys.argv[2])
    elif sys.argv[1] == "ticks":
        ticks()
    elif sys.argv[2] == "asyncio":
        asyncio.run(by_asyncio())
    elif sys.argv[2] == "asyncio-shared":
        asyncio.run(by_asyncio_shared())
    else:
        {
            "selectors": by_selectors,
            "swsync": by_swsync,
            "swsync-live": partial(by_swsync, is_live=True),
            "selectors-shared": by_selectors_shared,
            "swsync-shared": by_swsync_shared,
        }[sys.argv[2]]()


if __name__ == "__main__":
    main()
