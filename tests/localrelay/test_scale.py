"""Two thousand calls at once with five hundred taps: one thread of the relay, and every packet arrives."""

from __future__ import annotations

import contextlib
import json
import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from swsync.clock import RealClock, VirtualClock
from swsync.localrelay import LocalRelay
from swsync.localrelay.loop import Loop
from swsync.localrelay.pacing import Outlet, Pacer
from swsync.media import RtpReceiver
from swsync.media.datagrams import packed_address

from .receivers import packets_of, udp_receiver
from .wire import Wire, over_socket

CALLS, TAPS, SECONDS = 2000, 500, 2.0
PATIENCE = 120.0  # seconds that a busy machine is given for them


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """As many sockets as the system lets this process have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4096 if hard == resource.RLIM_INFINITY else min(4096, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def ask_all(wire: Wire, method: str, requests: list[dict[str, object]]) -> None:
    """Send many requests at once, and read until each has been answered well."""
    for number, params in enumerate(requests):
        wire.send(json.dumps({"jsonrpc": "2.0", "id": f"{method}-{number}", "method": method, "params": params}))
    replies = 0
    while replies < len(requests):
        frame = wire.read(30.0)
        if "method" in frame:
            wire.events.append(frame)
        else:
            assert frame["result"]["code"].startswith("2"), frame
            replies += 1


def test_two_thousand_calls_with_five_hundred_taps(many_descriptors: None) -> None:
    """Nothing is lost on the way, and no call or tap ends."""
    with ExitStack() as stack:
        relay = stack.enter_context(LocalRelay(tls=False))
        wire = stack.enter_context(over_socket(relay))
        wire.connect()
        devices = [
            [[{"type": "phone", "params": {"from_number": "+12025550199", "to_number": f"+1202555{number:04d}9"}}]]
            for number in range(CALLS)
        ]
        ask_all(wire, "calling.dial", [{"tag": f"t{n}", "devices": each} for n, each in enumerate(devices)])
        answered: list[dict[str, str]] = []
        while len(answered) < CALLS:
            frame = wire.events.popleft() if wire.events else wire.read(30.0)
            event = frame["params"]
            if event["event_type"] == "calling.call.dial" and event["params"]["dial_state"] == "answered":
                answered.append({name: event["params"]["call"][name] for name in ("call_id", "node_id")})
        receivers = [stack.enter_context(RtpReceiver(buffer=2.0)) for _ in range(TAPS)]
        tap = {"type": "audio", "params": {"direction": "both"}}
        ask_all(
            wire,
            "calling.tap",
            [
                {**call, "control_id": "t", "tap": tap, "device": rx.device}
                for call, rx in zip(answered, receivers, strict=False)
            ],
        )
        for rx in receivers:
            assert rx.wait_audio(30)
        until = relay.clock.now() + PATIENCE
        while relay.clock.now() < until and any(rx.stats.seconds < SECONDS for rx in receivers):
            relay.clock.sleep(0.2)
        states = [call.state for call in relay.calls]
        with ThreadPoolExecutor(32) as pool:  # each waits for the engine's next tick
            list(pool.map(RtpReceiver.close, receivers))
        for rx in receivers:
            assert (0, 0) == (rx.stats.packets_lost, rx.stats.reordered)
            assert SECONDS <= rx.stats.seconds
        assert ["answered"] * CALLS == states
        with contextlib.suppress(TimeoutError):
            while True:  # a client that leaves events unread cannot say goodbye
                wire.read(0.2)


def test_a_tick_takes_what_is_due_together() -> None:
    """In real time frames wait for the next tick; in virtual time they leave when they are due."""
    for clock, speed, ticks in ((RealClock(), 1.0, 1), (VirtualClock(), 0.0, 3)):
        loop = Loop(clock)
        pacer = Pacer(loop, speed)
        begin = 1000.0
        for offset in (0.0011, 0.0012, 0.0013):
            pacer.call_at(begin + offset, lambda: None)
        assert ticks == len(loop._timers)


def test_many_datagrams_leave_by_one_call() -> None:
    """In order, each to its address; with more than one system call takes."""
    with udp_receiver() as one, udp_receiver() as other, contextlib.closing(Outlet()) as outlet:
        way = outlet.open("127.0.0.1", "one")
        assert way == outlet.open("127.0.0.1", "other") != outlet.open("127.0.0.1", "one")
        outlet.leave(way, "one")
        assert way == outlet.open("127.0.0.1", "one")
        source = outlet.source(way)
        to = [packed_address(*sock.getsockname()) for sock in (one, other)]
        head = b"\x80\0"
        for number in range(200):
            is_first = outlet.put(head + number.to_bytes(2, "big") + bytes(8), to[number % 2], way)
            assert (number == 0) == is_first
        outlet.flush()
        assert list(range(0, 200, 2)) == [packet.sequence_number for packet in packets_of(one)]
        received = packets_of(other)
        assert list(range(1, 200, 2)) == [packet.sequence_number for packet in received]
        assert {source} == {packet.source for packet in received}
        assert 0 == outlet.dropped


def test_what_the_system_refuses_is_counted() -> None:
    """A datagram that is too long is dropped; those behind it leave."""
    with udp_receiver() as sock, contextlib.closing(Outlet()) as outlet:
        way = outlet.open("127.0.0.1")
        where = packed_address(*sock.getsockname())
        for size in (12, 70_000, 12):
            outlet.put(b"\x80" + bytes(size - 1), where, way)
        outlet.flush()
        assert 2 == len(packets_of(sock))
        assert 1 == outlet.dropped
