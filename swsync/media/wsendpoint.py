"""The thread that serves every media WebSocket of the process: listening sockets, connections, deadlines.

It starts with the first receiver and ends with the last one (``wsattach`` sees to the first, ``Endpoint`` to the
second). Whoever does not know a receiver's path, or its token, is refused before the upgrade; nothing that a peer sends
can raise here. Time and waiting are the machine's own: the thread sits in a selector on real sockets.
"""

from __future__ import annotations

import collections
import errno
import heapq
import itertools
import logging
import math
import os
import selectors
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from websockets.frames import CloseCode
from websockets.http11 import Request

from swsync.clock import REAL, are_threads_greenlets
from swsync.errors import MediaError
from swsync.media.wsconnection import Connection, Route
from swsync.media.wsdeframe import request_path
from swsync.media.wslistener import Attachment, Listener, path_key
from swsync.media.wsplain import Octets, Sweep

__all__ = ["Endpoint", "counters"]

logger = logging.getLogger(__name__)

MAX_PENDING = 256  # connections that have not shown a path and a token yet; one more pushes out the oldest
ACCEPTS_A_ROUND = 64
OUT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
TICK = 0.005  # seconds from one round to the next where many sockets send: less than the 20 ms of a frame
MANY = 8  # sockets; fewer have nothing to gather in a tick
PAUSE = 0.25  # seconds without accepting when the process has no descriptor left

REASONS = (
    "accepted", "upgraded", "pending_pushed_out", "accept_failed", "handshake_timeout", "tls_failed", "bad_request",
    "head_too_long", "not_found", "unauthorized", "busy", "ended", "protocol_error", "invalid_utf8", "message_too_big",
    "time_limit", "total_limit", "idle_timeout", "does_not_read", "invalid_messages", "internal_error",
)  # fmt: skip
_counters = dict.fromkeys(REASONS, 0)  # written by the endpoint's thread only; never grows


def counters() -> dict[str, int]:
    """What media WebSockets of this process came to since it started: accepted, upgraded, and each kind of refusal."""
    return dict(_counters)


def _descriptors() -> tuple[selectors.BaseSelector, Sweep | None, socket.socket, socket.socket]:
    """A selector, what C selects by where it can, and a pair of sockets to wake them.

    Raises:
        MediaError: There are none left.
    """
    selector, sweep = None, None
    try:
        selector = selectors.DefaultSelector()
        sweep = Sweep() if Sweep.possible else None
        return selector, sweep, *socket.socketpair()
    except OSError as error:
        for each in (selector, sweep):
            if each is not None:
                each.close()
        raise MediaError(f"cannot receive media: {error.strerror or error}") from error


