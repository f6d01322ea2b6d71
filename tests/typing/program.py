"""A user's program, checked by mypy and pyright at their strictest and never run: ``assert_type`` is a promise."""

# pyright: strict

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import swsync
from swsync import Call, RelayClient, RelayEvent, devices, media
from swsync.clock import VirtualClock

if TYPE_CHECKING:
    from typing_extensions import assert_type

client = RelayClient(contexts=["default"], allowed_destinations=["+1"])


@client.on_call
def handle(call: Call) -> None:
    call.answer(max_duration=60, codecs=["PCMU"])
    play = call.play([devices.tts("Hello"), {"type": "silence", "params": {"duration": 1}}], volume=-4.0)
    assert_type(play, swsync.PlayAction)
    assert_type(play.wait(timeout=10), swsync.PlayEvent)
    assert_type(play.result, swsync.PlayEvent | None)
    play.pause()
    play.volume(3.0)
    assert_type(call.state, swsync.states.CallState)
    if call.state == swsync.CALL_STATE_ENDED:
        print(call.end_reason, call.from_, call.to)


@client.on_call(contexts=["support"])
def support(call: Call) -> None:
    call.transfer("context:agents")


@client.on_message
def read(message: swsync.Message) -> None:
    print(message.from_number, message.body, message.media)


@client.on_connection
def told(what: str) -> None:
    print(what)


def ask(call: Call) -> str:
    menu = call.prompt_tts("Press one.", {"digits": {"max": 1}}, on_completed=lambda event: print(event.params))
    assert_type(menu, swsync.CollectAction)
    event = menu.wait(timeout=20)
    assert_type(event, swsync.CollectEvent)
    menu.start_input_timers()
    return str(event.result.get("type", ""))


def record(call: Call, path: Path) -> float:
    recording = call.record_audio(beep=True, format="wav", stereo=True, direction="both")
    assert_type(recording.wait(), swsync.RecordEvent)
    assert_type(recording.download(path, max_size=1_000_000), Path)
    with call.capture(path, via="rtp", codec="PCMA") as capture:
        capture.wait_duration(2.0, timeout=10)
    for side, stats in capture.quality.items():
        print(side, stats.packets_lost, stats.fraction_lost)
    assert_type(capture.duration, float)
    return capture.duration


def listen(call: Call) -> int:
    loudest = 0
    with media.RtpReceiver(codec="PCMU") as receiver:
        assert_type(receiver, media.RtpReceiver)
        tap = call.tap_audio(direction="both", device=receiver, on_ended=lambda tap: print(tap.id))
        assert_type(tap.wait_started(5), swsync.TapAction)
        for frame in receiver.frames(timeout=5):
            assert_type(frame, media.Frame)
            loudest = max(loudest, *frame.samples)
        print(receiver.stats.packets)
    with media.StreamReceiver(track="both") as stream:
        assert_type(stream, media.StreamReceiver)
        action = call.stream(stream, track="both", custom_parameters={"session_id": "abc123"})
        assert_type(action.wait(), swsync.StreamEvent)
        assert_type(stream.read(8000, track="inbound"), memoryview)
    call.tap(tap={"type": "audio", "params": {"direction": "both"}}, device={"type": "ws", "uri": "wss://example.com"})
    return loudest


def join(call: Call) -> Call:
    action = call.connect(
        [[devices.phone("+12025550100", "+12025550199"), {"type": "sip", "params": {"to": "sip:a@b"}}]]
    )
    peer = action.wait_connected(30)
    assert_type(peer, Call)
    assert_type(action.wait_disconnected(), swsync.ConnectEvent)
    detection = call.detect_answering_machine(timeout=20).detection(wait_for_beep=True)
    assert_type(detection, swsync.Detection)
    assert_type(call.send_digits("1w2#").wait(), swsync.SendDigitsEvent)
    assert_type(call.request("denoise", level=3), dict[str, Any])
    return peer


def main() -> None:
    clock = VirtualClock()
    with swsync.LocalRelay(clock=clock) as relay, RelayClient(**relay.settings) as other:
        call = other.dial([[devices.phone("+12025550100")], [devices.sip("sip:a@b", headers={"X-A": "1"})]], tag="t")
        assert_type(call, Call)
        other.dial([[{"type": "phone", "params": {"to_number": "+12025550100"}}]], dial_timeout=20)
        other.dial(devices.phone("+12025550100"), listen={"on_state_changed": lambda call: print(call.state)})
        assert_type(relay.callees["+12025550100"].heard, memoryview)
        remove = call.on("calling.call.play", lambda event: print(event.state))
        remove()
        assert_type(call.wait_for("calling.call.play", timeout=5), RelayEvent)
        plays = [call.play_tts("one"), call.play_tts("two")]
        done, not_done = swsync.wait(plays, timeout=5, return_when=swsync.FIRST_COMPLETED)
        assert_type(done, set[swsync.PlayAction])
        for play in swsync.as_completed(not_done):
            assert_type(play, swsync.PlayAction)
        message = other.send_message(to_number="+12025550100", from_number="+12025550199", body="Hello")
        assert_type(message.wait(5), RelayEvent)
        try:
            call.hangup("busy")
        except swsync.OutcomeUnknown as error:
            assert_type(error.code, int)
        except swsync.RelayError as error:
            print(error.message, error.method)
        other.close(timeout=5.0, calls="leave")
    pcm = media.decode(media.encode(bytes(320), "PCMU"), swsync.states.Codec.PCMU)
    assert_type(pcm, bytes)
    assert_type(media.packetize(pcm, codec="PCMU", ptime=20), list[bytes])
    answer = swsync.FunctionResult("Monitoring.").tap(uri="wss://example.com/x", direction="both").to_dict()
    assert_type(answer, dict[str, Any])
