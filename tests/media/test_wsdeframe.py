"""The protocol side of a media WebSocket, fed with octets."""

from __future__ import annotations

import struct
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.http11 import Request
from wsclient import frame, request

from swsync.media.wsdeframe import MAX_HEAD, Admission, Deframer, Refusal, request_path

TEXT, BINARY, CLOSE, PING, PONG, CONT = 1, 2, 8, 9, 10, 0


def admit(request: Request) -> Admission | Refusal:
    """Anybody who asks for /tap."""
    if request_path(request) != "/tap":
        return Refusal(HTTPStatus.NOT_FOUND, "not_found")
    return Admission(1000, lambda: None)


def opened() -> Deframer:
    """A connection after the upgrade."""
    deframer = Deframer(admit)
    deframer.receive(request("/tap"))
    assert b"HTTP/1.1 101" == deframer.take()[0][:12]
    return deframer


def sent_close(deframer: Deframer) -> int:
    """The code of the close frame that is to be sent."""
    data, ended = deframer.take()
    assert ended
    at = data.rindex(b"\x88")
    return int(struct.unpack("!H", data[at + 2 : at + 4])[0])


def test_upgrade_in_single_octets() -> None:
    """A request may come an octet at a time."""
    deframer = Deframer(admit)
    for octet in request("/tap?x=1"):
        assert not deframer.opened
        assert [] == deframer.receive(bytes([octet]))
    assert deframer.opened
    assert b"permessage-deflate" not in deframer.take()[0]


def test_no_compression() -> None:
    """Compression is declined, so that small messages cannot become large ones."""
    deframer = Deframer(admit)
    deframer.receive(request("/tap", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"))
    assert b"Extensions" not in deframer.take()[0]
    deframer.receive(frame(TEXT, b"x", reserved=4))
    assert 1002 == sent_close(deframer)


def test_frames_right_behind_the_request() -> None:
    """Frames that were sent before the answer are not lost."""
    deframer = Deframer(admit)
    assert ["a", b"b"] == deframer.receive(request("/tap") + frame(TEXT, b"a") + frame(BINARY, b"b"))


@pytest.mark.parametrize(
    ("head", "status", "reason"),
    [
        (request("/other"), b"404", "not_found"),
        (b"GET /tap HTTP/1.1\r\nHost: x\r\n\r\n", b"426", "bad_request"),
        (request("/tap", method="POST"), b"40", "bad_request"),
        (request("/tap", key="short"), b"400", "bad_request"),
        (request("/tap", "Content-Length: 5"), b"400", "bad_request"),
        (request("/tap", *["a: b"] * 200), b"400", "bad_request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"400", "bad_request"),
        (b"GET /tap HTTP/1.1\r\nbroken\r\n\r\n", b"400", "bad_request"),
        (b"\r\n\r\n", b"400", "bad_request"),
        (b"x" * (MAX_HEAD + 1), b"431", "head_too_long"),
        (request("/tap", "X: " + "y" * MAX_HEAD), b"431", "head_too_long"),
    ],
)
def test_refused_requests(head: bytes, status: bytes, reason: str) -> None:
    """What is no upgrade of a known path is answered by HTTP and ends."""
    deframer = Deframer(admit)
    assert [] == deframer.receive(head)
    data, ended = deframer.take()
    assert data.split()[1].startswith(status)  # 405 or, by an older websockets, 400
    assert ended
    assert reason == deframer.failure
    assert not deframer.opened
    assert [] == deframer.receive(frame(TEXT, b"x"))


def test_fragments_with_a_ping_between() -> None:
    """A message in fragments is joined; a ping between them is answered at once."""
    deframer = opened()
    assert [] == deframer.receive(frame(TEXT, b"a", fin=False))
    assert [] == deframer.receive(frame(PING, b"p"))
    assert b"\x8a\x01p" == deframer.take()[0]
    assert [] == deframer.receive(frame(CONT, b"", fin=False))
    assert ["abc"] == deframer.receive(frame(CONT, b"bc"))
    assert [b"d"] == deframer.receive(frame(BINARY, b"d"))


def test_empty_messages_and_fragments() -> None:
    """Nothing is a message too."""
    deframer = opened()
    assert ["", b""] == deframer.receive(frame(TEXT) + frame(BINARY))
    assert [] == deframer.receive(frame(BINARY, fin=False))
    assert [b"x"] == deframer.receive(frame(CONT, b"x"))


@pytest.mark.parametrize(
    ("data", "code", "failure"),
    [
        pytest.param(frame(TEXT, b"x", masked=False), 1002, "protocol_error", id="unmasked"),
        pytest.param(frame(TEXT, b"x", reserved=1), 1002, "protocol_error", id="reserved bit"),
        pytest.param(frame(3, b"x"), 1002, "protocol_error", id="opcode"),
        pytest.param(frame(CONT, b"x"), 1002, "protocol_error", id="continues nothing"),
        pytest.param(frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), 1002, "protocol_error", id="not continued"),
        pytest.param(frame(PING, b"x" * 126), 1002, "protocol_error", id="long ping"),
        pytest.param(frame(PING, b"x", fin=False), 1002, "protocol_error", id="ping in parts"),
        pytest.param(frame(CLOSE, b"\x03"), 1002, "protocol_error", id="close of 1 octet"),
        pytest.param(frame(CLOSE, b"\x00\x00"), 1002, "protocol_error", id="close code 0"),
        pytest.param(frame(CLOSE, b"\x03\xe8\xff"), 1007, "invalid_utf8", id="close reason"),
        pytest.param(frame(TEXT, b"\xff"), 1007, "invalid_utf8", id="text"),
        pytest.param(frame(TEXT, b"\xed\xa0\x80"), 1007, "invalid_utf8", id="surrogate"),
        pytest.param(frame(TEXT, b"\xc3", fin=False) + frame(CONT, b"x"), 1007, "invalid_utf8", id="cut"),
        pytest.param(frame(BINARY, b"x" * 1001), 1009, "message_too_big", id="too big"),
        pytest.param(
            frame(BINARY, b"x" * 600, fin=False) + frame(CONT, b"x" * 600),
            1009,
            "message_too_big",
            id="too big in parts",
        ),
        pytest.param(b"\x82\xff" + b"\x7f" * 8, 1009, "message_too_big", id="far too big"),
    ],
)
def test_violations(data: bytes, code: int, failure: str) -> None:
    """What RFC 6455 forbids closes with its code; what came before it is kept, what comes after is not read."""
    deframer = opened()
    assert ["before"] == deframer.receive(frame(TEXT, b"before") + data + frame(TEXT, b"after"))
    assert failure == deframer.failure
    assert code == sent_close(deframer)
    assert not deframer.is_open


def test_utf8_split_between_fragments() -> None:
    """A character may be split between fragments."""
    deframer = opened()
    assert ["ü"] == deframer.receive(frame(TEXT, b"\xc3", fin=False) + frame(CONT, b"\xbc"))


def test_close_by_the_peer() -> None:
    """A close is echoed and is no failure, whatever its code."""
    for code in (1000, 1001, 1002, 4000):
        deframer = opened()
        deframer.receive(frame(CLOSE, struct.pack("!H", code)))
        assert code == sent_close(deframer)
        assert code == deframer.close_code
        assert "" == deframer.failure


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535])
def test_close_with_a_code_that_is_none(code: int) -> None:
    """Codes that RFC 6455 reserves or forbids on the wire are a violation."""
    deframer = opened()
    deframer.receive(frame(CLOSE, struct.pack("!H", code)))
    assert 1002 == sent_close(deframer)


