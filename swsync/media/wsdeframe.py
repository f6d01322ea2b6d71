"""One media WebSocket without its socket: bytes in, whole messages out, and the bytes to send back.

``wsplain`` stands in front of ``Deframer.receive``: it takes plain media messages out of the bytes itself, and hands
everything else (fragments, control frames, what it does not understand) to this one, frame by frame.
``websockets``' sans-I/O server does the handshake, the control frames and the limits. Compression is never offered.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus

import attrs
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

__all__ = ["Admission", "Deframer", "Refusal", "request_path"]

MAX_HEAD = 16 * 1024  # octets of a request; those of the service have a few hundred
END_OF_HEAD = b"\r\n\r\n"

# websockets logs request lines and headers at DEBUG, where the path and the token are secrets. This logger cannot be
# turned down to DEBUG by configuration; its errors reach our own.
_quiet = logging.Logger(__name__ + ".websockets", logging.WARNING)
_quiet.parent = logging.getLogger(__name__)

_FAILURES: dict[int, str] = {
    CloseCode.PROTOCOL_ERROR: "protocol_error",
    CloseCode.INVALID_DATA: "invalid_utf8",
    CloseCode.MESSAGE_TOO_BIG: "message_too_big",
    CloseCode.INTERNAL_ERROR: "internal_error",
}


@attrs.frozen
class Refusal:
    """Why a request is answered with an HTTP error instead of the upgrade.

    Attributes:
        status: HTTP status.
        reason: What it is counted as.
        headers: Additional header fields.
    """

    status: HTTPStatus
    reason: str
    headers: tuple[tuple[str, str], ...] = ()


@attrs.frozen
class Admission:
    """The request may be upgraded.

    Attributes:
        max_size: Octets of the largest message.
        opened: Called when the upgrade is certain: the request is a valid one.
    """

    max_size: int
    opened: Callable[[], None]


def request_path(request: Request) -> str:
    """The path of a request without its query: whether the service keeps queries is not known."""
    return str(request.path).partition("?")[0]


class Deframer:
    """The protocol side of one connection.

    Args:
        admit: Judges the request, before the upgrade.
    """

    def __init__(self, admit: Callable[[Request], Admission | Refusal]) -> None:
        self._admit = admit
        self._head = bytearray()
        self._protocol: ServerProtocol | None = None  # from the request on
        self._kind: Opcode | None = None  # of a message that comes in fragments
        self._parts = bytearray()
        self._writes: list[bytes] = []
        self._ended = False
        self.failure = ""
        """What the peer did wrong, as a counter's name; "" while it did nothing wrong."""

    @property
    def opened(self) -> bool:
        """The upgrade has happened."""
        return self._protocol is not None and self._protocol.state is not State.CONNECTING

    @property
    def is_open(self) -> bool:
        """Messages may still come and go."""
        return self._protocol is not None and self._protocol.state is State.OPEN

    @property
    def close_code(self) -> int:
        """How the WebSocket ended: the peer's code, else ours, else 1006."""
        protocol = self._protocol
        close = (protocol.close_rcvd or protocol.close_sent) if protocol is not None else None
        return int(close.code) if close is not None else int(CloseCode.ABNORMAL_CLOSURE)

    def receive(self, data: bytes) -> list[str | bytes]:
        """Take what came from the peer.

        Returns:
            The messages that are complete with it: ``str`` for text, ``bytes`` for binary.
        """
        if self._protocol is None:
            data = self.shake(data)
        if self._ended or not data:
            return []
        assert self._protocol is not None
        self._protocol.receive_data(data)
        return self._messages()

    def shake(self, data: bytes) -> bytes:
        """Take what came of the request, and answer it when it is whole.

        Returns:
            The octets behind it: a peer must wait for our answer before it sends frames, but one that did not loses
            nothing.
        """
        if self._ended or not data:
            return b""
        self._head += data
        end = self._head.find(END_OF_HEAD)
        if end < 0 and len(self._head) <= MAX_HEAD:
            return b""
        length = end + len(END_OF_HEAD) if 0 <= end <= MAX_HEAD else 0
        head, rest = bytes(self._head[:length]), bytes(self._head[length:])
        self._head.clear()
        self._open(head)
        return rest if self.opened else b""

    def receive_eof(self) -> None:
        """The peer will send no more."""
        if self._protocol is None:
            self._end()
        elif not self._ended:
            self._protocol.receive_eof()
            self._collect()

    def ping(self) -> None:
        """Ask the peer for a sign of life."""
        if self.is_open and self._protocol is not None:
            self._protocol.send_ping(b"swsync")
            self._collect()

    def send(self, text: str) -> None:
        """Send a text message."""
        if self.is_open and self._protocol is not None:
            self._protocol.send_text(text.encode())
            self._collect()

    def close(self, code: int, text: str = "") -> None:
        """Begin the closing handshake; without an upgrade, just end."""
        if self.is_open and self._protocol is not None:
            self._protocol.send_close(code, text)
            self._collect()
        elif not self.opened:
            self._end()

    def fail(self, code: int, text: str = "") -> None:
        """Close at once, reading no further."""
        if self.is_open and self._protocol is not None:
            self._protocol.fail(code, text)
            self._collect()
        else:
            self._end()

    def take(self) -> tuple[bytes, bool]:
        """What is to be sent now, and whether the sending side ends after it."""
        data = b"".join(self._writes)
        self._writes.clear()
        return data, self._ended

    def _open(self, head: bytes) -> None:
        """Answer the request. What is too long or is no HTTP gets an answer too, but nothing is read from it."""
        if not head:
            self._refuse(ServerProtocol(logger=_quiet), HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_long")
            return
        request = _parse(head)
        verdict = self._admit(request) if request is not None else Refusal(HTTPStatus.BAD_REQUEST, "bad_request")
        if request is None or isinstance(verdict, Refusal):
            assert isinstance(verdict, Refusal)
            self._refuse(ServerProtocol(logger=_quiet), verdict.status, verdict.reason, verdict.headers)
            return
        # A second parser of the same head: the first did not know yet how large a message may be.
        protocol = ServerProtocol(max_size=verdict.max_size, logger=_quiet)
        protocol.receive_data(head)
        protocol.events_received()
        response = protocol.accept(request)
        response.headers["Server"] = "swsync"
        self._protocol = protocol
        protocol.send_response(response)
        if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            verdict.opened()
        else:
            self.failure = "bad_request"
        self._collect()

    def _refuse(
        self, protocol: ServerProtocol, status: HTTPStatus, reason: str, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        self.failure = reason
        response = protocol.reject(status, f"{status.phrase}.\n")
        for name, value in headers:
            response.headers[name] = value
        self._protocol = protocol
        protocol.send_response(response)
        self._collect()

    def _messages(self) -> list[str | bytes]:
        """The messages in what the protocol has just read; an invalid text fails the connection."""
        assert self._protocol is not None
        messages: list[str | bytes] = []
        for event in self._protocol.events_received():
            if not isinstance(event, Frame) or event.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                continue
            if event.opcode is not Opcode.CONT:
                self._kind = event.opcode
            if not event.fin or self._parts:
                self._parts += event.data
                if not event.fin:
                    continue
                data = bytes(self._parts)
                self._parts.clear()
            else:
                data = bytes(event.data)
            if self._kind is Opcode.BINARY:
                messages.append(data)
                continue
            try:
                messages.append(data.decode())
            except UnicodeDecodeError:
                self._protocol.fail(CloseCode.INVALID_DATA, "text is not UTF-8")
                break
        self._collect()
        return messages

    def _collect(self) -> None:
        """Take over what the protocol wants to send and note how it fares."""
        assert self._protocol is not None
        for data in self._protocol.data_to_send():
            if data:
                self._writes.append(data)
            else:  # websockets' mark for the end of the sending side
                self._end()
        sent, received = self._protocol.close_sent, self._protocol.close_rcvd
        if not self.failure and sent is not None and received is None:
            self.failure = _FAILURES.get(sent.code, "")

    def _end(self) -> None:
        self._ended = True
        self._parts.clear()


def _parse(head: bytes) -> Request | None:
    """The request in a whole head, or None where there is none."""
    parser = ServerProtocol(logger=_quiet)
    parser.receive_data(head)
    requests = [event for event in parser.events_received() if isinstance(event, Request)]
    return requests[0] if requests else None
