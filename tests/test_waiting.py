"""Waiting for many actions in one thread."""

from __future__ import annotations

import threading

import pytest
from fake_session import FakeSession, make_call, tell, tell_state

from swsync.clock import VirtualClock
from swsync.waiting import FIRST_COMPLETED, FIRST_EXCEPTION, as_completed, wait

LONG = 60.0


def finish(action, state="finished"):
    """The service says that a play is over."""
    tell(action.call, "calling.call.play", control_id=action.id, state=state)


@pytest.fixture
def plays():
    """Three plays on three calls, each with a condition of its own."""
    return [make_call().play_tts(str(number)) for number in range(3)]


def test_all_of_them(plays):
    """Without a timeout it returns when all are done; done is done and the rest empty."""
    threads = [threading.Thread(target=finish, args=(play,)) for play in plays]
    for thread in threads:
        thread.start()

    done, not_done = wait(plays, timeout=LONG)

    assert (set(plays), set()) == (done, not_done)
    for thread in threads:
        thread.join(LONG)


def test_the_first_of_them(plays):
    """FIRST_COMPLETED returns with what there is."""
    finish(plays[1])

    done, not_done = wait(plays, timeout=LONG, return_when=FIRST_COMPLETED)

    assert ({plays[1]}, {plays[0], plays[2]}) == (done, not_done)


def test_the_first_that_fails(plays):
    """FIRST_EXCEPTION passes over a good end."""
    finish(plays[0])
    assert 1 == len(wait(plays, timeout=0.01, return_when=FIRST_EXCEPTION)[0])
    tell_state(plays[2].call, "ended")
    plays[2].call.session.run_timers()

    done, not_done = wait(plays, timeout=LONG, return_when=FIRST_EXCEPTION)

    assert ({plays[0], plays[2]}, {plays[1]}) == (done, not_done)


def test_a_timeout_raises_nothing(plays):
    """It returns what is done; the others go on, and nothing of the wait is left on them."""
    finish(plays[0])

    done, not_done = wait(plays, timeout=0.01)

    assert ({plays[0]}, set(plays[1:])) == (done, not_done)
    assert () == plays[1]._watchers


def test_nothing_to_wait_for():
    """An empty list is done."""
    assert (set(), set()) == wait([])
    assert [] == list(as_completed([]))


def test_a_word_that_is_none():
    """return_when is one of three."""
    with pytest.raises(ValueError, match="return_when"):
        wait([], return_when="SOON")


def test_in_the_order_of_their_ends(plays):
    """as_completed gives each as it ends, also one named twice only once."""
    for index in (2, 0, 1):
        finish(plays[index])
    assert plays == list(as_completed([plays[0], plays[1], plays[2], plays[0]], timeout=LONG))

    others = [make_call().play_tts(str(number)) for number in range(3)]
    given = as_completed(others, timeout=LONG)
    finish(others[2])
    assert others[2] is next(given)
    finish(others[0])
    finish(others[1])
    assert [others[0], others[1]] == list(given)


def test_as_completed_has_one_deadline(plays):
    """TimeoutError says how many are left, and nothing of it stays on them."""
    finish(plays[0])
    given = as_completed(plays, timeout=0.01)

    assert plays[0] is next(given)
    with pytest.raises(TimeoutError, match="2 of 3"):
        next(given)
    assert [(), (), ()] == [play._watchers for play in plays]


def test_in_virtual_time():
    """An hour's wait is over at once."""
    clock = VirtualClock()
    play = make_call(FakeSession(clock)).play_tts("hi")

    with clock.thread():
        assert (set(), {play}) == wait([play], timeout=3600)
