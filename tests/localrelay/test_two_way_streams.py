"""A call connected to a program at a WebSocket: what each hears of the other, over real sockets and in virtual time."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

import pytest

import swsync
from swsync import media
from swsync.clock import VirtualClock
from swsync.errors import ConnectFailed, MediaError
from swsync.localrelay import LocalRelay

from .test_play import codec

BOB, US = "+12025550123", "+12025550199"
SPEECH = array("h", [(n * 7919) % 24001 - 12000 for n in range(16000)]).tobytes()
LONG = 600.0  # a minute of a busy machine in the relay that is ten times as fast


@pytest.fixture(params=["virtual", "real"])
def party(
    request: pytest.FixtureRequest,
) -> Iterator[tuple[LocalRelay, swsync.RelayClient, swsync.Call, media.TwoWayStream]]:
    """A relay, a client, its call to Bob, and a stream that nobody has been connected to."""
    if request.param == "virtual":
        clock, relay = request.getfixturevalue("clock"), request.getfixturevalue("relay")
        assert isinstance(clock, VirtualClock)
    else:
        relay = request.getfixturevalue("real_relay")
    relay.callee(BOB, speech=SPEECH, speaks_after=0.2)
    with (
        swsync.RelayClient(**relay.settings, connect_timeout=LONG, request_timeout=LONG) as client,
        media.TwoWayStream(clock=client.clock) as stream,
        client.dial_phone(to=BOB, from_number=US) as call,
    ):
        yield relay, client, call, stream


@pytest.mark.parametrize("name", ["PCMU", "PCMA", "L16", "L16@16000h"])
def test_send_and_hear(party, name: str) -> None:
    """The party hears what is sent, and the program what it says; the mark comes when it has been heard, not before."""
    relay, client, call, stream = party
    connection = call.connect_stream(stream, codec=name, custom_parameters={"a": "b"}, realtime=True)
    connection.wait_started(LONG)
    assert stream.wait_started(LONG)
    assert {"a": "b"} == stream.custom_parameters
    assert (16000 if "@" in name else 8000) == stream.rate
    sent = SPEECH[:8000]  # half a second
    stream.send(sent if stream.rate == 8000 else b"".join(sent[at : at + 2] * 2 for at in range(0, len(sent), 2)))
    mark = stream.mark("end")
    assert stream.buffered < 0.501
    if isinstance(client.clock, VirtualClock):  # else some of it may have been heard by now
        assert not mark.reached
        assert stream.buffered > 0.3
    mark.wait(LONG)
    assert stream.buffered < 0.15
    heard = bytes(relay.calls[0].heard)
    if name == "PCMU" and isinstance(client.clock, VirtualClock):  # a busy machine is heard to stutter in real time
        assert codec(sent)[:-320] in heard
    assert 3500 < sum(1 for sample in memoryview(heard).cast("h") if abs(sample) > 500) < 4500
    if "L16@" not in name:
        assert any(abs(sample) > 500 for sample in stream.read(8000, timeout=LONG))
    call.disconnect()
    assert "disconnected" == connection.wait_disconnected(LONG).connect_state
    until = client.clock.now() + LONG  # RELAY's word comes on another connection than the stream's own
    while not stream.ended and client.clock.now() < until:
        client.clock.sleep(0.02)
    assert stream.ended
    with pytest.raises(MediaError, match="has ended"):
        stream.send(sent)


def test_clear_drops_what_was_not_heard(party) -> None:
    """After clear() the party hears no more of it, marks are reached at once, and what is sent then is heard."""
    relay, client, call, stream = party
    call.connect_stream(stream).wait_started(LONG)
    stream.wait_started(LONG)
    stream.send(array("h", [5000] * 8000 * 55))
    mark = stream.mark("far")
    assert stream.buffered > 30
    before = client.clock.now()
    stream.clear()
    mark.wait(LONG)
    stream.send(array("h", [-5000] * 800))
    stream.mark("near").wait(LONG)
    if isinstance(client.clock, VirtualClock):  # a busy machine takes its time
        assert client.clock.now() - before < 25
    heard = memoryview(bytes(relay.calls[0].heard)).cast("h").tolist()
    assert 800 == sum(1 for sample in heard if sample < -4000)
    assert sum(1 for sample in heard if sample > 4000) < 8000 * 50


def test_keys_both_ways(party) -> None:
    """Keys of the party arrive as events; a key that is sent is heard by it."""
    relay, _, call, stream = party
    call.connect_stream(stream).wait_started(LONG)
    stream.wait_started(LONG)
    relay.calls[0].press("5#")
    stream.dtmf("7")
    stream.dtmf("d")
    stream.mark("m").wait(LONG)
    assert ["5", "#"] == [key.digit for key in stream.keys]
    assert "7D" == relay.calls[0].digits_heard
    with pytest.raises(ValueError, match="a key is one of"):
        stream.dtmf("x")


def test_the_program_ends_it(party) -> None:
    """The stream's end disconnects the call, which goes on; a mark that never came says so."""
    _, _, call, stream = party
    connection = call.connect_stream(stream)
    connection.wait_started(LONG)
    stream.wait_started(LONG)
    stream.send(bytes(2 * 8000 * 30))
    mark = stream.mark("never")
    stream.close()
    assert "disconnected" == connection.wait_disconnected(LONG).connect_state
    assert "answered" == call.state
    with pytest.raises(MediaError, match="ended before the mark"):
        mark.wait(LONG)
    assert 0 == stream.buffered  # nobody will hear it


def test_nobody_there(party) -> None:
    """A stream that cannot be reached fails the connect."""
    _, _, call, _ = party
    connection = call.connect_stream("ws://127.0.0.1:9/x")
    with pytest.raises(ConnectFailed):
        connection.wait_disconnected(LONG)


def test_limits(party) -> None:
    """Before the start nothing is sent; what has no room waits as long as it may."""
    _, _, call, stream = party
    for function in (lambda: stream.send(bytes(320)), lambda: stream.mark("m"), stream.clear, lambda: stream.dtmf("1")):
        with pytest.raises(MediaError, match="not begun"):
            function()
    call.connect_stream(stream).wait_started(LONG)
    stream.wait_started(LONG)
    with pytest.raises(TimeoutError, match="no room"):
        stream.send(bytes(2 * 8000 * 70), timeout=0.05)
    assert 30 < stream.buffered < 60.2
    with pytest.raises(ValueError, match="1 to 256"):
        stream.mark("")
