"""Which event belongs to which call, dial or message; and what calls need of their client.

``Router`` is the ``Session`` of every call. What it is given by the I/O thread it hands on at once: objects update
themselves and wake who waits, then queue callbacks.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from swsync.clock import Clock, Condition
from swsync.connection import Connection
from swsync.dispatcher import Dispatcher
from swsync.errors import CallEnded, ConfigurationError, HandlerOverload, ProtocolError, RelayError
from swsync.states import CallState
from swsync.timers import Timer

if TYPE_CHECKING:
    from swsync.call import Call
    from swsync.dialing import Dial, PastDial
    from swsync.events import CallReceiveEvent, MessageReceiveEvent, MessageStateEvent, RelayEvent
    from swsync.message import Message
    from swsync.pending import Request

__all__ = ["Router"]

logger = logging.getLogger(__name__)

REACHING = ("calling.dial", "calling.begin", "calling.connect", "calling.refer")  # methods that name whom to call
REMEMBERED_CALLS = 4096  # ids of calls that are over, so that a late second offer is not taken for a new call
MOST_MESSAGES = 20_000  # sent, without an end: not every network tells of a delivery
EARLY_EVENTS = 256  # of messages whose reply, with their id, has not come yet


class Router:
    """The tables of one client.

    Args:
        clock: Whose time it lives in.
        callbacks: Runs user code.
        is_local_host: Whether RELAY is on this machine.
        allowed_destinations: Prefixes of what may be dialed or connected to, none of them empty; None allows all.
        on_offer: Called on the I/O thread with the event of each inbound call that is new.
        on_message: Called on the I/O thread with each inbound message.
    """

    def __init__(
        self,
        clock: Clock,
        callbacks: Dispatcher,
        *,
        project: str = "",
        is_local_host: bool,
        allowed_destinations: Sequence[str] | None,
        on_offer: Callable[[CallReceiveEvent], None],
        on_message: Callable[[MessageReceiveEvent], None],
    ) -> None:
        self.clock = clock
        self.callbacks = callbacks
        self.is_local_host = is_local_host
        self.project = project
        self.connection: Connection  # set once by the client, before anything runs
        self._allowed_destinations = _prefixes(allowed_destinations)
        self._routes: dict[str, Callable[[Any], object]] = {  # of event types that are not about a call there is
            "calling.call.receive": on_offer,
            "calling.call.dial": lambda event: self._route_dial(event, event.tag),
            "messaging.receive": on_message,
            "messaging.state": self._route_message,
        }
        # The tables are guarded by _lock. changed is a condition on it, notified when a call is over.
        self._lock = threading.Lock()
        self.changed: Condition = clock.condition(self._lock)
        self._calls: dict[str, Call] = {}
        self._over: OrderedDict[str, None] = OrderedDict()
        self._dials: dict[str, Dial] = {}
        self._past_dials: dict[str, PastDial] = {}  # by tag
        self._is_sweeping = False  # a timer looks after _past_dials
        self._messages: dict[str, Message] = {}
        self._early: OrderedDict[str, list[RelayEvent]] = OrderedDict()
        self._parse: Callable[[dict[str, Any]], RelayEvent] = self._parse_first  # the I/O thread's

    # What a call needs: swsync.calling's Session.

    def check_process(self) -> None:
        """Raise ``ConnectionClosed`` in a forked child."""
        self.connection.check_process()

    def request(
        self, method: str, params: dict[str, Any], *, timeout: float | None = None, idempotent: bool = False
    ) -> dict[str, Any]:
        """Send a request and wait for its reply."""
        return self.connection.request(method, params, timeout=timeout, idempotent=idempotent)

    def post(self, method: str, params: dict[str, Any]) -> None:
        """Send an idempotent request whose reply nobody waits for."""
        self.connection.post(method, params)

    def call_later(self, delay: float, function: Callable[..., Any], *args: Any) -> Timer:
        """Call a quick function on the I/O thread after so many seconds."""
        return self.connection.call_later(delay, function, *args)

    def adopt(self, call: Call) -> Call:
        """Route the events of this call id to this call; an earlier object of that id wins."""
        with self.changed:
            return self._calls.setdefault(call.call_id, call)

    def forget(self, call: Call) -> None:
        """The call is over, or no longer this client's."""
        with self.changed:
            if self._calls.get(call.call_id) is call:
                del self._calls[call.call_id]
                if not call.is_passed:
                    self._note_over(call.call_id)
            self.changed.notify_all()
        self.callbacks.forget(call.call_id)

    def _note_over(self, call_id: str) -> None:
        """Remember that a call is over; requires _lock."""
        self._over[call_id] = None
        if len(self._over) > REMEMBERED_CALLS:
            self._over.popitem(last=False)

    def check_destinations(self, devices: Sequence[Any]) -> None:
        """Raise ``ConfigurationError`` for a device that no allowed prefix covers."""
        if self._allowed_destinations is None:
            return
        from swsync.devices import as_wire

        for address in _addresses(as_wire(list(devices))):
            if not address.startswith(self._allowed_destinations):
                shown = f"{address[:5]}..." if address.startswith("+") else repr(address)  # errors end in logs
                raise ConfigurationError(
                    f"{shown} is not among the destinations this client may reach (allowed_destinations)"
                )

    def check_request(self, method: str, params: Mapping[str, Any]) -> None:
        """``check_destinations`` for a request that somebody wrote by hand."""
        if method in REACHING:
            self.check_destinations([params.get("devices"), params.get("device")])
        elif method == "signalwire.execute" and self._allowed_destinations is not None:
            raise ConfigurationError(
                "signalwire.execute wraps another request, which allowed_destinations would not see: send that itself"
            )

    # What a dial needs.

    @property
    def is_connected(self) -> bool:
        return self.connection.is_connected

    def begin(self, method: str, params: dict[str, Any], changed: Condition) -> Request:
        """Send a request whose reply notifies a condition."""
        return self.connection.begin(method, params, changed=changed)

    def give_up(self, request: Request) -> Exception | None:
        """Wait no longer for a request."""
        return self.connection.give_up(request)

    def make_call(self, **fields: Any) -> Call:
        """Make a call and route its events to it; one that is known already is returned instead."""
        project_id = fields.pop("project_id", "") or self.project  # RELAY does not always say what goes without saying
        from swsync.call import Call

        return self.adopt(Call(self, project_id=project_id, **fields))

    def add_dial(self, dial: Dial) -> None:
        """Route the events of its tag to it.

        Raises:
            ValueError: The tag is in use.
        """
        with self.changed:
            other = self._dials.get(dial.tag)
        if other is not None and other.has_open_legs():
            raise ValueError(f"tag {dial.tag!r} is in use by another dial")
        with self.changed:
            if self._dials.get(dial.tag) is not other:
                raise ValueError(f"tag {dial.tag!r} is in use by another dial")
            self._dials[dial.tag] = dial
            self._past_dials.pop(dial.tag, None)

    def tell_changed(self) -> None:
        """Have those look again who wait until calls and dials are over."""
        with self.changed:
            self.changed.notify_all()

    def drop_dial(self, dial: Dial) -> None:
        """Nothing more of it is expected."""
        with self.changed:
            if self._dials.get(dial.tag) is dial:
                del self._dials[dial.tag]
            self.changed.notify_all()

    def expect_legs(self, dial: Dial) -> None:
        """Route the events of its tag to it again, though it was answered."""
        with self.changed:
            self._past_dials.pop(dial.tag, None)
            self._dials.setdefault(dial.tag, dial)

    def retire_dial(self, dial: Dial, past: PastDial) -> None:
        """It was answered, and only a leg that shows up against all expectation would be its business."""
        with self.changed:
            if self._dials.get(dial.tag) is not dial:
                return
            del self._dials[dial.tag]
            self._past_dials[dial.tag] = past
            start, self._is_sweeping = not self._is_sweeping, True
            self.changed.notify_all()
        if start:
            from swsync.dialing import LINGER

            self.call_later(LINGER, self._sweep)

    def _sweep(self, missed_news: bool = False) -> None:
        """Forget the dials whose time is over, unless there was no link to hear of their legs on."""
        now, is_deaf = self.clock.now(), not self.is_connected
        with self.changed:
            if not (is_deaf or missed_news):
                self._past_dials = {tag: past for tag, past in self._past_dials.items() if past.until > now}
            self._is_sweeping = bool(self._past_dials)
        if self._is_sweeping:
            from swsync.dialing import LINGER

            self.call_later(LINGER, self._sweep, is_deaf)

    # What the client needs.

    def calls(self) -> list[Call]:
        """The calls that are not over."""
        with self.changed:
            calls = list(self._calls.values())
        return [call for call in calls if call.state is not CallState.ENDED]

    def dials(self) -> list[Dial]:
        with self.changed:
            return list(self._dials.values())

    def knows(self, call_id: str) -> bool:
        """Whether a call of that id was here before and was not passed on: a second offer of it is no news."""
        with self.changed:
            call = self._calls.get(call_id)
            return call_id in self._over or (call is not None and not call.is_passed)

    def replace(self, call: Call) -> None:
        """Route the events of this id to this call, whatever was there: a call that was passed came back."""
        with self.changed:
            self._calls[call.call_id] = call

    def add_message(self, message: Message) -> None:
        """Route the events of a sent message to it, those first that came before its id was known."""
        with self.changed:
            self._messages[message.message_id] = message
            early = self._early.pop(message.message_id, [])
            oldest = next(iter(self._messages)) if len(self._messages) > MOST_MESSAGES else None
            forgotten = None if oldest is None else self._messages.pop(oldest)
        if forgotten is not None:
            logger.warning("message %s is followed no longer: %d newer ones have no end yet", oldest, MOST_MESSAGES)
            forgotten._abandon(lambda: RelayError(-1, "it had no end when too many others had none", "messaging.send"))
        for event in early:
            self._message_state(message, event)

    def lose_session(self, reason: str) -> None:
        """Fail every wait: of calls with ``CallEnded(reason)``, of dials with ``DialUnknown``, of messages."""
        with self.changed:
            calls, dials = list(self._calls.values()), list(self._dials.values())
            messages = list(self._messages.values())
            self._messages.clear()
            self._early.clear()
        for dial in dials:
            dial.lose()
        for call in calls:
            call._abandon(lambda: CallEnded(reason))
        for message in messages:
            message._abandon(lambda: CallEnded(reason))
        with self.changed:
            self.changed.notify_all()

    def report_overload(self, key: str, overload: HandlerOverload) -> None:
        """Tell the call whose listener was disabled."""
        with self.changed:
            call = self._calls.get(key)
        if call is not None:
            call._overloaded(overload)

    # On the I/O thread.

    def receive(self, payload: dict[str, Any]) -> None:
        """Hand an event to whom it belongs.

        Raises:
            ProtocolError: It is nothing that RELAY sends.
        """
        event_type = payload.get("event_type")
        if isinstance(event_type, str) and event_type.startswith("signalwire."):
            return  # of the session alone, which has seen it
        event: Any = self._parse(payload)  # an event type has one class
        if not event.call_id.isprintable():
            raise ProtocolError("the call_id of an event holds control characters")  # it would go into logs
        self._routes.get(event.event_type, self._route)(event)

    def _parse_first(self, payload: dict[str, Any]) -> RelayEvent:
        """Load what events need with the first one; an import for each would be a tenth of what an event costs."""
        from swsync.events import parse_event

        self._parse = parse_event
        return parse_event(payload)

    def _route(self, event: RelayEvent) -> None:
        with self._lock:
            call = self._calls.get(event.call_id) if event.call_id else None
        tag = event.params.get("tag")
        if call is not None and not (call.tag and call.tag == tag and tag in self._dials):
            call._receive(event)
        elif not (isinstance(tag, str) and tag and self._route_dial(event, tag)):
            if call is not None:
                call._receive(event)
            else:
                if event.call_id and getattr(event, "call_state", "") == CallState.ENDED:
                    with self._lock:
                        self._note_over(event.call_id)  # its offer, if it comes after this, is no news any more
                logger.debug("nobody is interested in a %s event", event.event_type)

    def _route_dial(self, event: RelayEvent, tag: str) -> bool:
        with self.changed:
            dial, past = self._dials.get(tag), self._past_dials.get(tag)
        if dial is None and past is not None:
            from swsync.dialing import Dial

            dial = Dial.answered(self, tag, past)
            if event.event_type == "calling.call.state":
                self.expect_legs(dial)
                dial.expire()
        return dial is not None and dial.receive(event)

    def _route_message(self, event: MessageStateEvent) -> None:
        with self.changed:
            message = self._messages.get(event.message_id)
            if message is None and event.message_id:
                self._early.setdefault(event.message_id, []).append(event)
                if len(self._early) > EARLY_EVENTS or len(self._early[event.message_id]) > EARLY_EVENTS:
                    self._early.popitem(last=False)
        if message is not None:
            self._message_state(message, event)

    def _message_state(self, message: Message, event: RelayEvent) -> None:
        message._receive(event)
        if message.is_done:
            with self.changed:
                self._messages.pop(message.message_id, None)


def _prefixes(allowed: Sequence[str] | None) -> tuple[str, ...] | None:
    """What ``allowed_destinations`` says. A text is a sequence too, of "+" and digits: it would allow everything."""
    if allowed is None:
        return None
    if isinstance(allowed, str) or any(not isinstance(prefix, str) or not prefix.strip() for prefix in allowed):
        raise ConfigurationError(
            f"allowed_destinations is a list of prefixes, none of them empty, such as ['+1202'], not {allowed!r}"
        )
    return tuple(allowed)


def _addresses(devices: Any) -> list[str]:
    """What a device, or any nesting of them, reaches. One of an unknown type reaches "", which none covers."""
    if isinstance(devices, Mapping):
        kind, params = devices.get("type"), devices.get("params")
        if kind in ("call", "queue"):
            return []  # of this project
        names = {"phone": "to_number", "sip": "to", "webrtc": "to", "agora": "to", "stream": "url"}
        return [str(params.get(names.get(str(kind)), "")) if isinstance(params, Mapping) else ""]
    if isinstance(devices, (list, tuple)):
        return [address for device in devices for address in _addresses(device)]
    return []
