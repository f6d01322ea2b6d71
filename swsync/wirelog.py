"""What goes over a link, in the log ``swsync.wire`` at DEBUG, without its secrets.

Whether it is logged is decided when a link is made: a link that nobody listens to costs nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from swsync.masking import masked
from swsync.transport import Transport, send_later

__all__ = ["LoggedTransport"]

logger = logging.getLogger("swsync.wire")

LONGEST = 4096  # characters of a frame that are logged


class LoggedTransport:
    """A link that says what goes over it.

    Args:
        transport: The link itself.
        secrets: Values that are masked wherever they stand in a frame.
    """

    def __init__(self, transport: Transport, secrets: Iterable[str]) -> None:
        self._transport = transport
        self._secrets = tuple(secrets)

    def _log(self, direction: str, text: str) -> None:
        # Masked before it is cut: half a secret is one too.
        text = masked(text, self._secrets)
        rest = len(text) - LONGEST
        logger.debug("%s %s%s", direction, text[:LONGEST], f" ... and {rest} more" if rest > 0 else "")

    def connect(self, timeout: float) -> None:
        self._transport.connect(timeout)

    def send(self, text: str) -> None:
        self._log(">", text)
        self._transport.send(text)

    def send_later(self, texts: Sequence[str]) -> None:
        for text in texts:
            self._log(">", text)
        send_later(self._transport, texts)

    def receive(self, timeout: float) -> str | None:
        text = self._transport.receive(timeout)
        if text is not None:
            self._log("<", text)
        return text

    def receive_more(self, most: int) -> list[str]:
        receive_more = getattr(self._transport, "receive_more", None)
        texts: list[str] = receive_more(most) if receive_more is not None else []
        for text in texts:
            self._log("<", text)
        return texts

    def read_for(self, is_mine: Callable[[str], bool], timeout: float) -> bool:
        found: list[str] = []

        def noted(text: str) -> bool:
            found.append(text)
            return is_mine(text)

        read_for = getattr(self._transport, "read_for", None)
        is_read = read_for is not None and read_for(noted, timeout)
        if is_read:
            self._log("<", found[0])
        return is_read

    def wake(self) -> None:
        wake = getattr(self._transport, "wake", None)
        if wake is not None:
            wake()

    def close(self) -> None:
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()
