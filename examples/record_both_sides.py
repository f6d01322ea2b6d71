"""Dial a number, say something, and record both sides into a stereo WAV: left what was said, right what was heard."""

import os

import swsync

TO = os.environ.get("TO", "+12025550100")
FROM = os.environ.get("FROM", "+12025550199")

with swsync.RelayClient() as client:
    call = client.dial_phone(to=TO, from_number=FROM, timeout=30)
    with call.capture("call.wav") as capture:
        call.play_tts("Hello, this is a reminder.").wait()
    call.hangup()

print(f"{capture.duration:.1f} s in call.wav")
for side, quality in capture.quality.items():
    print(f"{side}: {quality.packets} packets, {quality.packets_lost} lost")
