"""A service with the official SDK that asks for digits until it gets none, over links that come and go."""

import json

from signalwire.relay import RelayClient
from signalwire.relay.client import RelayError

client = RelayClient(contexts=["default"])
calls = []


def tell(*words):
    print(json.dumps(words), flush=True)


@client.on_call
async def handle_call(call):
    calls.append(call)
    await call.answer()
    if len(calls) > 1:
        try:
            await calls[0].play_tts("Are you still there?")
        except RelayError as error:
            tell("refused", error.code)
    for number in range(3):
        asked = await call.collect(digits={"max": 5, "terminators": "#"}, initial_timeout=300.0)
        tell("asked", number)
        event = await asked.wait(timeout=60)
        digits = event.params["result"]["params"]["digits"]
        tell("digits", digits)
        if digits == "0":
            break
    await call.hangup()
    event = await call.wait_for_ended(timeout=60)
    tell("ended", event.params["end_reason"])


client.run()
