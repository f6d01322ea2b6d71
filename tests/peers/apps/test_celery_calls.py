"""The Celery tasks under both pools, with Debian's Redis: whoever ends a worker, no call outlives it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

import kombu.pools
import pytest
from appprogram import EXAMPLES, PATIENCE, Program, eventually
from celery import Celery
from redis import Redis

import swsync

pytestmark = pytest.mark.peers

Start = Callable[..., Program]
ANN, BEN = "+12025550110", "+12025550111"
POOLS = ["prefork", "threads"]


class Workers:
    """A queue of its own in the tests' Redis, its workers, and who gives them work."""

    def __init__(self, start: Start, url: str) -> None:
        self._start = start
        self.redis = Redis.from_url(url)
        self.redis.flushdb()
        self.environment = {"REDIS_URL": url, "ALLOWED_DESTINATIONS": "+120255501", "CALLER_ID": "+12025550199"}
        self.app = Celery(broker=url, backend=url)

    def start(self, pool: str, concurrency: int = 2, *options: str, **more: str) -> Program:
        """Start a worker as the example's first lines say, and wait until it is ready."""
        program = self._start(
            sys.executable, "-m", "celery", "-A", "celery_calls", "worker", "--pool", pool,
            "--concurrency", str(concurrency), "--loglevel", "info", *options,
            directory=EXAMPLES, **self.environment, **more,
        )  # fmt: skip
        program.wait_for("celery@.* ready")
        return program

    def ask(self, key: str, number: str = ANN) -> Any:
        """Have somebody reminded, and return the task's result to come."""
        return self.app.send_task("celery_calls.remind", (key, number, "Ann"), argsrepr=repr((key,)))

    def close(self) -> None:
        self.app.backend.result_consumer.stop()
        self.app.backend.client.connection_pool.disconnect()
        self.app.close()
        kombu.pools.reset()
        self.redis.close()


@pytest.fixture
def workers(start: Start, redis_url: str) -> Iterator[Workers]:
    workers = Workers(start, redis_url)
    yield workers
    workers.close()


@pytest.mark.parametrize("pool", POOLS)
def test_celery_calls(relay: swsync.LocalRelay, workers: Workers, start: Start, pool: str) -> None:
    """Two at a time; nobody twice; what came of each is told, and no number is in the worker's log."""
    relay.callee(BEN, outcome="busy")
    worker = workers.start(pool)
    results = [workers.ask(f"monday-{n}") for n in range(4)]
    busy = workers.ask("monday-ben", BEN)
    forbidden = workers.ask("monday-premium", "+19005550110")
    assert ["reached"] * 4 == [result.get(timeout=PATIENCE) for result in results]
    assert ["busy", "cut short: ConfigurationError"] == [r.get(timeout=PATIENCE) for r in (busy, forbidden)]
    asked = start(sys.executable, EXAMPLES / "celery_calls.py", "monday-0", ANN, **workers.environment)
    assert 0 == asked.process.wait(PATIENCE), asked.output
    assert "rung before\n" == asked.output
    assert 5 == len(relay.calls)
    links = len(relay.journal.requests("signalwire.connect"))
    assert links == 1 if pool == "threads" else links in {1, 2}
    assert 0 == worker.end(signal.SIGTERM), worker.output
    assert "202555" not in worker.output
    assert "ERROR" not in worker.output


def test_many_threads_share_one_client(relay: swsync.LocalRelay, workers: Workers) -> None:
    """Twenty phones ring at once, over one link."""
    relay.callee(ANN, answers_after=60)
    worker = workers.start("threads", 20)
    for n in range(20):
        workers.ask(f"all-{n}")
    eventually(lambda: 20 == len(relay.calls), "twenty calls")
    assert 1 == len(relay.journal.requests("signalwire.connect"))
    for call in relay.calls:
        call.end("busy")
    eventually(lambda: 20 == worker.output.count("succeeded"), "all tasks over")


@pytest.mark.parametrize("pool", POOLS)
def test_a_warm_shutdown_lets_calls_finish(relay: swsync.LocalRelay, workers: Workers, pool: str) -> None:
    """SIGTERM in the middle of a reminder."""
    worker = workers.start(pool)
    result = workers.ask("warm")
    eventually(lambda: relay.calls and relay.calls[0].state == "answered", "an answer")
    assert 0 == worker.end(signal.SIGTERM), worker.output
    assert "reached" == result.get(timeout=PATIENCE)
    assert "ended" == relay.calls[0].state


def test_a_cold_shutdown_ends_calls(relay: swsync.LocalRelay, workers: Workers) -> None:
    """SIGQUIT while a phone rings: it is let go. The task is not run again, for the phone has rung."""
    relay.callee(ANN, answers_after=60)
    worker = workers.start("prefork")
    workers.ask("cold")
    eventually(lambda: relay.calls, "a call")
    worker.end(signal.SIGQUIT)
    relay.calls[0].wait_for_ended(timeout=10)
    workers.start("threads")
    assert 1 == len(relay.calls)


def test_a_time_limit_ends_the_call(relay: swsync.LocalRelay, workers: Workers) -> None:
    """Prefork's soft one."""
    relay.callee(ANN, answers_after=60)
    workers.start("prefork", 2, "--soft-time-limit", "2")
    assert "cut short: SoftTimeLimitExceeded" == workers.ask("limit").get(timeout=PATIENCE)
    relay.calls[0].wait_for_ended(timeout=10)


def test_revoking_a_task_ends_the_call(relay: swsync.LocalRelay, workers: Workers) -> None:
    """Prefork's ``revoke(terminate=True)``, which is a SIGTERM to the process that runs it; the others go on."""
    relay.callee(ANN, answers_after=60)
    workers.start("prefork")
    result = workers.ask("revoked")
    eventually(lambda: relay.calls, "a call")
    workers.app.control.revoke(result.id, terminate=True)
    relay.calls[0].wait_for_ended(timeout=20)
    assert "reached" == workers.ask("next", BEN).get(timeout=PATIENCE)


def test_without_a_link_it_is_tried_later(workers: Workers) -> None:
    """Nothing was rung, so the key is still free."""
    worker = workers.start("threads", SIGNALWIRE_SPACE="no-such-host.invalid")
    workers.ask("later")
    worker.wait_for("Retry in 30s")
    assert not workers.redis.exists("rung:later")
