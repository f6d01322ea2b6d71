"""A call: where it stands, waiting for it, and everything that can be done with it.

What it can do is gathered from ``swsync.calling``, one file per capability; this file is the life of a call.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import attrs

from swsync.callbacks import check_callback
from swsync.calling._base import Session
from swsync.calling._completion import Afterwards, run_afterwards
from swsync.calling.ai import AIVerbs
from swsync.calling.callqueue import QueueVerbs
from swsync.calling.capture import CaptureVerbs
from swsync.calling.collect import CollectVerbs
from swsync.calling.conference import ConferenceVerbs
from swsync.calling.connect import ConnectVerbs
from swsync.calling.detect import DetectVerbs
from swsync.calling.digits import DigitVerbs
from swsync.calling.effects import EffectVerbs
from swsync.calling.eventlog import EventLog
from swsync.calling.fax import FaxVerbs
from swsync.calling.listening import Listener, match_for, read_listeners
from swsync.calling.pay import PayVerbs
from swsync.calling.play import PlayVerbs
from swsync.calling.record import RecordVerbs
from swsync.calling.stream import StreamVerbs
from swsync.calling.tap import TapVerbs
from swsync.calling.transcribe import TranscribeVerbs
from swsync.calling.waits import RANK, Waiter, WaitVerbs, known_state
from swsync.errors import CallEnded, CallGone, ConnectionClosed, HandlerOverload, OutcomeUnknown, RelayError
from swsync.events import CallStateEvent, ConnectEvent, RelayEvent, parse_event
from swsync.states import CallState

__all__ = ["Call"]

logger = logging.getLogger(__name__)

SETTLE_DELAY = 0.5
"""Seconds after ``ended`` in which an action's own last event may still come and is preferred."""
UNHEARD = 30.0
"""Seconds after RELAY agreed to end a call in which an event may say so; the call has ended without one."""

# Event type -> what its status says when a call is this client's again, and what that undoes.
_COMES_BACK = {"calling.call.queue": ("leave", "queue"), "calling.conference": ("participant-leave", "join_conference")}
_ABOUT_THE_CALL = frozenset({"calling.call.state", "calling.call.connect", *_COMES_BACK})

_NO_LISTENERS: Mapping[str, list[Listener]] = MappingProxyType({})  # one for all calls


