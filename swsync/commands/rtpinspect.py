"""``swsync rtp inspect``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import attrs

from swsync.clock import VirtualClock
from swsync.commands.output import Output
from swsync.commands.targets import directory
from swsync.errors import CodecError, MediaError

if TYPE_CHECKING:
    from pathlib import Path

    from swsync.media import CapturedPacket, RtpStatistics

__all__ = ["run"]

MOST = 1000  # streams that are told apart: a capture may be made to have any number
LONGEST = 3600.0  # seconds of a stream that are decoded
STATIC = {0: "PCMU", 8: "PCMA", 9: "G722"}  # RFC 3551 section 6
CLOCKS = {"OPUS": 48000}
COLUMNS = ("SSRC", "from", "to", "codec", "sec", "packets", "lost", "jitter", "MOS")  # jitter in ms


@attrs.define
class _Stream:
    """One source, destination and SSRC."""

    statistics: RtpStatistics
    first: CapturedPacket
    kinds: dict[int, int] = attrs.field(factory=dict)
    last: float = 0.0
    codec: str = ""  # "" if nobody knows what its payload type is

    @property
    def kind(self) -> int:
        """The payload type that most packets have."""
        return max(self.kinds, key=lambda kind: self.kinds[kind])

    @property
    def seconds(self) -> float:
        return self.last - self.first.at


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Print a table of streams, and decode them."""
    codecs = {**STATIC, **dict(arguments.codec)}
    out = directory(arguments.out) if arguments.out else None
    streams, others = _streams(arguments.file, codecs)
    if not streams:
        raise MediaError(f"{arguments.file} has no RTP")
    for stream in streams.values():
        stream.codec = codecs.get(stream.kind, "")
    table = [COLUMNS, *map(_row, streams.values())]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [" ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    taken: set[Path] = set()  # streams of several hosts may have one SSRC and the same ports
    output.say(lines[0])
    for (key, stream), line in zip(streams.items(), lines[1:], strict=True):
        output.say(line)
        file = _decode(arguments.file, key, stream, _name(out, stream, taken), output) if out is not None else None
        output.event("stream", **_fields(stream), file=file)
    if others:
        output.say(f"{others} packets of further streams are not told apart: there are more than {MOST}.")
    output.event("done", streams=len(streams), others=others)


def _streams(path: str, codecs: dict[int, str]) -> tuple[dict[Any, _Stream], int]:
    from swsync import media

    streams: dict[Any, _Stream] = {}
    others = 0
    for captured in media.read_pcap(path):
        packet: Any = captured.packet
        stream = streams.get(captured.stream)
        if stream is None:
            if len(streams) >= MOST:
                others += 1
                continue
            clock_rate = CLOCKS.get(codecs.get(packet.payload_type, ""), 8000)
            stream = streams[captured.stream] = _Stream(media.RtpStatistics(clock_rate), captured)
        stream.statistics.update(packet, captured.at)
        stream.kinds[packet.payload_type] = stream.kinds.get(packet.payload_type, 0) + 1
        stream.last = max(stream.last, captured.at)  # captures that were merged go back in time
    return streams, others


def _mos(stream: _Stream) -> float | None:
    """By loss alone (ITU-T G.107), for G.711 with concealment."""
    from swsync import media

    expected = stream.statistics.packets_expected
    if stream.codec not in ("PCMU", "PCMA") or expected <= 0:
        return None
    return media.mos(media.loss_rating(min(1.0, max(0, stream.statistics.packets_lost) / expected)))


def _row(stream: _Stream) -> tuple[str, ...]:
    mos, first, statistics = _mos(stream), stream.first, stream.statistics
    ends = [f"{f'[{host}]' if ':' in host else host}:{port}" for host, port in (first.source, first.destination)]
    cells = (f"{first.packet.ssrc:#010x}", *ends, stream.codec or stream.kind, f"{stream.seconds:.2f}",
             sum(stream.kinds.values()), max(0, statistics.packets_lost), f"{statistics.jitter * 1000:.1f}",
             "-" if mos is None else f"{mos:.2f}")  # fmt: skip
    return tuple(map(str, cells))


def _fields(stream: _Stream) -> dict[str, Any]:
    mos, first, statistics = _mos(stream), stream.first, stream.statistics
    return {
        "ssrc": first.packet.ssrc,
        "source": list(first.source),
        "destination": list(first.destination),
        "codec": stream.codec,
        "payload_types": {str(kind): count for kind, count in stream.kinds.items()},
        "packets": sum(stream.kinds.values()),
        "expected": statistics.packets_expected,
        "lost": statistics.packets_lost,
        "reordered": statistics.packets_reordered,
        "jitter_ms": round(statistics.jitter * 1000, 3),
        "seconds": round(stream.seconds, 3),
        "mos": None if mos is None else round(mos, 2),
    }


def _name(out: Path, stream: _Stream, taken: set[Path]) -> Path:
    """A file for a stream, which no other stream of this capture has."""
    plain = f"{stream.first.packet.ssrc:08x}-{stream.first.source[1]}-{stream.first.destination[1]}"
    names = (out / f"{plain}{f'-{number}' if number > 1 else ''}.wav" for number in range(1, MOST + 1))
    name = next(name for name in names if name not in taken)
    taken.add(name)
    return name


def _decode(path: str, key: Any, stream: _Stream, name: Path, output: Output) -> str | None:
    """Let a receiver hear the stream in virtual time, and save what it has heard."""
    from swsync import media

    if not stream.codec:
        output.say(f"  payload type {stream.kind} is not known: name it with --codec {stream.kind}=L16")
        return None
    clock = VirtualClock(0.0)
    try:
        with media.RtpReceiver(
            "127.0.0.1", codec=stream.codec, payload_type=stream.kind, source=stream.first.source,
            buffer=min(LONGEST, stream.seconds + 5), clock=clock,
        ) as receiver:  # fmt: skip
            for captured in media.read_pcap(path):
                if captured.stream == key:
                    at = round((captured.at - stream.first.at) * 1e9)
                    receiver.feed(captured.packet.build(), at, captured.source)
            seconds = receiver.save(name)
    except (CodecError, MediaError) as error:
        output.say(f"  {error}")
        return None
    output.say(f"  {seconds:.1f} s in {name}{''.join(f', key {key.digit}' for key in receiver.keys)}")
    return str(name)
