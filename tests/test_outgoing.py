"""What is written, by whom, and what is left when a writer is stopped in the midst of it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from securedpair import secured_pair
from stopping import Stop
from websocket import ABNF

from swsync import outgoing
from swsync.errors import ConnectionLost
from swsync.outgoing import Outgoing

MOST_STEPS = 5000


def unmasked(data: bytes) -> list[str]:
    """The text messages of whole frames of less than 126 octets. Fails on anything else."""
    found = []
    while data:
        assert (0x81, True) == (data[0], 0x80 < data[1] < 0x80 + 126)
        length, mask = data[1] & 0x7F, data[2:6]
        found.append(bytes(octet ^ mask[i % 4] for i, octet in enumerate(data[6 : 6 + length])).decode())
        assert length == len(data[6 : 6 + length])
        data = data[6 + length :]
    return found


class Pipe:
    """A link whose other end is read to its end."""

    def __init__(self, ours: Any, theirs: Any, is_tls: bool) -> None:
        self.ours, self.theirs = ours, theirs
        self.woken = 0
        ours.setblocking(False)
        self.outgoing = Outgoing(ours, threading.Lock() if is_tls else None, self.wake)

    def wake(self) -> None:
        self.woken += 1

    def read(self) -> bytes:
        """Say that this was all, and return what came."""
        socket.socket.shutdown(self.ours, socket.SHUT_WR)
        data = b""
        with contextlib.suppress(ssl.SSLEOFError):  # no goodbye of TLS
            while block := self.theirs.recv(65536):
                data += block
        return data

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()


def plain() -> Pipe:
    return Pipe(*socket.socketpair(), is_tls=False)


def secured() -> Pipe:
    return Pipe(*secured_pair(), is_tls=True)


def test_what_waits_leaves_in_one_write() -> None:
    pipe = plain()
    pipe.outgoing.put_later(["one"])
    pipe.outgoing.put_later(["two"])
    pipe.outgoing.put("three")
    assert b"" == pipe.theirs.recv(0)
    pipe.outgoing.go_on()
    assert ["one", "two", "three"] == unmasked(pipe.read())
    pipe.close()


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 125, 126, 127, 65535, 65536])
def test_each_message_of_a_write_is_masked_for_itself(length: int) -> None:
    """Before and behind others, and a whole frame, each is what websocket-client makes of it."""
    masks, whole = bytes(range(1, 17)), b"\x8a\x80\1\2\3\4"
    batch = ["\u00e4b", whole, "x" * length, "last"]
    expected = b""
    for i, item in enumerate(batch):
        if isinstance(item, str):
            one = ABNF.create_frame(item, ABNF.OPCODE_TEXT)
            one.get_mask_key = lambda _, mask=masks[4 * i : 4 * i + 4]: mask
            expected += one.format()
        else:
            expected += item
    assert expected == outgoing._framed(batch, masks)


def test_the_reader_goes_on_where_the_other_side_took_no_more() -> None:
    pipe = plain()
    pipe.ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    frame = b"x" * 400_000
    pipe.outgoing.put(frame)
    pipe.outgoing.put("after")
    assert pipe.woken
    got = bytearray()
    reading = threading.Thread(target=lambda: got.extend(iter_until(pipe.theirs)))
    reading.start()
    pipe.outgoing.go_on()
    pipe.ours.shutdown(socket.SHUT_WR)
    reading.join()
    assert frame == bytes(got[: len(frame)])
    assert ["after"] == unmasked(bytes(got[len(frame) :]))
    pipe.close()


def iter_until(sock: socket.socket) -> Iterator[int]:
    while block := sock.recv(65536):
        yield from block


def test_nothing_of_a_message_leaves_after_the_link_broke() -> None:
    pipe = plain()
    pipe.outgoing.break_off("the test")
    with pytest.raises(ConnectionLost, match="the test") as lost:
        pipe.outgoing.put("never")
    assert lost.value.may_have_left is False
    assert b"" == pipe.theirs.recv(100)
    pipe.close()


def test_a_write_that_fails_may_have_left() -> None:
    pipe = plain()
    pipe.theirs.close()
    with pytest.raises(ConnectionLost) as lost:
        pipe.outgoing.put("perhaps")
    assert lost.value.may_have_left is True
    assert pipe.outgoing.broken
    pipe.close()


# A sender that is stopped, before one instruction of outgoing.py after the other.


def stopped_at(step: int, pipe: Pipe) -> bool:
    """Send three messages, and be stopped at that step of the second; the reader goes on. False if there is no step."""
    locks = [lock for lock in (pipe.outgoing._lock, pipe.outgoing._tls) if lock is not None]
    pipe.outgoing.put("first")
    stop = Stop(step, outgoing.__file__, "opcode", lambda: any(lock.locked() for lock in locks))
    stop.during(lambda: pipe.outgoing.put("second"))
    pipe.outgoing.go_on()
    with contextlib.suppress(ConnectionLost):
        pipe.outgoing.put("third")
    return stop.struck


def test_a_sender_may_be_stopped_at_any_step() -> None:
    """The link stays: what it had begun is sent once and whole, or not at all if it was not queued."""
    outcomes = set()
    for step in range(1, MOST_STEPS):
        pipe = plain()
        was_stopped = stopped_at(step, pipe)
        assert ("", 0) == (pipe.outgoing.broken, pipe.outgoing._writer)
        outcomes.add(tuple(unmasked(pipe.read())))
        pipe.close()
        if not was_stopped:
            break
    else:
        pytest.fail("it never came to an end")
    assert step > 100
    assert {("first", "third"), ("first", "second", "third")} == outcomes


def test_over_tls_a_sender_may_be_stopped_at_any_step() -> None:
    """As above, but the link may be given up: nobody can say then how much OpenSSL has taken."""
    outcomes = set()
    for step in range(1, MOST_STEPS):
        pipe = secured()
        was_stopped = stopped_at(step, pipe)
        got = unmasked(pipe.read())
        if pipe.outgoing.broken:
            assert got in (["first"], ["first", "second"])
        else:
            outcomes.add(tuple(got))
        pipe.close()
        if not was_stopped:
            break
    else:
        pytest.fail("it never came to an end")
    assert {("first", "third"), ("first", "second", "third")} == outcomes
