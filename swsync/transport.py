"""Links that carry RELAY's text messages: what one is, and the one over a WebSocket.

websocket-client makes the connection (proxy, TLS, upgrade). Then its socket is replaced by ``swsync.wire.Wire``.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import websocket

from swsync.clock import REAL, Clock
from swsync.errors import ConfigurationError, ConnectionFailed, ConnectionLost, ProtocolError
from swsync.protocol import MAX_MESSAGE
from swsync.wire import Wire

__all__ = ["Transport", "WebSocketTransport", "send_later"]

LONGEST_CONTROL = 125  # octets (RFC 6455 section 5.5); websocket-client does not look


class Transport(Protocol):
    """One link to RELAY, from ``connect`` to ``close``; it is not used again.

    One thread calls ``receive``; any thread may call the others. A transport without ``send_later``, ``receive_more``
    or ``read_for`` works too, and one without ``wake``, but timers set by other threads are then up to a quarter of a
    second late. Messages come in by ``receive``, ``receive_more`` and ``read_for``: one that looks at them looks there.
    """

    def connect(self, timeout: float) -> None:
        """Make the link within that many seconds, or raise ``ConnectionFailed``."""
        ...

    def send(self, text: str) -> None:
        """Send one message, or leave it to a thread that is sending. Raises ``ConnectionLost``."""
        ...

    def send_later(self, texts: Sequence[str]) -> None:
        """Send messages with the next write, at the latest when ``receive`` waits. The receiving thread calls it."""
        ...

    def receive(self, timeout: float) -> str | None:
        """Return the next message; None after ``timeout`` seconds or ``wake``.

        With 0 it returns only what is there already. Raises ``ConnectionLost`` at the end of the link and
        ``ProtocolError`` for a message that is none; after the latter it may be called again.
        """
        ...

    def receive_more(self, most: int) -> list[str]:
        """Return the next messages that are there, at most so many, and perhaps none; the receiving thread calls it.

        Raises nothing: what is no message is left to ``receive``.
        """
        ...

    def read_for(self, is_mine: Callable[[str], bool], timeout: float) -> bool:
        """Read a message in the calling thread, if the receiving one only waits and nobody else is at it.

        ``is_mine`` is given the message and says whether it is what this thread waits for. True if so; else, and where
        the receiving thread was quicker, ``receive`` returns it. May return False at once and at any time.
        """
        ...

    def wake(self) -> None:
        """Make the ``receive`` under way, or the next one, return."""
        ...

    def close(self) -> None:
        """Say goodbye and end the link. Does not wait for the other side."""
        ...

    def abort(self) -> None:
        """End the link at once; a ``receive`` under way raises ``ConnectionLost``. Its descriptor closes later, with
        ``close``."""
        ...


def send_later(transport: Transport, texts: Sequence[str]) -> None:
    """Send messages with the transport's next write, or at once where it has no such thing."""
    later = getattr(transport, "send_later", None)
    if later is not None:
        later(texts)
        return
    for text in texts:
        transport.send(text)


