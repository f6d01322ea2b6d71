"""Callbacks of a media stream: in order, and whatever they raise."""

from __future__ import annotations

import threading

import pytest

from swsync.clock import RealClock
from swsync.media.streamevents import CallbackQueue


@pytest.mark.parametrize("error", [ValueError("mine"), SystemExit(3), KeyboardInterrupt()], ids=repr)
def test_whatever_one_raises_the_next_one_runs(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    """The log says what it was."""
    callbacks, ran = CallbackQueue(RealClock()), threading.Event()

    def fail(argument: object) -> None:
        raise error

    assert callbacks.submit(fail, None)
    assert callbacks.submit(lambda argument: ran.set(), None)
    assert ran.wait(60)
    assert type(error).__name__ in caplog.text
