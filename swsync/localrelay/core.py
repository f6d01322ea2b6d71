"""What a relay is, without sockets: its sessions, calls, callees and what joins them. All on the loop's thread."""

from __future__ import annotations

import logging
import pathlib
import random
import shutil
import tempfile
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any, Protocol

from swsync.clock import Clock, Thread
from swsync.errors import ConnectionClosed
from swsync.memorynet import net_of

from . import schema
from .call import LocalCall
from .callee import Callee
from .conferences import Conference, Room
from .connection import Connection
from .dialing import Dial, Offer
from .faults import Faults
from .journal import Journal
from .loop import Loop
from .messages import Messages
from .pacing import Pacer
from .queues import Queues
from .scenario import behaviour_of
from .session import Failed, Session
from .shelf import Shelf
from .status import Changes
from .verbs import verbs_of
from .webhooks import Webhooks, check_webhooks

__all__ = ["Core", "MediaNet"]

logger = logging.getLogger("swsync.relay")

REMEMBERED = 10_000  # calls that are kept; an ended one among them is answered with 410 instead of 404


class MediaNet(Protocol):
    """How the relay reaches media sockets (``net.Net``)."""

    def open_media(
        self, uri: str, headers: dict[str, str], opened: Any, failed: Any, lost: Any, *, received: Any = None
    ) -> None: ...
    def serve_file(self, path: pathlib.Path) -> str: ...


