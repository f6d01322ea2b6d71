"""The inbound tap program of the official SDK's users, as they would write it: answer, tap, speak, stop, hang up."""

import os

from signalwire.relay import RelayClient

client = RelayClient(
    project=os.environ["SIGNALWIRE_PROJECT_ID"],
    token=os.environ["SIGNALWIRE_API_TOKEN"],
    host=os.environ["SIGNALWIRE_SPACE"],
    contexts=["default"],
)


@client.on_call
async def handle_call(call):
    await call.answer()
    action = await call.tap(
        tap={"type": "audio", "params": {"direction": "both"}},
        device={"type": "ws", "params": {"uri": os.environ["TAP_URI"]}},
        on_completed=lambda event: print("completed", event.params["state"], flush=True),
    )
    print("tapping", action.control_id, flush=True)
    playing = await call.play([{"type": "tts", "params": {"text": "This call is monitored. Goodbye."}}])
    await playing.wait(timeout=60)
    await action.stop()
    event = await action.wait(timeout=60)
    print("stopped", event.params["state"], flush=True)
    await call.hangup()
    await call.wait_for_ended(timeout=60)
    print("ended", call.state, flush=True)


client.run()
