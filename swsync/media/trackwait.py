"""Waiting for audio: eight places at each track, each with a descriptor that the writer's side writes to."""

from __future__ import annotations

import os
import select
import weakref
from functools import partial
from typing import TYPE_CHECKING

from swsync._media import lib
from swsync.clock import seconds_of
from swsync.errors import MediaError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swsync.media.track import Track

__all__ = ["Bell", "wait_any"]

LONGEST = 86_400.0  # seconds; poll() takes no more than 24 days


class Bell:
    """A descriptor that a blocked reader polls and the writer's side writes to."""

    def __init__(self) -> None:
        try:
            if hasattr(os, "eventfd"):
                self.reading = self.writing = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            else:
                self.reading, self.writing = os.pipe()
        except OSError as error:
            raise MediaError(f"cannot wait for audio: {error.strerror}") from error
        if self.reading != self.writing:
            os.set_blocking(self.reading, False)
            os.set_blocking(self.writing, False)
        weakref.finalize(self, _close_all, {self.reading, self.writing}, os.getpid()).atexit = False

    def ring(self) -> None:
        try:
            os.write(self.writing, b"\1\0\0\0\0\0\0\0")
        except BlockingIOError:
            pass  # it rings already

    def clear(self) -> None:
        try:
            os.read(self.reading, 64)
        except BlockingIOError:
            pass


def _close_all(descriptors: set[int], pid: int) -> None:
    if os.getpid() == pid:
        for descriptor in descriptors:
            os.close(descriptor)


class Lease:
    """One reader's use of one of the track's eight places to wait.

    Ctrl-C may come between any two steps of Python. What is here goes back when this object does, however it goes; and
    what must not come apart is one step: ``extend`` draws from the ``map`` without returning to Python between.
    """

    def __init__(self, track: Track) -> None:
        self.track = track
        self.held: list[tuple[Bell, int]] = []
        self.tokens: list[None] = []
        track._waiting.append(None)
        self.tokens.append(None)
        try:
            self.held.extend(map(track._bells.pop, (-1,)))
            return
        except IndexError:
            track.hurry()  # none at rest: it may be the first to wait
        # Descriptors stay open as long as the track lives: the writer may be about to ring one.
        bell = Bell()
        listen = partial(lib.sw_track_listen, track._c)
        self.held.extend(zip((bell,), map(listen, (bell.writing,))))  # noqa: B905 -- strict= would be no help
        if self.slot < 0:
            self.held.clear()
            raise MediaError(f"track {track.name}: eight readers wait for it already")

    @property
    def bell(self) -> Bell:
        return self.held[0][0]

    @property
    def slot(self) -> int:
        return self.held[0][1]

    def give_back(self) -> None:
        """Idempotent."""
        self.track._bells.extend(map(self.held.pop, (-1,) * len(self.held)))
        for _ in map(self.tokens.pop, (-1,) * len(self.tokens)):
            self.track._waiting.pop()

    def __del__(self) -> None:
        if hasattr(self, "tokens"):  # else it was interrupted before it took anything
            self.give_back()


def wait_any(wants: Sequence[tuple[Track, int]], timeout: float | None = None) -> bool:
    """Wait until one of some tracks has reached its position or has ended; whether that is so in time."""
    track = wants[0][0]
    if track._changed is not None:
        return _wait_virtually(wants, timeout)
    deadline = None if timeout is None else track.clock.now() + seconds_of(timeout)
    leases: list[Lease] = []
    try:
        for each, _ in wants:
            leases.append(Lease(each))
        while not any(lib.sw_track_arm(x.track._c, x.slot, p) for x, (_, p) in zip(leases, wants, strict=True)):
            left = None if deadline is None else deadline - track.clock.now()
            if left is not None and left <= 0:
                return any(each._has(position) for each, position in wants)
            _poll([lease.bell for lease in leases], None if left is None else left / track._speed)
        return True
    finally:
        for lease in leases:
            lease.give_back()


def _poll(bells: list[Bell], timeout: float | None) -> None:
    """Return when one of them was rung, or when the seconds (of the machine), or LONGEST, have passed."""
    # The attribute is looked up now: gevent replaces it by one that waits in its own loop.
    poll = select.poll()
    for bell in bells:
        poll.register(bell.reading, select.POLLIN)
    poll.poll(None if timeout is None else 1000 * min(max(0.0, timeout), LONGEST))
    for bell in bells:
        bell.clear()


def _wait_virtually(wants: Sequence[tuple[Track, int]], timeout: float | None) -> bool:
    """The same on a clock whose threads must wait in it."""
    changed, clock = wants[0][0]._changed, wants[0][0].clock
    assert changed is not None
    deadline = None if timeout is None else clock.now() + seconds_of(timeout)
    while not any(track._has(position) for track, position in wants):
        left = None if deadline is None else deadline - clock.now()
        if left is not None and left <= 0:
            return False
        step = 0.02 if len(wants) > 1 else left  # a condition belongs to one track
        with changed:
            if not any(track._has(position) for track, position in wants):
                changed.wait(step if left is None or step is None else min(left, step))
    return True
