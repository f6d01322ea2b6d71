"""``swsync rtp send``."""

from __future__ import annotations

import argparse
import array
import importlib.util
import socket
import sys
import wave
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from swsync.clock import REAL
from swsync.commands.interrupts import gentle
from swsync.commands.output import Output
from swsync.errors import ConfigurationError, MediaError

if TYPE_CHECKING:
    from swsync.media import RtpSender

__all__ = ["run"]

BLOCK = 0.2  # seconds of audio that are sent at a time
CAPTURES = (".pcap", ".pcapng", ".cap")
LONGEST_PAUSE = 60.0  # seconds that a replay waits between two packets


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Send it to its end."""
    if arguments.file.lower().endswith(CAPTURES):
        return _replay(arguments, output)
    from swsync import media

    (host, port), rtcp = arguments.to, arguments.rtcp
    sender = media.RtpSender(
        host,
        port,
        arguments.codec,
        arguments.ptime,
        ssrc=arguments.ssrc,
        payload_type=arguments.payload_type,
        rtcp=rtcp,
    )
    with gentle(output), sender:
        blocks = _blocks(arguments, sender)  # a file that cannot be read is told of before anything else
        output.say(f"Sending {arguments.file} as {sender.codec} to {host} port {port}, SSRC {sender.ssrc:#010x}.")
        output.event("sending", file=arguments.file, to=[host, port], codec=sender.codec, ssrc=sender.ssrc)
        try:
            _send(sender, blocks, output)
            for _ in range(1, arguments.repeat):
                _send(sender, _blocks(arguments, sender), output)
            if arguments.digits:
                sender.send_digits(arguments.digits)
            sender.drain()
        except BaseException:
            sender.clear()  # Ctrl-C means now
            raise
        finally:
            output.status("")
    return _tell(sender, host, port, output)


def _send(sender: RtpSender, blocks: Iterator[bytes], output: Output) -> None:
    for block in blocks:
        sender.send(block, flush=False)
        output.status(f"{sender.packets} packets, {sender.packets * sender.ptime / 1000:.1f} s")
    sender.send(b"")


def _tell(sender: RtpSender, host: str, port: int, output: Output) -> int:
    stats = sender.stats
    output.say(f"{stats.packets} packets, {stats.octets} octets; the latest was {stats.latest_ms:.1f} ms late.")
    output.event(
        "done", packets=stats.packets, octets=stats.octets, refused=stats.refused, latest_ms=round(stats.latest_ms, 3)
    )
    if stats.refused:
        output.say(f"Nobody listens on {host} port {port}: that was said {stats.refused} times.")
    return int(stats.refused > 0)


def _blocks(arguments: argparse.Namespace, sender: RtpSender) -> Iterator[bytes]:
    """Samples at the sender's rate, in the machine's order."""
    if arguments.file == "-":
        return _stdin(sender.rate)
    samples, rate, channels = _read(arguments.file)
    if channels > 1:
        samples = _one_channel(samples, channels, arguments.channel)
    data = samples.tobytes()
    if rate != sender.rate:
        from swsync import media

        data = bytes(media.resample(data, rate, sender.rate))
    step = 2 * int(sender.rate * BLOCK)
    return (data[at : at + step] for at in range(0, len(data), step))


def _stdin(rate: int) -> Iterator[bytes]:
    stdin: Any = sys.stdin.buffer
    step, rest = 2 * int(rate * BLOCK), b""
    while data := stdin.read1(step):
        data = rest + data
        whole = len(data) // 2 * 2
        rest = data[whole:]
        samples = array.array("h", data[:whole])
        if sys.byteorder == "big":
            samples.byteswap()
        yield samples.tobytes()


def _read(path: str) -> tuple[array.array[int], int, int]:
    """Samples, rate and channels of a sound file.

    Raises:
        MediaError: It cannot be read.
        ConfigurationError: It needs the extra soundfile.
    """
    try:
        with wave.open(path, "rb") as file:
            if file.getsampwidth() == 2:
                samples = array.array("h", file.readframes(file.getnframes()))
                if sys.byteorder == "big":
                    samples.byteswap()
                return samples, file.getframerate(), file.getnchannels()
    except OSError as error:
        raise MediaError(f"cannot read {path}: {error.strerror or error}") from None
    except (wave.Error, EOFError):
        pass  # another format
    if importlib.util.find_spec("soundfile") is None:
        raise ConfigurationError(f"{path} is no WAV of 16 bit: others need soundfile: pip install 'swsync[soundfile]'")
    import soundfile

    try:
        found, rate = soundfile.read(path, dtype="int16", always_2d=True)
    except soundfile.SoundFileError as error:
        raise MediaError(f"cannot read {path}: {error}") from None
    return array.array("h", found.tobytes()), rate, found.shape[1]


def _one_channel(samples: array.array[int], channels: int, which: str) -> array.array[int]:
    if which != "mix":
        return samples[0 if which == "left" else channels - 1 :: channels]
    sums = zip(*(samples[channel::channels] for channel in range(channels)), strict=True)
    return array.array("h", (sum(each) // channels for each in sums))


def _replay(arguments: argparse.Namespace, output: Output) -> int:
    """Send the packets of one stream of a capture as they are, when they were."""
    from swsync import media

    host, port = arguments.to
    count, chosen, before = 0, arguments.ssrc, None
    with gentle(output), _connected(host, port) as sock:
        due = REAL.now()
        for captured in media.read_pcap(arguments.file):
            packet: Any = captured.packet
            chosen = packet.ssrc if chosen is None else chosen
            if packet.ssrc != chosen:
                continue
            due += min(max(0.0, captured.at - (captured.at if before is None else before)), LONGEST_PAUSE)
            before = captured.at
            REAL.sleep(max(0.0, due - REAL.now()))
            _put(sock, packet.build(), host, port)
            count += 1
            output.status(f"{count} packets")
    output.status("")
    if not count:
        which = "" if chosen is None else f" with SSRC {chosen:#010x}: `swsync rtp inspect` lists what there is"
        raise MediaError(f"{arguments.file} has no RTP{which}")
    output.say(f"{count} packets of SSRC {chosen:#010x} replayed to {host} port {port}.")
    output.event("done", packets=count, ssrc=chosen)
    return 0


def _connected(host: str, port: int) -> socket.socket:
    try:
        family, kind, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        sock = socket.socket(family, kind)
        sock.connect(place)
    except (OSError, UnicodeError) as error:
        raise MediaError(f"cannot send to {host} port {port}: {error}") from None
    return sock


def _put(sock: socket.socket, datagram: bytes, host: str, port: int) -> None:
    try:
        sock.send(datagram)
    except ConnectionRefusedError:
        raise MediaError(f"nobody listens on {host} port {port}") from None
