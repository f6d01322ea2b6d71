"""Mistakes of a user. Each line that is marked ``# wrong`` must be an error for mypy and pyright, and no other line.

Functions named ``name_*`` use an argument that there is not: run, each raises ``TypeError`` before anything is sent.
"""

# pyright: basic

from __future__ import annotations

import swsync
from swsync import Call, RelayClient, devices, media
from swsync.swaig import FunctionResult


def name_answer(call: Call) -> None:
    call.answer(timeouts=3)  # wrong


def name_hangup(call: Call) -> None:
    call.hangup(cause="busy")  # wrong


def name_play(call: Call) -> None:
    call.play([devices.tts("a")], volumes=1)  # wrong


def name_play_media(call: Call) -> None:
    call.play(medias=[])  # wrong


def name_play_tts(call: Call) -> None:
    call.play_tts("a", lang="en-US")  # wrong


def name_play_audio(call: Call) -> None:
    call.play_audio(uri="https://example.com/a.mp3")  # wrong


def name_play_silence(call: Call) -> None:
    call.play_silence(seconds=1)  # wrong


def name_play_ringtone(call: Call) -> None:
    call.play_ringtone("us", seconds=1)  # wrong


def name_record(call: Call) -> None:
    call.record(beep=True)  # wrong


def name_record_audio(call: Call) -> None:
    call.record_audio(end_silence=1.0)  # wrong


def name_collect(call: Call) -> None:
    call.collect(digit={"max": 1})  # wrong


def name_play_and_collect(call: Call) -> None:
    call.play_and_collect([devices.tts("a")], digits={"max": 1})  # wrong


def name_prompt_tts(call: Call) -> None:
    call.prompt_tts("a", {"digits": {"max": 1}}, sex="female")  # wrong


def name_prompt_audio(call: Call) -> None:
    call.prompt_audio("https://example.com/a.mp3", {}, loop=2)  # wrong


def name_detect(call: Call) -> None:
    call.detect({"type": "fax", "params": {}}, wait=True)  # wrong


def name_detect_answering_machine(call: Call) -> None:
    call.detect_answering_machine(wait_for_beep=True)  # wrong


def name_detection(call: Call) -> None:
    call.detect_answering_machine().detection(beep=True)  # wrong


def name_connect(call: Call) -> None:
    call.connect([[devices.phone("+1")]], timeout=20)  # wrong


def name_connect_phone(call: Call) -> None:
    call.connect_phone("+1", from_="+2")  # wrong


def name_transfer(call: Call) -> None:
    call.transfer(destination="context:a")  # wrong


def name_refer(call: Call) -> None:
    call.refer(devices.sip("sip:a@b"), to="sip:c@d")  # wrong


def name_send_digits(call: Call) -> None:
    call.send_digits("1", duration=100)  # wrong


def name_bind_digit(call: Call) -> None:
    call.bind_digit("1", "calling.end", params={})  # wrong


def name_send_fax(call: Call) -> None:
    call.send_fax(url="https://example.com/a.pdf")  # wrong


def name_tap(call: Call) -> None:
    call.tap(taps={}, device={})  # wrong


def name_tap_audio(call: Call) -> None:
    call.tap_audio(directions="both", device={})  # wrong


def name_stream(call: Call) -> None:
    call.stream("wss://example.com/a", tracks="both")  # wrong


def name_pay(call: Call) -> None:
    call.pay("https://example.com/pay", amount="1.00")  # wrong


def name_join_conference(call: Call) -> None:
    call.join_conference("a", mute=True)  # wrong


def name_join_room(call: Call) -> None:
    call.join_room("a", muted=True)  # wrong


def name_ai(call: Call) -> None:
    call.ai(params={})  # wrong


def name_queue_enter(call: Call) -> None:
    call.queue_enter(name="a")  # wrong


def name_echo(call: Call) -> None:
    call.echo(seconds=1)  # wrong


def name_transcribe(call: Call) -> None:
    call.transcribe(language="en-US")  # wrong


def name_live_translate(call: Call) -> None:
    call.live_translate("stop", lang="en")  # wrong


def name_user_event(call: Call) -> None:
    call.user_event(name="a")  # wrong


def name_capture(call: Call) -> None:
    call.capture("a.wav", channels=2)  # wrong


def name_wait(call: Call) -> None:
    call.play_tts("a").wait(seconds=1)  # wrong


def name_pause(call: Call) -> None:
    call.play_tts("a").pause(behavior="skip")  # wrong


def name_wait_for(call: Call) -> None:
    call.wait_for("calling.call.play", filter=None)  # wrong


def name_client(call: Call) -> None:
    RelayClient(project="p", token="t", space="example.com")  # wrong


def name_phone(call: Call) -> None:
    devices.phone(to="+1")  # wrong


def name_sip(call: Call) -> None:
    devices.sip("sip:a@b", caller="sip:c@d")  # wrong


def name_waiting(call: Call) -> None:
    swsync.wait([], seconds=1)  # wrong


def name_swaig(call: Call) -> None:
    FunctionResult("a").tap(url="wss://example.com/a")  # wrong


def name_packetize(call: Call) -> None:
    media.packetize(b"", packet_time=20)  # wrong


def type_dial(client: RelayClient) -> None:
    client.dial("+12025550100")  # wrong
    client.dial([["+12025550100"]])  # wrong
    client.dial([[devices.tts("Hello")]])  # wrong
    client.dial_phone(12025550100)  # wrong
    client.dial_phone("+12025550100", from_number=12025550199)  # wrong
    client.dial_phone("+12025550100", timeout="30")  # wrong
    client.dial_phone("+12025550100", from_="+12025550199")  # wrong
    client.dial_sip("sip:a@b", headers=["X-A: 1"])  # wrong
    client.send_message(to_number="+1", from_number="+2", body=b"bytes")  # wrong
    client.close(calls="drop")  # wrong
    client.receive("default")  # wrong


def type_call(call: Call) -> None:
    call.play("Hello")  # wrong
    call.play([devices.phone("+1")])  # wrong
    call.play_tts("Hello", volume="loud")  # wrong
    call.play_silence("1")  # wrong
    call.prompt_tts("Hello", collect="1")  # wrong
    call.collect(digits=4)  # wrong
    call.connect([devices.phone("+1")])  # wrong
    call.connect([[devices.tts("Hello")]])  # wrong
    call.send_digits(12)  # wrong
    call.record_audio(format=1)  # wrong
    call.stream("wss://example.com/a", custom_parameters="a=b")  # wrong
    call.wait_for_ended(timeout="5")  # wrong
    call.tap(tap="both", device={})  # wrong
    call.tap_audio(direction="both", device="wss://example.com/a")  # wrong
    call.stream({"url": "wss://example.com/a"})  # wrong
    call.stream(media.TapReceiver())  # wrong
    call.on("calling.call.play", "handler")  # wrong


def type_result(call: Call) -> None:
    play = call.play_tts("Hello")
    print(play.digits)  # wrong
    call.send_digits("1").stop()  # wrong
    call.tap_audio(direction="both", device={}).pause()  # wrong
    number: int = play.wait()  # wrong
    print(number)
    call.play_tts("Hello", on_completed=lambda: None)  # wrong
