"""The scenario that the tests compare, with swsync."""

import json
import os

import swsync

ANN, FROM = os.environ["NUMBERS"].split()

with swsync.RelayClient() as client:
    call = client.dial_phone(to=ANN, from_number=FROM, timeout=20)
    tap = call.tap(audio={"direction": "both"}, device=json.loads(os.environ["TAP_DEVICE"]))
    tap.wait_started(10)
    call.play_audio(os.environ["AUDIO_URL"]).wait(20)
    tap.stop()
    tap.wait(10)
    recording = call.record(
        audio={"format": "wav", "direction": "both", "initial_timeout": 0, "end_silence_timeout": 0}
    )
    call.play_silence(0.5).wait(10)
    recording.stop()
    recording.wait(10)
    event = call.prompt_tts("Which number?", {"digits": {"max": 5, "terminators": "#"}}).wait(20)
    print(json.dumps(["digits", event.params["result"]["params"]["digits"]]), flush=True)
    call.send_digits("12#").wait(10)
    call.hangup()
    call.wait_for_ended(10)
print(json.dumps(["over"]), flush=True)
