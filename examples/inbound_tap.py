"""Answer a call, send a copy of its audio to a WebSocket endpoint, say goodbye, stop."""

import os

import swsync

TAP_URI = os.environ.get("TAP_URI", "wss://example.com/tap")

client = swsync.RelayClient(contexts=["default"])


@client.on_call
def handle_call(call):
    call.answer()
    action = call.tap(
        tap={"type": "audio", "params": {"direction": "both"}},
        device={"type": "ws", "params": {"uri": TAP_URI}},
        on_completed=lambda event: print("tap ended:", event.params["state"], flush=True),
    )
    print("tap", action.control_id, flush=True)
    call.play(media=[{"type": "tts", "params": {"text": "This call is monitored. Goodbye."}}]).wait()
    action.stop()
    action.wait(timeout=5)
    call.hangup()


client.run()
