"""What a call needs of its client: the seam between calls and the session that carries them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from swsync.clock import Clock

if TYPE_CHECKING:
    from swsync.call import Call

__all__ = ["Callbacks", "Session", "Timer"]


class Callbacks(Protocol):
    """Runs user code off the I/O thread: in order within a key, keys independent of each other."""

    def submit(self, key: str, function: Callable[..., Any], *args: Any) -> None: ...


class Timer(Protocol):
    """What ``call_later`` gives."""

    def cancel(self) -> None: ...


class Session(Protocol):
    """What a call needs of its client."""

    @property
    def clock(self) -> Clock: ...
    @property
    def callbacks(self) -> Callbacks: ...
    @property
    def is_local_host(self) -> bool:
        """Whether RELAY is on this machine, so that loopback addresses can be reached from there."""
        ...

    def check_process(self) -> None:
        """Raise ConnectionClosed in a forked child, where nothing would ever come."""
        ...

    def request(
        self, method: str, params: dict[str, Any], *, timeout: float | None = None, idempotent: bool = False
    ) -> dict[str, Any]:
        """Send a request and wait for its reply; raises the RelayError tree."""
        ...

    def post(self, method: str, params: dict[str, Any]) -> None:
        """Send an idempotent request whose reply nobody waits for."""
        ...

    def call_later(self, delay: float, function: Callable[..., Any], *args: Any) -> Timer:
        """Call a quick function on the I/O thread after so many seconds."""
        ...

    def adopt(self, call: Call) -> Call:
        """Route the events of this call id to this call from now on; an earlier object of that id wins."""
        ...

    def forget(self, call: Call) -> None:
        """The call is over: its events are not expected any more."""
        ...

    def check_destinations(self, devices: Sequence[Any]) -> None:
        """Raise ConfigurationError if a device is a destination that this client must not reach."""
        ...
