"""Many calls from greenlets of one thread: gevent patches first, then swsync is imported and used as ever."""

# ruff: noqa: E402 -- gevent wants to patch before anything else is imported
from gevent import monkey

monkey.patch_all()

import os
import sys

import gevent
from gevent.pool import Pool

import swsync

NUMBERS = os.environ.get("NUMBERS", "+12025550100").split(",")


def remind(client, number):
    """Call one person, and keep what both sides say."""
    call = client.dial_phone(to=number, from_number="+12025550199", timeout=30)
    with call, call.capture(f"{number[1:]}.wav") as capture:
        call.play_tts("Hello, this is a reminder. Goodbye.").wait(timeout=60)
    return capture.duration


def main():
    failed = 0
    with swsync.RelayClient() as client:  # its threads are greenlets too; the audio's is a real one
        pool = Pool(50)  # calls at once
        jobs = [(number, pool.spawn(remind, client, number)) for number in NUMBERS]
        for number, job in jobs:
            try:
                print(f"{number}: {job.get():.1f} s", flush=True)
            except swsync.RelayError as error:
                failed += 1
                print(f"{number}: {error}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(gevent.spawn(main).get())
