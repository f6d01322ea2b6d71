"""The tapAudio style: a tap that tells its listeners when it starts and when it ends."""

import os

import swsync

TAP_URI = os.environ.get("TAP_URI", "wss://example.com/endpoint")
TO = os.environ.get("TO", "+12025550100")
FROM = os.environ.get("FROM", "+12025550199")

told = []  # listeners run on threads of the client's; a list may be appended to from any

with swsync.RelayClient() as client:
    call = client.dial_phone(to=TO, from_number=FROM, timeout=30)
    tap = call.tap_audio(
        direction="both",
        device={"type": "ws", "uri": TAP_URI},
        on_started=lambda tap: told.append(f"started: {tap.id}"),
        on_ended=lambda tap: told.append(f"ended: {tap.id}"),
    )
    tap.wait_started(5)
    print("state:", tap.state)
    call.play_tts("Hello, this is a reminder.").wait()
    tap.stop()
    tap.wait(5)
    print("state:", tap.state)
    call.hangup()

print("\n".join(told))