class Call(
    WaitVerbs,
    PlayVerbs,
    RecordVerbs,
    CollectVerbs,
    DetectVerbs,
    ConnectVerbs,
    DigitVerbs,
    FaxVerbs,
    TapVerbs,
    StreamVerbs,
    PayVerbs,
    ConferenceVerbs,
    QueueVerbs,
    AIVerbs,
    TranscribeVerbs,
    EffectVerbs,
    CaptureVerbs,
):
    """A RELAY call. The client makes it when a call comes in, or when a dial is answered.

    Every method may be used from any thread. ``with call:`` hangs up at the end of the block.

    Attributes:
        call_id: RELAY's name of the call.
        node_id: The RELAY node that carries it.
        project_id: The project it belongs to.
        segment_id: Its part of a longer call, or "".
        context: The context it came in on, or "".
        tag: The tag it was dialed with, or "".
        direction: ``inbound`` or ``outbound``.
    """

    _log: EventLog | None = None  # belongs to _condition; of the class until somebody asks for it, as most never do

    def __init__(
        self,
        session: Session,
        *,
        call_id: str,
        node_id: str,
        direction: str = "",
        device: Mapping[str, Any] | None = None,
        context: str = "",
        tag: str = "",
        state: str = "created",
        project_id: str = "",
        segment_id: str = "",
    ) -> None:
        super().__init__(session, call_id, node_id)
        self.project_id = project_id
        self.segment_id = segment_id
        self.context = context
        self.tag = tag
        self.direction = direction
        # Set by the thread that answers or passes; a late look does no harm.
        self._is_answered_here = False
        self._is_passed = False
        # All below belongs to _condition.
        self._state = known_state(state) or CallState.CREATED
        self._reached = min(
            self._state, CallState.ANSWERED, key=RANK.__getitem__
        )  # the farthest of created, ringing, answered
        self._has_ended = self._state is CallState.ENDED
        self._state_event = None
        self._device = dict(device) if device else None  # unless the state event has it
        self._connect_state = ""
        self._peer: Call | None = None
        self._listeners: Mapping[str, list[Listener]] = _NO_LISTENERS
        self._waiters: tuple[Waiter, ...] = ()
        self._overload: HandlerOverload | None = None

    def __repr__(self) -> str:
        return f"<Call {self.call_id} {self.direction} {self._state}>"

    def _repr_html_(self) -> str:
        from swsync.views.calls import call_card

        return call_card(self)

    def __enter__(self) -> Call:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if self._handed_to & {"leave", "transfer"}:
            return
        if kind is not None and not issubclass(kind, Exception) and not self._has_ended:
            # Ctrl-C: without a link a reply would be waited for in vain.
            self.session.post("calling.end", {"node_id": self.node_id, "call_id": self.call_id, "reason": "hangup"})
            return
        try:
            self.hangup()
        except (RelayError, ConnectionClosed):
            if error is None:
                raise
            # The user's own error says more than what hanging up came to.
            logger.warning("call %s could not be hung up", self.call_id, exc_info=True)

    # Where it stands

    @property
    def state(self) -> CallState:
        """created, ringing, answered, ending or ended. It only ever moves forward."""
        return self._state

    @property
    def end_reason(self) -> str:
        """Why it ended: hangup, busy, noAnswer ...; "" before the end."""
        return self._end_reason

    @property
    def id(self) -> str:
        """The same as ``call_id``."""
        return self.call_id

    @property
    def device(self) -> dict[str, Any]:
        """The device on its far end, as the wire has it."""
        with self._condition:
            event, device = self._state_event, self._device
        return device or (event.device if event is not None else {})

    @property
    def type(self) -> str:
        """The type of its device: phone, sip, webrtc ..."""
        return str(self.device.get("type", ""))

    @property
    def to(self) -> str:
        """The number or address that was called."""
        return self._device_text("to_number", "to")

    @property
    def from_(self) -> str:
        """The number or address of the caller."""
        return self._device_text("from_number", "from")

    @property
    def headers(self) -> list[dict[str, str]]:
        """SIP headers of the call, ``[{"name": ..., "value": ...}]``."""
        params = self.device.get("params")
        headers = params.get("headers") if isinstance(params, dict) else None
        return list(headers) if isinstance(headers, list) else []

    @property
    def active(self) -> bool:
        """Whether it is answered and not ending."""
        return self._state is CallState.ANSWERED

    @property
    def connected(self) -> bool:
        """Whether it is bridged to another call."""
        return self._connect_state == "connected"

    @property
    def connect_state(self) -> str:
        """connecting, connected, disconnected, failed, or "" before any ``connect``."""
        return self._connect_state

    @property
    def peer(self) -> Call | None:
        """The call that it is, or was last, bridged to."""
        return self._peer

    @property
    def is_owned(self) -> bool:
        """Whether this client dialed or answered it, has not handed it on, and so ends it when it closes."""
        with self._condition:
            started_here = self.direction == "outbound" or self._is_answered_here
            return started_here and not (self._has_ended or self._is_passed or self._handed_to)

    @property
    def is_passed(self) -> bool:
        """Whether ``pass_()`` gave it back to routing; it may be offered again."""
        return self._is_passed

    @property
    def _is_over(self) -> bool:
        """Whether nothing more will be heard of it: it has ended, was passed on, or its session or client is gone."""
        return self._has_ended or self._over is not None

    @property
    def overload(self) -> HandlerOverload | None:
        """Set when a listener of this call was stuck while a thousand callbacks waited, and was disabled."""
        return self._overload

    def _overloaded(self, overload: HandlerOverload) -> None:
        """A listener was disabled; called by the dispatcher's owner."""
        with self._condition:
            self._overload = overload

    def _device_text(self, *names: str) -> str:
        params = self.device.get("params")
        if isinstance(params, dict):
            for name in names:
                if isinstance(params.get(name), str):
                    return str(params[name])
        return ""

    # Events

    def on(self, event_type: str, handler: Callable[[Any], Any] | None = None) -> Callable[..., Any]:
        """Have a function called with every event of a type. It runs off the I/O thread, in the order of this call.

        Args:
            event_type: RELAY's event type, such as ``calling.call.play``: the function is given the event. Or a short
                name of the older SDKs, such as ``tap.started``: it is given the action (the call for ``call.state``).
            handler: The function. Without it this is a decorator.

        Returns:
            A function that takes the listener away again; as a decorator, the function itself.
        """
        if handler is None:

            def decorate(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
                self.on(event_type, function)
                return function

            return decorate
        check_callback(event_type, handler)
        listener = Listener(match_for(event_type), handler)
        with self._condition:
            others = self._listeners.get(listener.match.event_type, [])
            self._listeners = {**self._listeners, listener.match.event_type: [*others, listener]}
        return partial(self._remove_listener, listener)

    def listen(self, listen: Mapping[str, Callable[[Any], Any]]) -> Callable[[], None]:
        """Register several listeners as the Node SDK does: ``{"on_tap_started": f, "on_state_changed": g}``.

        Returns:
            A function that takes them all away again.

        Raises:
            ValueError: A key that is no listener.
        """
        removers = [self.on(name, function) for name, function in read_listeners(listen).items()]

        def remove() -> None:
            for remover in removers:
                remover()

        return remove

    def keep_events(self, limit: int = 1000) -> EventLog:
        """Keep the newest events of this call from now on, and its last state, to look at: ``events``.

        Args:
            limit: How many; older ones are dropped and counted. Asked again, the log that is there is returned.
        """
        with self._condition:
            if self._log is None:
                self._log = EventLog(limit, self._condition)
                if self._state_event is not None:
                    self._log._add(self._state_event)
            return self._log

    @property
    def events(self) -> EventLog | None:
        """The events that are kept since ``keep_events()``; None before."""
        return self._log

    def _remove_listener(self, listener: Listener) -> None:
        with self._condition:
            listeners = self._listeners.get(listener.match.event_type, [])
            if listener in listeners:
                listeners.remove(listener)

    def _receive(self, event: RelayEvent) -> None:
        """Take an event of this call in: state and waiters first, callbacks after. On the I/O thread."""
        afterwards: Afterwards = []
        wanted: list[tuple[Listener, Any]] = []
        with self._condition:
            if self._log is not None:
                self._log._add(event)
            if event.event_type in _ABOUT_THE_CALL:
                self._take_in(event, afterwards)
            action = self._action(event.control_id) if self._actions and event.control_id else None
            if action is not None and action._observe(event, afterwards):
                self._drop_action(action)
            for waiter in self._waiters:
                if waiter.match.event_type == event.event_type:
                    waiter.events.append(event)
            for listener in self._listeners.get(event.event_type, ()):
                if listener.accepts is None or listener.accepts(event):
                    subject: Any = event
                    if listener.subject != "event":
                        subject = self if listener.subject == "call" else action or event
                    wanted.append((listener, subject))
            self._condition.notify_all()
        if afterwards:
            run_afterwards(afterwards)
        for listener, subject in wanted:
            self.session.callbacks.submit(self.call_id, listener, subject)

    def _take_in(self, event: RelayEvent, afterwards: Afterwards) -> None:
        """Take in what says something about the call itself; requires _condition."""
        if isinstance(event, CallStateEvent):
            self._move(event, afterwards)
        elif isinstance(event, ConnectEvent):
            self._bridge(event, afterwards)
            self._tell_connects(event, afterwards)
        else:
            word, verb = _COMES_BACK[event.event_type]
            self._handed_to -= {verb} if getattr(event, "status", "") == word else set()

    def _tell_connects(self, event: ConnectEvent, afterwards: Afterwards) -> None:
        """Tell the actions whose events carry no control_id: connects; requires _condition."""
        if event.control_id:
            return
        for action in self._actions:
            if action._event_type == event.event_type and action._observe(event, afterwards):
                self._drop_action(action)

    def _move(self, event: CallStateEvent, afterwards: Afterwards) -> None:
        """Take a new state in; requires _condition."""
        self.direction = self.direction or event.direction
        self.segment_id = self.segment_id or event.segment_id
        self.node_id = sys.intern(event.node_id) or self.node_id
        state = known_state(event.call_state)
        if state is None or RANK[state] < RANK[self._state]:
            return  # unknown, or overtaken by a later one
        self._device = None if event.device else self.device
        self._state_event = event
        self._state = state
        if state in (CallState.RINGING, CallState.ANSWERED):
            self._reached = state
        if state is CallState.ENDED and not self._has_ended:
            self._has_ended = True
            self._end_reason = event.end_reason
            afterwards.append(partial(self.session.call_later, SETTLE_DELAY, self._settle_all))

    def _bridge(self, event: ConnectEvent, afterwards: Afterwards) -> None:
        """Take the state of a connect in; requires _condition."""
        self._connect_state = event.connect_state
        if event.connect_state == "connected" and event.peer.get("call_id"):
            afterwards.append(partial(self._adopt_peer, event.peer))
        elif event.connect_state in ("disconnected", "failed"):
            self._handed_to -= {"connect"}
            if self._peer is not None:
                afterwards.append(partial(self._peer._take_back, "connect"))

    def _adopt_peer(self, peer: Mapping[str, Any]) -> None:
        """Make the Call at the other end of the bridge."""
        call = Call(
            self.session,
            call_id=str(peer["call_id"]),
            node_id=str(peer.get("node_id") or self.node_id),
            direction="outbound",
            device=peer["device"] if isinstance(peer.get("device"), dict) else None,
            tag=str(peer.get("tag") or ""),
            state="answered",
            project_id=self.project_id,
        )
        adopted = self.session.adopt(call)
        adopted._hand_to("connect")  # while the bridge stands, ending this call ends it
        with self._condition:
            self._peer = adopted
            self._condition.notify_all()

    def _settle_all(self, factory: Callable[[], BaseException] | None = None) -> None:
        """End everything that waits on this call: it has ended, or with ``factory`` its session is lost."""
        afterwards: Afterwards = []
        with self._condition:
            if self._over is None:
                end_reason, last_event = self._end_reason, self._state_event
                self._over = factory or (lambda: CallEnded(end_reason, last_event))
            actions, self._actions = self._actions, ()
            for action in actions:
                action._end_with_call(afterwards, factory)
            self._condition.notify_all()
        afterwards.append(partial(self.session.forget, self))
        run_afterwards(afterwards)

    def _abandon(self, factory: Callable[[], BaseException]) -> None:
        """Fail every wait of this call: the session is lost, or the client closed. From any thread.

        A call that has ended had its end, and only waited for the last events of its actions.
        """
        self._settle_all(None if self._has_ended else factory)

    # Its life

    def answer(
        self, *, max_duration: int | None = None, codecs: list[str] | None = None, timeout: float | None = 30.0
    ) -> dict[str, Any]:
        """Answer an inbound call and wait until it is answered.

        Args:
            max_duration: The longest it may last, in minutes.
            codecs: Codecs in order of preference.
            timeout: Seconds to wait for the answered state after RELAY's reply; not sent.

        Returns:
            RELAY's reply.

        Raises:
            CallGone: The caller hung up first.
            CallEnded: The caller hung up while it was being answered.
            TimeoutError: RELAY took the command but did not report the call as answered.
        """
        before, self._is_answered_here = self._is_answered_here, True  # now: with its reply lost the call may be on
        try:
            reply = self.request("answer", max_duration=max_duration, codecs=codecs)
        except OutcomeUnknown:
            raise
        except Exception:
            self._is_answered_here = before  # a second answer is refused, and the call is still on
            raise
        self._wait_for_state(CallState.ANSWERED, timeout)
        return reply

    def _send(self, verb: str, params: Mapping[str, Any], timeout: float | None = None) -> dict[str, Any]:
        try:
            return super()._send(verb, params, timeout)
        except CallGone as error:
            # A 404 may be about an action, a conference or a queue of a call that goes on.
            if error.code == 410 or (error.code == 404 and verb in ("answer", "end")):
                # It has ended; should the event that says so be lost, no wait of this call may hang for want of it.
                self.session.call_later(SETTLE_DELAY, self._end_unheard)
            raise

    def hangup(self, reason: str = "hangup") -> dict[str, Any]:
        """End the call. Does nothing if it has ended already.

        Args:
            reason: hangup, cancel, busy, noAnswer, decline or error.

        Returns:
            RELAY's reply, or ``{}`` if there was nothing to end.
        """
        if self._has_ended:
            return {}
        try:
            reply = self.request("end", reason=reason)
        except CallGone:
            return {}
        self.session.call_later(UNHEARD, self._end_unheard)
        return reply

    def _end_unheard(self) -> None:
        """RELAY does not know the call any more, and no event has told of its end. On the I/O thread."""
        if not self._has_ended:
            params = {"call_id": self.call_id, "node_id": self.node_id, "call_state": "ended"}
            payload = {"event_type": "calling.call.state", "timestamp": self.session.clock.time(), "params": params}
            self._receive(attrs.evolve(parse_event(payload), synthetic=True))

    def pass_(self) -> dict[str, Any]:
        """Give an inbound call back to routing, for another consumer. This object hears no more of it."""
        before, self._is_passed = self._is_passed, True  # now: the call may come back before the reply does
        try:
            reply = self.request("pass")
        except OutcomeUnknown:
            raise
        except Exception:
            self._is_passed = before
            raise
        self._abandon(lambda: CallEnded("passed", message="the call was passed back to routing"))
        return reply

    def leave(self) -> None:
        """Let the call go on without this client: neither ``close()`` nor the end of ``with`` ends it."""
        self._hand_to("leave")