class Endpoint:
    """The thread, its selector and everything it owns.

    Args:
        lock: Guards what several threads need; held for a few instructions.
    """

    def __init__(self, lock: threading.Lock) -> None:
        self.pid = os.getpid()
        self.lock = lock
        self.ended = False  # guarded by lock; no receiver may be attached any more
        self._listeners: list[Listener] = []  # guarded by lock
        self._commands: collections.deque[tuple[Callable[..., None], tuple[Any, ...]]] = collections.deque()
        # All below belongs to the thread.
        self.octets = Octets()
        self._selector, self._sweep, self._wake_reader, self._wake_writer = _descriptors()
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)
        self._selector.register(self._wake_reader, selectors.EVENT_READ, None)
        self._bell = selectors.PollSelector()  # the wake-up alone
        if self._sweep is not None:
            self._selector.register(self._sweep, selectors.EVENT_READ, self._sweep)
        self._bell.register(self._wake_reader, selectors.EVENT_READ, None)
        self._round_began = 0.0
        self._pending: dict[Connection, Listener] = {}  # oldest first
        self._swept: dict[int, Connection] = {}  # by descriptor: those that C reads
        self._connections: dict[Connection, Listener] = {}
        self._attachments: dict[int, Attachment] = {}  # by id of its route
        self._leaving: set[Attachment] = set()
        self._timers: list[tuple[float, int, Connection]] = []
        self._order = itertools.count()
        self._paused_until = 0.0
        self._stopping = False
        self.thread = threading.Thread(target=self._run, name="swsync-wsmedia", daemon=True)
        try:
            self.thread.start()
        except BaseException as error:
            self.release_descriptors()
            if isinstance(error, RuntimeError):
                raise MediaError(f"cannot receive media: {error}") from None
            raise

    # From any thread.

    def listen(self, address: tuple[Any, ...], context: ssl.SSLContext | None) -> Listener:
        """A listening socket for that address, shared if there is one; requires the lock."""
        assert self.lock.locked()
        for listener in self._listeners:
            if listener.serves(address, context):
                listener.users += 1
                return listener
        listener = Listener(address, context)
        listener.users = 1
        self._listeners.append(listener)
        return listener

    def post(self, function: Callable[..., None], *args: Any) -> None:
        """Have the thread do something."""
        if self.pid != os.getpid():
            raise MediaError("this receiver was made before the process forked; make one in the child")
        self._commands.append((function, args))
        self.wake()

    def wake(self) -> None:
        """Have the thread look around."""
        with suppress(OSError):  # full: it wakes up anyway; closed: the thread has ended
            self._wake_writer.send(b"\0")

    # The thread.

    def now(self) -> float:
        return REAL.now()

    def _run(self) -> None:
        try:
            while not self._settle():
                self._round()
        except BaseException:
            logger.exception("the media WebSocket thread has failed")
        finally:
            self._shut()

    def _gather(self) -> None:
        """Where many sockets send, wait out the tick, so that a round serves several; a command ends the wait."""
        if len(self._connections) >= MANY:
            left = self._round_began + TICK - self.now()
            if left > 0:
                self._bell.select(left)

    def _round(self) -> None:
        self._gather()
        ready = self._selector.select(self._timeout())
        self._round_began = self.now()
        if any(key.data is None for key, _ in ready):
            with suppress(OSError):
                self._wake_reader.recv(4096)  # before the commands: what is posted from now on wakes again
        # Commands first: a path is valid for every request that was sent after its receiver was made, and for none
        # sent after it ended.
        while self._commands:
            function, args = self._commands.popleft()
            function(*args)
        for key, events in ready:
            if isinstance(key.data, Connection):
                self._guard(key.data, key.data.ready, events)
            elif isinstance(key.data, Listener):
                self._accept(key.data)
            elif isinstance(key.data, Sweep):
                self._read_many(key.data)
        self._expire()

    def _read_many(self, sweep: Sweep) -> None:
        """Have C read the sockets of plain media; see to those that have more, each once: others wait too."""
        read = self._keep_reading if self._may_stay_in_c() else self._read_once
        seen: set[Connection] = set()
        while (stop := read(sweep)) is not None:
            connection = self._swept[stop.fd]
            self._guard(connection, connection.swept, stop)
            if connection in seen:
                return  # all others have had their turn; level-triggered: what is left comes with the next round
            seen.add(connection)
            read = self._read_once

    def _read_once(self, sweep: Sweep) -> Any:
        return sweep.read(self.octets, self.now())

    def _may_stay_in_c(self) -> bool:
        """Many sockets send, nobody leaves, and no greenlet waits for this one to give way."""
        return len(self._connections) >= MANY and not self._leaving and not are_threads_greenlets()

    def _keep_reading(self, sweep: Sweep) -> Any:
        """Let C read from tick to tick, until there is something that it cannot do."""
        others, bell = self._selector.fileno(), self._wake_reader.fileno()  # type: ignore[attr-defined]
        stop = sweep.keep_reading(self.octets, others, bell, TICK, self._next_timer())
        self._round_began = self.now() if stop is not None else self._round_began
        return stop

    def _guard(self, connection: Connection, function: Callable[..., None], *args: Any) -> None:
        """Whatever happens in one connection stays in it."""
        if connection.closed:
            return
        try:
            function(*args)
        except Exception:
            logger.exception("a media WebSocket connection has failed")
            self.count("internal_error")
            connection.drop("internal_error")

    def _next_timer(self) -> float:
        """When time brings something to do; infinite if nothing."""
        when = self._timers[0][0] if self._timers else math.inf
        return min(when, self._paused_until) if self._paused_until else when

    def _timeout(self) -> float | None:
        when = self._next_timer()
        return None if when == math.inf else max(0.0, when - self.now())

    def _expire(self) -> None:
        now = self.now()
        while self._timers and self._timers[0][0] <= now:
            when, _, connection = heapq.heappop(self._timers)
            if connection.closed or when != connection.scheduled:
                continue  # an earlier deadline replaced this entry
            connection.scheduled = float("inf")
            self._guard(connection, connection.expire)
            self._schedule(connection)
        if self._paused_until and now >= self._paused_until:
            self._paused_until = 0.0
            for listener in list(self._listeners):
                self._watch_listener(listener)

    def _schedule(self, connection: Connection) -> None:
        if not connection.closed and connection.deadline < connection.scheduled:
            connection.scheduled = connection.deadline
            heapq.heappush(self._timers, (connection.deadline, next(self._order), connection))

    def _accept(self, listener: Listener) -> None:
        for _ in range(ACCEPTS_A_ROUND):
            try:
                sock, _ = listener.socket.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self.count("accept_failed")
                if error.errno in OUT_OF_DESCRIPTORS and not self._push_out():
                    self._pause()
                return
            sock.setblocking(False)
            connection = Connection(sock, self, listener.context)
            self.count("accepted")
            self._pending[connection] = listener
            self.watch(connection, selectors.EVENT_READ)
            if len(self._pending) > MAX_PENDING:
                self._push_out()

    def _push_out(self) -> bool:
        """Drop the oldest connection that has not shown a path and a token; False if there is none."""
        for connection in self._pending:
            self.count("pending_pushed_out")
            connection.drop("pending_pushed_out")
            return True
        return False

    def _pause(self) -> None:
        """Stop accepting for a moment: a listening socket that cannot be served would wake the selector for ever."""
        self._paused_until = self.now() + PAUSE
        for key in list(self._selector.get_map().values()):
            if isinstance(key.data, Listener):
                self._selector.unregister(key.fileobj)

    def _watch_listener(self, listener: Listener) -> None:
        number = listener.socket.fileno()  # below 0: its last receiver has closed it already
        if number >= 0 and not self._paused_until and number not in self._selector.get_map():
            self._selector.register(listener.socket, selectors.EVENT_READ, listener)

    # Commands.

    def add_route(self, attachment: Attachment) -> None:
        self._attachments[id(attachment.route)] = attachment
        attachment.listener.routes.update(dict.fromkeys(attachment.keys, attachment))
        self._watch_listener(attachment.listener)

    def end_route(self, attachment: Attachment) -> None:
        if self._forget_paths(attachment):
            if attachment.connection is not None and not attachment.connection.closed:
                self._guard(attachment.connection, attachment.connection.finish)
            else:
                self._tell_closed(attachment)

    def remove_route(self, attachment: Attachment) -> None:
        self._forget_paths(attachment)
        self._attachments.pop(id(attachment.route), None)
        self._leaving.add(attachment)
        if attachment.connection is not None and not attachment.connection.closed:
            self._guard(attachment.connection, attachment.connection.drain)
            self._guard(attachment.connection, attachment.connection.close, CloseCode.GOING_AWAY, "ended")
        self._tell_closed(attachment)

    def tell(self, attachment: Attachment, text: str) -> None:
        if attachment.connection is not None:
            self._guard(attachment.connection, attachment.connection.tell, text)

    def stop(self) -> None:
        """Take leave of every peer; the process ends."""
        for connection in list(self._connections):
            self._guard(connection, connection.close, CloseCode.GOING_AWAY, "the process ends")
        self._stopping = True

    def _forget_paths(self, attachment: Attachment) -> bool:
        """False if they were forgotten before."""
        known = [attachment.listener.routes.pop(key, None) for key in attachment.keys]
        return any(known)

    def _tell_closed(self, attachment: Attachment) -> None:
        try:
            attachment.route.closed("ended")
        except Exception:
            logger.exception("the end of a media receiver could not be handled")

    def _settle(self) -> bool:
        """Let go of what is not used any more; True if that is everything."""
        if self._stopping or (self._listeners and not self._leaving):
            return self._stopping
        gone = [a for a in self._leaving if a.connection is None or a.connection.closed]
        self._leaving.difference_update(gone)
        with self.lock:
            for listener in [listener for listener in self._listeners if not listener.users]:
                self._listeners.remove(listener)
                self._unlisten(listener)
            self.ended = not (self._listeners or self._connections or self._commands)
        for attachment in gone:
            attachment.mark_gone()
        return self.ended

    def _unlisten(self, listener: Listener) -> None:
        if listener.socket.fileno() in self._selector.get_map():
            self._selector.unregister(listener.socket)
        listener.socket.close()
        for connection in [c for c, its in self._pending.items() if its is listener]:
            connection.drop("ended")

    def _shut(self) -> None:
        """The thread ends: nothing may be left open and nobody may go on waiting."""
        with self.lock:
            self.ended = True
            listeners = list(self._listeners)
            self._listeners.clear()
        for connection in [*self._pending, *self._connections]:
            connection.drop("ended")
        for listener in listeners:
            listener.socket.close()
        waiting = [a for _, args in self._commands for a in args if isinstance(a, Attachment)]
        for attachment in {*self._attachments.values(), *self._leaving, *waiting}:
            self._tell_closed(attachment)
            attachment.mark_gone()
        self.release_descriptors()

    def release_descriptors(self) -> None:
        """Close this process's copies of everything that is open."""
        self._selector.close()
        self._bell.close()
        if self._sweep is not None:
            self._sweep.close()
        for sock in (self._wake_reader, self._wake_writer):
            sock.close()

    def abandon(self) -> None:
        """In a forked child: close the copies, so that the parent's peers see its sockets close when it closes them."""
        for listener in self._listeners:
            listener.socket.close()
        for connection in [*self._pending, *self._connections]:
            connection.socket.close()
        self.release_descriptors()

    # What connections ask for.

    def route(self, connection: Connection, request: Request) -> Route | None:
        """The receiver that a request asks for."""
        listener = self._pending.get(connection)
        attachment = listener.routes.get(path_key(request_path(request))) if listener is not None else None
        return attachment.route if attachment is not None else None

    def upgraded(self, connection: Connection) -> None:
        """A connection has found its receiver."""
        self.count("upgraded")
        self._connections[connection] = self._pending.pop(connection)
        attachment = self._attachments.get(id(connection.route))
        if attachment is not None:
            attachment.connection = connection

    def dropped(self, connection: Connection) -> None:
        """A connection closes its socket."""
        self.watch(connection, 0)
        self._pending.pop(connection, None)
        self._connections.pop(connection, None)

    def count(self, reason: str) -> None:
        if reason in _counters:
            _counters[reason] += 1

    def watch(self, connection: Connection, events: int) -> None:
        """Wake for these events, and by the connection's deadline."""
        sweep = self._sweep if connection.sweep is not None and events == selectors.EVENT_READ else None
        number = connection.socket.fileno()
        if sweep is not None and number not in self._swept:
            self._watch_myself(connection, 0)
            sweep.add(number, connection.sweep)
            self._swept[number] = connection
        elif sweep is None:
            if self._swept.get(number) is connection and self._sweep is not None:
                self._sweep.remove(number)
                del self._swept[number]
            self._watch_myself(connection, events)
        self._schedule(connection)

    def _watch_myself(self, connection: Connection, events: int) -> None:
        if events != connection.watched:
            if not events:
                self._selector.unregister(connection.socket)
            elif not connection.watched:
                self._selector.register(connection.socket, events, connection)
            else:
                self._selector.modify(connection.socket, events, connection)
            connection.watched = events
