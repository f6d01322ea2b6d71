"""Faults of links and of the network, faults from files, and the referee."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

import swsync
from swsync.clock import VirtualClock
from swsync.errors import ConfigurationError, ConnectionFailed
from swsync.localrelay import Fault, LocalRelay, Network
from swsync.localrelay.network import Impaired, Packets

from .receivers import packets_of, rtp, tap, udp_receiver
from .wire import PHONE, Wire, in_memory, over_socket

SILENCE = {"type": "silence", "params": {"duration": 1.0}}


def test_reorder(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """A frame is overtaken by the next; if none comes it is late."""
    relay.faults.reorder("calling.call.state", match={"call_state": "created"})
    call = wire.dial()
    states = [f["params"]["params"]["call_state"] for f in wire.log if "call.state" in str(f)]
    assert ["ringing", "created", "answered"] == states
    relay.faults.reorder("calling.denoise", of="request", seconds=5)
    began = clock.now()
    assert "200" == wire.result("calling.denoise", **call)["code"]
    assert 5 <= clock.now() - began < 6


def test_truncate(relay: LocalRelay) -> None:
    """Half of a reply is no JSON for the client, half of a request none for the relay."""
    with in_memory(relay) as wire:
        wire.connect()
        relay.faults.truncate("signalwire.ping", of="reply")
        with pytest.raises(json.JSONDecodeError):
            wire.ask("signalwire.ping")
        relay.faults.truncate("calling.dial", of="request")
        wire.send(json.dumps({"jsonrpc": "2.0", "id": "x", "method": "calling.dial", "params": {}}))
        assert -32700 == wire.read()["error"]["code"]


def test_slow(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """From a frame on everything in its direction is late, and in order."""
    relay.faults.slow("signalwire.ping", 3.0, of="reply")
    times = []
    for _ in range(2):
        began = clock.now()
        wire.result("signalwire.ping")
        times.append(round(clock.now() - began, 3))
    assert [3.0, 3.0] == times


def test_silence(relay: LocalRelay, clock: VirtualClock) -> None:
    """Nothing comes, and the link stays; another client is served."""
    with in_memory(relay) as wire, in_memory(relay) as other:
        wire.connect()
        relay.faults.silence("signalwire.ping")
        with pytest.raises(TimeoutError):
            wire.ask("signalwire.ping")
        other.connect()
        other.result("signalwire.ping")


def test_the_acknowledgement_of_an_event(relay: LocalRelay, clock: VirtualClock) -> None:
    """Lost, so that the event comes again after a resume."""
    with in_memory(relay) as wire:
        name = wire.connect()["protocol"]
        relay.faults.drop("calling.call.dial", of="ack")
        wire.dial()
        clock.sleep(1)
    with in_memory(relay) as again:
        assert again.connect(protocol=name)["session_restored"]
        assert "answered" == again.event("calling.call.dial")["dial_state"]


@pytest.mark.parametrize("kind", ["drop", "delay", "duplicate", "reorder", "truncate", "slow", "silence",
                                  "cut_before", "cut_after"])  # fmt: skip
@pytest.mark.parametrize("n", [1, 2, 4, 7])
def test_any_frame(clock: VirtualClock, kind: str, n: int) -> None:
    """The client lives through each of these faults at any frame: it has its call, or an error that says why."""
    with LocalRelay(clock=clock, faults=[{"kind": kind, "of": "any", "n": n}]) as relay:
        with swsync.RelayClient(**relay.settings) as client:
            try:
                client.dial_phone(to="+12025550100", from_number="+12025550199", timeout=30).hangup()
            except swsync.SwsyncError:
                pass
            clock.sleep(400)
        assert [kind] == [fault.kind for fault in relay.faults.applied]
        assert 0 == relay.referee.report().up


@pytest.mark.parametrize("tls", [True, False])
def test_a_link_is_refused(tls: bool) -> None:
    """With the HTTP status that was named, as often as was said; then clients get in."""
    with LocalRelay(tls=tls) as relay:
        relay.faults.refuse_links(502, times=2)
        for _ in range(2):
            with pytest.raises(InvalidStatus) as refused:
                over_socket(relay)
            assert 502 == refused.value.response.status_code
        with over_socket(relay) as wire:
            wire.connect()
        relay.faults.refuse_links(503)
        with swsync.RelayClient(**relay.settings) as client:
            call = client.dial_phone(to="+12025550100", from_number="+12025550199")
            call.hangup()


def test_links_in_memory(relay: LocalRelay, clock: VirtualClock) -> None:
    """The same without sockets; a delay passes in the relay's time, and silence answers nothing."""
    relay.faults.refuse_links(502)
    with pytest.raises(ConnectionFailed, match="502"):
        in_memory(relay)
    relay.faults.add(Fault(kind="delay", of="link", seconds=4.0))
    began = clock.now()
    with in_memory(relay) as wire:
        assert 4.0 == round(clock.now() - began, 3)
        wire.connect()
    relay.faults.add({"kind": "silence", "of": "link"})
    with in_memory(relay) as wire, pytest.raises(TimeoutError):
        wire.ask("signalwire.ping")


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "drop", "of": "link"}, {"kind": "slow", "seconds": "5"}, {"kind": "drop", "n": True},
     {"kind": "drop", "match": 5}, {"kind": "refuse", "name": "x", "code": 5.5}, {"kind": "drop", "name": 5}],
)  # fmt: skip
def test_what_is_no_fault(relay: LocalRelay, wrong: dict[str, Any]) -> None:
    """Data of the wrong kind is refused when it is added."""
    with pytest.raises(ConfigurationError):
        relay.faults.add(wrong)


