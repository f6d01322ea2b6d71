"""swsync's own client uses what the relay simulates: every capability once, in virtual time."""

from __future__ import annotations

import wave
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

import swsync
from swsync.clock import VirtualClock
from swsync.localrelay import LocalRelay

from .test_play import codec

BOB = "+12025550123"
US = "+12025550199"
SPEECH = array("h", [(n * n) % 20011 - 10000 for n in range(16000)]).tobytes()


@pytest.fixture
def client(relay: LocalRelay, clock: VirtualClock) -> Iterator[swsync.RelayClient]:
    with swsync.RelayClient(**relay.settings, contexts=["sms"]) as client:
        yield client


def test_prompt(relay: LocalRelay, client: swsync.RelayClient) -> None:
    """A menu: a prompt, and the key that is pressed."""
    relay.callee(BOB, presses=("1", "22#"), says_text="operator")
    with client.dial_phone(to=BOB, from_number=US) as call:
        event = call.prompt_tts("Press one.", {"digits": {"max": 1}}).wait(timeout=60)
        assert "1" == event.result["params"]["digits"]
        event = call.collect(digits={"max": 5, "terminators": "#"}).wait(timeout=60)
        assert {"digits": "22", "terminator": "#"} == event.result["params"]
        event = call.collect(speech={"language": "en-US"}).wait(timeout=60)
        assert "operator" == event.result["params"]["text"]


def test_record_and_download(
    relay: LocalRelay, client: swsync.RelayClient, clock: VirtualClock, tmp_path: Path
) -> None:
    """The file is what the party said."""
    relay.callee(BOB, speech=SPEECH, speaks_after=1.0)
    with client.dial_phone(to=BOB, from_number=US) as call:
        action = call.record_audio(format="wav")
        action.download(tmp_path / "x.wav", timeout=60)
    with wave.open(str(tmp_path / "x.wav")) as file:
        samples = file.readframes(10**6)
    assert codec(SPEECH) in samples


@pytest.mark.parametrize(
    ("number", "answer", "beep"), [("+12025550148", "HUMAN", False), ("+12025550149", "MACHINE", True)]
)
def test_detection(client: swsync.RelayClient, number: str, answer: str, beep: bool) -> None:
    """A person at once; a machine after its beep."""
    with client.dial_phone(to=number, from_number=US) as call:
        found = call.detect_answering_machine().detection(wait_for_beep=True, timeout=60)
        assert (answer, beep) == (found.answer, found.beep)


def test_connect(relay: LocalRelay, client: swsync.RelayClient, clock: VirtualClock) -> None:
    """The peer is a Call, and the two hear each other until they are taken apart."""
    relay.callee(BOB, speech=SPEECH)
    with client.dial_phone(to="+12025550145", from_number=US) as call:
        action = call.connect_phone(BOB, US)
        peer = action.wait_connected(timeout=30)
        assert relay.calls[1].call_id == peer.call_id
        clock.sleep(5)
        assert codec(SPEECH) in bytes(relay.calls[0].heard)
        call.disconnect()
        action.wait_disconnected(timeout=30)
        assert ["answered", "answered"] == [leg.state for leg in relay.calls]
        peer.hangup()


def test_a_connect_that_fails(client: swsync.RelayClient) -> None:
    """The reason is told."""
    with client.dial_phone(to="+12025550145", from_number=US) as call:
        action = call.connect_phone("+12025550141", US)
        with pytest.raises(swsync.ConnectFailed, match="busy"):
            action.wait_connected(timeout=30)


def test_the_rest(relay: LocalRelay, client: swsync.RelayClient, clock: VirtualClock) -> None:
    """Every other verb is taken."""
    with client.dial_phone(to=BOB, from_number=US) as call:
        call.hold()
        call.unhold()
        call.denoise()
        call.denoise_stop()
        call.echo(timeout=1)
        call.bind_digit("1", bind_method="calling.denoise")
        call.clear_digit_bindings()
        call.user_event(event={"a": 1})
        conference = call.join_conference("c")
        call.leave_conference(conference["conference_id"])
        call.join_room("r")
        call.leave_room()
        transcription = call.transcribe()
        transcription.stop()
        assert "finished" == transcription.wait(timeout=10).state
        call.live_transcribe({"start": {}})
        call.live_translate({"start": {}})
        ai = call.ai(prompt={"text": "hi"})
        call.ai_message(message_text="x")
        call.ai_hold()
        call.ai_unhold()
        ai.stop()
        call.amazon_bedrock(prompt={"text": "hi"})
        queue = call.queue_enter("q")
        assert queue is not None


def test_fax(relay: LocalRelay, client: swsync.RelayClient, tmp_path: Path) -> None:
    """A document goes over."""
    (tmp_path / "a.pdf").write_bytes(b"%PDF /Type /Page ")
    with client.dial_phone(to="+12025550151", from_number=US) as call:
        event = call.send_fax(relay.serve(tmp_path / "a.pdf")).wait(timeout=120)
        assert event.fax["params"]["success"] is True


def test_messages(relay: LocalRelay, client: swsync.RelayClient) -> None:
    """One out, one in."""
    sent = client.send_message(to_number=BOB, from_number=US, context="sms", body="hello")
    sent.wait(timeout=10)
    assert "delivered" == sent.state
