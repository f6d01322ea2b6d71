"""Streams: what is sent, receivers as addresses, and addresses that could not work."""

from __future__ import annotations

import pytest
from fake_session import FakeReceiver, FakeSession, make_call, tell, tell_state

from swsync.errors import ActionFailed, ConfigurationError

URL = "wss://example.com/audio"
LONG = 60.0


@pytest.mark.parametrize("track", ["inbound", "outbound", "both", "inbound_track", "outbound_track", "both_tracks"])
def test_a_track_is_sent_as_it_was_spelt(track):
    """All six spellings of the documentation pass."""
    call = make_call()

    call.stream(URL, track=track)

    assert track == call.session.last[1]["track"]


@pytest.mark.parametrize("track", ["", "in", "both_track", "INBOUND"])
def test_other_tracks_are_refused(track):
    """Before anything is sent."""
    call = make_call()

    with pytest.raises(ValueError, match="track"):
        call.stream(URL, track=track)
    assert [] == call.session.sent


def test_a_stream_starts_and_ends():
    """streaming, then finished."""
    call = make_call()
    heard = []
    stream = call.stream(URL, on_started=heard.append, on_ended=heard.append)

    tell(call, "calling.call.stream", control_id=stream.id, state="streaming", url=URL)
    assert stream is stream.wait_started(LONG)
    tell(call, "calling.call.stream", control_id=stream.id, state="finished")

    assert "finished" == stream.wait(LONG).state
    assert [stream, stream] == heard


def test_finished_before_streaming_names_the_address():
    """As for taps."""
    call = make_call()
    stream = call.stream(URL)

    tell(call, "calling.call.stream", control_id=stream.id, state="finished")

    with pytest.raises(ActionFailed, match=r"wss://example\.com"):
        stream.wait_started(LONG)


def test_a_stream_ends_with_its_call():
    """With a made-up finished event."""
    call = make_call()
    stream = call.stream(URL)

    tell_state(call, "ended")
    call.session.run_timers()

    assert stream.wait(0).synthetic


def test_a_receiver_gives_address_and_token():
    """Its own token unless another is named; the end of the stream ends it."""
    call = make_call()
    receiver = FakeReceiver(url=URL, token="secret")

    stream = call.stream(receiver, track="both")
    params = call.session.last[1]
    assert (URL, "secret", "both") == (params["url"], params["authorization_bearer_token"], params["track"])
    tell(call, "calling.call.stream", control_id=stream.id, state="finished")
    assert 1 == receiver.ended

    call.stream(FakeReceiver(url=URL, token="secret"), authorization_bearer_token="mine")
    assert "mine" == call.session.last[1]["authorization_bearer_token"]


def test_something_else_is_no_address():
    """Neither text nor a receiver."""
    with pytest.raises(TypeError, match="url"):
        make_call().stream(42)


@pytest.mark.parametrize(
    "url",
    [
        "ws://example.com/x",
        "wss://example.com/x?a=b",
        "wss://example.com/x?",
        "wss://localhost/x",
        "wss://127.0.0.1/x",
        "wss://127.1/x",
        "wss://[::ffff:127.0.0.1]/x",
        "example.com",
        "",
    ],
)
def test_an_address_that_the_service_refuses_is_explained(url):
    """Not wss, a query, or this machine: before any request."""
    call = make_call()

    with pytest.raises(ConfigurationError, match="stream"):
        call.stream(url)
    assert [] == call.session.sent


@pytest.mark.parametrize("url", ["ws://127.0.0.1:8080/x", "wss://localhost/x"])
def test_loopback_is_fine_with_a_local_relay(url):
    """There everything is on one machine."""
    call = make_call(FakeSession(is_local_host=True))

    call.stream(url)

    assert url == call.session.last[1]["url"]
