"""An answering service with the official SDK: prompt, play, record until a key, hang up; and messages."""

import json
import os

from signalwire.relay import RelayClient

client = RelayClient(contexts=["default"])


def tell(*words):
    print(json.dumps(words), flush=True)


@client.on_message
async def handle_message(message):
    tell("message", message.from_number, message.body)


@client.on_call
async def handle_call(call):
    await call.answer()
    asked = await call.prompt_tts("Press one to leave a message.", {"digits": {"max": 1}})
    event = await asked.wait(timeout=60)
    tell("digits", event.params["result"]["params"]["digits"])
    recording = await call.record(
        audio={"format": "wav", "terminators": "#", "initial_timeout": 0, "end_silence_timeout": 0}
    )
    playing = await call.play_audio(os.environ["AUDIO_URL"])
    event = await playing.wait(timeout=60)
    tell("played", event.params["state"])
    event = await recording.wait(timeout=60)
    tell("recorded", event.params["state"], event.params["url"], event.params["duration"])
    await call.hangup()
    event = await call.wait_for_ended(timeout=60)
    tell("ended", event.params["end_reason"])


client.run()
