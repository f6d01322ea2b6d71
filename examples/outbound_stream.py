"""Dial, stream what the party says to an endpoint over a WebSocket, play a reminder, hang up."""

import os

import swsync

STREAM_URL = os.environ.get("STREAM_URL", "wss://example.com/audio-stream")
TO = os.environ.get("TO", "+12025550100")
FROM = os.environ.get("FROM", "+12025550199")

with swsync.RelayClient() as client:
    call = client.dial(devices=[[{"type": "phone", "params": {"to_number": TO, "from_number": FROM, "timeout": 30}}]])
    action = call.stream(STREAM_URL, track="inbound", codec="PCMU", custom_parameters={"session_id": "abc123"})
    call.play_tts("Hello, this is a reminder.").wait()
    action.stop()
    event = action.wait(timeout=5)
    print("stream ended:", event.params["state"])
    call.hangup()
    call.wait_for_ended(timeout=5)
    print("call ended:", call.state)
