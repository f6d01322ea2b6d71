"""The official names of constants, and that they are the wire's words."""

from __future__ import annotations

import pytest

from swsync import constants, states


def test_every_constant_is_exported():
    """Names in capitals, and nothing else."""
    assert {name for name in vars(constants) if name.isupper()} == set(constants.__all__)


@pytest.mark.parametrize(
    ("prefix", "enum"),
    [
        ("CALL_STATE_", states.CallState),
        ("END_REASON_", states.EndReason),
        ("CONNECT_STATE_", states.ConnectState),
        ("MESSAGE_STATE_", states.MessageState),
        ("PLAY_STATE_", states.PlayState),
        ("RECORD_STATE_", states.RecordState),
        ("DETECT_TYPE_", states.DetectType),
        ("ROOM_STATE_", states.RoomState),
    ],
)
def test_constants_and_enums_say_the_same(prefix, enum):
    """Each member has its constant, a plain string."""
    found = {
        name.removeprefix(prefix): getattr(constants, name) for name in constants.__all__ if name.startswith(prefix)
    }

    assert {member.name: member.value for member in enum} == found
    assert {str} == {type(value) for value in found.values()}


def test_members_print_as_the_wire_has_them():
    """str() and comparison are those of the word."""
    assert "answered" == str(states.CallState.ANSWERED) == states.CallState.ANSWERED
