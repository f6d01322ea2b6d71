"""Call queue: callers wait in line, and an agent is rung for one after the other."""

import os
import queue
import threading

import swsync
from swsync import devices

AGENT = os.environ.get("AGENT", "+12025550100")
FROM = os.environ.get("FROM", "+12025550199")
AGAIN = float(os.environ.get("AGAIN", "5"))  # seconds until the agent is rung again

client = swsync.RelayClient(contexts=["default"])
waiting = queue.Queue()
over = threading.Event()


@client.on_call
def handle_call(call):
    call.answer()
    call.play_tts("You are in line.").wait()
    call.queue_enter("support")
    waiting.put(call)


def serve():
    """Ring the agent, and join them to whoever has waited longest."""
    try:
        agent = client.dial_phone(to=AGENT, from_number=FROM, timeout=20)
    except swsync.DialFailed as failure:
        print("no agent:", failure.reason, flush=True)
        return
    with agent:
        bridge = agent.connect([[devices.queue("support", agent.node_id)]])
        print("serving", bridge.wait_connected(timeout=10).from_, flush=True)
        bridge.wait_disconnected()


def agents():
    """Serve for as long as each caller's call lasts: an agent may hang up before, or be joined to another caller."""
    while (caller := waiting.get()) is not None:
        while not caller.end_reason and not over.is_set():
            try:
                serve()
            except swsync.ConnectFailed:
                print("nobody is left in line", flush=True)
                break
            except swsync.CallEnded:
                pass  # the agent hung up first
            except swsync.SwsyncError as error:
                print("not served:", error, flush=True)
            over.wait(AGAIN)


thread = threading.Thread(target=agents)
thread.start()
client.run()
over.set()
waiting.put(None)
thread.join()
