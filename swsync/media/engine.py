"""The one thread of the process that receives RTP: it lives in one long C call (``csrc/rtpio.c``), without the GIL.

It starts with the first receiver, ends with the last, and is stopped and joined when the interpreter exits. A forked
child has no such thread: what its parent opened is left alone there, and its own first receiver starts a new one.
"""

from __future__ import annotations

import atexit
import logging
import mmap
import os
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any

from swsync._media import ffi, lib
from swsync.clock import REAL, are_threads_greenlets
from swsync.errors import MediaError

if TYPE_CHECKING:
    from collections.abc import Callable

    from swsync.media.rtpstream import RtpStream

__all__ = ["Link", "attach", "detach", "tick_lateness"]

logger = logging.getLogger(__name__)

THREAD_NAME = "swsync-media"
TICK = 0.005  # seconds between two drains of all sockets
BUDGET = 256  # datagrams that one socket may have of one tick
LINK_OCTETS = (lib.sw_socket_octets() + 63) // 64 * 64
PATIENCE = 5.0  # seconds that the engine may take to let go of a socket

_lock = threading.Lock()
_current: _Engine | None = None  # guarded by _lock
_will_stop_at_exit = False  # guarded by _lock
_news_fd = -1  # guarded by _lock; what every engine writes to when there is something for Python


def pages(octets: int) -> Any:
    """Zeroed memory aligned to a page, private to this process; freed when nothing refers to it any more."""
    return ffi.from_buffer(mmap.mmap(-1, octets, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))


class Link:
    """One socket in the engine, and that of its RTCP (or -1), with all that C refers to.

    It is kept until the engine has let go of it.
    """

    def __init__(self, stream: RtpStream, fd: int, rtcp_fd: int, speed: float, port: PortLink | None = None) -> None:
        self.rx = stream.c
        self._stream = stream  # its memory has LINK_OCTETS for C's record of the socket in front, then the receiver
        room, track = stream.room, stream.track
        self.c = ffi.cast("sw_socket *", room)
        self.engine: _Engine | None = None  # set by attach()
        if port is not None:
            self._port = port  # C refers to it
            lib.sw_socket_init_member(room, LINK_OCTETS, port.c, stream.c, track._c, speed)
            return
        options = lib.sw_socket_options(fd) or (rtcp_fd >= 0 and lib.sw_socket_options(rtcp_fd))
        if options or lib.sw_socket_init(room, LINK_OCTETS, fd, rtcp_fd, stream.c, track._c, speed):
            raise MediaError("this is no socket to receive RTP from")


class PortLink:
    """One socket in the engine whose datagrams go to many receivers."""

    def __init__(self, fd: int, receivers: int) -> None:
        octets = lib.sw_share_octets(receivers)
        self._room = pages(LINK_OCTETS + octets)
        self.c = ffi.cast("sw_socket *", self._room)
        self.share = ffi.cast("sw_share *", self._room + LINK_OCTETS)
        self.engine: _Engine | None = None  # set by attach()
        wrong = not octets or lib.sw_share_init(self.share, octets, receivers)
        if wrong or lib.sw_socket_options(fd) or lib.sw_socket_init_port(self._room, LINK_OCTETS, fd, self.share):
            raise MediaError("this is no socket to receive RTP from")

    def counter(self, number: int) -> int:
        """One of C's ``SW_SHARE_...``."""
        return int(lib.sw_share_counter(self.share, number))


class _Engine:
    """The C engine and its thread."""

    def __init__(self) -> None:
        self.links: set[Link | PortLink] = set()  # guarded by the module's _lock
        reading, self._waking = _wake_descriptors()
        weakref.finalize(self, _close_all, {reading, self._waking}, os.getpid()).atexit = False
        octets = lib.sw_engine_octets()
        self._memory = pages(octets)
        self.c = ffi.cast("sw_engine *", self._memory)
        # The plain path is what other systems than Linux have; the switch is for its tests.
        is_plain = os.environ.get("SWSYNC_RTP_PLAIN", "") == "1"
        code = lib.sw_engine_init(self._memory, octets, reading, int(TICK * 1e9), BUDGET, is_plain)
        if code != lib.SW_OK:
            raise MediaError(f"cannot receive RTP: {_reason(code)}")
        try:
            self.join = _start(self._run, THREAD_NAME)
        except RuntimeError as error:
            lib.sw_engine_discard(self.c)
            raise MediaError(f"cannot receive RTP: {error}") from None
        except BaseException:
            lib.sw_engine_discard(self.c)
            raise

    def _run(self) -> None:
        lib.sw_engine_run(self.c)

    def wake(self) -> None:
        try:
            os.write(self._waking, b"\1\0\0\0\0\0\0\0")
        except BlockingIOError:
            pass  # it is being woken already

    def stop(self) -> None:
        """End every socket, and the thread."""
        lib.sw_engine_stop(self.c)
        self.wake()
        if not self.join(PATIENCE):
            logger.warning("thread %s did not end within %s s", THREAD_NAME, PATIENCE)
            _abandoned.append(self)  # its memory must stay


