"""TLS of one connection, through memory: the socket stays a plain one that the selector understands."""

from __future__ import annotations

import ssl

__all__ = ["TlsChannel"]

READ_SIZE = 64 * 1024


class TlsChannel:
    """TLS between the socket's octets and the protocol's, through memory."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._shaken = False
        self._ended = False

    def receive(self, sealed: bytes) -> tuple[bytes, bool]:
        """What the octets hold in clear, and whether the peer has ended its side.

        Raises:
            ssl.SSLError: They are no TLS of this session.
        """
        if sealed:
            self._incoming.write(sealed)
        else:
            self._incoming.write_eof()
        clear: list[bytes] = []
        try:
            if not self._shaken:
                self._tls.do_handshake()
                self._shaken = True
            while True:
                data = self._tls.read(READ_SIZE)
                if not data:
                    return b"".join(clear), True
                clear.append(data)
        except ssl.SSLWantReadError:
            return b"".join(clear), not sealed
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b"".join(clear), True

    def send(self, data: bytes) -> None:
        """Seal octets for the peer."""
        if data and self._shaken:
            self._tls.write(data)

    def end(self) -> None:
        """Tell the peer, once, that no more will come."""
        if self._ended:
            return
        self._ended = True
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            pass  # it waits for the peer's own farewell, which nobody needs

    def take(self) -> bytes:
        """Sealed octets for the socket."""
        return self._outgoing.read()
