"""Writes the first inputs of the targets: what peers send, right and nearly right. ``python -m tests.fuzz.seeds``.

The same files in every run. What long runs have found since lies beside them in ``corpus/<target>``.
"""

# ruff: noqa: E501 -- what peers send has long lines
from __future__ import annotations

import base64
import hashlib
import random
import struct
from collections.abc import Callable
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
SEEDS = 60  # a target


def rtp(rng: random.Random, number: int, payload_type: int = 0, ssrc: int = 7) -> bytes:
    """A packet with everything that a header may have."""
    csrcs, extends, pads = rng.choice([0, 0, 0, 1, 15]), rng.random() < 0.2, rng.random() < 0.2
    payload = rng.randbytes(rng.choice([0, 1, 4, 20, 40, 160]))
    if payload_type == 101:
        ends = number % 3 == 2
        payload = struct.pack("!BBH", rng.randrange(18), (0x80 if ends else 0) | 10, 160 * (number % 3 + 1))
    first = 0x80 | (0x20 if pads else 0) | (0x10 if extends else 0) | csrcs
    head = struct.pack(
        "!BBHII", first, payload_type | (0x80 if number == 0 else 0), number & 0xFFFF, number * 160, ssrc
    )
    head += rng.randbytes(4 * csrcs)
    if extends:
        words = rng.choice([0, 1, 2])
        head += struct.pack("!HH", 0xBEDE, words) + rng.randbytes(4 * words)
    return head + payload + (b"\0\0\0\4" if pads else b"")


