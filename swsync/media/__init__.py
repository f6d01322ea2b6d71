"""Audio of calls on this machine: codecs, RTP, receivers and senders, WAV files.

Samples are int16 in the machine's order. Public names resolve on first use, so that ``import swsync.media`` costs
little and needs the C module only when audio is touched.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swsync.media.capture import Capture as Capture
    from swsync.media.codec import decode as decode
    from swsync.media.codec import decode_into as decode_into
    from swsync.media.codec import encode as encode
    from swsync.media.codec import encode_into as encode_into
    from swsync.media.dtmf import TelephoneEvent as TelephoneEvent
    from swsync.media.follower import Forward as Forward
    from swsync.media.follower import PcapRecording as PcapRecording
    from swsync.media.payloads import PayloadDecoder as PayloadDecoder
    from swsync.media.pcap import CapturedPacket as CapturedPacket
    from swsync.media.pcap import PcapWriter as PcapWriter
    from swsync.media.pcap import read_pcap as read_pcap
    from swsync.media.playout import Frame as Frame
    from swsync.media.playout import Frames as Frames
    from swsync.media.playout import LiveReader as LiveReader
    from swsync.media.quality import Alignment as Alignment
    from swsync.media.quality import LostSpan as LostSpan
    from swsync.media.quality import Quality as Quality
    from swsync.media.quality import ReceiverStats as ReceiverStats
    from swsync.media.quality import Skew as Skew
    from swsync.media.quality import loss_rating as loss_rating
    from swsync.media.quality import mos as mos
    from swsync.media.receiver import Receiver as Receiver
    from swsync.media.resampler import Resampler as Resampler
    from swsync.media.resampler import resample as resample
    from swsync.media.rtcp import SenderReport as SenderReport
    from swsync.media.rtp import RtpBatch as RtpBatch
    from swsync.media.rtp import RtpPacket as RtpPacket
    from swsync.media.rtp import RtpSource as RtpSource
    from swsync.media.rtp import RtpStatistics as RtpStatistics
    from swsync.media.rtp import packetize as packetize
    from swsync.media.rtp import parse_packets as parse_packets
    from swsync.media.sender import RtpSender as RtpSender
    from swsync.media.sender import SenderStats as SenderStats
    from swsync.media.sharedport import RtpPort as RtpPort
    from swsync.media.sink import Sink as Sink
    from swsync.media.sinks import ArraySink as ArraySink
    from swsync.media.sinks import CallbackSink as CallbackSink
    from swsync.media.sinks import FileSink as FileSink
    from swsync.media.soundfiles import SoundFileSink as SoundFileSink
    from swsync.media.track import Track as Track
    from swsync.media.udp import RtpReceiver as RtpReceiver
    from swsync.media.wav import WavWriter as WavWriter
    from swsync.media.wsstream import StreamReceiver as StreamReceiver
    from swsync.media.wstap import TapReceiver as TapReceiver
    from swsync.media.wstwoway import TwoWayStream as TwoWayStream
    from swsync.states import FrameState as FrameState

# Public name -> module; every name here is imported above for type checkers too.
_HOMES: dict[str, str] = {
    "Alignment": "quality",
    "ArraySink": "sinks",
    "CallbackSink": "sinks",
    "Capture": "capture",
    "CapturedPacket": "pcap",
    "FileSink": "sinks",
    "Forward": "follower",
    "Frame": "playout",
    "FrameState": "playout",
    "Frames": "playout",
    "LiveReader": "playout",
    "LostSpan": "quality",
    "PayloadDecoder": "payloads",
    "PcapRecording": "follower",
    "PcapWriter": "pcap",
    "Quality": "quality",
    "Receiver": "receiver",
    "ReceiverStats": "quality",
    "Resampler": "resampler",
    "RtpBatch": "rtp",
    "RtpPacket": "rtp",
    "RtpPort": "sharedport",
    "RtpReceiver": "udp",
    "RtpSender": "sender",
    "RtpSource": "rtp",
    "RtpStatistics": "rtp",
    "SenderReport": "rtcp",
    "SenderStats": "sender",
    "Sink": "sink",
    "Skew": "quality",
    "SoundFileSink": "soundfiles",
    "StreamReceiver": "wsstream",
    "TapReceiver": "wstap",
    "TelephoneEvent": "dtmf",
    "Track": "track",
    "TwoWayStream": "wstwoway",
    "WavWriter": "wav",
    "decode": "codec",
    "decode_into": "codec",
    "encode": "codec",
    "encode_into": "codec",
    "loss_rating": "quality",
    "mos": "quality",
    "packetize": "rtp",
    "parse_packets": "rtp",
    "read_pcap": "pcap",
    "resample": "resampler",
}

__all__ = [
    "Alignment",
    "ArraySink",
    "CallbackSink",
    "Capture",
    "CapturedPacket",
    "FileSink",
    "Forward",
    "Frame",
    "FrameState",
    "Frames",
    "LiveReader",
    "LostSpan",
    "PayloadDecoder",
    "PcapRecording",
    "PcapWriter",
    "Quality",
    "Receiver",
    "ReceiverStats",
    "Resampler",
    "RtpBatch",
    "RtpPacket",
    "RtpPort",
    "RtpReceiver",
    "RtpSender",
    "RtpSource",
    "RtpStatistics",
    "SenderReport",
    "SenderStats",
    "Sink",
    "Skew",
    "SoundFileSink",
    "StreamReceiver",
    "TapReceiver",
    "TelephoneEvent",
    "Track",
    "TwoWayStream",
    "WavWriter",
    "decode",
    "decode_into",
    "encode",
    "encode_into",
    "loss_rating",
    "mos",
    "packetize",
    "parse_packets",
    "read_pcap",
    "resample",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'swsync.media' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"swsync.media.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
