"""Taps: what leaves over RTP and over WebSockets, bit for bit and in step."""

from __future__ import annotations

import json
import socket
import time
from array import array
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from swsync.clock import VirtualClock
from swsync.localrelay import LocalRelay, mediaout
from swsync.media.codec import decode, encode

from .receivers import media_server, packets_of, rtp, tap, udp_receiver
from .wire import Wire, in_memory

SPEECH = array("h", [(n * 7919) % 24001 - 12000 for n in range(16000)])


@pytest.fixture
def call(wire: Wire, relay: LocalRelay) -> dict[str, Any]:
    """An answered call whose callee begins to speak at once."""
    relay.callee("+12025550100", speech=SPEECH, speaks_after=0.0)
    return wire.dial()


def test_rtp_is_what_was_said(wire: Wire, relay: LocalRelay, clock: VirtualClock, call: dict[str, Any]) -> None:
    """PCMU in packets of 160 octets, numbered and stamped without a gap; the source is the one that was told."""
    with udp_receiver() as sock:
        result = wire.result("calling.tap", **call, **tap("speak", rtp(sock)))
        event = wire.event("calling.call.tap")
        clock.sleep(1.0)
        wire.result("calling.tap.stop", **call, control_id="t")
        assert "finished" == wire.event("calling.call.tap")["state"]
        packets = packets_of(sock)
    assert 50 <= len(packets) <= 52
    first = packets[0]
    assert [1] + [0] * (len(packets) - 1) == [p.marker for p in packets]
    for number, packet in enumerate(packets):
        assert (0, 160, first.ssrc) == (packet.payload_type, len(packet.payload), packet.ssrc)
        assert (first.sequence_number + number) & 0xFFFF == packet.sequence_number
        assert (first.timestamp + 160 * number) & 0xFFFFFFFF == packet.timestamp
    audio = decode(b"".join(p.payload for p in packets), "PCMU")
    assert audio in bytes(relay.calls[0].said)
    assert decode(encode(SPEECH.tobytes(), "PCMU"), "PCMU")[: len(audio)] == audio
    source = result["source_device"]["params"]
    assert first.source == (source["addr"], source["port"])
    assert ("PCMU", 20, 8000) == (source["codec"], source["ptime"], source["rate"])
    assert {"type": "audio", "params": {"direction": "speak"}} == event["tap"]
    assert {**rtp_device(sock_port=event["device"]["params"]["port"])} == event["device"]


def rtp_device(sock_port: int) -> dict[str, Any]:
    return {"type": "rtp", "params": {"addr": "127.0.0.1", "port": sock_port, "codec": "PCMU", "ptime": 20}}


