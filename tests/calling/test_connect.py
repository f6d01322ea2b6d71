"""Connect: a handle with the peer and the end, and what may not be connected to."""

from __future__ import annotations

import pytest
from fake_session import make_call, tell, tell_state

from swsync import devices
from swsync.errors import CallEnded, ConfigurationError, ConnectFailed, ProtocolError, RelayError

PEER = {
    "call_id": "peer-1",
    "node_id": "node-2",
    "tag": "t",
    "device": {"type": "phone", "params": {"to_number": "+1"}},
}
LONG = 60.0


def connect_event(call, state, **params):
    """Deliver a state of the bridge."""
    tell(call, "calling.call.connect", connect_state=state, **params)


def test_a_connect_gives_the_peer():
    """wait_connected() gives a Call whose events are routed; call.peer is the same."""
    call = make_call()
    handle = call.connect_phone("+1")

    connect_event(call, "connecting")
    assert "connecting" == call.connect_state
    connect_event(call, "connected", peer=PEER)

    peer = handle.wait_connected(LONG)
    assert ("peer-1", "node-2", "t", "+1") == (peer.call_id, peer.node_id, peer.tag, peer.to)
    assert peer is call.peer
    assert [peer] == call.session.adopted
    assert call.connected
    assert not peer.is_owned


def test_a_connect_ends():
    """Both are this client's own again."""
    call = make_call(direction="outbound")
    handle = call.connect_phone("+1")
    connect_event(call, "connected", peer=PEER)
    peer = handle.wait_connected(LONG)
    assert not call.is_owned

    connect_event(call, "disconnected", peer=PEER)

    assert "disconnected" == handle.wait_disconnected(LONG).connect_state
    assert (False, True, True) == (call.connected, call.is_owned, peer.is_owned)
    assert peer is handle.wait_connected(0)


def test_a_connect_that_fails_says_why():
    """ConnectFailed with RELAY's reason, from both waits; the call is this client's own again."""
    call = make_call(direction="outbound")
    handle = call.connect_phone("+1")

    connect_event(call, "failed", failed_reason="busy")

    for wait in (handle.wait_connected, handle.wait_disconnected):
        with pytest.raises(ConnectFailed) as info:
            wait(LONG)
        assert "busy" == info.value.reason
    assert call.is_owned


def test_the_call_may_end_first():
    """CallEnded while ringing; a plain end once they were together."""
    ringing, talking = make_call(), make_call()
    first, second = ringing.connect_phone("+1"), talking.connect_phone("+1")
    connect_event(talking, "connected", peer=PEER)

    for call in (ringing, talking):
        tell_state(call, "ended", end_reason="hangup")
        call.session.run_timers()

    with pytest.raises(CallEnded):
        first.wait_connected(0)
    with pytest.raises(CallEnded):
        first.wait_disconnected(0)
    assert second.wait_disconnected(0).synthetic


def test_a_second_connect_has_a_peer_of_its_own():
    """The first peer is not taken for the second."""
    call = make_call()
    first = call.connect_phone("+1")
    connect_event(call, "connected", peer=PEER)
    connect_event(call, "disconnected", peer=PEER)

    second = call.connect_phone("+2")
    with pytest.raises(TimeoutError):
        second.wait_connected(0)
    connect_event(call, "connected", peer={**PEER, "call_id": "peer-2"})

    assert "peer-2" == second.wait_connected(0).call_id
    assert first.is_done


def test_a_second_connect_that_is_refused_leaves_the_bridge_as_it_is():
    """The first one's peer is known still, and it is the bridge that carries the call on."""
    call = make_call(direction="outbound")
    handle = call.connect_phone("+1")
    connect_event(call, "connected", peer=PEER)
    call.session.reply = RelayError(409, "connected already")

    for again in (lambda: call.connect_phone("+2"), lambda: call.connect_stream("wss://example.com/x")):
        with pytest.raises(RelayError, match="already"):
            again()

    assert "peer-1" == handle.wait_connected(0).call_id
    assert "peer-1" == call.peer.call_id
    assert not call.is_owned
    connect_event(call, "disconnected", peer=PEER)
    assert call.is_owned