_abandoned: list[object] = []


def _reason(code: int) -> str:
    if code >= lib.SW_ELENGTH:
        return str(ffi.string(lib.sw_strerror(code)).decode())
    return os.strerror(-code)


def _wake_descriptors() -> tuple[int, int]:
    try:
        if hasattr(os, "eventfd"):
            descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            return descriptor, descriptor
        reading, writing = os.pipe()
    except OSError as error:
        raise MediaError(f"cannot receive RTP: {error.strerror}") from error
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    return reading, writing


def _close_all(descriptors: set[int], pid: int) -> None:
    if os.getpid() == pid:
        for descriptor in descriptors:
            os.close(descriptor)


def _start(run: Callable[[], None], name: str) -> Callable[[float], bool]:
    """Start a thread of the operating system, and give what joins it (True if it ended in time)."""
    if not are_threads_greenlets():
        thread = REAL.start(run, name)

        def join(timeout: float) -> bool:
            thread.join(timeout)
            return not thread.is_alive()

        return join
    # A greenlet that sits in C would stop all others: take the thread that gevent has hidden.
    monkey = sys.modules["gevent.monkey"]
    ended = monkey.get_original("_thread", "allocate_lock")()
    ended.acquire()

    def body() -> None:
        try:
            run()
        finally:
            ended.release()

    monkey.get_original("_thread", "start_new_thread")(body, ())
    return lambda timeout: bool(ended.acquire(True, timeout))


def attach(link: Link | PortLink) -> None:
    """Have the engine receive from a socket; start the engine if there is none."""
    global _current, _will_stop_at_exit
    with _lock:
        if not _will_stop_at_exit:
            atexit.register(_stop_at_exit)
            _will_stop_at_exit = True
        if _current is None:
            _current = _Engine()
            lib.sw_engine_news(_current.c, _news_fd)
        link.engine = _current
        _current.links.add(link)
        lib.sw_engine_open(_current.c, link.c)
        _current.wake()


def detach(link: Link | PortLink) -> None:
    """Let the engine take what the socket still holds, end its track, and let go of it; then it may be closed.

    Raises:
        MediaError: The engine did not answer.
    """
    global _current
    with _lock:
        engine, link.engine = link.engine, None
        if engine is None:
            return
        lib.sw_engine_end(engine.c, link.c)
    engine.wake()
    _await_done(link)
    with _lock:
        engine.links.discard(link)
        is_last = engine is _current and not engine.links
        if is_last:
            _current = None
    if is_last:
        engine.stop()


def tell(descriptor: int) -> None:
    """Have engines write to this descriptor when a receiver has something that is handled in Python; -1 for none.

    It has to stay open.
    """
    global _news_fd
    with _lock:
        _news_fd = descriptor
        if _current is not None:
            lib.sw_engine_news(_current.c, descriptor)


def hurry(link: Link) -> bool:
    """Have the engine look at a link again; False if it has none."""
    with _lock:  # once the engine has let go of a link it must not be handed to it again
        engine = link.engine
        if engine is None:
            return False
        lib.sw_engine_attend(engine.c, link.c)
    engine.wake()
    return True


def attend(link: Link, is_there: Callable[[], bool] | None = None) -> None:
    """Have the engine look at a link again; wait until it has taken up what ``sw_rx_expect`` was told, or let go of it.

    Args:
        link: That was attached.
        is_there: What else to wait for.
    """
    if not hurry(link):
        return
    deadline = REAL.now() + PATIENCE
    while not (lib.sw_rx_attended(link.rx) and (is_there is None or is_there())):
        if lib.sw_socket_done(link.c) or REAL.now() > deadline:
            return
        REAL.sleep(0.0005)  # as for _await_done


def _await_done(link: Link | PortLink) -> None:
    deadline = REAL.now() + PATIENCE
    while not lib.sw_socket_done(link.c):
        if REAL.now() > deadline:
            raise MediaError(f"thread {THREAD_NAME} does not answer; the socket stays open")
        REAL.sleep(0.0005)  # it has been woken, and has a tick's work at most before this


def tick_lateness() -> list[float]:
    """Seconds by which each of the last ticks (4,096 at most, in no order) came later than planned."""
    with _lock:
        engine = _current
    if engine is None:
        return []
    out = ffi.new("uint64_t[]", lib.SW_ENGINE_LATENESS)
    ticks = lib.sw_engine_lateness(engine.c, out, lib.SW_ENGINE_LATENESS)
    return [out[i] / 1e9 for i in range(min(ticks, lib.SW_ENGINE_LATENESS))]


def _stop_at_exit() -> None:
    global _current
    with _lock:
        engine, _current = _current, None
    if engine is not None:
        engine.stop()


def _forget_parent() -> None:
    """In a forked child: the parent's engine is not here, and its lock may have been held."""
    global _current, _lock, _news_fd
    _lock = threading.Lock()
    _news_fd = -1
    if _current is not None:
        _abandoned.append(_current)  # never finalized here: its descriptors are the parent's too
    _current = None


os.register_at_fork(after_in_child=_forget_parent)
