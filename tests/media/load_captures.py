"""Many stereo captures at once, over real sockets: ``python -m tests.media.load_captures --captures 500 --minutes 10``.

A second process sends two RTP streams for each capture, each with a content of its own. At the end every WAV is
compared with what was sent, sample by sample. Exits with 1 if one differs, if a packet was dropped, or if memory grew.
"""

from __future__ import annotations

import argparse
import json
import resource
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np

from swsync import media
from swsync.media.capture import Capture
from swsync.media.sender import packed_address, send_many

SAMPLES, PACKETS_A_SECOND = 160, 50
ROUND = 5000  # packets after which a stream's content begins again: 100 s
BATCHES = 4  # portions in which the packets of a tick leave, 5 ms apart
WARM = 20.0  # seconds after which every ring has been written once
GROWTH = 1.02
HEADER = struct.Struct("!BBHII")


def codes() -> bytes:
    """What all streams take their content from: no code that is silence."""
    found = np.random.default_rng(1).integers(1, 120, ROUND * SAMPLES).astype(np.uint8).tobytes()
    return found + found[:SAMPLES]


def begins(stream: int) -> int:
    """Where in it a stream begins."""
    return stream * 7919 % (ROUND * SAMPLES)


def send() -> None:
    """The sending process: every stream's packets, on absolute time."""
    order = json.loads(sys.stdin.readline())
    ports, packets, content = order["ports"], order["packets"], codes()
    addresses = [packed_address("127.0.0.1", port) for port in ports]
    size = -(-len(ports) // BATCHES // 2) * 2  # both sides of a capture leave together
    late = dropped = 0.0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        begin = time.monotonic()
        for i in range(packets):
            for batch, first in enumerate(range(0, len(ports), size)):
                datagrams = []
                for n in range(first, min(first + size, len(ports))):
                    at = (begins(n) + i * SAMPLES) % (ROUND * SAMPLES)
                    head = HEADER.pack(0x80, 0, i % 2**16, i * SAMPLES % 2**32, 1000 + n)
                    datagrams.append(head + content[at : at + SAMPLES])
                wait = begin + (i + batch / BATCHES) / PACKETS_A_SECOND - time.monotonic()
                late = max(late, -wait)
                if wait > 0:
                    time.sleep(wait)
                dropped += len(datagrams) - send_many(sock, datagrams, addresses[first : first + size])
    print(json.dumps({"late": late, "dropped": int(dropped), "cpu": time.process_time()}), flush=True)


def memory() -> float:
    """MiB of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def thread_seconds() -> dict[str, float]:
    """Processor time of each thread so far."""
    found = {}
    for thread in threading.enumerate():
        fields = Path(f"/proc/self/task/{thread.native_id}/stat").read_text().rsplit(")", 1)[1].split()
        found[thread.name] = (int(fields[11]) + int(fields[12])) / 100
    return found


def difference(path: Path, capture: int, packets: int) -> str | None:
    """What is wrong with a WAV, if anything is."""
    content = np.frombuffer(codes(), np.uint8)[: ROUND * SAMPLES]
    with wave.open(str(path), "rb") as file:
        both = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)
    for side in range(2):
        sound = both[:, side]
        first = int(np.argmax(sound != 0))
        at = np.arange(packets * SAMPLES, dtype=np.int64) + begins(2 * capture + side)
        expected = np.frombuffer(media.decode(content[at % (ROUND * SAMPLES)].tobytes(), "PCMU"), np.int16)
        if not np.array_equal(expected, sound[first : first + len(expected)]) or sound[first + len(expected) :].any():
            return f"{path.name}, channel {side}: differs from what was sent ({len(sound)} frames from {first})"
        if first > SAMPLES:
            return f"{path.name}, channel {side}: begins {first} samples after the other one"
    return None


def run(captures: int, minutes: float, directory: Path) -> list[str]:
    """All of it; what is wrong."""
    packets = round(60 * minutes * PACKETS_A_SECOND)
    receivers = [media.RtpReceiver(source="127.0.0.1", buffer=14.0) for _ in range(2 * captures)]
    tracks = [receiver.tracks["audio"] for receiver in receivers]
    paths = [directory / f"{n:04}.wav" for n in range(captures)]
    open_ = [Capture(path, tracks[2 * n], tracks[2 * n + 1]) for n, path in enumerate(paths)]
    sizes: list[tuple[float, float]] = []
    command = [sys.executable, "-c", "from tests.media.load_captures import send; send()"]
    began, cpu = time.monotonic(), time.process_time()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as sender:
        assert sender.stdin is not None
        assert sender.stdout is not None
        json.dump({"ports": [receiver.port for receiver in receivers], "packets": packets}, sender.stdin)
        sender.stdin.write("\n")
        sender.stdin.close()
        while sender.poll() is None:
            time.sleep(1.0)
            sizes.append((time.monotonic() - began, memory()))
            if len(sizes) % 15 == 0:
                behind = max(capture.duration - capture._out.seconds for capture in open_)
                threads = {name: round(value, 1) for name, value in thread_seconds().items()}
                print(
                    f"{sizes[-1][0]:5.0f} s: {sizes[-1][1]:6.0f} MiB, writer {behind:.1f} s behind, {threads}",
                    flush=True,
                )
        sent = json.loads(sender.stdout.read())
    cpu = time.process_time() - cpu
    for receiver in receivers:
        receiver.end()
    began_closing = time.monotonic()
    for capture in open_:
        capture.close()
    closing = time.monotonic() - began_closing
    stats = [receiver.stats for receiver in receivers]
    for receiver in receivers:
        receiver.close()
    print(f"sent {packets * len(receivers):,} packets ({sent}); receiver's CPU {cpu:.1f} s; closed in {closing:.1f} s")
    return [
        *_wrong(stats, sent, packets, sizes),
        *filter(None, map(difference, paths, range(captures), [packets] * captures)),
    ]


def _wrong(stats: list[Any], sent: dict[str, Any], packets: int, sizes: list[tuple[float, float]]) -> list[str]:
    wrong = [f"the sender's system took {sent['dropped']} packets less than it should"] if sent["dropped"] else []
    for stat in stats:
        if (stat.packets, stat.packets_lost, stat.late, stat.kernel_drops) != (packets, 0, 0, 0) or stat.rejected:
            wrong.append(f"of {packets} packets: {stat}")
    warm = [size for at, size in sizes if at > WARM]
    if len(warm) > 10:
        first, last = max(warm[:5]), max(warm[-5:])
        print(f"memory: {first:.0f} MiB after {WARM:.0f} s, {last:.0f} MiB at the end")
        if last > first * GROWTH:
            wrong.append(f"memory has grown from {first:.0f} to {last:.0f} MiB")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--captures", type=int, default=500)
    parser.add_argument("--minutes", type=float, default=10.0)
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as directory:
        wrong = run(options.captures, options.minutes, Path(directory))
    for line in wrong[:10]:
        print(line)
    print(f"{options.captures} stereo captures of {options.minutes:g} min: {len(wrong) or 'nothing'} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