@pytest.mark.parametrize(("codec", "payload_type", "octets"), [("PCMA", 8, 1), ("L16", 96, 2), ("pcmu", 0, 1)])
@pytest.mark.parametrize("ptime", [10, 30, 60])
def test_codecs_and_packet_times(
    wire: Wire,
    relay: LocalRelay,
    clock: VirtualClock,
    call: dict[str, Any],
    codec: str,
    payload_type: int,
    octets: int,
    ptime: int,
) -> None:
    """Other codecs carry the same samples; the packet time is what was asked for."""
    with udp_receiver() as sock:
        wire.result("calling.tap", **call, **tap("speak", rtp(sock, codec, ptime=ptime)))
        clock.sleep(0.6)
        packets = packets_of(sock)
    assert {(payload_type, ptime * 8 * octets)} == {(p.payload_type, len(p.payload)) for p in packets}
    assert {ptime * 8} == {b.timestamp - a.timestamp & 0xFFFFFFFF for a, b in pairwise(packets)}
    audio = b"".join(p.payload for p in packets)
    said = bytes(relay.calls[0].said)[: len(audio) * 2 // octets]
    if codec == "L16":
        words = array("h", audio)
        words.byteswap()
        assert said == words.tobytes()
    else:
        assert (encode(said, codec.upper())) == audio


def test_two_taps_run_in_step(
    wire: Wire, relay: LocalRelay, clock: VirtualClock, call: dict[str, Any], tmp_path: Path
) -> None:
    """Equal timestamps are equal moments of the call, though the second tap began later."""
    with udp_receiver() as left, udp_receiver() as right:
        wire.result("calling.tap", **call, **tap("speak", rtp(left), "l"))
        clock.sleep(0.33)
        wire.result("calling.tap", **call, **tap("both", rtp(right), "r"))
        clock.sleep(0.5)
        said, mixed = packets_of(left), packets_of(right)
    by_time = {p.timestamp: p.payload for p in said}
    assert 20 < len(mixed)
    assert [by_time[p.timestamp] for p in mixed] == [
        p.payload for p in mixed
    ]  # nothing was played: both is what was said
    assert said[0].ssrc != mixed[0].ssrc


def test_what_is_heard(wire: Wire, relay: LocalRelay, clock: VirtualClock, call: dict[str, Any]) -> None:
    """listen carries what is played to the party."""
    with udp_receiver() as sock:
        wire.result("calling.tap", **call, **tap("listen", rtp(sock)))
        tone = {"type": "ringtone", "params": {"name": "us", "duration": 0.5}}
        wire.result("calling.play", **call, control_id="p", play=[tone])
        wire.event("calling.call.play", state="finished")
        clock.sleep(0.1)
        packets = packets_of(sock)
    audio = decode(b"".join(p.payload for p in packets), "PCMU")
    assert audio in bytes(relay.calls[0].heard)
    assert any(audio)


def test_a_web_socket_tap(wire: Wire, relay: LocalRelay, clock: VirtualClock, call: dict[str, Any]) -> None:
    """One JSON text that names the format, then bare codec bytes, 160 at a time; then the socket closes."""
    with media_server() as media:
        uri = f"{media.url}/taps/secret?a=b"
        result = wire.result("calling.tap", **call, **tap("speak", {"type": "ws", "params": {"uri": uri}}))
        assert {"type": "ws", "params": {"codec": "PCMU", "rate": 8000}} == result["source_device"]
        assert "tapping" == wire.event("calling.call.tap")["state"]
        clock.sleep(1.0)
        wire.result("calling.tap.stop", **call, control_id="t")
        event = wire.event("calling.call.tap", state="finished")
        assert media.ended.wait(10)
    assert {"type": "ws", "params": {"uri": uri, "codec": "PCMU", "rate": 8000}} == event["device"]
    assert ["/taps/secret?a=b"] == media.paths
    header, *chunks = media.messages
    assert {"content-type": "audio/mulaw;rate=8000"} == json.loads(header)
    assert {160} == {len(chunk) for chunk in chunks}
    audio = decode(b"".join(chunks), "PCMU")  # type: ignore[arg-type]
    assert 50 <= len(chunks)
    assert decode(encode(SPEECH.tobytes(), "PCMU"), "PCMU")[: len(audio)] == audio


@pytest.mark.parametrize(
    ("header", "expected"), [("bare", "content-type:audio/l16;rate=16000"), ("none", None), ("json", '{"content-type"')]
)
def test_the_header_of_a_tap(clock: VirtualClock, header: str, expected: str | None) -> None:
    """It can be JSON, bare text, or missing; L16 at 16 kHz has 640 octets in 20 ms."""
    device = {"type": "ws", "params": {"uri": "", "codec": "L16", "rate": 16000}}
    with media_server() as media, LocalRelay(clock=clock, tap_header=header) as relay, in_memory(relay) as wire:
        wire.connect()
        device["params"]["uri"] = f"{media.url}/x"  # type: ignore[index]
        wire.result("calling.tap", **wire.dial(), **tap("both", device))
        wire.event("calling.call.tap", state="tapping")
        clock.sleep(0.2)
    if expected is None:
        assert isinstance(media.messages[0], bytes)
    else:
        assert str(media.messages[0]).startswith(expected)
    assert 640 == len(media.messages[-1])


def test_a_far_side_that_cannot_be_reached(wire: Wire, call: dict[str, Any], relay: LocalRelay) -> None:
    """finished without tapping, and the journal says why."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        uri = f"ws://127.0.0.1:{nobody.getsockname()[1]}/x"
        wire.result("calling.tap", **call, **tap("both", {"type": "ws", "params": {"uri": uri}}))
        assert "finished" == wire.event("calling.call.tap")["state"]
    assert any("could not be reached" in note for note in relay.journal.notes())


def test_a_far_side_that_hangs_up(wire: Wire, call: dict[str, Any]) -> None:
    """tapping, then finished, and the call goes on."""
    with media_server() as media:
        media.hang_up_after = 5
        wire.result("calling.tap", **call, **tap("both", {"type": "ws", "params": {"uri": f"{media.url}/x"}}))
        wire.event("calling.call.tap", state="tapping")
        wire.event("calling.call.tap", state="finished")
    assert "200" == wire.result("calling.end", **call)["code"]


def test_a_tap_ends_before_its_call(wire: Wire, call: dict[str, Any]) -> None:
    """finished precedes ended, as the clients need it."""
    with udp_receiver() as sock:
        wire.result("calling.tap", **call, **tap("both", rtp(sock)))
        wire.event("calling.call.tap", state="tapping")
        wire.result("calling.end", **call)
        wire.event("calling.call.tap", state="finished")
        wire.event("calling.call.state", call_state="ended")


def test_a_tap_of_a_ringing_call_waits(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """Media starts with the answer, and tapping is told then."""
    wire.result("signalwire.receive", contexts=["c"])
    inbound = relay.place_call("c")
    ids = {"call_id": inbound.call_id, "node_id": inbound.node_id}
    wire.event("calling.call.receive")
    with udp_receiver() as sock:
        wire.result("calling.tap", **ids, **tap("both", rtp(sock)))
        clock.sleep(5)
        assert [] == packets_of(sock)
        wire.result("calling.answer", **ids)
        wire.event("calling.call.tap", state="tapping")
        clock.sleep(0.1)
        assert packets_of(sock)


def test_real_time_and_real_sockets(real_wire: Wire, real_relay: LocalRelay) -> None:
    """Over sockets and faster than life: all that was sent arrives, and is what was said."""
    real_relay.callee("+12025550100", speech=SPEECH, speaks_after=0.2)
    with media_server() as media, udp_receiver() as sock:
        call = real_wire.dial()
        web = {"type": "ws", "params": {"uri": f"{media.url}/x"}}
        real_wire.result("calling.tap", **call, **tap("speak", web, "ws"))
        real_wire.result("calling.tap", **call, **tap("speak", rtp(sock), "rtp"))
        real_wire.event("calling.call.tap", state="tapping")
        real_wire.event("calling.call.tap", state="tapping")
        real_relay.clock.sleep(3.0)
        real_wire.result("calling.end", **call)
        real_wire.event("calling.call.state", call_state="ended")
        assert media.ended.wait(10)
        packets = packets_of(sock)
    said = bytes(real_relay.calls[0].said)
    assert decode(encode(SPEECH.tobytes(), "PCMU"), "PCMU") in said
    # The last one leaves a moment early, and the call may end within it.
    chunks = [message for message in media.messages if isinstance(message, bytes)][:-1]
    assert decode(b"".join(chunks), "PCMU") in said
    assert decode(b"".join(p.payload for p in packets[:-1]), "PCMU") in said
    assert 100 < len(packets)


def test_nothing_is_sent_of_after_the_end(
    real_wire: Wire, real_relay: LocalRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though it takes a while until all taps of a call are over: the first one's goodbye takes a second of its time."""
    monkeypatch.setattr(mediaout.TapAction, "say_goodbye", lambda *_: time.sleep(0.1))
    with media_server() as media, udp_receiver() as sock:
        call = real_wire.dial()
        real_wire.result(
            "calling.tap", **call, **tap("speak", {"type": "ws", "params": {"uri": f"{media.url}/x"}}, "w")
        )
        real_wire.result("calling.tap", **call, **tap("speak", rtp(sock), "rtp"))
        real_wire.event("calling.call.tap", state="tapping")
        real_wire.event("calling.call.tap", state="tapping")
        real_wire.result("calling.end", **call)
        real_wire.event("calling.call.state", call_state="ended")
        timestamps = [packet.timestamp for packet in packets_of(sock)]
    end = real_relay.calls[0].rtp_timestamp + len(real_relay.calls[0].said)
    assert 160 <= (end - timestamps[-1]) % 2**32 < 480


def test_tls_receivers_are_verified(wire: Wire, call: dict[str, Any]) -> None:
    """A wss:// receiver that speaks no TLS cannot be reached."""
    with media_server() as plain:
        uri = plain.url.replace("ws://", "wss://")
        wire.result("calling.tap", **call, **tap("both", {"type": "ws", "params": {"uri": f"{uri}/x"}}))
        assert "finished" == wire.event("calling.call.tap")["state"]
