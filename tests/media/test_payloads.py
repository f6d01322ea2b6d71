"""Payload types: comfort noise, several codecs on one stream, and codecs that are decoded in Python."""

from __future__ import annotations

import socket
import struct
import threading
from array import array
from collections.abc import Callable
from typing import Any

import pytest
from rtppackets import SAMPLES, TICK, bye, everything, numbered, packet, payload, pcm, stream
from swsync._media import lib

from swsync import media
from swsync.clock import VirtualClock
from swsync.errors import CodecError, ConfigurationError
from swsync.media import payloads, pump

A = ("192.0.2.1", 4000)
NOISE = {13: lib.SW_PAYLOAD_NOISE}


def test_comfort_noise_is_silence_on_the_timeline() -> None:
    """The sender pauses for a second and says twice that it does: nothing is lost, and the silence is there at once."""
    rx = stream(kinds=NOISE)
    rx.feed([numbered(i) for i in range(5)], [i * TICK for i in range(5)], A)
    rx.feed([packet(5, 5 * SAMPLES, b"\x28", payload_type=13)], [0.1], A)
    rx.feed([packet(6, 30 * SAMPLES, b"\x28", payload_type=13)], [0.6], A)
    assert 30 * SAMPLES / 8000 == rx.track.seconds
    rx.feed([packet(7, 55 * SAMPLES, payload(55))], [1.1], A)
    stats = rx.track.stats
    assert (2, 50 * SAMPLES, 0, 0, {}) == (
        stats.comfort_noise, stats.quiet, stats.missing, stats.packets_lost, stats.rejected,
    )  # fmt: skip
    assert pcm(*range(5)) + bytes(2 * 50 * SAMPLES) + pcm(55) == everything(rx.track)


def test_after_comfort_noise_only_as_much_is_missing_as_was_lost() -> None:
    """Two packets are lost where speech begins again: forty milliseconds, not the whole pause."""
    rx = stream(kinds=NOISE)
    rx.feed([numbered(i) for i in range(5)], [i * TICK for i in range(5)], A)
    rx.feed([packet(5, 5 * SAMPLES, b"\x28", payload_type=13)], [0.1], A)
    rx.feed([packet(8, 57 * SAMPLES, payload(57))], [1.14], A)
    stats = rx.track.stats
    assert (2, 2 * SAMPLES, 50 * SAMPLES) == (stats.packets_lost, stats.missing, stats.quiet)


def test_hostile_comfort_noise_adds_no_more_than_a_second() -> None:
    """Timestamps hours away are not believed."""
    for jump in (8000 * 3600, -8000 * 3600, 2**31 - 1):
        rx = stream(kinds=NOISE)
        rx.feed([numbered(i) for i in range(5)], [i * TICK for i in range(5)], A)
        rx.feed([packet(5, 800 + jump, b"\x28", payload_type=13)], [0.1], A)
        assert rx.track.seconds <= 0.1 + 1.0


