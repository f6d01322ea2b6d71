"""What a user writes with swsync, one function a fault. ``faults_official.py`` is the same with the official SDK.

The settings come from the environment. Each step is reported as a line of JSON before and after it blocks.
"""

import asyncio
import sys
import threading
import time

from reporting import report, reported

from swsync import RelayClient

DEVICES = [[{"type": "phone", "params": {"to_number": "+12025550100", "from_number": "+12025550199", "timeout": 30}}]]
TTS = {"type": "tts", "params": {"text": "This is a reminder."}}


def attempt(step, function, *args, **kwargs):
    with reported(step) as outcome:
        result = function(*args, **kwargs)
        outcome["result"] = str(getattr(result, "state", "") or "")
        return result


def a1():
    """The call ends in play, and no finished event comes."""
    with RelayClient() as client:
        call = client.dial(DEVICES)
        action = call.play([TTS])
        attempt("play.wait()", action.wait)


def a2():
    """The socket drops under `with`, in a play."""
    with RelayClient() as client:
        call = client.dial(DEVICES)
        action = call.play([TTS])
        attempt("play.wait()", action.wait)
        attempt("hangup()", call.hangup)


def a2_run():
    """The same in the handler of an inbound call."""
    client = RelayClient(contexts=["office"])

    @client.on_call
    def handle(call):
        call.answer()
        action = call.play([TTS])
        attempt("play.wait()", action.wait)
        attempt("hangup()", call.hangup)
        client.close()

    client.run()


def a3():
    """The socket drops in mid-dial; the phone is answered all the same."""
    with RelayClient() as client:
        call = attempt("dial()", client.dial, DEVICES, dial_timeout=10)
        if call:
            attempt("hangup()", call.hangup)


def a3_run():
    """The same in the handler of an inbound call."""
    client = RelayClient(contexts=["office"])

    @client.on_call
    def handle(call):
        call.answer()
        other = attempt("dial()", client.dial, DEVICES, dial_timeout=10)
        if other:
            attempt("hangup()", other.hangup)
        call.hangup()
        time.sleep(3)
        client.close()

    client.run()


def a4():
    """The dial times out and is answered later: once a leg that rang, once one that nothing was heard of."""
    with RelayClient() as client:
        for _ in range(2):
            call = attempt("dial()", client.dial, DEVICES, dial_timeout=2)
            if call:
                attempt("hangup()", call.hangup)
        time.sleep(4)


def remind():
    with RelayClient() as client:
        call = client.dial(DEVICES)
        call.hangup()


def a5():
    """A function of an application is called in a notebook's cell, whose thread runs an event loop."""

    async def cell():
        attempt("the function in the cell", remind)

    asyncio.run(cell())


def a6():
    """A worker thread serves inbound calls."""
    client = RelayClient(contexts=["office"])

    @client.on_call
    def handle(call):
        attempt("answer()", call.answer)
        call.hangup()
        client.close()

    thread = threading.Thread(target=attempt, args=("run()", client.run))
    thread.start()
    thread.join()


def a7():
    """The inbound call is delivered three times: twice in the same frame, once more in a new one."""
    client = RelayClient(contexts=["office"])

    @client.on_call
    def handle(call):
        report(handler="begins")
        call.answer()
        call.play([TTS]).wait()
        call.hangup()
        report(handler="ends")

    with client:
        time.sleep(5)


def a8():
    """Two clients in one process."""
    with RelayClient() as one:
        attempt("the second client", remind)
        call = attempt("the first client's dial()", one.dial, DEVICES)
        call.hangup()


def a9():
    """A listener of one call sleeps 3 s, while another call's play finishes and the server pings."""
    with RelayClient() as client:
        slow, quick = client.dial(DEVICES), client.dial(DEVICES)
        slow.on("calling.call.play", lambda event: time.sleep(3))
        action = quick.play([TTS])
        slow.play([TTS])
        attempt("the other call's play.wait()", action.wait)
        quick.hangup()
        slow.hangup()


def a10():
    """The first client's credentials are refused; a second one is made."""

    def wrong():
        with RelayClient(token="wrong"):
            pass

    attempt("the first client", wrong)
    attempt("the second client", remind)


globals()[sys.argv[1]]()
