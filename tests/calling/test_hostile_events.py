"""Whatever an event holds, a call takes it without an error: the I/O thread must live."""

from __future__ import annotations

import random

import pytest
from fake_session import CALL, FakeSession, make_call

from swsync.calling.listening import _MATCHES
from swsync.events import EVENT_CLASSES, parse_event

ODD = [
    None,
    0,
    -1,
    1.5,
    float("nan"),
    10**30,
    True,
    False,
    "",
    "finished",
    "connected",
    "ended",
    "\0",
    [],
    [1],
    {},
    {"a": 1},
]
KEYS = [
    "state", "call_state", "connect_state", "peer", "result", "final", "detect", "fax", "device", "tap", "record",
    "url", "end_reason", "node_id", "tag", "direction", "failed_reason", "params", "type", "event", "call_id",
]  # fmt: skip


def odd(rng, depth=0):
    """Some value, now and then an object of the wire's own keys with odd values."""
    if depth < 3 and rng.random() < 0.4:
        return {rng.choice(KEYS): odd(rng, depth + 1) for _ in range(rng.randrange(4))}
    return rng.choice(ODD)


@pytest.mark.parametrize("seed", range(20))
def test_no_event_can_break_a_call(seed):
    """Every event type, with wrong types in every field, while every action runs and every listener listens."""
    rng = random.Random(seed)
    session = FakeSession()
    call = make_call(session)
    for name in _MATCHES:
        call.on(name, lambda subject: None)
    media = [{"type": "tts", "params": {"text": "x"}}]
    start = {
        "play": lambda: call.play(media), "record": call.record, "collect": call.collect,
        "prompt": lambda: call.play_and_collect(media, {}), "detect": call.detect_answering_machine,
        "tap": lambda: call.tap_audio(direction="both", device={"type": "ws", "uri": "wss://e.com/x"}),
        "stream": lambda: call.stream("wss://e.com/x"), "fax": call.receive_fax, "ai": call.ai,
        "connect": lambda: call.connect_phone("+1"), "transcribe": call.transcribe,
    }  # fmt: skip
    actions = [begin() for begin in start.values()]

    for _ in range(300):
        event_type = rng.choice([*EVENT_CLASSES, "calling.call.ai", "calling.call.new"])
        params = {key: odd(rng) for key in rng.sample(KEYS, rng.randrange(len(KEYS)))}
        if params.get("call_state") == "ended":
            del params["call_state"]
        params |= {"call_id": CALL, "control_id": rng.choice(actions).control_id}
        call._receive(parse_event({"event_type": event_type, "timestamp": odd(rng), "params": params}))
        call.node_id = "node-1"

    call._receive(parse_event({"event_type": "calling.call.state", "params": {"call_id": CALL, "call_state": "ended"}}))
    session.run_timers()
    assert all(action.is_done for action in actions)
