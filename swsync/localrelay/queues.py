"""``calling.queue.*``: calls that wait in order, until somebody connects to the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .action import Action
from .call import LocalCall
from .requests import Params, Requests, Result, Verb
from .session import Failed

if TYPE_CHECKING:
    from .core import Core
    from .session import Session

__all__ = ["QueueVerbs", "Queues"]


class _Queue:
    """One queue of a project."""

    def __init__(self, queue_id: str, name: str) -> None:
        self.queue_id = queue_id
        self.name = name
        self.waiting: list[QueueAction] = []
        self.waits: list[float] = []  # seconds that the last hundred waited


class Queues:
    """The queues by project and name."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._queues: dict[tuple[str, str], _Queue] = {}

    def of(self, project: str, name: str) -> _Queue:
        """Return a queue, which comes into being with its first call."""
        queue = self._queues.get((project, name))
        if queue is None:
            queue = self._queues[project, name] = _Queue(self._core.new_id(), name)
        return queue

    def forget(self, project: str, queue: _Queue) -> None:
        """An empty queue takes no room."""
        if not queue.waiting:
            self._queues.pop((project, queue.name), None)

    def take(self, project: str, name: str) -> QueueAction | None:
        """Take the call out that has waited longest, for whoever connects to the queue; return its stay."""
        queue = self._queues.get((project, name))
        if queue is None or not queue.waiting:
            return None
        first = queue.waiting[0]
        first.finish("dequeue")
        return first


class QueueAction(Action):
    """One call in a queue. Status: enqueue, then dequeue (connected) or leave."""

    kind = "queue"
    event_type = "calling.call.queue"

    def __init__(self, core: Core, call: LocalCall, project: str, params: Params) -> None:
        super().__init__(call, params["control_id"], params)
        self._core = core
        self._project = project  # a call that came in for anyone has none of its own
        self._entered = core.timestamp()
        self.queue = core.queues.of(project, params["queue_name"])
        self.queue.waiting.append(self)
        self._position = len(self.queue.waiting)

    def start(self) -> None:
        if not self.is_finished:
            self.tell("enqueue")

    def finish(self, state: str = "leave") -> None:
        super().finish(state if state == "dequeue" else "leave")

    def release(self) -> None:
        self._position = self.queue.waiting.index(self) + 1
        self.queue.waiting.remove(self)
        self.queue.waits = [*self.queue.waits[-99:], self._core.timestamp() - self._entered]
        self._core.queues.forget(self._project, self.queue)

    def tell(self, state: str, **fields: Any) -> None:
        waits = self.queue.waits
        left = {} if state == "enqueue" else {f"{state}_ts": self._core.timestamp()}
        self.emit(
            control_id=self.control_id,
            status=state,
            id=self.queue.queue_id,
            name=self.queue.name,
            position=self._position,
            size=len(self.queue.waiting),
            avg_time=round(sum(waits) / len(waits), 3) if waits else 0,
            enqueue_ts=self._entered,
            **left,
        )


class QueueVerbs(Requests):
    """Entering and leaving a queue."""

    def table(self) -> dict[str, Verb]:
        return {"calling.queue.enter": self.enter, "calling.queue.leave": self.leave}

    def enter(self, session: Session, params: Params) -> Result:
        call = self.new_action(session, params, "queue")
        if any(kind == "queue" for kind, _ in call.actions):
            raise Failed("409", "Conflict: the call is in a queue already")
        if params.get("wait_url"):
            self.core.note("queue.enter: wait_url is not played by the local relay")
        self.after(QueueAction(self.core, call, session.project, params).start)
        return self.accepted(params, "Entering Queue")

    def leave(self, session: Session, params: Params) -> Result:
        # The queue's name says which stay is meant, for a call has one: clients make a new control_id for leaving.
        call = self.core.call_of(session, params)
        stay = next((action for action in call.actions.values() if isinstance(action, QueueAction)), None)
        if stay is None:
            raise Failed("404", "The call is in no queue")
        if stay.queue.name != params["queue_name"]:
            raise Failed("409", f"Conflict: the call is not in the queue {params['queue_name']}")
        self.after(stay.finish)
        return self.accepted(params, "Leaving Queue")
