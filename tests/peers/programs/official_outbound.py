"""What a dialing program does with the official SDK: one call with everything on it, then a machine and a fax."""

import asyncio
import json
import os

from signalwire.relay import RelayClient

BUSY, ANN, BOB, MACHINE, FAX = os.environ["NUMBERS"].split()


def tell(*words):
    print(json.dumps(words), flush=True)


def phone(number):
    return {"type": "phone", "params": {"from_number": "+12025550199", "to_number": number}}


async def stream_and_record(call):
    """Both at once, while a file is played; it begins when the stream does."""
    states = asyncio.Queue()
    call.on("calling.call.stream", lambda event: states.put_nowait(event.params["state"]))
    streaming = await call.stream(
        os.environ["STREAM_URL"], track="both_tracks", authorization_bearer_token="secret", custom_parameters={"a": "b"}
    )
    tell("stream", await asyncio.wait_for(states.get(), 10))
    recording = await call.record(
        audio={"format": "wav", "stereo": True, "direction": "both", "initial_timeout": 0, "end_silence_timeout": 0}
    )
    playing = await call.play_audio(os.environ["AUDIO_URL"])
    event = await playing.wait(timeout=60)
    tell("played", event.params["state"])
    await recording.stop()
    event = await recording.wait(timeout=60)
    tell("recorded", event.params["state"], event.params["url"], event.params["duration"])
    await streaming.stop()
    event = await streaming.wait(timeout=60)
    tell("streamed", event.params["state"])


async def ask(call):
    collecting = await call.collect(digits={"max": 5, "terminators": "#"})
    event = await collecting.wait(timeout=60)
    tell("digits", event.params["result"]["params"])


async def connect(call):
    """Bridge the call to somebody who hangs up."""
    states = asyncio.Queue()
    call.on("calling.call.connect", lambda event: states.put_nowait(event.params["connect_state"]))
    await call.connect([[phone(BOB)]])
    tell("connect", *[await asyncio.wait_for(states.get(), 20) for _ in range(3)])


async def main():
    async with RelayClient() as client:
        call = await client.dial([[phone(BUSY)], [phone(ANN)]], dial_timeout=20)
        tell("dialed", call.device["params"]["to_number"], call.state)
        await stream_and_record(call)
        await ask(call)
        await connect(call)
        await call.hangup()
        event = await call.wait_for_ended(timeout=60)
        tell("ended", event.params["end_reason"])

        call = await client.dial([[phone(MACHINE)]], dial_timeout=20)
        detecting = await call.detect_answering_machine()
        event = await detecting.wait(timeout=60)
        tell("detected", event.params["detect"])
        await call.hangup()

        call = await client.dial([[phone(FAX)]], dial_timeout=20)
        receiving = await call.receive_fax()
        event = await receiving.wait(timeout=60)
        tell("fax", event.params["fax"]["params"]["document"], event.params["fax"]["params"]["pages"])
        await call.hangup()

        message = await client.send_message(to_number=ANN, from_number="+12025550199", body="Hello")
        await message.wait(timeout=60)
        tell("message", message.state)


asyncio.run(main())
