"""A whole call with the official SDK, by somebody who catches every error; ``seeded_ours.py`` is the same with swsync.

``with`` or ``run`` is how it connects. Each step is reported as a line of JSON before and after it blocks.
"""

import asyncio
import socket
import sys

import signalwire.relay.client as sdk
from reporting import reported
from signalwire.relay import RelayClient

sdk._EXECUTE_TIMEOUT, sdk._CHECK_PING_DELAY, sdk._CLIENT_PING_INTERVAL = 3.0, 5.0, 3.0
PHONE = {"type": "phone", "params": {"to_number": "+12025550100", "from_number": "+12025550199", "timeout": 20}}


async def attempt(step, function, *args, **kwargs):
    with reported(step):
        return await function(*args, **kwargs)


async def act(name, start, *args, stop=False, **kwargs):
    action = await attempt(f"{name}()", start, *args, **kwargs)
    if action and stop:
        await attempt(f"{name}.stop()", action.stop)
    if action:
        await attempt(f"{name}.wait()", action.wait, timeout=4)


async def place_call(client):
    call = await attempt("dial()", client.dial, [[PHONE]], dial_timeout=6)
    if not call:
        return
    await act("play", call.play, [{"type": "silence", "params": {"duration": 0.3}}])
    await act("collect", call.collect, digits={"max": 4, "terminators": "#"}, initial_timeout=3)
    await act("record", call.record, stop=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as media:
        media.bind(("127.0.0.1", 0))
        device = {"type": "rtp", "params": {"addr": "127.0.0.1", "port": media.getsockname()[1]}}
        await act("tap", call.tap, {"type": "audio", "params": {"direction": "both"}}, device, stop=True)
    await attempt("hangup()", call.hangup)
    await attempt("wait_for_ended()", call.wait_for_ended, timeout=4)


async def as_a_script():
    async with RelayClient() as client:
        await place_call(client)


def as_a_service():
    client = RelayClient(contexts=["office"])

    @client.on_call
    async def handle(call):
        await attempt("answer()", call.answer)
        await place_call(client)
        await attempt("the caller's hangup()", call.hangup)
        await asyncio.sleep(3)  # a service lives on
        await client.disconnect()

    client.run()


async def main():
    await attempt("with", as_a_script)


if sys.argv[1] == "with":
    asyncio.run(main())
else:
    as_a_service()
