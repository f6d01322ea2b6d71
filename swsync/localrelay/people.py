"""Who is simulated: the people of a relay, the calls and messages that they make, and what became of them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from swsync.errors import ConfigurationError

from .call import LocalCall
from .callee import Callee
from .core import Core
from .dialing import Offer
from .messages import LocalMessage
from .peoplefile import load_people
from .scenario import Behaviour, check_seconds, check_texts, scripted
from .steps import Step

__all__ = ["People"]

CALLER = "+12025550190"
CALLED = "+12025550180"
MOST_TIMES = 1_000_000


def _check_call(context: Any, from_: Any, to: Any, rings_for: Any, project: Any) -> None:
    """Refuse a call in that nobody can make: it would wait for ever, or fail later, on the relay's thread."""
    check_texts(context=context, from_=from_, to=to)
    check_texts(may_be_empty=True, project=project)
    check_seconds("rings_for", rings_for)


class People:
    """What a relay offers to scripts and tests; any thread may call it.

    Args:
        core: The relay.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

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
        script: Sequence[Mapping[str, Any] | Step] = (),
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
                real time, and four seconds at most.
            beep_after: Seconds from a machine's greeting to its beep; None is a machine without one.
            presses: Keys (0-9 # * A-D, w and W pause) that they press when they are asked for digits; several for
                several times.
            presses_after: Seconds from the answer at which the first of these are pressed unasked.
            says_text: What they reply when they are asked to speak; several for several times.
            replies_after: Seconds from being asked to the first key or word.
            hangs_up_after: Seconds from the answer to hanging up.
            fax_document: The file that a fax sends.
            script: What they do from the answer on, step by step: ``{"say": text}``, ``{"play": WAV}``,
                ``{"press": keys}``, ``{"wait": seconds}``, ``{"hang_up": True}``, ``{"function": name}`` and
                ``{"wait_for": "digits" | "speech" | "silence" | "beep"}`` with ``seconds``, ``timeout`` and more. They
                say nothing else then, unless they have a ``speech`` too.
        """
        check_texts(number=number)
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
            script=script,
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
        script: Sequence[Mapping[str, Any] | Step] = (),
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
                ``says_text``, ``replies_after``, ``hangs_up_after``, ``fax_document`` and ``script``.
            project: Only to clients of this project; "" is for any.

        Returns:
            The call, with ``wait_for_answered()``, ``said``, ``heard``, ``press()``, ``say()``, ``hang_up()``.

        Raises:
            TimeoutError: No client listened on the context in time; the caller has hung up.
            ConfigurationError: Something that nobody can do.
            ConnectionClosed: The relay is closed.
        """
        _check_call(context, from_, to, rings_for, project)
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
            script=script,
        )
        ends = (from_, to)
        self._core.check_open()
        call = self._core.loop.ask(self._place, behaviour, ends, context, rings_for, project)
        if timeout is not None and not self._core.wait(lambda: call.state != "created", timeout):
            call.hang_up("cancel")
            raise TimeoutError(f"no client listened on the context {context!r} within {timeout:g} s")
        return call

    def _place(
        self, behaviour: Behaviour, ends: tuple[str, str], context: str, rings_for: float, project: str
    ) -> LocalCall:
        caller = self._core.callee_of(ends[0])
        device = {"type": "phone", "params": {"from_number": ends[0], "to_number": ends[1]}}
        call = LocalCall(
            self._core,
            caller,
            direction="inbound",
            device=device,
            project=project,
            context=context,
            behaviour=behaviour,
        )
        Offer(self._core, call, rings_for).make()
        return call

    def schedule_call(
        self,
        context: str = "default",
        *,
        after: float = 0.0,
        every: float | None = None,
        times: int = 1,
        from_: str = CALLER,
        to: str = CALLED,
        rings_for: float = 60.0,
        project: str = "",
        **person: Any,
    ) -> None:
        """Let somebody call in later, once or several times.

        Args:
            context: The context that clients must listen on.
            after: Seconds until the first call.
            every: Seconds from one call to the next.
            times: How many calls; with ``every`` only.
            from_: The caller's number.
            to: The number that was called.
            rings_for: Seconds from the first offer until the caller gives up.
            project: Only to clients of this project; "" is for any.
            **person: ``speech``, ``presses``, ``script`` and the rest of ``place_call``.

        Raises:
            ConfigurationError: Something that nobody can do.
        """
        _check_call(context, from_, to, rings_for, project)
        check_seconds("after", after)
        check_seconds("every", 0 if every is None else every)
        if isinstance(times, bool) or times not in range(1, MOST_TIMES + 1):
            raise ConfigurationError(f"times must be an integer from 1 to {MOST_TIMES}, not {times!r}")
        if times > 1 and not every:
            raise ConfigurationError("times needs every: the seconds from one call to the next")
        behaviour = scripted(answers_after=0.0, **person)

        def place(left: int) -> None:
            self._place(behaviour, (from_, to), context, rings_for, project)
            if left > 1 and every:
                self._core.loop.call_later(every, place, left - 1)

        self._core.check_open()
        self._core.loop.ask(self._core.loop.call_later, after, place, int(times))

    def load(self, path: str | os.PathLike[str]) -> None:
        """Take people and calls from a .toml or .json file: ``[[callee]]`` and ``[[inbound]]`` tables.

        A callee has ``number`` and the arguments of ``callee``; an inbound call those of ``schedule_call``, with
        ``from`` for ``from_``. Files that it names are found beside it.

        Raises:
            ConfigurationError: The file cannot be read, or says what nobody can do; the text names the place.
        """
        load_people(self, path)

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

        Raises:
            ConfigurationError: Something that is no text.
        """
        check_texts(context=context, from_=from_, to=to)
        check_texts(may_be_empty=True, body=body, project=project)
        for name, texts in (("media", media), ("tags", tags)):
            if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
                raise ConfigurationError(f"{name} must be a list of texts, not {texts!r}")
        params = {
            "context": context,
            "body": body,
            "from_number": from_,
            "to_number": to,
            "media": list(media),
            "tags": list(tags),
        }
        self._core.check_open()
        return self._core.loop.ask(self._core.messages.place, project, params)

    @property
    def messages(self) -> list[LocalMessage]:
        """The messages so far in both directions, oldest first; the last 10,000 are kept."""
        return self._core.loop.ask(list, self._core.messages.history)
