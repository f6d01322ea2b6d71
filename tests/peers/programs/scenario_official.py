"""The scenario that the tests compare, with the official Python SDK."""

import asyncio
import json
import os

from signalwire.relay import RelayClient

ANN, FROM = os.environ["NUMBERS"].split()


async def main():
    async with RelayClient() as client:
        device = {"type": "phone", "params": {"from_number": FROM, "to_number": ANN, "timeout": 20}}
        call = await client.dial([[device]])
        started = asyncio.Event()
        call.on("calling.call.tap", lambda event: started.set())
        tap = await call.tap(
            tap={"type": "audio", "params": {"direction": "both"}}, device=json.loads(os.environ["TAP_DEVICE"])
        )
        await asyncio.wait_for(started.wait(), 10)
        await (await call.play_audio(os.environ["AUDIO_URL"])).wait(timeout=20)
        await tap.stop()
        await tap.wait(timeout=10)
        audio = {"format": "wav", "direction": "both", "initial_timeout": 0, "end_silence_timeout": 0}
        recording = await call.record(audio=audio)
        await (await call.play_silence(0.5)).wait(timeout=10)
        await recording.stop()
        await recording.wait(timeout=10)
        asked = await call.prompt_tts("Which number?", {"digits": {"max": 5, "terminators": "#"}})
        event = await asked.wait(timeout=20)
        print(json.dumps(["digits", event.params["result"]["params"]["digits"]]), flush=True)
        sent = asyncio.Event()
        call.on("calling.call.send_digits", lambda event: sent.set())
        await call.send_digits("12#")
        await asyncio.wait_for(sent.wait(), 10)
        await call.hangup()
        await call.wait_for_ended(timeout=10)
    print(json.dumps(["over"]), flush=True)


asyncio.run(main())
