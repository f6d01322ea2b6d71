"""The relay's sockets: RELAY links that come in, media WebSockets that go out, and files served on loopback.

They live in one asyncio loop in a thread named ``swsync-relay-net``. It knows nothing of calls: whatever
arrives is posted to the relay's own thread.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import pathlib
import socket
import ssl
import threading
import weakref
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from .files import HEAD, Files
from .links import WebSocketLink

__all__ = ["Net"]

logger = logging.getLogger("swsync.relay")

T = TypeVar("T")

MAX_FRAME = 10 * 1024 * 1024  # octets of one RELAY message, as the official SDK allows
OPEN_SECONDS = 5.0  # until a media WebSocket must be open
CLOSE_SECONDS = 2.0
MAX_UNREAD = 100_000  # messages that a client may leave unread: then its link ends
MAX_WAITING = 4000  # messages that a slow media receiver may leave unsent: then it is given up


class _Inlet:
    """The relay's end of a link, which only the relay's thread touches."""

    def __init__(self, accept: Callable[[WebSocketLink], Any], link: WebSocketLink) -> None:
        self._accept = accept
        self._link = link
        self._end: Any = None

    def open(self) -> None:
        self._end = self._accept(self._link)

    def receive(self, message: str | bytes) -> None:
        self._end.receive(message)

    def lost(self) -> None:
        self._end.lost()


class _Media:
    """What happens to a media WebSocket, told to the relay's thread."""

    def __init__(
        self,
        opened: Callable[[WebSocketLink], None],
        failed: Callable[[str], None],
        lost: Callable[[], None],
        received: Callable[[str | bytes], None] | None,
    ):
        self.received = received
        self.opened = opened
        self.failed = failed
        self.lost = lost


