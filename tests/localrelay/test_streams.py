"""Streams: labelled JSON media of one or both tracks over a WebSocket that the relay opens."""

from __future__ import annotations

import base64
import json
import time
from array import array
from typing import Any

import pytest

from swsync.clock import VirtualClock
from swsync.localrelay import LocalRelay
from swsync.media.codec import decode

from .receivers import media_server
from .wire import Wire

SPEECH = array("h", [(n * 7919) % 24001 - 12000 for n in range(16000)])
TONE = {"type": "ringtone", "params": {"name": "us", "duration": 2.0}}


@pytest.fixture
def call(wire: Wire, relay: LocalRelay) -> dict[str, Any]:
    """An answered call whose callee begins to speak at once."""
    relay.callee("+12025550100", speech=SPEECH, speaks_after=0.0)
    return wire.dial()


def test_a_key_before_the_first_media(wire: Wire, relay: LocalRelay, clock: VirtualClock, call: dict[str, Any]) -> None:
    """Whoever has read start is told of every key from then on."""
    with media_server() as media:
        wire.result("calling.stream", **call, control_id="s", url=f"{media.url}/x", track="inbound_track")
        deadline = time.monotonic() + 10
        while not any("start" in message for message in media.messages[1:]):  # virtual time stands still
            assert time.monotonic() < deadline
            time.sleep(0.005)
        relay.calls[0].press("7")
        clock.sleep(0.5)
        wire.result("calling.stream.stop", **call, control_id="s")
        assert media.ended.wait(10)
    events = [json.loads(message)["event"] for message in media.messages]
    assert ["connected", "start", "dtmf", "media"] == events[:4]


def test_both_tracks(wire: Wire, relay: LocalRelay, clock: VirtualClock, call: dict[str, Any]) -> None:
    """connected, start, media of both tracks with their own chunk counters, dtmf, stop; all as documented."""
    with media_server() as media:
        wire.result("calling.play", **call, control_id="p", play=[TONE])
        wire.event("calling.call.play", state="playing")
        result = wire.result(
            "calling.stream",
            **call,
            control_id="s",
            url=f"{media.url}/x",
            track="both_tracks",
            name="mine",
            authorization_bearer_token="secret",
            custom_parameters={"session_id": "abc"},
        )
        assert ("200", "s") == (result["code"], result["control_id"])
        event = wire.event("calling.call.stream")
        assert ("streaming", f"{media.url}/x", "mine") == (event["state"], event["url"], event["name"])
        clock.sleep(0.5)
        relay.calls[0].press("5#")
        clock.sleep(0.5)
        wire.result("calling.stream.stop", **call, control_id="s")
        wire.event("calling.call.stream", state="finished")
        assert media.ended.wait(10)
    assert "Bearer secret" == media.headers["Authorization"]
    connected, start, *messages = [json.loads(message) for message in media.messages]
    assert {"event": "connected", "protocol": "Call", "version": "0.2.0"} == connected
    assert ("start", "1") == (start["event"], start["sequenceNumber"])
    assert {
        "streamSid": start["start"]["streamSid"],
        "accountSid": "p",
        "callSid": call["call_id"],
        "tracks": ["inbound", "outbound"],
        "customParameters": {"session_id": "abc"},
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
    } == start["start"]
    assert [str(n) for n in range(2, len(messages) + 2)] == [m["sequenceNumber"] for m in messages]
    assert "stop" == messages[-1]["event"]
    pressed = [m["dtmf"] for m in messages if m["event"] == "dtmf"]
    assert [{"digit": "5", "duration": 100}, {"digit": "#", "duration": 100}] == pressed
    for track, truth in (("inbound", relay.calls[0].said), ("outbound", relay.calls[0].heard)):
        parts = [m["media"] for m in messages if m["event"] == "media" and m["media"]["track"] == track]
        assert [str(n) for n in range(1, len(parts) + 1)] == [p["chunk"] for p in parts]
        assert [str(20 * n) for n in range(len(parts))] == [p["timestamp"] for p in parts]
        audio = decode(b"".join(base64.b64decode(p["payload"]) for p in parts), "PCMU")
        assert 50 <= len(parts)
        assert any(audio)
        assert audio in bytes(truth)


@pytest.mark.parametrize(
    ("track", "tracks"),
    [(None, ["inbound"]), ("inbound", ["inbound"]), ("outbound", ["outbound"]), ("both", ["inbound", "outbound"])],
)
def test_track_names(wire: Wire, call: dict[str, Any], track: str | None, tracks: list[str]) -> None:
    """Both spellings are taken; without one it is the inbound track."""
    with media_server() as media:
        params = {} if track is None else {"track": track}
        wire.result("calling.stream", **call, control_id="s", url=f"{media.url}/x", **params)
        wire.event("calling.call.stream", state="streaming")
        wire.result("calling.end", **call)
        wire.event("calling.call.stream", state="finished")
        assert media.ended.wait(10)
    start = json.loads(media.messages[1])["start"]
    assert tracks == start["tracks"]
    assert "customParameters" not in start
    assert set(tracks) == {m["media"]["track"] for m in map(json.loads, media.messages) if m["event"] == "media"}


def test_l16(wire: Wire, relay: LocalRelay, clock: VirtualClock, call: dict[str, Any]) -> None:
    """L16@16000h@40i: 1280 octets a message, every other sample is the call's."""
    with media_server() as media:
        wire.result("calling.stream", **call, control_id="s", url=f"{media.url}/x", codec="L16@16000h@40i")
        wire.event("calling.call.stream", state="streaming")
        clock.sleep(0.5)
        wire.result("calling.stream.stop", **call, control_id="s")
        wire.event("calling.call.stream", state="finished")
        assert media.ended.wait(10)
    messages = [json.loads(message) for message in media.messages]
    assert {"encoding": "audio/x-L16", "sampleRate": 16000, "channels": 1} == messages[1]["start"]["mediaFormat"]
    payloads = [base64.b64decode(m["media"]["payload"]) for m in messages if m["event"] == "media"]
    assert {1280} == set(map(len, payloads))
    audio = array("h", b"".join(payloads))[::2].tobytes()
    assert audio in bytes(relay.calls[0].said)


def test_a_receiver_that_is_not_there(wire: Wire, call: dict[str, Any]) -> None:
    """The stream is finished before it began."""
    wire.result("calling.stream", **call, control_id="s", url="ws://127.0.0.1:9/x", name="n")
    event = wire.event("calling.call.stream")
    assert ("finished", "n") == (event["state"], event["name"])
