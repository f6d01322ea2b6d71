"""Many stereo captures at once, over real sockets: ``python -m tests.media.load_captures --captures 500 --minutes 10``.

A second process sends two RTP streams for each capture, each with a content of its own. At the end every WAV is
compared with what was sent, sample by sample. Exits with 1 if one differs, if a packet was dropped, or if memory grew.
"""

from __future__ import annotations

import argparse
import json
import os
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
from swsync.media.datagrams import packed_address, send_many

RATE, SAMPLES, PACKETS_A_SECOND = 8000, 160, 50
ROUND = 5000  # packets after which a stream's content begins again: 100 s
BATCHES = 4  # portions in which the packets of a tick leave, 5 ms apart
SLACK = 0.1  # seconds that the sender may be late before it counts
HELD_UP = 2.0  # seconds; a sender that was held up for so long looks like one whose clock stood still
HASTE = 4  # times as fast as that a sender that was held up makes up for it: it must be no burst
WARM = 20.0  # seconds of audio after which every ring has been written once
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
    portion = 1 / PACKETS_A_SECOND / BATCHES
    latest, refused, left = 0.0, 0, time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        begin = left
        for i in range(packets):
            for batch, first in enumerate(range(0, len(ports), size)):
                datagrams = []
                for n in range(first, min(first + size, len(ports))):
                    at = (begins(n) + i * SAMPLES) % (ROUND * SAMPLES)
                    head = HEADER.pack(0x80, 0, i % 2**16, i * SAMPLES % 2**32, 1000 + n)
                    datagrams.append(head + content[at : at + SAMPLES])
                due, now = begin + (i * BATCHES + batch) * portion, time.monotonic()
                latest = max(latest, now - due)
                time.sleep(max(0.0, due - now, left + portion / HASTE - now))
                left = time.monotonic()
                refused += len(datagrams) - send_many(sock, datagrams, addresses[first : first + size])
    print(json.dumps({"late": round(latest, 3), "refused": refused, "cpu": round(time.process_time(), 1)}), flush=True)


def memory() -> float:
    """MiB of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def thread_seconds() -> dict[str, float]:
    """Processor time of each thread so far."""
    found = {}
    for thread in threading.enumerate():
        fields = Path(f"/proc/self/task/{thread.native_id}/stat").read_text().rsplit(")", 1)[1].split()
        found[thread.name] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def difference(path: Path, capture: int, packets: int, gaps: tuple[int, int]) -> str | None:
    """What is wrong with a WAV, if anything is.

    Args:
        path: Its path.
        capture: Its number.
        packets: How many each side was sent.
        gaps: Samples of silence that each side says it put in, because the sender was held up for seconds.
    """
    content = np.frombuffer(codes(), np.uint8)[: ROUND * SAMPLES]
    with wave.open(str(path), "rb") as file:
        both = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)
    for side in range(2):
        sound = both[:, side]
        first, count = int(np.argmax(sound != 0)), packets * SAMPLES
        heard = sound[first : first + count + gaps[side]]
        at = np.arange(count, dtype=np.int64) + begins(2 * capture + side)
        expected = np.frombuffer(media.decode(content[at % (ROUND * SAMPLES)].tobytes(), "PCMU"), np.int16)
        if (
            not np.array_equal(expected, heard[heard != 0] if gaps[side] else heard)
            or sound[first + len(heard) :].any()
        ):
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
    recordings = [Capture(path, tracks[2 * n], tracks[2 * n + 1]) for n, path in enumerate(paths)]
    command = [sys.executable, "-c", "from tests.media.load_captures import send; send()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as sender:
        assert sender.stdin is not None
        assert sender.stdout is not None
        print(json.dumps({"ports": [receiver.port for receiver in receivers], "packets": packets}), file=sender.stdin)
        sender.stdin.close()
        sizes = watch(sender, recordings)
        sent = json.loads(sender.stdout.read())
    threads = thread_seconds()
    for receiver in receivers:
        receiver.end()
    for recording in recordings:
        recording.close()
    qualities = [recording.quality for recording in recordings]
    gaps = [(quality["said"].estimated_gap, quality["heard"].estimated_gap) for quality in qualities]
    stats = [receiver.stats for receiver in receivers]
    for receiver in receivers:
        receiver.close()
    print(f"sent {packets * len(receivers):,} packets: {sent}; seconds of processor here: {threads}")
    differences = filter(None, map(difference, paths, range(captures), [packets] * captures, gaps))
    wrong = [*wrong_with_sender(sent, gaps), *wrong_counts(stats, packets), *growth(sizes), *differences]
    for n, recording in enumerate(recordings):
        if recording.lost_spans or recording.late_spans:
            wrong.append(f"{paths[n].name}: lost {recording.lost_spans[:3]}, late {recording.late_spans[:3]}")
    return wrong


def watch(sender: subprocess.Popen[str], recordings: list[Capture]) -> list[float]:
    """MiB in memory, once a second from when every ring has been written, until all has been sent."""
    sizes: list[float] = []
    seconds = 0
    while sender.poll() is None:
        time.sleep(1.0)
        seconds += 1
        heard = recordings[-1].quality["heard"].samples / RATE
        if heard > WARM:
            sizes.append(memory())
        if seconds % 15 == 0:
            print(f"{seconds} s: {heard:.1f} s of audio, {memory():.0f} MiB, {thread_seconds()}", flush=True)
    return sizes


def wrong_with_sender(sent: dict[str, Any], gaps: list[tuple[int, int]]) -> list[str]:
    """What the sender could not do, of which the receivers are innocent; and gaps that it cannot explain."""
    if sent["late"] > SLACK:
        print(f"the machine is busy: a packet left {sent['late']} s late")
    wrong = [f"the sender's system refused {sent['refused']} packets"] if sent["refused"] else []
    if sent["late"] < HELD_UP and any(map(any, gaps)):
        wrong.append("silence was put in although the sender kept its pace")
    return wrong


def wrong_counts(stats: list[media.ReceiverStats], packets: int) -> list[str]:
    """Receivers that do not say that all came, in time and once."""
    return [
        f"of {packets} packets: {stat}"
        for stat in stats
        if (stat.packets, stat.lost, stat.late, stat.duplicate, stat.kernel_drops) != (packets, 0, 0, 0, 0)
        or stat.rejected
    ]


def growth(sizes: list[float]) -> list[str]:
    """Whether memory has grown since every ring was full."""
    if len(sizes) < 10:
        return []
    first, last = max(sizes[:5]), max(sizes[-5:])
    print(f"memory: {first:.0f} MiB after {WARM:.0f} s of audio, {last:.0f} MiB at the end")
    return [f"memory has grown from {first:.0f} to {last:.0f} MiB"] if last > first * GROWTH else []


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