class Net:
    """The socket thread of one relay. It starts with the first use.

    Args:
        post: Runs a function on the relay's own thread.
        lockstep: Wait for each media message to leave: for virtual time, which would run ahead of the sockets.
        ca_file: A CA that media receivers on wss:// may be signed by, besides the machine's own.
    """

    def __init__(self, post: Callable[..., None], *, lockstep: bool = False, ca_file: str | None = None) -> None:
        self._post = post
        self.lockstep = lockstep
        self._ca_file = ca_file
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None  # guarded by _lock until it is set
        self._thread: threading.Thread | None = None
        self._is_closed = False  # guarded by _lock
        self._tasks: set[asyncio.Task[Any]] = set()  # the net's loop only
        self._servers: list[Any] = []  # the net's loop only
        self._transports: weakref.WeakSet[Any] = weakref.WeakSet()  # of RELAY clients; the net's loop only
        self._files = Files()
        self._files_lock = threading.Lock()  # held while the file server starts, so that there is one
        self._files_port = 0  # guarded by _files_lock

    # The thread

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the relay is closed")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                # A thread of its own kind: it waits in a selector, so it belongs to no clock.
                self._thread = threading.Thread(
                    target=self._run, args=(self._loop,), name="swsync-relay-net", daemon=True
                )
                self._thread.start()
            return self._loop

    @staticmethod
    def _run(loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            asyncio.set_event_loop(None)
            loop.close()

    def call_soon(self, function: Callable[[], object]) -> None:
        """Run it in the net's loop; nothing happens once that has closed."""
        with contextlib.suppress(RuntimeError):
            self._started().call_soon_threadsafe(function)

    def finish(self, work: Coroutine[Any, Any, T], timeout: float = 10.0) -> T:
        """Run it in the net's loop and wait for it, in real time."""
        future = asyncio.run_coroutine_threadsafe(work, self._started())
        try:
            return future.result(timeout)
        except concurrent.futures.TimeoutError:
            future.cancel()
            raise TimeoutError("the relay's socket thread did not answer") from None

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _track(self) -> None:
        """Have the running task ended when the net closes."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Close every socket and end the thread, within a few seconds."""
        with self._lock:
            self._is_closed, loop = True, self._loop
        if loop is None or self._thread is None or not self._thread.is_alive():
            return
        with contextlib.suppress(TimeoutError, concurrent.futures.TimeoutError):
            asyncio.run_coroutine_threadsafe(self._shut_down(), loop).result(2 * CLOSE_SECONDS + 1)
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join(CLOSE_SECONDS)
        if self._thread.is_alive():
            logger.warning("%s did not end", self._thread.name)

    async def _shut_down(self) -> None:
        for server in self._servers:
            server.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_SECONDS)  # links say goodbye
        closing = [server.wait_closed() for server in self._servers]
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.gather(*closing, return_exceptions=True), CLOSE_SECONDS)
        left = asyncio.all_tasks() - {asyncio.current_task()}  # also handshakes that asyncio waits for on its own
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        for transport in list(self._transports):
            transport.abort()  # one that was refused may wait for its client's goodbye, in no task
        for _ in range(3):
            await asyncio.sleep(0)  # aborted transports close their sockets in the next rounds

    # RELAY links

    def serve_relay(
        self,
        sock: socket.socket,
        context: ssl.SSLContext | None,
        accept: Callable[..., Any],
        admit: Callable[[], tuple[int, float]],
    ) -> None:
        """Take RELAY links on a listening socket.

        Args:
            sock: The socket.
            context: Its TLS, or None.
            accept: Called on the relay's thread with a link; returns an object with ``receive(text)`` and ``lost()``.
            admit: Returns the HTTP status with which a link is refused, or 0, and the real seconds until then.
        """
        self.finish(self._serve_relay(sock, context, accept, admit))

    async def _serve_relay(
        self,
        sock: socket.socket,
        context: ssl.SSLContext | None,
        accept: Callable[..., Any],
        admit: Callable[[], tuple[int, float]],
    ) -> None:
        from websockets.asyncio.server import ServerConnection, serve

        transports = self._transports

        class Connection(ServerConnection):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                transports.add(transport)
                super().connection_made(transport)

        async def admitted(connection: Any, request: Any) -> Any:
            status, seconds = admit()
            await asyncio.sleep(seconds)
            return connection.respond(status, "") if status else None

        async def handle(connection: Any) -> None:
            self._track()
            await self._relay_link(connection, accept)

        server = await serve(
            handle,
            process_request=admitted,
            create_connection=Connection,
            sock=sock,
            ssl=context,
            compression=None,
            max_size=MAX_FRAME,
            ping_interval=None,
            close_timeout=CLOSE_SECONDS,
            logger=_quiet,
        )
        self._servers.append(server)

    async def _relay_link(self, connection: Any, accept: Callable[..., Any]) -> None:
        from websockets.exceptions import ConnectionClosed

        link = WebSocketLink(self, connection, MAX_UNREAD)
        inlet = _Inlet(accept, link)
        self._post(inlet.open)
        pump = asyncio.ensure_future(link.pump())
        try:
            async for message in connection:
                self._post(inlet.receive, message)
        except ConnectionClosed:
            pass
        finally:
            pump.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
                await pump
            self._post(inlet.lost)

    # Media WebSockets

    def open_media(
        self,
        uri: str,
        headers: dict[str, str],
        opened: Callable[[WebSocketLink], None],
        failed: Callable[[str], None],
        lost: Callable[[], None],
        *,
        received: Callable[[str | bytes], None] | None = None,
    ) -> None:
        """Open a WebSocket; exactly one of ``opened`` and ``failed`` is called, and ``lost`` after an opened one ends.

        ``received`` is called with each message. All four run on the relay's thread.
        """
        told = _Media(opened, failed, lost, received)
        ready = asyncio.run_coroutine_threadsafe(self._start_media(uri, headers, told), self._started())
        if self.lockstep:
            with contextlib.suppress(concurrent.futures.TimeoutError):
                ready.result(2 * OPEN_SECONDS)

    async def _start_media(self, uri: str, headers: dict[str, str], told: _Media) -> None:
        is_settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._spawn(self._media_link(uri, headers, told, is_settled))
        await is_settled

    async def _media_link(
        self, uri: str, headers: dict[str, str], told: _Media, is_settled: asyncio.Future[None]
    ) -> None:
        from websockets.asyncio.client import connect
        from websockets.version import version

        # Since 15 websockets takes the proxy of the environment, which has no business between two ends of one machine.
        without_proxy: dict[str, Any] = {"proxy": None} if int(version.partition(".")[0]) >= 15 else {}

        try:
            connecting = connect(
                uri,
                additional_headers=headers,
                ssl=self._media_context() if uri.startswith("wss:") else None,
                compression=None,
                open_timeout=OPEN_SECONDS,
                close_timeout=CLOSE_SECONDS,
                ping_interval=None,
                logger=_quiet,
                **without_proxy,
            )
            async with connecting as connection:
                link = WebSocketLink(self, connection, MAX_WAITING)
                self._post(told.opened, link)
                is_settled.set_result(None)
                await self._pumped(connection, link, told)
                self._post(told.lost)
        except Exception as error:  # any reason at all is one why the far side cannot be reached
            if is_settled.done():
                logger.debug("a media link ended: %s", error)
                self._post(told.lost)
            else:
                self._post(told.failed, str(error) or type(error).__name__)
        finally:
            if not is_settled.done():
                is_settled.set_result(None)

    async def _pumped(self, connection: Any, link: WebSocketLink, told: _Media) -> None:
        """Send what is put on the link until it ends, and tell of what comes."""
        from websockets.exceptions import ConnectionClosed

        pump = asyncio.ensure_future(link.pump())
        try:
            async for message in connection:
                if told.received is not None:
                    self._post(told.received, message)
        except ConnectionClosed:
            pass
        finally:
            pump.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
                await pump

    def _media_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._ca_file is not None:
            context.load_verify_locations(self._ca_file)
        return context

    # Files

    def serve_file(self, path: pathlib.Path) -> str:
        """Serve a file on loopback and return its URL."""
        name = self._files.add(path)
        with self._files_lock:
            if not self._files_port:
                self._files_port = self.finish(self._serve_files())
            return f"http://127.0.0.1:{self._files_port}/{name}"

    async def _serve_files(self) -> int:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._track()
            await self._files.answer(reader, writer)

        server = await asyncio.start_server(answer, "127.0.0.1", 0, limit=HEAD)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])


_quiet = logging.getLogger("swsync.localrelay.websockets")
_quiet.setLevel(logging.CRITICAL)
