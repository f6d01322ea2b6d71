"""Call queue: callers wait in line, and an agent is rung for one after the other."""

import os
import queue
import threading
import time

import swsync
from swsync import devices

AGENT = os.environ.get("AGENT", "+12025550100")
FROM = os.environ.get("FROM", "+12025550199")
AGAIN = float(os.environ.get("AGAIN", "5"))  # seconds until the agent is rung again

client = swsync.RelayClient(contexts=["default"])
waiting = queue.Queue()


@client.on_call
def handle_call(call):
    call.answer()
    call.play_tts("You are in line.").wait()
    call.queue_enter("support")
    waiting.put(call)


def serve(caller):
    """Ring the agent until somebody answers, and join them to whoever has waited longest."""
    while not caller.end_reason:
        try:
            agent = client.dial_phone(to=AGENT, from_number=FROM, timeout=20)
        except swsync.DialFailed as failure:
            print("no agent:", failure.reason, flush=True)
            time.sleep(AGAIN)
            continue
        with agent:
            bridge = agent.connect([[devices.queue("support", agent.node_id)]])
            try:
                print("serving", bridge.wait_connected(timeout=10).from_, flush=True)
                bridge.wait_disconnected()
            except swsync.ConnectFailed:  # everybody has hung up meanwhile
                print("nobody is left in line", flush=True)
            except swsync.CallEnded:
                pass  # the agent hung up first
        return


def agents():
    while (caller := waiting.get()) is not None:
        try:
            serve(caller)
        except swsync.SwsyncError as error:
            print("not served:", error, flush=True)


thread = threading.Thread(target=agents)
thread.start()
client.run()
waiting.put(None)
thread.join()
