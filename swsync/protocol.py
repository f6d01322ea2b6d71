"""JSON-RPC and the rules of a RELAY session, as text in and text out.

A ``Session`` builds the requests that a client sends and judges what it receives. It does no I/O, knows no time and no
thread: whoever owns the link calls ``receive_all`` from one thread; the request builders may be called from any thread.

Nothing that a server sends makes it crash: what RELAY does not allow raises ``ProtocolError``, whose text says why, and
what it remembers is bounded.
"""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from json.encoder import encode_basestring_ascii as _quote
from typing import Any, NamedTuple, cast

from swsync.errors import CallGone, ProtocolError, RelayError

__all__ = ["MAX_MESSAGE", "Frame", "Kind", "Session", "check_reply"]

MAX_MESSAGE = 10 * 1024 * 1024
"""The longest message accepted, in octets; the official client's own limit."""

VERSION = {"major": 2, "minor": 0, "revision": 0}
REMEMBERED_FRAMES = 2048  # ids of events kept to tell a second delivery, and up to as many older ones: half a minute
# and more at 70 events a second
MAX_STATE = 256 * 1024  # of protocol and authorization_state, which come back to the server as they are
GONE = (404, 410)

TOGETHER = 256 * 1024  # characters of messages that are read as one list, which makes a copy of them
_WORD = uuid.uuid4().hex
_BETWEEN = f',"{_WORD}",'

AUTHENTICATION_FAILED = -32002
VALIDATION_FAILED = -32003
METHOD_NOT_FOUND = -32601


class Kind:
    """What a frame is, as ``Frame.kind``."""

    REPLY = "reply"
    EVENT = "event"
    DUPLICATE = "duplicate"  # an event that was delivered before: acknowledged, not acted on
    PING = "ping"
    DISCONNECT = "disconnect"
    UNKNOWN = "unknown"  # a request that this client does not serve


class Frame(NamedTuple):
    """One message of the server.

    Attributes:
        kind: One of ``Kind``.
        id: Its JSON-RPC id, or None.
        body: The whole message of a reply, the params of everything else.
        answer: What to send back at once, or "".
    """

    kind: str
    id: str | int | None
    body: dict[str, Any]
    answer: str


# Makes a Frame of a tuple, in half the time of a call of Frame.
_frame: Callable[[tuple[str, str | int | None, dict[str, Any], str]], Frame] = partial(tuple.__new__, Frame)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_decode = json.JSONDecoder(parse_constant=_refuse_constant).raw_decode
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def _parse(text: str) -> dict[str, Any]:
    """Read one JSON object; ``ProtocolError`` says why it is none."""
    try:
        message, end = _decode(text)
        if end != len(text) and text[end:].strip(" \t\r\n"):
            raise ValueError("more text follows it")
    except ValueError as error:
        stripped = text.lstrip(" \t\r\n")
        if stripped != text:
            return _parse(stripped)
        raise ProtocolError(f"a frame of {len(text)} characters is not JSON: {_short(error)}") from None
    except RecursionError:
        raise ProtocolError(f"a frame of {len(text)} characters is nested too deeply") from None
    if not isinstance(message, dict):
        raise ProtocolError(f"a frame is a JSON {type(message).__name__}, not an object")
    return message


def _parse_all(texts: Sequence[str]) -> list[dict[str, Any] | ProtocolError]:
    """Read one JSON object of each text, or say in its place why it is none.

    They are read as one list, where their keys become one string each: that takes half the time of one after the other.
    Between each two stands a word that no server can guess, so that what is valid together is valid alone.
    """
    if len(texts) > 1 and sum(map(len, texts)) <= TOGETHER:
        whole = f"[{_BETWEEN.join(texts)}]"
        try:
            found, end = _decode(whole)
        except (ValueError, RecursionError):
            pass  # one of them is broken; which, shows when each is read for itself
        else:
            messages, words = found[::2], found[1::2]
            is_each_whole = end == len(whole) and words == [_WORD] * (len(texts) - 1)
            if is_each_whole and all(message.__class__ is dict for message in messages):
                return cast("list[dict[str, Any] | ProtocolError]", messages)
    return [_parse_or_error(text) for text in texts]


def _parse_or_error(text: str) -> dict[str, Any] | ProtocolError:
    try:
        return _parse(text)
    except ProtocolError as error:
        return _bare(error)


def _bare(error: ProtocolError) -> ProtocolError:
    """The same error without a traceback, which would keep all that is near in memory."""
    return ProtocolError(str(error))


