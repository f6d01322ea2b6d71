"""Time that passes faster than life: media waits for swsync's receivers, and others are warned of."""

from __future__ import annotations

import logging
import random
import socket
import wave
from array import array
from pathlib import Path

import pytest

import swsync
from swsync import media
from swsync.clock import REAL, RealClock
from swsync.localrelay import credit
from swsync.localrelay.credit import LOOKS, WINDOW, Credit, credit_to

from .receivers import rtp, tap, udp_receiver
from .wire import over_socket

TO, FROM = "+12025550123", "+12025550199"
LONG = 1200.0  # a minute of a busy machine in the fastest relay here


class Slow:
    """A receiver that takes as much as the test says."""

    taken = 0


def test_credit_is_a_window() -> None:
    """So many may be on the way; what has been taken makes room."""
    receiver = Slow()
    asked = Credit(receiver, patience=4.0)
    assert [True] * WINDOW + [False] == [asked.take(1, 0.0) for _ in range(WINDOW + 1)]
    receiver.taken = 10
    assert [True] * 10 + [False] == [asked.take(1, 1.0) for _ in range(11)]
    receiver.taken = 20
    assert [True] * 5 + [False] == [asked.take(2, 4.5) for _ in range(6)]


def test_what_is_lost_does_not_hold_the_sender_for_ever() -> None:
    """Without progress for a while what was on the way is given up, and later progress counts as usual."""
    receiver = Slow()
    asked = Credit(receiver, patience=4.0)
    for _ in range(WINDOW):
        assert asked.take(1, 0.0)
    receiver.taken = 40  # sixty were lost
    assert asked.take(40, 1.0)
    assert not any(asked.take(1, 1.0 + 0.1 * n) for n in range(40))
    assert asked.take(1, 5.1)
    assert [True] * (WINDOW - 1) + [False] == [asked.take(1, 5.1) for _ in range(WINDOW)]
    receiver.taken += 1
    assert [True, False] == [asked.take(1, 5.2), asked.take(1, 5.2)]


def test_a_moment_in_which_nobody_ran_is_not_the_receivers() -> None:
    """It had no time to take anything either; it is given up when it takes nothing while others run."""
    receiver = Slow()
    asked = Credit(receiver, patience=4.0)
    for _ in range(WINDOW):
        assert asked.take(1, 0.0)
    assert not any(asked.take(1, 100.0 * n) for n in range(LOOKS))
    receiver.taken = WINDOW
    assert [True] * WINDOW + [False] == [asked.take(1, 1000.0) for _ in range(WINDOW + 1)]
    assert LOOKS == [asked.take(1, 2000.0 + 100.0 * n) for n in range(LOOKS + 5)].index(True)


def test_who_can_be_asked() -> None:
    """A receiver with the same clock, until it is closed; nobody in a time as in life."""
    clock = RealClock(speed=20)
    with media.RtpReceiver(clock=clock) as rtp, media.StreamReceiver(clock=clock) as stream:
        address = (rtp.host, rtp.port)
        assert credit_to(clock, address) is not None
        assert credit_to(clock, stream.url) is not None
        assert credit_to(RealClock(speed=20), address) is None
        assert credit_to(REAL, address) is None
    assert credit_to(clock, address) is None
    assert credit_to(clock, stream.url) is None


def is_whole(tmp_path: Path, via: str) -> bool:
    """Whether a capture of thirty seconds of noise tells of no gap. If so, every sample is in the file."""
    noise = random.Random(via).randbytes(2 * 8000 * 60)
    with swsync.LocalRelay(speed=20, tls=False) as relay:
        relay.callee(TO, speech=noise, speaks_after=0.0)
        with swsync.RelayClient(**relay.settings, connect_timeout=LONG, request_timeout=LONG) as client:
            call = client.dial_phone(to=TO, from_number=FROM, dial_timeout=LONG)
            with call.capture(tmp_path / "a.wav", via=via, timeout=LONG) as capture:
                capture.wait_duration(30, timeout=LONG)
            call.hangup()
        said = bytes(relay.calls[0].said)
    if capture.lost_spans or capture.late_spans or any(side.packets_lost for side in capture.quality.values()):
        return False
    with wave.open(str(tmp_path / "a.wav"), "rb") as file:
        recorded = array("h", file.readframes(file.getnframes()))[0::2]
    assert 1 == said.count(recorded[4000:-4000].tobytes())  # the two sides do not begin and end at the same instant
    return True


@pytest.mark.parametrize("via", ["stream", "rtp", "ws"])
def test_speed_twenty_loses_nothing(tmp_path: Path, via: str) -> None:
    """A file waits three seconds for what is late. A machine that stands still takes them, but not each time."""
    assert any(is_whole(tmp_path, via) for _ in range(4))


def test_a_receiver_that_takes_nothing_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is sent a window, though ten times as much is due, and another one when it has taken that."""
    monkeypatch.setattr(credit, "PATIENCE", LONG)
    receiver = Slow()

    def arrived(sock: socket.socket) -> int:
        for number in range(3 * WINDOW):
            try:
                sock.recv(2000)
            except TimeoutError:
                return number
        return 3 * WINDOW

    with swsync.LocalRelay(speed=20, tls=False) as relay, udp_receiver() as sock, over_socket(relay) as wire:
        relay.clock.receivers.open(sock.getsockname(), receiver)
        wire.connect()
        wire.result("calling.tap", **wire.dial(), **tap("speak", rtp(sock)))
        wire.event("calling.call.tap", state="tapping")
        relay.clock.sleep(20.0)
        assert WINDOW == arrived(sock)
        receiver.taken = WINDOW
        assert WINDOW == arrived(sock)


def test_others_are_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    """A plain socket cannot be asked: the log and the journal say what to do."""
    with (
        caplog.at_level(logging.WARNING, "swsync.localrelay"),
        udp_receiver() as sock,
        swsync.LocalRelay(speed=4, tls=False) as relay,
        swsync.RelayClient(**relay.settings, connect_timeout=LONG, request_timeout=LONG) as client,
    ):
        host, port = sock.getsockname()
        call = client.dial_phone(to=TO, from_number=FROM)
        for _ in range(2):
            tap = call.tap_audio(direction="both", device={"type": "rtp", "params": {"addr": host, "port": port}})
            tap.wait_started(LONG)
        call.hangup()
        assert 1 == len([note for note in relay.journal.notes() if "may get lost" in note])
    assert 1 == caplog.text.count("may get lost")
