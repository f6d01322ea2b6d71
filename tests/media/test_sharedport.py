"""Many receivers on one UDP port, told apart by who sends to them."""

from __future__ import annotations

import socket

import pytest
from rtppackets import numbered, packet, payload, pcm

import swsync
from swsync import media
from swsync.clock import REAL, VirtualClock
from swsync.errors import ConfigurationError, MediaError


@pytest.fixture(params=["batches", "plain"], autouse=True)
def _path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to receive."""
    monkeypatch.setenv("SWSYNC_RTP_PLAIN", "1" if request.param == "plain" else "")


def sender() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock


def test_each_receiver_gets_what_its_source_sends() -> None:
    """Fifty of them, all with one SSRC: the address and port that send tell them apart; one is named beforehand."""
    senders = [sender() for _ in range(50)]
    with media.RtpPort() as port:
        receivers = [media.RtpReceiver(port=port, buffer=1.0, source=senders[0].getsockname())]
        receivers += [media.RtpReceiver(port=port, buffer=1.0) for _ in senders[1:]]
        assert {port.port} == {rx.device["params"]["port"] for rx in receivers}
        for rx, sock in zip(receivers[1:], senders[1:], strict=True):
            rx.expect(*sock.getsockname())
        for i in range(8):
            for n, sock in enumerate(senders):
                sock.sendto(packet(i, 160 * i, payload(n + i)), ("127.0.0.1", port.port))
        for n, rx in enumerate(receivers):
            rx.end()
            assert b"".join(pcm(n + i) for i in range(8)) == bytes(rx.read(10_000))
            assert {} == dict(rx.stats.rejected)
        assert (400, 0) == (port.datagrams, port.unmatched)
    for sock in senders:
        sock.close()


def test_what_comes_before_the_reply_is_held() -> None:
    """Audio is there before anybody knows whose it is: the receiver gets it when it is told."""
    with media.RtpPort() as port, media.RtpReceiver(port=port) as rx, sender() as sock:
        for i in range(20):
            sock.sendto(numbered(i), ("127.0.0.1", port.port))
        rx.expect(*sock.getsockname())
        rx.end()
        assert pcm(*range(20)) == bytes(rx.read(10_000))
        assert 0 == port.unmatched


def test_what_nobody_expects_is_dropped_after_a_second_and_counted() -> None:
    """Also if nothing else comes; and who is told of it later does not get it."""
    with media.RtpPort() as port, media.RtpReceiver(port=port) as rx, sender() as sock:
        for i in range(20):
            sock.sendto(numbered(i), ("127.0.0.1", port.port))
        sock.sendto(bytes(4000), ("127.0.0.1", port.port))  # too long to be held
        deadline = REAL.now() + 10
        while port.unmatched < 21 and REAL.now() < deadline:
            REAL.sleep(0.01)
        rx.expect(*sock.getsockname())
        rx.end()
        assert (21, 0) == (port.unmatched, rx.stats.packets)


def test_a_flood_of_strangers_takes_bounded_memory_and_is_counted() -> None:
    """More than can be held: the oldest make room; the stream that is known loses nothing."""
    with media.RtpPort() as port, media.RtpReceiver(port=port) as rx, sender() as sock, sender() as stranger:
        rx.expect(*sock.getsockname())
        for i in range(2000):
            stranger.sendto(numbered(i, ssrc=99), ("127.0.0.1", port.port))
            if i % 40 == 0:
                sock.sendto(numbered(i // 40), ("127.0.0.1", port.port))
                REAL.sleep(0.001)
        rx.end()
        assert pcm(*range(50)) == bytes(rx.read(10_000))
        assert port.unmatched + port.kernel_drops >= 2000 - 1024


def test_two_cannot_expect_the_same_source() -> None:
    """The first has it; the second gets nothing, and that is counted."""
    with media.RtpPort() as port, media.RtpReceiver(port=port) as one, media.RtpReceiver(port=port) as two:
        with sender() as sock:
            one.expect(*sock.getsockname())
            two.expect(*sock.getsockname())
            for i in range(5):
                sock.sendto(numbered(i), ("127.0.0.1", port.port))
        one.end()
        two.end()
        assert (5, 0, 1) == (one.stats.packets, two.stats.packets, port.refused)


def test_receivers_come_and_go_on_one_port() -> None:
    """A hundred after each other, with the same source; those that have gone take no room."""
    with media.RtpPort(receivers=8) as port, sender() as sock:
        for k in range(100):
            with media.RtpReceiver(port=port, buffer=0.5) as rx:
                rx.expect(*sock.getsockname())
                for i in range(3):
                    sock.sendto(packet(i, 160 * i, payload(k + i), ssrc=k + 1), ("127.0.0.1", port.port))
                rx.end()
                assert b"".join(pcm(k + i) for i in range(3)) == bytes(rx.read(1000))
        for k in range(100):
            with media.RtpReceiver(port=port, buffer=0.5) as rx:
                rx.expect("127.0.0.1", 1000 + k)
        assert 0 == port.refused


def test_closing_the_port_ends_its_receivers() -> None:
    """In whichever order they are closed."""
    port = media.RtpPort()
    rx = media.RtpReceiver(port=port)
    port.close()
    port.close()
    assert rx.closed
    rx.close()
    with pytest.raises(MediaError, match="another one"):
        media.RtpReceiver(port=port)


def test_what_cannot_be() -> None:
    """Sentences for a virtual clock and for a number of receivers that makes no sense."""
    with media.RtpPort() as port, pytest.raises(ConfigurationError, match="virtual clock"):
        media.RtpReceiver(port=port, clock=VirtualClock())
    with pytest.raises(ConfigurationError, match="receivers"):
        media.RtpPort(receivers=0)


def test_a_tap_of_a_call_to_a_shared_port() -> None:
    """``call.tap`` tells its receiver the source that the relay names."""
    with swsync.LocalRelay() as relay, swsync.RelayClient(**relay.settings) as client, media.RtpPort() as port:
        call = client.dial_phone(to="+12025550100", from_number="+12025550199")
        receiver = media.RtpReceiver(port=port, clock=client.clock)
        tap = call.tap_audio(direction="speak", device=receiver)
        assert receiver.wait_audio(10)
        assert tap.source_device["params"]["port"] == (receiver.source or ("", 0))[1]
        tap.stop()
        tap.wait(10)
        call.hangup()