def _short(value: object, limit: int = 200) -> str:
    """Text of the server, bounded, with nothing in it that could forge a log line."""
    text = str(value)
    if len(text) > limit:
        text = text[:limit] + "..."
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class Session:
    """What client and server agreed on, and the text that says so.

    Args:
        project: The project id; "" with a JWT.
        token: The API token; "" with a JWT.
        jwt_token: A JWT in place of both, or "".
        agent: How this client names itself.
    """

    def __init__(self, project: str, token: str, jwt_token: str = "", agent: str = "swsync") -> None:
        self._authentication = {"jwt_token": jwt_token} if jwt_token else {"project": project, "token": token}
        self._agent = agent
        self._numbers = itertools.count(1)  # next() on it is atomic: any thread may take an id
        # A whole UUID for each frame costs more than the frame: 20 random digits, then a number, in a UUID's shape.
        self._prefix = str(uuid.uuid4())[:24]
        # From here on: only the thread that calls receive, connect_request and accept.
        self.protocol = ""
        self.authorization_state = ""
        self.identity = ""
        # Hashes of ids, which take half of their memory: 64 bits, of which a server can guess none.
        self._seen: set[int] = set()
        self._seen_before: set[int] = set()

    def request(self, method: str, params: Mapping[str, Any]) -> tuple[str, str]:
        """Build a request; returns its id and its text.

        Raises:
            TypeError, ValueError: The params are not JSON.
        """
        number = f"{self._prefix}{next(self._numbers):012x}"
        return number, f'{{"jsonrpc":"2.0","id":"{number}","method":{_quote(method)},"params":{_encode(params)}}}'

    def ping(self) -> str:
        """Build a ping. Whatever comes back shows that the link lives; its id needs no table."""
        return self.request("signalwire.ping", {})[1]

    def connect_request(self, contexts: Iterable[str] = ()) -> tuple[str, str]:
        """Build ``signalwire.connect``, resuming the session there was; returns its id and its text."""
        params: dict[str, Any] = {
            "version": VERSION,
            "agent": self._agent,
            "event_acks": True,
            "authentication": self._authentication,
        }
        wanted = list(contexts)
        if wanted:
            params["contexts"] = wanted
        if self.protocol:
            params["protocol"] = self.protocol
            if self.authorization_state:
                params["authorization_state"] = self.authorization_state
        return self.request("signalwire.connect", params)

    def accept(self, result: Mapping[str, Any]) -> bool:
        """Take the connect result; True if the session that was asked for goes on, False if this is a new one."""
        asked = self.protocol
        protocol = result.get("protocol", asked)
        if not isinstance(protocol, str) or len(protocol) > MAX_STATE:
            protocol = ""
        identity = result.get("identity")
        self.identity = identity if isinstance(identity, str) else ""
        self.protocol = protocol
        resumed = bool(asked) and protocol == asked and result.get("session_restored") is not False
        if not resumed:
            self.authorization_state = ""
            self._seen, self._seen_before = set(), set()
        return resumed

    @property
    def state(self) -> dict[str, str]:
        """What ``restore`` takes, in a later process too; empty before the first connection. Any thread may look."""
        if not self.protocol:
            return {}
        return {"protocol": self.protocol, "authorization_state": self.authorization_state}

    def restore(self, state: Mapping[str, str]) -> None:
        """Resume an earlier session with the next connect; before the first one only."""
        self.protocol = str(state.get("protocol", ""))
        self.authorization_state = str(state.get("authorization_state", ""))

    def forget(self) -> None:
        """Begin anew: the next connect opens a new session."""
        self.protocol = ""
        self.authorization_state = ""

    def receive(self, text: str) -> Frame:
        """Judge one frame of the server: ``receive_all`` of one.

        Raises:
            ProtocolError: It is not what RELAY sends. The link can go on.
        """
        return self._judge(_parse(text))

    def receive_all(self, texts: Sequence[str]) -> list[Frame | ProtocolError]:
        """Judge some frames, in order; one that is not what RELAY sends gives the error that says why."""
        frames: list[Frame | ProtocolError] = []
        for message in _parse_all(texts):
            try:
                frames.append(message if isinstance(message, ProtocolError) else self._judge(message))
            except ProtocolError as error:
                frames.append(_bare(error))
        return frames

    def _judge(self, message: dict[str, Any]) -> Frame:
        number, method, params = message.get("id"), message.get("method"), message.get("params")
        if number.__class__ is not str and number.__class__ is not int:  # true and false are none
            number = None
        if params is None:
            params = {}
        if method == "signalwire.event" and params.__class__ is dict:
            return self._event(number, params)
        if method is None:
            if "result" not in message and "error" not in message:
                raise ProtocolError("a frame is neither a request nor a reply")
            return _frame((Kind.REPLY, number, message, ""))
        if not isinstance(params, dict) or not isinstance(method, str):
            raise ProtocolError(f"the params of {_short(method)} are a JSON {type(params).__name__}, not an object")
        return self._other(method, number, params)

    def reply_to(self, number: str, text: str) -> dict[str, Any] | None:
        """The reply to that request if this frame is it, as ``receive`` would give it; any thread may look."""
        if number not in text:
            return None
        try:
            message = _parse(text)
        except ProtocolError:
            return None
        is_reply = message.get("method") is None and ("result" in message or "error" in message)
        return message if is_reply and message.get("id") == number else None

    def _event(self, number: str | int | None, params: dict[str, Any]) -> Frame:
        kind, answer = Kind.EVENT, ""
        if number is not None:
            answer = _result(number)
            mark = hash(number)
            if mark in self._seen or mark in self._seen_before:
                kind = Kind.DUPLICATE
            else:
                self._remember(mark)
        if params.get("event_type") == "signalwire.authorization.state" and kind is Kind.EVENT:
            self._take_state(params.get("params"))
        return _frame((kind, number, params, answer))

    def _remember(self, mark: int) -> None:
        """Only what is new: a session that is delivered again must not push out what of it is still to come."""
        self._seen.add(mark)
        if len(self._seen) >= REMEMBERED_FRAMES:
            self._seen, self._seen_before = set(), self._seen

    def _take_state(self, params: object) -> None:
        state = params.get("authorization_state") if isinstance(params, dict) else None
        if isinstance(state, str) and len(state) <= MAX_STATE:
            self.authorization_state = state

    def _other(self, method: str, number: str | int | None, params: dict[str, Any]) -> Frame:
        answer = "" if number is None else _result(number)
        if method == "signalwire.ping":
            return _frame((Kind.PING, number, params, answer))
        if method == "signalwire.disconnect":
            if params.get("restart") is True:
                self.forget()
            return _frame((Kind.DISCONNECT, number, params, answer))
        if number is not None:
            answer = (
                f'{{"jsonrpc":"2.0","id":{_identifier(number)},'
                f'"error":{{"code":{METHOD_NOT_FOUND},"message":"Method not found"}}}}'
            )
        return _frame((Kind.UNKNOWN, number, params, answer))


