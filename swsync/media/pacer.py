"""The one thread of the process that sends RTP: it lives in one long C call (``csrc/rtppace.c``), without the GIL.

It starts with the first sender, ends with the last, and is stopped and joined when the interpreter exits: the far sides
are told goodbye. A forked child has no such thread; its own first sender starts a new one.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import weakref
from typing import Any

from swsync._media import ffi, lib
from swsync.clock import REAL
from swsync.errors import MediaError
from swsync.media.engine import _close_all, _start, _wake_descriptors, pages

__all__ = ["Outlet", "attach", "attend", "detach"]

logger = logging.getLogger(__name__)

THREAD_NAME = "swsync-mediasend"
GRAIN = 0.001  # seconds between two looks at what is due: one wake-up serves all packets of a millisecond
PATIENCE = 5.0  # seconds that the pacer may take to let go of an outlet

_lock = threading.Lock()
_current: _Pacer | None = None  # guarded by _lock
_will_stop_at_exit = False  # guarded by _lock
_abandoned: list[object] = []


class Outlet:
    """One sender in the pacer, with all that C refers to: it is kept until the pacer has let go of it."""

    def __init__(self, tx: Any, memory: Any, *, rtp_fd: int, rtcp_fd: int, speed: float, cname: bytes) -> None:
        self._held = tx, memory
        octets = lib.sw_outlet_octets()
        self._memory = pages(octets)
        self.c = ffi.cast("sw_outlet *", self._memory)
        if lib.sw_outlet_init(self._memory, octets, tx, rtp_fd, rtcp_fd, speed, cname, len(cname)) != lib.SW_OK:
            raise MediaError("these are no sockets to send RTP with")
        self.pacer: _Pacer | None = None  # set by attach()

    def report(self) -> Any:
        """The C core's snapshot (``sw_outlet_state``)."""
        state = ffi.new("sw_outlet_state *")
        lib.sw_outlet_report(self.c, state)
        return state

    def attend(self, *, always: bool = False) -> bool:
        """Have it sent; whether there is room for more now, which nobody knows."""
        attend(self, always=always)
        return False

    def detach(self) -> None:
        """Have the pacer say goodbye and let go of it; then its sockets may be closed. Idempotent.

        Raises:
            MediaError: The pacer did not answer.
        """
        detach(self)


class _Pacer:
    """The C pacer and its thread."""

    def __init__(self) -> None:
        self.outlets: set[Outlet] = set()  # guarded by the module's _lock
        reading, self._waking = _wake_descriptors()
        weakref.finalize(self, _close_all, {reading, self._waking}, os.getpid()).atexit = False
        octets = lib.sw_pacer_octets()
        self._memory = pages(octets)
        self.c = ffi.cast("sw_pacer *", self._memory)
        lib.sw_pacer_init(self._memory, octets, reading, int(GRAIN * 1e9))
        try:
            self.join = _start(self._run, THREAD_NAME)
        except RuntimeError as error:
            raise MediaError(f"cannot send RTP: {error}") from None

    def _run(self) -> None:
        lib.sw_pacer_run(self.c)

    def wake(self) -> None:
        try:
            os.write(self._waking, b"\1\0\0\0\0\0\0\0")
        except BlockingIOError:
            pass  # it is being woken already

    def stop(self) -> None:
        """Say goodbye for every outlet, and end the thread."""
        lib.sw_pacer_stop(self.c)
        self.wake()
        if not self.join(PATIENCE):
            logger.warning("thread %s did not end within %s s", THREAD_NAME, PATIENCE)
            _abandoned.append(self)  # its memory must stay


def attach(outlet: Outlet) -> None:
    """Have the pacer serve an outlet; start the pacer if there is none.

    Raises:
        MediaError: There is no thread to be had, or there are 8,192 senders.
    """
    global _current, _will_stop_at_exit
    with _lock:
        if not _will_stop_at_exit:
            atexit.register(_stop_at_exit)
            _will_stop_at_exit = True
        if _current is None:
            _current = _Pacer()
        if len(_current.outlets) >= lib.SW_PACER_OUTLETS:
            raise MediaError(f"one process sends {lib.SW_PACER_OUTLETS} RTP streams at most: close some")
        outlet.pacer = _current
        _current.outlets.add(outlet)


def attend(outlet: Outlet, *, always: bool = False) -> None:
    """Something was put: have the pacer look, if it rests; with ``always`` also if it has a time for it."""
    with _lock:  # once the pacer has let go of an outlet it must not be handed to it again
        pacer = outlet.pacer
        if pacer is None or not (lib.sw_outlet_rests(outlet.c) or always):
            return
        lib.sw_pacer_attend(pacer.c, outlet.c, 0)
    pacer.wake()


def detach(outlet: Outlet) -> None:
    """Let the pacer say goodbye and let go of an outlet; then its sockets may be closed. Idempotent.

    Raises:
        MediaError: The pacer did not answer.
    """
    global _current
    with _lock:
        pacer, outlet.pacer = outlet.pacer, None
        if pacer is None:
            return
        lib.sw_pacer_attend(pacer.c, outlet.c, 1)
    pacer.wake()
    deadline = REAL.now() + PATIENCE
    while not lib.sw_outlet_done(outlet.c):
        if REAL.now() > deadline:
            _abandoned.append(outlet)
            raise MediaError(f"thread {THREAD_NAME} does not answer; the socket stays open")
        REAL.sleep(0.0002)  # it has been woken, and has a burst of packets at most before this
    with _lock:
        pacer.outlets.discard(outlet)
        is_last = pacer is _current and not pacer.outlets
        if is_last:
            _current = None
    if is_last:
        pacer.stop()


def _stop_at_exit() -> None:
    global _current
    with _lock:
        pacer, _current = _current, None
        for outlet in pacer.outlets if pacer is not None else ():
            outlet.pacer = None
    if pacer is not None:
        pacer.stop()


def _forget_parent() -> None:
    """In a forked child: the parent's pacer is not here, and its lock may have been held."""
    global _current, _lock
    _lock = threading.Lock()
    if _current is not None:
        for outlet in _current.outlets:
            outlet.pacer = None
        _abandoned.append(_current)  # never finalized here: its descriptors are the parent's too
    _current = None


os.register_at_fork(after_in_child=_forget_parent)
