"""Links that carry RELAY's text messages: WebSocket, and one in memory for tests and virtual time.

websocket-client makes the WebSocket connection (proxy, TLS, upgrade). Then its socket is replaced by ``_Wire``, which
reads in blocks and writes in batches: whole unmasked text frames are taken from its buffer without going through
websocket-client, what several threads want to send leaves in one write, and everything unusual (fragments, control
frames, close) goes through websocket-client as before.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import struct
import threading
from collections import deque
from typing import Any, Protocol

import websocket

from swsync.clock import REAL, Clock
from swsync.errors import ConfigurationError, ConnectionFailed, ConnectionLost, ProtocolError
from swsync.protocol import MAX_MESSAGE

__all__ = ["MemoryTransport", "Transport", "WebSocketTransport", "memory_pair"]

BLOCK = 65536  # octets asked of the socket at a time
RECORD = 16384  # octets of a full TLS record: where one came, there is likely to be another
MOST_BUFFERED = 262_144  # octets read ahead of the messages they hold
SEND_TIMEOUT = 15.0  # seconds in which the peer takes nothing: the link is broken
ROUNDS = 8  # writes that one sender does for others before the reading thread takes over


class Transport(Protocol):
    """One link to RELAY, from ``connect`` to ``close``; it is not used again.

    One thread calls ``receive``; any thread may call the others. A transport without ``send_later`` works too, and one
    without ``wake``, but timers set by other threads are then up to a quarter of a second late.
    """

    def connect(self, timeout: float) -> None:
        """Make the link within that many seconds, or raise ``ConnectionFailed``."""
        ...

    def send(self, text: str) -> None:
        """Send one message, or leave it to a thread that is sending. Raises ``ConnectionLost``."""
        ...

    def send_later(self, text: str) -> None:
        """Send one message with the next write, at the latest when ``receive`` waits. The receiving thread calls it."""
        ...

    def receive(self, timeout: float) -> str | None:
        """Return the next message; None after ``timeout`` seconds or ``wake``.

        With 0 it returns only what is there already. Raises ``ConnectionLost`` at the end of the link and
        ``ProtocolError`` for a message that is none; after the latter it may be called again.
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


