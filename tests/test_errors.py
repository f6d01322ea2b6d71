"""The exceptions: who catches what, and that they cross process borders."""

from __future__ import annotations

import pickle

import pytest

from swsync import errors
from swsync.errors import (
    ActionFailed,
    AuthenticationFailed,
    CallEnded,
    CallGone,
    CodecError,
    ConfigurationError,
    ConnectFailed,
    ConnectionClosed,
    ConnectionFailed,
    ConnectionLost,
    DialFailed,
    DialUnknown,
    Fenced,
    HandlerOverload,
    LedgerError,
    MediaError,
    OutcomeUnknown,
    PacketError,
    ProtocolError,
    RelayError,
    RequestTimeout,
    SwsyncError,
)

BASES = {
    ConfigurationError: (SwsyncError, ValueError),
    ConnectionFailed: (SwsyncError,),
    AuthenticationFailed: (ConnectionFailed,),
    ConnectionClosed: (SwsyncError,),
    ConnectionLost: (ConnectionClosed,),
    ProtocolError: (SwsyncError,),
    RelayError: (SwsyncError,),
    CallGone: (RelayError,),
    CallEnded: (RelayError,),
    ActionFailed: (RelayError,),
    ConnectFailed: (RelayError,),
    DialFailed: (RelayError,),
    RequestTimeout: (RelayError, TimeoutError),
    OutcomeUnknown: (RelayError, TimeoutError),
    DialUnknown: (OutcomeUnknown,),
    HandlerOverload: (SwsyncError,),
    LedgerError: (SwsyncError,),
    Fenced: (LedgerError,),
    MediaError: (SwsyncError,),
    PacketError: (MediaError, ValueError),
    CodecError: (MediaError, ValueError),
}


@pytest.mark.parametrize("kind", BASES, ids=lambda kind: kind.__name__)
def test_an_error_is_caught_as(kind: type[SwsyncError]) -> None:
    """Ported code catches RelayError and TimeoutError."""
    assert BASES[kind] == kind.__bases__


def test_the_tree_is_complete() -> None:
    """Each public exception stands in it."""
    assert {SwsyncError, *BASES} == {getattr(errors, name) for name in errors.__all__}


@pytest.mark.parametrize(
    ("error", "fields"),
    [
        (CallEnded("busy"), {"end_reason": "busy", "last_event": None}),
        (DialFailed("t", "noAnswer"), {"tag": "t", "reason": "noAnswer"}),
        (DialUnknown("t"), {"tag": "t"}),
        (RelayError(402, "Payment required", "calling.dial"), {"code": 402, "method": "calling.dial"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_an_error_carries_survives_a_process_border(error: SwsyncError, fields: dict[str, object]) -> None:
    """A batch job's error comes back whole."""
    copy = pickle.loads(pickle.dumps(error))

    assert type(error) is type(copy)
    assert str(error) == str(copy)
    for each in (error, copy):
        assert fields == {name: getattr(each, name) for name in fields}