# The network


def lost_of(network: Network, seed: int, count: int = 20_000) -> list[bool]:
    """Which of so many packets are lost."""
    way = Impaired(network, seed, Packets())
    return [not way.delays(n * 0.02, 0.02) for n in range(count)]


def test_losses_are_what_was_asked_for() -> None:
    """Single ones at their rate; bursts in runs, whose rate and length follow from the model; the same by a seed."""
    assert 0.045 < sum(lost_of(Network(loss=0.05), 1)) / 20_000 < 0.055
    burst = lost_of(Network(burst=0.02, burst_end=0.25), 2)
    assert 0.06 < sum(burst) / 20_000 < 0.09  # 0.02 / (0.02 + 0.25)
    runs = [len(run) for run in "".join("x" if lost else " " for lost in burst).split()]
    assert 3.5 < sum(runs) / len(runs) < 4.5  # 1 / 0.25
    assert burst == lost_of(Network(burst=0.02, burst_end=0.25), 2)
    assert burst != lost_of(Network(burst=0.02, burst_end=0.25), 3)


def test_a_tap_over_a_bad_network(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """What arrives, arrives as it was counted: lost, twice, out of order."""
    relay.faults.network(loss=0.1, duplicates=0.1, reorder=0.1)
    call = wire.dial()
    with udp_receiver() as sock:
        wire.result("calling.tap", **call, **tap("speak", rtp(sock)))
        clock.sleep(20)
        wire.result("calling.tap.stop", **call, control_id="t")
        clock.sleep(1)
        packets = packets_of(sock)
    seen = Counter(packet.sequence_number for packet in packets)
    counts = relay.faults.packets
    assert 999 <= counts.sent <= 1001
    assert counts.sent - counts.lost == len(seen)
    assert counts.duplicated == sum(count - 1 for count in seen.values())
    assert min(counts.lost, counts.duplicated, counts.reordered) > 50
    first = packets[0].sequence_number
    order = [(packet.sequence_number - first) & 0xFFFF for packet in packets]
    assert order != sorted(order)
    relay.faults.network()
    assert relay.faults.way() is None


def test_jitter_and_drift() -> None:
    """A slow clock is later and later, a fast one earlier and earlier, and nothing leaves before its time."""
    for drift, sign in ((200.0, 1), (-200.0, -1)):
        way = Impaired(Network(drift=drift), 1, Packets())
        early, late = way.delays(1.0, 0.02)[0], way.delays(501.0, 0.02)[0]
        assert sign * 0.1 == pytest.approx(late - early)
    way = Impaired(Network(jitter=0.06, drift=-1000), 1, Packets())
    delays = [way.delays(n, 0.02)[0] for n in range(1000)]
    assert 0.0 == min(delays)


@pytest.mark.parametrize("wrong", [{"loss": 2}, {"jitter": -1}, {"loss": "a lot"}, {"fog": 1}, {"loss": True}])
def test_what_is_no_network(relay: LocalRelay, wrong: dict[str, Any]) -> None:
    """Numbers out of range, and words that mean nothing."""
    with pytest.raises(ConfigurationError):
        relay.faults.network(**wrong)


# Files


@pytest.mark.parametrize("ending", ["toml", "json"])
def test_faults_from_a_file(relay: LocalRelay, tmp_path: Path, ending: str) -> None:
    """The fields of Fault and of Network."""
    data = {"fault": [{"kind": "drop", "name": "calling.play", "of": "reply", "match": {"code": "200"}},
                      {"kind": "refuse", "of": "link", "code": 503}], "network": {"loss": 0.5}}  # fmt: skip
    text = (
        '[[fault]]\nkind = "drop"\nname = "calling.play"\nof = "reply"\nmatch = { code = "200" }\n'
        '[[fault]]\nkind = "refuse"\nof = "link"\ncode = 503\n[network]\nloss = 0.5\n'
    )
    path = tmp_path / f"faults.{ending}"
    path.write_text(json.dumps(data) if ending == "json" else text)
    relay.faults.load(path)
    assert 503 == relay.faults.pick("link", "*", {}).code  # type: ignore[union-attr]
    assert "drop" == relay.faults.pick("reply", "calling.play", {"code": "200"}).kind  # type: ignore[union-attr]
    assert relay.faults.way() is not None


@pytest.mark.parametrize(
    ("text", "error"),
    [("fault = 5", "array of tables"), ("[[fault]]\nkind = 'nap'", "kind must be one of"),
     ("[fog]", "fog: is not known"), ("network = 5", "network: must be a table"), ("= 1", "cannot be read"),
     ("[[fault]]\nname = 'x'", "not a fault")],
)  # fmt: skip
def test_files_that_are_none(relay: LocalRelay, tmp_path: Path, text: str, error: str) -> None:
    """Each mistake is one sentence."""
    path = tmp_path / "faults.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=error):
        relay.faults.load(path)
    with pytest.raises(ConfigurationError, match="cannot read"):
        relay.faults.load(tmp_path / "none.toml")


# The referee


def test_the_referee_counts_rings(wire: Wire, relay: LocalRelay) -> None:
    """By number, with how the calls ended."""
    for to in ("+12025550100", "+12025550101", "+12025550100"):
        wire.result("calling.end", **wire.dial(to))
        wire.event("calling.call.state", call_state="ended")
    device = {"type": "phone", "params": {**PHONE["params"], "to_number": "+12025550141"}}  # type: ignore[dict-item]
    wire.result("calling.dial", tag="t", devices=[[device]])
    wire.event("calling.call.dial")
    report = relay.referee.report()
    assert {"+12025550100": 2, "+12025550101": 1, "+12025550141": 1} == report.rings
    assert {"+12025550100": 2} == report.rung_twice
    assert (4, 3, 0, {"hangup": 3, "busy": 1}) == (report.calls, report.answered, report.up, report.ends)
    assert ([], 0.0, 2) == (report.orphans, report.dead_air, relay.referee.rings("+12025550100"))
    starts = relay.referee.starts()
    assert 4 == len(starts)
    assert sorted(starts) == starts
    assert 2 == len(relay.referee.starts("+12025550100"))
    assert "4 rings at 3 numbers, 1 of them" in str(report)


def test_the_referee_finds_orphans(relay: LocalRelay, clock: VirtualClock) -> None:
    """A call whose client is away is dead air; one whose client came back was, and is none any more."""
    with in_memory(relay) as wire:
        name = wire.connect()["protocol"]
        wire.dial("+12025550145")
    clock.sleep(30)
    (orphan,) = relay.referee.report().orphans
    assert (True, "answered", 30) == (orphan.is_up, orphan.state, round(orphan.seconds))
    with in_memory(relay) as again:
        again.connect(protocol=name)
        clock.sleep(10)
        report = relay.referee.report()
        assert (False, 30, 1) == (report.orphans[0].is_up, round(report.dead_air), report.up)
        relay.disconnect_clients(restart=True)
        clock.sleep(21)
    assert (True, 50) == (relay.referee.report().orphans[0].is_up, round(relay.referee.report().dead_air))
