"""Warm transfer: the caller hears a ringing tone while an agent is told who waits; then the two are joined."""

import os

import swsync
from swsync import devices

AGENT = os.environ.get("AGENT", "+12025550100")
FROM = os.environ.get("FROM", "+12025550199")

client = swsync.RelayClient(contexts=["default"])


@client.on_call
def handle_call(call):
    call.answer()
    call.play_tts("One moment please.").wait()
    ringing = call.play_ringtone("us", duration=60)
    try:
        agent = client.dial_phone(to=AGENT, from_number=FROM, timeout=20)
    except swsync.DialFailed as failure:
        print("no agent:", failure.reason, flush=True)
        ringing.stop()
        call.play_tts("Nobody is free. Please call again later.").wait()
        call.hangup()
        return
    with agent:  # whatever happens from here on, the agent's call is ended
        agent.play_tts("A caller is waiting for you.").wait()
        ringing.stop()
        bridge = call.connect([[devices.call(agent.call_id, agent.node_id)]])
        bridge.wait_connected(timeout=10)
        print("joined", flush=True)
        try:
            bridge.wait_disconnected()
            call.hangup()
        except swsync.CallEnded:
            pass
    print("over", flush=True)


client.run()
