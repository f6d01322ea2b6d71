"""The journal's queries, and what is left of it when the ids are taken away."""

from __future__ import annotations

import json
from typing import Any

from swsync.clock import VirtualClock
from swsync.localrelay import LocalRelay

from .wire import in_memory


def scenario(seed: int, tag: str) -> tuple[LocalRelay, list[dict[str, Any]]]:
    """A call with a play that is refused, one that is played, and a recording."""
    clock = VirtualClock()
    with clock.thread(), LocalRelay(clock=clock, seed=seed) as relay, in_memory(relay) as wire:
        wire.connect()
        call = wire.dial(tag=tag)
        wire.ask("calling.play", {**call, "control_id": f"c-{seed}", "play": []})
        silence = [{"type": "silence", "params": {"duration": 1}}]
        wire.result("calling.play", **call, control_id=f"c-{seed}", play=silence)
        wire.event("calling.call.play", state="finished")
        wire.result("calling.record", **call, control_id=f"r-{seed}", record={"audio": {}})
        wire.result("calling.record.stop", **call, control_id=f"r-{seed}")
        wire.event("calling.call.record", state="finished")
        wire.result("calling.end", **call)
        wire.event("calling.call.state", call_state="ended")
        return relay, relay.journal.normalised()


def test_two_runs_with_other_ids_are_the_same() -> None:
    """Ids, times and ports aside the same was said; what was not the same stays so."""
    one, said = scenario(1, "first-tag")
    other, again = scenario(2, "second-tag")
    assert said == again
    assert list(one.journal) != list(other.journal)
    text = json.dumps(said)
    for wrong in ("first-tag", "127.0.0.1:", *one._core.ended):
        assert wrong not in text
    assert {"call_id-1", "node_id-1"} <= set(text.replace('"', " ").split())
    first = said[0]
    assert ("in", "request", "calling.dial", "tag-1") == (*list(first.values())[:3], first["params"]["tag"])
    assert {"request", "reply", "event"} == {line["kind"] for line in said}
    assert all(line["name"].startswith("calling.") for line in said)


def test_what_is_left_out() -> None:
    """Keys by name, and the session unless it is asked for."""
    relay, said = scenario(1, "t")
    assert any("duration" in line["params"] for line in said if line["kind"] == "event")
    short = relay.journal.normalised(without=["duration", "size", "play"])
    assert not any("duration" in json.dumps(line) for line in short if line["kind"] == "event")
    assert len(short) == len(said)
    whole = relay.journal.normalised(prefixes=())
    assert ["signalwire.connect", "signalwire.connect"] == [line["name"] for line in whole[:2]]
    assert "signalwire.authorization.state" in {line["name"] for line in whole}


def test_replies() -> None:
    """By method, and by what they say."""
    relay, _ = scenario(1, "t")
    journal = relay.journal
    refused, played = journal.replies("calling.play")
    assert (-32602, "200") == (refused.frame["error"]["code"], played.frame["result"]["code"])
    assert [refused] == journal.replies(code=-32602)
    assert 1 == len(journal.replies("calling.end", code="200"))


def test_params_that_are_called_as_a_frame_is() -> None:
    """Calls and plays have a direction, and so have frames."""
    relay, _ = scenario(1, "t")
    journal = relay.journal
    assert journal.events("calling.call.state") == journal.events("calling.call.state", direction="outbound") != []
    assert [] == journal.events("calling.call.state", direction="inbound")
    assert [] == journal.requests("calling.play", direction="both")
    assert journal.requests(session=1) == journal.requests() != []
