"""What is played to the simulated person, and that it is heard."""

from __future__ import annotations

import shutil
import wave
from array import array
from pathlib import Path
from typing import Any

import pytest

from swsync.clock import VirtualClock
from swsync.localrelay import LocalRelay
from swsync.media.codec import decode, encode

from .wire import Wire


def codec(pcm: bytes) -> bytes:
    return decode(encode(pcm, "PCMU"), "PCMU")


@pytest.fixture
def chirp(tmp_path: Path) -> Path:
    """A WAV of one second in which every sample tells where it belongs."""
    samples = array("h", [(n * n) % 20011 - 10000 for n in range(8000)])
    with wave.open(str(tmp_path / "chirp.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(samples.tobytes())
    return tmp_path / "chirp.wav"


def samples_of(path: Path) -> bytes:
    with wave.open(str(path)) as file:
        return file.readframes(10**6)


def play(wire: Wire, call: dict[str, Any], item: dict[str, Any], **params: Any) -> None:
    result = wire.result("calling.play", **call, control_id="p", play=[item], **params)
    assert ("200", "p", call["call_id"]) == (result["code"], result["control_id"], result["call_id"])


def audio(url: str) -> dict[str, Any]:
    return {"type": "audio", "params": {"url": url}}


SILENCE = {"type": "silence", "params": {"duration": 2.0}}


def test_a_file_is_heard_bit_for_bit(wire: Wire, relay: LocalRelay, clock: VirtualClock, chirp: Path) -> None:
    """What the callee heard is the file after the codec, from playing to finished."""
    call = wire.dial()
    play(wire, call, audio(relay.serve(chirp)))
    assert {"call_id", "node_id", "segment_id", "tag", "control_id", "state"} == set(wire.event("calling.call.play"))
    begin = clock.now()
    assert "finished" == wire.event("calling.call.play")["state"]
    assert 1.0 == pytest.approx(clock.now() - begin)
    heard = bytes(relay.callees["+12025550100"].heard)
    assert codec(samples_of(chirp)) in heard


def test_loops_and_silence(wire: Wire, relay: LocalRelay, chirp: Path) -> None:
    """Two items twice over."""
    call = wire.dial()
    items = [audio(relay.serve(chirp)), {"type": "silence", "params": {"duration": 0.5}}]
    wire.result("calling.play", **call, control_id="p", play=items, loop=2)
    wire.event("calling.call.play", state="finished")
    once = codec(samples_of(chirp)) + bytes(8000)
    assert 2 * once in bytes(relay.calls[0].heard)


def test_pause_and_resume(wire: Wire, relay: LocalRelay, clock: VirtualClock, chirp: Path) -> None:
    """The pause is silence in the middle, as long as it lasted, and nothing is lost."""
    call = wire.dial()
    play(wire, call, audio(relay.serve(chirp)))
    wire.event("calling.call.play", state="playing")
    clock.sleep(0.25)
    wire.result("calling.play.pause", **call, control_id="p")
    wire.event("calling.call.play", state="paused")
    clock.sleep(1.0)
    wire.result("calling.play.resume", **call, control_id="p")
    wire.event("calling.call.play", state="playing")
    wire.event("calling.call.play", state="finished")
    sounded = codec(samples_of(chirp))
    assert sounded[:4000] + bytes(16000) + sounded[4000:] in bytes(relay.calls[0].heard)


def test_stop_and_volume(wire: Wire, relay: LocalRelay, clock: VirtualClock, chirp: Path) -> None:
    """The volume changes from where the play is; a stop finishes it at once."""
    call = wire.dial()
    play(wire, call, audio(relay.serve(chirp)), volume=-40)
    wire.event("calling.call.play", state="playing")
    clock.sleep(0.5)
    assert "200" == wire.result("calling.play.volume", **call, control_id="p", volume=0)["code"]
    clock.sleep(0.25)
    wire.result("calling.play.stop", **call, control_id="p")
    wire.event("calling.call.play", state="finished")
    clock.sleep(1.0)
    heard = bytes(relay.calls[0].heard)
    assert codec(samples_of(chirp)[8000:12000]) in heard
    assert codec(samples_of(chirp)[:8000]) not in heard
    assert not any(heard[-16000:])


def test_an_endless_play_ends_with_the_call(wire: Wire, clock: VirtualClock) -> None:
    """finished comes before ended."""
    call = wire.dial()
    play(wire, call, SILENCE, loop=0)
    clock.sleep(60)
    wire.result("calling.end", **call)
    wire.event("calling.call.state", call_state="ended")
    told = [f["params"]["params"] for f in wire.log if f.get("method")]
    order = [p.get("state") or p.get("call_state") for p in told if "state" in p or "call_state" in p]
    assert ["playing", "finished", "ending", "ended"] == order[-4:]


def test_speaking_for_the_party(wire: Wire, relay: LocalRelay, chirp: Path) -> None:
    """With direction speak it is as if the party said it; with both, both sides have it."""
    relay.callee("+12025550100", speech=b"")
    sounded = codec(samples_of(chirp))
    for direction, said, heard in (("speak", True, False), ("both", True, True)):
        call = wire.dial()
        play(wire, call, audio(relay.serve(chirp)), direction=direction)
        wire.event("calling.call.play", state="finished")
        assert (said, heard) == (sounded in bytes(relay.calls[-1].said), sounded in bytes(relay.calls[-1].heard))


@pytest.mark.parametrize("name", ["no.wav", "text.txt"])
def test_a_file_that_cannot_be_played(wire: Wire, relay: LocalRelay, tmp_path: Path, name: str) -> None:
    """The play ends with error, never began, and the journal says why."""
    (tmp_path / name).write_text("not audio")
    url = relay.serve(tmp_path / name)
    call = wire.dial()
    play(wire, call, audio(url if name == "text.txt" else url.replace("no.wav", "other.wav")))
    assert "error" == wire.event("calling.call.play")["state"]
    assert any("play p failed" in note for note in relay.journal.notes())


def test_text_is_heard(wire: Wire, relay: LocalRelay) -> None:
    """tts sounds for a while, by whichever voice there is."""
    call = wire.dial()
    play(wire, call, {"type": "tts", "params": {"text": "Hello; $(touch /tmp/x) --version", "gender": "female"}})
    wire.event("calling.call.play", state="finished")
    heard = relay.calls[0].heard
    assert 2000 < max(heard)


@pytest.mark.peers
def test_espeak_is_used(tmp_path: Path) -> None:
    """Where espeak-ng is installed, a text is really spoken."""
    assert shutil.which("espeak-ng") is not None
    from swsync.localrelay import sound

    sound.speak.cache_clear()
    spoken = sound.speak("One two three.")
    assert sound._tone_voice("One two three.") != spoken
    assert 0.5 * 16000 < len(spoken) < 4 * 16000


def test_said_is_the_speech_after_the_codec(wire: Wire, relay: LocalRelay, clock: VirtualClock, chirp: Path) -> None:
    """It begins speaks_after the answer, then there is silence."""
    callee = relay.callee("+12025550101", speech=chirp, speaks_after=0.75)
    wire.dial("+12025550101")
    clock.sleep(3.0)
    assert bytes(2 * 6000) + codec(samples_of(chirp)) + bytes(2 * 10000) == bytes(callee.said)
    assert (1.0, 1.75) == (callee.speech_seconds, callee.speaks_until)
    assert bytes(2 * 24000) == bytes(callee.heard)
