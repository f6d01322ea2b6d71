"""What a pacer's outlet is on a virtual clock: whoever puts something sends it, and waits until its time is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from swsync._media import ffi, lib
from swsync.errors import MediaError

if TYPE_CHECKING:
    import socket

    from swsync.clock import Clock

__all__ = ["PlayedOut"]

REPORT_EVERY = 5.0  # seconds between RTCP reports; rtppace.c has those of a pacer
LARGEST_PACKET = 12 + int(lib.SW_TX_LARGEST)
NEVER = 2**63 - 1


@attrs.define
class _State:
    """As C's ``sw_outlet_state``."""

    refused: int = 0
    dropped: int = 0
    reports: int = 0
    latest: int = 0
    error: int = 0


class PlayedOut:
    """Sends what is queued, each packet at its time, on the thread that calls ``attend``.

    Args:
        tx: The queue, ``sw_tx *``.
        rtp: Where packets go.
        rtcp: Where reports go; None for none.
        clock: What gives them their time.
        cname: Of the reports.
    """

    def __init__(self, tx: Any, rtp: socket.socket, rtcp: socket.socket | None, clock: Clock, cname: bytes) -> None:
        self._tx, self._rtp, self._rtcp, self._clock, self._cname = tx, rtp, rtcp, clock, cname
        self._state = _State()
        self._next_report = 0.0

    def report(self) -> _State:
        """What it has done so far."""
        return self._state

    def attend(self, *, always: bool = False) -> bool:
        """Send all that is queued; there is room then."""
        out = ffi.new("uint8_t[]", LARGEST_PACKET)
        while (due := lib.sw_tx_due(self._tx, now := self._now())) < NEVER:
            if due > now:
                self._clock.sleep((due - now) / 1e9)
                continue
            octets = lib.sw_tx_take(self._tx, now, out, LARGEST_PACKET)
            if octets <= 0:
                continue
            self._send(self._rtp, bytes(ffi.buffer(out, octets)))
            if self._clock.now() >= self._next_report:
                self._report(bye=False)
                self._next_report = self._clock.now() + REPORT_EVERY
        state = ffi.new("sw_tx_state *")
        lib.sw_tx_state_at(self._tx, self._now(), state)
        self._clock.sleep(int(state.left) / 1e9)
        return True

    def detach(self) -> None:
        """Say goodbye."""
        self._report(bye=True)

    def _now(self) -> int:
        return round(self._clock.now() * 1e9)

    def _send(self, sock: socket.socket, datagram: bytes) -> None:
        for attempt in (1, 2):
            try:
                sock.send(datagram)
                return
            except ConnectionRefusedError:
                # An ICMP message about an earlier packet: nobody listened then, somebody may now.
                self._state.refused += attempt
            except OSError as error:
                raise MediaError(f"cannot send RTP: {error.strerror or error}") from None

    def _report(self, bye: bool) -> None:
        if self._rtcp is None:
            return
        out = ffi.new("uint8_t[]", lib.SW_TX_REPORT)
        wall = round(self._clock.time() * 1e9)
        octets = lib.sw_tx_report(
            self._tx, self._now(), wall, bye, self._cname, len(self._cname), out, lib.SW_TX_REPORT
        )  # fmt: skip
        if octets > 0:
            self._state.reports += 1
            self._send(self._rtcp, bytes(ffi.buffer(out, octets)))
