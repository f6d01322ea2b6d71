"""Dial, and say back whatever the party says, half a second later, until it presses # or has talked for a minute."""

import collections
import os

import swsync
from swsync import media

TO = os.environ.get("TO", "+12025550100")
FROM = os.environ.get("FROM", "+12025550199")
SECONDS = float(os.environ.get("SECONDS", "60"))
DELAY = 25  # frames of 20 ms

with swsync.RelayClient() as client, media.TwoWayStream(clock=client.clock) as stream:
    call = client.dial_phone(to=TO, from_number=FROM, timeout=30)
    connection = call.connect_stream(stream, realtime=True)
    connection.wait_started(timeout=10)
    echoed = 0
    waiting: collections.deque[media.Frame] = collections.deque()
    for frame in stream.frames(timeout=10):
        waiting.append(frame)
        if len(waiting) > DELAY:
            samples = waiting.popleft().samples
            stream.send(samples)
            echoed += len(samples)
        if echoed >= SECONDS * stream.rate or any(key.digit == "#" for key in stream.keys):
            break
    stream.mark("all said").wait(timeout=10)
    print(f"echoed {echoed / stream.rate:.1f} s")
    call.hangup()
