"""A call as a Celery task: one client a worker process, nobody rung twice, and no call that outlives its worker.

Try it on this machine, with `redis-server` and `swsync relay` in other terminals and the SIGNALWIRE_ variables that the
latter prints:

    pip install 'swsync[celery]'
    cd examples
    export CALLER_ID=+12025550199 ALLOWED_DESTINATIONS=+1202
    celery -A celery_calls worker --pool prefork --concurrency 4 --soft-time-limit 600
    celery -A celery_calls worker --pool threads --concurrency 50

Either does. The soft time limit ends the call; a hard one (--time-limit) would kill the process and leave the call to
its max_duration. Threads know no limit, and a shutdown of theirs, warm or cold, waits for their calls. Then, in one
more terminal with the same variables, give it work and wait for what comes of it:

    python celery_calls.py ann-monday +12025550110

A list of many, with pacing and calling hours, is what swsync.batch is for.
"""

import os
import signal
import sys
import threading

import redis
from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded
from celery.signals import worker_process_init, worker_process_shutdown

import swsync

CALLER_ID = os.environ["CALLER_ID"]
ALLOWED = os.environ["ALLOWED_DESTINATIONS"].split(",")
REDIS = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")

app = Celery("celery_calls", broker=REDIS, backend=REDIS)
app.conf.update(
    task_acks_late=False,  # a task is taken before it runs: one whose worker was killed is lost, not rung again
    worker_prefetch_multiplier=1,
    result_expires=3600,
    broker_connection_retry_on_startup=True,
)

_lock = threading.Lock()
_client = None  # guarded by _lock


def client():
    """Make the client with the first task: in the worker process, after the fork. The threads of one share it."""
    global _client
    with _lock:
        if _client is None or _client.closed:
            _client = swsync.RelayClient(allowed_destinations=ALLOWED)
        known = _client
    return known.connect()


@worker_process_init.connect
def end_by_exception(**_):
    """A prefork process that is told to go leaves by its ``with`` blocks, so that its call is ended."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


@worker_process_shutdown.connect
def close(**_):
    """Prefork's processes end without Python's atexit."""
    with _lock:
        known = _client
    if known is not None:
        known.close()


def claim(key):
    """Whether this one is ours to ring: false if it was rung before, by whomever. Kept for a week."""
    return redis.Redis.from_url(REDIS).set(f"rung:{key}", 1, nx=True, ex=7 * 86400)


@app.task(bind=True, max_retries=3)
def remind(self, key, number, name):
    """Ring once for each key; what came of it."""
    try:
        relay = client()
    except swsync.ConnectionFailed as error:  # nothing was rung: later is as good
        raise self.retry(exc=error, countdown=30) from None
    if not claim(key):
        return "rung before"
    try:
        with relay.dial_phone(to=number, from_number=CALLER_ID, timeout=30, max_duration=300) as call:
            call.play_tts(f"Hello {name}, this is a reminder.").wait(timeout=120)
    except swsync.DialFailed as error:
        return error.reason
    except (swsync.OutcomeUnknown, swsync.ConnectionClosed):  # it may have rung: somebody has to look
        return "unknown"
    except (swsync.SwsyncError, TimeoutError, SoftTimeLimitExceeded) as error:
        return f"cut short: {type(error).__name__}"
    return "reached"


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: celery_calls.py KEY NUMBER")
    key, number = sys.argv[1:]
    # argsrepr is what Celery's logs and monitors show: no number among it.
    print(remind.apply_async((key, number, "Ann"), argsrepr=repr((key,))).get(timeout=700))