class WebSocketTransport:
    """A RELAY link over a WebSocket.

    Args:
        url: ``wss://host[:port]``, or ``ws://`` for a loopback host.
        ca_file: PEM file with one more certificate authority to trust, beside the system's.
        clock: Whose seconds the timeouts are. Sockets live in real time: a scaled clock is fine, a virtual one is not.
    """

    def __init__(self, url: str, ca_file: str = "", clock: Clock = REAL) -> None:
        self._url = url
        self._ca_file = ca_file
        self._speed: float = getattr(clock, "speed", 1.0)
        self._ws: Any = None  # set by connect, then the reading thread's
        self._wire: Wire | None = None  # set by connect, then only read
        self._partial = 0  # octets of a message in fragments so far; the reading thread's
        self._in_fragments = False  # the reading thread's
        self._has_ended = False  # the server has said goodbye and heard ours; the reading thread's

    def connect(self, timeout: float) -> None:
        """Resolve, connect, verify, upgrade. ``timeout`` bounds each step.

        Raises:
            ConnectionFailed: Why, in a sentence. ``.permanent`` is True when trying again cannot help.
            ConfigurationError: The CA file cannot be read.
        """
        options: dict[str, Any] = {"context": self._context()} if self._url.startswith("wss:") else {}
        try:
            ws: Any = websocket.create_connection(
                self._url,
                timeout=max(0.05, timeout / self._speed),
                sslopt=options,
                enable_multithread=True,
                skip_utf8_validation=True,
                suppress_origin=True,
                redirect_limit=0,
            )
        except Exception as error:  # websocket-client lets OSError, ssl, value and its own errors through
            raise _explain(self._url, error) from error
        try:
            self._wire = ws.sock = Wire(ws.sock)
        except OSError as error:  # no descriptor is left for what wakes its reader
            ws.shutdown()
            raise _explain(self._url, error) from error
        self._ws = ws

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._ca_file:
            try:
                context.load_verify_locations(cafile=self._ca_file)
            except (OSError, ssl.SSLError) as error:
                raise ConfigurationError(
                    f"the certificate authority file {self._ca_file!r} (ca_file, SIGNALWIRE_RELAY_CA_FILE) "
                    f"cannot be used: {error}"
                ) from error
        return context

    def send(self, text: str) -> None:
        assert self._wire is not None
        self._wire.incoming.recall()
        self._wire.outgoing.put(text)

    def send_later(self, texts: Sequence[str]) -> None:
        assert self._wire is not None
        self._wire.outgoing.put_later(texts)

    def wake(self) -> None:
        if self._wire is not None:
            self._wire.incoming.wake()

    def abort(self) -> None:
        if self._wire is not None:
            self._wire.outgoing.break_off("it was ended here")

    def close(self) -> None:
        """Send a close frame if that can be done at once, then close the socket. The reading thread calls this."""
        if self._wire is None:
            return
        self._wire.outgoing.patience = 0.2
        with contextlib.suppress(ConnectionLost, websocket.WebSocketException, OSError):
            if not self._has_ended:
                self._ws.send_close()
            self._wire.outgoing.go_on()
        self._wire.outgoing.break_off("it was closed here")
        self._wire.incoming.close()

    def receive(self, timeout: float) -> str | None:
        wire = self._wire
        assert wire is not None
        while True:
            text = self._take(wire)
            if text is not None:
                return text
            wire.outgoing.go_on()
            if timeout <= 0:
                return None
            if not wire.fill(timeout / self._speed):
                return None

    def _take(self, wire: Wire) -> str | None:
        """Take the next message from the buffer; None if it holds no whole one."""
        while True:
            buffer = wire.incoming.buffer
            if len(buffer) < 2:
                return None
            first, start = buffer[0], 2
            length = buffer[1]
            if length == 126:
                if len(buffer) < 4:
                    return None
                length, start = buffer[2] << 8 | buffer[3], 4
            elif length == 127:
                if len(buffer) < 10:
                    return None
                length, start = struct.unpack_from("!Q", buffer, 2)[0], 10
            elif length > 127:
                raise self._refuse("the server masked a frame")
            if length + self._partial > MAX_MESSAGE:
                raise self._refuse(f"the server sent a message of more than {MAX_MESSAGE} octets")
            end = start + length
            if len(buffer) < end:
                return None
            if first == 0x81 and not self._in_fragments:
                data = buffer[start:end]
                del buffer[:end]
                return _text(data)
            wire.allowed = end
            text = self._unusual(first, length)
            if text is not None:
                return text

    def receive_more(self, most: int) -> list[str]:
        """Cut whole plain messages out of the buffer; what is unusual, or broken, is left to ``receive``."""
        texts: list[str] = []
        if self._wire is None or self._in_fragments:
            return texts
        buffer, begin = self._wire.incoming.buffer, 0
        whole = len(buffer)
        while len(texts) < most and whole - begin > 4 and buffer[begin] == 0x81:
            length, start = buffer[begin + 1], begin + 2
            if length == 126:
                length, start = buffer[start] << 8 | buffer[start + 1], start + 2
            elif length > 126:
                break
            end = start + length
            if end > whole:
                break
            try:
                texts.append(buffer[start:end].decode())
            except UnicodeDecodeError:
                break
            begin = end
        del buffer[:begin]
        return texts

    def read_for(self, is_mine: Callable[[str], bool], timeout: float) -> bool:
        if self._wire is None or not timeout > 0:
            return False
        return self._wire.incoming.visit(partial(self._octets_if, is_mine), timeout / self._speed)

    def _octets_if(self, is_mine: Callable[[str], bool], data: bytes) -> int:
        """The length of the first frame of these, if it is whole, plain, not too long, and theirs who wait; else 0."""
        if len(data) < 2 or data[0] != 0x81 or self._in_fragments or data[1] > 126:
            return 0
        length, start = data[1], 2
        if length == 126:
            length, start = int.from_bytes(data[2:4], "big"), 4
        end = start + length
        if len(data) < end:
            return 0
        try:
            return end if is_mine(data[start:end].decode()) else 0
        except UnicodeDecodeError:
            return 0

    def _unusual(self, first: int, length: int) -> str | None:
        """Let websocket-client take one whole frame; None unless it completes a text message."""
        is_data = first & 0x0F < 8
        if is_data:
            self._in_fragments = True
            self._partial += length
        elif length > LONGEST_CONTROL:
            raise self._refuse(f"the server broke the WebSocket protocol: a control frame of {length} octets")
        try:
            opcode, data = self._ws.recv_data(control_frame=True)
        except websocket.WebSocketTimeoutException:
            return None  # a fragment: it is kept, more will come
        except (websocket.WebSocketException, OSError, ValueError) as error:
            raise self._refuse(f"the server broke the WebSocket protocol: {error}") from error
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            self._has_ended = True  # websocket-client has answered it
            code = struct.unpack("!H", data[:2])[0] if len(data) >= 2 else 1005
            raise ConnectionLost(f"the server closed the link (code {code})")
        if not is_data:
            return None
        self._in_fragments = False
        self._partial = 0
        if opcode != websocket.ABNF.OPCODE_TEXT:
            raise ProtocolError(f"a binary message of {len(data)} octets, where RELAY sends text")
        return _text(data)

    def _refuse(self, reason: str) -> ConnectionLost:
        assert self._wire is not None
        self._wire.outgoing.break_off(reason)
        return ConnectionLost(reason)


