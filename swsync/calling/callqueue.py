"""Call queues (``calling.queue.enter``, ``calling.queue.leave``)."""

from __future__ import annotations

import uuid
from typing import Any

from swsync.calling._base import Verbs

__all__ = ["QueueVerbs"]


class QueueVerbs(Verbs):
    """The verbs about queues. How it goes is told by ``calling.call.queue`` events."""

    def queue_enter(
        self,
        queue_name: str,
        *,
        control_id: str | None = None,
        wait_url: str | None = None,
        status_url: str | None = None,
    ) -> dict[str, Any]:
        """Put the call into a queue.

        Args:
            queue_name: The queue.
            control_id: A name for the stay; made when not given.
            wait_url: What is played meanwhile.
            status_url: A webhook for its states.
        """
        with self._handing_to("queue"):
            return self.request("queue.enter", control_id=control_id or str(uuid.uuid4()), queue_name=queue_name,
                                wait_url=wait_url, status_url=status_url)  # fmt: skip

    def queue_leave(
        self,
        queue_name: str,
        *,
        control_id: str | None = None,
        queue_id: str | None = None,
        status_url: str | None = None,
    ) -> dict[str, Any]:
        """Take the call out of a queue.

        Args:
            queue_name: The queue.
            control_id: The name that the stay was given.
            queue_id: The queue's id, where names are not enough.
            status_url: A webhook for its states.
        """
        reply = self.request("queue.leave", control_id=control_id or str(uuid.uuid4()), queue_name=queue_name,
                             queue_id=queue_id, status_url=status_url)  # fmt: skip
        self._take_back("queue")
        return reply
