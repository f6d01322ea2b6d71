"""One leg of a call: the state that RELAY tells, what runs on it, and the audio of its party."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from swsync.errors import ConfigurationError

from .actor import Actor
from .audio import RATE, Side, Sound, Source
from .reactions import Reactions
from .scenario import Behaviour, check_keys
from .sound import Spoken, speak
from .voices import voice_of

if TYPE_CHECKING:
    from .action import Action
    from .callee import Callee
    from .core import Core
    from .live import Live
    from .loop import Timer
    from .session import Session

__all__ = ["LocalCall"]

SPENT = 256  # timers of one call after which those that have run are forgotten


class LocalCall:
    """One call as the relay sees it, with the simulated person at its far end.

    ``state``, ``end_reason`` and the ids may be read from any thread; ``said``, ``heard``, ``hang_up``, ``press`` and
    ``wait_for*`` may be called from any thread. The rest belongs to the relay's thread.

    Attributes:
        call_id: The call's id.
        direction: ``inbound`` or ``outbound``, as the client sees it.
        callee: The simulated person.
        behaviour: What they do in this call.
        state: created, ringing, answered, ending, ended.
        end_reason: Why it ended, or "".
        digits_heard: The keys that were sent to the party so far.
        digits_pressed: The keys that the party pressed so far.
        spoken: The texts that the party said so far, with the seconds from the answer at which each began.
    """

    def __init__(
        self,
        core: Core,
        callee: Callee,
        *,
        direction: str,
        device: dict[str, Any],
        project: str,
        context: str = "",
        tag: str = "",
        behaviour: Behaviour | None = None,
    ) -> None:
        self._core = core
        self.callee = callee
        self.behaviour = callee.behaviour if behaviour is None else behaviour
        self.direction = direction
        self.device = device
        self.project = project
        self.context = context
        self.tag = tag
        self.call_id = core.new_id()
        self.segment_id = core.new_id()
        self.node_id = core.node_id
        self.state = "created"
        self.end_reason = ""
        self.digits_heard = ""
        self.digits_pressed = ""
        self.spoken: list[tuple[float, str]] = []
        self.session: Session | None = None  # who controls it
        self.acting: Session | None = None  # a document that does something on it at this moment
        self.created_at = core.loop.now()
        self.answered_at: float | None = None
        self.ended_at: float | None = None
        self.on_end: Callable[[LocalCall], None] | None = None
        self.on_answer: Callable[[LocalCall], None] | None = None
        self.actions: dict[tuple[str, str], Action] = {}
        self.max_duration = 0.0
        self.is_held = False
        self.is_denoised = False
        self.lives: list[Live] = []  # where it hears others, or they hear it
        self.peer: dict[str, Any] | None = None  # what its state events say of the call it was made for
        self.reactions = Reactions(self)
        self.rtp_timestamp = core.random.getrandbits(32)  # both taps of a call count from here
        self._said = Side(core.shelf.add)
        self._heard = Side(core.shelf.add)
        self._timers: list[Timer] = []
        core.add_call(self)

    def __repr__(self) -> str:
        return f"<LocalCall {self.call_id} {self.direction} {self.callee.number} {self.state}>"

    # What others may use, from any thread.

    @property
    def said(self) -> memoryview:
        """What the party said: int16 samples at 8 kHz since the answer, after the call's codec.

        The latest ten thousand calls of a relay keep 512 MiB of audio; what was forgotten (a note in the journal says
        so) is missing here.
        """
        return self._core.loop.ask(self._samples, self._said)

    @property
    def heard(self) -> memoryview:
        """What the party heard: as ``said``."""
        return self._core.loop.ask(self._samples, self._heard)

    def hang_up(self, reason: str = "hangup") -> None:
        """The simulated party hangs up."""
        self._core.loop.ask(self.end, reason)

    def press(self, digits: str) -> None:
        """The simulated party presses keys: streams that copy what it says tell of each."""
        check_keys("keys", digits)
        self._core.loop.ask(self.party_presses, digits)

    def say(self, text: str) -> None:
        """The simulated party says something, which whoever collects speech now recognises."""
        if not isinstance(text, str):
            raise ConfigurationError(f"what a party says is a text, not {text!r}")
        spoken = Spoken(text, speak(text))  # here, because it takes its time
        self._core.loop.ask(self.party_says, spoken)

    def call_function(
        self, function: str, arguments: Mapping[str, Any] | None = None, timeout: float = 10.0
    ) -> dict[str, Any]:
        """Be the model of the AI agent on this call, and call one of its SWAIG functions.

        The function's web hook is asked for real, as the service asks it, and the actions of its answer
        (``FunctionResult``: SWML such as ``tap``, ``hangup``, ``say`` ...) begin before this returns.

        Args:
            function: The name of the function, from the agent's ``SWAIG``.
            arguments: What the model passes to it.
            timeout: Real seconds until the web hook must have answered.

        Returns:
            The answer: ``response``, ``action``.

        Raises:
            ConfigurationError: No agent is on the call, or the function has no web hook that may be asked.
            ConnectionFailed: The web hook did not answer with JSON.
            ProtocolError: The answer is no FunctionResult, or a document in it breaks a rule: the text says where.
        """
        from .swml.functions import call_function  # which needs calls

        return call_function(self._core, self, function, arguments or {}, timeout)

    def wait_for(self, *states: str, timeout: float | None = 10.0) -> str:
        """Wait until the call is in one of the states (``answered``, ``ended`` ...), and return which.

        Raises:
            TimeoutError: It was in none of them within ``timeout`` seconds of the relay's clock.
        """
        if not self._core.wait(lambda: self.state in states, timeout):
            raise TimeoutError(f"the call is {self.state}, not {' or '.join(states)}, after {timeout} s")
        return self.state

    def wait_for_answered(self, timeout: float | None = 10.0) -> None:
        """Wait until the call is answered, or over. Raises TimeoutError."""
        self.wait_for("answered", "ending", "ended", timeout=timeout)

    def wait_for_ended(self, timeout: float | None = 10.0) -> None:
        """Wait until the call is over. Raises TimeoutError."""
        self.wait_for("ended", timeout=timeout)

    # The relay's thread from here on.

    def _samples(self, side: Side) -> memoryview:
        side.render(self.position())
        return side.samples()[: max(0, self.position() - side.begin)]  # somebody who hears it may be a sample ahead

    @property
    def sides(self) -> tuple[Side, Side]:
        """What it keeps of its audio."""
        return self._said, self._heard

    def party_presses(self, digits: str) -> None:
        """The party presses keys; pauses among them are not kept."""
        if self.answered_at is None or not self.is_active:
            return
        keys = "".join(digit for digit in digits if digit not in "wW")
        self.digits_pressed += keys
        for action in list(self.actions.values()):
            action.press(keys)

    def party_says(self, spoken: Spoken) -> None:
        """The party says a text."""
        if self.answered_at is None or not self.is_active:
            return
        self.spoken.append((self.position() / RATE, spoken.text))
        self.sound(Sound([spoken.pcm]), "said")
        for action in list(self.actions.values()):
            action.voice_begins(spoken, len(spoken.pcm) / 2 / RATE)

    def described(self) -> dict[str, Any]:
        """Return what events of other calls say of this one."""
        about: dict[str, Any] = {"call_id": self.call_id, "node_id": self.node_id, "device": self.device}
        return {**about, "tag": self.tag} if self.tag else about

    @property
    def is_active(self) -> bool:
        return self.state not in ("ending", "ended")

    def now(self) -> float:
        """Return the time of this call, which stands still from its end on, however long ending takes."""
        return self._core.loop.now() if self.ended_at is None else self.ended_at

    def position(self) -> int:
        """Return the call's media clock: samples since the answer."""
        if self.answered_at is None:
            return 0
        # The 1e-3 absorbs what floating point loses between a time and its sample.
        return int((self.now() - self.answered_at) * RATE + 1e-3)

    def time_of(self, position: int) -> float:
        """Return when the call's media clock reaches a sample."""
        assert self.answered_at is not None
        return self.answered_at + position / RATE

    def frame(self, side: str, begin: int, end: int) -> bytes:
        """Return a mu-law frame of what was ``said`` or ``heard``; begin and end are samples since the answer."""
        track = self._said if side == "said" else self._heard
        track.render(end)
        return track.between(begin, end)

    def sound(self, sound: Sound, side: str) -> None:
        """Begin to sound now, in what the party ``heard`` or, as if the party said it, in what it ``said``."""
        track = self._said if side == "said" else self._heard
        sound.start = self.position()
        track.render(sound.start)
        track.add(sound)

    def hears(self, live: Source) -> None:
        """Let the party hear somebody else from now on."""
        self._heard.add(live)

    def settle(self) -> None:
        """Render both sides to now, so that a change of what sounds takes effect from here on."""
        self._said.render(self.position())
        self._heard.render(self.position())

    def tell(
        self,
        event_type: str,
        webhook: str = "",
        webhook_method: str = "POST",
        to: Session | None = None,
        **params: Any,
    ) -> None:
        """Send an event of this call to the session that controls it (or ``to``), and to a webhook if one was named."""
        session = to or self.session
        if session is None:
            return
        inner: dict[str, Any] = {"call_id": self.call_id, "node_id": self.node_id, "segment_id": self.segment_id}
        if self.tag:
            inner["tag"] = self.tag
        told = session.event(event_type, {**inner, **params})
        if webhook:
            self._core.webhooks.post(webhook, told, webhook_method)

    def set_state(self, state: str, **fields: Any) -> None:
        if state != self.state:
            self.state = state
            self._core.changes.add(self._core, self)
        about = self.device.get("params", {})
        wanted = state in (about.get("call_state_events") or ("ended",))
        if self.peer is not None:
            fields["peer"] = self.peer
        self.tell(
            "calling.call.state",
            webhook=about.get("call_state_url") or "" if wanted else "",
            call_state=state,
            direction=self.direction,
            device=self.device,
            **fields,
        )
        self._core.notify()

    def later(self, delay: float, function: Callable[..., object], *args: Any) -> None:
        """Run something unless the call has ended by then."""
        if len(self._timers) >= SPENT:
            now = self._core.loop.now()
            self._timers = [timer for timer in self._timers if timer.when >= now]
        self._timers.append(self._core.loop.call_later(delay, function, *args))

    def ring(self) -> None:
        """The party's telephone rings; it does what its behaviour says."""
        behaviour = self.behaviour
        self.set_state("ringing")
        outcome = behaviour.outcome_of(self.callee.rings)
        if outcome == "answers":
            self.later(behaviour.answers_after, self.answer)
        elif outcome != "noAnswer":
            self.later(behaviour.answers_after, self.end, outcome)

    def leave(self) -> None:
        """Nobody controls the call any longer, and what ran on it for its client has ended."""
        for action in list(self.actions.values()):
            action.finish()
        self.session = None

    def answer(self) -> None:
        """The call is answered: its media clock starts."""
        if self.state not in ("created", "ringing"):
            return
        self.answered_at = self._core.loop.now()
        behaviour = self.behaviour
        first_word = round(behaviour.first_word(self._core.speed) * RATE)
        self._said.add(Sound(voice_of(behaviour, self.direction), start=first_word))
        self.set_state("answered")
        if behaviour.hangs_up_after is not None:
            self.later(behaviour.hangs_up_after, self.end, "hangup")
        if self.max_duration > 0:
            self.later(self.max_duration, self.end, "max_duration")
        self.reactions.answered()
        Actor(self._core, self).start()
        if self.on_answer is not None:
            self.on_answer(self)
        for action in list(self.actions.values()):
            action.begin()

    def end(self, reason: str = "hangup") -> None:
        """End the call: first all that runs on it, then the call, as the clients need it."""
        if not self.is_active:
            return
        was_answered = self.answered_at is not None
        self.ended_at = self._core.loop.now()
        for action in list(self.actions.values()):
            action.finish()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self.end_reason = reason
        if was_answered:
            self.set_state("ending", end_reason=reason)
        self.set_state("ended", end_reason=reason)
        self._core.call_ended(self)
        if self.on_end is not None:
            self.on_end(self)
