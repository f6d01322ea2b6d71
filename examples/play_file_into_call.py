"""Dial, play a WAV file into the call from this machine, and hang up when the party has heard it."""

import os
import sys
import wave
from array import array

import swsync
from swsync import media

FILE = os.environ.get("FILE", "message.wav")
TO = os.environ.get("TO", "+12025550100")
FROM = os.environ.get("FROM", "+12025550199")

with wave.open(FILE) as file:
    if (file.getnchannels(), file.getsampwidth(), file.getframerate()) != (1, 2, 8000):
        raise SystemExit(f"{FILE} must be one channel, 16 bits, 8000 Hz: sox in.wav -r 8000 -c 1 -b 16 out.wav")
    samples = array("h", file.readframes(file.getnframes()))
    if sys.byteorder == "big":
        samples.byteswap()  # a WAV is little-endian

with swsync.RelayClient() as client, media.TwoWayStream(clock=client.clock) as stream:
    call = client.dial_phone(to=TO, from_number=FROM, timeout=30)
    connection = call.connect_stream(stream, codec="PCMU")
    connection.wait_started(timeout=10)
    stream.wait_started(timeout=10)
    stream.send(samples)
    print(f"{stream.buffered:.1f} s are on their way")
    stream.mark("end").wait(timeout=30 + stream.buffered)
    print("the party has heard it")
    call.hangup()
