"""Ten thousand frames that no client should send: an error reply each, no crash, other sessions untouched."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable
from typing import Any

import pytest

from swsync.localrelay import LocalRelay
from swsync.localrelay.schema import _methods

from .wire import Wire, in_memory, over_socket

FRAMES = 10_000
METHODS = sorted(name for name in _methods() if name.startswith("calling.") and name != "calling.receive")
VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1e308,
    10**40,
    "",
    "x" * 5000,
    "\ud800",
    "\x00\x1b[2J",
    [],
    {},
    [[[]]],
    {"a": {}},
)


def _text(source: random.Random, _: int) -> str:
    """No JSON, or half of it."""
    good = json.dumps({"jsonrpc": "2.0", "id": "1", "method": "signalwire.ping", "params": {}})
    wrong = (
        good[: source.randrange(1, len(good))],
        "",
        "\x00",
        "nul",
        "{" * 20_000,
        '{"id": NaN}',
        good + "x",
        "[1,",
        "'",
    )
    return source.choice(wrong)


def _shape(source: random.Random, number: int) -> str:
    """JSON that is no request."""
    frame = source.choice((5, [], "x", None, {"id": str(number)}, {"id": "7", "method": source.choice(VALUES[:5])},
                           {"id": {}, "method": "signalwire.ping"}, {"method": "x" * 9000, "id": str(number)},
                           {"id": "x" * 2000, "method": "signalwire.ping", "params": {}}))  # fmt: skip
    return json.dumps(frame)


def _types(source: random.Random, number: int) -> str:
    """A method with params of wrong types, or without."""
    method = source.choice(METHODS)
    params: Any = {name: source.choice(VALUES) for name in _methods()[method] if source.random() < 0.8}
    if source.random() < 0.1:
        params = source.choice(([], "x", 5))
    return json.dumps({"jsonrpc": "2.0", "id": str(number), "method": method, "params": params})


def _order(source: random.Random, number: int) -> str:
    """A method that is right, at a wrong time: for a call that is over, never was, or is another client's."""
    about = {"call_id": source.choice(("gone", "never", "theirs")), "node_id": "n", "control_id": str(number)}
    method = source.choice(("calling.play.stop", "calling.answer", "calling.pass", "calling.end", "calling.disconnect",
                            "calling.tap.stop", "signalwire.connect", "calling.record.pause"))  # fmt: skip
    if method == "signalwire.connect":
        about = {"version": {"major": 2}}  # type: ignore[dict-item]
    return json.dumps({"jsonrpc": "2.0", "id": str(number), "method": method, "params": about})


KINDS: tuple[Callable[[random.Random, int], str], ...] = (_text, _shape, _types, _order)


def is_refusal(reply: dict[str, Any]) -> bool:
    """An error, or a result that says no."""
    return "error" in reply or not reply["result"].get("code", "200").startswith("2")


@pytest.mark.parametrize("real", [False, True])
def test_ten_thousand_wrong_frames(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture, real: bool
) -> None:
    """In memory all of them, over a socket a tenth; a second client's call goes on beside them."""
    relay: LocalRelay = request.getfixturevalue("real_relay" if real else "relay")
    source = random.Random(5)
    connect = over_socket if real else in_memory
    with connect(relay) as bad, connect(relay) as good, caplog.at_level(logging.ERROR, "swsync.localrelay"):
        bad.connect()
        good.connect()
        theirs = good.dial("+12025550145")
        gone = bad.dial()
        bad.result("calling.end", **gone)
        bad.event("calling.call.state", call_state="ended")
        codes = set()
        for number in range(FRAMES // 10 if real else FRAMES):
            text = source.choice(KINDS)(source, number)
            for name, call in (("gone", gone), ("theirs", theirs)):
                if f'"{name}"' in text:
                    text = text.replace(f'"{name}"', json.dumps(call["call_id"]))
                    text = text.replace('"node_id": "n"', f'"node_id": "{call["node_id"]}"')
            bad.send(text)
            reply = bad.read()
            while "method" in reply:
                reply = bad.read()  # an event
            assert is_refusal(reply), (text[:300], reply)
            codes.add(str(reply["error"]["code"] if "error" in reply else reply["result"]["code"]))
            if number % 500 == 0:
                assert "200" == good.result("calling.denoise", **theirs)["code"]
        assert {"-32700", "-32600", "-32601", "-32602", "404", "409", "410"} == codes
        assert "200" == bad.result("calling.end", **bad.dial())["code"]
        assert "200" == good.result("calling.end", **theirs)["code"]
    assert [] == [record.getMessage() for record in caplog.records]


def test_a_client_of_no_words(relay: LocalRelay) -> None:
    """Before it has connected nothing is done for it, whatever it sends."""
    source = random.Random(6)
    with in_memory(relay) as bad:
        for number in range(500):
            kind = source.choice((_text, _shape, _types))
            bad.send(kind(source, number))
            assert "error" in bad.read()
    assert [] == relay.calls


def test_wire_is_what_it_was(wire: Wire) -> None:
    """A ping's params have types too."""
    assert " timestamp:" in wire.error("signalwire.ping", timestamp="now")[1]
    assert "timestamp" in wire.result("signalwire.ping", timestamp=1.5)
