"""Keys over RTP (RFC 4733): each once, whatever becomes of its packets, and none of them is audio."""

from __future__ import annotations

import random
import socket
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rtppackets import TICK, everything, numbered, packet, pcm, stream
from swsync._media import lib

from swsync import media
from swsync.clock import REAL, VirtualClock
from swsync.media.dtmf import KeyReader, TelephoneEvent
from swsync.media.rtpstream import RtpStream

A = ("192.0.2.1", 4000)
KINDS = {101: lib.SW_PAYLOAD_EVENT}
STEP = 160


def keyed(**more: object) -> tuple[RtpStream, KeyReader]:
    rx = stream(kinds=KINDS, **more)
    return rx, KeyReader(rx, rx.track.clock.condition(), rx.track.clock, None)


def block(event: int, duration: int, *, end: bool = False, volume: int = 10) -> bytes:
    return struct.pack("!BBH", event, end << 7 | volume, duration)


def key(event: int, first: int, packets: int = 5, *, ends: int = 3, first_ts: int | None = None) -> list[bytes]:
    """One key as a sender makes it: growing durations, then the end three times; numbered from ``first`` on."""
    at = first * STEP if first_ts is None else first_ts
    found = []
    for k in range(packets + ends):
        duration = STEP * min(k + 1, packets)
        data = block(event, duration, end=k >= packets - 1 and ends > 0)
        found.append(packet(first + k, at, data, payload_type=101, marker=k == 0))
    return found


def give(rx: RtpStream, datagrams: list[bytes], first: int) -> None:
    rx.feed(datagrams, [(first + k) * TICK for k in range(len(datagrams))], A)


def audio(rx: RtpStream, numbers: range) -> None:
    rx.feed([numbered(i) for i in numbers], [i * TICK for i in numbers], A)


def pressed(keys: KeyReader) -> str:
    return "".join(event.digit for event in keys.all())


def test_one_key_is_told_once_with_its_length_and_place() -> None:
    """Eight packets, one key; the audio goes on after a pause, and jitter knows nothing of it."""
    rx, keys = keyed()
    audio(rx, range(10))
    give(rx, key(5, 10), 10)
    audio(rx, range(18, 30))
    expected = TelephoneEvent(digit="5", duration=0.1, volume=-10, position=1600, arrival=0.2)
    assert (expected,) == keys.all()
    stats = rx.track.stats
    assert (8, 0, {}, 0, 8 * STEP) == (
        stats.telephone_events, stats.packets_lost, stats.rejected, stats.missing, stats.quiet,
    )  # fmt: skip
    assert stats.jitter_ms < 0.01
    assert pcm(*range(10)) + bytes(8 * 320) + pcm(*range(18, 30)) == everything(rx.track)


@pytest.mark.parametrize("event", range(16))
def test_every_key(event: int) -> None:
    """Sixteen of them, section 3.2."""
    rx, keys = keyed(source="192.0.2.1")
    give(rx, key(event, 0), 0)
    assert "0123456789*#ABCD"[event] == pressed(keys)


@pytest.mark.parametrize("lost", [*range(8)])
@pytest.mark.parametrize("kept", [True, False], ids=["one lost", "all but one lost"])
def test_whatever_is_lost_each_key_is_told_once(lost: int, kept: bool) -> None:
    """One packet is enough, and the others add nothing; what comes next says that it is over."""
    rx, keys = keyed(source="192.0.2.1")
    audio(rx, range(3))
    first = [d for i, d in enumerate(key(1, 3)) if (i != lost) == kept]
    give(rx, first, 3)
    give(rx, key(2, 11), 11)
    give(rx, key(2, 19), 19)
    rx.flush()
    assert "122" == pressed(keys)


def test_repeated_and_late_ends_are_no_further_keys() -> None:
    """Duplicated by the network, and after the next key has begun."""
    rx, keys = keyed(source="192.0.2.1")
    one, two = key(1, 0), key(2, 8)
    give(rx, [*one, *one, two[0], *one[-2:], *two[1:], *two], 0)
    assert "12" == pressed(keys)


def test_a_key_without_its_end_is_told_after_half_a_second() -> None:
    """Nothing else comes: the alarm says when, and the tick tells it."""
    rx, keys = keyed(source="192.0.2.1")
    give(rx, key(9, 0, ends=0), 0)
    assert "" == pressed(keys)
    assert int(0.58e9) == rx.alarm
    rx.tick(int(0.57e9))
    assert "" == pressed(keys)
    rx.tick(int(0.58e9))
    assert ("9", None) == (pressed(keys), rx.alarm)


def test_the_end_of_the_stream_ends_a_key() -> None:
    """Its last packets were still to come."""
    rx, keys = keyed(source="192.0.2.1")
    give(rx, key(7, 0, ends=0), 0)
    rx.flush()
    assert "7" == pressed(keys)


def test_a_long_key_is_one() -> None:
    """Longer than sixteen bits of duration: its segments are joined (section 2.5.1.3)."""
    rx, keys = keyed(source="192.0.2.1")
    data = []
    for segment in range(3):
        durations = [800, 30_000, 65_535] if segment < 2 else [1000, 2000, 2000]
        for k, duration in enumerate(durations):
            data.append((segment * 65_535, block(4, duration, end=segment == 2 and k > 0), segment == k == 0))
    rx.feed(
        [packet(i, ts, d, payload_type=101, marker=marker) for i, (ts, d, marker) in enumerate(data)],
        [i * 0.1 for i in range(len(data))], A,
    )  # fmt: skip
    assert [("4", (2 * 65_535 + 2000) / 8000)] == [(event.digit, event.duration) for event in keys.all()]


