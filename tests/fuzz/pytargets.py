"""The targets in Python: what reads frames, messages, documents and files of others, and the mutations that try them.

A target takes octets. It may raise what its documentation says; anything else is a bug, and so is an answer that takes
longer than a person waits. An input that breaks one goes into its corpus, where the next run begins with it.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import random
import struct
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from swsync import events
from swsync.batch.job import Job
from swsync.batch.numbers import as_e164
from swsync.batch.rows import read_rows
from swsync.clock import VirtualClock
from swsync.configuration import read_settings
from swsync.errors import CodecError, ConfigurationError, MediaError, PacketError, ProtocolError, RelayError
from swsync.localrelay import LocalRelay
from swsync.localrelay.faults import Faults
from swsync.localrelay.swml.document import parse as parse_swml
from swsync.media.pcap import read_pcap
from swsync.media.rtp import RtpPacket
from swsync.media.streammessages import parse_message
from swsync.media.tapmessages import parse_header
from swsync.media.wsdeframe import Admission, Deframer
from swsync.protocol import Kind, Session, check_reply

CORPUS = Path(__file__).resolve().parent / "corpus"
LONGEST = 20.0  # seconds for one input; a machine that is busy takes a while
_place = Path(tempfile.mkdtemp(prefix="swsync-fuzz-"))


def _file(data: bytes, ending: str) -> Path:
    path = _place / f"input{ending}"
    path.write_bytes(data)
    return path


def frames(data: bytes) -> None:
    """A frame of RELAY, up to the object that a listener gets."""
    session = Session("project", "token")
    with contextlib.suppress(ProtocolError):
        frame = session.receive(data.decode("utf-8", "replace"))
        if frame.kind == Kind.EVENT:
            event = events.parse_event(frame.body)
            repr(event)
        elif frame.kind == Kind.REPLY:
            with contextlib.suppress(RelayError):
                session.accept(check_reply("signalwire.connect", frame.body))
            session.connect_request(["office"])


def stream(data: bytes) -> None:
    """A message of a media stream, and the header of a tap."""
    text = data.decode("utf-8", "replace")
    with contextlib.suppress(PacketError, CodecError):
        repr(parse_message(text))
    repr(parse_header(text))


def swml(data: bytes) -> None:
    """A SWML document, JSON or YAML."""
    with contextlib.suppress(ConfigurationError):
        parse_swml(data.decode("utf-8", "replace"))


def rows(data: bytes) -> None:
    """A list of numbers."""
    job = Job(from_number="+12025550199", prefixes=("+1",), consent_waived_by="fuzz", default_zone="America/New_York")
    with contextlib.suppress(ConfigurationError):
        for row in itertools.islice(read_rows(_file(data, ".csv"), job), 2000):
            number = as_e164(row["number"], "US", ("+1",))
            assert number.e164 == "" or number.e164[1:].isdigit()


def settings(data: bytes) -> None:
    """Settings, in lines: project, token, JWT, host, number of calls."""
    texts = [*data.decode("utf-8", "replace").split("\n", 4), "", "", "", "", ""]
    with contextlib.suppress(ConfigurationError):
        calls = int(texts[4]) if texts[4].isdecimal() and len(texts[4]) < 99 else None
        got = read_settings(
            project=texts[0], token=texts[1], jwt_token=texts[2], host=texts[3], ca_file="", max_active_calls=calls
        )
        assert got.url.startswith(("wss://", "ws://"))
        assert got.is_local or got.url.startswith("wss://")
        assert "\n" not in repr(got) + got.url


def pcap(data: bytes) -> None:
    """A capture of packets."""
    with contextlib.suppress(MediaError):
        for packet in read_pcap(_file(data, ".pcap")):
            repr(packet)


def people(data: bytes) -> None:
    """A file that says who is at which number."""
    clock = VirtualClock()
    with clock.thread(), LocalRelay(clock=clock) as relay:
        for ending in (".toml", ".json"):
            with contextlib.suppress(ConfigurationError):
                relay.load(_file(data, ending))


def faults(data: bytes) -> None:
    """A file of faults."""
    for ending in (".toml", ".json"):
        with contextlib.suppress(ConfigurationError):
            Faults(seed=1).load(_file(data, ending))


def packets(data: bytes) -> None:
    """RTP through Python: what is read and built again is what it was, but for what the padding held."""
    with contextlib.suppress(PacketError):
        packet = RtpPacket.parse(data)
        assert RtpPacket.parse(packet.build()) == packet


def websocket(data: bytes) -> None:
    """What a peer sends to the media endpoint: a request, then frames; the first octet says how long a read is."""
    size = 1 + (data[0] if data else 0)
    deframer = Deframer(lambda request: Admission(max_size=4096, opened=lambda: None))
    for at in range(1, len(data), size):
        for message in deframer.receive(data[at : at + size]):
            assert len(message) <= 4096
        deframer.take()
    deframer.receive_eof()
    deframer.take()


TARGETS: dict[str, Callable[[bytes], None]] = {
    "py-frames": frames, "py-stream": stream, "py-swml": swml, "py-rows": rows, "py-settings": settings,
    "py-pcap": pcap, "py-people": people, "py-faults": faults, "py-packets": packets, "py-websocket": websocket,
}  # fmt: skip

WORDS = [
    b"null", b"true", b"-1", b"0", b"1e999", b"NaN", b"9" * 400, b'""', b"{}", b"[]", b"[" * 50, b"{\"a\":" * 50,
    b"\\ud800", b"\\u0000", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\n", b"\r\n", b",", b":", b'"', b"'",
    b"=cmd", b"\xd9\xa1", b"+1202555", b"00", b"112", b"&a", b"*a", b"!!python", b"...", b"---", b"\t", b" ", b"#",
    b"://", b"[::1]", b"@", struct.pack("!I", 2**31), struct.pack("<I", 2**32 - 1), bytes(8), b"\x81\xff",
    b"\x88\x82", b"\x80",
]  # fmt: skip


def mutate(rng: random.Random, seeds: list[bytes]) -> bytes:
    """One of the seeds with one to five faults in its octets."""
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.randint(1, 5)):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice([1, 1, 2, 4, 16, 64]))
        how = rng.randrange(6)
        if how == 0:
            data[at:at] = rng.choice(WORDS)
        elif how == 1:
            data[at:end] = rng.choice(WORDS)
        elif how == 2:
            del data[at:end]
        elif how == 3 and at < len(data):
            data[at] = rng.choice([data[at] ^ 1 << rng.randrange(8), rng.randrange(256)])
        elif how == 4:
            data[at:at] = data[at:end] * rng.choice([1, 2, 30])
        else:
            other = rng.choice(seeds)
            begin = rng.randrange(len(other) + 1)
            data[at:end] = other[begin : begin + rng.choice([1, 8, 64])]
    return bytes(data[:100_000])


def attempt(target: str, data: bytes) -> None:
    """Try one input; what breaks its target is kept in the corpus before the error goes on."""
    began = time.monotonic()
    try:
        TARGETS[target](data)
        assert time.monotonic() - began < LONGEST, f"{target} took {time.monotonic() - began:.0f} s"
    except BaseException as error:
        if not isinstance(error, KeyboardInterrupt):
            path = CORPUS / target / hashlib.sha1(data).hexdigest()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            error.add_note(f"the input is {os.path.relpath(path)}") if hasattr(error, "add_note") else None
        raise


def corpus(target: str) -> list[bytes]:
    """What is known of a target."""
    return [path.read_bytes() for path in sorted((CORPUS / target).iterdir())]


def run(target: str, seconds: float, seed: Any = None) -> int:
    """Try the corpus, then mutations of it for that long. Returns how many inputs were tried."""
    seeds, rng, tried = corpus(target), random.Random(seed), 0
    for data in seeds:
        attempt(target, data)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        attempt(target, mutate(rng, seeds))
        tried += 1
    return tried + len(seeds)
