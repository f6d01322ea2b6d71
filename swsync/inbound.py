"""Calls that come in: each goes once, to a handler on a thread of its own or to whoever waits in ``next_call``."""

from __future__ import annotations

import importlib
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from swsync.callbacks import check_callback
from swsync.clock import Thread
from swsync.errors import CallEnded, CallGone, ConfigurationError, ConnectionClosed
from swsync.states import CallState

if TYPE_CHECKING:
    from swsync.call import Call
    from swsync.events import CallReceiveEvent
    from swsync.routing import Router

__all__ = ["CallHandler", "InboundCalls"]

logger = logging.getLogger(__name__)

CallHandler: TypeAlias = "Callable[[Call], Any]"

OFFER_TIME = 5.0  # seconds that an offer waits for next_call before it is passed on
REMEMBERED_PASSES = 1024


class InboundCalls:
    """The offers and the handlers of one client.

    Args:
        router: Where calls are kept.
        max_active: Calls at once; what comes beyond is passed on, and refused as busy if it comes again.
    """

    def __init__(self, router: Router, max_active: int) -> None:
        self._router = router
        self._max_active = max_active
        self._changed = router.clock.condition()
        # All below is guarded by _changed.
        self._handlers: dict[str | None, CallHandler] = {}  # by context; None is every other one
        self._offers: deque[Call] = deque()
        self._waiting: list[str | None] = []  # the contexts that threads in next_call wait for
        self._threads: dict[str, Thread | None] = {}  # of handlers at work, by call id
        self._passed: OrderedDict[str, None] = OrderedDict()  # ids passed on because there were too many
        self._closed = False
        self.counters = {"offered": 0, "handled": 0, "passed": 0, "busy": 0, "abandoned": 0, "duplicates": 0}

    def add_handler(self, handler: CallHandler, contexts: Iterable[str]) -> None:
        """Have a function called with each call of those contexts, or of all that have no other handler.

        Raises:
            ConfigurationError: A thread is in ``next_call`` for one of them: a call goes one way only.
        """
        check_callback("on_call", handler)
        importlib.import_module("swsync.call")  # here, not on the I/O thread with the first call
        keys: list[str | None] = list(contexts) or [None]
        with self._changed:
            if any(wanted is None or key is None or wanted == key for wanted in self._waiting for key in keys):
                raise ConfigurationError("next_call() is waiting for these calls already; use one or the other")
            for key in keys:
                self._handlers[key] = handler
            ready = [call for call in self._offers if self._handler_for(call.context) is not None]
            self._offers = deque(call for call in self._offers if call not in ready)
        for call in ready:
            self._start(call)

    def remove_handler(self, handler: CallHandler, contexts: Iterable[str]) -> None:
        """Call it no more for these contexts: they could not be subscribed to."""
        with self._changed:
            for context in contexts:
                if self._handlers.get(context) is handler:
                    del self._handlers[context]

    def _handler_for(self, context: str) -> CallHandler | None:
        """Requires _changed."""
        return self._handlers.get(context) or self._handlers.get(None)

    def next_call(self, timeout: float | None, context: str | None) -> Call:
        """Wait for an offer and take it."""
        with self._changed:
            handler = self._handlers.get(None) or self._handlers.get(context)
            if handler is not None or (context is None and self._handlers):
                raise ConfigurationError("on_call takes these calls already; use one or the other")
            self._waiting.append(context)
            try:
                self._changed.wait_for(lambda: self._closed or self._find(context) is not None, timeout)
                call = self._find(context)
                if call is not None:
                    self._offers.remove(call)
                    self.counters["handled"] += 1
                    return call
                if self._closed:
                    raise ConnectionClosed("the client is closed")
            finally:
                self._waiting.remove(context)
        raise TimeoutError(f"no call came in within {timeout:g} s" if timeout is not None else "no call came in")

    def _find(self, context: str | None) -> Call | None:
        """The oldest offer that is still on the line; requires _changed."""
        for call in list(self._offers):
            if call.state is CallState.ENDED:
                self._offers.remove(call)
                self._count_abandoned()
            elif context is None or call.context == context:
                return call
        return None

    def close(self) -> None:
        """Take no more calls; what nobody has taken is passed on."""
        with self._changed:
            self._closed = True
            offers = list(self._offers)
            self._offers.clear()
            self._changed.notify_all()
        for call in offers:
            self._pass(call)

    def threads(self) -> list[Thread]:
        """The threads of handlers at work."""
        with self._changed:
            return [thread for thread in self._threads.values() if thread is not None]

    # On the I/O thread.

    def offer(self, event: CallReceiveEvent) -> None:
        """Take in ``calling.call.receive``."""
        call_id = event.call_id
        if not call_id:
            return
        if self._router.knows(call_id):
            with self._changed:
                self.counters["duplicates"] += 1
            return
        with self._changed:
            self.counters["offered"] += 1
            closed = self._closed
            full = len(self._threads) >= self._max_active
            was_passed = call_id in self._passed
        if closed or full or len(self._router.calls()) >= self._max_active:
            self._refuse(event, again=was_passed and not closed)
            return
        from swsync.call import Call

        device = event.device or None
        call = Call(
            self._router, call_id=call_id, node_id=event.node_id, direction=event.direction or "inbound",
            device=device, context=event.context, tag=event.tag, state=event.call_state or "created",
            project_id=event.project_id or self._router.project, segment_id=event.segment_id,
        )  # fmt: skip
        self._router.replace(call)
        with self._changed:
            handler = self._handler_for(call.context)
            if handler is None:
                self._offers.append(call)
                self._changed.notify_all()
        if handler is not None:
            self._start(call)
        else:
            self._router.call_later(OFFER_TIME, self._expire, call)

    def _refuse(self, event: CallReceiveEvent, again: bool) -> None:
        """There are too many calls: pass it on the first time, be busy the second."""
        params = {"node_id": event.node_id, "call_id": event.call_id}
        with self._changed:
            self.counters["busy" if again else "passed"] += 1
            self._passed[event.call_id] = None
            if len(self._passed) > REMEMBERED_PASSES:
                self._passed.popitem(last=False)
        if again:
            logger.warning("call %s was offered again at %d calls: it is told busy", event.call_id, self._max_active)
            self._router.post("calling.end", {**params, "reason": "busy"})
        else:
            logger.warning("call %s is passed on: there are %d calls already", event.call_id, self._max_active)
            self._router.post("calling.pass", params)

    def _expire(self, call: Call) -> None:
        with self._changed:
            if call not in self._offers:
                return
            self._offers.remove(call)
            if call.state is CallState.ENDED:
                self._count_abandoned()
                return
            self.counters["passed"] += 1
        logger.warning("call %s is passed on: nobody has taken it for %g s", call.call_id, OFFER_TIME)
        self._pass(call)

    def _pass(self, call: Call) -> None:
        call._is_passed = True
        self._router.post("calling.pass", {"node_id": call.node_id, "call_id": call.call_id})
        self._router.forget(call)

    def _count_abandoned(self) -> None:
        """The call ended before anybody took it; requires _changed."""
        self.counters["abandoned"] += 1

    def _start(self, call: Call) -> None:
        with self._changed:
            self._threads[call.call_id] = None
        try:
            thread = self._router.clock.start(self._handle, f"swsync-call-{call.call_id}", (call,))
        except RuntimeError as error:  # the machine has no more threads
            logger.error("call %s is passed on: no thread for its handler: %s", call.call_id, error)
            with self._changed:
                del self._threads[call.call_id]
            self._pass(call)
            return
        with self._changed:
            if call.call_id in self._threads:
                self._threads[call.call_id] = thread

    # On the call's own thread.

    def _handle(self, call: Call) -> None:
        try:
            with self._changed:
                handler = self._handler_for(call.context)
                ended = call.state is CallState.ENDED
                if ended:
                    self._count_abandoned()
                else:
                    self.counters["handled"] += 1
            if not ended and handler is not None:
                handler(call)
        except BaseException as error:
            # Whatever it was, nobody looks after this call any more.
            if isinstance(error, (CallEnded, CallGone)) and call._is_over:  # callers hang up when they like
                logger.info("call %s was over before its on_call handler was: %s", call.call_id, error)
            elif isinstance(error, SystemExit):
                logger.warning("the on_call handler of call %s called sys.exit(); the call is ended", call.call_id)
            else:
                logger.exception("the on_call handler of call %s raised; the call is ended", call.call_id)
            if call.state is not CallState.ENDED:
                self._router.post("calling.end", {"node_id": call.node_id, "call_id": call.call_id, "reason": "hangup"})
        finally:
            with self._changed:
                self._threads.pop(call.call_id, None)
                self._changed.notify_all()
