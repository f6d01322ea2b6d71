"""Media streams over WebSockets: a message's cost in one C call, and 100 sockets against websockets.sync and picows."""

from __future__ import annotations

import base64
import json
import sys
import warnings
from collections.abc import Iterator
from importlib.util import find_spec

from swsync._media import ffi, lib

from benchmarks._children import ask, start
from benchmarks._measure import Line, Unequal, check_equal, faster, interleave
from benchmarks._streams import FRAME, STREAMS, masked, media_text
from swsync.media.track import Track

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

SECONDS = 3.0  # of sending, a run
MESSAGES = int(SECONDS * 50)
BATCH = 200  # messages of one socket that are decoded: four seconds
PEER = "json + base64 + audioop"


def run(rounds: int) -> Iterator[Line]:
    """The message alone, then the sockets."""
    yield from _messages(rounds)
    yield from _sockets(rounds)


class _Socket:
    """The C side of one stream's socket, fed with frames from memory."""

    def __init__(self) -> None:
        frames = [masked(media_text(i), b"\0\0\0\0") for i in range(BATCH)]  # the mask is applied, and changes nothing
        self.joined = bytearray(b"".join(frames))
        self.input = ffi.from_buffer("uint8_t[]", self.joined)
        ends = [sum(map(len, frames[: i + 1])) for i in range(BATCH)]
        self.pieces = [(self.input + end - len(frame), len(frame)) for end, frame in zip(ends, frames, strict=True)]
        self.taken = ffi.new("sw_ws_taken *")
        self.memory = ffi.new("uint8_t[]", lib.sw_ws_octets())
        self.c = ffi.cast("sw_ws *", self.memory)
        self.track = Track("inbound", buffer=5.0)
        self.reader = self.track.reader()

    def begin(self) -> None:
        """A new stream in the ring of the one before: its memory is there, as that of every stream is in the end."""
        lib.sw_ws_init(self.c, lib.sw_ws_octets(), lib.SW_WS_STREAM, 65536)
        lib.sw_ws_lane(self.c, 0, self.track._c, 8000, lib.SW_CODEC_PCMU)
        lib.sw_ws_start(self.c, b"S", 1)

    def one_by_one(self) -> None:
        take, c, taken = lib.sw_ws_take, self.c, self.taken
        for at, octets in self.pieces:
            take(c, at, octets, 1, taken)

    def at_once(self) -> None:
        lib.sw_ws_take(self.c, self.input, len(self.joined), 1, self.taken)

    def samples(self) -> bytes:
        """What has been placed since this was last asked."""
        return bytes(self.reader.take(BATCH * FRAME).samples)


def _messages(rounds: int) -> Iterator[Line]:
    socket = _Socket()
    texts = [media_text(i).decode() for i in range(BATCH)]

    def theirs() -> list[bytes]:
        decoded = []
        for text in texts:
            message = json.loads(text)
            if message["event"] == "media":
                decoded.append(audioop.ulaw2lin(base64.b64decode(message["media"]["payload"], validate=True), 2))
        return decoded

    for function in (socket.one_by_one, socket.at_once):
        socket.begin()
        function()
        check_equal(socket.samples(), b"".join(theirs()), "stream messages")
    functions = {"one": socket.one_by_one, "all": socket.at_once, "theirs": theirs}
    times = interleave(rounds, functions, {"one": socket.begin, "all": socket.begin})
    for name, what in (("one", "a call each, deframed and placed too"), ("all", f"{BATCH} a call")):
        note = f"{1e9 * sorted(times[name])[rounds // 2] / BATCH:.0f} ns a message"
        yield faster(f"stream message: parse + decode, {what}", times, name, "theirs", 8, note=note)


def _sockets(rounds: int) -> Iterator[Line]:
    peers = [("websockets", "websockets.sync", 0.15), ("picows", "picows", 0.45)]
    if find_spec("picows") is None:
        print("ws_media: picows is not installed: pip install 'swsync[bench]'", file=sys.stderr)
        peers.pop()
    kinds = ["swsync", *(kind for kind, _, _ in peers)]
    figures: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind, values in figures.items():
            values.append(_cpu(kind))
    note = f"{1e6 * sorted(figures['swsync'])[rounds // 2]:.2f} us a message"
    for peer, name, target in peers:
        ratios = tuple(ours / theirs for ours, theirs in zip(figures["swsync"], figures[peer], strict=True))
        what = f"{STREAMS} streams x 50 messages/s, CPU per message"
        yield Line(what, f"{name} + {PEER}", target, ratios, at_most=True, note=note)


def _cpu(kind: str) -> float:
    """Processor seconds a message of one receiver process, from when all streams have begun."""
    with start("_streams", "receive", kind) as receiver, start("_streams", "send") as sender:
        places = ask(receiver)["places"]
        ask(sender, json.dumps({"places": places}))
        ask(receiver, "begin")
        ask(sender, json.dumps({"messages": MESSAGES}))
        result = ask(receiver, "stop")
        for child in (receiver, sender):
            assert child.stdin is not None
            child.stdin.write("end\n")
            child.stdin.flush()
    sent, got = STREAMS * MESSAGES, int(result["messages"])
    # A peer that cannot keep up is measured by what it did receive; ours has to receive all, but for at most one
    # message a stream, which is under way when it is asked.
    least = sent - STREAMS if kind == "swsync" else 0.9 * sent
    if got * FRAME != result["samples"] or not least <= got <= sent:
        raise Unequal(f"{kind}: {got} of {sent} messages, {result['samples']} samples")
    return float(result["cpu"]) / got