def rtcp(rng: random.Random) -> bytes:
    """A compound packet: a report, a name, a goodbye, something of an application's."""
    blocks = rng.choice([0, 1, 31])
    report = struct.pack("!IQIII", 7, rng.getrandbits(64), rng.getrandbits(32), 10, 1600) + rng.randbytes(24 * blocks)
    parts = [(200, blocks, report), (201, 0, struct.pack("!I", 7))]
    name = b"\1\5a@b.c\0\0\0\0\0"
    rest = [(202, 1, struct.pack("!I", 7) + name), (203, 1, struct.pack("!I", 7)), (204, 0, b"\0\0\0\7name")]
    chosen = [rng.choice(parts), *rng.sample(rest, rng.randrange(4))]
    whole = b""
    for kind, count, body in chosen:
        padded = body + bytes(-len(body) % 4)
        whole += struct.pack("!BBH", 0x80 | count, kind, len(padded) // 4) + padded
    return whole


def receiver(rng: random.Random, seed: int) -> bytes:
    """Steps of the target in ``receiver.c``: a talkspurt, keys, reports, a second sender, time."""
    whole = bytes([seed & 63])
    for number in range(rng.choice([4, 6, 12])):
        who = rng.choice([0, 0, 0, 0, 1, 4])
        kind = rng.choice([0, 0, 0, 0, 0, 101, 13])
        datagram = rtcp(rng)[:250] if rng.random() < 0.15 else rtp(rng, number, kind)[:250]
        what = 4 if 192 <= datagram[1] <= 223 else 0
        whole += bytes([what | who << 3, len(datagram)]) + datagram
        if rng.random() < 0.3:
            whole += bytes([rng.choice([5, 6, 7]) | who << 3, rng.choice([1, 60, 255])])
    return whole


def share(rng: random.Random, seed: int) -> bytes:
    """Steps of the target in ``share.c``: a few senders, receivers that come late, leave and come again."""
    senders = rng.sample(range(64), 1 + seed % 6)
    whole = b""
    for _ in range(rng.choice([5, 20, 80])):
        what = rng.choice([0, 0, 0, 0, 1, 2, 2, 3])
        whole += bytes([what | rng.choice(senders) << 2, rng.choice([0, 1, 12, 160, 200, 255]), rng.randrange(4)])
    return whole


def many(rng: random.Random, seed: int) -> bytes:
    """One packet, or a block of them as sw_rtp_parse_many takes it."""
    packets = [rtp(rng, n, rng.choice([0, 8, 101, 96])) for n in range(rng.choice([1, 3, 8]))]
    if seed % 2:
        return packets[0]
    packets = [packet[:200] for packet in packets]
    return b"\0" + bytes(map(len, packets)) + b"\0" + b"".join(packets)


def scan(rng: random.Random, seed: int) -> bytes:
    """A media message in the spellings of three JSON writers."""
    payload = base64.b64encode(rng.randbytes(rng.choice([0, 1, 2, 3, 30]))).decode()
    quote = rng.choice(['"', ""])
    inner = [f'"track":"{rng.choice(["inbound", "outbound"])}"', f'"chunk":{quote}{seed}{quote}',
             f'"timestamp":{quote}{20 * seed}{quote}', f'"payload":"{payload}"']  # fmt: skip
    rng.shuffle(inner)
    outer = ['"event":"media"', f'"sequenceNumber":{quote}{seed}{quote}', '"streamSid":"S"', '"media":{INNER}']
    rng.shuffle(outer)
    text = "{" + ",".join(outer).replace("INNER", ",".join(inner)) + "}"
    return rng.choice([text, text.replace(":", " : "), text.replace("a", "\\u0061", 1), text[:-2], text + " "]).encode()


def text64(rng: random.Random, seed: int) -> bytes:
    """Base64, and what is nearly that."""
    whole = base64.b64encode(rng.randbytes(seed))
    return rng.choice([whole, whole, whole[1:], whole + b"=", whole.replace(b"=", b"A", 1), whole.replace(b"A", b"\n")])


def level(rng: random.Random, seed: int) -> bytes:
    """Samples after the four octets that choose rate, threshold and block."""
    loud = rng.choice([b"\0\0", b"\xff\x7f", b"\0\x80", rng.randbytes(2)])
    return rng.randbytes(5) + loud * rng.choice([1, 100, 700]) + rng.randbytes(seed)


PY: dict[str, list[bytes]] = {
    "py-frames": [
        b'{"jsonrpc":"2.0","id":"e1","method":"signalwire.event","params":{"event_type":"calling.call.state","timestamp":1.5,'
        b'"params":{"call_id":"c1","node_id":"n","call_state":"answered","direction":"outbound","device":{"type":"phone",'
        b'"params":{"to_number":"+12025550100"}}}}}',
        b'{"jsonrpc":"2.0","id":"e2","method":"signalwire.event","params":{"event_type":"calling.call.collect","params":'
        b'{"call_id":"c1","control_id":"a","result":{"type":"digit","params":{"digits":"12#"}},"final":true}}}',
        b'{"jsonrpc":"2.0","id":"e3","method":"signalwire.event","params":{"event_type":"calling.call.dial","params":'
        b'{"tag":"t","dial_state":"answered","call":{"call_id":"c1","node_id":"n","dial_winner":"true"}}}}',
        b'{"jsonrpc":"2.0","id":"e4","method":"signalwire.event","params":{"event_type":"calling.call.tap","params":'
        b'{"call_id":"c1","control_id":"a","state":"tapping","tap":{"type":"audio","params":{"direction":"both"}},'
        b'"device":{"type":"rtp","params":{"addr":"127.0.0.1","port":5004,"codec":"PCMU","ptime":20,"rate":8000}}}}}',
        b'{"jsonrpc":"2.0","id":"p1","method":"signalwire.ping","params":{"timestamp":1}}',
        b'{"jsonrpc":"2.0","id":"d1","method":"signalwire.disconnect","params":{"restart":true}}',
        b'{"jsonrpc":"2.0","id":"1","result":{"code":"200","message":"OK","protocol":"p","identity":"i","authorization":{}}}',
        b'{"jsonrpc":"2.0","id":"1","error":{"code":-32602,"message":"no","data":{"error":"x"}}}',
    ],
    "py-stream": [
        b'{"event":"connected","protocol":"Call","version":"1.0.0"}',
        b'{"event":"start","sequenceNumber":"1","start":{"streamSid":"S","callSid":"C","accountSid":"A","tracks":["inbound"],'
        b'"customParameters":{"a":"b"},"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}',
        b'{"event":"media","sequenceNumber":"3","media":{"track":"inbound","chunk":"1","timestamp":"20","payload":"//8="}}',
        b'{"event":"dtmf","streamSid":"S","sequenceNumber":"5","dtmf":{"track":"inbound_track","digit":"1","duration":100}}',
        b'{"event":"mark","sequenceNumber":"4","streamSid":"S","mark":{"name":"m"}}',
        b'{"event":"stop","sequenceNumber":"5","streamSid":"S","stop":{"accountSid":"A","callSid":"C"}}',
        b'{"content_type":"audio/PCMU;rate=8000;channels=1"}',
    ],
    "py-swml": [
        b'{"version":"1.0.0","sections":{"main":[{"answer":{}},{"play":{"url":"say:hello","volume":1}},{"hangup":{}}]}}',
        b"version: 1.0.0\nsections:\n  main:\n    - answer:\n        max_duration: 60\n    - play: {urls: ['silence:1']}\n"
        b"    - switch: {variable: call.type, case: {sip: [{hangup: {}}]}, default: [{label: x}]}\n    - goto: {label: x}\n",
        b'{"sections":{"main":[{"connect":{"parallel":[{"to":"+12025550101"},{"to":"sip:a@b.c"}],"timeout":5}}]}}',
        b'{"sections":{"main":[{"tap":{"uri":"rtp://127.0.0.1:5004","codec":"PCMU","rtp_ptime":20}},{"stop_tap":{}}]}}',
        b"sections:\n  main:\n    - prompt: {play: 'say:x', max_digits: 3, terminators: '#'}\n    - execute: {dest: two}\n"
        b"  two:\n    - set: {a: 1}\n    - return\n",
    ],
    "py-rows": [
        b'number,consent,zone,name\n+12025550101,yes,America/New_York,Anna\n2025550102,,,"B, C"\n',
        b"\xef\xbb\xbfnumber;x\r\n+12025550101;1\r\n",
        "number\n+12025550101\n911\n\u0661\u0662\u0663\n'=cmd\n0012025550103\n".encode("utf-16"),
        b'number,"a\nb"\n"=+12025550101","\t@x"\n"""+12025550104""",\n',
        b"number\n(202) 555-0105 ext. 7\n+1\x002025550106\n\n,\n",
    ],
    "py-settings": [
        b"project\ntoken\n\nexample.signalwire.com\n5",
        b"project\ntoken\njwt\nwss://relay.signalwire.com:443/\n",
        b"p\nt\n\nws://127.0.0.1:8080\n1000",
        b"p\nt\n\nws://[::1]:1\n",
        b"\n\n\nws://example.com\n-1",
    ],
    "py-people": [
        b'[[callee]]\nnumber = "+12025550101"\noutcome = "busy"\n[[callee]]\nnumber = "+12025550102"\nkind = "machine"\n'
        b"greeting = 2.5\nbeep_after = 1\n",
        b'{"callee":[{"number":"+12025550101","presses":["1","2#"],"says_text":"yes","hangs_up_after":5}]}',
        b'[[inbound]]\ncontext = "office"\nfrom = "+12025550103"\nafter = 1\nevery = 10\ntimes = 3\n',
        b'{"callee":[{"number":"1","script":[{"say":"x"},{"wait_for":"digits","timeout":3},{"press":"12"},{"hang_up":true}]}]}',
        b'{"inbound":[{"context":"c","speech":"a.wav","rings_for":3}],"callee":[]}',
    ],
    "py-faults": [
        b'[[fault]]\nkind = "drop"\nname = "calling.play"\nof = "reply"\nn = 2\ntimes = 0\n[network]\nloss = 0.1\njitter = 0.02\n',
        b'{"fault":[{"kind":"delay","name":"calling.call.state","seconds":2.0,"match":{"call_state":"answered"}}]}',
        b'{"fault":[{"kind":"refuse","name":"calling.record","code":"503","message":"x","probability":0.5}],"network":{}}',
        b'{"fault":[{"kind":"refuse","of":"link","code":503},{"kind":"silence"}]}',
        b'{"network":{"loss":0.05,"burst":0.1,"burst_end":0.3,"burst_loss":0.9,"drift":50,"duplicates":0.02,"reorder":0.05}}',
    ],
}


def websocket(rng: random.Random, seed: int) -> bytes:
    """An upgrade, then frames."""
    key = base64.b64encode(rng.randbytes(16))
    request = (
        b"GET /secret HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " + key
    )
    data = bytes([rng.choice([0, 3, 255])]) + request + b"\r\nSec-WebSocket-Version: 13\r\n\r\n"
    for opcode in rng.choices([1, 2, 0, 8, 9, 10], k=1 + seed % 5):
        payload, mask = rng.choice([b"", b"x", b"\x03\xe8", b"\xc3\xa9", bytes(200)]), rng.randbytes(4)
        size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack("!H", len(payload))
        data += bytes([rng.choice([0x80, 0x80, 0]) | opcode]) + size + mask
        data += bytes(octet ^ mask[at & 3] for at, octet in enumerate(payload))
    return data


def pcap(rng: random.Random, seed: int) -> bytes:
    """A capture with a packet or two: Ethernet, IPv4, UDP."""
    order = "<>"[seed % 2]
    data = struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    for number in range(1 + seed % 3):
        udp = rtp(rng, number)
        udp = struct.pack("!HHHH", 4000, 5004, 8 + len(udp), 0) + udp
        ip = struct.pack("!BBHHHBBHII", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, 0x7F000001, 0x7F000001) + udp
        frame = bytes(12) + rng.choice([b"\x08\x00", b"\x81\x00\0\1\x08\x00"]) + ip
        data += struct.pack(order + "IIII", number, 0, len(frame), len(frame)) + frame
    if seed % 4 == 3:  # pcapng: a section, an interface, one packet
        data = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28) + struct.pack(
            "<IIHHII", 1, 20, 1, 0, 0, 20
        )
        padded = frame + bytes(-len(frame) % 4)
        data += struct.pack("<IIIIIII", 6, 32 + len(padded), 0, 0, 0, len(frame), len(frame)) + padded
        data += struct.pack("<I", 32 + len(padded))
    return data


TARGETS: dict[str, Callable[[random.Random, int], bytes]] = {
    "rtp": many,
    "rtcp": lambda rng, seed: rtcp(rng)[: rng.choice([None, None, rng.randrange(1, 90)])],
    "receiver": receiver,
    "share": share,
    "streamscan": scan,
    "base64": text64,
    "level": level,
    "py-websocket": websocket,
    "py-pcap": pcap,
    "py-packets": rtp,
}


def write(target: str, data: bytes) -> None:
    """Name it by its contents, as libFuzzer does."""
    (CORPUS / target).mkdir(parents=True, exist_ok=True)
    (CORPUS / target / hashlib.sha1(data).hexdigest()).write_bytes(data)


def main() -> None:
    """Write them all."""
    for target, make in TARGETS.items():
        rng = random.Random(target)
        for seed in range(12 if target.startswith("py-") else SEEDS):
            write(target, make(rng, seed))
    for target, seeds in PY.items():
        for data in seeds:
            write(target, data)


if __name__ == "__main__":
    main()
