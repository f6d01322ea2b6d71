"""Every exception that swsync raises of its own accord.

``except RelayError`` catches everything that RELAY said of a request, or that a RELAY operation came to;
``except SwsyncError`` catches all.

    SwsyncError
    ├─ ConfigurationError (ValueError)
    ├─ ConnectionFailed
    │  └─ AuthenticationFailed
    ├─ ConnectionClosed
    │  └─ ConnectionLost
    ├─ ProtocolError
    ├─ RelayError (.code .message .method)
    │  ├─ CallGone
    │  ├─ CallEnded (.end_reason .last_event)
    │  ├─ ActionFailed
    │  ├─ ConnectFailed (.reason)
    │  ├─ DialFailed (.tag .reason)
    │  ├─ RequestTimeout (TimeoutError)
    │  └─ OutcomeUnknown (TimeoutError)
    │     └─ DialUnknown (.tag)
    ├─ HandlerOverload
    ├─ LedgerError
    │  └─ Fenced
    └─ MediaError
       ├─ PacketError (ValueError)
       └─ CodecError (ValueError)

Errors survive ``pickle``: they cross process borders in batch jobs.
"""

from __future__ import annotations

from typing import Any

SHOWN = 60  # characters of a setting in an error

__all__ = [
    "ActionFailed",
    "AuthenticationFailed",
    "CallEnded",
    "CallGone",
    "CodecError",
    "ConfigurationError",
    "ConnectFailed",
    "ConnectionClosed",
    "ConnectionFailed",
    "ConnectionLost",
    "DialFailed",
    "DialUnknown",
    "Fenced",
    "HandlerOverload",
    "LedgerError",
    "MediaError",
    "OutcomeUnknown",
    "PacketError",
    "ProtocolError",
    "RelayError",
    "RequestTimeout",
    "SwsyncError",
]


def shown(value: object) -> str:
    """A setting in an error: on one line, and cut to what one reads; for swsync's own use."""
    try:
        text = ascii(value[:SHOWN] if isinstance(value, str) else value)
    except ValueError:  # a number of more digits than Python writes
        return f"a {type(value).__name__} without end"
    is_cut = len(text) > SHOWN or (isinstance(value, str) and len(value) > SHOWN)
    return text[:SHOWN] + " ..." if is_cut else text


def _rebuild(cls: type[SwsyncError], args: tuple[Any, ...], state: dict[str, Any]) -> SwsyncError:
    """Make an error from its pickled parts without calling its constructor."""
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class SwsyncError(Exception):
    """The base of all errors of this package."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, dict(self.__dict__))


class ConfigurationError(SwsyncError, ValueError):
    """A setting is missing or cannot work; the text names it and the variable that supplies it."""


class ConnectionFailed(SwsyncError):
    """The connection to RELAY could not be made.

    Attributes:
        permanent: Whether trying again cannot help (a refused certificate, an unknown name).
    """

    permanent = False


class AuthenticationFailed(ConnectionFailed):
    """RELAY refused the project and token."""


class ConnectionClosed(SwsyncError):
    """The client is closed; nothing more can be sent through it."""


class ConnectionLost(ConnectionClosed):
    """The link broke. The client makes another; what was under way tells its own end.

    Attributes:
        may_have_left: Whether something of what was to be sent may have left.
    """

    def __init__(self, *args: object, may_have_left: bool = True) -> None:
        super().__init__(*args)
        self.may_have_left = may_have_left


class ProtocolError(SwsyncError):
    """The server sent what the RELAY protocol does not allow."""


class RelayError(SwsyncError):
    """RELAY refused a request, or a RELAY operation did not come to its good end.

    Attributes:
        code: RELAY's or JSON-RPC's number; -1 where neither sent one.
        message: The server's text, or ours.
        method: The wire method, such as ``calling.play``, or "".
    """

    def __init__(self, code: int | str = -1, message: str = "", method: str = "") -> None:
        self.code = int(code)
        self.message = message
        self.method = method
        super().__init__(self.code, message, method)

    def __str__(self) -> str:
        where = f"{self.method}: " if self.method else ""
        code = f" (code {self.code})" if self.code != -1 else ""
        return f"{where}{self.message}{code}"


class CallGone(RelayError):
    """The call does not exist (404) or no longer exists (410)."""


class CallEnded(RelayError):
    """The call ended, or its session was lost, before this had finished.

    Attributes:
        end_reason: RELAY's end reason, or ``session_lost`` or ``closed``.
        last_event: The last event that the waiting action had received, if any.
    """

    def __init__(self, end_reason: str = "", last_event: Any = None, message: str = "") -> None:
        super().__init__(message=message or f"the call ended ({end_reason or 'no reason given'})")
        self.end_reason = end_reason
        self.last_event = last_event


class ActionFailed(RelayError):
    """An action (play, record, tap ...) failed, or never began."""


class ConnectFailed(RelayError):
    """``connect`` reached nobody.

    Attributes:
        reason: RELAY's reason.
    """

    def __init__(self, reason: str = "", message: str = "") -> None:
        super().__init__(message=message or f"connect failed: {reason}", method="calling.connect")
        self.reason = reason


class DialFailed(RelayError):
    """A dial came to nothing.

    Attributes:
        tag: The dial's tag.
        reason: ``busy``, ``noAnswer``, ``decline``, ``timeout`` ...
    """

    def __init__(self, tag: str = "", reason: str = "", message: str = "") -> None:
        super().__init__(message=message or f"dial failed: {reason or 'no reason given'}", method="calling.dial")
        self.tag = tag
        self.reason = reason


class RequestTimeout(RelayError, TimeoutError):
    """No reply came in time, and sending it again does no harm: it was never written, or it is one such as ``end``."""


class OutcomeUnknown(RelayError, TimeoutError):
    """The request was written, no reply came, and it may have taken effect.

    Attributes:
        control_id: The name of the action that may be running, or "" for a request that starts none.
    """

    control_id = ""


class DialUnknown(OutcomeUnknown):
    """A dial was sent and what became of it is not known.

    Attributes:
        tag: The dial's tag, to look for it in the project's logs.
    """

    def __init__(self, tag: str = "", message: str = "") -> None:
        super().__init__(message=message or f"what became of dial {tag} is not known", method="calling.dial")
        self.tag = tag


class HandlerOverload(SwsyncError):
    """A listener was too slow for too long and has been disabled."""


class LedgerError(SwsyncError):
    """The ledger of a batch cannot be used now; nothing was changed, and nobody is dialed meanwhile."""


class Fenced(LedgerError):
    """This process was stopped for longer than its lease: what it had claimed belongs to others now."""


class MediaError(SwsyncError):
    """Audio could not be received, decoded, written or sent."""


class PacketError(MediaError, ValueError):
    """A datagram or message is not what its format demands; the text says where."""


class CodecError(MediaError, ValueError):
    """A codec is unknown, or its data has the wrong size."""
