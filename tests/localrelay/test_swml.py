"""SWML: documents checked with the place of each mistake, and run on calls with their audio."""

from __future__ import annotations

import json
import urllib.request
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import pytest

from swsync.clock import VirtualClock
from swsync.localrelay import LocalRelay
from swsync.localrelay.swml.document import SwmlError, parse
from swsync.media.codec import decode

from .hooks import hooks
from .receivers import media_server, packets_of, udp_receiver
from .wire import Wire, in_memory


def document(*steps: Any, **sections: Any) -> dict[str, Any]:
    """A document whose main section has these steps."""
    return {"version": "1.0.0", "sections": {"main": list(steps), **sections}}


def transfer(wire: Wire, call: dict[str, Any], *steps: Any, **sections: Any) -> None:
    """Give a call to a document."""
    text = json.dumps(document(*steps, **sections))
    assert "Transferring" == wire.result("calling.transfer", **call, dest=text)["message"]


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ({"tap": {}}, "sections.main[0].tap.uri: is required"),
        ({"tap": {"uri": "http://x"}}, "sections.main[0].tap.uri: must be rtp://IP:port, ws://... or wss://..."),
        ({"tap": {"uri": "ws://x", "direction": "hear"}}, "tap.direction: must be one of speak, listen, both, not"),
        ({"tap": {"uri": "ws://x", "codec": "OPUS"}}, "tap.codec: must be one of PCMU, PCMA"),
        ({"tap": {"uri": "ws://x", "rtp_ptime": "20"}}, "tap.rtp_ptime: must be an integer"),
        ({"tap": {"uri": "ws://x", "colour": 1}}, "tap.colour: is not a field of it"),
        ({"tap": []}, "sections.main[0].tap: must be an object"),
        ({"play": {}}, "play: needs url or urls"),
        ({"play": {"url": "say:x", "urls": []}}, "play: needs url or urls"),
        ({"play": {"url": "/home/me/x.wav"}}, "play.url: must be an http or https URL, say:, silence: or ring:"),
        ({"play": {"urls": ["say:x", "silence:long"]}}, "play.urls[1]: must be"),
        ({"play": {"url": "say:x", "volume": 50}}, "play.volume: must be from -40 to 40, not 50"),
        ({"play": {"url": "say:x", "volume": True}}, "play.volume: must be a number"),
        ({"hangup": {"reason": "tired"}}, "hangup.reason: must be one of hangup, busy, decline"),
        ({"connect": {}}, "connect: needs one of to, serial"),
        ({"connect": {"serial": [{"from": "x"}]}}, "connect.serial[0].to: is required"),
        ({"switch": {"variable": "x", "case": {"a": [{"nap": 1}]}}}, "switch.case.a[0].nap: is no verb of SWML"),
        ({"goto": {"label": "a", "max": 0}}, "goto.max: must be from 1 to 100"),
        ({"sleep": "soon"}, "sleep.duration: must be an integer"),
        ({"pay": {}}, "pay: is not simulated by the local relay"),
        ({"tap": {"uri": "ws://x"}, "play": {}}, "sections.main[0]: must be an object with one verb"),
        ("hangup", "sections.main[0]: must be an object with one verb"),
        ({"unset": {}}, "unset: must be a string"),
        ({"record": {"status_url": "ftp://x"}}, "record.status_url: must be an http or https URL"),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_their_place(wire: Wire, step: Any, error: str) -> None:
    """The same by a transfer, whose answer is -32602, and the call stays with the client."""
    with pytest.raises(SwmlError) as raised:
        parse(document(step))
    assert error in str(raised.value)
    call = wire.dial()
    code, text = wire.error("calling.transfer", **call, dest=json.dumps(document(step)))
    assert (-32602, True) == (code, error in text)
    assert "200" == wire.result("calling.denoise", **call)["code"]


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("{", "is not JSON"), ("[1", "is not YAML"), ("- a", "must be an object"), ("a: &x 1\nb: *x", "aliases"),
        ({"sections": {}}, "sections.main: is required"), ({"sections": []}, "sections: is required"),
        ({"version": "2.0", "sections": {"main": []}}, "version: must be 1.0.0"),
        ({"transfer": True, "sections": {"main": []}}, "transfer: is not a field"),
        ({"sections": {"main": {}}}, "sections.main: must be an array"), ("{" + " " * 300_000, "longer"),
        ('{"a":' * 100_000, "longer"), ("sections: {main: [{play: {url: }}]}", "play.url: must be"),
        (document(*[{"label": "x"}] * 10_001), "more than 10000 steps"),
    ],
)  # fmt: skip
def test_documents_that_are_none(source: Any, error: str) -> None:
    """Broken text, too much of it, and other versions."""
    with pytest.raises(SwmlError, match=error.replace("[", r"\[")):
        parse(source)


