"""After a crash: resume the dead process's RELAY session and end the calls that nobody looks after any more."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from swsync.batch.ledger import Ledger, Orphan
from swsync.errors import CallGone, ConnectionClosed, ConnectionFailed, RelayError

if TYPE_CHECKING:
    from swsync.client import RelayClient

__all__ = ["Connect", "tidy"]

logger = logging.getLogger(__name__)

LATE = 1.0  # seconds in which events of legs that nobody had seen come again after the resume

Connect = Callable[[Mapping[str, str]], "RelayClient"]
"""Makes a client, not yet connected, that resumes the session given; ``{}`` for a new one."""


def tidy(ledger: Ledger, orphan: Orphan, connect: Connect) -> int:
    """End the calls of a dead owner; returns how many RELAY had still known.

    The calls belong to its session, so that is resumed. If RELAY has it no more, the calls that are written down are
    asked to end all the same. A leg that was never seen shows itself after a resume, or is bounded by its own cap.
    """
    if not orphan.session:
        ledger.tidied(orphan)  # it had no link, so it dialed nobody
        return 0
    ended = 0
    try:
        with connect(orphan.session) as client:
            for call in orphan.calls:
                client.end_dial(call["tag"], ring=0.0)
                ended += bool(call["call_id"]) and _end(client, call)
            client.clock.sleep(LATE)
    except (ConnectionFailed, ConnectionClosed, RelayError) as error:
        logger.warning("the calls of owner %d could not be ended: %s", orphan.owner, error)
        return ended  # the ledger names it again in a minute
    ledger.tidied(orphan)
    return ended


def _end(client: RelayClient, call: Mapping[str, str]) -> bool:
    params = {"node_id": call["node_id"], "call_id": call["call_id"], "reason": "hangup"}
    try:
        client.execute("calling.end", params, idempotent=True)
    except CallGone:
        return False
    except RelayError as error:
        logger.warning("call %s of an earlier process: %s", call["call_id"], error)
        return False
    return True