class _Wire:
    """The socket behind a ``websocket.WebSocket``: buffered to read, combined to write, never blocking.

    websocket-client sees an ordinary socket. ``recv`` never goes to the network: ``fill`` does.
    """

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        sock.setblocking(False)
        self.buffer = bytearray()  # the reading thread's
        self._may_hold_more = True  # the socket, of a TLS record that was read in part: at first what connecting left
        self.allowed = 0  # octets of it that websocket-client may take: one frame; the reading thread's
        self._reader = select.poll()  # the reading thread's
        self._reader.register(sock.fileno(), select.POLLIN)
        self._wake_out, self._wake_in = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._reader.register(self._wake_out.fileno(), select.POLLIN)
        # OpenSSL does not promise that one connection may be read and written at the same moment. The calls under
        # this lock never block; waiting is done by poll, outside it.
        self._tls = threading.Lock() if isinstance(sock, ssl.SSLSocket) else None
        self.patience = SEND_TIMEOUT  # seconds; the reading thread shortens it to say goodbye
        self._lock = threading.Lock()
        self._waiting: list[str | bytes] = []  # guarded by _lock; text is a message, bytes are a whole frame
        self._writing = False  # guarded by _lock: some thread is in _drain, or has left its work to the reader
        self._handed_over = False  # guarded by _lock: the reader is to go on with _drain
        self.broken = ""  # set once, then only read: why nothing more can be sent

    # What websocket-client calls.

    def recv(self, size: int) -> bytes:
        """Hand out one whole frame and no octet of the next, which may not be its business."""
        if not self.allowed:
            raise TimeoutError("that was the frame")
        data = bytes(self.buffer[: min(size, self.allowed)])
        del self.buffer[: len(data)]
        self.allowed -= len(data)
        return data

    def send(self, data: bytes) -> int:
        self.put(data)
        return len(data)

    def gettimeout(self) -> float:
        return 0

    def settimeout(self, timeout: float | None) -> None:
        pass

    def fileno(self) -> int:
        return int(self._sock.fileno())

    # Writing.

    def put(self, item: str | bytes) -> None:
        """Queue a message or a frame, and write what is queued unless somebody is writing already."""
        with self._lock:
            if self.broken:
                raise ConnectionLost(f"the link is broken: {self.broken}")
            self._waiting.append(item)
            if self._writing:
                return
            self._writing = True
        self._drain(ROUNDS)

    def put_later(self, item: str | bytes) -> None:
        """Queue a message for the next write: this one's own before it waits, or another thread's that writes now."""
        with self._lock:
            self._waiting.append(item)
            if not self._writing:
                self._writing = self._handed_over = True

    def go_on_writing(self) -> None:
        """Take over what a sender has left; the reading thread calls this before it waits."""
        if self._handed_over:
            with self._lock:
                mine, self._handed_over = self._handed_over, False
            if mine:
                self._drain(0)

    def _drain(self, rounds: int) -> None:
        """Write until nothing waits, or for that many rounds (0: all). Requires that this thread set _writing.

        With rounds this is a sender with a timeout of its own: when the other side takes no more, the reader waits.
        """
        done = 0
        try:
            while True:
                with self._lock:
                    batch, self._waiting = self._waiting, []
                    if not batch:
                        self._writing = False
                        return
                    if rounds and done == rounds:
                        self._waiting = batch
                        self._handed_over = True
                        break
                rest = self._write(_framed(batch), must_wait=not rounds)
                if rest:
                    with self._lock:
                        self._waiting.insert(0, rest)
                        self._handed_over = True
                    break
                done += 1
        except BaseException as error:
            # Half a frame may be out, whatever interrupted it: nobody can go on after that.
            self.break_off(str(error) or type(error).__name__)
            if isinstance(error, (OSError, ValueError)):
                raise ConnectionLost(f"sending failed: {error}") from error
            raise
        self.wake()

    def _write(self, data: bytes, must_wait: bool) -> bytes:
        """Write it all, or return what the other side does not take now."""
        view = memoryview(data)
        while True:
            try:
                if self._tls is None:
                    sent = self._sock.send(view)
                else:
                    with self._tls:
                        sent = self._sock.send(view)
            except (BlockingIOError, ssl.SSLWantWriteError):
                if not must_wait:
                    return bytes(view)
                self._await(select.POLLOUT)
                continue
            except ssl.SSLWantReadError:
                self._await(select.POLLIN)
                continue
            if sent == len(view):
                return b""
            view = view[sent:]

    def _await(self, what: int) -> None:
        poll = select.poll()
        poll.register(self._sock.fileno(), what)
        if not poll.poll(self.patience * 1000):
            raise TimeoutError(f"the other side has taken nothing for {self.patience:g} s")

    # Reading: the reading thread only.

    def fill(self, seconds: float) -> bool:
        """Wait for more octets and buffer them; False after ``seconds`` or ``wake``.

        Raises:
            ConnectionLost: There will be no more.
        """
        try:
            if not (self._may_hold_more and self._is_decrypted()):
                ready = self._reader.poll(seconds * 1000)
                if not ready:
                    return False
                if self._woken(ready):
                    return False
            data = self._recv()
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except (OSError, ValueError) as error:
            raise ConnectionLost(f"the link broke: {self.broken or error}") from error
        if not data:
            raise ConnectionLost(f"the server ended the link{self.broken and ': '}{self.broken}")
        self.buffer += data
        self._may_hold_more = len(data) >= BLOCK  # more than a TLS record
        if len(data) >= RECORD:
            self._fill_more()
        return True

    def _fill_more(self) -> None:
        """Take what has arrived besides: a burst is best handled as one. Its end is left to the next fill."""
        with contextlib.suppress(OSError, ValueError):
            while len(self.buffer) < MOST_BUFFERED:
                data = self._recv()
                self.buffer += data
                if len(data) < RECORD:
                    return

    def _recv(self) -> bytes:
        if self._tls is None:
            return bytes(self._sock.recv(BLOCK))
        with self._tls:
            return bytes(self._sock.recv(BLOCK))

    def _is_decrypted(self) -> bool:
        """Whether a TLS record is there already, of which poll knows nothing."""
        if self._tls is None:
            return False
        with self._tls:
            return bool(self._sock.pending())

    def _woken(self, ready: list[tuple[int, int]]) -> bool:
        number = self._wake_out.fileno()
        if not any(found == number for found, _ in ready):
            return False
        with contextlib.suppress(BlockingIOError):
            while self._wake_out.recv(4096):
                pass
        return True

    def wake(self) -> None:
        with contextlib.suppress(OSError):  # full: it will wake anyway; closed: nobody waits
            self._wake_in.send(b"\0")

    # Ending.

    def break_off(self, reason: str) -> None:
        """Make both sides see the end. The descriptor stays: the reader may be polling it."""
        with self._lock:
            self.broken = self.broken or reason
            self._waiting.clear()
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)
        self.wake()

    def close(self) -> None:
        for sock in (self._sock, self._wake_in, self._wake_out):
            sock.close()


