"""Dials under way: their legs by tag, when they are over, and that no leg is left ringing or talking to nobody.

RELAY's reply to ``calling.dial`` names no call. Each leg shows itself by a state event with the dial's tag; the dial
event then says which one answered, or that none did.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from swsync.errors import DialFailed, DialUnknown, OutcomeUnknown, RequestTimeout
from swsync.events import CallStateEvent, DialEvent, RelayEvent, parse_event
from swsync.states import CallState

if TYPE_CHECKING:
    from swsync.call import Call
    from swsync.routing import Router

__all__ = ["LINGER", "Dial", "PastDial", "ring_time"]

logger = logging.getLogger(__name__)

RING = 30.0  # seconds that a device rings unless it says otherwise: RELAY's default
SLACK = 15.0  # seconds that a dial is given beyond its ring timeouts
# Seconds beyond the ring timeouts in which legs of a dial may still show up: a link that has gone silent is noticed
# only after 90 to 120, and what it kept back comes after that.
LINGER = 150.0
LOSERS = 5.0  # seconds in which the service itself ends the losers of a parallel dial


def ring_time(devices: Sequence[Sequence[Any]]) -> float:
    """Return the seconds that devices ring at most: the sum over the steps of the longest in each."""
    return sum(max(_ring(device) for device in step) for step in devices)


def _ring(device: Any) -> float:
    params = device.get("params")
    timeout = params.get("timeout") if isinstance(params, Mapping) else None
    return float(timeout) if isinstance(timeout, (int, float)) and not isinstance(timeout, bool) else RING


class PastDial(NamedTuple):
    """What is remembered of a dial that was answered and has no other leg: there is one for each call of a minute.

    Attributes:
        until: When no more legs of it can show up.
        winner: The leg that was answered.
        prepare: Called with each leg that shows up after all.
    """

    until: float
    winner: Call
    prepare: Callable[[Call], object] | None


_NO_LEGS: frozenset[str] = frozenset()  # one for all dials


class Dial:
    """One ``calling.dial``, from before it is sent until the last of its legs is accounted for.

    Args:
        router: The client, as calls see it.
        tag: Its name on the wire.
        ring: Seconds that its devices ring at most.
        prepare: Called with each new leg, on the I/O thread, before its first event: registers listeners.
    """

    __slots__ = (
        "_changed", "_failure", "_is_abandoned", "_is_told", "_legs", "_prepare", "_ring", "_router", "_told_to_end",
        "_was_seen", "_winner", "tag",
    )  # fmt: skip

    def __init__(self, router: Router, tag: str, ring: float, prepare: Callable[[Call], object] | None = None) -> None:
        self._router = router
        self.tag = tag
        self._ring = ring
        self._prepare = prepare
        self._changed = router.clock.condition()
        # All below is guarded by _changed.
        self._legs: dict[str, Call] = {}
        self._told_to_end = _NO_LEGS
        self._winner: Call | None = None
        self._failure: Callable[[], Exception] | None = None
        self._is_abandoned = False  # every leg of it is to be ended
        self._was_seen = False  # RELAY has said anything about it ...
        self._is_told = False  # ... and what it came to; the I/O thread's, and a late look does no harm

    @classmethod
    def answered(cls, router: Router, tag: str, past: PastDial) -> Dial:
        """Make one again that was answered and dropped, now that another leg of it has shown up."""
        dial = cls(router, tag, max(0.0, past.until - router.clock.now()), past.prepare)
        dial._legs = {past.winner.call_id: past.winner}
        dial._winner = past.winner
        dial._was_seen = dial._is_told = True
        return dial

    # From the dialing thread.

    def run(self, params: dict[str, Any], timeout: float, wait_for_link: bool = True) -> Call:
        """Send the dial and wait until it is answered; without ``wait_for_link`` it is sent now or not at all.

        Raises:
            DialFailed: Nobody answered; ``.reason``.
            DialUnknown: It was sent, and what became of it cannot be known.
            RequestTimeout: It could not be sent.
            RelayError: RELAY refused it.
        """
        try:
            return self._run(params, timeout, wait_for_link)
        except Exception:
            raise
        except BaseException:  # Ctrl-C, wherever it struck: nobody gets the call. The I/O thread goes on ending legs
            with self._changed:
                self._winner = None
            self._router.expect_legs(self)
            self.give_up()
            raise

    def _run(self, params: dict[str, Any], timeout: float, wait_for_link: bool) -> Call:
        if self._is_abandoned:  # the client closes
            self._router.drop_dial(self)
            raise DialFailed(self.tag, "closed", "the client was closed")
        try:
            request = self._router.begin("calling.dial", params, self._changed)
        except Exception:
            self._router.drop_dial(self)  # it was not sent
            raise
        if not (wait_for_link or request.writes):
            error = self._router.give_up(request)
            if isinstance(error, RequestTimeout):  # else a link came up just now, and has it
                self._router.drop_dial(self)
                raise error
        try:
            with self._changed:
                self._changed.wait_for(lambda: self._is_settled() or request.is_refused(), timeout)
        except BaseException:
            self._router.give_up(request)
            self.give_up()
            raise
        error = self._router.give_up(request)
        with self._changed:
            if self._winner is not None:
                return self._winner
            failure = self._failure
        if request.is_refused() or isinstance(error, RequestTimeout):
            self._router.drop_dial(self)  # nothing rings
            if error is None:
                request.result()  # raises what RELAY said
            raise error or DialFailed(self.tag, "error")
        if failure is not None:
            raise failure()
        winner = self.give_up()
        if winner is not None:
            return winner  # it was answered at the last moment
        raise self._why_not(error is not None, timeout)

    def begin(self, params: dict[str, Any]) -> Call:
        """Send ``calling.begin``, the old way: its reply names the one leg, which does not ring yet.

        Raises:
            RelayError: RELAY refused it; ``OutcomeUnknown`` if it said nothing: then each leg is ended on first sight.
            DialFailed: The client was closed meanwhile.
        """
        try:
            reply = self._router.request("calling.begin", params)
        except (OutcomeUnknown, KeyboardInterrupt, SystemExit):
            self.give_up()
            raise
        except Exception:
            self._router.drop_dial(self)  # nothing rings
            raise
        call_id, node_id = reply.get("call_id"), reply.get("node_id")
        if not isinstance(call_id, str) or not call_id or not call_id.isprintable():
            self.give_up()
            raise DialUnknown(self.tag)
        leg = self._leg(call_id, node_id if isinstance(node_id, str) else "", {"device": params["device"]})
        with self._changed:
            if not self._is_settled() and not self._is_abandoned:
                self._winner = leg
            failure = self._failure
        if self._winner is not leg:
            self._end(leg)
            raise failure() if failure is not None else DialFailed(self.tag, "closed", "the client was closed")
        self._settle_losers()
        return leg

    def _is_settled(self) -> bool:
        return self._winner is not None or self._failure is not None

    def _why_not(self, unanswered: bool, timeout: float) -> Exception:
        """What the dial came to when its time has passed; ``unanswered`` if RELAY has not replied to it."""
        with self._changed:
            if (unanswered and not self._was_seen) or not self._router.is_connected:
                return DialUnknown(self.tag)
        return DialFailed(self.tag, "timeout", f"nobody answered within {timeout:g} s")

    def give_up(self) -> Call | None:
        """End every leg there is, and each later one on first sight. From any thread.

        Returns:
            The leg that was answered: then all is left as it is.
        """
        with self._changed:
            if self._winner is not None:
                return self._winner
            self._is_abandoned = True
            legs = list(self._legs.values())
        for leg in legs:
            self._end(leg)
        self._router.call_later(self._ring + LINGER, self._drop)
        return None

    def fail(self, failure: Callable[[], Exception]) -> None:
        """Make the dialing thread raise: the session is lost, or the client closes. From any thread."""
        with self._changed:
            if self._is_settled():
                return
            self._failure = failure
            self._changed.notify_all()

    def lose(self) -> None:
        """The session is lost: nothing more will be heard of it, unless a leg of it shows up after all."""
        self.fail(lambda: DialUnknown(self.tag))
        self.give_up()

    def has_open_legs(self) -> bool:
        """Whether it may still leave a leg behind: a known one goes on, or none has been seen yet."""
        with self._changed:
            if not self._is_abandoned:
                return self._winner is None and self._failure is None
            return self._may_have_legs()

    def is_doubtful(self) -> bool:
        """Whether a leg of it may be left, now that it was given up. Takes no lock: a late look does no harm."""
        return self._winner is None and self._may_have_legs()

    def _may_have_legs(self) -> bool:
        legs = tuple(self._legs.values())
        if not legs:
            return not self._is_told  # none yet: the first may be on its way to us, or being made
        return any(leg.state is not CallState.ENDED for leg in legs)

    @property
    def is_told(self) -> bool:
        """Whether RELAY has said what the dial came to: until then it may ring one more leg."""
        return self._is_told

    @property
    def is_abandoned(self) -> bool:
        return self._is_abandoned

    # On the I/O thread.

    def receive(self, event: RelayEvent) -> bool:
        """Take in an event with this tag: a leg's state, or the dial's own. False if it is neither."""
        if isinstance(event, DialEvent):
            self._mark_seen()
            self._decide(event)
            self._router.tell_changed()
            return True
        if not isinstance(event, CallStateEvent) or not event.call_id or self._is_bridged(event):
            return False
        self._mark_seen()
        leg = self._leg(event.call_id, event.node_id, event.params)
        leg._receive(event)
        self._watch(leg)
        return True

    def _is_bridged(self, event: CallStateEvent) -> bool:
        """Whether it is of a call that the winner was connected to, which may carry the dial's tag: no loser."""
        with self._changed:
            if self._winner is None or event.call_id == self._winner.call_id or not event.params.get("peer"):
                return False
            self._legs.pop(event.call_id, None)
            return True

    def _mark_seen(self) -> None:
        with self._changed:
            self._was_seen = True

    def _leg(self, call_id: str, node_id: str, params: Mapping[str, Any], state: str = "created") -> Call:
        """Return the leg with that id, a new one if need be."""
        with self._changed:
            leg = self._legs.get(call_id)
        if leg is not None:
            return leg
        device = params.get("device")
        leg = self._router.make_call(
            call_id=call_id,
            node_id=node_id,
            direction="outbound",
            device=device if isinstance(device, Mapping) else None,
            tag=self.tag,
            state=state,
        )
        with self._changed:
            is_new = call_id not in self._legs  # the thread in begin() may come here at the same time
            self._legs[call_id] = leg
        if is_new and self._prepare is not None:
            self._prepare(leg)
        return leg

    def _watch(self, leg: Call) -> None:
        """See that a leg that nobody will get does not live on."""
        with self._changed:
            winner, abandoned, failed = self._winner, self._is_abandoned, self._failure is not None
        if leg is winner or leg.state is CallState.ENDED:
            return
        if abandoned:
            self._end(leg)
        elif winner is not None or failed:
            self._router.call_later(LOSERS, self._end_loser, leg)

    def _end_loser(self, leg: Call) -> None:
        """End a leg that the service has not ended by itself, unless it turned out to be the winner's peer."""
        with self._changed:
            winner = self._winner
            is_loser = leg.call_id in self._legs
        peer = winner.peer if winner is not None else None
        if is_loser and (peer is None or peer.call_id != leg.call_id):
            self._end(leg)

    def _end(self, leg: Call) -> None:
        """End a leg that is not the winner, without waiting. A leg is asked once; the request outlives the link."""
        with self._changed:
            if leg is self._winner or leg.state is CallState.ENDED or leg.call_id in self._told_to_end:
                return
            self._told_to_end |= {leg.call_id}
        logger.info("dial %s: ending leg %s", self.tag, leg.call_id)
        reason = "hangup" if leg.state is CallState.ANSWERED else "cancel"
        self._router.post("calling.end", {"node_id": leg.node_id, "call_id": leg.call_id, "reason": reason})

    def _decide(self, event: DialEvent) -> None:
        if event.dial_state == "answered":
            self._answered(event)
        elif event.dial_state == "failed":
            self._is_told = True
            reason = event.reason or self._reason_of_legs()
            self.fail(lambda: DialFailed(self.tag, reason))
            self._settle_losers()

    def _answered(self, event: DialEvent) -> None:
        call_id = event.call.get("call_id")
        if not isinstance(call_id, str) or not call_id or not call_id.isprintable():
            logger.warning("dial %s was answered, but the event names no call", self.tag)
            return
        node_id = event.call.get("node_id")
        node_id = node_id if isinstance(node_id, str) else event.node_id
        leg = self._leg(call_id, node_id, event.call, state="answered")
        self._is_told = True  # now that the leg is known
        if leg.state in (CallState.CREATED, CallState.RINGING):
            # Its own state event is missing, or late: the dial event says as much.
            params = {"call_id": call_id, "node_id": node_id, "call_state": "answered", "direction": "outbound"}
            leg._receive(parse_event({"event_type": "calling.call.state", "params": params}))
        with self._changed:
            if not self._is_settled() and not self._is_abandoned:
                self._winner = leg
                self._changed.notify_all()
            abandoned = self._is_abandoned or self._failure is not None
        if abandoned:
            self._end(leg)  # too late: nobody is waiting for it any more
        self._settle_losers()

    def _settle_losers(self) -> None:
        with self._changed:
            legs = list(self._legs.values())
        for leg in legs:
            self._watch(leg)
        until = self._router.clock.now() + self._ring + LINGER
        with self._changed:
            winner = None if self._is_abandoned else self._winner
            is_quiet = all(leg is winner or leg.state is CallState.ENDED for leg in legs)
        if winner is not None and is_quiet:
            self._router.retire_dial(self, PastDial(until, winner, self._prepare))
        else:
            self.expire()

    def expire(self) -> None:
        """Be dropped when no more legs can show up."""
        self._router.call_later(self._ring + LINGER, self._drop)

    def _drop(self, missed_news: bool = False) -> None:
        """Expect no more legs, unless there was no link to hear of them on."""
        if not self._router.is_connected:
            self._router.call_later(LINGER, self._drop, True)
        elif missed_news:
            self._router.call_later(LINGER, self._drop)
        else:
            self._router.drop_dial(self)

    def _reason_of_legs(self) -> str:
        with self._changed:
            reasons = [leg.end_reason for leg in self._legs.values() if leg.end_reason]
        return reasons[-1] if reasons else "error"