def test_depth_is_bounded() -> None:
    """Neither nested steps nor nested JSON end the interpreter."""
    steps: list[Any] = [{"hangup": {}}]
    for _ in range(30):
        steps = [{"switch": {"variable": "x", "case": {"a": steps}}}]
    with pytest.raises(SwmlError, match="nested deeper"):
        parse(document(*steps))
    with pytest.raises(SwmlError):
        parse('{"sections":' * 20_000)


def test_yaml_and_json_are_the_same() -> None:
    """What people write by hand."""
    yaml = "version: 1.0.0\nsections:\n  main:\n    - play:\n        url: 'say:Hello'\n    - hangup: {}\n"
    assert parse(document({"play": {"url": "say:Hello"}}, {"hangup": {}})) == parse(yaml)


def test_a_document_taps_over_rtp(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """Answered, tapped, stopped: the packets are what the party said, and the client hears nothing of it."""
    call = wire.dial()
    with udp_receiver() as sock:
        host, port = sock.getsockname()
        transfer(
            wire, call, {"answer": {}},
            {"tap": {"uri": f"rtp://{host}:{port}", "control_id": "t", "direction": "both", "codec": "PCMA"}},
            {"sleep": 2}, {"stop_tap": {}}, {"sleep": {"duration": 1}}, {"hangup": {"reason": "busy"}},
        )  # fmt: skip
        assert "409" == wire.result("calling.denoise", **call)["code"]
        relay.calls[0].wait_for_ended(timeout=30)
        packets = packets_of(sock)
    assert "busy" == relay.calls[0].end_reason
    assert 99 <= len(packets) <= 101
    assert {8} == {packet.payload_type for packet in packets}
    assert any(decode(packet.payload, "PCMA").strip(b"\0\xff\x08") for packet in packets)
    assert not relay.journal.events("calling.call.tap")


def test_a_document_streams_and_records(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """A stream's messages arrive; a recording in the background is a WAV; webhooks tell of both."""
    call = wire.dial()
    with media_server() as media, hooks() as hook:
        transfer(
            wire, call, {"record_call": {"control_id": "r", "stereo": True, "status_url": hook.url}},
            {"stream": {"url": f"{media.url}/x", "track": "both_tracks", "codec": "PCMU", "status_url": hook.url}},
            {"sleep": 2}, {"stop_stream": {}}, {"stop_record_call": {"control_id": "r"}}, {"sleep": 1},
        )  # fmt: skip
        relay.calls[0].wait_for_ended(timeout=30)
        told = [(post["event_type"], post["params"]["state"]) for post in hook.posts]
        messages = [json.loads(message)["event"] for message in media.messages]
    assert ["connected", "start", "media"] == messages[:3]
    assert "stop" == messages[-1]
    assert {("calling.call.stream", "streaming"), ("calling.call.stream", "finished")} < set(told)
    url = next(post["params"]["url"] for post in hook.posts if post["params"]["state"] == "recording")
    with urllib.request.urlopen(url, timeout=10) as reply, wave.open(BytesIO(reply.read())) as file:
        assert (2, 8000) == (file.getnchannels(), file.getframerate())
        assert 15_000 < file.getnframes() < 17_000
    assert "hangup" == relay.calls[0].end_reason


def test_a_document_asks_and_decides(wire: Wire, relay: LocalRelay) -> None:
    """A prompt's digits choose the branch; variables, sections and jumps do what they say."""
    relay.callee("+12025550123", speech=b"", presses=["7"])
    call = wire.dial("+12025550123")
    transfer(
        wire, call, {"set": {"n": "5"}},
        {"prompt": {"play": ["say:Press a key", "silence:0.5"], "max_digits": 1}},
        {"switch": {"variable": "prompt_value",
                    "case": {"7": [{"execute": {"dest": "seven", "params": {"d": "%{prompt_value}"}}}]},
                    "default": [{"hangup": {"reason": "decline"}}]}},
        {"label": "again"}, {"send_digits": {"digits": "${n}"}}, {"goto": {"label": "again", "max": 2}},
        {"hangup": {"reason": "busy"}},
        seven=[{"send_digits": {"digits": "%{params.d}#"}}, {"return": 1}, {"hangup": {}}],
    )  # fmt: skip
    relay.calls[0].wait_for_ended(timeout=60)
    assert ("7#555", "busy") == (relay.calls[0].digits_heard, relay.calls[0].end_reason)


def test_an_inbound_call_is_answered_by_a_document(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """A client may give a call away before it has answered."""
    wire.result("signalwire.receive", contexts=["office"])
    caller = relay.place_call("office", speech=b"")
    offer = wire.event("calling.call.receive")
    call = {"call_id": offer["call_id"], "node_id": offer["node_id"]}
    transfer(wire, call, {"play": {"urls": ["say:Nobody is here.", "ring:2:us", "silence: 1"], "volume": -3}})
    caller.wait_for_ended(timeout=60)
    assert max(abs(sample) for sample in caller.heard) > 1000
    assert caller.answered_at is not None


def test_connect_and_record(wire: Wire, relay: LocalRelay) -> None:
    """Two parties are bridged until one hangs up; a failed one goes on; a recording ends by silence."""
    relay.callee("+12025550124", hangs_up_after=3)
    call = wire.dial()
    transfer(
        wire, call, {"connect": {"to": "+12025550141", "from": "+12025550199"}},
        {"connect": {"parallel": [{"to": "+12025550124"}, {"to": "+12025550146"}], "timeout": 20}},
        {"record": {"end_silence_timeout": 1, "initial_timeout": 2, "beep": True}},
    )  # fmt: skip
    relay.calls[0].wait_for_ended(timeout=60)
    assert [1, 1, 1] == [relay.callees[number].rings for number in ("+12025550141", "+12025550124", "+12025550146")]
    assert max(abs(sample) for sample in relay.callees["+12025550124"].heard) > 1000


def test_what_the_relay_refuses_fails_one_step(wire: Wire, relay: LocalRelay) -> None:
    """A tap to somewhere else, a stop of nothing: the journal says why, and the document goes on."""
    call = wire.dial()
    transfer(
        wire, call, {"tap": {"uri": "wss://example.com/x"}}, {"stop_tap": {}}, {"stop_stream": {"control_id": "x"}},
        {"switch": {"variable": "tap_result", "case": {"failed": [{"hangup": {"reason": "decline"}}]}}},
    )  # fmt: skip
    relay.calls[0].wait_for_ended(timeout=30)
    assert "decline" == relay.calls[0].end_reason
    notes = "\n".join(relay.journal.notes())
    assert "swml: sections.main[0].tap: Invalid params: device.params.uri: example.com is not this machine" in notes
    assert "no tap is running" in notes


def test_circles_end(wire: Wire, relay: LocalRelay) -> None:
    """A document that goes in a circle is ended, and the call with it."""
    call = wire.dial()
    jumps = [{"goto": {"label": "a", "max": 100}} for _ in range(5)]
    transfer(wire, call, {"execute": {"dest": "main"}}, *jumps)
    relay.calls[0].wait_for_ended(timeout=30)
    assert any("executed from itself" in note for note in relay.journal.notes())


@contextmanager
def web(*answers: Any) -> Iterator[tuple[str, list[Any]]]:
    """A web server that gives these answers in turn, the last one again and again, and keeps what it was asked."""
    with hooks() as hook:
        hook.answers = [answer if isinstance(answer, bytes) else json.dumps(answer).encode() for answer in answers]
        yield hook.url, hook.posts


def test_a_document_is_fetched(wire: Wire, relay: LocalRelay) -> None:
    """From this machine, and the server is told of the call."""
    call = wire.dial()
    second = document({"hangup": {"reason": "%{params.why}"}})
    with web(
        b"version: 1.0.0\nsections:\n  main:\n  - play: {url: 'silence:1'}\n  - transfer: {dest: there}\n"
    ) as first:
        wire.result("calling.transfer", **call, dest=first[0])
        relay.calls[0].wait_for_ended(timeout=30)
        assert call["call_id"] == first[1][0]["call"]["call_id"]
    assert any("'there' is no section" in note for note in relay.journal.notes())
    call = wire.dial()
    with web(second) as (url, _):
        transfer(wire, call, {"transfer": {"dest": url, "params": {"why": "busy"}}}, {"hangup": {}})
        relay.calls[1].wait_for_ended(timeout=30)
    assert "busy" == relay.calls[1].end_reason


@pytest.mark.parametrize("answer", [b"not a document", b"", b"{}", b"x" * 2_000_000, b"\xff\xfe"])
def test_a_document_that_cannot_be_had_ends_the_call(wire: Wire, relay: LocalRelay, answer: bytes) -> None:
    """Whatever a server answers."""
    call = wire.dial()
    with web(answer) as (url, _):
        wire.result("calling.transfer", **call, dest=url)
        relay.calls[0].wait_for_ended(timeout=30)
    assert any("swml: the document ended" in note for note in relay.journal.notes())


def test_a_document_gives_the_call_to_a_context(wire: Wire, relay: LocalRelay) -> None:
    """From there it is another client's."""
    call = wire.dial()
    with in_memory(relay) as other:
        other.connect(contexts=["support"])
        transfer(wire, call, {"play": {"url": "silence:1"}}, {"transfer": {"dest": "context:support"}})
        assert "answered" == other.event("calling.call.receive")["call_state"]
        assert "200" == other.result("calling.answer", **call)["code"]
        assert "200" == other.result("calling.end", **call)["code"]


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ({"unset": ["%{v}"]}, "[0]: must be a string"),
        ({"connect": {"to": "%{v}"}}, "to: must be a string"),
        ({"tap": {"uri": "%{v}"}}, "uri: must be a string"),
        ({"record": {"max_length": "%{word}"}}, "max_length: must be a number"),
        ({"record": {"max_length": "%{huge}"}}, "max_length: must be a number"),
        ({"sleep": "%{word}"}, "duration: must be an integer"),
        ({"play": {"urls": "%{v}"}}, "urls: must be an array"),
        ({"hangup": {"reason": "%{v}"}}, "reason: must be one of"),
    ],
    ids=lambda given: next(iter(given)) if isinstance(given, dict) else "",
)
def test_a_variable_that_holds_something_else_fails_its_step(
    wire: Wire, relay: LocalRelay, clock: VirtualClock, step: Any, error: str
) -> None:
    """And the document goes on: no step of it is lost in the relay."""
    call = wire.dial()
    transfer(wire, call, {"set": {"v": 5, "word": "long", "huge": "1e300"}}, step, {"denoise": {}})
    clock.sleep(10)

    assert any(error in note for note in relay.journal.notes())
    assert "swml: sections.main[2].denoise" in relay.journal.notes()


def test_an_address_that_is_unknown_is_none(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """Nobody is told, and the step is done."""
    call = wire.dial()
    transfer(wire, call, {"play": {"url": "say:Hello", "status_url": "%{nowhere}"}})
    clock.sleep(10)

    assert not any("status_url" in note for note in relay.journal.notes())
    assert max(abs(sample) for sample in relay.calls[0].heard) > 1000


@pytest.mark.parametrize("max_jumps", ["%{nowhere}", "%{word}"])
def test_a_jump_without_a_number_ends_the_document(
    wire: Wire, relay: LocalRelay, clock: VirtualClock, max_jumps: str
) -> None:
    """As any other that cannot be made."""
    jump = {"goto": {"label": "a", "max": max_jumps}}
    transfer(wire, wire.dial(), {"set": {"word": "long"}}, {"label": "a"}, jump)
    clock.sleep(10)

    assert any("swml: the document ended: sections.main[2].goto.max: must be" in note for note in relay.journal.notes())


def test_a_text_that_is_a_number_may_be_one(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """What a server or a caller has set comes as text."""
    transfer(wire, wire.dial(), {"set": {"n": "12"}}, {"sleep": "%{n}"}, {"denoise": {}})
    clock.sleep(10)
    assert not any(".denoise" in note for note in relay.journal.notes())
    clock.sleep(5)

    assert "swml: sections.main[2].denoise" in relay.journal.notes()


@pytest.mark.parametrize(
    "grown", ["%{a}%{a}", ["%{a}", "%{a}"], {"a": "%{a}"}], ids=["a text", "an array", "an object"]
)
def test_a_variable_that_holds_itself_many_times_ends_the_document(
    wire: Wire, relay: LocalRelay, clock: VirtualClock, grown: Any
) -> None:
    """Forty doublings of a letter would be a terabyte."""
    transfer(wire, wire.dial(), {"set": {"a": "x"}}, *[{"set": {"a": grown}}] * 40, {"play": {"url": "say:%{a}"}})
    clock.sleep(10)

    assert any("swml: the document ended: the variable 'a' holds too much" in note for note in relay.journal.notes())


def test_a_variable_may_be_a_large_number(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """A telephone number, or a time in milliseconds: only what lasts or counts has a bound."""
    transfer(wire, wire.dial(), {"set": {"who": 12025550145}}, {"connect": {"to": "+%{who}"}}, {"hangup": {}})
    clock.sleep(5)

    assert 1 == relay.callees["+12025550145"].rings
