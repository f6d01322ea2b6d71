"""People who follow a script, from Python and from files, and calls that come by a schedule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from swsync.clock import VirtualClock
from swsync.errors import ConfigurationError, SwsyncError
from swsync.localrelay import LocalRelay
from swsync.localrelay.actor import is_tone
from swsync.localrelay.recording import wav_bytes
from swsync.localrelay.sound import default_speech, speak, tone
from swsync.media.codec import encode

from .hooks import hooks
from .wire import Wire

BOB = "+12025550123"
TEXT = {"type": "tts", "params": {"text": "Please leave your message after the tone"}}


def silence(seconds: float) -> dict[str, Any]:
    return {"type": "silence", "params": {"duration": seconds}}


def play(wire: Wire, call: dict[str, Any], *items: Any, control_id: str = "p") -> None:
    """Play to the end."""
    wire.result("calling.play", **call, control_id=control_id, play=list(items))
    wire.event("calling.call.play", control_id=control_id, state="finished")


def test_a_conversation(wire: Wire, relay: LocalRelay) -> None:
    """They greet, wait to be spoken to, press what they are asked for, wait for keys, and hang up."""
    bob = relay.callee(BOB, script=[
        {"say": "Hello?"}, {"wait_for": "speech", "seconds": 0.5}, {"wait_for": "silence", "seconds": 1},
        {"press": "4w2"}, {"wait_for": "digits", "digits": "99"}, {"wait": 1.5}, {"hang_up": "busy"}])  # fmt: skip
    call = wire.dial(BOB)
    wire.result("calling.collect", **call, control_id="c", digits={"max": 2}, initial_timeout=60)
    play(wire, call, TEXT)
    collected = wire.event("calling.call.collect", state="finished")
    assert {"digits": "42", "terminator": ""} == collected["result"]["params"]
    wire.result("calling.send_digits", **call, control_id="d", digits="199")
    assert "busy" == wire.event("calling.call.state", call_state="ended")["end_reason"]
    assert bob.call is not None
    assert ("42", "199", "Hello?") == (bob.call.digits_pressed, bob.call.digits_heard, bob.call.spoken[0][1])
    assert max(abs(sample) for sample in bob.heard) > 1000


def test_a_beep_is_no_speech(wire: Wire, relay: LocalRelay, clock: VirtualClock, tmp_path: Path) -> None:
    """They wait for the tone, speak, and stay; words alone are no tone."""
    path = tmp_path / "beep.wav"
    path.write_bytes(wav_bytes([encode(tone(1000, 1000, 0.5), "PCMU")]))
    relay.callee(BOB, script=[{"wait_for": "beep"}, {"say": "This is my message."}, {"hang_up": True}])
    call = wire.dial(BOB)
    play(wire, call, TEXT, silence(0.5))
    clock.sleep(5)
    assert [] == relay.calls[0].spoken
    play(wire, call, {"type": "audio", "params": {"url": relay.serve(path)}}, control_id="q")
    assert "hangup" == wire.event("calling.call.state", call_state="ended")["end_reason"]
    assert 1 == len(relay.calls[0].spoken)


def test_tones_are_told_from_voices() -> None:
    """At any pitch of a beep and any level that is heard; a voice, two tones, noise and silence are none."""
    for hertz in (440, 850, 1000, 1400, 2100):
        for level in (1000.0, 8000.0):
            assert is_tone(encode(tone(hertz, hertz, 0.1, level), "PCMU"))
    blocks = [encode(default_speech()[n : n + 1600], "PCMU") for n in range(0, 60_000, 1600)]
    assert sum(map(is_tone, blocks)) <= 1
    assert not is_tone(encode(tone(697, 1336, 0.1), "PCMU"))
    assert not is_tone(b"\xff" * 800)


@pytest.mark.parametrize(("otherwise", "reason"), [("hang_up", "hangup"), ("go_on", "decline")])
def test_waiting_in_vain(wire: Wire, relay: LocalRelay, otherwise: str, reason: str) -> None:
    """They hang up, or go on; the journal says what did not come."""
    relay.callee(BOB, script=[{"wait_for": "digits", "count": 3, "timeout": 4, "otherwise": otherwise},
                              {"hang_up": "decline"}])  # fmt: skip
    wire.dial(BOB)
    assert reason == wire.event("calling.call.state", call_state="ended")["end_reason"]
    assert f"script of {BOB}: waited 4 s for digits in vain" in relay.journal.notes()


def test_the_model_calls_a_function(wire: Wire, relay: LocalRelay, clock: VirtualClock) -> None:
    """A script may be the agent's model too; what fails is noted, and the script goes on."""
    with hooks() as hook:
        hook.answers = [json.dumps({"response": "ok"}).encode()]
        relay.callee(
            BOB, script=[{"wait": 2}, {"function": "f", "arguments": {"a": 1}}, {"function": "g"}, {"press": "1"}]
        )
        functions = [{"function": "f", "web_hook_url": hook.url}]
        wire.result("calling.ai", **wire.dial(BOB), control_id="a", SWAIG={"functions": functions})
        clock.sleep(10)
        assert [{"a": 1}] == hook.posts[0]["argument"]["parsed"]
    assert "1" == relay.calls[0].digits_pressed
    assert any("no function 'g'" in note for note in relay.journal.notes())


