"""Many calls from greenlets of one thread: gevent patches first, then swsync is imported and used as ever.

    pip install swsync gevent
    CALLER_ID=+12025550199 ALLOWED_DESTINATIONS=+1202 python gevent_calls.py +12025550110 +12025550111

leaves call-1.wav and call-2.wav, what each said on the left and what each heard on the right.
"""

# ruff: noqa: E402 -- gevent wants to patch before anything else is imported
from gevent import monkey

monkey.patch_all()

import os
import sys

from gevent.pool import Pool

import swsync

CALLER_ID = os.environ["CALLER_ID"]
ALLOWED = os.environ["ALLOWED_DESTINATIONS"].split(",")


def remind(client, number, path):
    """Call one person, and keep what both sides say; what came of it.

    It raises nothing: gevent would print the error with the greenlet's arguments, and a number is no log's business.
    """
    try:
        call = client.dial_phone(to=number, from_number=CALLER_ID, timeout=30)
        with call, call.capture(path) as capture:
            call.play_tts("Hello, this is a reminder. Goodbye.").wait(timeout=60)
    except (swsync.SwsyncError, TimeoutError) as error:
        return False, str(error)
    return True, f"{capture.duration:.1f} s"


def main(numbers):
    with swsync.RelayClient(allowed_destinations=ALLOWED) as client:  # its threads are greenlets too
        pool = Pool(50)  # calls at once
        jobs = [pool.spawn(remind, client, number, f"call-{n}.wav") for n, number in enumerate(numbers, start=1)]
        results = [job.get() for job in jobs]
    for n, (_, text) in enumerate(results, start=1):
        print(f"call {n}: {text}")
    return 0 if all(is_reached for is_reached, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
