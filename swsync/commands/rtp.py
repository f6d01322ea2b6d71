"""``swsync rtp``: send and receive RTP without any call, and look into captures of it."""

from __future__ import annotations

import argparse
import importlib
from typing import Any

from swsync.commands.arguments import address, complete, examples, filled, port, whole
from swsync.commands.output import Output
from swsync.commands.receiving import add_limits
from swsync.commands.targets import add_targets

__all__ = ["add"]

TEXT = """Send, receive and inspect RTP, without an account or a call: to try a path through
NAT and firewalls, to feed a program of yours, to see what is in a capture."""
EXAMPLES = """
swsync rtp receive --port 5004 --out said.wav --pcap said.pcap
swsync rtp send hello.wav 127.0.0.1:5004
swsync rtp inspect said.pcap
"""
ACTIONS = {"send": "rtpsend", "receive": "rtpreceive", "inspect": "rtpinspect"}
CODECS = ("PCMU", "PCMA", "L16", "G722", "OPUS")
SEND = """Send a sound file, what comes on stdin, or a capture, each packet at its time.

A file is a WAV of 16 bit, or with the extra soundfile whatever libsndfile reads;
a rate other than the codec's needs the extra resample. From stdin (-) it takes
int16, little-endian, one channel, at the codec's rate. A capture (.pcap,
.pcapng) is replayed as it stands, its losses, jitter and gaps too."""
SEND_EXAMPLES = """
swsync rtp send hello.wav 127.0.0.1:5004
swsync rtp send hello.wav 127.0.0.1:5004 --repeat 10 --digits "42#"
sox hello.mp3 -t raw -r 8000 -e signed -b 16 -c 1 - | \\
    swsync rtp send - 127.0.0.1:5004
swsync rtp send call.pcap 127.0.0.1:5004 --ssrc 0x1a2b3c4d
"""
RECEIVE = """Receive one RTP stream: say who sends it, print keys (RFC 4733), and write the
audio into files, a pipe or a capture. It believes the first sender of four valid
packets; --source names it beforehand. A goodbye (RTCP BYE) ends it; in the first two
seconds only with --source, because anybody could say it. So do --duration, --idle
and Ctrl-C."""
RECEIVE_EXAMPLES = """
swsync rtp receive --port 5004 --out said.wav
swsync rtp receive --bind 0.0.0.0 --port 5004 --source 192.0.2.7 --idle 5
swsync rtp receive --out - | play -t raw -r 8000 -e signed -b 16 -c 1 -
swsync rtp receive --port 5004 --pcap said.pcap
"""
INSPECT = """Look at the RTP in a capture (pcap or pcapng): each stream with its addresses,
codec, loss, jitter and estimated quality; --out decodes each into a WAV."""
INSPECT_EXAMPLES = """
swsync rtp inspect call.pcap
swsync rtp inspect call.pcap --out wavs --json
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the commands below it and their arguments."""
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, dest="action")

    def action(name: str, short: str, text: str, lines: str) -> Any:
        command = actions.add_parser(
            name, help=short, formatter_class=argparse.RawDescriptionHelpFormatter
        )  # fmt: skip
        complete(command, run, text, lines)
        command.set_defaults(refuse=command.error)
        return command

    send = action("send", "Send a sound file, stdin or a capture.", SEND, SEND_EXAMPLES)
    send.add_argument("file", metavar="FILE", help="a sound file, a capture, or - for stdin")
    send.add_argument("to", metavar="HOST:PORT", type=address, help="where to, such as 127.0.0.1:5004")
    send.add_argument(
        "--codec",
        choices=CODECS,
        default="PCMU",
        help="of the packets (default: PCMU; G722 and OPUS need the extra opus)",
    )
    send.add_argument("--ptime", type=whole, default=20, metavar="MS", help="milliseconds a packet (default: 20)")
    send.add_argument(
        "--payload-type", type=number, metavar="N", help="of the audio (default: that of RFC 3551, or 96)"
    )
    send.add_argument("--ssrc", type=number, metavar="N", help="of what is sent; of a capture, the stream to replay")
    send.add_argument(
        "--channel", choices=("left", "right", "mix"), default="mix", help="of a stereo file (default: mix)"
    )
    send.add_argument("--repeat", type=whole, default=1, metavar="N", help="send it so many times (default: 1)")
    send.add_argument("--digits", default="", metavar="KEYS", help="press these keys after it (RFC 4733)")
    send.add_argument("--no-rtcp", dest="rtcp", action="store_const", const="none", default="next",
                      help="no sender reports and no goodbye")  # fmt: skip
    receive = action("receive", "Receive one stream.", RECEIVE, RECEIVE_EXAMPLES)
    receive.add_argument(
        "--bind", metavar="HOST", help="address to listen on (default: SWSYNC_BIND_HOST, else loopback)"
    )
    receive.add_argument("--port", type=port, default=0, help="UDP port (default: a free one of SWSYNC_RTP_PORTS)")
    receive.add_argument("--codec", choices=CODECS, default="PCMU", help="to expect (default: PCMU)")
    receive.add_argument(
        "--payload-type", type=number, metavar="N", help="of the audio (default: that of RFC 3551, or 96)"
    )
    receive.add_argument("--source", metavar="ADDRESS", help="who may send: an address, or a network 192.0.2.0/24")
    receive.add_argument("--pcap", metavar="FILE", help="write a capture for Wireshark too")
    add_targets(receive)
    add_limits(receive)
    inspect = action("inspect", "Look into a capture.", INSPECT, INSPECT_EXAMPLES)
    inspect.add_argument("file", metavar="FILE", help="a pcap or pcapng")
    inspect.add_argument("--codec", action="append", default=[], type=payload, metavar="N=CODEC",
                         help="what a dynamic payload type is, such as 96=L16; may be given again")  # fmt: skip
    inspect.add_argument("--out", metavar="DIR", help="decode each stream into a WAV there")
    parser.description, parser.epilog = filled(TEXT), examples(EXAMPLES)


def number(text: str) -> int:
    """A number, decimal or 0x..."""
    try:
        return int(text, 0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, such as 96 or 0x1a2b, not {text!r}") from None


def payload(text: str) -> tuple[int, str]:
    """``96=L16``."""
    kind, _, codec = text.partition("=")
    if not (kind.isascii() and kind.isdigit() and int(kind) < 128 and codec.upper() in CODECS):
        raise argparse.ArgumentTypeError(f"must be N=CODEC, such as 96=L16, not {text!r}")
    return int(kind), codec.upper()


def run(arguments: argparse.Namespace, output: Output) -> int | None:
    """Run one of them."""
    found: int | None = importlib.import_module(f"swsync.commands.{ACTIONS[arguments.action]}").run(arguments, output)
    return found
