"""What a user writes with the official SDK, one function a fault. ``faults_ours.py`` is the same with swsync.

The settings come from the environment. Each step is reported as a line of JSON before and after it blocks.
"""

import asyncio
import sys
import threading
import time

from reporting import report, reported
from signalwire.relay import RelayClient

DEVICES = [[{"type": "phone", "params": {"to_number": "+12025550100", "from_number": "+12025550199", "timeout": 30}}]]
TTS = {"type": "tts", "params": {"text": "This is a reminder."}}


async def attempt(step, function, *args, **kwargs):
    with reported(step) as outcome:
        result = await function(*args, **kwargs)
        outcome["result"] = str(getattr(result, "params", {}).get("state", "") or "")
        return result


def attempt_plainly(step, function):
    with reported(step) as outcome:
        function()
        outcome["result"] = ""


async def a1():
    """The call ends in play, and no finished event comes."""
    async with RelayClient() as client:
        call = await client.dial(DEVICES)
        action = await call.play([TTS])
        await attempt("play.wait()", action.wait)


async def a2():
    """The socket drops under `with`, in a play."""
    async with RelayClient() as client:
        call = await client.dial(DEVICES)
        action = await call.play([TTS])
        await attempt("play.wait()", action.wait)
        await attempt("hangup()", call.hangup)


def a2_run():
    """The same in the handler of an inbound call."""
    client = RelayClient(contexts=["office"])

    @client.on_call
    async def handle(call):
        await call.answer()
        action = await call.play([TTS])
        await attempt("play.wait()", action.wait)
        await attempt("hangup()", call.hangup)
        await client.disconnect()

    client.run()


async def a3():
    """The socket drops in mid-dial; the phone is answered all the same."""
    async with RelayClient() as client:
        call = await attempt("dial()", client.dial, DEVICES, dial_timeout=10)
        if call:
            await attempt("hangup()", call.hangup)


def a3_run():
    """The same in the handler of an inbound call."""
    client = RelayClient(contexts=["office"])

    @client.on_call
    async def handle(call):
        await call.answer()
        other = await attempt("dial()", client.dial, DEVICES, dial_timeout=10)
        if other:
            await attempt("hangup()", other.hangup)
        await call.hangup()
        await asyncio.sleep(3)
        await client.disconnect()

    client.run()


async def a4():
    """The dial times out and is answered later: once a leg that rang, once one that nothing was heard of."""
    async with RelayClient() as client:
        for _ in range(2):
            call = await attempt("dial()", client.dial, DEVICES, dial_timeout=2)
            if call:
                await attempt("hangup()", call.hangup)
        await asyncio.sleep(4)


async def remind():
    async with RelayClient() as client:
        call = await client.dial(DEVICES)
        await call.hangup()


def a5():
    """A function of an application is called in a notebook's cell, whose thread runs an event loop."""

    def function():
        coroutine = remind()
        try:
            asyncio.run(coroutine)
        finally:
            coroutine.close()

    async def cell():
        attempt_plainly("the function in the cell", function)
        await attempt("the same as a coroutine that the cell awaits", remind)

    asyncio.run(cell())


def a6():
    """A worker thread serves inbound calls."""
    client = RelayClient(contexts=["office"])

    @client.on_call
    async def handle(call):
        await attempt("answer()", call.answer)
        await call.hangup()
        await client.disconnect()

    thread = threading.Thread(target=attempt_plainly, args=("run()", client.run))
    thread.start()
    thread.join()


async def a7():
    """The inbound call is delivered three times: twice in the same frame, once more in a new one."""
    client = RelayClient(contexts=["office"])

    @client.on_call
    async def handle(call):
        report(handler="begins")
        await call.answer()
        action = await call.play([TTS])
        await action.wait()
        await call.hangup()
        report(handler="ends")

    async with client:
        await asyncio.sleep(5)


async def a8():
    """Two clients in one process."""
    async with RelayClient() as one:
        await attempt("the second client", remind)
        call = await attempt("the first client's dial()", one.dial, DEVICES)
        await call.hangup()


async def a9():
    """A listener of one call sleeps 3 s, while another call's play finishes and the server pings."""
    async with RelayClient() as client:
        slow, quick = await client.dial(DEVICES), await client.dial(DEVICES)
        slow.on("calling.call.play", lambda event: time.sleep(3))
        action = await quick.play([TTS])
        await slow.play([TTS])
        await attempt("the other call's play.wait()", action.wait)
        await quick.hangup()
        await slow.hangup()


async def a10():
    """The first client's credentials are refused; a second one is made."""

    async def wrong():
        async with RelayClient(token="wrong"):
            pass

    await attempt("the first client", wrong)
    await attempt("the second client", remind)


program = globals()[sys.argv[1]]
if asyncio.iscoroutinefunction(program):
    asyncio.run(program())
else:
    program()