class Core:
    """The state of one relay.

    Args:
        clock: Time, real or virtual.
        project: The project that is let in; None lets all in.
        token: The token that is let in; None lets all in.
        allow_remote: Whether media may leave this machine.
        seed: Makes every id the same in every run; None makes them random.
    """

    def __init__(
        self, clock: Clock, *, project: str | None, token: str | None, allow_remote: bool, seed: int | None
    ) -> None:
        self.clock = clock
        self.speed: float = getattr(clock, "speed", 1.0)
        self.loop = Loop(clock)
        self.pacer = Pacer(self.loop, 0.0 if net_of(clock) else self.speed)
        self.project = project
        self.token = token
        self.allow_remote = allow_remote
        self.random = random.Random(seed) if seed is not None else random.Random()
        self.node_id = f"{self.new_id()}@local"
        self.space_id = self.new_id()
        self.journal = Journal()
        self.sessions: dict[str, Session] = {}  # by protocol
        self.connections: set[Connection] = set()
        self.calls: dict[str, LocalCall] = {}  # active ones by call_id
        self.ended: OrderedDict[str, str] = OrderedDict()  # call_id to project
        self.history: deque[LocalCall] = deque(maxlen=REMEMBERED)  # oldest first; appended on the loop's thread only
        self.changes = Changes()
        self.shelf = Shelf(self)
        self.callees: dict[str, Callee] = {}  # by number
        self.dials: dict[tuple[str, str], Dial] = {}  # by project and tag
        self.offers: dict[str, Offer] = {}  # by call_id
        self.faults = Faults(seed)
        self.queues = Queues(self)
        self.messages = Messages(self)
        self.conferences: dict[tuple[str, str], Conference] = {}  # by project and name
        self.rooms: dict[tuple[str, str], Room] = {}  # by project and name
        self.webhooks = Webhooks(self)
        self.net: MediaNet | None = None  # set before the loop starts
        self.memory_net = net_of(clock)  # how media reaches receivers in virtual time
        self.tap_header = "json"
        self.l16_byteorder = "little"
        self.verbs: dict[str, Callable[[Session, dict[str, Any]], dict[str, Any]]] = verbs_of(self)
        self.is_shut = False
        self._connections_made = 0
        self._choices = 0
        self._has_warned = False
        self._workers: list[Thread] = []
        self._directory = ""  # of recordings and documents; made when the first is
        self._started = clock.now()
        self._changed = clock.condition()  # says that a call or a subscription changed; guards nothing

    def new_id(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def timestamp(self) -> float:
        return round(self.clock.time(), 6)

    def elapsed(self) -> float:
        """Return the seconds since the relay started."""
        return self.clock.now() - self._started

    def record(self, session: int, direction: str, frame: Any = None, text: str = "") -> None:
        self.journal.record(self.elapsed(), session, direction, frame, text)

    def check_open(self) -> None:
        """Raise ``ConnectionClosed`` if the relay is closed: what began now would never go on. Any thread."""
        if self.is_shut:
            raise ConnectionClosed("the local relay is closed; make a new one")

    def note(self, text: str) -> None:
        """Write into the journal what the relay decided on its own."""
        self.record(0, "note", text=text)

    def warn_of_best_effort(self) -> None:
        """Say once that media in this time may get lost on its way to somebody who cannot be asked for progress."""
        if not self._has_warned:
            self._has_warned = True
            text = f"media at speed {self.speed:g} may get lost: it waits only for swsync's receivers with this clock"
            self.note(text)
            logger.warning("%s", text)

    def start_worker(self, function: Callable[..., object], name: str, args: tuple[Any, ...]) -> None:
        """Run something that blocks on a thread of its own, which ``join_workers`` waits for."""
        self._workers = [thread for thread in self._workers if thread.is_alive()]
        self._workers.append(self.clock.start(function, name, args))

    def join_workers(self, timeout: float) -> None:
        """Wait for what blocks, on any thread, once the loop has ended."""
        for thread in self._workers:
            thread.join(timeout)
            if thread.is_alive():
                logger.warning("%s did not end", thread.name)

    def directory(self) -> str:
        """Return a private directory that goes when the relay closes."""
        if not self._directory:
            self._directory = tempfile.mkdtemp(prefix="swsync-relay-files-")
        return self._directory

    def remove_directory(self) -> None:
        """Remove what was recorded; any thread, once the loop has ended."""
        if self._directory:
            shutil.rmtree(self._directory, ignore_errors=True)

    def serve(self, path: pathlib.Path) -> str:
        """Return the URL of a file, which may not be there yet."""
        assert self.net is not None
        return self.net.serve_file(path)

    def notify(self) -> None:
        """Wake whoever waits for a call or a subscriber."""
        with self._changed:
            self._changed.notify_all()

    def wait(self, predicate: Callable[[], bool], timeout: float | None) -> bool:
        """Wait, on any thread but the loop's, until something is so.

        The predicate may only look: if it asked the loop's thread, each would wait for the other.
        """
        with self._changed:
            return bool(self._changed.wait_for(predicate, timeout))

    # Links and sessions

    def add_connection(self, connection: Connection) -> int:
        self.connections.add(connection)
        self._connections_made += 1
        return self._connections_made

    def remove_connection(self, connection: Connection) -> None:
        self.connections.discard(connection)

    def forget_session(self, session: Session) -> None:
        if session.connection is None:
            self.sessions.pop(session.protocol, None)

    def subscribe(self, session: Session, contexts: list[str]) -> None:
        session.contexts.update(dict.fromkeys(contexts))
        self.notify()
        for offer in list(self.offers.values()):
            self.loop.call_soon(offer.make)
        self.loop.call_soon(self.messages.deliver)

    def subscribers(self, project: str, context: str) -> list[Session]:
        """Return the connected sessions that listen, by turns: first who was chosen longest ago. Any thread.

        An inbound call without a project is for anyone.
        """
        listen = [
            s
            for s in list(self.sessions.values())
            if s.connection is not None and context in s.contexts and project in ("", s.project)
        ]
        return sorted(listen, key=lambda session: session.chosen)

    def choose(self, session: Session) -> None:
        """Let a session be the last one in turn."""
        self._choices += 1
        session.chosen = self._choices

    # Calls and people

    def add_call(self, call: LocalCall) -> None:
        self.calls[call.call_id] = call
        if len(self.history) == self.history.maxlen:
            self.shelf.part_with(self.history[0])
        self.history.append(call)
        call.callee.called(call, keep=REMEMBERED)
        self.changes.add(self, call)

    def call_ended(self, call: LocalCall) -> None:
        self.calls.pop(call.call_id, None)
        self.ended[call.call_id] = call.project
        while len(self.ended) > REMEMBERED:
            self.ended.popitem(last=False)

    def call_of(self, session: Session, params: dict[str, Any]) -> LocalCall:
        """Return the call that a request is about.

        Raises:
            Failed: 404 for a call that never was or is another project's, 410 for one that is over, 409 for one that
                another client controls.
        """
        call = self.calls.get(params["call_id"])
        if call is None and self.ended.get(params["call_id"], None) in ("", session.project):
            raise Failed("410", "Call existed and is gone")
        if call is None or params["node_id"] != call.node_id or call.project not in ("", session.project):
            raise Failed("404", "Call does not exist")
        if not call.is_active:
            raise Failed("410", "Call existed and is gone")
        if session is not call.session and session is not call.acting:
            raise Failed("409", "Call is controlled by another client")
        return call

    def perform_inside(self, session: Session, call: LocalCall, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Do on a call what a client could ask for, in the name of a document or of a key; return the result.

        Raises:
            Refused, Failed: As a client would be answered.
        """
        params = {**params, "call_id": call.call_id, "node_id": call.node_id}
        before, call.acting = call.acting, session
        try:
            schema.check_params(method, params)
            check_webhooks(params)
            return self.verbs[method](session, params)
        finally:
            call.acting = before

    def callee_of(self, number: str) -> Callee:
        """Return the person at a number, who comes into being when first called."""
        callee = self.callees.get(number)
        if callee is None:
            callee = self.callees[number] = Callee(number, behaviour_of(number), self.speed)
        return callee

    def shut_down(self) -> None:
        """End what runs, and close every link."""
        self.is_shut = True
        for call in list(self.calls.values()):
            call.end("hangup")
        self.webhooks.close()
        for connection in list(self.connections):
            connection.close()
