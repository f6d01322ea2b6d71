"""``LocalRelay``: a RELAY server on this machine, for programs and their tests."""

from __future__ import annotations

import os
import pathlib
import shutil
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from swsync.clock import Clock, RealClock, VirtualClock
from swsync.errors import ConfigurationError

from .call import LocalCall
from .callee import Callee
from .core import Core
from .dialing import Offer
from .journal import Journal
from .links import WebSocketLink
from .listening import bind, make_tls, wants_tls
from .memory import MemoryLink
from .messages import LocalMessage
from .net import Net
from .places import is_loopback
from .scenario import Behaviour, scripted
from .session import Connection

__all__ = ["LocalRelay"]

DEFAULT_PROJECT = "local-project"
DEFAULT_TOKEN = "local-token"
CALLER = "+12025550190"
CALLED = "+12025550180"
HEADERS = ("json", "bare", "none")


class LocalRelay:
    """A RELAY server with simulated people, for clients of any kind; their audio is real.

        with swsync.LocalRelay() as relay, swsync.RelayClient(**relay.settings) as client:
            call = client.dial_phone(to="+12025550100", from_number="+12025550199")

    With ``clock=VirtualClock()`` there are no RELAY sockets: clients connect through the ``transport`` of ``settings``.

    Args:
        speed: How many times as fast as life its time and its media pass.
        tls: True for TLS with a CA made at the start (needs ``trustme``), False for ws://; None takes TLS if it can.
        host: Name or address to listen on.
        port: Port to listen on; 0 picks a free one.
        project: The only project that is let in; None lets any in.
        token: The only token that is let in; None lets any in. Beyond loopback one is required.
        clock: A clock of your own, such as ``VirtualClock()``; then ``speed`` is not used.
        allow_remote: Let media and downloads leave this machine.
        seed: Makes the relay's ids the same in every run; in virtual time the default is 0, else they are random.
        tap_header: The text before a tap's audio on a WebSocket: ``json``, ``bare`` (``content-type:...``) or ``none``.
        l16_byteorder: Byte order of L16 on media WebSockets, ``little`` or ``big``; on RTP it is big.
        media_ca_file: A CA that media receivers on wss:// may be signed by.

    Raises:
        ConfigurationError: A setting cannot work, such as a port in use; the text says what to do.
    """

    def __init__(
        self,
        speed: float = 1.0,
        *,
        tls: bool | None = None,
        host: str = "localhost",
        port: int = 0,
        project: str | None = None,
        token: str | None = None,
        clock: Clock | None = None,
        allow_remote: bool = False,
        seed: int | None = None,
        tap_header: str = "json",
        l16_byteorder: str = "little",
        media_ca_file: str | None = None,
    ) -> None:
        if tap_header not in HEADERS:
            raise ConfigurationError(f"tap_header must be one of {', '.join(HEADERS)}, not {tap_header!r}")
        if l16_byteorder not in ("little", "big"):
            raise ConfigurationError(f"l16_byteorder must be little or big, not {l16_byteorder!r}")
        if not speed > 0:
            raise ConfigurationError(f"speed must be above zero, not {speed!r}")
        if not is_loopback(host) and not token:
            raise ConfigurationError(f"listening on {host} lets others in: name a token=, or listen on localhost")
        self.clock: Clock = RealClock(speed) if clock is None else clock
        self.is_virtual = isinstance(self.clock, VirtualClock)
        if self.is_virtual and seed is None:
            seed = 0
        self.host = host
        self.port = port
        self.ca_file: str | None = None
        self._directory: str | None = None
        self._is_closed = False
        self._core = Core(self.clock, project=project, token=token, allow_remote=allow_remote, seed=seed)
        self._core.tap_header = tap_header
        self._core.l16_byteorder = l16_byteorder
        self._net = Net(self._core.loop.post, lockstep=self.is_virtual, ca_file=media_ca_file)
        self._core.net = self._net
        self._core.loop.start()
        try:
            if not self.is_virtual:
                self._listen(tls)
        except BaseException:
            self.close()
            raise

    # Starting

    def _listen(self, tls: bool | None) -> None:
        context = None
        if wants_tls(tls, self.host):
            context, self._directory = make_tls(self.host)
            self.ca_file = os.path.join(self._directory, "ca.pem")
        sock = bind(self.host, self.port)
        try:
            self.port = sock.getsockname()[1]
            self._net.serve_relay(sock, context, self._accept)
        except BaseException:
            sock.close()
            raise

    def _accept(self, link: WebSocketLink) -> Connection:
        return Connection(self._core, link.send, link.close)

    def _accept_memory(self, link: MemoryLink) -> Connection:
        return Connection(self._core, link.deliver, link.hang_up)

    def _memory_transport(self, *_: Any, **__: Any) -> MemoryLink:
        return MemoryLink(self.clock, self._core.loop.post, self._accept_memory)

    # What clients need

    @property
    def url(self) -> str:
        """Where it listens, such as ``wss://localhost:8443``."""
        if self.is_virtual:
            return "memory://relay"
        return f"{'wss' if self.ca_file else 'ws'}://{self.host}:{self.port}"

    @property
    def settings(self) -> dict[str, Any]:
        """What ``RelayClient(**relay.settings)`` takes to connect here."""
        settings: dict[str, Any] = {
            "project": self._core.project or DEFAULT_PROJECT,
            "token": self._core.token or DEFAULT_TOKEN,
        }
        if self.is_virtual:
            return {**settings, "host": "localhost", "transport": self._memory_transport, "clock": self.clock}
        if isinstance(self.clock, RealClock) and self.clock.speed != 1.0:
            # The client lives in the same time: its timeouts, and the arrival times of media, mean what they say.
            settings["clock"] = self.clock
        if self.ca_file is not None:
            return {**settings, "host": f"{self.host}:{self.port}", "ca_file": self.ca_file}
        return {**settings, "host": self.url}

    # People and calls

    @property
    def journal(self) -> Journal:
        """Every frame in and out, and what the relay decided."""
        return self._core.journal

    @property
    def calls(self) -> list[LocalCall]:
        """The calls so far, oldest first; the last 10,000 are kept."""
        return self._core.loop.ask(list, self._core.history)

    @property
    def callees(self) -> dict[str, Callee]:
        """The people by number: those that were scripted, and those that were called."""
        return self._core.loop.ask(dict, self._core.callees)

    def callee(
        self,
        number: str,
        *,
        outcome: str = "answers",
        outcomes: Sequence[str] = (),
        answers_after: float = 0.5,
        kind: str = "human",
        speech: Any = None,
        greeting: float | None = None,
        speaks_after: float | None = None,
        beep_after: float | None = 0.5,
        presses: str | Sequence[str] = (),
        presses_after: float | None = None,
        says_text: str | Sequence[str] = (),
        replies_after: float = 0.5,
        hangs_up_after: float | None = None,
        fax_document: str | os.PathLike[str] | None = None,
    ) -> Callee:
        """Say what the person at a number does from now on.

        Args:
            number: The number or address, as it will be dialed.
            outcome: ``answers``, ``busy``, ``noAnswer``, ``decline``, ``not_found`` or ``error``.
            outcomes: Instead, the outcome of the first ring, the second ... and from the beginning again.
            answers_after: Seconds of ringing.
            kind: ``human``, ``machine`` or ``fax``: how it sounds, and what detection finds.
            speech: What they say once: a WAV file's path, or a buffer of int16 samples at 8 kHz (``b""`` says
                nothing); None is the speech that ships with the package.
            greeting: Seconds to which the speech is cut or repeated; None leaves it as long as it is.
            speaks_after: Seconds from the answer to the first word; None is one second, but at least half a second of
                real time.
            beep_after: Seconds from a machine's greeting to its beep; None is a machine without one.
            presses: Keys (0-9 # * A-D, w and W pause) that they press when they are asked for digits; several for
                several times.
            presses_after: Seconds from the answer at which the first of these are pressed unasked.
            says_text: What they reply when they are asked to speak; several for several times.
            replies_after: Seconds from being asked to the first key or word.
            hangs_up_after: Seconds from the answer to hanging up.
            fax_document: The file that a fax sends.
        """
        behaviour = scripted(
            outcome=outcome,
            outcomes=tuple(outcomes),
            answers_after=answers_after,
            kind=kind,
            speech=speech,
            greeting=greeting,
            speaks_after=speaks_after,
            beep_after=beep_after,
            presses=presses,
            presses_after=presses_after,
            says_text=says_text,
            replies_after=replies_after,
            hangs_up_after=hangs_up_after,
            fax_document=None if fax_document is None else os.fspath(fax_document),
        )
        return self._core.loop.ask(self._script, number, behaviour)

    def _script(self, number: str, behaviour: Behaviour) -> Callee:
        callee = self._core.callee_of(number)
        callee.behaviour = behaviour
        return callee

    def place_call(
        self,
        context: str = "default",
        *,
        from_: str = CALLER,
        to: str = CALLED,
        timeout: float | None = None,
        rings_for: float = 60.0,
        kind: str = "human",
        speech: Any = None,
        speaks_after: float | None = None,
        presses: str | Sequence[str] = (),
        presses_after: float | None = None,
        says_text: str | Sequence[str] = (),
        replies_after: float = 0.5,
        hangs_up_after: float | None = None,
        fax_document: str | os.PathLike[str] | None = None,
        project: str = "",
    ) -> LocalCall:
        """Let somebody call in. The call is offered as soon as a client listens on the context.

        Args:
            context: The context that clients must listen on.
            from_: The caller's number.
            to: The number that was called.
            timeout: Wait for that offer for at most so many seconds; None returns at once.
            rings_for: Seconds from the first offer until the caller gives up.
            kind: As for ``callee``, and so are ``speech``, ``speaks_after``, ``presses``, ``presses_after``,
                ``says_text``, ``replies_after``, ``hangs_up_after`` and ``fax_document``.
            project: Only to clients of this project; "" is for any.

        Returns:
            The call, with ``wait_for_answered()``, ``said``, ``heard``, ``press()``, ``say()``, ``hang_up()``.

        Raises:
            TimeoutError: No client listened on the context in time; the caller has hung up.
        """
        device = {"type": "phone", "params": {"from_number": from_, "to_number": to}}
        behaviour = scripted(
            answers_after=0.0,
            kind=kind,
            speech=speech,
            speaks_after=speaks_after,
            presses=presses,
            presses_after=presses_after,
            says_text=says_text,
            replies_after=replies_after,
            hangs_up_after=hangs_up_after,
            fax_document=None if fax_document is None else os.fspath(fax_document),
        )

        def place() -> LocalCall:
            caller = self._script(from_, behaviour)
            return self._place(caller, device, context, rings_for=rings_for, project=project)

        call = self._core.loop.ask(place)
        if timeout is not None and not self._core.wait(lambda: call.state != "created", timeout):
            call.hang_up("cancel")
            raise TimeoutError(f"no client listened on the context {context!r} within {timeout:g} s")
        return call

    def _place(
        self, caller: Callee, device: dict[str, Any], context: str, *, rings_for: float, project: str
    ) -> LocalCall:
        call = LocalCall(self._core, caller, direction="inbound", device=device, project=project, context=context)
        Offer(self._core, call, rings_for).make()
        return call

    def place_message(
        self,
        context: str = "default",
        body: str = "",
        *,
        from_: str = CALLER,
        to: str = CALLED,
        media: Sequence[str] = (),
        tags: Sequence[str] = (),
        project: str = "",
    ) -> LocalMessage:
        """Let somebody send a message in. One client that listens on the context gets it, at once or when it comes.

        Args:
            context: The context that clients must listen on.
            body: The text.
            from_: The sender's number.
            to: The number that it is sent to.
            media: URLs of its pictures.
            tags: Words of your own.
            project: Only to clients of this project; "" is for any.
        """
        params = {
            "context": context,
            "body": body,
            "from_number": from_,
            "to_number": to,
            "media": list(media),
            "tags": list(tags),
        }
        return self._core.loop.ask(self._core.messages.place, project, params)

    @property
    def messages(self) -> list[LocalMessage]:
        """The messages so far in both directions, oldest first; the last 10,000 are kept."""
        return self._core.loop.ask(list, self._core.messages.history)

    def wait_for_subscriber(self, context: str, timeout: float | None = 10.0) -> bool:
        """Wait until a client listens on a context; false after ``timeout`` seconds."""
        return self._core.wait(lambda: bool(self._core.subscribers("", context)), timeout)

    def disconnect_clients(self, restart: bool = False) -> None:
        """Send every client ``signalwire.disconnect`` and end its link a second later: clients come back.

        Args:
            restart: Whether they have to begin a new session; the calls of the old one are no longer theirs.
        """

        def say() -> None:
            for session in list(self._core.sessions.values()):
                session.say_disconnect(restart)

        self._core.loop.ask(say)

    def drop_links(self) -> None:
        """End every client's link without a word, as a network does; sessions can be resumed."""

        def drop() -> None:
            for connection in list(self._core.connections):
                connection.close()

        self._core.loop.ask(drop)

    def serve(self, path: str | os.PathLike[str]) -> str:
        """Serve a local file on loopback, and return the URL to play it from.

        Raises:
            ConfigurationError: There is no such file.
        """
        file = pathlib.Path(path)
        if not file.is_file():
            raise ConfigurationError(f"there is no file {os.fspath(path)} to serve")
        return self._net.serve_file(file.resolve())

    # The end

    def close(self) -> None:
        """End every call, close every link and socket, remove the CA file. Bounded; again is no error."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            self._core.loop.ask(self._core.shut_down)
        finally:
            self._net.close()
            self._core.loop.stop(5.0)
            self._core.join_workers(5.0)
            self._core.remove_directory()
            if self._directory is not None:
                shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> LocalRelay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