def test_a_connection_without_a_named_peer():
    """There is no Call to give."""
    call = make_call()
    handle = call.connect_phone("+1")

    connect_event(call, "connected")

    with pytest.raises(ProtocolError):
        handle.wait_connected(0)


@pytest.mark.parametrize("url", ["ws://example.com/x", "wss://localhost/x", "wss://example.com/x?a=1", "wss://[x"])
def test_streams_that_could_not_be_reached_are_refused_before_the_request(url):
    """As for stream(): a device of connect, and what joins a conference."""
    call = make_call()

    for way in (
        lambda: call.connect([[devices.stream(url)]]),
        lambda: call.join_conference("c", stream_obj={"url": url}),
    ):
        with pytest.raises(ConfigurationError, match="stream"):
            way()
    assert [] == call.session.sent
    assert call.connect([[devices.stream("wss://example.com/x")]])


def test_destinations_are_checked_before_the_request():
    """The client's guard sees every device in the form of the wire."""
    call = make_call()

    def refuse(found):
        raise ConfigurationError(f"not {found}")

    call.session.check_destinations = refuse
    with pytest.raises(ConfigurationError):
        call.connect([[devices.phone("+1")]])
    with pytest.raises(ConfigurationError):
        call.connect([{"type": "phone", "params": {"to_number": "+1"}}])
    with pytest.raises(ConfigurationError):
        call.connect_stream("wss://example.com/x")
    with pytest.raises(ConfigurationError, match=r"\+2"):
        call.request("begin", device={"type": "phone", "params": {"to_number": "+2"}})
    for verb in ("connect", "calling.connect", "dial", "calling.dial"):
        with pytest.raises(ConfigurationError, match="to_number"):
            call.request(verb, devices=[[{"type": "phone", "params": {"to_number": "+1"}}]])
    with pytest.raises(ConfigurationError, match="sip:a@b"):
        call.refer(devices.sip("sip:a@b"))
    assert [] == call.session.sent


@pytest.mark.parametrize("bad", [None, "+12025550123", [], [[]], ["+12025550123"], [[[devices.phone("+1")]]]], ids=repr)
def test_devices_that_are_none(bad):
    """They are refused here, in words; a list of devices is rung in turn, as for a dial."""
    call = make_call()
    with pytest.raises(ValueError, match="device"):
        call.connect(bad)
    with pytest.raises(ValueError, match="device"):
        call.refer([devices.sip("sip:a@b"), devices.sip("sip:c@d")])
    assert [] == call.session.sent

    call.connect([devices.phone("+1"), devices.phone("+2")])
    assert [["+1"], ["+2"]] == [
        [device["params"]["to_number"] for device in step] for step in call.session.last[1]["devices"]
    ]


@pytest.mark.parametrize("mark", ["\r", "\n", "\0", "\r\n"])
def test_forged_sip_headers_are_refused(mark):
    """In values, in names, in addresses; in builders and in dicts; for connect and refer."""
    call = make_call()
    bad = f"a{mark}Via: b"
    dicts = [
        {"type": "sip", "params": {"to": bad}},
        {"type": "sip", "params": {"to": "sip:a@b", "from_name": bad}},
        {"type": "sip", "params": {"to": "sip:a@b", "headers": [{"name": bad, "value": "x"}]}},
        {"type": "sip", "params": {"to": "sip:a@b", "headers": [{"name": "X", "value": bad}]}},
        {"type": "phone", "params": {"to_number": bad}},
        {"type": "sip", "to": bad},
    ]

    for device in dicts:
        with pytest.raises(ValueError, match="line break"):
            call.connect([[device]])
        with pytest.raises(ValueError, match="line break"):
            call.refer(device)
    with pytest.raises(ValueError, match="line break"):
        devices.sip("sip:a@b", headers={"X": bad})
    with pytest.raises(ValueError, match="line break"):
        devices.sip("sip:a@b", from_name=bad)
    assert [] == call.session.sent
