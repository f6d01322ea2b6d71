"""Webhooks are really sent, and only where they may go."""

from __future__ import annotations

from typing import Any

import pytest

from swsync.clock import VirtualClock
from swsync.localrelay import LocalRelay
from swsync.localrelay import webhooks as module

from .hooks import hooks
from .wire import PHONE, Wire

SILENCE = {"type": "silence", "params": {"duration": 1.0}}


def test_a_status_url_gets_the_events(wire: Wire, clock: VirtualClock) -> None:
    """The same object as the client's, in the same order."""
    call = wire.dial()
    with hooks() as hook:
        wire.result("calling.play", **call, control_id="p", play=[SILENCE], status_url=hook.url)
        wire.event("calling.call.play", state="finished")
        clock.sleep(1)
        told = [f["params"] for f in wire.log if f.get("params", {}).get("event_type") == "calling.call.play"]
        assert 2 == len(told)
        assert told == hook.posts


def test_every_kind_of_action(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """Collects, detects, recordings, connects, echoes and queues have webhooks too."""
    call = wire.dial()
    with hooks() as hook:
        url = {"status_url": hook.url}
        wire.result("calling.collect", **call, control_id="c", digits={"max": 1}, **url)
        wire.result("calling.detect", **call, control_id="d", detect={"type": "machine"}, **url)
        wire.result("calling.record", **call, control_id="r", record={"audio": {}}, **url)
        wire.result("calling.transcribe", **call, control_id="t", **url)
        wire.result("calling.echo", **call, **url)
        wire.result("calling.queue.enter", **call, control_id="q", queue_name="x", **url)
        device = {"type": "phone", "params": PHONE["params"]}
        wire.result("calling.connect", **call, devices=[[device]], **url)
        clock.sleep(5)
        kinds = {post["event_type"].rpartition(".")[2] for post in hook.posts}
        assert {"collect", "detect", "record", "transcribe", "echo", "queue", "connect"} == kinds


def test_call_states(wire: Wire) -> None:
    """A device may name a webhook for the states of its leg: ended, unless others are named."""
    with hooks() as hook:
        call = wire.dial(call_state_url=hook.url)
        wire.result("calling.end", **call)
        wire.event("calling.call.state", call_state="ended")
        call = wire.dial(call_state_url=hook.url, call_state_events=["ringing", "answered"])
        wire.result("calling.end", **call)
        wire.event("calling.call.state", call_state="ended")
        wire.dial()
        states = [post["params"]["call_state"] for post in hook.posts]
        assert ["ended", "ringing", "answered"] == states


def test_a_conference(wire: Wire) -> None:
    """Its callbacks get every event once."""
    calls = [wire.dial() for _ in range(2)]
    with hooks() as hook:
        for call in calls:
            wire.result("calling.join_conference", **call, name="c", status_callback=hook.url)
        wire.event("calling.conference", size=2)
        wire.dial()
        statuses = [post["params"]["status"] for post in hook.posts]
        assert ["conference-start", "participant-join", "participant-join"] == statuses


def test_get(wire: Wire, clock: VirtualClock) -> None:
    """With status_url_method GET the plain fields stand in the query."""
    call = wire.dial()
    with hooks() as hook:
        wire.result("calling.stream", **call, control_id="s", url="ws://127.0.0.1:9/x", status_url=hook.url,
                    status_url_method="GET")  # fmt: skip
        wire.event("calling.call.stream", state="finished")
        clock.sleep(1)
        assert "event_type=calling.call.stream" in hook.queries[0]
        assert "state=finished" in hook.queries[0]


def test_nothing_leaves_this_machine(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """Another host gets nothing, by its address or by a redirect, and the play goes on."""
    call = wire.dial()
    for url in ("https://example.com/hook", "http://192.0.2.1/"):
        wire.result("calling.play", **call, control_id="p", play=[SILENCE], status_url=url)
        wire.event("calling.call.play", state="finished")
    assert 4 == sum("not this machine" in note for note in relay.journal.notes())
    with hooks() as hook:
        hook.status, hook.location = 307, "http://192.0.2.1/"
        wire.result("calling.play", **call, control_id="p", play=[SILENCE], status_url=hook.url)
        wire.event("calling.call.play", state="finished")
        clock.sleep(1)
        assert 2 == len(hook.posts)
    assert any("webhook calling.call.play failed" in note for note in relay.journal.notes())


@pytest.mark.parametrize(
    "url", ["hook", "ftp://127.0.0.1/", "http://", "http://127.0.0.1:x/", "http://127.0.0.1/ x", 5]
)
def test_refusals(wire: Wire, url: Any) -> None:
    """What is no http URL is refused with the field's name."""
    code, text = wire.error("calling.play", **wire.dial(), control_id="p", play=[SILENCE], status_url=url)
    assert (-32602, True) == (code, " status_url:" in text)


def test_they_are_bounded(wire: Wire, relay: LocalRelay, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits beyond the limit is dropped and counted; a server that fails is counted too."""
    monkeypatch.setattr(module, "WAITING", 1)
    with hooks() as hook:
        hook.status = 500
        post = relay._core.webhooks.post
        relay._core.loop.ask(lambda: [post(hook.url, {"event_type": "x", "n": n}) for n in range(50)])
        clock.sleep(1)
        sent = relay._core.webhooks
        assert (0, 50) == (sent.sent, sent.failed + sent.dropped)
        assert 0 < sent.dropped
        assert sent.failed == len(hook.posts)
