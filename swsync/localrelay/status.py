"""What a relay does at this moment, as values: for tables and for tests."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from .call import LocalCall
    from .core import Core
    from .session import Session

__all__ = ["CallStatus", "Changes", "SessionStatus", "Status", "status_of"]

KEPT = 10_000  # changes


@attrs.frozen(kw_only=True)
class SessionStatus:
    """One client's session.

    Attributes:
        project: Whose.
        contexts: What it listens on.
        is_connected: Whether it has a link now.
        calls: How many calls it controls now.
    """

    project: str
    contexts: tuple[str, ...]
    is_connected: bool
    calls: int


@attrs.frozen(kw_only=True)
class CallStatus:
    """One call.

    Attributes:
        call_id: Its id.
        direction: ``inbound`` or ``outbound``, as the client sees it.
        number: The simulated person's.
        state: created, ringing, answered, ending, ended.
        seconds: Since the answer, or since it began if nobody has answered.
        doing: What runs on it, such as ``play``, ``tap``.
        end_reason: Why it ended, or "".
        has_client: Whether a connected client, or a document, controls it.
    """

    call_id: str
    direction: str
    number: str
    state: str
    seconds: float
    doing: tuple[str, ...]
    end_reason: str
    has_client: bool


@attrs.frozen(kw_only=True)
class Status:
    """What a relay does.

    Attributes:
        seconds: Since it started, by its clock.
        sessions: Its sessions, oldest first.
        calls: The last calls, newest first.
        total: How many calls there were; ``up``: how many are up.
    """

    seconds: float
    sessions: list[SessionStatus]
    calls: list[CallStatus]
    total: int
    up: int


class Changes:
    """Every call at each state that it came to, oldest first: the last 10,000. The relay's thread only."""

    def __init__(self) -> None:
        self._kept: deque[CallStatus] = deque(maxlen=KEPT)
        self._count = 0

    def add(self, core: Core, call: LocalCall) -> None:
        """Note the state that a call is in now."""
        self._kept.append(_call(core, call))
        self._count += 1

    def since(self, seen: int) -> tuple[int, list[CallStatus]]:
        """Return how many there were so far, and those that are kept of all but the first ``seen``."""
        new = min(self._count - seen, len(self._kept))
        return self._count, [self._kept[-n] for n in range(new, 0, -1)]


def status_of(core: Core, calls: int) -> Status:
    """Return what a relay does, with its last ``calls`` calls; the relay's thread."""
    last = [core.history[-n] for n in range(1, min(calls, len(core.history)) + 1)]
    return Status(
        seconds=core.elapsed(),
        sessions=[_session(core, session) for session in core.sessions.values()],
        calls=[_call(core, call) for call in last],
        total=len(core.history),
        up=len(core.calls),
    )


def _session(core: Core, session: Session) -> SessionStatus:
    return SessionStatus(
        project=session.project,
        contexts=tuple(session.contexts),
        is_connected=session.connection is not None,
        calls=sum(call.session is session for call in core.calls.values()),
    )


def _call(core: Core, call: LocalCall) -> CallStatus:
    began = call.created_at if call.answered_at is None else call.answered_at
    until = core.loop.now() if call.ended_at is None else call.ended_at
    session = call.session
    return CallStatus(
        call_id=call.call_id,
        direction=call.direction,
        number=call.callee.number,
        state=call.state,
        seconds=round(until - began, 3),
        doing=tuple(kind for kind, _ in call.actions),
        end_reason=call.end_reason,
        has_client=session is not None and (session.is_script or session.connection is not None),
    )