@pytest.mark.parametrize("payload", [b"", struct.pack("!H", 1000) + "ü".encode(), struct.pack("!H", 3000) + b"x" * 123])
def test_close_with_a_reason(payload: bytes) -> None:
    """A close without a code and one with the longest reason are echoed as they are."""
    deframer = opened()
    deframer.receive(frame(CLOSE, payload) + frame(TEXT, b"after"))
    data, ended = deframer.take()
    assert bytes([0x88, len(payload)]) + payload == data
    assert ended


def test_close_within_a_message() -> None:
    """A close between fragments ends the connection; the half message is dropped."""
    deframer = opened()
    assert [] == deframer.receive(frame(TEXT, b"half", fin=False) + frame(CLOSE, b"\x03\xe8"))
    assert not deframer.is_open
    assert deframer.take()[1]


def test_pings_in_a_row() -> None:
    """Each ping is answered with its payload, in order; a pong that nobody asked for is ignored."""
    deframer = opened()
    payloads = [b"", b"x" * 125, b"\x00\xff\xfe", *[str(n).encode() for n in range(10)]]
    assert [] == deframer.receive(b"".join(frame(PING, each) + frame(PONG, b"?") for each in payloads))
    assert b"".join(bytes([0x8A, len(each)]) + each for each in payloads) == deframer.take()[0]
    assert deframer.is_open


def test_any_length_of_frame() -> None:
    """All three forms of a length are read, the short form of each too."""
    deframer = opened()
    for size in (0, 1, 124, 125, 126, 127, 128, 255, 256, 999, 1000):
        assert [b"x" * size] == deframer.receive(frame(BINARY, b"x" * size))


def test_end_without_close() -> None:
    """A connection that just ends is 1006, at any moment, twice too."""
    for deframer in (Deframer(admit), opened()):
        deframer.receive(b"G" if not deframer.opened else b"\x82")
        deframer.receive_eof()
        deframer.receive_eof()
        assert 1006 == deframer.close_code
        assert not deframer.is_open


def test_own_close() -> None:
    """Our close waits for the peer's; what the peer still sends is read until then."""
    deframer = opened()
    deframer.close(1001)
    assert (b"\x88\x02\x03\xe9", False) == deframer.take()
    assert ["late"] == deframer.receive(frame(TEXT, b"late"))
    deframer.receive(frame(CLOSE, b"\x03\xe9"))
    assert (b"", True) == deframer.take()
    deframer.close(1001)
    deframer.fail(1002)
    deframer.ping()
    assert (b"", True) == deframer.take()


@given(st.binary(max_size=300))
def test_any_octets_after_the_upgrade(data: bytes) -> None:
    """No octets raise, or keep more than they are."""
    deframer = opened()
    for octet in data:
        deframer.receive(bytes([octet]))
    deframer.receive_eof()
    deframer.take()


@given(st.binary(max_size=300), st.booleans())
def test_any_octets_before_the_upgrade(data: bytes, ends: bool) -> None:
    """No request raises."""
    deframer = Deframer(admit)
    deframer.receive(b"GET " + data)
    if ends:
        deframer.receive(b"\r\n\r\n")
    deframer.receive_eof()
    deframer.take()