FILE = """
[[callee]]
number = "+12025550123"
answers_after = 1.5
script = [{ play = "hello.wav" }, { wait_for = "digits", digits = "5" }, { hang_up = true }]

[[callee]]
number = "+12025550124"
outcomes = ["busy", "answers"]
speech = ""

[[callee]]
number = "+12025550125"
kind = "machine"
beep_after = false

[[inbound]]
context = "support"
from = "+12025550111"
to = "+12025550122"
after = 5
every = 60
times = 3
script = [{ say = "Is anybody there?" }, { wait = 2 }, { hang_up = true }]
"""


def test_people_from_a_file(wire: Wire, relay: LocalRelay, clock: VirtualClock, tmp_path: Path) -> None:
    """TOML, with a WAV beside it; calls come on their schedule."""
    (tmp_path / "hello.wav").write_bytes(wav_bytes([encode(speak("Hello"), "PCMU")]))
    (tmp_path / "people.toml").write_text(FILE)
    began = clock.now()
    relay.load(tmp_path / "people.toml")
    wire.result("signalwire.receive", contexts=["support"])
    for number in range(3):
        offer = wire.event("calling.call.receive")
        assert 5 + 60 * number == round(clock.now() - began)
        assert {"from_number": "+12025550111", "to_number": "+12025550122"} == offer["device"]["params"]
        wire.result("calling.answer", call_id=offer["call_id"], node_id=offer["node_id"])
        wire.event("calling.call.state", call_state="ended")
    assert [(0.0, "Is anybody there?")] == relay.calls[-1].spoken
    call = wire.dial(BOB)
    clock.sleep(1)
    wire.result("calling.send_digits", **call, control_id="d", digits="5")
    wire.event("calling.call.state", call_state="ended")
    assert max(abs(sample) for sample in relay.callees[BOB].said) > 1000
    assert relay.callees["+12025550125"].behaviour.beep_after is None
    assert b"" == relay.callees["+12025550124"].behaviour.speech


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[[callee]]\nnumber = 5", r"people.toml: callee\[0\].number: must be a text"),
        ("[[callee]]\nspeech = 'x.wav'", r"callee\[0\].number: is required"),
        ("[[callee]]\nnumber = 'x'\ncolour = 1", r"callee\[0\].colour: is not known; it has answers_after, beep_after"),
        ('[[callee]]\nnumber = "x"\nspeech = "nul\\u0000.wav"', r"callee\[0\]: cannot read the speech .*null byte"),
        ("[[callee]]\nnumber = 'x'\nspeech = 'none.wav'", r"callee\[0\]: cannot read the speech .*none.wav"),
        ("[[callee]]\nnumber = 'x'\noutcome = 'sleeps'", r"callee\[0\]: outcome must be one of"),
        ("[[callee]]\nnumber = 'x'\nscript = [{}]", r"callee\[0\].script\[0\]: must be an object with one of say"),
        ("[[callee]]\nnumber = 'x'\nscript = [{ wait = 'x' }]", r"script\[0\].wait: must be a number"),
        ("[[callee]]\nnumber = 'x'\nscript = [{ press = '5x' }]", r"script\[0\].press: must consist of"),
        ("[[callee]]\nnumber = 'x'\nscript = [{ say = 'x', loud = 1 }]", r"script\[0\].loud: is not a field of say"),
        ("[[callee]]\nnumber = 'x'\nscript = [{ wait_for = 'rain' }]", r"script\[0\].wait_for: must be one of digits"),
        ("[[callee]]\nnumber = 'x'\nscript = [{ wait_for = 'digits', count = 0 }]", r"count: must be an integer"),
        ("[[callee]]\nnumber = 'x'\nscript = [{ wait_for = 'beep', otherwise = 'x' }]", "otherwise: must be one of"),
        ("[[inbound]]\ntimes = 3", r"inbound\[0\]: times needs every"),
        ("[[inbound]]\nafter = -1", r"inbound\[0\].after: must be a number"),
        ("callee = 5", "callee: must be an array of tables"),
        ("[caller]", "caller: is not known"),
        ("callee = [", "cannot be read"),
    ],
)
def test_files_that_are_wrong(relay: LocalRelay, tmp_path: Path, text: str, error: str) -> None:
    """The sentence names the place."""
    (tmp_path / "people.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=error):
        relay.load(tmp_path / "people.toml")


@pytest.mark.parametrize(
    ("what", "given", "words"),
    [
        ("callee", {"number": None}, "number must be a text"),
        ("callee", {"number": ""}, "number must be a text"),
        ("callee", {"number": BOB, "speech": "/dev/zero"}, "larger than"),
        ("callee", {"number": BOB, "speech": "/dev/null"}, "not a WAV"),
        ("place_call", {"context": None}, "context must be a text"),
        ("place_call", {"from_": 5}, "from_ must be a text"),
        ("place_call", {"to": ""}, "to must be a text"),
        ("place_call", {"rings_for": float("nan")}, "rings_for must be a number of seconds"),
        ("place_call", {"rings_for": "60"}, "rings_for must be a number of seconds"),
        ("place_call", {"project": None}, "project must be a text"),
        ("schedule_call", {"context": 5}, "context must be a text"),
        ("schedule_call", {"after": float("nan")}, "after must be a number of seconds"),
        ("schedule_call", {"after": -1}, "after must be a number of seconds"),
        ("schedule_call", {"every": float("inf"), "times": 2}, "every must be a number of seconds"),
        ("schedule_call", {"times": 0}, "times must be an integer"),
        ("schedule_call", {"times": 1.5, "every": 1}, "times must be an integer"),
        ("place_message", {"context": None}, "context must be a text"),
        ("place_message", {"body": 5}, "body must be a text"),
        ("place_message", {"media": "http://127.0.0.1/x.png"}, "media must be a list of texts"),
        ("place_message", {"tags": [5]}, "tags must be a list of texts"),
        ("load", {"path": "/dev/zero"}, "larger than"),
    ],
)
def test_what_nobody_can_do(relay: LocalRelay, what: str, given: dict[str, Any], words: str) -> None:
    """It is refused at once, in words, and not later by the relay's thread, or never."""
    with pytest.raises(SwsyncError, match=words):
        getattr(relay, what)(**given)
    assert ([], [], []) == (relay.calls, relay.messages, relay.journal.notes())


def test_keys_that_come_early(wire: Wire, relay: LocalRelay) -> None:
    """They count although the menu is not at its end, each for one step."""
    menu = {"say": "Press one for sales, two for support, three for our opening hours"}
    two, nine = {"wait_for": "digits", "count": 2}, {"wait_for": "digits", "digits": "9"}
    again = {"wait_for": "digits", "count": 1, "timeout": 2}
    relay.callee(BOB, script=[menu, two, nine, {"press": "5"}, again])
    call = wire.dial(BOB)
    wire.result("calling.collect", **call, control_id="c", digits={"max": 1}, initial_timeout=60)
    wire.result("calling.send_digits", **call, control_id="d", digits="1289")
    assert "5" == wire.event("calling.call.collect", state="finished")["result"]["params"]["digits"]
    wire.event("calling.call.state", call_state="ended")
    assert any("waited 2 s for digits in vain" in note for note in map(str, relay.journal.notes()))