def _text(data: bytes | bytearray) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ProtocolError(f"a text message of {len(data)} octets is not UTF-8: {error.reason}") from None


def _proxy_variable(url: str) -> str:
    """The environment variable that websocket-client takes a proxy from, or ""; its value may hold a password."""
    name = "https_proxy" if url.startswith("wss:") else "http_proxy"
    return next((each for each in (name, name.upper()) if os.environ.get(each)), "")


def _explain(url: str, error: Exception) -> Exception:
    """Turn what websocket-client raised into a sentence that says what to do."""
    if isinstance(error, ConfigurationError):
        return error
    permanent = False
    if isinstance(error, ssl.SSLCertVerificationError):
        permanent = True
        reason = (
            f"its TLS certificate was refused ({error.verify_message}); for a private certificate authority "
            "set ca_file or SIGNALWIRE_RELAY_CA_FILE"
        )
    elif isinstance(error, ssl.SSLError):
        reason = f"TLS failed ({error.reason or error}); is this a TLS port?"
    elif isinstance(error, (socket.gaierror, websocket.WebSocketAddressException)):
        # "Try again" is what a machine says whose network is not up yet.
        cause = error.args[0] if error.args and isinstance(error.args[0], OSError) else error
        permanent = getattr(cause, "errno", None) != socket.EAI_AGAIN
        reason = "its name cannot be resolved; check host or SIGNALWIRE_SPACE, and the network"
    elif isinstance(error, websocket.WebSocketBadStatusException):
        permanent = error.status_code in (400, 401, 403, 404, 405, 410)
        reason = f"it answered the WebSocket upgrade with HTTP {error.status_code}; is it a RELAY host?"
    elif isinstance(error, ConnectionRefusedError):
        reason = "nothing listens there (connection refused); check host or SIGNALWIRE_SPACE"
    elif isinstance(error, (TimeoutError, websocket.WebSocketTimeoutException)):
        reason = "it did not answer in time"
    else:
        reason = str(error) or type(error).__name__
    proxy = _proxy_variable(url)
    if proxy and isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
        reason += f"; it was tried through the proxy that {proxy} names, unless no_proxy has this host"
    failure = ConnectionFailed(f"cannot connect to {url}: {reason}")
    failure.permanent = permanent
    return failure
