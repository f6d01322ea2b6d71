"""Calls that a client takes, and for which contexts. How each comes to its handler is in ``swsync.inbound``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, overload

from swsync.clientparts import ClientParts
from swsync.errors import ConnectionClosed
from swsync.inbound import CallHandler

if TYPE_CHECKING:
    from swsync.call import Call

__all__ = ["TakingCalls"]


class TakingCalls(ClientParts):
    """The methods about calls that come in."""

    def __init__(self, contexts: Iterable[str]) -> None:
        self._contexts = dict.fromkeys(_words("contexts", contexts))  # guarded by _lock

    @property
    def contexts(self) -> list[str]:
        """The contexts that calls and messages are received for."""
        with self._lock:
            return list(self._contexts)

    @overload
    def on_call(self, handler: CallHandler, *, contexts: Iterable[str] | None = None) -> CallHandler: ...
    @overload
    def on_call(
        self, handler: None = None, *, contexts: Iterable[str] | None = None
    ) -> Callable[[CallHandler], CallHandler]: ...

    def on_call(self, handler: CallHandler | None = None, *, contexts: Iterable[str] | None = None) -> Any:
        """Have a function called with each inbound call, on a thread of its own. Plain or as a decorator.

        If it raises, that is logged and the call is ended; if it returns, the call goes on.

        Args:
            handler: The function; it is given the ``Call``.
            contexts: Only calls of these contexts, which are received from now on. Without it: of all others.
        """
        if handler is None:
            return lambda function: self.on_call(function, contexts=contexts)
        wanted = _words("contexts", contexts or [])
        self._inbound.add_handler(handler, wanted)
        try:
            self._subscribe(wanted)
        except BaseException:
            self._inbound.remove_handler(handler, wanted)
            raise
        return handler

    def next_call(self, timeout: float | None = None, context: str | None = None) -> Call:
        """Wait for the next inbound call; for scripts. An offer that nobody takes for 5 s is passed on.

        Args:
            timeout: Seconds, or None.
            context: Only calls of this context.

        Raises:
            TimeoutError: None came.
            ConfigurationError: ``on_call`` takes them.
            ConnectionClosed: The client is closed; ``AuthenticationFailed`` if it was refused.
        """
        self._check_open()
        try:
            return self._inbound.next_call(timeout, context)
        except ConnectionClosed:
            raise self._connection.why_closed() from None

    def receive(self, contexts: list[str]) -> None:
        """Receive calls and messages of these contexts too, also after every reconnect."""
        self._check_open()
        self._subscribe(_words("contexts", contexts))

    def _subscribe(self, contexts: list[str]) -> None:
        with self._lock:
            new = [context for context in contexts if context not in self._contexts]
            self._contexts.update(dict.fromkeys(new))
        # Before the first connection there is no need: signalwire.connect carries them.
        if new and self._connection.was_connected:
            try:
                self._connection.request("signalwire.receive", {"contexts": new}, idempotent=True)
            except Exception:
                with self._lock:
                    for context in new:
                        self._contexts.pop(context, None)
                raise

    def unreceive(self, contexts: list[str]) -> None:
        """Receive calls and messages of these contexts no more."""
        self._check_open()
        names = _words("contexts", contexts)
        with self._lock:
            for context in names:
                self._contexts.pop(context, None)
        if names and self._connection.was_connected:
            self._connection.request("signalwire.unreceive", {"contexts": names}, idempotent=True)


def _words(name: str, words: Iterable[str]) -> list[str]:
    """Check a list of names."""
    if isinstance(words, str):
        raise TypeError(f"{name} must be a list of names, not the text {words!r}")
    found = list(words)
    for word in found:
        if not isinstance(word, str) or not word:
            raise ValueError(f"{name} must be names, not {word!r}")
    return found
