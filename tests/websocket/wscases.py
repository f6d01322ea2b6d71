"""RFC 6455 as cases: what a peer sends, and what has to come of it. Data only; whoever is tested chooses the mask.

The families and their numbers are those by which WebSocket libraries are usually compared: 1 framing, 2 pings and
pongs, 3 reserved bits, 4 opcodes, 5 fragmentation, 6 UTF-8, 7 closing, 9 limits, 10 other. Families 12 and 13 are
compression, which nobody here offers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NORMAL, VIOLATION, NOT_UTF8, TOO_BIG = 1000, 1002, 1007, 1009
NO_CODE = 0  # a close frame without a code


def masked_with(key: bytes, payload: bytes) -> bytes:
    """Section 5.3, in one operation; twice is not at all."""
    long = (key * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(long, "big")).to_bytes(len(payload), "big")


class Frame(NamedTuple):
    """One frame: RFC 6455 section 5.2. ``claims``: the length that its head tells, if not that of the payload."""

    opcode: int
    payload: bytes = b""
    fin: bool = True
    reserved: int = 0
    claims: int | None = None
    wide: int = 0  # 2 or 8: octets of a length that would fit fewer

    def wire(self, masked: bool, key: bytes = b"\x37\xfa\x21\x3d") -> bytes:
        """The frame as a client sends it (masked), or a server."""
        length = len(self.payload) if self.claims is None else self.claims
        head, bit = bytes([(0x80 if self.fin else 0) | self.reserved << 4 | self.opcode]), 0x80 if masked else 0
        if length < 126 and not self.wide:
            head += bytes([bit | length])
        elif length < 65536 and self.wide < 8:
            head += struct.pack("!BH", bit | 126, length)
        else:
            head += struct.pack("!BQ", bit | 127, length)
        if not masked:
            return head + self.payload
        return head + key + masked_with(key, self.payload)


class Case(NamedTuple):
    """What is sent and what must come of it.

    Attributes:
        name: Family, and what it is about.
        frames: What the peer sends.
        messages: What is taken, text or binary.
        pongs: What is answered to pings, in order.
        close: The code with which the connection is closed; None: it stays open.
        step: Octets a write; 0: all in one.
    """

    name: str
    frames: list[Frame]
    messages: Sequence[str | bytes] = ()
    pongs: Sequence[bytes] = ()
    close: int | None = None
    step: int = 0

    @property
    def family(self) -> str:
        """Its number."""
        return self.name.partition(" ")[0]


def split(opcode: int, payload: bytes, *sizes: int) -> list[Frame]:
    """A message in fragments of these sizes, the last one as long as it must be."""
    frames, at = [], 0
    for size in sizes:
        frames.append(Frame(CONT if at or frames else opcode, payload[at : at + size], fin=False))
        at += size
    return [*frames, Frame(CONT if frames else opcode, payload[at:])]


def framing() -> Iterator[Case]:
    """Every length, both kinds, whole and in pieces."""
    for size in (0, 1, 124, 125, 126, 127, 128, 255, 256, 65535, 65536):
        yield Case(f"1 text of {size}", [Frame(TEXT, b"*" * size)], ["*" * size])
        yield Case(f"1 binary of {size}", [Frame(BINARY, b"\xfe" * size)], [b"\xfe" * size])
    yield Case("1 text an octet at a time", [Frame(TEXT, b"slowly" * 30)], ["slowly" * 30], step=1)
    yield Case("1 text of 65536 in pieces", [Frame(TEXT, b"x" * 65536)], ["x" * 65536], step=997)
    yield Case("1 many in one write", [Frame(TEXT, b"%d" % n) for n in range(200)], [str(n) for n in range(200)])


def pings() -> Iterator[Case]:
    """Pings are answered with their payload and in order, pongs are not."""
    for payload in (b"", b"hello", b"\x00\xff\xfe\xfd", b"\xfe" * 125):
        yield Case(f"2 ping of {len(payload)}", [Frame(PING, payload)], pongs=[payload])
    yield Case("2 ping of 126", [Frame(PING, b"x" * 126)], close=VIOLATION)
    yield Case("2 ping of 125 an octet at a time", [Frame(PING, b"y" * 125)], pongs=[b"y" * 125], step=1)
    yield Case("2 pong nobody asked for", [Frame(PONG), Frame(PONG, b"what")])
    yield Case("2 pong nobody asked for, then a ping", [Frame(PONG, b"a"), Frame(PING, b"b")], pongs=[b"b"])
    many = [b"%d" % n for n in range(10)]
    yield Case("2 ten pings", [Frame(PING, each) for each in many], pongs=many)
    yield Case("2 ten pings in pieces", [Frame(PING, each) for each in many], pongs=many, step=1)
    yield Case("2 pong of 126", [Frame(PONG, b"x" * 126)], close=VIOLATION)


def reserved_bits() -> Iterator[Case]:
    """No extension was agreed on, so none of them may be set."""
    for bits in range(1, 8):
        for opcode in (TEXT, BINARY, PING, PONG, CLOSE):
            yield Case(f"3 bits {bits} opcode {opcode}", [Frame(opcode, b"", reserved=bits)], close=VIOLATION)
    good, bad = Frame(TEXT, b"good"), Frame(TEXT, b"bad", reserved=4)
    yield Case("3 after a message", [good, bad, Frame(PING)], ["good"], close=VIOLATION)
    yield Case("3 after a message, in pieces", [good, bad, Frame(PING)], ["good"], close=VIOLATION, step=1)
    yield Case("3 in a continuation", [Frame(TEXT, b"a", False), Frame(CONT, b"b", reserved=4)], close=VIOLATION)


def opcodes() -> Iterator[Case]:
    """Those that mean nothing yet."""
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        yield Case(f"4 opcode {opcode}", [Frame(opcode)], close=VIOLATION)
        yield Case(f"4 opcode {opcode} with payload", [Frame(opcode, b"reserved"), Frame(PING)], close=VIOLATION)
        yield Case(f"4 opcode {opcode} after a message", [Frame(TEXT, b"a"), Frame(opcode)], ["a"], close=VIOLATION)


def fragmentation() -> Iterator[Case]:
    """What may be cut, what may stand between, and what nothing goes before."""
    yield Case("5 ping in fragments", split(PING, b"ab", 1), close=VIOLATION)
    yield Case("5 pong in fragments", split(PONG, b"ab", 1), close=VIOLATION)
    yield Case("5 close in fragments", split(CLOSE, b"\x03\xe8", 1), close=VIOLATION)
    for step in (0, 1):
        yield Case(f"5 text in two, step {step}", split(TEXT, b"abcd", 2), ["abcd"], step=step)
        one, two = split(TEXT, b"abcd", 2)
        yield Case(f"5 ping between, step {step}", [one, Frame(PING, b"p"), two], ["abcd"], [b"p"], step=step)
        yield Case(f"5 pong between, step {step}", [one, Frame(PONG, b"p"), two], ["abcd"], step=step)
        five = split(TEXT, b"abcdefghij", 2, 2, 2, 2)
        mixed = [five[0], Frame(PING, b"1"), five[1], five[2], Frame(PING, b"2"), five[3], five[4]]
        yield Case(f"5 pings among five, step {step}", mixed, ["abcdefghij"], [b"1", b"2"], step=step)
    yield Case("5 binary in three", split(BINARY, b"\xff\xfe\xfd", 1, 1), [b"\xff\xfe\xfd"])
    yield Case("5 empty fragments", split(TEXT, b"", 0, 0), [""])
    yield Case("5 empty ends", [Frame(TEXT, b"", False), Frame(CONT, b"a", False), Frame(CONT)], ["a"])
    yield Case("5 two in fragments", [*split(TEXT, b"ab", 1), *split(BINARY, b"cd", 1)], ["ab", b"cd"])
    yield Case("5 continuation of nothing", [Frame(CONT, b"a")], close=VIOLATION)
    yield Case("5 unfinished continuation of nothing", [Frame(CONT, b"a", False)], close=VIOLATION)
    yield Case("5 continuation after a message", [Frame(TEXT, b"a"), Frame(CONT, b"b")], ["a"], close=VIOLATION)
    for opcode in (TEXT, BINARY):
        begun = Frame(TEXT, b"a", False)
        yield Case(f"5 opcode {opcode} within a message", [begun, Frame(opcode, b"b")], close=VIOLATION)
        yield Case(f"5 unfinished {opcode} within a message", [begun, Frame(opcode, b"b", False)], close=VIOLATION)
    yield Case("5 close within a message", [Frame(TEXT, b"a", False), Frame(CLOSE, b"\x03\xe8")], close=NORMAL)


VALID = {
    "one of each length": "aü€𝄞", "the last of one octet": "\x7f", "the first and last of two": "\x80\u07ff",
    "the first and last of three": "\u0800\uffff", "around the surrogates": "\ud7ff\ue000",
    "the first of four": "\U00010000", "the last of all": "\U0010ffff",
    "what is no character": "\ufffe\U0001ffff\ufdd0",
    "NUL": "\x00", "Greek": "κόσμε", "replacement": "\ufffd", "BOM": "\ufeffx",
}  # fmt: skip
INVALID = {
    "a continuation alone": b"\x80", "two continuations": b"\x80\xbf", "a first octet alone": b"\xc3 ",
    "0xFE": b"\xfe", "0xFF": b"\xff", "overlong slash": b"\xc0\xaf", "overlong of three": b"\xe0\x80\xaf",
    "overlong of four": b"\xf0\x80\x80\xaf", "overlong NUL": b"\xc0\x80", "a high surrogate": b"\xed\xa0\x80",
    "a low surrogate": b"\xed\xbf\xbf", "a pair of surrogates": b"\xed\xa1\x8c\xed\xbe\xb4",
    "above the last": b"\xf4\x90\x80\x80", "five octets": b"\xf8\x88\x80\x80\x80",
    "six octets": b"\xfc\x84\x80\x80\x80\x80", "cut short of two": b"\xc3", "cut short of three": b"\xe2\x82",
    "cut short of four": b"\xf0\x9d\x84", "in the middle": "κόσμε".encode() + b"\xed\xa0\x80edited",
}  # fmt: skip


def utf8() -> Iterator[Case]:
    """Text is UTF-8, however it is cut; binary may be anything."""
    for name, text in VALID.items():
        data = text.encode()
        yield Case(f"6 {name}", [Frame(TEXT, data)], [text])
        yield Case(f"6 {name}, a fragment an octet", split(TEXT, data, *[1] * (len(data) - 1)), [text])
        yield Case(f"6 {name}, a write an octet", [Frame(TEXT, data)], [text], step=1)
    for name, data in INVALID.items():
        yield Case(f"6 {name}", [Frame(TEXT, data)], close=NOT_UTF8)
        yield Case(f"6 {name}, a fragment an octet", split(TEXT, data, *[1] * (len(data) - 1)), close=NOT_UTF8)
        yield Case(f"6 {name} as binary", [Frame(BINARY, data)], [data])
    yield Case("6 wrong after a message", [Frame(TEXT, b"a"), Frame(TEXT, b"\xff")], ["a"], close=NOT_UTF8)


def closing() -> Iterator[Case]:
    """Which codes may be said, what may follow."""
    yield Case("7 without a code", [Frame(CLOSE)], close=NO_CODE)
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999):
        yield Case(f"7 code {code}", [Frame(CLOSE, struct.pack("!H", code))], close=code)
    for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535):
        yield Case(f"7 code {code}, which is none", [Frame(CLOSE, struct.pack("!H", code))], close=VIOLATION)
    said = struct.pack("!H", NORMAL)
    yield Case("7 a reason", [Frame(CLOSE, said + "tschüß".encode())], close=NORMAL)
    yield Case("7 the longest reason", [Frame(CLOSE, said + b"x" * 123)], close=NORMAL)
    yield Case("7 a reason that is too long", [Frame(CLOSE, said + b"x" * 124)], close=VIOLATION)
    yield Case("7 half a code", [Frame(CLOSE, b"\x03")], close=VIOLATION)
    yield Case("7 a reason that is not UTF-8", [Frame(CLOSE, said + b"\xce\xba\xed\xa0\x80")], close=NOT_UTF8)
    yield Case("7 after a message", [Frame(TEXT, b"a"), Frame(CLOSE, said)], ["a"], close=NORMAL)
    yield Case("7 twice", [Frame(CLOSE, said), Frame(CLOSE, said)], close=NORMAL)
    yield Case("7 a ping after it", [Frame(CLOSE, said), Frame(PING, b"late")], close=NORMAL)
    yield Case("7 a message after it", [Frame(CLOSE, said), Frame(TEXT, b"late")], close=NORMAL)
    yield Case("7 rubbish after it", [Frame(CLOSE, said), Frame(7, b"late", reserved=7)], close=NORMAL)


def limits() -> Iterator[Case]:
    """Large messages, and those that are only said to be large."""
    for size in (1 << 16, 1 << 18, 1 << 20):
        yield Case(f"9 text of {size}", [Frame(TEXT, b"x" * size)], ["x" * size])
        yield Case(f"9 binary of {size}", [Frame(BINARY, b"\0" * size)], [b"\0" * size])
    for size in (64, 1024, 65536):
        sizes = [size] * ((1 << 18) // size - 1)
        yield Case(f"9 2^18 in fragments of {size}", split(TEXT, b"x" * (1 << 18), *sizes), ["x" * (1 << 18)])
    for claimed in (1 << 25, 1 << 32, (1 << 63) - 1):
        yield Case(f"9 said to be {claimed}", [Frame(BINARY, claims=claimed)], close=TOO_BIG)
        begun = [Frame(TEXT, b"a", False), Frame(CONT, claims=claimed)]
        yield Case(f"9 a fragment said to be {claimed}", begun, close=TOO_BIG)


def other() -> Iterator[Case]:
    """What is unusual and allowed."""
    pieces = split(TEXT, b"x" * 65536, *[1300] * 50)
    yield Case("10 fragments of 1300", pieces, ["x" * 65536], step=1400)
    yield Case("10 a message behind a ping", [Frame(PING, b"a"), Frame(TEXT, b"b")], ["b"], [b"a"])
    everything = [Frame(TEXT, b"1"), Frame(PONG), Frame(BINARY, b"2"), Frame(PING, b"3"), *split(TEXT, b"45", 1)]
    yield Case("10 all kinds in a row", everything, ["1", b"2", "45"], [b"3"], step=1)


CASES = [
    case
    for family in (framing, pings, reserved_bits, opcodes, fragmentation, utf8, closing, limits, other)
    for case in family()
]