def _framed(batch: list[str | bytes]) -> bytes:
    """Frame text messages (RFC 6455 5.2, 5.3); bytes are whole frames already.

    websocket-client's ABNF would do, at four times the cost: with it, framing acknowledgements takes longer than
    parsing the events they are for.
    """
    masks, frames = os.urandom(4 * len(batch)), []
    for i, item in enumerate(batch):
        if isinstance(item, bytes):
            frames.append(item)
            continue
        data = item.encode()
        length = len(data)
        if length < 126:
            head = struct.pack("!BB", 0x81, 0x80 | length)
        elif length < 65536:
            head = struct.pack("!BBH", 0x81, 0x80 | 126, length)
        else:
            head = struct.pack("!BBQ", 0x81, 0x80 | 127, length)
        mask = masks[4 * i : 4 * i + 4]
        key = (mask * (length // 4 + 1))[:length]
        masked = int.from_bytes(data, "little") ^ int.from_bytes(key, "little")
        frames.append(head + mask + masked.to_bytes(length, "little"))
    return b"".join(frames)


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
        self._wire: _Wire | None = None  # set by connect, then only read
        self._partial = 0  # octets of a message in fragments so far; the reading thread's
        self._in_fragments = False  # the reading thread's

    def connect(self, timeout: float) -> None:
        """Resolve, connect, verify, upgrade. ``timeout`` bounds each step.

        Raises:
            ConnectionFailed: Why, in a sentence. ``.permanent`` is True when trying again cannot help.
            ConfigurationError: The CA file cannot be read.
        """
        options: dict[str, Any] = {"context": self._context()} if self._url.startswith("wss:") else {}
        try:
            ws = websocket.create_connection(
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
        self._ws = ws
        self._wire = self._ws.sock = _Wire(ws.sock)

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
        self._wire.put(text)

    def send_later(self, text: str) -> None:
        assert self._wire is not None
        self._wire.put_later(text)

    def wake(self) -> None:
        if self._wire is not None:
            self._wire.wake()

    def abort(self) -> None:
        if self._wire is not None:
            self._wire.break_off("it was ended here")

    def close(self) -> None:
        """Send a close frame if that can be done at once, then close the socket. The reading thread calls this."""
        if self._wire is None:
            return
        self._wire.patience = 0.2
        with contextlib.suppress(ConnectionLost, websocket.WebSocketException, OSError):
            self._ws.send_close()
            self._wire.go_on_writing()
        self._wire.break_off("it was closed here")
        self._wire.close()

    def receive(self, timeout: float) -> str | None:
        wire = self._wire
        assert wire is not None
        while True:
            text = self._take(wire)
            if text is not None:
                return text
            wire.go_on_writing()
            if timeout <= 0:
                return None
            if not wire.fill(timeout / self._speed):
                return None

    def _take(self, wire: _Wire) -> str | None:
        """Take the next message from the buffer; None if it holds no whole one."""
        while True:
            buffer = wire.buffer
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

    def _unusual(self, first: int, length: int) -> str | None:
        """Let websocket-client take one whole frame; None unless it completes a text message."""
        is_data = first & 0x0F < 8
        if is_data:
            self._in_fragments = True
            self._partial += length
        try:
            opcode, data = self._ws.recv_data(control_frame=True)
        except websocket.WebSocketTimeoutException:
            return None  # a fragment: it is kept, more will come
        except (websocket.WebSocketException, OSError, ValueError) as error:
            raise self._refuse(f"the server broke the WebSocket protocol: {error}") from error
        if opcode == websocket.ABNF.OPCODE_CLOSE:
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
        self._wire.break_off(reason)
        return ConnectionLost(reason)


def _text(data: bytes | bytearray) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ProtocolError(f"a text message of {len(data)} octets is not UTF-8: {error.reason}") from None


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
        permanent = True
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
    failure = ConnectionFailed(f"cannot connect to {url}: {reason}")
    failure.permanent = permanent
    return failure


class MemoryTransport:
    """One end of a link in memory, made by ``memory_pair``; it lives in its clock's time."""

    def __init__(self, clock: Clock) -> None:
        self._changed = clock.condition()
        # All below is guarded by _changed.
        self._arrived: deque[str] = deque()
        self._woken = False
        self._ended = ""
        self._peer: MemoryTransport | None = None

    def connect(self, timeout: float) -> None:
        """A pair is connected from the start."""

    def send(self, text: str) -> None:
        with self._changed:
            if self._ended:
                raise ConnectionLost(f"the link is broken: {self._ended}")
            peer = self._peer
        if peer is not None:
            peer._arrive(text)

    send_later = send

    def _arrive(self, text: str) -> None:
        with self._changed:
            if not self._ended:
                self._arrived.append(text)
                self._changed.notify_all()

    def receive(self, timeout: float | None = None) -> str | None:
        with self._changed:
            if timeout is None or timeout > 0:
                self._changed.wait_for(lambda: self._arrived or self._woken or self._ended, timeout)
            self._woken = False
            if self._arrived:
                return self._arrived.popleft()
            if self._ended:
                raise ConnectionLost(f"the link ended: {self._ended}")
            return None

    def wake(self) -> None:
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def close(self) -> None:
        """End the link; what was sent before still arrives."""
        self._end("it was closed here")
        if self._peer is not None:
            self._peer._end("it was closed there")

    def abort(self) -> None:
        """End the link; what has not been read is lost on both sides."""
        for side in (self, self._peer):
            if side is not None:
                side._end("it broke", lose=True)

    def _end(self, reason: str, lose: bool = False) -> None:
        with self._changed:
            self._ended = self._ended or reason
            if lose:
                self._arrived.clear()
            self._changed.notify_all()


def memory_pair(clock: Clock = REAL) -> tuple[MemoryTransport, MemoryTransport]:
    """Make a link in memory: the client's end and the server's end."""
    client, server = MemoryTransport(clock), MemoryTransport(clock)
    client._peer, server._peer = server, client
    return client, server
