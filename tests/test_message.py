"""Text messages: their life, their listeners, and waits that end."""

from __future__ import annotations

import pytest
from fake_session import FakeSession

from swsync.errors import CallEnded
from swsync.events import parse_event
from swsync.message import Message


def tell(message, state, **params):
    """Deliver a state of a message, as the I/O thread does."""
    inner = {"message_id": message.message_id, "message_state": state, **params}
    message._receive(parse_event({"event_type": "messaging.state", "timestamp": 1.0, "params": inner}))


@pytest.fixture
def message():
    """A message on its way."""
    return Message(FakeSession(), message_id="M", direction="outbound", to_number="+1", body="hi", state="queued")


@pytest.mark.parametrize("state", ["delivered", "undelivered", "failed"])
def test_a_message_ends(message, state):
    """In one of three states, with a reason if it failed."""
    done, heard = [], []
    message._on_completed = done.append
    message.on(heard.append)

    tell(message, "sent")
    assert ("sent", False, None) == (message.state, message.is_done, message.result)
    tell(message, state, reason="spam", segments=2)

    event = message.wait(0)
    assert (state, "spam", 2) == (message.state, message.reason, message.segments)
    assert [event] == done
    assert ["sent", state] == [each.message_state for each in heard]
    assert "M" == message.session.callbacks.ran[0][0]


def test_a_message_that_ended_does_not_move_any_more(message):
    """A late event changes nothing."""
    tell(message, "delivered")
    tell(message, "sent")

    assert "delivered" == message.state


def test_a_listener_can_be_taken_away(message):
    """on() gives the way."""
    heard = []
    remove = message.on(heard.append)

    remove()
    remove()
    tell(message, "sent")

    assert [] == heard


def test_a_wait_times_out_and_fails_with_the_session(message):
    """No wait hangs."""
    with pytest.raises(TimeoutError):
        message.wait(0.01)

    message._abandon(lambda: CallEnded("session_lost"))

    with pytest.raises(CallEnded, match="session_lost"):
        message.wait(0)


def test_a_received_message_is_complete():
    """It comes with all it will ever have."""
    params = {
        "message_id": "M", "context": "office", "direction": "inbound", "from_number": "+1", "to_number": "+2",
        "body": "hi", "media": ["https://e.com/p"], "segments": 1, "message_state": "received", "tags": ["a"],
    }  # fmt: skip
    event = parse_event({"event_type": "messaging.receive", "params": params})

    message = Message.from_event(FakeSession(), event)

    assert event is message.wait(0)
    for name, value in params.items():
        assert value == getattr(message, {"message_state": "state"}.get(name, name))
