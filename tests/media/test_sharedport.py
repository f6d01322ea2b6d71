"""Many receivers on one UDP port, told apart by who sends to them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import pytest
from forked import fails_in_child
from rtppackets import numbered, packet, payload, pcm, sender_report
from swsync._media import lib

import swsync
from swsync import media
from swsync.clock import REAL, VirtualClock
from swsync.errors import ConfigurationError, MediaError
from swsync.localrelay.pacing import Outlet
from swsync.media import engine


@pytest.fixture(params=["batches", "plain"], autouse=True)
def _path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to receive."""
    monkeypatch.setenv("SWSYNC_RTP_PLAIN", "1" if request.param == "plain" else "")


def sender() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock


def wait_for(is_so: Callable[[], bool]) -> bool:
    deadline = REAL.now() + 60
    while not is_so() and REAL.now() < deadline:
        REAL.sleep(0.01)
    return is_so()


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
        assert wait_for(lambda: port.unmatched == 21)
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
                assert wait_for(lambda sent=i // 40 + 1: rx.stats.packets == sent)  # or the kernel's buffer overflows
        rx.end()
        assert pcm(*range(50)) == bytes(rx.read(10_000))
        assert port.unmatched + port.kernel_drops >= 2000 - 1024


def send(sock: socket.socket, port: media.RtpPort, numbers: range, ssrc: int, shift: int = 0) -> None:
    """Packets of one stream, whose contents are shifted by so many, for the others to differ."""
    for i in numbers:
        sock.sendto(packet(i, 160 * i, payload(i + shift), ssrc=ssrc), ("127.0.0.1", port.port))


def heard(rx: media.RtpReceiver) -> bytes:
    rx.end()
    return bytes(rx.read(100_000))


def test_several_taps_of_one_source_are_told_apart_by_ssrc() -> None:
    """Each is asked for when the one before has audio; what comes of it before its reply is held for it."""
    with media.RtpPort() as port, sender() as sock:
        receivers = []
        for n in range(5):
            rx = media.RtpReceiver(port=port)
            assert port.port == rx.device["params"]["port"]  # now the far side knows of it
            send(sock, port, range(4), 100 + n, n)
            assert wait_for(lambda: port.datagrams == 4 * len(receivers) + 4)  # quicker than the reply
            rx.expect(*sock.getsockname())
            assert rx.wait_audio(60)
            receivers.append(rx)
        for i in range(4, 30):
            for n in range(5):
                send(sock, port, range(i, i + 1), 100 + n, n)
        for n, rx in enumerate(receivers):
            assert b"".join(pcm(i + n) for i in range(30)) == heard(rx)
            assert (30, 0, {}) == (rx.stats.packets, rx.stats.lost, dict(rx.stats.rejected))
        assert (0, 0) == (port.unmatched, port.refused)


def test_who_has_the_device_is_awaited() -> None:
    """The engine knows of it first: what is sent at once is never taken for another stream of somebody who is there."""
    with media.RtpPort() as port:
        receivers = [media.RtpReceiver(port=port, buffer=1.0) for _ in range(50)]
        links = [receiver._line._link.c for receiver in receivers]
        for link, receiver in zip(links, receivers, strict=True):
            assert not lib.sw_socket_reckoned(link)
            assert receiver.device
            assert lib.sw_socket_reckoned(link)
        receivers[0].expect("127.0.0.1", 4000)
        assert receivers[0].device
        assert lib.sw_socket_reckoned(links[0])


def test_who_waits_for_a_port_hears_of_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver that another thread closes keeps nobody waiting who has asked for its device."""
    monkeypatch.setattr(engine, "PATIENCE", 1e6)
    with media.RtpPort() as port, media.RtpReceiver(port=port) as rx:
        link = rx._line._link  # type: ignore[union-attr]
        asked = threading.Event()

        def is_there() -> bool:
            asked.set()
            return False

        waiting = threading.Thread(target=engine.attend, args=(link, is_there), daemon=True)
        waiting.start()
        assert asked.wait(60)
        rx.close()
        waiting.join(60)
        assert not waiting.is_alive()


def test_a_forked_child_does_not_wait_for_the_parents_port() -> None:
    """It is told at once whose the port is."""
    with media.RtpPort() as port, media.RtpReceiver(port=port) as rx:

        def in_child() -> None:
            with pytest.raises(MediaError):
                _ = rx.device

        assert not fails_in_child(in_child)


def test_a_sender_report_goes_to_its_stream() -> None:
    """RTCP names its SSRC in another place."""
    with media.RtpPort() as port, media.RtpReceiver(port=port) as one, sender() as sock:
        one.expect(*sock.getsockname())
        send(sock, port, range(4), 1)
        assert one.wait_audio(60)
        with media.RtpReceiver(port=port) as two:
            assert two.device
            two.expect(*sock.getsockname())
            send(sock, port, range(4), 2)
            for n, ssrc in enumerate((1, 2)):
                sock.sendto(sender_report(1_700_000_000.0 + n, 160, ssrc=ssrc), ("127.0.0.1", port.port))
            heard(two)
            heard(one)
            reports = [rx.sender_reports for rx in (one, two)]
            assert all(reports)
            assert 1.0 == pytest.approx(reports[1][1].time - reports[0][1].time, abs=1e-6)


def test_what_is_new_of_a_source_is_nobodys_where_two_could_have_it() -> None:
    """One of two taps begins another stream: which one cannot be told, and nobody hears what may be another call."""
    with media.RtpPort() as port, sender() as sock:
        receivers = []
        for ssrc in (1, 2):
            rx = media.RtpReceiver(port=port)
            assert rx.device
            rx.expect(*sock.getsockname())
            send(sock, port, range(4), ssrc)
            assert rx.wait_audio(60)
            receivers.append(rx)
        send(sock, port, range(20), 3, shift=50)
        assert wait_for(lambda: port.unmatched == 20)
        assert [pcm(*range(4))] * 2 == [heard(rx) for rx in receivers]


def test_one_that_is_alone_may_begin_another_stream() -> None:
    """At once, or after the second in which it could have been that of a receiver whose reply is awaited."""
    with media.RtpPort() as port, media.RtpReceiver(port=port) as rx, sender() as sock:
        rx.expect(*sock.getsockname())
        send(sock, port, range(4), 1)
        assert rx.wait_audio(60)
        REAL.sleep(0.1)  # a stream gives way when it is silent
        send(sock, port, range(10), 2)
        assert wait_for(lambda: rx.ssrc == 2)
        other = media.RtpReceiver(port=port)
        assert other.device
        REAL.sleep(0.1)
        send(sock, port, range(10), 3)
        assert wait_for(lambda: rx.ssrc == 3)
        other.close()
        assert (24, 0, 0) == (rx.stats.packets, port.unmatched, port.refused)
        assert rx.stats.rebased == 2


def test_two_that_nothing_tells_apart() -> None:
    """Neither has audio, or the first has got it when the second was asked for already: the second says so."""
    with media.RtpPort() as port, sender() as sock:
        one, two, three = (media.RtpReceiver(port=port) for _ in range(3))
        one.expect(*sock.getsockname())
        with pytest.raises(MediaError, match="a port of its own"):
            two.expect(*sock.getsockname())
        assert three.device
        send(sock, port, range(5), 1)
        assert one.wait_audio(60)
        with pytest.raises(MediaError, match="whose audio is whose"):
            three.expect(*sock.getsockname())
        assert pcm(*range(5)) == heard(one)
        assert (0, 0, 2) == (two.stats.packets, three.stats.packets, port.refused)
        source = ("127.0.0.1", 4000)
        with media.RtpReceiver(port=port, source=source), pytest.raises(MediaError, match="a port of its own"):
            media.RtpReceiver(port=port, source=source)


def test_more_receivers_than_there_may_be() -> None:
    """The port's table is full: a sentence that says what to change."""
    with media.RtpPort(receivers=8) as port:
        receivers = [media.RtpReceiver(port=port, buffer=0.5) for _ in range(16)]
        with pytest.raises(MediaError, match="larger receivers="):
            for n, rx in enumerate(receivers):
                rx.expect("127.0.0.1", 1000 + n)


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
    with media.RtpPort() as port, pytest.raises(ConfigurationError, match="needs its port"):
        media.RtpReceiver(port=port, source="127.0.0.1")
    with media.RtpPort() as port, media.RtpReceiver(port=port) as rx, pytest.raises(MediaError, match="no port"):
        rx.expect("127.0.0.1", 0)
    with pytest.raises(ConfigurationError, match="receivers"):
        media.RtpPort(receivers=0)


def test_a_tap_of_a_call_to_a_shared_port() -> None:
    """``call.tap`` tells its receiver the source that the relay names."""
    with swsync.LocalRelay() as relay, swsync.RelayClient(**relay.settings) as client, media.RtpPort() as port:
        call = client.dial_phone(to="+12025550100", from_number="+12025550199")
        receiver = media.RtpReceiver(port=port, clock=client.clock)
        tap = call.tap_audio(direction="speak", device=receiver)
        assert receiver.wait_audio(60)
        assert tap.source_device["params"]["port"] == (receiver.source or ("", 0))[1]
        tap.stop()
        tap.wait(10)
        call.hangup()


def test_two_taps_of_a_relay_that_sends_all_from_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second when the first has audio: each hears its side. A tap that is too early is stopped, and says why."""
    open_way = Outlet.open
    monkeypatch.setattr(Outlet, "open", lambda self, address, destination: open_way(self, address, object()))
    with swsync.LocalRelay() as relay, swsync.RelayClient(**relay.settings) as client, media.RtpPort() as port:
        call = client.dial_phone(to="+12025550100", from_number="+12025550199")
        call.play_silence(duration=20)
        said, heard_, third = (media.RtpReceiver(port=port, clock=client.clock) for _ in range(3))
        assert third.device  # it may be sent to from now on
        one = call.tap_audio(direction="speak", device=said)
        assert said.wait_audio(60)
        two = call.tap_audio(direction="listen", device=heard_)
        with pytest.raises(MediaError, match="a port of its own"):
            call.tap_audio(direction="both", device=third)
        assert heard_.wait_audio(60)
        assert one.source_device == two.source_device
        assert said.ssrc != heard_.ssrc
        assert wait_for(lambda: third.ended)
        call.hangup()
