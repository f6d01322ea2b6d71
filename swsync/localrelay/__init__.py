"""A RELAY server on this machine, with simulated people whose audio is real. It needs no account and no network."""

from __future__ import annotations

from .call import LocalCall
from .callee import Callee
from .faults import Fault, Faults
from .journal import Entry, Journal
from .messages import LocalMessage
from .network import Network
from .referee import Orphan, Referee, Report
from .scenario import TABLE, Behaviour
from .server import LocalRelay
from .status import CallStatus, SessionStatus, Status

__all__ = [
    "TABLE",
    "Behaviour",
    "CallStatus",
    "Callee",
    "Entry",
    "Fault",
    "Faults",
    "Journal",
    "LocalCall",
    "LocalMessage",
    "LocalRelay",
    "Network",
    "Orphan",
    "Referee",
    "Report",
    "SessionStatus",
    "Status",
]
