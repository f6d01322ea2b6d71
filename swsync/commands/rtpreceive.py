"""``swsync rtp receive``."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from swsync.commands.interrupts import gentle
from swsync.commands.output import Output
from swsync.commands.receiving import take, tell
from swsync.commands.targets import Targets

if TYPE_CHECKING:
    from swsync.media import RtpReceiver, TelephoneEvent

__all__ = ["run"]


def run(arguments: argparse.Namespace, output: Output) -> None:
    """Receive one stream."""
    from swsync import media

    targets = Targets(arguments, output)
    receiver = media.RtpReceiver(
        arguments.bind, arguments.port, arguments.codec, source=arguments.source, payload_type=arguments.payload_type,
        on_dtmf=lambda key: _key(key, output),
    )  # fmt: skip
    with targets.concluded(lambda: _tell(receiver, targets, output)), gentle(output), receiver, ExitStack() as end:
        if arguments.pcap:
            end.enter_context(receiver.record_pcap(arguments.pcap))
        output.say(f"Listening on {receiver.host} port {receiver.port} for {receiver.codec}.")
        output.event("listening", host=receiver.host, port=receiver.port, codec=receiver.codec)
        take(receiver, targets, 1, arguments, output, begun=lambda: _introduce(receiver, output))


def _introduce(receiver: RtpReceiver, output: Output) -> None:
    host, port = receiver.source or ("nobody", 0)
    output.say(f"Audio from {host} port {port}, SSRC {receiver.ssrc or 0:#010x}.")
    output.event("start", source=[host, port], ssrc=receiver.ssrc)


def _key(key: TelephoneEvent, output: Output) -> None:
    output.say(f"Key {key.digit}")
    output.event("dtmf", digit=key.digit)


def _tell(receiver: RtpReceiver, targets: Targets, output: Output) -> None:
    stats: Any = receiver.stats
    others = {str(kind): count for kind, count in stats.payload_types.items()}
    for kind, count in others.items():
        output.say(f"{count} packets of payload type {kind}, which is not known: see --payload-type and --codec.")
    for reason, count in stats.rejected.items():
        output.say(f"{count} packets were not used: {reason}.")
    tell(receiver, targets, output, payload_types=others, rejected=dict(stats.rejected))
