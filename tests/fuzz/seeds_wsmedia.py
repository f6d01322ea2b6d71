"""Writes the seeds of ``corpus/wsmedia``: what peers send, right and wrong, as the target in ``wsmedia.c`` reads it."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import struct
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus" / "wsmedia"
SEEDS = 540


def frame(rng: random.Random, opcode: int, payload: bytes, *, fin: bool = True, masked: bool = True) -> bytes:
    """One frame as a client sends it."""
    bit, size = 0x80 if masked else 0, len(payload)
    head = bytes([(0x80 if fin else 0) | opcode])
    head += bytes([bit | size]) if size < 126 else struct.pack("!BH", bit | 126, size)
    key = rng.choice([b"\0\0\0\0", rng.randbytes(4)])
    return head + (key + bytes(o ^ key[i & 3] for i, o in enumerate(payload)) if masked else payload)


def message(rng: random.Random, chunk: int) -> bytes:
    """A media message, or something near one."""
    payload = base64.b64encode(rng.randbytes(rng.choice([0, 1, 2, 3, 16, 160]))).decode()
    number = rng.choice([str, int])
    media = {
        "track": rng.choice(["inbound", "outbound", "both"]),
        "chunk": number(chunk),
        "timestamp": number(20 * chunk),
        "payload": rng.choice([payload, payload, payload[1:], "AB=="]),
        "more": rng.choice([1.5e3, None, "x", [1]]),
    }
    for name in rng.sample(sorted(media), rng.choice([0, 0, 1, 2])):
        del media[name]
    outer = {"event": rng.choice(["media"] * 5 + ["mark"]), "sequenceNumber": number(chunk), "streamSid": "S",
             "media": media}  # fmt: skip
    keys = rng.sample(sorted(outer), rng.choice([4, 4, 4, 3]))
    text = json.dumps({key: outer[key] for key in keys}, separators=rng.choice([(",", ":"), (" , ", " : ")]))
    return rng.choice([text, text, text, text[:-1], text.replace("c", "\\u0063", 1), text.replace("1", "01")]).encode()


def main() -> None:
    """Write them all; the same in every run."""
    rng = random.Random(6455)
    CORPUS.mkdir(parents=True, exist_ok=True)
    for n in range(SEEDS):
        data = bytes([n & 63])
        for chunk in range(rng.choice([1, 1, 2, 4])):
            payload = message(rng, chunk) if n & 1 else rng.randbytes(rng.choice([0, 1, 7, 160, 130]))
            opcode = rng.choice([1 if n & 1 else 2] * 6 + [0, 1, 2, 8, 9, 3])
            data += frame(rng, opcode, payload, fin=rng.random() < 0.93, masked=rng.random() < 0.97)
        data = data[: rng.choice([len(data)] * 4 + [rng.randrange(1, len(data) + 1)])]
        (CORPUS / hashlib.sha1(data).hexdigest()[:16]).write_bytes(data)


if __name__ == "__main__":
    main()