def test_the_same_key_twice_is_two() -> None:
    """Also where the end of the first and the marker of the second are lost."""
    rx, keys = keyed(source="192.0.2.1")
    give(rx, key(4, 0, ends=0), 0)
    give(rx, key(4, 10)[1:], 11)
    assert "44" == pressed(keys)


def test_several_events_in_one_packet() -> None:
    """Section 2.5.1.5: each begins where the one before it ends."""
    rx, keys = keyed(source="192.0.2.1")
    data = block(1, 400, end=True) + block(2, 800, end=True) + block(3, 160, end=True)
    rx.feed([packet(0, 0, data, payload_type=101), packet(1, 0, data, payload_type=101)], [0.0, 0.02], A)
    assert [("1", 0), ("2", 400), ("3", 1200)] == [(event.digit, event.position) for event in keys.all()]


def test_what_is_no_event_is_malformed_or_no_key() -> None:
    """Fewer than four octets; event 16 is a flash, others are tones."""
    rx, keys = keyed(source="192.0.2.1")
    rx.feed([packet(i, 0, b"\1\2\3"[:i], payload_type=101) for i in range(4)], [0.0] * 4, A)
    assert {"malformed": 4} == rx.track.stats.rejected
    give(rx, key(16, 4) + key(70, 12), 4)
    assert "" == pressed(keys)


def test_keys_that_nobody_takes_are_bounded_and_counted() -> None:
    """Sixty-four wait; memory does not grow with the hundredth."""
    rx, keys = keyed(source="192.0.2.1")
    for i in range(100):
        give(rx, key(1, 8 * i), 8 * i)
    assert 36 == rx.track.stats.events_dropped
    assert "1" * 64 == pressed(keys)


def test_keys_before_the_source_is_believed_are_kept() -> None:
    """The first packets of all are keys: they are in doubt like audio, and told afterwards."""
    rx, keys = keyed()
    give(rx, key(8, 0)[:3], 0)
    assert "" == pressed(keys)
    give(rx, key(8, 0)[3:], 3)
    audio(rx, range(8, 20))
    assert "8" == pressed(keys)
    assert pcm(*range(8, 20)) == everything(rx.track)


def test_keys_of_strangers_are_not_told() -> None:
    """Another host, or another SSRC beside the stream, presses nothing."""
    rx, keys = keyed()
    audio(rx, range(10))
    rx.feed(key(5, 10), [0.2 + i * TICK for i in range(8)], ("192.0.2.9", 4000))
    rx.feed([packet(50, 0, block(6, 100, end=True), payload_type=101, ssrc=9)] * 3, [0.2] * 3, A)
    audio(rx, range(10, 12))
    assert "" == pressed(keys)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0, 5, 10, 20]))
def test_over_a_bad_network_each_key_is_told_once(seed: int, loss: int) -> None:
    """Loss that leaves one packet of each, repetition, and neighbours exchanged."""
    dice = random.Random(seed)
    rx, keys = keyed(source="192.0.2.1")
    wanted = [dice.randrange(16) for _ in range(12)]
    audio(rx, range(2))
    sent = []
    for n, event in enumerate(wanted):
        packets = key(event, 2 + 20 * n)
        left = [d for d in packets if dice.random() * 100 >= loss] or [dice.choice(packets)]
        sent += [(2 + 20 * n + k, d) for k, d in enumerate(left)]
        sent += [(2 + 20 * n + k, d) for k, d in enumerate(left) if dice.random() < 0.1]
    for i in range(len(sent) - 1):
        if dice.random() < 0.05:
            sent[i], sent[i + 1] = sent[i + 1], sent[i]
    rx.feed([d for _, d in sent], [(2 + i) * TICK for i, _ in sent], A)
    rx.flush()
    assert "".join("0123456789*#ABCD"[event] for event in wanted) == pressed(keys)


# -- receivers


def test_a_receiver_tells_keys_by_sockets() -> None:
    """By a callback, by an iterator that ends with the stream, and by a tuple."""
    called: list[str] = []
    with (
        media.RtpReceiver(on_dtmf=lambda event: called.append(event.digit)) as rx,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
    ):
        for i in range(4):
            sock.sendto(numbered(i), ("127.0.0.1", rx.port))
        for n, event in enumerate((1, 2, 11)):
            for datagram in key(event, 4 + 8 * n):
                sock.sendto(datagram, ("127.0.0.1", rx.port))
        digits = rx.digits(timeout=60)
        assert ["1", "2", "#"] == [next(digits).digit for _ in range(3)]
        impatient = rx.digits(timeout=0.05)
        assert 3 == len([next(impatient) for _ in range(3)])
        with pytest.raises(TimeoutError):
            next(impatient)
        rx.end()
        assert [] == list(digits)
        assert "12#" == "".join(event.digit for event in rx.keys)
    deadline = REAL.now() + 60
    while len(called) < 3 and REAL.now() < deadline:
        REAL.sleep(0.005)
    assert ["1", "2", "#"] == called


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
def test_our_own_sender_is_understood(codec: str) -> None:
    """What it sends as keys arrives as those."""
    with media.RtpReceiver(codec=codec) as rx, media.RtpSender("127.0.0.1", rx.port, codec=codec) as tx:
        tx.send(bytes(2 * 800))
        tx.send_digits("1*")
        assert ["1", "*"] == [event.digit for _, event in zip(range(2), rx.digits(timeout=60), strict=False)]


def test_another_number_may_be_named() -> None:
    """Then that of 101 is like any other unknown one."""
    with media.RtpReceiver(clock=VirtualClock(), payload_types={96: "telephone-event/8000"}, source="127.0.0.1") as rx:
        for number in (96, 101):
            rx.feed(packet(number, number, block(1, 100, end=True), payload_type=number), 0)
        assert ("1", {101: 1}) == ("".join(e.digit for e in rx.keys), rx.stats.payload_types)
