"""What a client is made of, for the files that hold its methods."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from swsync.errors import ConnectionClosed

if TYPE_CHECKING:
    from swsync.clock import Clock
    from swsync.connection import Connection
    from swsync.dispatcher import Dispatcher
    from swsync.inbound import InboundCalls
    from swsync.routing import Router

__all__ = ["ClientParts"]


class ClientParts(ABC):
    """``RelayClient`` sets them before anything runs."""

    clock: Clock
    _callbacks: Dispatcher
    _connection: Connection
    _inbound: InboundCalls
    _lock: threading.Lock
    _router: Router

    @property
    @abstractmethod
    def closed(self) -> bool: ...

    def _check_open(self) -> None:
        self._connection.check_process()
        if self.closed:
            raise self._connection.why_closed()
        if not self._connection.was_started:
            raise ConnectionClosed("the client is not connected: use `with RelayClient(...) as client:` or connect()")
