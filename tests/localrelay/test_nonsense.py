"""Whatever a client asks for, in whatever shape, it gets an answer, and the relay goes on."""

from __future__ import annotations

import logging
import random
from collections import Counter
from typing import Any

import pytest

from swsync.clock import VirtualClock
from swsync.localrelay import LocalRelay
from swsync.localrelay.schema import _methods

from .wire import Wire

METHODS = sorted(name for name in _methods() if name.startswith(("calling.", "messaging.")))
WORDS = ("", "x", "1", "12#", "w", "audio", "machine", "http://127.0.0.1:9/x", "ws://127.0.0.1:9/x", "context:c", "é\n")
KEYS = ("type", "params", "digits", "speech", "max", "audio", "url", "to", "to_number", "from_number", "start", "tone")
PHONE = {"type": "phone", "params": {"from_number": "+12025550199", "to_number": "+12025550141"}}
SENSIBLE: dict[str, Any] = {
    "play": [{"type": "silence", "params": {"duration": 0.1}}],
    "collect": {"digits": {"max": 1}},
    "digits": {"max": 2},
    "record": {"audio": {}},
    "detect": {"type": "machine", "params": {}},
    "devices": [[PHONE]],
    "device": PHONE,
    "tap": {"type": "audio", "params": {}},
    "action": {"start": {}},
    "timeout": 1,
    "max_attempts": "2",
    "bind_method": "calling.denoise",
    "payment_connector_url": "http://127.0.0.1:9/pay",
    "url": "ws://127.0.0.1:9/x",
    "document": "http://127.0.0.1:9/x",
    "name": "n",
    "queue_name": "q",
    "control_id": "0",
    "volume": 1,
    "prompt": {"text": "x"},
    "body": "x",
    "to_number": "+12025550100",
    "from_number": "+12025550199",
    "context": "c",
    "event": {"a": 1},
}


def nonsense(source: random.Random, depth: int = 0) -> Any:
    """Return a JSON value of any kind."""
    kind = source.randrange(9 if depth < 3 else 6)
    if kind < 6:
        number = source.choice((0, -1, 1, 2.5, 1e9, 10**30, -0.0))
        return (None, True, number, source.choice(WORDS), False, source.choice((5, "5")))[kind]
    if kind < 7:
        return [nonsense(source, depth + 1) for _ in range(source.randrange(3))]
    return {source.choice(KEYS): nonsense(source, depth + 1) for _ in range(source.randrange(4))}


def params_of(source: random.Random, method: str) -> dict[str, Any]:
    """Return params: some as they should be, some not."""
    params = {}
    for field in _methods()[method]:
        chance = source.random()
        if chance < 0.7 and field in SENSIBLE:
            params[field] = SENSIBLE[field]
        elif chance < 0.75:
            params[field] = source.choice(WORDS)
        elif chance < 0.8:
            params[field] = nonsense(source)
    return params


@pytest.mark.parametrize("seed", range(4))
def test_nonsense(
    wire: Wire, relay: LocalRelay, clock: VirtualClock, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    """Every request gets one answer that is no internal error, and time passes without one."""
    source = random.Random(seed)
    codes: Counter[str] = Counter()
    call = wire.dial("+12025550154")
    with caplog.at_level(logging.ERROR, "swsync.localrelay"):
        for number in range(1000):
            method = source.choice(METHODS)
            reply = wire.ask(method, {**params_of(source, method), **call, "control_id": str(number % 5)})
            assert -32603 != reply.get("error", {}).get("code"), (method, reply)
            result = reply.get("result", {})
            codes[result.get("code", "refused")] += 1
            if result.get("code") == "410" or "another client" in result.get("message", "") or number % 100 == 99:
                call = wire.dial("+12025550154")
            if number % 20 == 0:
                clock.sleep(source.random() * 3)
                if source.random() < 0.5:
                    relay.calls[-1].press(source.choice(("1", "#", "*12")))
        clock.sleep(100)
    assert 100 < min(codes["200"], codes["refused"])
    assert [] == [record.getMessage() for record in caplog.records]
    assert "200" == wire.result("calling.end", **wire.dial())["code"]