def test_a_stream_may_change_between_codecs_of_one_rate() -> None:
    """Mu-law, A-law and L16 in turn, all on one timeline."""
    encoded = {0: "PCMU", 8: "PCMA", 97: "L16"}
    sound = struct.pack("=160h", *range(-8000, 8000, 100))
    turns = [0, 0, 8, 8, 97, 0, 97, 8]
    with media.RtpReceiver(clock=VirtualClock(), payload_types={8: "PCMA", 97: "L16/8000"}, source="127.0.0.1") as rx:
        for i, number in enumerate(turns):
            data = media.encode(sound, encoded[number])
            rx.feed(packet(i, SAMPLES * i, data, payload_type=number), int(i * TICK * 1e9))
        expected = b"".join(media.decode(media.encode(sound, encoded[n]), encoded[n]) for n in turns)
        assert expected == everything(rx.tracks["audio"])
        assert {} == rx.stats.rejected


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
def test_l16_at_each_rate(rate: int) -> None:
    """Twenty milliseconds are as many samples as the rate says."""
    sound = struct.pack(f"!{rate // 50}h", *range(rate // 50))
    with media.RtpReceiver(codec="L16", rate=rate, clock=VirtualClock(), source="127.0.0.1") as rx:
        for i in range(5):
            rx.feed(packet(i, rate // 50 * i, sound, payload_type=96), int(i * TICK * 1e9))
        assert media.decode(sound * 5, "L16") == everything(rx.tracks["audio"])
        assert (0.1, 20.0) == (rx.stats.seconds, rx.stats.ptime_ms)


@pytest.mark.parametrize(
    "types",
    [{128: "PCMA"}, {-1: "CN"}, {"8": "PCMA"}, {97: "GSM"}, {97: "L16/16000"}, {97: ""}, {97: "telephone-event/16000"}],
)
def test_what_cannot_be_a_payload_type(types: dict[int, str]) -> None:
    """A sentence, before anything is received."""
    with pytest.raises(ConfigurationError, match="payload_types"):
        media.RtpReceiver(clock=VirtualClock(), payload_types=types)


# -- decoded in Python


class Halves:
    """A codec of its own: every octet is two samples of that value; a clock of its own, half as fast."""

    rate, clock_rate = 16000, 8000

    def __init__(self) -> None:
        self.resets = 0

    def decode(self, data: bytes) -> bytes:
        if data.startswith(b"bad"):
            raise CodecError("bad")
        return struct.pack(f"={2 * len(data)}h", *(octet for octet in data for _ in range(2)))

    def reset(self) -> None:
        self.resets += 1


def decoded(*numbers: int) -> bytes:
    return b"".join(Halves().decode(payload(i)) for i in numbers)


def test_payloads_that_c_does_not_know_are_decoded_in_python() -> None:
    """Order, loss, pauses and keys are as with any codec; rates of clock and samples may differ."""
    own = Halves()
    with media.RtpReceiver(codec="HALVES", decoder=own, clock=VirtualClock(), source="127.0.0.1") as rx:
        for i in (0, 1, 2, 4, 3, 7, 8):
            rx.feed(packet(i, SAMPLES * i, payload(i), payload_type=96), int(i * TICK * 1e9))
        rx.feed(packet(9, SAMPLES * 9, b"\x20", payload_type=13), int(9 * TICK * 1e9))
        rx.feed(packet(10, SAMPLES * 9, b"\5\x8a\0\xa0", payload_type=101), int(9 * TICK * 1e9))
        rx.feed(packet(11, SAMPLES * 20, b"bad", payload_type=96), int(20 * TICK * 1e9))
        rx.feed(packet(12, SAMPLES * 21, payload(21), payload_type=96), int(21 * TICK * 1e9))
        stats = rx.stats
        assert decoded(0, 1, 2, 3, 4) + bytes(4 * 320) + decoded(7, 8) + bytes(12 * 640) + decoded(21) == everything(
            rx.tracks["audio"]
        )
        assert (2, 1, 16000, 1, 1) == (
            stats.packets_lost, stats.comfort_noise, stats.rate, own.resets, stats.rejected["undecodable"],
        )  # fmt: skip
        assert ("5", 20.0) == ("".join(event.digit for event in rx.keys), stats.ptime_ms)


class Odd(Halves):
    """Does with every second payload what no decoder should."""

    def __init__(self, does: Callable[[], Any]) -> None:
        super().__init__()
        self.does = does
        self.count = 0

    def decode(self, data: bytes) -> bytes:
        self.count += 1
        return self.does() if self.count % 2 == 0 else super().decode(data)  # type: ignore[no-any-return]


def leave() -> None:
    raise SystemExit(1)


@pytest.mark.parametrize("does", [lambda: 1 / 0, leave, lambda: None, lambda: "text", lambda: bytes(321), lambda: 5,
                                  lambda: array("f", [0.5] * 160)])  # fmt: skip
def test_whatever_a_decoder_does_costs_one_payload(does: Callable[[], Any], caplog: pytest.LogCaptureFixture) -> None:
    """It is counted, the others are placed, and what is no CodecError is told once."""
    with media.RtpReceiver(codec="HALVES", decoder=Odd(does), clock=VirtualClock(), source="127.0.0.1") as rx:
        for i in range(5):
            rx.feed(packet(i, SAMPLES * i, payload(i), payload_type=96), int(i * TICK * 1e9))
        assert 2 == rx.stats.rejected["undecodable"]
        gap = bytes(len(decoded(1)))
        assert decoded(0) + gap + decoded(2) + gap + decoded(4) == everything(rx.tracks["audio"])
    assert len([record for record in caplog.records if record.levelname == "ERROR"]) <= 1


@pytest.mark.parametrize("error", [ValueError("mine"), SystemExit("mine")])
def test_a_decoder_that_cannot_begin_again_costs_nothing(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """Another stream's payloads are decoded all the same, and what it raised is told."""

    class Stubborn(Halves):
        def reset(self) -> None:
            raise error

    with media.RtpReceiver(codec="HALVES", decoder=Stubborn(), clock=VirtualClock(), source="127.0.0.1") as rx:
        for i in range(5):
            rx.feed(packet(i, SAMPLES * i, payload(i), payload_type=96), int(i * TICK * 1e9))
        for i in range(5, 10):
            rx.feed(packet(i, SAMPLES * i, payload(i), ssrc=0x77, payload_type=96), int(i * TICK * 1e9))
        heard = everything(rx.tracks["audio"])
        assert heard.endswith(decoded(8, 9))
        assert {} == rx.stats.rejected
    assert ["ERROR"] == [record.levelname for record in caplog.records]


def test_they_come_through_sockets_too() -> None:
    """The pump's thread decodes; what the kernel holds at the end is there, and so is what a goodbye ends."""
    for says_goodbye in (False, True):
        with (
            media.RtpReceiver(codec="HALVES", decoder=Halves(), source="127.0.0.1") as rx,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        ):
            for i in range(100):
                sock.sendto(packet(i, SAMPLES * i, payload(i), payload_type=96), ("127.0.0.1", rx.port))
            if says_goodbye:
                sock.sendto(bye(), ("127.0.0.1", rx.port))
                heard = b"".join(bytes(frame.samples) for frame in rx.frames(timeout=60))
            else:
                assert rx.wait_audio(60)
                rx.end()
                heard = bytes(rx.read(100_000))
            assert decoded(*range(100)) == heard


def test_the_pump_goes_on_whatever_is_raised() -> None:
    """What one receiver's decoder raises keeps no other from being fetched, KeyboardInterrupt included."""
    fetched, raised = threading.Event(), threading.Event()

    def raises() -> None:
        raised.set()
        raise KeyboardInterrupt

    pump.subscribe(raises)
    assert raised.wait(60)
    pump.subscribe(fetched.set)
    try:
        assert fetched.wait(60)
    finally:
        pump.unsubscribe(raises)
        pump.unsubscribe(fetched.set)


def test_who_is_expected_takes_the_place_of_strangers_here_too() -> None:
    """Their audio is forgotten by whoever decodes it."""
    own = Halves()
    with media.RtpReceiver(codec="HALVES", decoder=own, clock=VirtualClock()) as rx:
        for i in range(10):
            rx.feed(packet(i, SAMPLES * i, payload(i), payload_type=96, ssrc=9), int(i * TICK * 1e9), ("192.0.2.2", 9))
        assert rx.tracks["audio"].started
        rx.expect("192.0.2.1", 4000)
        for i in range(10, 20):
            rx.feed(packet(i, SAMPLES * i, payload(i), payload_type=96), int(i * TICK * 1e9), A)
        assert decoded(*range(10, 20)) == everything(rx.tracks["audio"])


def test_a_queue_that_nobody_empties_is_bounded_and_counted() -> None:
    """A hundred thousand payloads: memory stays, the rest counts as rejected."""
    rx = stream("L16", 96, source="192.0.2.1", kinds={96: lib.SW_PAYLOAD_QUEUED}, is_queued=True)
    data = [packet(i, SAMPLES * i, bytes(100), payload_type=96) for i in range(20_000)]
    rx.feed(data, [i * TICK for i in range(len(data))], A)
    kept = (1 << 17) // 124
    assert abs(20_000 - kept - rx.track.stats.rejected["queue"]) <= 1


def test_decoders_are_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table names modules; what is not in it and not C's is an error."""
    monkeypatch.setitem(payloads.DECODERS, "HALVES", "test_payloads")
    with media.RtpReceiver(codec="halves", clock=VirtualClock()) as rx:
        assert ("HALVES", 16000) == (rx.codec, rx.rate)
    with pytest.raises(CodecError):
        media.RtpReceiver(codec="THIRDS")


def decoder() -> Halves:
    """What the table's module has to have."""
    return Halves()
