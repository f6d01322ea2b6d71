"""Reminders through Celery: the queue carries ids of rows, the ledger sees to it that nobody is rung twice.

With a Redis, credentials in SIGNALWIRE_*, and ``pip install 'swsync[batch,celery]'``, in this directory:

    swsync batch load calls.db reminders numbers.csv --set from_number=+12025550199 --set prefixes=+1202
    celery -A celery_batch worker --concurrency 4
    python celery_batch.py                      # names what is due to the workers; as often as you like
"""

import os

from celery import Celery
from celery.signals import worker_process_init, worker_process_shutdown

from swsync.batch import Batch, announce, workers

app = Celery("celery_batch", broker="redis://localhost")
app.conf.update(
    task_acks_late=False,  # acknowledged before it dials: the row of a worker that dies is not given out again
    task_reject_on_worker_lost=False,
    worker_prefetch_multiplier=1,  # rows wait in the queue and not in one worker
    task_ignore_result=True,  # results are in the ledger
)


def reminders() -> Batch:
    return Batch("reminders", os.environ.get("CALLS_LEDGER", "calls.db"), announce("Hello {name}, see you tomorrow."))


@worker_process_init.connect  # after the fork: each process has a client of its own, made with its first row
def begin(**_: object) -> None:
    with reminders() as batch:
        workers.use(batch.worker())


@worker_process_shutdown.connect
def end(**_: object) -> None:
    workers.leave()


@app.task(max_retries=0)
def dial(row: int) -> str:
    return workers.dial(row)


if __name__ == "__main__":
    with reminders() as batch:
        for row in batch.due():
            dial.delay(row)
