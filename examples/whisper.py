"""Whisper: while caller and agent talk, the agent alone is told something."""

import os

import swsync

AGENT = os.environ.get("AGENT", "+12025550100")
FROM = os.environ.get("FROM", "+12025550199")

client = swsync.RelayClient(contexts=["default"])


@client.on_call
def handle_call(call):
    call.answer()
    bridge = call.connect_phone(to=AGENT, from_number=FROM, timeout=20)
    try:
        agent = bridge.wait_connected(timeout=30)
    except swsync.ConnectFailed as failure:
        print("no agent:", failure.reason, flush=True)
        call.hangup()
        return
    # What is played on a call is heard by its own party only: the caller does not hear this.
    agent.play_tts("The contract of this customer ends in May.").wait()
    print("whispered", flush=True)
    bridge.wait_disconnected()
    call.hangup()
    print("over", flush=True)


client.run()