def _identifier(number: str | int) -> str:
    return _quote(number) if isinstance(number, str) else _encode(number)


def _result(number: str | int) -> str:
    """Build the empty result that acknowledges an event or a ping."""
    return f'{{"jsonrpc":"2.0","id":{_identifier(number)},"result":{{}}}}'


def check_reply(method: str, message: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of a reply, or raise what it says.

    A result's ``code`` is a string, and any 2xx or none at all is success; a JSON-RPC error has a number.

    Args:
        method: What was asked, for the error's text.
        message: The whole reply, ``Frame.body``.

    Raises:
        CallGone: Code 404 or 410.
        RelayError: Any other code, or a reply of the wrong shape.
    """
    if message.get("error") is not None:
        error = message["error"]
        if not isinstance(error, dict):
            raise RelayError(-1, f"the server sent an error of the wrong shape: {_short(error)}", method)
        raise _error(method, error.get("code"), error.get("message"))
    result = message.get("result")
    if not isinstance(result, dict):
        raise RelayError(-1, f"the server sent a result that is a JSON {type(result).__name__}", method)
    code = result.get("code")
    if code == "200" or code is None or method == "signalwire.connect" or _number(code) // 100 == 2:
        return result
    raise _error(method, code, result.get("message"))


def _number(code: object) -> int:
    """A code as a number; -1 if it is none."""
    if isinstance(code, int) and not isinstance(code, bool) and abs(code) < 1_000_000:
        return code
    if isinstance(code, str) and len(code) <= 6 and code.isascii() and code.lstrip("-").isdigit():
        try:
            return int(code)
        except ValueError:
            return -1
    return -1


def _error(method: str, code: object, message: object) -> RelayError:
    number = _number(code)
    text = _short(message, 1000) if message else f"the server refused with code {_short(code)}"
    return (CallGone if number in GONE else RelayError)(number, text, method)
